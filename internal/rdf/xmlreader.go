package rdf

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"strings"

	"bulwark/internal/rdf/scan"
)

// xmlNamespace is the namespace that the prefix xml always has.
const xmlNamespace = "http://www.w3.org/XML/1998/namespace"

// xmlScope is what an element passes on to those inside of it.
type xmlScope struct {
	base, language string
	prefixes       map[string]string
}

// xmlName is a name with its namespace.
type xmlName struct{ space, local, prefix string }

func (n xmlName) iri() string { return n.space + n.local }

// rdfName tells whether this is a name of RDF.
func (n xmlName) rdfName(local string) bool { return n.space == RDF && n.local == local }

type xmlAttribute struct {
	name  xmlName
	value string
}

// xmlElement is a start tag.
type xmlElement struct {
	name       xmlName
	attributes []xmlAttribute // without declarations of namespaces
	scope      xmlScope
	line       int
}

// xmlReader reads tokens and resolves namespaces. It takes no document type definition, and so no entities but the five of XML.
type xmlReader struct {
	*builder
	decoder *xml.Decoder
	open    []xml.Name // tags that are open
}

func newXMLReader(b *builder, data []byte) *xmlReader {
	return &xmlReader{builder: b, decoder: xml.NewDecoder(bytes.NewReader(data))}
}

func (x *xmlReader) line() int {
	line, _ := x.decoder.InputPos()
	return line
}

func (x *xmlReader) fail(format string, args ...any) error {
	return scan.Fail(x.line(), format, args...)
}

// next returns a start tag as *xmlElement, an end tag as xml.EndElement, text as string, or anything else as it is; nil at the end.
func (x *xmlReader) next(scope xmlScope) (any, error) {
	token, err := x.decoder.RawToken()
	if errors.Is(err, io.EOF) {
		if len(x.open) > 0 {
			return nil, x.fail("the document ends inside of <%s>", x.open[len(x.open)-1].Local)
		}
		return nil, nil
	}
	if err != nil {
		if syntax, ok := errors.AsType[*xml.SyntaxError](err); ok {
			return nil, scan.Fail(syntax.Line, "%s", syntax.Msg)
		}
		return nil, x.fail("%s", shorten(err.Error()))
	}
	switch t := token.(type) {
	case xml.StartElement:
		x.open = append(x.open, t.Name)
		if len(x.open) > 2*x.limits.Depth { // a node and a property for each level
			return nil, x.fail("nested deeper than %d", 2*x.limits.Depth)
		}
		return x.element(t, scope)
	case xml.EndElement:
		if len(x.open) == 0 || x.open[len(x.open)-1] != t.Name {
			return nil, x.fail("the end tag of <%s> is out of place", t.Name.Local)
		}
		x.open = x.open[:len(x.open)-1]
		return t, nil
	case xml.CharData:
		if len(t) > x.limits.Literal {
			return nil, x.fail("a text is longer than %d octets", x.limits.Literal)
		}
		return string(t), nil
	case xml.Directive:
		return nil, x.fail("a document type definition is refused")
	default:
		return xml.CopyToken(t), nil
	}
}

// element resolves the names of a start tag and takes in what changes the scope.
func (x *xmlReader) element(t xml.StartElement, scope xmlScope) (*xmlElement, error) {
	e := &xmlElement{scope: scope, line: x.line()}
	copied := false
	for _, a := range t.Attr {
		prefix, ok := a.Name.Local, a.Name.Space == "xmlns"
		if a.Name.Space == "" && a.Name.Local == "xmlns" {
			prefix, ok = "", true
		}
		if !ok {
			continue
		}
		if !copied {
			e.scope.prefixes, copied = maps.Clone(scope.prefixes), true
		}
		if e.scope.prefixes == nil {
			e.scope.prefixes = make(map[string]string)
		}
		e.scope.prefixes[prefix] = a.Value
	}
	if len(e.scope.prefixes) > maxPrefixes {
		return nil, x.fail("more than %d prefixes in one place", maxPrefixes)
	}
	var err error
	if e.name, err = x.resolve(t.Name, e.scope, true); err != nil {
		return nil, err
	}
	seen := make(map[[2]string]bool)
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			continue
		}
		name, err := x.resolve(a.Name, e.scope, false)
		if err != nil {
			return nil, err
		}
		key := [2]string{name.space, name.local}
		if seen[key] {
			return nil, x.fail("the attribute %s comes twice", name.local)
		}
		seen[key] = true
		if len(a.Value) > x.limits.Literal {
			return nil, x.fail("an attribute is longer than %d octets", x.limits.Literal)
		}
		e.attributes = append(e.attributes, xmlAttribute{name: name, value: a.Value})
	}
	return e, x.inherit(e)
}

// maxPrefixes bounds the prefixes that every element inside may have to copy.
const maxPrefixes = 256

// inherit takes xml:base and xml:lang into the scope.
func (x *xmlReader) inherit(e *xmlElement) error {
	for _, a := range e.attributes {
		if a.name.space != xmlNamespace {
			continue
		}
		switch a.name.local {
		case "lang":
			if a.value != "" && !IsLanguage(a.value) {
				return x.fail("%q is no language", shorten(a.value))
			}
			e.scope.language = a.value
		case "base":
			base, err := Resolve(e.scope.base, a.value)
			if err != nil {
				return x.fail("%s", err.Error())
			}
			if err := x.spend(e.line, len(base)); err != nil {
				return err
			}
			e.scope.base, _, _ = strings.Cut(base, "#")
		}
	}
	return nil
}

func (x *xmlReader) resolve(name xml.Name, scope xmlScope, element bool) (xmlName, error) {
	resolved := xmlName{local: name.Local, prefix: name.Space}
	switch {
	case name.Space == "xml":
		resolved.space = xmlNamespace
	case name.Space != "" || element:
		space, ok := scope.prefixes[name.Space]
		if !ok && name.Space != "" {
			return resolved, x.fail("the prefix %q is not declared", name.Space)
		}
		resolved.space = space
	}
	return resolved, nil
}
