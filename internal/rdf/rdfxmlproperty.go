package rdf

import (
	"encoding/xml"
	"strings"
)

// propertyTag is a property element with its attributes sorted out.
type propertyTag struct {
	*xmlElement
	predicate Term
	reified   Term
	object    Term // of rdf:resource or rdf:nodeID
	datatype  string
	parseType string
	rest      []xmlAttribute
}

// property reads a property element (section 7.2.14).
func (x *rdfxml) property(e *xmlElement, subject Term, member *int) error {
	if isSyntax(e.name) || e.name.rdfName("Description") {
		return x.fail("rdf:%s names no property", e.name.local)
	}
	e.name = memberName(e.name, member)
	p, err := x.propertyTag(e)
	if err != nil {
		return err
	}
	switch {
	case p.parseType != "":
		return x.parsed(p, subject)
	case !p.object.IsZero() || len(p.rest) > 0:
		return x.emptyProperty(p, subject)
	default:
		return x.content(p, subject)
	}
}

func (x *rdfxml) propertyTag(e *xmlElement) (*propertyTag, error) {
	p := &propertyTag{xmlElement: e}
	var err error
	if p.predicate, err = x.nameIRI(e.name); err != nil {
		return nil, err
	}
	objects := 0
	for _, a := range e.attributes {
		switch {
		case a.name.space == xmlNamespace:
		case a.name.rdfName("ID"):
			p.reified, err = x.identifier(e, a.value)
		case a.name.rdfName("resource"):
			objects++
			p.object, err = x.reference(e, a.value)
		case a.name.rdfName("nodeID"):
			objects++
			p.object, err = x.labelled(a.value)
		case a.name.rdfName("datatype"):
			var t Term
			t, err = x.reference(e, a.value)
			p.datatype = t.Value
		case a.name.rdfName("parseType"):
			p.parseType = a.value
			if p.parseType == "" {
				p.parseType = "Literal"
			}
		default:
			p.rest = append(p.rest, a)
		}
		if err != nil {
			return nil, err
		}
	}
	if objects > 1 || p.parseType != "" && (objects > 0 || len(p.rest) > 0 || p.datatype != "") || p.datatype != "" && (objects > 0 || len(p.rest) > 0) {
		return nil, x.fail("attributes of <%s> exclude each other", e.name.local)
	}
	return p, nil
}

// parsed reads a property element with rdf:parseType.
func (x *rdfxml) parsed(p *propertyTag, subject Term) error {
	switch p.parseType {
	case "Resource":
		node := x.fresh()
		if err := x.state(p.xmlElement, subject, p.predicate, node, p.reified); err != nil {
			return err
		}
		return x.properties(p.xmlElement, node)
	case "Collection":
		return x.collection(p, subject)
	default:
		text, err := x.literal(p.xmlElement)
		if err != nil {
			return err
		}
		return x.state(p.xmlElement, subject, p.predicate, NewLiteral(text, XMLLiteral), p.reified)
	}
}

func (x *rdfxml) collection(p *propertyTag, subject Term) error {
	last := Term{}
	link := func(cell Term) error {
		if last.IsZero() {
			return x.state(p.xmlElement, subject, p.predicate, cell, p.reified)
		}
		return x.add(p.line, last, NewIRI(Rest), cell)
	}
	err := x.children(p.xmlElement, func(child *xmlElement) error {
		item, err := x.node(child)
		if err != nil {
			return err
		}
		cell := x.fresh()
		if err := link(cell); err != nil {
			return err
		}
		last = cell
		return x.add(child.line, cell, NewIRI(First), item)
	})
	if err != nil {
		return err
	}
	return link(NewIRI(Nil))
}

// emptyProperty reads a property element whose attributes say everything (section 7.2.21).
func (x *rdfxml) emptyProperty(p *propertyTag, subject Term) error {
	object := p.object
	if object.IsZero() {
		object = x.fresh()
	}
	if err := x.propertyAttributes(p.xmlElement, object, p.rest); err != nil {
		return err
	}
	if err := x.state(p.xmlElement, subject, p.predicate, object, p.reified); err != nil {
		return err
	}
	return x.children(p.xmlElement, func(*xmlElement) error { return x.fail("<%s> must be empty", p.name.local) })
}

// content reads a property element with a node or a text inside.
func (x *rdfxml) content(p *propertyTag, subject Term) error {
	var text strings.Builder
	object := Term{}
	for {
		token, err := x.next(p.scope)
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case string:
			text.WriteString(t)
			if text.Len() > x.limits.Literal {
				return x.fail("a text is longer than %d octets", x.limits.Literal)
			}
		case *xmlElement:
			if !object.IsZero() || p.datatype != "" {
				return x.fail("<%s> has more than one value", p.name.local)
			}
			if object, err = x.node(t); err != nil {
				return err
			}
		case xml.EndElement:
			switch {
			case object.IsZero() && p.datatype != "":
				object = NewLiteral(text.String(), p.datatype)
			case object.IsZero():
				object = x.text(p.xmlElement, text.String())
			case strings.Trim(text.String(), xmlSpace) != "":
				return x.fail("<%s> has text beside a node", p.name.local)
			}
			return x.state(p.xmlElement, subject, p.predicate, object, p.reified)
		}
	}
}
