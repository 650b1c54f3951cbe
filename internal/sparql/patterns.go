package sparql

import "slices"

// group reads a group graph pattern in braces.
func (p *parser) group() (*group, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if err := p.expect("{"); err != nil {
		return nil, err
	}
	g := &group{}
	if p.token().IsWord("SELECT") {
		s, err := p.selection()
		if err != nil {
			return nil, err
		}
		g.parts = append(g.parts, s)
		return g, p.expect("}")
	}
	number, dot := 0, true // of the basic graph pattern; whether triples may come
	for !p.accept("}") {
		done, err := p.notTriples(g)
		if err != nil {
			return nil, err
		}
		if done {
			p.accept(".")
			dot = true
			continue
		}
		if !dot {
			return nil, p.unexpected(". or }")
		}
		b := g.last()
		if b == nil {
			b = &basic{}
			g.parts = append(g.parts, b)
			p.basics++
			number = p.basics
		}
		p.basic = number
		if err := p.sameSubject(&b.triples); err != nil {
			return nil, err
		}
		dot = p.accept(".")
	}
	return g, nil
}

// last returns the basic graph pattern that is still open.
func (g *group) last() *basic {
	if len(g.parts) == 0 {
		return nil
	}
	b, ok := g.parts[len(g.parts)-1].(*basic)
	if !ok {
		return nil
	}
	return b
}

// notTriples reads any other part of a group than triples, if there is one.
func (p *parser) notTriples(g *group) (bool, error) {
	t := p.token()
	switch {
	case t.Is("{"):
		return true, p.groupOrUnion(g)
	case t.IsWord("GRAPH"), t.IsWord("SERVICE"):
		return false, p.fail("%s is refused: there is one graph", t.Text)
	case p.word("FILTER"):
		e, err := p.constraint(nil)
		g.filters = append(g.filters, e)
		return true, err
	case p.word("OPTIONAL"):
		inner, err := p.group()
		g.parts = append(g.parts, &optional{group: inner})
		return true, err
	case p.word("MINUS"):
		inner, err := p.group()
		g.parts = append(g.parts, &minus{group: inner})
		return true, err
	case p.word("VALUES"):
		v, err := p.values()
		g.parts = append(g.parts, v)
		return true, err
	case p.word("BIND"):
		return true, p.bind(g)
	default:
		return false, nil
	}
}

func (p *parser) groupOrUnion(g *group) error {
	inner, err := p.group()
	if err != nil {
		return err
	}
	if !p.token().IsWord("UNION") {
		g.parts = append(g.parts, inner)
		return nil
	}
	u := &union{branches: []*group{inner}}
	for p.word("UNION") {
		inner, err := p.group()
		if err != nil {
			return err
		}
		u.branches = append(u.branches, inner)
	}
	g.parts = append(g.parts, u)
	return nil
}

func (p *parser) bind(g *group) error {
	if err := p.expect("("); err != nil {
		return err
	}
	value, err := p.expression(nil)
	if err != nil {
		return err
	}
	if err := p.expectWord("AS"); err != nil {
		return err
	}
	slot, err := p.variable()
	if err != nil {
		return err
	}
	if slices.Contains(inScope(nil, g), slot) {
		return p.fail("?%s is already in use", p.variables[slot])
	}
	g.parts = append(g.parts, &bind{value: value, slot: slot})
	return p.expect(")")
}
