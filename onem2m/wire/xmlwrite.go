package wire

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// appendXML writes a content as a document.
func (c Codec) appendXML(dst []byte, content *onem2m.Content) ([]byte, error) {
	w := xmlWriter{codec: c, b: append(dst, `<?xml version="1.0" encoding="UTF-8"?>`...)}
	declaration := ` xmlns:m2m="` + namespaceM2M + `"`
	if prefix, _, ok := strings.Cut(content.Name, ":"); ok && prefix != "m2m" {
		declaration += w.declaration(prefix)
	}
	w.root(content.Name, content.Value, declaration)
	return w.b, w.err
}

type xmlWriter struct {
	codec Codec
	b     []byte
	err   error
}

// declaration binds a prefix: those of the standard to their namespaces, others
// to one below that of the standard.
func (w *xmlWriter) declaration(prefix string) string {
	space := namespaces[prefix]
	if space == "" {
		space = namespaceM2M + "/" + prefix
	}
	return ` xmlns:` + prefix + `="` + space + `"`
}

// root writes a resource or a special content. declaration is what its start tag
// has besides the name.
func (w *xmlWriter) root(name string, v jsontext.Value, declaration string) {
	if t := forms.special[name]; t != nil {
		w.element(name, v, t, declaration)
		return
	}
	info := w.codec.typeOf(name)
	if info == nil || v.Kind() != '{' {
		w.element(name, v, nil, declaration)
		return
	}
	o, err := onem2m.ParseObject(v)
	if err != nil {
		w.err = err
		return
	}
	w.open(name, declaration, o.Get("rn"))
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

// member writes the value of a name: a list of complex values as one element for
// each, everything else as one element.
func (w *xmlWriter) member(name string, v jsontext.Value, t *onem2m.DataType) {
	if v.Kind() != '[' {
		w.element(name, v, t, "")
		return
	}
	items, err := onem2m.ParseList(v)
	if err != nil {
		w.err = err
		return
	}
	var item *onem2m.DataType
	if t != nil && t.Syntax == onem2m.SyntaxList {
		item = t.Item
	}
	if item != nil && (occurs(t) || single(t)) || len(items) > 0 && (items[0].Kind() == '{' || items[0].Kind() == '[') {
		for _, v := range items {
			w.element(name, v, item, "")
		}
		return
	}
	w.open(name, "", nil)
	for i, v := range items {
		if i > 0 {
			w.b = append(w.b, ' ')
		}
		w.text(v)
	}
	w.close(name)
}

// element writes one element.
func (w *xmlWriter) element(name string, v jsontext.Value, t *onem2m.DataType, declaration string) {
	if strings.Contains(name, ":") && t == nil && v.Kind() == '{' && w.codec.typeOf(name) != nil {
		w.root(name, v, declaration)
		return
	}
	switch v.Kind() {
	case '{':
		w.object(name, v, t, declaration)
	case '[':
		w.open(name, declaration, nil)
		items, err := onem2m.ParseList(v)
		if err != nil {
			w.err = err
		}
		for i, item := range items {
			if i > 0 {
				w.b = append(w.b, ' ')
			}
			w.text(item)
		}
		w.close(name)
	default:
		w.open(name, declaration, nil)
		w.text(v)
		w.close(name)
	}
}

// object writes an element with elements inside. An object in the place of a
// text, as the content of an instance may be one, is written as its JSON text.
func (w *xmlWriter) object(name string, v jsontext.Value, t *onem2m.DataType, declaration string) {
	if t != nil && t.Syntax != onem2m.SyntaxObject && !wraps(v) {
		w.open(name, declaration, nil)
		w.escape(string(v))
		w.close(name)
		return
	}
	o, err := onem2m.ParseObject(v)
	if err != nil {
		w.err = err
		return
	}
	if t != nil && referenceTypes[t.Name] {
		w.reference(name, o, t)
		return
	}
	w.open(name, declaration, nil)
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

// wraps reports whether an object has one member that is named like a root
// element: a resource in the place of a value of any type.
func wraps(v jsontext.Value) bool {
	o, err := onem2m.ParseObject(v)
	return err == nil && len(o) == 1 && strings.Contains(o[0].Name, ":")
}

// reference writes a text with attributes.
func (w *xmlWriter) reference(name string, o onem2m.Object, t *onem2m.DataType) {
	w.b = append(append(w.b, '<'), name...)
	for i := range t.Members {
		if m := &t.Members[i]; m.Short != "val" && o.Has(m.Short) {
			w.b = append(append(append(w.b, ' '), m.Short...), `="`...)
			w.text(o.Get(m.Short))
			w.b = append(w.b, '"')
		}
	}
	w.b = append(w.b, '>')
	w.text(o.Get("val"))
	w.close(name)
}

func (w *xmlWriter) open(name, declaration string, rn jsontext.Value) {
	w.b = append(append(append(w.b, '<'), name...), declaration...)
	if rn != nil {
		w.b = append(w.b, ` rn="`...)
		w.text(rn)
		w.b = append(w.b, '"')
	}
	w.b = append(w.b, '>')
	if !onem2m.ValidName(strings.ReplaceAll(name, ":", "")) {
		w.err = onem2m.Errorf(onem2m.NotAcceptable, "", "a name can't be written in XML")
	}
}

func (w *xmlWriter) close(name string) { w.b = append(append(append(w.b, "</"...), name...), '>') }

// text writes a scalar value; null is nothing.
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
			w.err = onem2m.Errorf(onem2m.NotAcceptable, "", "a text has characters that XML can't hold")
			return
		default:
			w.b = append(w.b, s[i:i+size]...)
		}
		i += size
	}
}
