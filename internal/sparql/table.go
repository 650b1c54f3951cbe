package sparql

import (
	"encoding/binary"

	"bulwark/internal/rdf"
)

// table is a part of a pattern that has been evaluated by itself.
type table struct {
	rows   []row
	always []int // the slots that every row binds
	unit   row   // what the evaluation started from
	index  map[string]map[string][]row
}

// tableOf evaluates a part from the unit, or returns what has been kept.
func (r *run) tableOf(kept **table, p pattern) (*table, error) {
	if *kept != nil {
		return *kept, nil
	}
	t := &table{unit: r.unit, index: make(map[string]map[string][]row)}
	keep := func(in row) error {
		copied, err := r.hold(in)
		t.rows = append(t.rows, copied)
		return err
	}
	if err := r.alone(p, keep); err != nil {
		return nil, err
	}
	for slot := range r.width {
		bound := len(t.rows) > 0
		for i := 0; bound && i < len(t.rows); i++ {
			bound = t.rows[i][slot] != 0
		}
		if bound {
			t.always = append(t.always, slot)
		}
	}
	*kept = t
	return t, r.tick(len(t.rows))
}

// alone evaluates a part from the unit.
func (r *run) alone(p pattern, next each) error {
	start := append(row(nil), r.unit...)
	switch p := p.(type) {
	case *selection:
		return r.nested(p, next)
	case *values:
		return r.values(p, start, next)
	case *union:
		for _, b := range p.branches {
			if err := r.group(b, start, next); err != nil {
				return err
			}
		}
		return nil
	case *group:
		return r.group(p, start, next)
	default:
		return r.group(&group{parts: []pattern{p}}, start, next)
	}
}

func (r *run) values(v *values, start row, next each) error {
	for _, data := range v.rows {
		if err := r.tick(1); err != nil {
			return err
		}
		out, fits := append(row(nil), start...), true
		for i, t := range data {
			id := r.id(t)
			if id == 0 {
				continue
			}
			fits = fits && (out[v.slots[i]] == 0 || out[v.slots[i]] == id)
			out[v.slots[i]] = id
		}
		if !fits {
			continue
		}
		if err := next(out); err != nil {
			return err
		}
	}
	return nil
}

// key writes the terms of some slots.
func key(in row, slots []int) string {
	out := make([]byte, 0, 4*len(slots))
	for _, s := range slots {
		out = binary.LittleEndian.AppendUint32(out, uint32(in[s]))
	}
	return string(out)
}

// candidates returns the rows that agree with one in every slot that all of them bind.
func (t *table) candidates(r *run, in row) ([]row, error) {
	slots := make([]int, 0, len(t.always))
	name := make([]byte, 0, 2*len(t.always))
	for _, s := range t.always {
		if in[s] != 0 {
			slots = append(slots, s)
			name = binary.LittleEndian.AppendUint16(name, uint16(s)) //nolint:gosec // at most maxVariables
		}
	}
	if len(slots) == 0 {
		return t.rows, nil
	}
	index := t.index[string(name)]
	if index == nil {
		index = make(map[string][]row)
		for _, candidate := range t.rows {
			k := key(candidate, slots)
			index[k] = append(index[k], candidate)
		}
		t.index[string(name)] = index
		if err := r.tick(len(t.rows)); err != nil {
			return nil, err
		}
	}
	return index[key(in, slots)], nil
}

// join calls next for every row of the table that is compatible, merged with in.
func (t *table) join(r *run, in row, next each) error {
	rows, err := t.candidates(r, in)
	if err != nil {
		return err
	}
	set := make([]int, 0, r.width)
	for _, candidate := range rows {
		if err := r.tick(1 + r.width/16); err != nil {
			return err
		}
		if !compatible(in, candidate) {
			continue
		}
		set = set[:0]
		for s, id := range candidate {
			if id != 0 && in[s] == 0 {
				in[s] = id
				set = append(set, s)
			}
		}
		err := next(in)
		for _, s := range set {
			in[s] = 0
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func compatible(a, b row) bool {
	for s, id := range a {
		if id != 0 && b[s] != 0 && b[s] != id {
			return false
		}
	}
	return true
}

// excludes tells whether MINUS takes a row out: a row of the table is compatible and shares a variable. What both have from around an EXISTS is not
// shared, as it has been put in for the variables before.
func (t *table) excludes(r *run, in row) (bool, error) {
	rows, err := t.candidates(r, in)
	if err != nil {
		return false, err
	}
	for _, candidate := range rows {
		if err := r.tick(1 + r.width/16); err != nil {
			return false, err
		}
		if compatible(in, candidate) && shares(in, candidate, t.unit) {
			return true, nil
		}
	}
	return false, nil
}

func shares(a, b, unit row) bool {
	for s := range a {
		if a[s] != 0 && b[s] != 0 && unit[s] == 0 {
			return true
		}
	}
	return false
}

// bound counts the slots of a row that have a term.
func bound(ids ...rdf.ID) int {
	n := 0
	for _, id := range ids {
		if id != 0 {
			n++
		}
	}
	return n
}
