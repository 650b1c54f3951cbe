package sparql

import (
	"unicode/utf8"

	"bulwark/internal/rdf"
	"bulwark/internal/rdf/scan"
)

// parser reads a query or an update by recursive descent (SPARQL 1.1 Query section 19.8).
type parser struct {
	tokens   []scan.Token
	at       int
	base     string
	prefixes map[string]string

	variables []string
	slots     map[string]int
	labels    map[string]label // of blank nodes, which stand for variables
	basics    int              // basic graph patterns begun
	basic     int              // the number of the one being read
	depth     int
	text      int  // octets of IRIs that prefixes stand for
	template  bool // inside a template, where a blank node makes a new one

	used       []int         // variables of the expression being read
	inner      bool          // whether it has an EXISTS
	aggregates *[]*aggregate // where aggregates go; nil where they are not allowed
}

// label is a blank node of the text, which belongs to one basic graph pattern.
type label struct{ slot, basic int }

// Parse reads a query. An error is a *SyntaxError.
func Parse(text string) (*Query, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	if err := p.prologue(); err != nil {
		return nil, err
	}
	q, err := p.query()
	if err != nil {
		return nil, err
	}
	if p.token().Kind != scan.End {
		return nil, p.unexpected("the end of the query")
	}
	q.variables = p.variables
	return q, nil
}

func newParser(text string) (*parser, error) {
	if len(text) > maxText {
		return nil, scan.Fail(0, "the text is longer than %d octets", maxText)
	}
	if !utf8.ValidString(text) {
		return nil, scan.Fail(0, "the text is not UTF-8")
	}
	p := &parser{prefixes: make(map[string]string), slots: make(map[string]int), labels: make(map[string]label)}
	s := scan.SPARQL(text, maxText)
	for {
		t, err := s.Next()
		if err != nil {
			return nil, err
		}
		p.tokens = append(p.tokens, t)
		if t.Kind == scan.End {
			return p, nil
		}
	}
}

func (p *parser) token() scan.Token { return p.tokens[p.at] }

// peek returns the token after the next.
func (p *parser) peek() scan.Token { return p.tokens[min(p.at+1, len(p.tokens)-1)] }

func (p *parser) next() scan.Token {
	t := p.tokens[p.at]
	if t.Kind != scan.End {
		p.at++
	}
	return t
}

func (p *parser) fail(format string, args ...any) error {
	return scan.Fail(p.token().Line, format, args...)
}

func (p *parser) unexpected(wanted string) error {
	return p.fail("expected %s, found %s", wanted, p.token())
}

// accept takes a punctuation mark if it is next.
func (p *parser) accept(mark string) bool {
	if p.token().Is(mark) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(mark string) error {
	if !p.accept(mark) {
		return p.unexpected(mark)
	}
	return nil
}

// word takes a keyword if it is next.
func (p *parser) word(word string) bool {
	if p.token().IsWord(word) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expectWord(word string) error {
	if !p.word(word) {
		return p.unexpected(word)
	}
	return nil
}

// enter counts one level of nesting; leave ends it.
func (p *parser) enter() error {
	p.depth++
	if p.depth > maxDepth {
		return p.fail("nested deeper than %d", maxDepth)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

func (p *parser) prologue() error {
	for {
		switch {
		case p.word("BASE"):
			iri, err := p.reference()
			if err != nil {
				return err
			}
			p.base = iri
		case p.word("PREFIX"):
			name := p.token()
			if name.Kind != scan.Name || name.Local != "" {
				return p.unexpected("a prefix with its colon")
			}
			p.next()
			iri, err := p.reference()
			if err != nil {
				return err
			}
			p.prefixes[name.Text] = iri
		default:
			return nil
		}
	}
}

// reference reads an IRI in angle brackets.
func (p *parser) reference() (string, error) {
	if p.token().Kind != scan.IRI {
		return "", p.unexpected("an IRI in angle brackets")
	}
	term, err := p.iri()
	return term.Value, err
}

func (p *parser) isIRI() bool { return p.token().Kind == scan.IRI || p.token().Kind == scan.Name }

// iri reads an IRI in either form.
func (p *parser) iri() (rdf.Term, error) {
	t := p.token()
	switch t.Kind {
	case scan.IRI:
		iri, err := rdf.Resolve(p.base, t.Text)
		if err != nil {
			return rdf.Term{}, p.fail("%s", err.Error())
		}
		if p.text += len(iri); p.text > maxExpanded {
			return rdf.Term{}, p.fail("the IRIs take more than %d octets when they are written out", maxExpanded)
		}
		p.next()
		return rdf.NewIRI(iri), nil
	case scan.Name:
		namespace, ok := p.prefixes[t.Text]
		if !ok {
			return rdf.Term{}, p.fail("the prefix %q is not declared", t.Text+":")
		}
		if p.text += len(namespace); p.text > maxExpanded {
			return rdf.Term{}, p.fail("the IRIs take more than %d octets when they are written out", maxExpanded)
		}
		p.next()
		return rdf.NewIRI(namespace + t.Local), nil
	default:
		return rdf.Term{}, p.unexpected("an IRI")
	}
}

// variable reads a variable and returns its slot.
func (p *parser) variable() (int, error) {
	t := p.token()
	if t.Kind != scan.Variable {
		return 0, p.unexpected("a variable")
	}
	p.next()
	return p.slot(t.Text)
}

func (p *parser) slot(name string) (int, error) {
	if slot, ok := p.slots[name]; ok {
		return slot, nil
	}
	slot, err := p.hidden()
	if err != nil {
		return 0, err
	}
	p.slots[name] = slot
	p.variables[slot] = name
	return slot, nil
}

// hidden makes a variable without a name.
func (p *parser) hidden() (int, error) {
	if len(p.variables) >= maxVariables {
		return 0, p.fail("more than %d variables and blank nodes", maxVariables)
	}
	p.variables = append(p.variables, "")
	return len(p.variables) - 1, nil
}

// isNumber tells whether a number with or without sign is next.
func (p *parser) isNumber() bool {
	number := func(t scan.Token) bool { return t.Kind >= scan.Integer && t.Kind <= scan.Double }
	if sign := p.token(); sign.Is("+") || sign.Is("-") {
		return number(p.peek()) && p.peek().Start == sign.End
	}
	return number(p.token())
}

// literal reads a string, a number or a truth value.
func (p *parser) literal() (rdf.Term, error) {
	t := p.token()
	switch {
	case p.isNumber():
		return p.number(), nil
	case t.IsWord("true"), t.IsWord("false"):
		p.next()
		return truth(t.IsWord("true")), nil
	case t.Kind != scan.String:
		return rdf.Term{}, p.unexpected("a term")
	}
	p.next()
	if p.token().Kind == scan.At {
		return rdf.NewLang(t.Text, p.next().Text), nil
	}
	if p.accept("^^") {
		datatype, err := p.iri()
		return rdf.NewLiteral(t.Text, datatype.Value), err
	}
	return rdf.NewString(t.Text), nil
}

func (p *parser) number() rdf.Term {
	sign := ""
	if p.token().Kind == scan.Mark {
		sign = p.next().Text
	}
	t := p.next()
	switch t.Kind {
	case scan.Decimal:
		return rdf.NewLiteral(sign+t.Text, rdf.Decimal)
	case scan.Double:
		return rdf.NewLiteral(sign+t.Text, rdf.Double)
	default:
		return rdf.NewLiteral(sign+t.Text, rdf.Integer)
	}
}
