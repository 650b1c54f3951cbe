package sparql

import (
	"strconv"

	"bulwark/internal/rdf"
	"bulwark/internal/rdf/scan"
)

// modifiers reads GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET and VALUES.
func (p *parser) modifiers(s *selection) error {
	if p.word("GROUP") {
		if err := p.groupBy(s); err != nil {
			return err
		}
	}
	if p.word("HAVING") {
		for ok := true; ok; ok = p.startsConstraint() {
			e, err := p.constraint(&s.aggregates)
			if err != nil {
				return err
			}
			s.having = append(s.having, e)
		}
	}
	if p.word("ORDER") {
		if err := p.orderBy(s); err != nil {
			return err
		}
	}
	s.grouped = len(s.by) > 0 || len(s.aggregates) > 0 || len(s.having) > 0
	if err := p.slice(s); err != nil {
		return err
	}
	if p.word("VALUES") {
		v, err := p.values()
		if err != nil {
			return err
		}
		s.where = &group{parts: []pattern{s.where, v}}
	}
	return nil
}

func (p *parser) groupBy(s *selection) error {
	if err := p.expectWord("BY"); err != nil {
		return err
	}
	for s.by == nil || p.token().Kind == scan.Variable || p.startsConstraint() {
		if p.token().Kind == scan.Variable {
			slot, err := p.variable()
			if err != nil {
				return err
			}
			s.by = append(s.by, item{slot: slot})
			continue
		}
		bracket := p.accept("(")
		read := p.constraint
		if bracket {
			read = p.expression
		}
		value, err := read(nil)
		if err != nil {
			return err
		}
		i := item{value: &value}
		if bracket && p.word("AS") {
			i.slot, err = p.variable()
		} else {
			i.slot, err = p.hidden()
		}
		if err != nil {
			return err
		}
		if bracket {
			if err := p.expect(")"); err != nil {
				return err
			}
		}
		s.by = append(s.by, i)
	}
	return nil
}

func (p *parser) orderBy(s *selection) error {
	if err := p.expectWord("BY"); err != nil {
		return err
	}
	for s.order == nil || p.token().Kind == scan.Variable || p.startsConstraint() {
		o := order{descending: p.token().IsWord("DESC")}
		read := p.constraint
		switch {
		case p.word("ASC"), p.word("DESC"):
			if !p.token().Is("(") {
				return p.unexpected("(")
			}
		case p.token().Kind == scan.Variable:
			read = p.expressionOfVariable
		}
		var err error
		if o.by, err = read(&s.aggregates); err != nil {
			return err
		}
		s.order = append(s.order, o)
	}
	return nil
}

func (p *parser) slice(s *selection) error {
	for {
		target := &s.limit
		switch {
		case p.word("LIMIT"):
		case p.word("OFFSET"):
			target = &s.offset
		default:
			return nil
		}
		if p.token().Kind != scan.Integer {
			return p.unexpected("a number of rows")
		}
		n, err := strconv.Atoi(p.token().Text)
		if err != nil {
			return p.fail("the number %s is out of range", p.token())
		}
		p.next()
		*target = n
	}
}

// values reads what follows VALUES.
func (p *parser) values() (*values, error) {
	v := &values{}
	single := !p.token().Is("(")
	if !single {
		p.next()
	}
	for single && len(v.slots) == 0 || !single && !p.accept(")") {
		slot, err := p.variable()
		if err != nil {
			return nil, err
		}
		v.slots = append(v.slots, slot)
	}
	if err := p.expect("{"); err != nil {
		return nil, err
	}
	for !p.accept("}") {
		if !single {
			if err := p.expect("("); err != nil {
				return nil, err
			}
		}
		data := make([]rdf.Term, 0, len(v.slots))
		for single && len(data) == 0 || !single && !p.accept(")") {
			term, err := p.datum()
			if err != nil {
				return nil, err
			}
			data = append(data, term)
		}
		if len(data) != len(v.slots) {
			return nil, p.fail("a row of VALUES has %d terms for %d variables", len(data), len(v.slots))
		}
		v.rows = append(v.rows, data)
	}
	return v, nil
}

// datum reads a term of VALUES; UNDEF is the zero term.
func (p *parser) datum() (rdf.Term, error) {
	if p.word("UNDEF") {
		return rdf.Term{}, nil
	}
	if p.isIRI() {
		return p.iri()
	}
	return p.literal()
}
