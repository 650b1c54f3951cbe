package sparql

import (
	"slices"

	"bulwark/internal/rdf"
	"bulwark/internal/rdf/scan"
)

// step is the kind of a property path (SPARQL 1.1 Query section 9.1).
type step uint8

const (
	link        step = iota + 1 // one predicate
	inverse                     // ^a
	sequence                    // a/b
	alternative                 // a|b
	zeroOrOne                   // a?
	zeroOrMore                  // a*
	oneOrMore                   // a+
	negated                     // !(a|^b)
)

// path is a property path.
type path struct {
	step      step
	predicate rdf.Term
	parts     []*path
	forward   []rdf.Term // predicates that a negated set excludes
	backward  []rdf.Term // the same against the direction
	reversed  bool       // whether a negated set looks against the direction at all
	ahead     bool       // and whether it looks in the direction
}

// expand adds the triples of a path. Sequences and inverses become plain triples.
func (p *parser) expand(s node, by *path, o node, into *[]triple) error {
	switch by.step {
	case link:
		*into = append(*into, triple{s: s, p: node{term: by.predicate}, o: o})
		return nil
	case inverse:
		return p.expand(o, by.parts[0], s, into)
	case sequence:
		from := s
		for i, part := range by.parts {
			to := o
			if i < len(by.parts)-1 {
				slot, err := p.hidden()
				if err != nil {
					return err
				}
				to = node{slot: slot}
			}
			if err := p.expand(from, part, to, into); err != nil {
				return err
			}
			from = to
		}
		return nil
	default:
		*into = append(*into, triple{s: s, path: by, o: o})
		return nil
	}
}

func (p *parser) path() (*path, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	return p.paths("|", alternative, func() (*path, error) {
		return p.paths("/", sequence, p.pathElement)
	})
}

// paths reads one or more paths with a mark between them.
func (p *parser) paths(mark string, kind step, read func() (*path, error)) (*path, error) {
	first, err := read()
	if err != nil || !p.token().Is(mark) {
		return first, err
	}
	all := &path{step: kind, parts: []*path{first}}
	for p.accept(mark) {
		part, err := read()
		if err != nil {
			return nil, err
		}
		all.parts = append(all.parts, part)
	}
	return all, nil
}

func (p *parser) pathElement() (*path, error) {
	if p.accept("^") {
		inner, err := p.pathModified()
		return &path{step: inverse, parts: []*path{inner}}, err
	}
	return p.pathModified()
}

func (p *parser) pathModified() (*path, error) {
	inner, err := p.pathPrimary()
	if err != nil {
		return nil, err
	}
	for mark, kind := range map[string]step{"?": zeroOrOne, "*": zeroOrMore, "+": oneOrMore} {
		if p.accept(mark) {
			return &path{step: kind, parts: []*path{inner}}, nil
		}
	}
	return inner, nil
}

func (p *parser) pathPrimary() (*path, error) {
	switch {
	case p.accept("("):
		inner, err := p.path()
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	case p.accept("!"):
		return p.negatedSet()
	default:
		predicate, err := p.predicate()
		return &path{step: link, predicate: predicate}, err
	}
}

func (p *parser) negatedSet() (*path, error) {
	set := &path{step: negated}
	one := func() error {
		back := p.accept("^")
		predicate, err := p.predicate()
		if back {
			set.backward, set.reversed = append(set.backward, predicate), true
		} else {
			set.forward, set.ahead = append(set.forward, predicate), true
		}
		return err
	}
	if !p.accept("(") {
		return set, one()
	}
	if p.accept(")") {
		set.ahead = true
		return set, nil
	}
	for {
		if err := one(); err != nil {
			return nil, err
		}
		if !p.accept("|") {
			return set, p.expect(")")
		}
	}
}

// startsConstraint tells whether a bracket or a call is next.
func (p *parser) startsConstraint() bool {
	t := p.token()
	if t.Kind != scan.Word {
		return t.Is("(") || p.isIRI()
	}
	return !slices.ContainsFunc([]string{"GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "VALUES"}, t.IsWord)
}
