// Package rdf holds RDF graphs in memory and reads and writes them as Turtle, N-Triples, RDF/XML and JSON-LD (RDF 1.1 Concepts; the W3C
// recommendations of the formats of 2014, JSON-LD 1.1 of 2020).
//
// It fetches nothing: a JSON-LD document with a remote context is refused, and so is a document type definition in XML. Every parser has limits.
// Named graphs are not supported: a JSON-LD document that has them is refused.
package rdf

import (
	"iter"
	"slices"
)

// MaxTriples is the most triples a graph holds, whatever limits a caller sets: about 200 MB with the indexes and short terms.
const MaxTriples = 1 << 20

// ID numbers a term within one graph. It is valid as long as the graph lives; 0 is no term.
type ID uint32

// Graph is a set of triples, indexed by subject, predicate and object. It keeps the order in which triples came. It is not safe for use while
// another goroutine changes it, and must not be changed inside a loop over Match.
type Graph struct {
	ids   map[Term]ID
	terms []Term // by ID; the first is no term

	place   map[[3]ID]int // where a triple stands in triples
	triples [][3]ID       // a removed triple is all zero
	index   [3]map[ID][]int32
}

// NewGraph returns an empty graph.
func NewGraph() *Graph {
	g := &Graph{ids: make(map[Term]ID), terms: make([]Term, 1)}
	g.reset()
	return g
}

func (g *Graph) reset() {
	g.place = make(map[[3]ID]int)
	g.triples = nil
	for i := range g.index {
		g.index[i] = make(map[ID][]int32)
	}
}

// Len returns the number of triples.
func (g *Graph) Len() int { return len(g.place) }

// Add puts a triple in and tells whether the graph has grown. It has not when the triple was there, when RDF does not allow it, or when the graph
// already holds MaxTriples.
func (g *Graph) Add(t Triple) bool {
	if !t.Valid() || g.Len() >= MaxTriples || g.Has(t) {
		return false
	}
	g.add([3]ID{g.intern(t.S), g.intern(t.P), g.intern(t.O)})
	return true
}

func (g *Graph) add(key [3]ID) {
	at := len(g.triples)
	g.place[key] = at
	g.triples = append(g.triples, key)
	for i, id := range key {
		g.index[i][id] = append(g.index[i][id], int32(at)) //nolint:gosec // at most twice MaxTriples: compact keeps the removed below the present
	}
}

func (g *Graph) intern(t Term) ID {
	if id, ok := g.ids[t]; ok {
		return id
	}
	id := ID(len(g.terms)) //nolint:gosec // three new terms a triple at most, and compact forgets those of removed triples
	g.ids[t] = id
	g.terms = append(g.terms, t)
	return id
}

// Has tells whether a triple is in the graph.
func (g *Graph) Has(t Triple) bool {
	_, ok := g.place[[3]ID{g.ids[t.S], g.ids[t.P], g.ids[t.O]}]
	return ok
}

// Remove takes a triple out and tells whether it was there.
func (g *Graph) Remove(t Triple) bool {
	key := [3]ID{g.ids[t.S], g.ids[t.P], g.ids[t.O]}
	at, ok := g.place[key]
	if !ok {
		return false
	}
	delete(g.place, key)
	g.triples[at] = [3]ID{}
	if removed := len(g.triples) - g.Len(); removed > g.Len()+64 {
		g.compact()
	}
	return true
}

// compact rebuilds the graph without what was removed. The identifiers of terms change.
func (g *Graph) compact() {
	next := NewGraph()
	for t := range g.Match(nil, nil, nil) {
		next.add([3]ID{next.intern(t.S), next.intern(t.P), next.intern(t.O)})
	}
	*g = *next
}

// Merge adds the triples of another graph and tells whether all found room. Blank nodes keep their labels: those of parsed documents are unique.
func (g *Graph) Merge(other *Graph) bool {
	for t := range other.Match(nil, nil, nil) {
		if !g.Add(t) && !g.Has(t) {
			return false
		}
	}
	return true
}

// Match yields the triples with these terms, in the order in which they were added; nil matches every term.
func (g *Graph) Match(s, p, o *Term) iter.Seq[Triple] {
	var key [3]ID
	for i, t := range []*Term{s, p, o} {
		if t == nil {
			continue
		}
		if key[i] = g.ids[*t]; key[i] == 0 {
			return func(func(Triple) bool) {}
		}
	}
	return func(yield func(Triple) bool) {
		for k := range g.MatchIDs(key[0], key[1], key[2]) {
			if !yield(Triple{S: g.terms[k[0]], P: g.terms[k[1]], O: g.terms[k[2]]}) {
				return
			}
		}
	}
}

// Triples returns all triples in the order in which they were added.
func (g *Graph) Triples() []Triple { return slices.Collect(g.Match(nil, nil, nil)) }

// TermID returns the number of a term that has been in a triple of the graph, otherwise 0. Remove can renumber.
func (g *Graph) TermID(t Term) ID { return g.ids[t] }

// TermOf returns the term of a number that the graph has given.
func (g *Graph) TermOf(id ID) Term { return g.terms[id] }

// TermCount returns one more than the highest number given.
func (g *Graph) TermCount() int { return len(g.terms) }

// MatchIDs is Match by numbers; 0 matches every term.
func (g *Graph) MatchIDs(s, p, o ID) iter.Seq[[3]ID] {
	key := [3]ID{s, p, o}
	if s != 0 && p != 0 && o != 0 {
		return func(yield func([3]ID) bool) {
			if _, ok := g.place[key]; ok {
				yield(key)
			}
		}
	}
	fits := func(t [3]ID) bool {
		return t[0] != 0 && (s == 0 || s == t[0]) && (p == 0 || p == t[1]) && (o == 0 || o == t[2])
	}
	list, all := g.shortest(key)
	return func(yield func([3]ID) bool) {
		if all {
			for _, t := range g.triples {
				if t[0] != 0 && !yield(t) {
					return
				}
			}
			return
		}
		for _, at := range list {
			if t := g.triples[at]; fits(t) && !yield(t) {
				return
			}
		}
	}
}

// Estimate returns how many triples MatchIDs looks at.
func (g *Graph) Estimate(s, p, o ID) int {
	list, all := g.shortest([3]ID{s, p, o})
	if all {
		return g.Len()
	}
	return len(list)
}

// shortest returns the shortest list of the index that contains every match.
func (g *Graph) shortest(key [3]ID) (list []int32, all bool) {
	all = true
	for i, id := range key {
		if id == 0 {
			continue
		}
		if l := g.index[i][id]; all || len(l) < len(list) {
			list, all = l, false
		}
	}
	return list, all
}
