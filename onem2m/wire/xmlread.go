package wire

import (
	"cmp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// fromXML reads a content: a document with one root element. What the values
// are is told by the tables; they check nothing here, which is for the CSE: a
// text where a number belongs stays a text.
func (c Codec) fromXML(b []byte, op onem2m.Operation, limits Limits) (*onem2m.Content, error) {
	root, err := readTree(b, limits)
	if err != nil {
		return nil, err
	}
	if len(root.name) > onem2m.MaxName {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the root element has no usable name")
	}
	r := xmlReader{codec: c, create: op != onem2m.Update}
	value, err := r.root(root)
	if err != nil {
		return nil, err
	}
	if limit := max(limits.Depth, 0); tooDeep(value, cmp.Or(limit, DefaultDepth)) { // lists that repeated names make
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the document is nested deeper than %d levels", cmp.Or(limit, DefaultDepth))
	}
	return &onem2m.Content{Name: root.name, Value: value}, nil
}

type xmlReader struct {
	codec  Codec
	create bool // no UPDATE: an empty element is an empty text, list or object, and not null
}

// root reads a resource or a special content.
func (r *xmlReader) root(e *element) (jsontext.Value, error) {
	if e.name == aggregatedPoll {
		return r.list(e.children, listOf(forms.special["m2m:rqp"]))
	}
	if t := forms.special[e.name]; t != nil {
		return r.value(e, t)
	}
	info := r.codec.typeOf(e.name)
	if info == nil {
		return r.anything(e)
	}
	return r.object(e, true, func(name string) *onem2m.DataType { return attributeType(info, name) })
}

// value reads one element of a known type.
func (r *xmlReader) value(e *element, t *onem2m.DataType) (jsontext.Value, error) {
	switch t.Syntax {
	case onem2m.SyntaxAny:
		return r.anything(e)
	case onem2m.SyntaxList:
		return r.list([]*element{e}, t)
	case onem2m.SyntaxObject:
		if referenceTypes[t.Name] {
			return r.reference(e, t)
		}
		if e.empty() && !r.create {
			return onem2m.NullValue(), nil
		}
		return r.object(e, false, func(name string) *onem2m.DataType {
			if m := t.Member(name); m != nil {
				return m.Type
			}
			return nil
		})
	default:
	}
	if len(e.children) > 0 {
		return nil, onem2m.Errorf(onem2m.BadRequest, shown(e.name), "the element has elements inside")
	}
	if err := plain(e); err != nil {
		return nil, err
	}
	if e.text == "" && !(r.create && textual(t.Syntax)) {
		return onem2m.NullValue(), nil
	}
	return scalar(e.text, t.Syntax), nil
}

// plain refuses attributes of XML where they mean nothing, rather than drop them.
func plain(e *element) error {
	if len(e.attributes) > 0 {
		return onem2m.Errorf(onem2m.BadRequest, shown(e.name), "the element has an attribute that isn't known")
	}
	return nil
}

// textual reports whether blanks belong to a text of the syntax.
func textual(s onem2m.Syntax) bool {
	return s == onem2m.SyntaxString || s == onem2m.SyntaxAny || s == onem2m.SyntaxScalar
}

// scalar turns the text of an element into the JSON value that it stands for.
func scalar(text string, s onem2m.Syntax) jsontext.Value {
	if textual(s) {
		return onem2m.TextValue(text)
	}
	text = strings.Join(strings.Fields(text), " ") // the white space of a token says nothing
	switch s {
	case onem2m.SyntaxBoolean:
		switch text {
		case "true", "1":
			return onem2m.BoolValue(true)
		case "false", "0":
			return onem2m.BoolValue(false)
		}
	case onem2m.SyntaxInteger, onem2m.SyntaxNumber, onem2m.SyntaxEnum, onem2m.SyntaxBits:
		if v := jsontext.Value(strings.TrimPrefix(text, "+")); v.Kind() == '0' && v.IsValid() {
			return v
		}
	default:
	}
	return onem2m.TextValue(text)
}

// list reads all elements of one name: one for each value where the schema has
// it so, else simple values separated by white space.
func (r *xmlReader) list(elements []*element, t *onem2m.DataType) (jsontext.Value, error) {
	item := t.Item
	var items []jsontext.Value
	for _, e := range elements {
		if single(t) {
			v, err := r.value(e, item)
			if err != nil {
				return nil, err
			}
			items = append(items, v)
			continue
		}
		if len(e.children) > 0 {
			return nil, onem2m.Errorf(onem2m.BadRequest, shown(e.name), "the element has elements inside")
		}
		for word := range strings.FieldsSeq(e.text) {
			items = append(items, scalar(word, item.Syntax))
		}
	}
	b := jsontext.Value{'['}
	for i, v := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, v...)
	}
	return append(b, ']'), nil
}

// single reports whether each value of a list is an element of its own. Numbers
// are read either way: they have no blanks.
func single(t *onem2m.DataType) bool {
	switch t.Item.Syntax {
	case onem2m.SyntaxObject, onem2m.SyntaxAny, onem2m.SyntaxList, onem2m.SyntaxSchedule:
		return true
	case onem2m.SyntaxBoolean, onem2m.SyntaxInteger, onem2m.SyntaxNumber, onem2m.SyntaxEnum, onem2m.SyntaxBits:
		return false
	default:
		return occurs(t)
	}
}

// occurs reports whether the schema lets the element occur several times, which
// the tables mark with an ellipsis; else it is an xs:list.
func occurs(t *onem2m.DataType) bool { return strings.HasSuffix(t.Name, "…") }

// object reads the elements inside an element. typeOf tells the type of each
// name, nil for one that isn't known: the CSE says what is wrong with it. A
// resource has its name as an attribute of XML (C-463), and may have resources
// inside.
func (r *xmlReader) object(e *element, resource bool, typeOf func(name string) *onem2m.DataType) (jsontext.Value, error) {
	var o onem2m.Object
	for _, a := range e.attributes {
		if !resource || a.Name.Space != "" || a.Name.Local != "rn" || len(o) > 0 {
			return nil, onem2m.Errorf(onem2m.BadRequest, shown(e.name), "the element has an attribute that isn't known")
		}
		o.Set("rn", onem2m.TextValue(a.Value))
	}
	if len(e.children) == 0 && strings.TrimSpace(e.text) != "" {
		return nil, onem2m.Errorf(onem2m.BadRequest, shown(e.name), "the element has text where elements belong")
	}
	names, groups := grouped(e.children)
	for _, name := range names {
		v, err := r.member(name, groups[name], typeOf(name), resource)
		if err != nil {
			return nil, err
		}
		if name == "rn" && o.Has("rn") { // other names come once: they are grouped
			return nil, onem2m.Errorf(onem2m.BadRequest, shown(name), "the name appears twice in one object")
		}
		o = append(o, onem2m.Member{Name: name, Value: v})
	}
	return o.Append(nil), nil
}

// grouped collects elements by name, in order of appearance.
func grouped(children []*element) (names []string, groups map[string][]*element) {
	groups = make(map[string][]*element, len(children))
	for _, child := range children {
		if groups[child.name] == nil {
			names = append(names, child.name)
		}
		groups[child.name] = append(groups[child.name], child)
	}
	return names, groups
}

// member reads all elements of one name, in a resource or in something else.
func (r *xmlReader) member(name string, elements []*element, t *onem2m.DataType, resource bool) (jsontext.Value, error) {
	switch {
	case t != nil && t.Syntax == onem2m.SyntaxList:
		if len(elements) == 1 && elements[0].empty() && !r.create {
			return onem2m.NullValue(), nil
		}
		return r.list(elements, t)
	case t == nil && !resource && len(elements) == 1 && r.codec.typeOf(name) != nil: // the resource in m2m:rce
		return r.root(elements[0])
	case t == nil && strings.Contains(name, ":"):
		return r.resources(elements)
	case len(elements) > 1:
		return nil, onem2m.Errorf(onem2m.BadRequest, shown(name), "the name appears twice in one object")
	case t == nil:
		return r.anything(elements[0])
	}
	return r.value(elements[0], t)
}

// resources reads the resources inside another one, always a list.
func (r *xmlReader) resources(elements []*element) (jsontext.Value, error) {
	b := jsontext.Value{'['}
	for i, e := range elements {
		v, err := r.root(e)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, v...)
	}
	return append(b, ']'), nil
}

// reference reads a text with attributes.
func (r *xmlReader) reference(e *element, t *onem2m.DataType) (jsontext.Value, error) {
	o := onem2m.Object{}
	for _, a := range e.attributes {
		m := t.Member(a.Name.Local)
		if m == nil || a.Name.Space != "" || m.Short == "val" {
			return nil, onem2m.Errorf(onem2m.BadRequest, shown(e.name), "the element has an attribute that isn't known")
		}
		o.Set(m.Short, scalar(a.Value, m.Type.Syntax))
	}
	if len(e.children) > 0 {
		return nil, onem2m.Errorf(onem2m.BadRequest, shown(e.name), "the element has elements inside")
	}
	o.Set("val", onem2m.TextValue(strings.TrimSpace(e.text)))
	return o.Append(nil), nil
}

// anything reads an element of no particular type: a text, resources and special
// contents by their names, else an object.
func (r *xmlReader) anything(e *element) (jsontext.Value, error) {
	if err := plain(e); err != nil {
		return nil, err
	}
	if len(e.children) == 0 {
		if e.text == "" && !r.create {
			return onem2m.NullValue(), nil
		}
		return onem2m.TextValue(e.text), nil
	}
	var o onem2m.Object
	names, groups := grouped(e.children)
	for _, name := range names {
		list := groups[name]
		var v jsontext.Value
		var err error
		switch {
		case len(list) > 1:
			v, err = r.resources(list)
		case strings.Contains(name, ":"):
			v, err = r.root(list[0])
		default:
			v, err = r.anything(list[0])
		}
		if err != nil {
			return nil, err
		}
		o = append(o, onem2m.Member{Name: name, Value: v})
	}
	return o.Append(nil), nil
}
