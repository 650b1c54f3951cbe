package rdf

import (
	"slices"
	"strings"
)

// isomorphic compares two graphs up to the labels of their blank nodes by trying every assignment. Graphs of tests have few.
func isomorphic(a, b *Graph) bool {
	if a.Len() != b.Len() {
		return false
	}
	from, to := blanksOf(a), blanksOf(b)
	if len(from) != len(to) {
		return false
	}
	return assign(a, b, from, to, make(map[Term]Term))
}

func assign(a, b *Graph, from, to []Term, names map[Term]Term) bool {
	renamed := func(t Term) Term {
		if t.Kind == Blank {
			return names[t]
		}
		return t
	}
	known := func(t Term) bool { return t.Kind != Blank || !names[t].IsZero() }
	for t := range a.Match(nil, nil, nil) {
		if known(t.S) && known(t.O) && !b.Has(Triple{S: renamed(t.S), P: t.P, O: renamed(t.O)}) {
			return false
		}
	}
	if len(from) == 0 {
		return true
	}
	for i, candidate := range to {
		names[from[0]] = candidate
		if assign(a, b, from[1:], slices.Delete(slices.Clone(to), i, i+1), names) {
			return true
		}
	}
	delete(names, from[0])
	return false
}

func blanksOf(g *Graph) []Term {
	var all []Term
	for t := range g.Match(nil, nil, nil) {
		for _, term := range []Term{t.S, t.O} {
			if term.Kind == Blank && !slices.Contains(all, term) {
				all = append(all, term)
			}
		}
	}
	slices.SortFunc(all, func(x, y Term) int { return strings.Compare(x.Value, y.Value) })
	return all
}
