package wire

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// appendXML writes a content as a document.
func (c Codec) appendXML(dst []byte, content *onem2m.Content) ([]byte, error) {
	w := xmlWriter{codec: c, b: append(dst, `<?xml version="1.0" encoding="UTF-8"?>`...)}
	w.root(content.Name, content.Value)
	return w.b, w.err
}

type xmlWriter struct {
	codec Codec
	b     []byte
	scope []string // prefixes that are declared here, the document's own first
	marks []int    // how many of them were when each open element began
	err   error
}

func (w *xmlWriter) fail(text string) {
	if w.err == nil {
		w.err = onem2m.Errorf(onem2m.NotAcceptable, "", "%s", text)
	}
}

// root writes a resource or a special content.
func (w *xmlWriter) root(name string, v jsontext.Value) {
	if name == aggregatedPoll {
		w.aggregate(v)
		return
	}
	if t := forms.special[name]; t != nil {
		w.member(name, v, t)
		return
	}
	info := w.codec.typeOf(name)
	if info == nil || v.Kind() != '{' {
		w.element(name, v, nil)
		return
	}
	o, err := onem2m.ParseObject(v)
	if err != nil {
		w.err = err
		return
	}
	w.open(name, o.Get("rn"))
	for _, a := range info.Attributes { // in the order of the tables, as the schemas want it
		if value := o.Get(a.Short); value != nil && a.Short != "rn" {
			w.member(a.Short, value, attributeType(info, a.Short))
		}
	}
	for _, m := range o {
		if m.Name != "rn" && !info.Has(m.Name) {
			w.member(m.Name, m.Value, attributeType(info, m.Name))
		}
	}
	w.close(name)
}

// aggregate writes the requests that one poll fetches.
func (w *xmlWriter) aggregate(v jsontext.Value) {
	list, err := onem2m.ParseList(v)
	if err != nil {
		w.err = err
		return
	}
	w.open(aggregatedPoll, nil)
	for _, request := range list {
		w.element("m2m:rqp", request, forms.special["m2m:rqp"])
	}
	w.close(aggregatedPoll)
}

// member writes the value of a name: a list as one element, or as one for each
// value where the schema has it so.
func (w *xmlWriter) member(name string, v jsontext.Value, t *onem2m.DataType) {
	if v.Kind() != '[' || t != nil && t.Syntax != onem2m.SyntaxList {
		w.element(name, v, t)
		return
	}
	items, err := onem2m.ParseList(v)
	if err != nil {
		w.err = err
		return
	}
	var item *onem2m.DataType
	if t != nil {
		item = t.Item
	}
	apart := t != nil && (occurs(t) || single(t))
	if apart || t == nil && slices.ContainsFunc(items, func(v jsontext.Value) bool { return v.Kind() == '{' || v.Kind() == '[' }) {
		for _, v := range items {
			w.element(name, v, item)
		}
		return
	}
	w.open(name, nil)
	w.words(items)
	w.close(name)
}

// words writes the values of an xs:list. One with white space inside would be
// read as two, and an empty one as none.
func (w *xmlWriter) words(items []jsontext.Value) {
	for i, v := range items {
		if i > 0 {
			w.b = append(w.b, ' ')
		}
		at := len(w.b)
		w.text(v)
		if word := w.b[at:]; len(word) == 0 || strings.ContainsAny(string(word), " \t\n\r") || strings.Contains(string(word), "&#13;") {
			w.fail("an entry of a list has blanks, which XML takes for the end of the entry")
		}
	}
}

// element writes one element.
func (w *xmlWriter) element(name string, v jsontext.Value, t *onem2m.DataType) {
	switch {
	case t == nil && v.Kind() == '{' && w.known(name):
		w.root(name, v)
	case v.Kind() == '{' && (t == nil || t.Syntax == onem2m.SyntaxObject || t == forms.content || w.wraps(v)):
		w.object(name, v, t)
	default: // an object or list in the place of a text, as a content may be, is written as its JSON text
		w.open(name, nil)
		w.text(v)
		w.close(name)
	}
}

// known reports whether a name is that of a root element.
func (w *xmlWriter) known(name string) bool {
	return strings.Contains(name, ":") && (forms.special[name] != nil || name == aggregatedPoll || w.codec.typeOf(name) != nil)
}

// wraps reports whether an object is a root element with its value: a resource in
// the place of a value of any type.
func (w *xmlWriter) wraps(v jsontext.Value) bool {
	o, err := onem2m.ParseObject(v)
	return err == nil && len(o) == 1 && w.known(o[0].Name)
}

// object writes an element with elements inside.
func (w *xmlWriter) object(name string, v jsontext.Value, t *onem2m.DataType) {
	o, err := onem2m.ParseObject(v)
	if err != nil {
		w.err = err
		return
	}
	if t != nil && referenceTypes[t.Name] {
		w.reference(name, o, t)
		return
	}
	w.open(name, nil)
	written := map[string]bool{}
	if t != nil {
		for i := range t.Members { // in the order of the schema
			m := &t.Members[i]
			if value := o.Get(m.Short); value != nil && !written[m.Short] {
				written[m.Short] = true
				w.member(m.Short, value, m.Type)
			}
		}
	}
	for _, m := range o {
		if !written[m.Name] {
			w.member(m.Name, m.Value, nil)
		}
	}
	w.close(name)
}

// reference writes a text with attributes.
func (w *xmlWriter) reference(name string, o onem2m.Object, t *onem2m.DataType) {
	w.start(name)
	for i := range t.Members {
		if m := &t.Members[i]; m.Short != "val" && o.Has(m.Short) {
			w.attribute(m.Short, o.Get(m.Short))
		}
	}
	w.b = append(w.b, '>')
	w.text(o.Get("val"))
	w.close(name)
}

// open writes the start tag of an element, of a resource with its name.
func (w *xmlWriter) open(name string, rn jsontext.Value) {
	w.start(name)
	if rn != nil {
		w.attribute("rn", rn)
	}
	w.b = append(w.b, '>')
}

// start begins a start tag, and declares the prefix of the name where it isn't yet.
func (w *xmlWriter) start(name string) {
	prefix, local, prefixed := strings.Cut(name, ":")
	if !prefixed {
		local = prefix
	}
	if !validXMLName(local) || prefixed && !validXMLName(prefix) {
		w.fail("a name can't be written in XML")
	}
	w.b = append(append(w.b, '<'), name...)
	w.marks = append(w.marks, len(w.scope))
	if len(w.scope) == 0 {
		w.declare("m2m")
	}
	if prefixed && !slices.Contains(w.scope, prefix) {
		w.declare(prefix)
	}
}

// declare binds a prefix: those of the standard to their namespaces, others to one
// below that of the standard.
func (w *xmlWriter) declare(prefix string) {
	space := namespaces[prefix]
	if space == "" {
		space = namespaceM2M + "/" + prefix
	}
	w.scope = append(w.scope, prefix)
	w.b = append(w.b, ` xmlns:`+prefix+`="`+space+`"`...)
}

func (w *xmlWriter) attribute(name string, v jsontext.Value) {
	w.b = append(append(append(w.b, ' '), name...), `="`...)
	w.text(v)
	w.b = append(w.b, '"')
}

func (w *xmlWriter) close(name string) {
	w.b = append(append(append(w.b, "</"...), name...), '>')
	last := len(w.marks) - 1
	w.scope = w.scope[:w.marks[last]]
	w.marks = w.marks[:last]
}

// validXMLName reports whether s is a name without a prefix, of the characters
// that short names have.
func validXMLName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c != '-' && c != '.' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// text writes a value as text; null is nothing.
func (w *xmlWriter) text(v jsontext.Value) {
	switch v.Kind() {
	case '"':
		s, _ := onem2m.TextOf(v)
		w.escape(s)
	case 'n', 0:
	default:
		w.escape(string(v))
	}
}

// escape writes text. A carriage return must not become a line feed in the
// reader, so it is escaped; control characters have no form in XML 1.0.
func (w *xmlWriter) escape(s string) {
	for i := 0; i < len(s); {
		c, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == '&':
			w.b = append(w.b, "&amp;"...)
		case c == '<':
			w.b = append(w.b, "&lt;"...)
		case c == '>':
			w.b = append(w.b, "&gt;"...)
		case c == '"':
			w.b = append(w.b, "&quot;"...)
		case c == '\r':
			w.b = append(w.b, "&#13;"...)
		case c < ' ' && c != '\t' && c != '\n', c == 0xfffe, c == 0xffff:
			w.fail("a text has characters that XML can't hold")
			return
		default:
			w.b = append(w.b, s[i:i+size]...)
		}
		i += size
	}
}
