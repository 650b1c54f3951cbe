package sparql

import (
	"math/big"
	"strings"

	"bulwark/internal/rdf"
)

// aggregate is a call of an aggregate (section 18.5.1).
type aggregate struct {
	name      string
	slot      int // the hidden variable that its value goes to
	distinct  bool
	value     *expression // nil in COUNT(*)
	separator string
}

// grouping is one group with its running aggregates.
type grouping struct {
	row      row // the variables that it is grouped by
	counters []*counter
}

// counter is one aggregate of one group so far.
type counter struct {
	of     *aggregate
	count  int64
	failed bool
	sum    number
	best   rdf.Term // of MIN, MAX, SAMPLE
	text   strings.Builder
	seen   map[string]bool
}

// grouped groups the solutions and yields one row for each group that HAVING lets through.
func (r *run) grouped(s *selection, start row, next each) error {
	slots := make([]int, 0, len(s.by))
	for _, b := range s.by {
		slots = append(slots, b.slot)
	}
	groups := make(map[string]*grouping)
	var sequence []*grouping
	open := func(k string, in row) (*grouping, error) {
		out := make(row, r.width)
		for _, slot := range slots {
			out[slot] = in[slot]
		}
		copied, err := r.hold(out)
		r.cells += 16 * len(s.aggregates)
		g := &grouping{row: copied}
		for _, a := range s.aggregates {
			g.counters = append(g.counters, &counter{of: a, sum: number{exact: new(big.Rat)}})
		}
		groups[k] = g
		sequence = append(sequence, g)
		return g, err
	}
	err := r.group(s.where, start, r.keys(s, 0, func(in row) error {
		k := key(in, slots)
		g := groups[k]
		if g == nil {
			var err error
			if g, err = open(k, in); err != nil {
				return err
			}
		}
		for _, c := range g.counters {
			if err := c.add(r, in, s.where); err != nil {
				return err
			}
		}
		return nil
	}))
	if err != nil {
		return err
	}
	if len(s.by) == 0 && len(sequence) == 0 { // without GROUP BY there is one group, even of nothing
		if _, err := open("", start); err != nil {
			return err
		}
	}
	return r.finish(s, sequence, next)
}

// keys evaluates the expressions of GROUP BY.
func (r *run) keys(s *selection, from int, next each) each {
	by := &selection{items: s.by}
	return r.extend(by, from, next)
}

func (r *run) finish(s *selection, groups []*grouping, next each) error {
	for _, g := range groups {
		for _, c := range g.counters {
			t, err := c.result(r)
			if err != nil && !isTypeError(err) {
				return err
			}
			if err == nil {
				g.row[c.of.slot] = r.id(t)
			}
		}
		ok, err := r.passes(s.having, g.row)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := next(g.row); err != nil {
			return err
		}
	}
	return nil
}

// add counts a solution in.
func (c *counter) add(r *run, in row, where *group) error {
	if err := r.tick(1); err != nil {
		return err
	}
	if c.of.value == nil {
		return c.countRow(r, in, where)
	}
	t, err := r.evaluate(*c.of.value, in)
	if err != nil {
		if !isTypeError(err) {
			return err
		}
		c.failed = c.failed || c.of.name == "SUM" || c.of.name == "AVG"
		return nil
	}
	if c.of.distinct {
		id := r.id(t)
		fresh, err := c.first(r, key(row{id}, []int{0}))
		if err != nil || !fresh {
			return err
		}
	}
	c.count++
	switch c.of.name {
	case "SUM", "AVG":
		return c.plus(t)
	case "MIN", "MAX":
		order := compareTerms(t, c.best)
		if c.count == 1 || (c.of.name == "MIN") == (order < 0) && order != 0 {
			c.best = t
		}
	case "SAMPLE":
		if c.count == 1 {
			c.best = t
		}
	case "GROUP_CONCAT":
		if t.Kind == rdf.Blank {
			return nil
		}
		if c.count > 1 {
			c.text.WriteString(c.of.separator)
		}
		c.text.WriteString(t.Value)
		_, err := r.made(rdf.NewString(c.of.separator + t.Value))
		return err
	}
	return nil
}

// countRow counts a row of COUNT(*).
func (c *counter) countRow(r *run, in row, where *group) error {
	if c.of.distinct {
		fresh, err := c.first(r, key(in, inScope(nil, where)))
		if err != nil || !fresh {
			return err
		}
	}
	c.count++
	return nil
}

// first tells whether a key comes for the first time.
func (c *counter) first(r *run, k string) (bool, error) {
	if c.seen[k] {
		return false, nil
	}
	if c.seen == nil {
		c.seen = make(map[string]bool)
	}
	c.seen[k] = true
	_, err := r.hold(make(row, 4+len(k)/4))
	return true, err
}

func (c *counter) plus(t rdf.Term) error {
	n, ok := numeric(t)
	if !ok || c.failed {
		c.failed = true
		return nil
	}
	var err error
	c.sum, err = c.sum.apply('+', n)
	c.failed = c.failed || c.sum.exact != nil && c.sum.exact.Num().BitLen() > 2*maxBits
	return err
}

// result is the value of the aggregate over the group.
func (c *counter) result(r *run) (rdf.Term, error) {
	switch c.of.name {
	case "COUNT":
		return number{exact: new(big.Rat).SetInt64(c.count)}.term()
	case "SUM", "AVG":
		if c.failed {
			return rdf.Term{}, errType
		}
		if c.of.name == "SUM" || c.count == 0 {
			return c.sum.term()
		}
		average, err := c.sum.apply('/', number{exact: new(big.Rat).SetInt64(c.count)})
		if err != nil {
			return rdf.Term{}, err
		}
		return average.term()
	case "GROUP_CONCAT":
		return rdf.NewString(c.text.String()), nil
	default:
		if c.count == 0 {
			return rdf.Term{}, errType
		}
		return c.best, nil
	}
}
