package sparql

import (
	"context"
	"fmt"
	"slices"

	"bulwark/internal/rdf"
)

// row is a solution: the terms of variables by slot, 0 for unbound. One row is changed on the way down and restored on the way up; who keeps it copies it.
type row []rdf.ID

// run is one evaluation. It is made for one goroutine.
type run struct {
	ctx    context.Context //nolint:containedctx // a run lives as long as the call that the context is for
	graph  *rdf.Graph
	limits Limits
	width  int

	first rdf.ID // terms from here on are not of the graph
	own   map[rdf.Term]rdf.ID
	terms []rdf.Term

	unit    row // what patterns start from: empty, or inside of EXISTS the row around it
	plans   map[*basic]*plan
	seeds   map[*group]bool // what seedable says of a group
	regexps map[string]*matcher
	bnodes  map[string]rdf.Term // what BNODE has made of a text for the solution at hand

	steps, checked int
	cells          int
	octets         int
	blanks         int
}

func newRun(ctx context.Context, g *rdf.Graph, limits Limits, width int) *run {
	return &run{
		ctx: ctx, graph: g, limits: limits.orDefaults(), width: width,
		first: rdf.ID(g.TermCount()), //nolint:gosec // a graph numbers its terms with this type
		own:   make(map[rdf.Term]rdf.ID), unit: make(row, width),
		plans: make(map[*basic]*plan), seeds: make(map[*group]bool), regexps: make(map[string]*matcher), bnodes: make(map[string]rdf.Term),
	}
}

// checkEvery is how many steps pass between two looks at the context: some tens of microseconds.
const checkEvery = 1024

// tick counts steps and looks whether the run may go on.
func (r *run) tick(steps int) error {
	r.steps += steps
	if r.steps > r.limits.Steps {
		return fmt.Errorf("%w: %d steps", ErrLimit, r.limits.Steps)
	}
	if r.cells > r.limits.Cells {
		return fmt.Errorf("%w: %d terms held", ErrLimit, r.limits.Cells)
	}
	if r.steps-r.checked >= checkEvery {
		r.checked = r.steps
		return r.ctx.Err()
	}
	return nil
}

// hold counts the cells of a row that is kept; it copies the row.
func (r *run) hold(in row) (row, error) {
	r.cells += len(in)
	if r.cells > r.limits.Cells {
		return nil, fmt.Errorf("%w: %d terms held", ErrLimit, r.limits.Cells)
	}
	return slices.Clone(in), nil
}

// fits tells whether so many octets of text can still be made.
func (r *run) fits(octets int) error {
	if r.octets+octets > r.limits.Octets {
		return fmt.Errorf("%w: %d octets of text", ErrLimit, r.limits.Octets)
	}
	return nil
}

// made counts the text of a term that a function has made.
func (r *run) made(t rdf.Term) (rdf.Term, error) {
	if err := r.fits(len(t.Value)); err != nil {
		return rdf.Term{}, err
	}
	r.octets += len(t.Value)
	return t, nil
}

// term returns the term of a number.
func (r *run) term(id rdf.ID) rdf.Term {
	if id < r.first {
		return r.graph.TermOf(id)
	}
	return r.terms[id-r.first]
}

// id returns the number of a term. The zero term has 0.
func (r *run) id(t rdf.Term) rdf.ID {
	if t.IsZero() {
		return 0
	}
	if id := r.graph.TermID(t); id != 0 {
		return id
	}
	id, ok := r.own[t]
	if !ok {
		r.cells += 8                        // a term has some words; the next step looks at the limit
		id = r.first + rdf.ID(len(r.terms)) //nolint:gosec // every new term has cost a step
		r.own[t] = id
		r.terms = append(r.terms, t)
	}
	return id
}

// freshBlank makes a blank node that no document has.
func (r *run) freshBlank(scope string) rdf.Term {
	r.blanks++
	return rdf.NewBlank(fmt.Sprintf("%s-q%d", scope, r.blanks))
}

// both evaluates two operands.
func (r *run) both(a, b eval, in row) (x, y rdf.Term, err error) {
	if x, err = a(r, in); err != nil {
		return x, y, err
	}
	y, err = b(r, in)
	return x, y, err
}

// test evaluates to a truth value.
func (r *run) test(e eval, in row) (bool, error) {
	t, err := e(r, in)
	if err != nil {
		return false, err
	}
	return effective(t)
}

// passes tells whether a row passes all filters: an error of an expression is a no.
func (r *run) passes(filters []expression, in row) (bool, error) {
	for _, f := range filters {
		if err := r.tick(1 + f.size/4); err != nil {
			return false, err
		}
		ok, err := r.test(f.eval, in)
		if isTypeError(err) {
			ok, err = false, nil
		}
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// each is what a pattern calls for every solution. The row is valid during the call.
type each func(in row) error

// errStop ends an enumeration whose rest nobody needs.
var errStop = fmt.Errorf("enough solutions")

// group evaluates a group from a row: its parts in order, each extending the solutions before, then its filters.
func (r *run) group(g *group, in row, next each) error {
	return r.parts(g, 0, make([]*table, len(g.parts)), in, func(out row) error {
		ok, err := r.passes(g.filters, out)
		if err != nil || !ok {
			return err
		}
		return next(out)
	})
}

// parts evaluates the parts from one on. A part that cannot start from the row is evaluated by itself, once, and kept in tables.
func (r *run) parts(g *group, i int, tables []*table, in row, next each) error {
	if i == len(g.parts) {
		return next(in)
	}
	if err := r.tick(1); err != nil {
		return err
	}
	rest := func(out row) error { return r.parts(g, i+1, tables, out, next) }
	switch p := g.parts[i].(type) {
	case *basic:
		return r.basic(p, in, rest)
	case *bind:
		return r.bind(p, in, rest)
	case *optional:
		return r.optional(p, &tables[i], in, rest)
	case *minus:
		t, err := r.tableOf(&tables[i], p.group)
		if err != nil {
			return err
		}
		excluded, err := t.excludes(r, in)
		if err != nil || excluded {
			return err
		}
		return rest(in)
	case *group:
		if r.seedable(p) {
			return r.group(p, in, rest)
		}
	case *union:
		return r.union(p, &tables[i], in, rest)
	}
	t, err := r.tableOf(&tables[i], g.parts[i])
	if err != nil {
		return err
	}
	return t.join(r, in, rest)
}

// seedable remembers the answer, as it is asked for every row.
func (r *run) seedable(g *group) bool {
	is, ok := r.seeds[g]
	if !ok {
		is = seedable(g)
		r.seeds[g] = is
	}
	return is
}

func (r *run) bind(b *bind, in row, next each) error {
	clear(r.bnodes)
	value, err := r.evaluate(b.value, in)
	if err != nil && !isTypeError(err) {
		return err
	}
	if err != nil {
		return next(in)
	}
	id := r.id(value)
	if old := in[b.slot]; old != 0 { // bound around the EXISTS that the BIND is in
		if old != id {
			return nil
		}
		return next(in)
	}
	in[b.slot] = id
	err = next(in)
	in[b.slot] = 0
	return err
}

func (r *run) optional(o *optional, kept **table, in row, next each) error {
	found := false
	merged := func(out row) error {
		ok, err := r.passes(o.group.filters, out)
		if err != nil || !ok {
			return err
		}
		found = true
		return next(out)
	}
	var err error
	if bare := (&group{parts: o.group.parts}); plain(o.group) {
		err = r.group(bare, in, merged)
	} else {
		var t *table
		if t, err = r.tableOf(kept, bare); err == nil {
			err = t.join(r, in, merged)
		}
	}
	if err != nil || found {
		return err
	}
	return next(in)
}

func (r *run) union(u *union, kept **table, in row, next each) error {
	rest := &union{}
	for _, b := range u.branches {
		if !r.seedable(b) {
			rest.branches = append(rest.branches, b)
			continue
		}
		if err := r.group(b, in, next); err != nil {
			return err
		}
	}
	if len(rest.branches) == 0 {
		return nil
	}
	t, err := r.tableOf(kept, rest)
	if err != nil {
		return err
	}
	return t.join(r, in, next)
}

// exists tells whether a group has a solution with the variables of a row.
func (r *run) exists(g *group, in row) (bool, error) {
	unit := r.unit
	defer func() { r.unit = unit }()
	r.unit = slices.Clone(in)
	err := r.group(g, slices.Clone(in), func(row) error { return errStop })
	if err == errStop { //nolint:errorlint // the very value, which nothing wraps
		return true, nil
	}
	return false, err
}
