package sparql

import (
	"slices"

	"bulwark/internal/rdf"
)

// walk yields the pairs that a path connects (section 18.4). An end that is 0 is open. Sequences and alternatives yield a pair as often as there are
// ways; paths of any length yield it once.
func (r *run) walk(p *path, s, o rdf.ID, next func(s, o rdf.ID) error) error {
	switch {
	case s != 0:
		return r.from(p, s, false, func(end rdf.ID) error {
			if o != 0 && o != end {
				return nil
			}
			return next(s, end)
		})
	case o != 0:
		return r.from(p, o, true, func(end rdf.ID) error { return next(end, o) })
	}
	for _, start := range r.nodes() {
		if err := r.tick(1); err != nil {
			return err
		}
		if err := r.from(p, start, false, func(end rdf.ID) error { return next(start, end) }); err != nil {
			return err
		}
	}
	return nil
}

// nodes returns the subjects and objects of the graph, each once.
func (r *run) nodes() []rdf.ID {
	seen := make([]bool, r.first)
	var all []rdf.ID
	for t := range r.graph.MatchIDs(0, 0, 0) {
		for _, id := range []rdf.ID{t[0], t[2]} {
			if !seen[id] {
				seen[id] = true
				all = append(all, id)
			}
		}
	}
	r.steps += len(all)
	return all
}

// from yields where a path leads from a node, or with back from where it comes.
func (r *run) from(p *path, at rdf.ID, back bool, next func(rdf.ID) error) error {
	if err := r.tick(1); err != nil {
		return err
	}
	switch p.step {
	case link:
		return r.edge(r.id(p.predicate), at, back, next)
	case inverse:
		return r.from(p.parts[0], at, !back, next)
	case sequence:
		parts := p.parts
		if back {
			parts = slices.Clone(parts)
			slices.Reverse(parts)
		}
		return r.chain(parts, at, back, next)
	case alternative:
		for _, part := range p.parts {
			if err := r.from(part, at, back, next); err != nil {
				return err
			}
		}
		return nil
	case negated:
		return r.others(p, at, back, next)
	default:
		return r.closure(p, at, back, next)
	}
}

func (r *run) edge(predicate, at rdf.ID, back bool, next func(rdf.ID) error) error {
	if back {
		return r.lookUp(0, predicate, at, func(t [3]rdf.ID) error { return next(t[0]) })
	}
	return r.lookUp(at, predicate, 0, func(t [3]rdf.ID) error { return next(t[2]) })
}

func (r *run) chain(parts []*path, at rdf.ID, back bool, next func(rdf.ID) error) error {
	if len(parts) == 0 {
		return next(at)
	}
	return r.from(parts[0], at, back, func(mid rdf.ID) error { return r.chain(parts[1:], mid, back, next) })
}

// others follows the predicates that a negated set leaves.
func (r *run) others(p *path, at rdf.ID, back bool, next func(rdf.ID) error) error {
	visit := func(excluded []rdf.Term, back bool) error {
		end := 2
		s, o := at, rdf.ID(0)
		if back {
			s, o, end = 0, at, 0
		}
		return r.lookUp(s, 0, o, func(t [3]rdf.ID) error {
			if slices.Contains(excluded, r.term(t[1])) {
				return nil
			}
			return next(t[end])
		})
	}
	if p.ahead {
		if err := visit(p.forward, back); err != nil {
			return err
		}
	}
	if p.reversed {
		return visit(p.backward, !back)
	}
	return nil
}

// closure follows ?, * or +: every node once, breadth first.
func (r *run) closure(p *path, at rdf.ID, back bool, next func(rdf.ID) error) error {
	inner := p.parts[0]
	seen := make(map[rdf.ID]bool)
	defer func() { r.cells -= len(seen) }()
	var queue []rdf.ID
	visit := func(id rdf.ID) error {
		if seen[id] {
			return nil
		}
		seen[id] = true
		r.cells++
		queue = append(queue, id)
		return next(id)
	}
	if p.step != oneOrMore {
		if err := visit(at); err != nil {
			return err
		}
		if p.step == zeroOrOne {
			return r.from(inner, at, back, visit)
		}
		queue = queue[1:]
	}
	for current := at; ; {
		if err := r.from(inner, current, back, visit); err != nil {
			return err
		}
		if len(queue) == 0 {
			return nil
		}
		current, queue = queue[0], queue[1:]
	}
}
