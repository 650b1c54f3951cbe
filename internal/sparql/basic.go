package sparql

import (
	"slices"

	"bulwark/internal/rdf"
)

// plan is the order in which the triples of a basic graph pattern are matched, for rows that bind certain variables.
type plan struct {
	bound   []bool // by slot: what the order was made for
	triples []planned
}

// planned is a triple pattern with the numbers of its terms; 0 where a variable is.
type planned struct {
	triple
	ids [3]rdf.ID
}

func (t triple) nodes() [3]node { return [3]node{t.s, t.p, t.o} }

// slots returns the variables of a triple pattern, -1 where it has a term or a path.
func (t triple) slots() [3]int {
	slots := [3]int{-1, -1, -1}
	for i, n := range t.nodes() {
		if n.isVariable() && (i != 1 || t.path == nil) {
			slots[i] = n.slot
		}
	}
	return slots
}

// basic matches a basic graph pattern (section 18.3.1), one triple after the other.
func (r *run) basic(b *basic, in row, next each) error {
	p, err := r.planOf(b, in)
	if err != nil {
		return err
	}
	return r.match(p, 0, in, next)
}

func (r *run) planOf(b *basic, in row) (*plan, error) {
	old := r.plans[b]
	if old != nil && slices.EqualFunc(old.bound, in, func(bound bool, id rdf.ID) bool { return bound == (id != 0) }) {
		return old, nil
	}
	p := &plan{bound: make([]bool, len(in))}
	for s, id := range in {
		p.bound[s] = id != 0
	}
	left := make([]planned, 0, len(b.triples))
	for _, t := range b.triples {
		left = append(left, planned{triple: t, ids: [3]rdf.ID{r.id(t.s.term), r.id(t.p.term), r.id(t.o.term)}})
	}
	known := slices.Clone(p.bound)
	for len(left) > 0 {
		if err := r.tick(1 + len(left)/4); err != nil {
			return nil, err
		}
		best, least := 0, -1
		for i, t := range left {
			if cost := r.cost(t, known, len(p.triples) > 0); least < 0 || cost < least {
				best, least = i, cost
			}
		}
		t := left[best]
		p.triples = append(p.triples, t)
		left = slices.Delete(left, best, best+1)
		for _, slot := range t.slots() {
			if slot >= 0 {
				known[slot] = true
			}
		}
	}
	r.plans[b] = p
	return p, nil
}

// cost guesses how many triples match, given the known variables: from the index for terms, a tenth for every known variable.
func (r *run) cost(t planned, known []bool, later bool) int {
	cost := r.graph.Estimate(t.ids[0], t.ids[1], t.ids[2]) + 1
	connected := false
	for _, slot := range t.slots() {
		if slot >= 0 && known[slot] {
			cost = cost/10 + 1
			connected = true
		}
	}
	if t.path != nil {
		cost *= 8 // it may go far
	}
	if later && !connected && bound(t.ids[:]...) < 3 {
		cost *= 1000 // a product
	}
	return cost
}

// match extends a row by the triples of a plan from one on.
func (r *run) match(p *plan, i int, in row, next each) error {
	if i == len(p.triples) {
		return next(in)
	}
	t := p.triples[i]
	want, slots := t.ids, t.slots()
	for j, slot := range slots {
		if slot >= 0 {
			want[j] = in[slot]
		}
	}
	rest := func(found [3]rdf.ID) error {
		var set [3]int
		n := 0
		fits := true
		for j, slot := range slots {
			if slot < 0 {
				continue
			}
			switch in[slot] {
			case 0:
				in[slot] = found[j]
				set[n] = slot
				n++
			case found[j]:
			default:
				fits = false
			}
		}
		var err error
		if fits {
			err = r.match(p, i+1, in, next)
		}
		for _, s := range set[:n] {
			in[s] = 0
		}
		return err
	}
	if t.path != nil {
		return r.walk(t.path, want[0], want[2], func(s, o rdf.ID) error { return rest([3]rdf.ID{s, 0, o}) })
	}
	return r.lookUp(want[0], want[1], want[2], rest)
}

// lookUp yields the triples of the graph with these terms, and counts what it has to look at.
func (r *run) lookUp(s, p, o rdf.ID, next func([3]rdf.ID) error) error {
	if bound(s, p, o) == 2 {
		if err := r.tick(r.graph.Estimate(s, p, o) / 8); err != nil { // also those that do not match take time
			return err
		}
	}
	if err := r.tick(1); err != nil {
		return err
	}
	for t := range r.graph.MatchIDs(s, p, o) {
		if err := r.tick(1); err != nil {
			return err
		}
		if err := next(t); err != nil {
			return err
		}
	}
	return nil
}
