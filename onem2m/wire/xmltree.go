package wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"bulwark/onem2m"
)

// namespaceM2M is the namespace of the prefix m2m (TS-0004 clause 6.1).
const namespaceM2M = "http://www.onem2m.org/xml/protocols"

// namespaces are the prefixes that mean the same in every document: that of the
// protocols, and those of the domains of TS-0023.
var namespaces = map[string]string{
	"m2m": namespaceM2M,
	"agd": namespaceM2M + "/agriculturedomain",
	"cid": namespaceM2M + "/citydomain",
	"cod": namespaceM2M + "/commondomain",
	"hd":  namespaceM2M + "/homedomain", // of earlier releases
	"hed": namespaceM2M + "/healthdomain",
	"hod": namespaceM2M + "/homedomain",
	"ind": namespaceM2M + "/industrydomain",
}

// maxElements bounds the elements and attributes of one document.
const maxElements = 1 << 15

// element is one XML element, its name with the prefix that JSON uses.
type element struct {
	name       string
	attributes []xml.Attr // without those about namespaces and schemas
	children   []*element
	text       string // of the element itself
}

// empty reports whether the element stands for null (TS-0004 clause 8.3.1).
func (e *element) empty() bool { return len(e.children) == 0 && e.text == "" }

// treeReader builds the tree of a document, within limits. There is no document
// type, hence no entity but the five of XML itself.
type treeReader struct {
	d        *xml.Decoder
	limits   Limits
	elements int
	prefixes map[string]string // by namespace, as the document declares them
}

func readTree(b []byte, limits Limits) (*element, error) {
	if limits.Size <= 0 {
		limits.Size = DefaultSize
	}
	if limits.Depth <= 0 {
		limits.Depth = DefaultDepth
	}
	if len(b) > limits.Size {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the document is longer than %d octets", limits.Size)
	}
	r := &treeReader{d: xml.NewDecoder(bytes.NewReader(b)), limits: limits, prefixes: map[string]string{}}
	for prefix, space := range namespaces {
		if prefix != "hd" { // unless the document says so
			r.prefixes[space] = prefix
		}
	}
	root, err := r.document()
	var known *onem2m.Error
	switch {
	case errors.As(err, &known):
		return nil, known
	case err != nil:
		return nil, &onem2m.Error{Code: onem2m.BadRequest, Subject: "pc", Text: "the content is not well-formed XML", Cause: err}
	}
	return root, nil
}

// document reads the root element, and that nothing follows it.
func (r *treeReader) document() (root *element, err error) {
	for {
		token, err := r.d.Token()
		if errors.Is(err, io.EOF) && root != nil {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if root != nil {
				return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the document has more than one root element")
			}
			if root, err = r.element(t, 1); err != nil {
				return nil, err
			}
		case xml.Directive:
			return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "a document type is not accepted")
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "there is text outside the root element")
			}
		}
	}
}

// element reads what is inside an element up to its end.
func (r *treeReader) element(start xml.StartElement, depth int) (*element, error) {
	if depth > r.limits.Depth {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the document is nested deeper than %d levels", r.limits.Depth)
	}
	if r.elements += 1 + len(start.Attr); r.elements > maxElements {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the document has too many elements")
	}
	e := &element{}
	if err := r.declared(e, start.Attr); err != nil {
		return nil, err
	}
	var err error
	if e.name, err = r.named(start.Name); err != nil {
		return nil, err
	}
	var text []byte
	for {
		token, err := r.d.Token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			child, err := r.element(t, depth+1)
			if err != nil {
				return nil, err
			}
			e.children = append(e.children, child)
		case xml.EndElement:
			return e, e.settle(text)
		case xml.CharData:
			text = append(text, t...)
		case xml.Directive:
			return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "a document type is not accepted")
		}
	}
}

// settle decides what the text of an element is: between child elements only
// blanks may stand, and they mean nothing.
func (e *element) settle(text []byte) error {
	if len(e.children) == 0 {
		e.text = string(text)
		return nil
	}
	if len(bytes.TrimSpace(text)) > 0 {
		return onem2m.Errorf(onem2m.BadRequest, shown(e.name), "there is text between elements")
	}
	return nil
}

// declared takes namespace declarations and hints at schemas out of the
// attributes.
func (r *treeReader) declared(e *element, attributes []xml.Attr) error {
	for _, a := range attributes {
		switch {
		case a.Name.Space == "xmlns":
			if meant := namespaces[a.Name.Local]; meant != "" && a.Value != meant {
				return onem2m.Errorf(onem2m.BadRequest, "pc", "the prefix %s stands for another namespace", a.Name.Local)
			}
			if r.prefixes[a.Value] == "" || namespaces[a.Name.Local] == a.Value {
				r.prefixes[a.Value] = a.Name.Local
			}
		case a.Name.Space == "" && a.Name.Local == "xmlns", a.Name.Space == "http://www.w3.org/2001/XMLSchema-instance", a.Name.Space == "xsi":
		default:
			e.attributes = append(e.attributes, a)
		}
	}
	return nil
}

// named returns the name of an element as JSON has it. A prefix that isn't
// declared stands for itself: small clients leave the declaration out.
func (r *treeReader) named(n xml.Name) (string, error) {
	if strings.Contains(n.Local, ":") {
		return "", onem2m.Errorf(onem2m.BadRequest, "pc", "an element has a name with two prefixes")
	}
	switch prefix := r.prefixes[n.Space]; {
	case n.Space == "":
		return n.Local, nil
	case prefix != "":
		return prefix + ":" + n.Local, nil
	case strings.ContainsAny(n.Space, "/:"):
		return n.Local, nil // a default namespace, which the text doesn't use
	}
	return n.Space + ":" + n.Local, nil
}
