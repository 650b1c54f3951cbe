package wire

import (
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// Format is one of the three serializations of TS-0004 clause 8.
type Format uint8

// The serializations.
const (
	JSON Format = iota // clause 8.4
	CBOR               // clause 8.5
	XML                // clause 8.3
)

// Name returns the name of the format as "ct" of a notification target and the
// last part of a media type have it.
func (f Format) Name() string {
	switch f {
	case CBOR:
		return "cbor"
	case XML:
		return "xml"
	default:
		return "json"
	}
}

// FormatByName returns the format with a name, and false if there is none.
func FormatByName(name string) (Format, bool) {
	for _, f := range []Format{JSON, CBOR, XML} {
		if f.Name() == name {
			return f, true
		}
	}
	return JSON, false
}

// Codec reads and writes contents in any format. Inside the CSE a content is
// canonical JSON; the others are turned into it and made of it.
type Codec struct {
	// Types returns the type behind a root element that the catalogue doesn't
	// have: a definition of a <flexContainer>. XML needs it to tell a number from
	// a text. nil knows none.
	Types func(root string) *onem2m.TypeInfo
}

// DecodeContent is the function of that name for any format. op tells what an
// empty XML element stands for: null, or in a CREATE an empty text.
func (c Codec) DecodeContent(f Format, b []byte, op onem2m.Operation, limits Limits) (*onem2m.Content, error) {
	switch f {
	case CBOR:
		text, err := fromCBOR(b, limits)
		if err != nil {
			return nil, err
		}
		return contentOf(text)
	case XML:
		return c.fromXML(b, op, limits)
	default:
		return DecodeContent(b, limits)
	}
}

// AppendContent writes a content, as an object with the root element as its one
// member, to dst. An error means that the format has no way to say it: XML has
// none for most control characters.
func (c Codec) AppendContent(dst []byte, f Format, content *onem2m.Content) ([]byte, error) {
	switch f {
	case CBOR:
		return appendCBOR(dst, jsontext.Value(content.Append(nil)))
	case XML:
		return c.appendXML(dst, content)
	default:
		return content.Append(dst), nil
	}
}
