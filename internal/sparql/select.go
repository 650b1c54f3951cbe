package sparql

import (
	"slices"

	"bulwark/internal/rdf/scan"
)

// query reads everything after the prologue.
func (p *parser) query() (*Query, error) {
	q := &Query{}
	var err error
	switch {
	case p.token().IsWord("SELECT"):
		q.form = Select
		q.body, err = p.selection()
		return q, err
	case p.word("ASK"):
		q.form = Ask
	case p.word("CONSTRUCT"):
		q.form = Construct
		if q.body, err = p.construct(q); err != nil || q.body != nil {
			return q, err
		}
	case p.word("DESCRIBE"):
		q.form = Describe
		if err := p.resources(q); err != nil {
			return nil, err
		}
	default:
		return nil, p.unexpected("SELECT, ASK, CONSTRUCT or DESCRIBE")
	}
	s := &selection{limit: -1}
	if err := p.where(s, q.form == Describe); err != nil {
		return nil, err
	}
	if err := p.modifiers(s); err != nil {
		return nil, err
	}
	if s.grouped {
		return nil, p.fail("GROUP BY and aggregates belong to SELECT")
	}
	if q.form == Describe && q.resources == nil {
		for _, slot := range inScope(nil, s.where) {
			if p.variables[slot] != "" {
				q.resources = append(q.resources, node{slot: slot})
			}
		}
	}
	q.body = s
	return q, nil
}

// construct reads the template, or the short form, in which the pattern is the template; then it returns the body.
func (p *parser) construct(q *Query) (*selection, error) {
	if p.token().Is("{") {
		var err error
		q.template, err = p.templateTriples()
		return nil, err
	}
	if err := p.refuseFrom(); err != nil {
		return nil, err
	}
	if err := p.expectWord("WHERE"); err != nil {
		return nil, err
	}
	g, err := p.group()
	if err != nil {
		return nil, err
	}
	for _, part := range g.parts {
		b, ok := part.(*basic)
		if !ok || len(g.parts) > 1 || len(g.filters) > 0 {
			return nil, p.fail("CONSTRUCT WHERE takes triples only")
		}
		q.template = b.triples
	}
	if len(g.filters) > 0 || slices.ContainsFunc(q.template, func(t triple) bool { return t.path != nil }) {
		return nil, p.fail("CONSTRUCT WHERE takes triples only")
	}
	s := &selection{limit: -1, where: g}
	if err := p.modifiers(s); err != nil {
		return nil, err
	}
	return s, nil
}

func (p *parser) resources(q *Query) error {
	if p.accept("*") {
		return nil
	}
	for p.token().Kind == scan.Variable || p.isIRI() {
		n, err := p.variableOrTerm()
		if err != nil {
			return err
		}
		q.resources = append(q.resources, n)
	}
	if q.resources == nil {
		return p.unexpected("a variable, an IRI or *")
	}
	return nil
}

func (p *parser) refuseFrom() error {
	if p.token().IsWord("FROM") {
		return p.fail("FROM is refused: there is one graph")
	}
	return nil
}

// where reads the WHERE clause, which DESCRIBE can do without.
func (p *parser) where(s *selection, may bool) error {
	if err := p.refuseFrom(); err != nil {
		return err
	}
	if !p.word("WHERE") && may && !p.token().Is("{") {
		s.where = &group{}
		return nil
	}
	var err error
	s.where, err = p.group()
	return err
}

// selection reads SELECT with its WHERE clause and modifiers, on top or nested.
func (p *parser) selection() (*selection, error) {
	if err := p.expectWord("SELECT"); err != nil {
		return nil, err
	}
	s := &selection{limit: -1}
	switch {
	case p.word("DISTINCT"):
		s.distinct = true
	case p.word("REDUCED"): // leaves it open whether duplicates go, so that they may stay
	}
	star := p.accept("*")
	if !star {
		if err := p.items(s); err != nil {
			return nil, err
		}
	}
	if err := p.where(s, false); err != nil {
		return nil, err
	}
	scope := inScope(nil, s.where)
	if err := p.modifiers(s); err != nil {
		return nil, err
	}
	if star {
		if s.grouped {
			return nil, p.fail("SELECT * together with GROUP BY")
		}
		for _, slot := range slices.Sorted(slices.Values(scope)) { // in the order of the text
			if p.variables[slot] != "" {
				s.items = append(s.items, item{slot: slot})
			}
		}
	}
	return s, p.checkItems(s, scope)
}

func (p *parser) items(s *selection) error {
	for {
		switch {
		case p.token().Kind == scan.Variable:
			slot, err := p.variable()
			if err != nil {
				return err
			}
			s.items = append(s.items, item{slot: slot})
		case p.token().Is("("):
			i, err := p.assignment(s)
			if err != nil {
				return err
			}
			s.items = append(s.items, i)
		case s.items == nil:
			return p.unexpected("a variable, an expression or *")
		default:
			return nil
		}
	}
}

// assignment reads (expression AS ?variable).
func (p *parser) assignment(s *selection) (item, error) {
	if err := p.expect("("); err != nil {
		return item{}, err
	}
	value, err := p.expression(&s.aggregates)
	if err != nil {
		return item{}, err
	}
	if err := p.expectWord("AS"); err != nil {
		return item{}, err
	}
	slot, err := p.variable()
	if err != nil {
		return item{}, err
	}
	return item{slot: slot, value: &value}, p.expect(")")
}

// checkItems refuses what the notes to the grammar and section 18.2.4.4 refuse.
func (p *parser) checkItems(s *selection, scope []int) error {
	known := make([]int, 0, len(s.by)+len(s.aggregates)+len(s.items))
	for _, b := range s.by {
		known = append(known, b.slot)
	}
	for _, a := range s.aggregates {
		known = append(known, a.slot)
	}
	seen := make([]int, 0, len(s.items))
	for _, i := range s.items {
		uses := []int{i.slot}
		if i.value != nil {
			uses = i.value.slots
			if slices.Contains(scope, i.slot) || slices.Contains(known, i.slot) {
				return p.fail("?%s is already in use", p.variables[i.slot])
			}
		}
		if slices.Contains(seen, i.slot) && (i.value != nil || s.grouped) {
			return p.fail("?%s is selected twice", p.variables[i.slot])
		}
		seen = append(seen, i.slot)
		for _, slot := range uses {
			if s.grouped && !slices.Contains(known, slot) {
				return p.fail("?%s is neither in GROUP BY nor in an aggregate", p.variables[slot])
			}
		}
		known = append(known, i.slot)
	}
	return nil
}
