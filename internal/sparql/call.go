package sparql

import (
	"strings"

	"bulwark/internal/rdf"
	"bulwark/internal/rdf/scan"
)

// call reads a built-in call (SPARQL 1.1 Query section 17.4).
func (p *parser) call() (eval, error) {
	t := p.token()
	name := strings.ToUpper(t.Text)
	switch name {
	case "EXISTS":
		return p.exists(true)
	case "NOT":
		if p.peek().IsWord("EXISTS") {
			p.next()
			return p.exists(false)
		}
	case "BOUND":
		return p.bound()
	case "COUNT", "SUM", "AVG", "MIN", "MAX", "SAMPLE", "GROUP_CONCAT":
		return p.aggregate(name)
	}
	b, ok := lookup(name)
	if !ok && name != "IF" && name != "COALESCE" {
		return nil, p.fail("unknown function %s", t.Text)
	}
	p.next()
	list, err := p.arguments()
	if err != nil {
		return nil, err
	}
	switch name {
	case "IF":
		b.least, b.most = 3, 3
	case "COALESCE":
		b.most = len(list)
	}
	if len(list) < b.least || len(list) > b.most {
		return nil, p.fail("%s has %d arguments", name, len(list))
	}
	switch name {
	case "IF":
		return choose(list), nil
	case "COALESCE":
		return coalesce(list), nil
	case "IRI", "URI":
		return p.makeIRI(list[0]), nil
	default:
		return apply(b, list), nil
	}
}

// apply evaluates the arguments and hands them to a function, which costs as much as its text is long.
func apply(b builtin, list []eval) eval {
	return func(r *run, row row) (rdf.Term, error) {
		args := make([]rdf.Term, 0, len(list))
		size := 0
		for _, e := range list {
			value, err := e(r, row)
			if err != nil {
				return rdf.Term{}, err
			}
			args = append(args, value)
			size += len(value.Value)
		}
		if err := r.tick(1 + size/256); err != nil {
			return rdf.Term{}, err
		}
		return b.call(r, args)
	}
}

func choose(list []eval) eval {
	return func(r *run, row row) (rdf.Term, error) {
		value, err := r.test(list[0], row)
		if err != nil {
			return rdf.Term{}, err
		}
		if value {
			return list[1](r, row)
		}
		return list[2](r, row)
	}
}

func coalesce(list []eval) eval {
	return func(r *run, row row) (rdf.Term, error) {
		for _, e := range list {
			value, err := e(r, row)
			if err == nil || !isTypeError(err) {
				return value, err
			}
		}
		return rdf.Term{}, errType
	}
}

// makeIRI resolves a string against the base of the query.
func (p *parser) makeIRI(argument eval) eval {
	base := p.base
	return func(r *run, row row) (rdf.Term, error) {
		value, err := argument(r, row)
		switch {
		case err != nil || value.Kind == rdf.IRI:
			return value, err
		case value.Datatype != rdf.String:
			return rdf.Term{}, errType
		}
		iri, err := rdf.Resolve(base, value.Value)
		if err != nil {
			return rdf.Term{}, errType
		}
		return r.made(rdf.NewIRI(iri))
	}
}

func (p *parser) bound() (eval, error) {
	p.next()
	if err := p.expect("("); err != nil {
		return nil, err
	}
	slot, err := p.variable()
	if err != nil {
		return nil, err
	}
	p.used = append(p.used, slot)
	return func(_ *run, row row) (rdf.Term, error) { return truth(row[slot] != 0), nil }, p.expect(")")
}

func (p *parser) exists(wanted bool) (eval, error) {
	p.next()
	used, aggregates := p.used, p.aggregates
	g, err := p.group()
	p.used, p.aggregates, p.inner = used, aggregates, true
	if err != nil {
		return nil, err
	}
	return func(r *run, row row) (rdf.Term, error) {
		found, err := r.exists(g, row)
		return truth(found == wanted), err
	}, nil
}

// aggregate reads a call of an aggregate (section 18.5.1); in the expression a hidden variable stands for it.
func (p *parser) aggregate(name string) (eval, error) {
	if p.aggregates == nil {
		return nil, p.fail("%s is not allowed here", name)
	}
	p.next()
	slot, err := p.hidden()
	if err != nil {
		return nil, err
	}
	a := &aggregate{name: name, slot: slot, separator: " "}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	a.distinct = p.word("DISTINCT")
	if name != "COUNT" || !p.accept("*") {
		value, err := p.expression(nil)
		if err != nil {
			return nil, err
		}
		a.value = &value
	}
	if name == "GROUP_CONCAT" && p.accept(";") {
		if err := p.expectWord("SEPARATOR"); err != nil {
			return nil, err
		}
		if err := p.expect("="); err != nil {
			return nil, err
		}
		if p.token().Kind != scan.String {
			return nil, p.unexpected("a string")
		}
		a.separator = p.next().Text
	}
	*p.aggregates = append(*p.aggregates, a)
	p.used = append(p.used, slot)
	return func(r *run, row row) (rdf.Term, error) {
		if row[slot] == 0 {
			return rdf.Term{}, errType
		}
		return r.term(row[slot]), nil
	}, p.expect(")")
}

// cast reads the call of a function that an IRI names: one of the casts of section 17.5. Any other is an error when it is evaluated.
func (p *parser) cast(iri string) (eval, error) {
	list, err := p.arguments()
	if err != nil {
		return nil, err
	}
	return apply(builtin{call: func(r *run, args []rdf.Term) (rdf.Term, error) {
		if len(args) != 1 {
			return rdf.Term{}, errType
		}
		t, err := convert(args[0], iri)
		if err != nil {
			return t, err
		}
		return r.made(t)
	}}, list), nil
}
