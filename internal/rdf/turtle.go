package rdf

import (
	"bulwark/internal/rdf/scan"
)

// turtle reads Turtle (RDF 1.1 Turtle section 6.5) by recursive descent.
type turtle struct {
	*builder
	scanner  *scan.Scanner
	token    scan.Token
	prefixes map[string]string
	depth    int
}

func parseTurtle(b *builder, text string) error {
	t := &turtle{builder: b, scanner: scan.Turtle(text, b.limits.Literal), prefixes: make(map[string]string)}
	if err := t.next(); err != nil {
		return err
	}
	for t.token.Kind != scan.End {
		if err := t.statement(); err != nil {
			return err
		}
	}
	return nil
}

func (t *turtle) next() (err error) {
	t.token, err = t.scanner.Next()
	return err
}

func (t *turtle) expect(mark string) error {
	if !t.token.Is(mark) {
		return scan.Fail(t.token.Line, "expected %q, found %s", mark, t.token)
	}
	return t.next()
}

func (t *turtle) statement() error {
	switch {
	case t.token.Kind == scan.At && (t.token.Text == "prefix" || t.token.Text == "base"):
		if err := t.directive(t.token.Text == "prefix"); err != nil {
			return err
		}
	case t.token.IsWord("prefix"), t.token.IsWord("base"):
		return t.directive(t.token.IsWord("prefix"))
	default:
		if err := t.triples(); err != nil {
			return err
		}
	}
	return t.expect(".")
}

func (t *turtle) directive(prefix bool) error {
	if err := t.next(); err != nil {
		return err
	}
	name := t.token
	if prefix {
		if name.Kind != scan.Name || name.Local != "" {
			return scan.Fail(name.Line, "expected a prefix with its colon, found %s", name)
		}
		if err := t.next(); err != nil {
			return err
		}
	}
	if t.token.Kind != scan.IRI {
		return scan.Fail(t.token.Line, "expected an IRI in angle brackets, found %s", t.token)
	}
	iri, err := t.iri(t.token.Line, t.token.Text)
	if err != nil {
		return err
	}
	if prefix {
		t.prefixes[name.Text] = iri.Value
	} else {
		t.base = iri.Value
	}
	return t.next()
}

func (t *turtle) triples() error {
	if t.token.Is("[") {
		subject, empty, err := t.properties()
		if err != nil {
			return err
		}
		if !empty && t.token.Is(".") {
			return nil
		}
		return t.predicates(subject)
	}
	if t.token.Kind == scan.String || t.token.Kind == scan.Word || t.token.Kind >= scan.Integer && t.token.Kind <= scan.Double {
		return scan.Fail(t.token.Line, "expected a subject, found %s", t.token)
	}
	subject, err := t.object()
	if err != nil {
		return err
	}
	return t.predicates(subject)
}

// predicates reads a list of predicates and their objects.
func (t *turtle) predicates(subject Term) error {
	for {
		predicate, err := t.predicate()
		if err != nil {
			return err
		}
		for {
			line := t.token.Line
			object, err := t.object()
			if err != nil {
				return err
			}
			if err := t.add(line, subject, predicate, object); err != nil {
				return err
			}
			if !t.token.Is(",") {
				break
			}
			if err := t.next(); err != nil {
				return err
			}
		}
		if !t.token.Is(";") {
			return nil
		}
		for t.token.Is(";") {
			if err := t.next(); err != nil {
				return err
			}
		}
		if t.token.Is(".") || t.token.Is("]") {
			return nil
		}
	}
}

func (t *turtle) predicate() (Term, error) {
	if t.token.Kind == scan.Word && t.token.Text == "a" {
		return NewIRI(Type), t.next()
	}
	if t.token.Kind != scan.IRI && t.token.Kind != scan.Name {
		return Term{}, scan.Fail(t.token.Line, "expected a predicate, found %s", t.token)
	}
	return t.named()
}

// named reads an IRI in either form.
func (t *turtle) named() (Term, error) {
	term, err := t.resolve(t.token)
	if err != nil {
		return Term{}, err
	}
	return term, t.next()
}

func (t *turtle) resolve(token scan.Token) (Term, error) {
	if token.Kind == scan.IRI {
		return t.iri(token.Line, token.Text)
	}
	namespace, ok := t.prefixes[token.Text]
	if !ok {
		return Term{}, scan.Fail(token.Line, "the prefix %q is not declared", token.Text+":")
	}
	if err := t.spend(token.Line, len(namespace)+len(token.Local)); err != nil {
		return Term{}, err
	}
	return NewIRI(namespace + token.Local), nil
}

func (t *turtle) object() (Term, error) {
	switch t.token.Kind {
	case scan.IRI, scan.Name:
		return t.named()
	case scan.Blank:
		node := t.blank(t.token.Text)
		return node, t.next()
	case scan.String:
		return t.literal()
	case scan.Integer, scan.Decimal, scan.Double:
		return t.number("")
	case scan.Word:
		if t.token.Text == "true" || t.token.Text == "false" {
			truth := NewLiteral(t.token.Text, Boolean)
			return truth, t.next()
		}
	case scan.Mark:
		switch t.token.Text {
		case "[":
			node, _, err := t.properties()
			return node, err
		case "(":
			return t.collection()
		case "+", "-":
			return t.signed()
		}
	default:
	}
	return Term{}, scan.Fail(t.token.Line, "expected a term, found %s", t.token)
}

func (t *turtle) signed() (Term, error) {
	sign := t.token
	if err := t.next(); err != nil {
		return Term{}, err
	}
	if t.token.Start != sign.End || t.token.Kind < scan.Integer || t.token.Kind > scan.Double {
		return Term{}, scan.Fail(sign.Line, "a sign without a number")
	}
	return t.number(sign.Text)
}

func (t *turtle) number(sign string) (Term, error) {
	datatype := Integer
	switch t.token.Kind {
	case scan.Decimal:
		datatype = Decimal
	case scan.Double:
		datatype = Double
	default:
	}
	number := NewLiteral(sign+t.token.Text, datatype)
	if len(number.Value) > t.limits.Literal {
		return Term{}, scan.Fail(t.token.Line, "a number is longer than %d octets", t.limits.Literal)
	}
	return number, t.next()
}

// literal reads a string with its language or datatype.
func (t *turtle) literal() (Term, error) {
	text := t.token
	if err := t.next(); err != nil {
		return Term{}, err
	}
	switch {
	case t.token.Kind == scan.At:
		literal := NewLang(text.Text, t.token.Text)
		return literal, t.next()
	case t.token.Is("^^"):
		if err := t.next(); err != nil {
			return Term{}, err
		}
		if t.token.Kind != scan.IRI && t.token.Kind != scan.Name {
			return Term{}, scan.Fail(t.token.Line, "expected a datatype, found %s", t.token)
		}
		datatype, err := t.named()
		return NewLiteral(text.Text, datatype.Value), err
	default:
		return NewString(text.Text), nil
	}
}

func (t *turtle) enter() error {
	t.depth++
	if t.depth > t.limits.Depth {
		return scan.Fail(t.token.Line, "nested deeper than %d", t.limits.Depth)
	}
	return t.next()
}

// properties reads a blank node in brackets and tells whether the brackets are empty.
func (t *turtle) properties() (node Term, empty bool, err error) {
	if err := t.enter(); err != nil {
		return Term{}, false, err
	}
	defer func() { t.depth-- }()
	node = t.fresh()
	if t.token.Is("]") {
		return node, true, t.next()
	}
	if err := t.predicates(node); err != nil {
		return Term{}, false, err
	}
	return node, false, t.expect("]")
}

// collection reads a list in parentheses.
func (t *turtle) collection() (Term, error) {
	if err := t.enter(); err != nil {
		return Term{}, err
	}
	defer func() { t.depth-- }()
	head, last := NewIRI(Nil), Term{}
	for !t.token.Is(")") {
		line := t.token.Line
		item, err := t.object()
		if err != nil {
			return Term{}, err
		}
		cell := t.fresh()
		if last.IsZero() {
			head = cell
		} else if err := t.add(line, last, NewIRI(Rest), cell); err != nil {
			return Term{}, err
		}
		if err := t.add(line, cell, NewIRI(First), item); err != nil {
			return Term{}, err
		}
		last = cell
	}
	if !last.IsZero() {
		if err := t.add(t.token.Line, last, NewIRI(Rest), NewIRI(Nil)); err != nil {
			return Term{}, err
		}
	}
	return head, t.next()
}
