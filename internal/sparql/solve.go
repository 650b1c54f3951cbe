package sparql

import (
	"fmt"
	"slices"

	"bulwark/internal/rdf"
)

// nested evaluates a sub-select. Its variables that are not selected are not those of the same name outside (section 12).
func (r *run) nested(s *selection, next each) error {
	unit := r.unit
	defer func() { r.unit = unit }()
	r.unit = make(row, r.width)
	for _, i := range s.items {
		if i.value == nil {
			r.unit[i.slot] = unit[i.slot]
		}
	}
	return r.solve(s, next)
}

// solve evaluates a selection: pattern, grouping, expressions, order, projection, distinctness, slice (section 18.2.4).
func (r *run) solve(s *selection, next each) error {
	final := r.project(s, r.distinct(s, r.slice(s, next)))
	if len(s.order) == 0 {
		return stopped(r.produce(s, r.extend(s, 0, final)), s)
	}
	var kept []sortable
	keep := func(in row) error {
		keys := make([]rdf.Term, len(s.order))
		for i, o := range s.order {
			key, err := r.evaluate(o.by, in)
			if err != nil && !isTypeError(err) {
				return err
			}
			keys[i] = key
		}
		r.cells += 8 * len(keys) // a term has some words
		copied, err := r.hold(in)
		kept = append(kept, sortable{row: copied, keys: keys})
		return err
	}
	if err := r.produce(s, r.extend(s, 0, keep)); err != nil {
		return err
	}
	if err := r.sort(s, kept); err != nil {
		return err
	}
	for _, k := range kept {
		if err := final(k.row); err != nil {
			return stopped(err, s)
		}
	}
	return nil
}

// slicedError ends a selection whose LIMIT has been met.
type slicedError struct{ s *selection }

func (slicedError) Error() string { return "LIMIT met" }

func stopped(err error, s *selection) error {
	if sliced, ok := err.(slicedError); ok && sliced.s == s { //nolint:errorlint // the very value, which nothing wraps
		return nil
	}
	return err
}

// produce yields the solutions of the pattern, grouped if need be.
func (r *run) produce(s *selection, next each) error {
	start := slices.Clone(r.unit)
	if !s.grouped {
		return r.group(s.where, start, next)
	}
	return r.grouped(s, start, next)
}

// extend evaluates the expressions of SELECT. An error leaves the variable unbound.
func (r *run) extend(s *selection, from int, next each) each {
	i := from
	for i < len(s.items) && s.items[i].value == nil {
		i++
	}
	if i == len(s.items) {
		return next
	}
	rest := r.extend(s, i+1, next)
	slot, value := s.items[i].slot, s.items[i].value
	return func(in row) error {
		if from == 0 {
			clear(r.bnodes)
		}
		t, err := r.evaluate(*value, in)
		if err != nil {
			if !isTypeError(err) {
				return err
			}
			return rest(in)
		}
		old := in[slot]
		in[slot] = r.id(t)
		err = rest(in)
		in[slot] = old
		return err
	}
}

// project leaves only the selected variables. A query without items, such as ASK, keeps all.
func (r *run) project(s *selection, next each) each {
	if len(s.items) == 0 {
		return next
	}
	out := make(row, r.width)
	return func(in row) error {
		clear(out)
		for _, i := range s.items {
			out[i.slot] = in[i.slot]
		}
		return next(out)
	}
}

func (r *run) distinct(s *selection, next each) each {
	if !s.distinct {
		return next
	}
	slots := make([]int, 0, len(s.items))
	for _, i := range s.items {
		slots = append(slots, i.slot)
	}
	seen := make(map[string]bool)
	return func(in row) error {
		k := key(in, slots)
		if seen[k] {
			return r.tick(1)
		}
		seen[k] = true
		if r.cells += len(slots) + 4; r.cells > r.limits.Cells {
			return fmt.Errorf("%w: %d terms held", ErrLimit, r.limits.Cells)
		}
		return next(in)
	}
}

// slice applies OFFSET and LIMIT.
func (r *run) slice(s *selection, next each) each {
	if s.offset == 0 && s.limit < 0 {
		return next
	}
	skipped, passed := 0, 0
	return func(in row) error {
		if s.limit >= 0 && passed >= s.limit {
			return slicedError{s}
		}
		if skipped < s.offset {
			skipped++
			return r.tick(1)
		}
		passed++
		return next(in)
	}
}

// sortable is a row with what it is sorted by.
type sortable struct {
	row  row
	keys []rdf.Term
}

func (r *run) sort(s *selection, rows []sortable) error {
	var failed error
	slices.SortStableFunc(rows, func(a, b sortable) int {
		if failed == nil {
			failed = r.tick(1 + len(a.keys[0].Value)/256)
		}
		if failed != nil {
			return 0
		}
		for i, o := range s.order {
			c := compareTerms(a.keys[i], b.keys[i])
			if o.descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	return failed
}
