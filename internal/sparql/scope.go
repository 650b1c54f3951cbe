package sparql

import "slices"

// inScope appends the variables that a pattern can bind (SPARQL 1.1 Query section 18.2.1), in order of appearance.
func inScope(slots []int, parts ...pattern) []int {
	add := func(n node) {
		if n.isVariable() && !slices.Contains(slots, n.slot) {
			slots = append(slots, n.slot)
		}
	}
	for _, p := range parts {
		switch p := p.(type) {
		case *basic:
			for _, t := range p.triples {
				add(t.s)
				if t.path == nil {
					add(t.p)
				}
				add(t.o)
			}
		case *group:
			slots = inScope(slots, p.parts...)
		case *union:
			for _, b := range p.branches {
				slots = inScope(slots, b)
			}
		case *optional:
			slots = inScope(slots, p.group)
		case *bind:
			add(node{slot: p.slot})
		case *values:
			for _, s := range p.slots {
				add(node{slot: s})
			}
		case *selection:
			for _, i := range p.items {
				add(node{slot: i.slot})
			}
		case *minus:
		}
	}
	return slots
}

// seedable tells whether a group may start from the rows around it instead of being evaluated by itself and joined: nothing in it depends on whether
// a variable of the surroundings is bound.
func seedable(g *group) bool {
	var bound []int
	for _, p := range g.parts {
		switch p := p.(type) {
		case *basic:
			bound = inScope(bound, p)
		case *union:
			for _, b := range p.branches {
				if !seedable(b) {
					return false
				}
			}
		case *group:
			if !seedable(p) {
				return false
			}
		default:
			return false
		}
	}
	for _, f := range g.filters {
		if f.inner {
			return false
		}
		for _, s := range f.slots {
			if !slices.Contains(bound, s) {
				return false
			}
		}
	}
	return true
}

// plain tells whether a group has nothing but basic graph patterns and filters.
func plain(g *group) bool {
	for _, p := range g.parts {
		if _, ok := p.(*basic); !ok {
			return false
		}
	}
	return true
}
