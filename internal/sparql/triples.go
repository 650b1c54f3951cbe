package sparql

import (
	"fmt"

	"bulwark/internal/rdf"
	"bulwark/internal/rdf/scan"
)

// sameSubject reads a subject and its properties.
func (p *parser) sameSubject(into *[]triple) error {
	before := len(*into)
	properties := p.token().Is("[") || p.token().Is("(")
	subject, err := p.graphNode(into)
	if err != nil {
		return err
	}
	if properties && len(*into) > before && !p.startsVerb() {
		return nil
	}
	return p.properties(subject, into)
}

func (p *parser) startsVerb() bool {
	t := p.token()
	return t.Kind == scan.Variable || p.isIRI() || t.Kind == scan.Word && t.Text == "a" || t.Is("^") || t.Is("!") || t.Is("(")
}

// properties reads verbs and objects of a subject.
func (p *parser) properties(subject node, into *[]triple) error {
	for {
		verb, path, err := p.verb()
		if err != nil {
			return err
		}
		for {
			object, err := p.graphNode(into)
			if err != nil {
				return err
			}
			if path != nil {
				err = p.expand(subject, path, object, into)
			} else {
				*into = append(*into, triple{s: subject, p: verb, o: object})
			}
			if err != nil {
				return err
			}
			if !p.accept(",") {
				break
			}
		}
		if !p.accept(";") {
			return nil
		}
		for p.accept(";") {
			continue
		}
		if !p.startsVerb() {
			return nil
		}
	}
}

func (p *parser) verb() (node, *path, error) {
	if !p.startsVerb() {
		return node{}, nil, p.unexpected("a predicate")
	}
	if p.token().Kind == scan.Variable {
		slot, err := p.variable()
		return node{slot: slot}, nil, err
	}
	if p.template {
		term, err := p.predicate()
		return node{term: term}, nil, err
	}
	path, err := p.path()
	return node{}, path, err
}

// predicate reads an IRI or a.
func (p *parser) predicate() (rdf.Term, error) {
	if p.token().Kind == scan.Word && p.token().Text == "a" {
		p.next()
		return rdf.NewIRI(rdf.Type), nil
	}
	return p.iri()
}

// variableOrTerm reads a node without structure.
func (p *parser) variableOrTerm() (node, error) {
	t := p.token()
	switch {
	case t.Kind == scan.Variable:
		slot, err := p.variable()
		return node{slot: slot}, err
	case t.Kind == scan.Blank:
		p.next()
		return p.blank(t.Text)
	case p.isIRI():
		term, err := p.iri()
		return node{term: term}, err
	default:
		term, err := p.literal()
		return node{term: term}, err
	}
}

// blank returns the node of a label: a hidden variable, or in a template the label itself.
func (p *parser) blank(name string) (node, error) {
	if p.template {
		return node{term: rdf.NewBlank(name)}, nil
	}
	l, ok := p.labels[name]
	if !ok {
		slot, err := p.hidden()
		if err != nil {
			return node{}, err
		}
		l = label{slot: slot, basic: p.basic}
		p.labels[name] = l
	}
	if l.basic != p.basic {
		return node{}, p.fail("the blank node _:%s is used in two patterns", name)
	}
	return node{slot: l.slot}, nil
}

// anonymous makes a node for brackets and lists.
func (p *parser) anonymous() (node, error) {
	slot, err := p.hidden()
	if err != nil || !p.template {
		return node{slot: slot}, err
	}
	return node{term: rdf.NewBlank(fmt.Sprintf("[%d", slot))}, nil
}

// graphNode reads a node of any form; what brackets and lists state goes before it.
func (p *parser) graphNode(into *[]triple) (node, error) {
	list := p.token().Is("(")
	if !list && !p.token().Is("[") {
		return p.variableOrTerm()
	}
	if err := p.enter(); err != nil {
		return node{}, err
	}
	defer p.leave()
	p.next()
	if list {
		return p.collection(into)
	}
	n, err := p.anonymous()
	if err != nil || p.accept("]") {
		return n, err
	}
	if err := p.properties(n, into); err != nil {
		return node{}, err
	}
	return n, p.expect("]")
}

func (p *parser) collection(into *[]triple) (node, error) {
	head := node{term: rdf.NewIRI(rdf.Nil)}
	var last *node
	for !p.accept(")") {
		item, err := p.graphNode(into)
		if err != nil {
			return node{}, err
		}
		cell, err := p.anonymous()
		if err != nil {
			return node{}, err
		}
		if last == nil {
			head = cell
		} else {
			*into = append(*into, triple{s: *last, p: node{term: rdf.NewIRI(rdf.Rest)}, o: cell})
		}
		*into = append(*into, triple{s: cell, p: node{term: rdf.NewIRI(rdf.First)}, o: item})
		last = &cell
	}
	if last != nil {
		*into = append(*into, triple{s: *last, p: node{term: rdf.NewIRI(rdf.Rest)}, o: node{term: rdf.NewIRI(rdf.Nil)}})
	}
	return head, nil
}

// templateTriples reads the triples of a template in braces.
func (p *parser) templateTriples() ([]triple, error) {
	if err := p.expect("{"); err != nil {
		return nil, err
	}
	p.template = true
	defer func() { p.template = false }()
	triples := make([]triple, 0, 1)
	for !p.accept("}") {
		if t := p.token(); t.IsWord("GRAPH") {
			return nil, p.fail("GRAPH is refused: there is one graph")
		}
		if err := p.sameSubject(&triples); err != nil {
			return nil, err
		}
		if !p.accept(".") && !p.token().Is("}") {
			return nil, p.unexpected(". or }")
		}
	}
	return triples, nil
}
