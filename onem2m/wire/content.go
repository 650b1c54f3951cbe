package wire

import (
	"bytes"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// Limits bounds what a decoder accepts (C-466). A field that is zero or
// negative means the default.
type Limits struct {
	Size  int // octets of the text
	Depth int // nesting of objects and arrays
}

// The defaults of Limits. Resources nest a handful of levels; a body is read
// into memory as a whole, so its size is what one request may cost.
const (
	DefaultSize  = 1 << 20
	DefaultDepth = 64
)

// DecodeContent reads a Content parameter: one object with exactly one member,
// the root element (C-460). The value is canonical and shares no memory with b.
// Anything else, duplicate names, text that isn't UTF-8, octets behind the
// object, too much of anything, is an *onem2m.Error of 4000.
func DecodeContent(b []byte, limits Limits) (*onem2m.Content, error) {
	v, err := canonical(b, limits)
	if err != nil {
		return nil, err
	}
	return contentOf(v)
}

// contentOf takes the one member out of canonical text.
func contentOf(v jsontext.Value) (*onem2m.Content, error) {
	var one onem2m.Content
	count := 0
	err := onem2m.EachMember(v, func(m onem2m.Member) error {
		one = onem2m.Content(m)
		count++
		return nil
	})
	switch {
	case err != nil:
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the content must be a JSON object")
	case count != 1:
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the content must be an object with exactly one member, the root element")
	case one.Name == "" || len(one.Name) > onem2m.MaxName:
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the root element has no usable name")
	}
	return &one, nil
}

// DecodeObject splits the canonical text of an object, such as the value of a
// Content, into its members, which share its memory. Text that comes from
// outside goes through DecodeContent or Canonical first.
func DecodeObject(v jsontext.Value) (onem2m.Object, error) { return onem2m.ParseObject(v) }

// Canonical checks a JSON value of any kind and returns it in canonical form,
// with the errors of DecodeContent.
func Canonical(b []byte, limits Limits) (jsontext.Value, error) { return canonical(b, limits) }

func canonical(b []byte, limits Limits) (jsontext.Value, error) {
	if limits.Size <= 0 {
		limits.Size = DefaultSize
	}
	if limits.Depth <= 0 {
		limits.Depth = DefaultDepth
	}
	if len(b) > limits.Size {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the text is longer than %d octets", limits.Size)
	}
	if tooDeep(b, limits.Depth) {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the text is nested deeper than %d levels", limits.Depth)
	}
	// AppendFormat checks duplicate names, UTF-8 and trailing octets by default.
	v, err := jsontext.AppendFormat(make([]byte, 0, len(b)), b)
	if err != nil {
		return nil, syntaxError(err)
	}
	return v, nil
}

// tooDeep looks at brackets only, before anything is parsed or allocated.
func tooDeep(b []byte, limit int) bool {
	if bytes.Count(b, []byte{'{'})+bytes.Count(b, []byte{'['}) <= limit {
		return false // not even if all were open at once: so it is nearly always
	}
	depth, inText := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inText:
			switch c {
			case '\\':
				i++
			case '"':
				inText = false
			}
		case c == '"':
			inText = true
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// syntaxError turns what the JSON library says into a text for the originator:
// what is wrong and where, no more of the input than a short name.
func syntaxError(err error) *onem2m.Error {
	e := onem2m.Errorf(onem2m.BadRequest, "pc", "the text is not valid JSON")
	e.Cause = err
	var syntactic *jsontext.SyntacticError
	if !errors.As(err, &syntactic) {
		return e
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		name := syntactic.JSONPointer.LastToken()
		if len(name) > 32 || !onem2m.ValidName(strings.TrimPrefix(name, "m2m:")) {
			name = "pc"
		}
		return &onem2m.Error{Code: onem2m.BadRequest, Subject: name, Text: "the name appears twice in one object", Cause: err}
	case strings.Contains(syntactic.Error(), "UTF-8"):
		e.Text = "the text is not valid UTF-8"
	case len(syntactic.Error()) > 0 && syntactic.ByteOffset >= 0:
		return &onem2m.Error{
			Code: onem2m.BadRequest, Subject: "pc", Cause: err,
			Text: onem2m.Errorf(onem2m.BadRequest, "", "the text is not valid JSON behind octet %d", syntactic.ByteOffset).Text,
		}
	}
	return e
}
