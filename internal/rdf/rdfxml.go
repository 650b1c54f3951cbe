package rdf

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"bulwark/internal/rdf/scan"
)

// rdfxml reads RDF/XML (RDF 1.1 XML Syntax section 7).
type rdfxml struct {
	*xmlReader
	identifiers map[string]bool // made by rdf:ID, each of which may come once
}

func parseRDFXML(b *builder, data []byte) error {
	x := &rdfxml{xmlReader: newXMLReader(b, data), identifiers: make(map[string]bool)}
	scope := xmlScope{base: b.base}
	for root := false; ; {
		token, err := x.next(scope)
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case nil:
			if !root {
				return scan.Fail(0, "the document has no element")
			}
			return nil
		case string:
			if strings.Trim(t, xmlSpace) != "" {
				return x.fail("text outside of the document element")
			}
		case *xmlElement:
			if root {
				return x.fail("a second document element")
			}
			root = true
			if err := x.root(t); err != nil {
				return err
			}
		}
	}
}

const xmlSpace = " \t\r\n"

func (x *rdfxml) root(e *xmlElement) error {
	if !e.name.rdfName("RDF") {
		_, err := x.node(e)
		return err
	}
	return x.children(e, func(child *xmlElement) error {
		_, err := x.node(child)
		return err
	})
}

// children hands every element inside to a function. Text is refused.
func (x *rdfxml) children(e *xmlElement, each func(*xmlElement) error) error {
	for {
		token, err := x.next(e.scope)
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case *xmlElement:
			if err := each(t); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		case string:
			if strings.Trim(t, xmlSpace) != "" {
				return x.fail("text where an element is expected")
			}
		}
	}
}

// The names of RDF that are syntax and never name a node or a property (sections 7.2.2 to 7.2.7).
func isSyntax(name xmlName) bool {
	return name.space == RDF && slices.Contains([]string{
		"RDF", "ID", "about", "parseType", "resource", "nodeID", "datatype", "aboutEach", "aboutEachPrefix", "bagID",
	}, name.local)
}

// node reads a node element and returns its subject.
func (x *rdfxml) node(e *xmlElement) (Term, error) {
	if isSyntax(e.name) || e.name.rdfName("li") {
		return Term{}, x.fail("rdf:%s names no node", e.name.local)
	}
	subject, rest, err := x.subject(e)
	if err != nil {
		return Term{}, err
	}
	if !e.name.rdfName("Description") {
		class, err := x.nameIRI(e.name)
		if err != nil {
			return Term{}, err
		}
		if err := x.add(e.line, subject, NewIRI(Type), class); err != nil {
			return Term{}, err
		}
	}
	if err := x.propertyAttributes(e, subject, rest); err != nil {
		return Term{}, err
	}
	return subject, x.properties(e, subject)
}

// properties reads the property elements inside of an element.
func (x *rdfxml) properties(e *xmlElement, subject Term) error {
	member := 0
	return x.children(e, func(child *xmlElement) error { return x.property(child, subject, &member) })
}

// subject takes the attribute that names a node; without one it is a blank node.
func (x *rdfxml) subject(e *xmlElement) (subject Term, rest []xmlAttribute, err error) {
	for _, a := range e.attributes {
		var found Term
		switch {
		case a.name.rdfName("about"):
			found, err = x.reference(e, a.value)
		case a.name.rdfName("ID"):
			found, err = x.identifier(e, a.value)
		case a.name.rdfName("nodeID"):
			found, err = x.labelled(a.value)
		default:
			rest = append(rest, a)
			continue
		}
		if err != nil {
			return Term{}, nil, err
		}
		if !subject.IsZero() {
			return Term{}, nil, x.fail("two of rdf:about, rdf:ID and rdf:nodeID")
		}
		subject = found
	}
	if subject.IsZero() {
		subject = x.fresh()
	}
	return subject, rest, nil
}

func (x *rdfxml) reference(e *xmlElement, text string) (Term, error) {
	iri, err := Resolve(e.scope.base, text)
	if err != nil {
		return Term{}, x.fail("%s", err.Error())
	}
	return NewIRI(iri), x.spend(e.line, len(iri))
}

// identifier resolves rdf:ID.
func (x *rdfxml) identifier(e *xmlElement, id string) (Term, error) {
	if !isNCName(id) {
		return Term{}, x.fail("rdf:ID %q is no name", shorten(id))
	}
	term, err := x.reference(e, "#"+id)
	if err == nil && x.identifiers[term.Value] {
		return Term{}, x.fail("rdf:ID %q comes twice", shorten(id))
	}
	x.identifiers[term.Value] = true
	return term, err
}

func (x *rdfxml) labelled(id string) (Term, error) {
	if !isNCName(id) {
		return Term{}, x.fail("rdf:nodeID %q is no name", shorten(id))
	}
	return x.blank(id), nil
}

func (x *rdfxml) nameIRI(name xmlName) (Term, error) {
	if name.space == "" {
		return Term{}, x.fail("<%s> is in no namespace", name.local)
	}
	iri, err := Resolve("", name.iri())
	if err != nil {
		return Term{}, x.fail("%s", err.Error())
	}
	return NewIRI(iri), x.spend(x.line(), len(iri))
}

// propertyAttributes states the attributes that are properties with a text as value.
func (x *rdfxml) propertyAttributes(e *xmlElement, subject Term, attributes []xmlAttribute) error {
	for _, a := range attributes {
		if a.name.space == xmlNamespace {
			continue
		}
		if isSyntax(a.name) || a.name.rdfName("li") || a.name.rdfName("Description") {
			return x.fail("rdf:%s is not allowed here", a.name.local)
		}
		predicate, err := x.nameIRI(a.name)
		if err != nil {
			return err
		}
		object := x.text(e, a.value)
		if predicate.Value == Type {
			if object, err = x.reference(e, a.value); err != nil {
				return err
			}
		}
		if err := x.add(e.line, subject, predicate, object); err != nil {
			return err
		}
	}
	return nil
}

// text makes a literal in the language of the place.
func (x *rdfxml) text(e *xmlElement, text string) Term {
	if e.scope.language != "" {
		return NewLang(text, e.scope.language)
	}
	return NewString(text)
}

// state adds a triple and, with rdf:ID, what reifies it.
func (x *rdfxml) state(e *xmlElement, s, p, o Term, reified Term) error {
	triples := []Triple{{S: s, P: p, O: o}}
	if !reified.IsZero() {
		triples = append(triples,
			Triple{S: reified, P: NewIRI(Type), O: NewIRI(RDF + "Statement")}, Triple{S: reified, P: NewIRI(RDF + "subject"), O: s},
			Triple{S: reified, P: NewIRI(RDF + "predicate"), O: p}, Triple{S: reified, P: NewIRI(RDF + "object"), O: o})
	}
	for _, t := range triples {
		if err := x.add(e.line, t.S, t.P, t.O); err != nil {
			return err
		}
	}
	return nil
}

// memberName turns rdf:li into the next rdf:_n.
func memberName(name xmlName, member *int) xmlName {
	if name.rdfName("li") {
		*member++
		name.local = fmt.Sprintf("_%d", *member)
	}
	return name
}

// isNCName tells whether a text is a name without colon (Namespaces in XML).
func isNCName(text string) bool {
	if text == "" || strings.Contains(text, ":") {
		return false
	}
	t, err := scan.Turtle("_:"+text, len(text)).Next() // labels of blank nodes are names that may also begin with a digit
	return err == nil && t.Kind == scan.Blank && t.Text == text && (text[0] < '0' || text[0] > '9')
}
