package sparql

import (
	"slices"
	"strings"

	"bulwark/internal/rdf"
	"bulwark/internal/rdf/scan"
)

// eval computes a term from a row.
type eval func(r *run, row row) (rdf.Term, error)

// expression reads an expression. Its aggregates go to the list; without a list they are refused.
func (p *parser) expression(aggregates *[]*aggregate) (expression, error) {
	return p.read(aggregates, p.or)
}

// constraint reads an expression in brackets or a call.
func (p *parser) constraint(aggregates *[]*aggregate) (expression, error) {
	if !p.startsConstraint() {
		return expression{}, p.unexpected("an expression in brackets or a function")
	}
	return p.read(aggregates, p.primary)
}

// expressionOfVariable reads a variable alone.
func (p *parser) expressionOfVariable(aggregates *[]*aggregate) (expression, error) {
	return p.read(aggregates, p.primary)
}

func (p *parser) read(aggregates *[]*aggregate, parse func() (eval, error)) (expression, error) {
	used, inner, before := p.used, p.inner, p.aggregates
	defer func() { p.used, p.inner, p.aggregates = used, inner, before }()
	p.used, p.inner, p.aggregates = nil, false, aggregates
	start := p.at
	e, err := parse()
	return expression{eval: e, size: p.at - start, slots: p.used, inner: p.inner}, err
}

// evaluate pays for the expression and evaluates it.
func (r *run) evaluate(e expression, in row) (rdf.Term, error) {
	if err := r.tick(1 + e.size/4); err != nil {
		return rdf.Term{}, err
	}
	return e.eval(r, in)
}

func (p *parser) or() (eval, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	return p.logical("||", true, func() (eval, error) { return p.logical("&&", false, p.relational) })
}

// logical reads operands of || or &&. The truth value decides: one operand that has it settles the result, errors elsewhere notwithstanding.
func (p *parser) logical(mark string, decides bool, read func() (eval, error)) (eval, error) {
	first, err := read()
	if err != nil || !p.token().Is(mark) {
		return first, err
	}
	operands := []eval{first}
	for p.accept(mark) {
		next, err := read()
		if err != nil {
			return nil, err
		}
		operands = append(operands, next)
	}
	return func(r *run, row row) (rdf.Term, error) {
		var failed error
		for _, o := range operands {
			value, err := r.test(o, row)
			switch {
			case err != nil && !isTypeError(err):
				return rdf.Term{}, err
			case err != nil:
				failed = err
			case value == decides:
				return truth(decides), nil
			}
		}
		return truth(!decides), failed
	}, nil
}

func (p *parser) relational() (eval, error) {
	left, err := p.additive()
	if err != nil {
		return nil, err
	}
	t := p.token()
	switch {
	case t.IsWord("IN"), t.IsWord("NOT") && p.peek().IsWord("IN"):
		return p.in(left)
	case t.Kind == scan.Mark && slices.Contains([]string{"=", "!=", "<", ">", "<=", ">="}, t.Text):
		p.next()
		right, err := p.additive()
		if err != nil {
			return nil, err
		}
		return func(r *run, row row) (rdf.Term, error) {
			a, b, err := r.both(left, right, row)
			if err == nil {
				err = r.tick((len(a.Value) + len(b.Value)) / 512)
			}
			if err != nil {
				return rdf.Term{}, err
			}
			result, err := relate(t.Text, a, b)
			return truth(result), err
		}, nil
	default:
		return left, nil
	}
}

// in reads the list of IN or NOT IN.
func (p *parser) in(left eval) (eval, error) {
	not := p.word("NOT")
	p.next()
	list, err := p.arguments()
	if err != nil {
		return nil, err
	}
	return func(r *run, row row) (rdf.Term, error) {
		value, err := left(r, row)
		if err != nil {
			return rdf.Term{}, err
		}
		var failed error
		for _, e := range list {
			other, err := e(r, row)
			same := false
			if err == nil {
				same, err = equal(value, other)
			}
			switch {
			case err != nil && !isTypeError(err):
				return rdf.Term{}, err
			case err != nil:
				failed = err
			case same:
				return truth(!not), nil
			}
		}
		return truth(not), failed
	}, nil
}

func (p *parser) additive() (eval, error) {
	return p.arithmetic("+-", func() (eval, error) { return p.arithmetic("*/", p.unary) })
}

func (p *parser) arithmetic(marks string, read func() (eval, error)) (eval, error) {
	left, err := read()
	for err == nil {
		t := p.token()
		if t.Kind != scan.Mark || !strings.Contains(marks, t.Text) {
			break
		}
		p.next()
		a := left
		var b eval
		b, err = read()
		left = func(r *run, row row) (rdf.Term, error) {
			x, y, err := r.both(a, b, row)
			if err != nil {
				return rdf.Term{}, err
			}
			return calculate(t.Text[0], x, y)
		}
	}
	return left, err
}

func (p *parser) unary() (eval, error) {
	t := p.token()
	if !t.Is("!") && !t.Is("-") && !t.Is("+") {
		return p.primary()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.next()
	operand, err := p.unary()
	if err != nil {
		return nil, err
	}
	return func(r *run, row row) (rdf.Term, error) {
		if t.Text == "!" {
			value, err := r.test(operand, row)
			return truth(!value), err
		}
		value, err := operand(r, row)
		if err != nil {
			return rdf.Term{}, err
		}
		return calculate(t.Text[0], rdf.NewLiteral("0", rdf.Integer), value)
	}, nil
}

func (p *parser) primary() (eval, error) {
	t := p.token()
	switch {
	case t.Is("("):
		p.next()
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	case t.Kind == scan.Variable:
		slot, err := p.variable()
		if err != nil {
			return nil, err
		}
		p.used = append(p.used, slot)
		return func(r *run, row row) (rdf.Term, error) {
			if row[slot] == 0 {
				return rdf.Term{}, errType
			}
			return r.term(row[slot]), nil
		}, nil
	case p.isIRI():
		iri, err := p.iri()
		if err != nil {
			return nil, err
		}
		if p.token().Is("(") {
			return p.cast(iri.Value)
		}
		return constant(iri), nil
	case t.Kind == scan.Word && !t.IsWord("true") && !t.IsWord("false"):
		return p.call()
	default:
		literal, err := p.literal()
		return constant(literal), err
	}
}

func constant(t rdf.Term) eval {
	return func(*run, row) (rdf.Term, error) { return t, nil }
}

// arguments reads expressions in brackets.
func (p *parser) arguments() ([]eval, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var list []eval
	for !p.accept(")") {
		if len(list) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		e, err := p.or()
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}
