package wire

import (
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// The root elements of primitives in XML; in JSON and CBOR a primitive has no
// wrapper (C-459).
const (
	RequestRoot  = "m2m:rqp"
	ResponseRoot = "m2m:rsp"
)

// FormatOf tells the format of a primitive by its first octet; false if it is
// none of them.
func FormatOf(b []byte) (Format, bool) {
	for _, c := range b {
		switch {
		case c == ' ', c == '\t', c == '\r', c == '\n':
		case c == '{':
			return JSON, true
		case c == '<':
			return XML, true
		default:
			return CBOR, c >= 0xa0 && c <= 0xbf // a map
		}
	}
	return JSON, false
}

// DecodePrimitive reads a primitive in any format and returns it as canonical
// JSON without a wrapper, to be read by DecodeRequest or DecodeResponse. root is
// the root element that it has in XML.
func (c Codec) DecodePrimitive(f Format, b []byte, root string, limits Limits) (jsontext.Value, error) {
	switch f {
	case CBOR:
		return fromCBOR(b, limits)
	case XML:
		content, err := c.fromXML(b, onem2m.Create, limits)
		if err != nil {
			return nil, err
		}
		if content.Name != root {
			return nil, onem2m.Errorf(onem2m.BadRequest, "", "a primitive has the root element %s", root)
		}
		if o, err := onem2m.ParseObject(content.Value); err == nil {
			if op, _ := o.Int("op"); op == int64(onem2m.Update) { // where an empty element is null
				if content, err = c.fromXML(b, onem2m.Update, limits); err != nil {
					return nil, err
				}
			}
		}
		return content.Value, nil
	default:
		return canonical(b, limits)
	}
}

// AppendPrimitive writes a primitive, canonical JSON without a wrapper, in a
// format.
func (c Codec) AppendPrimitive(dst []byte, f Format, root string, value jsontext.Value) ([]byte, error) {
	switch f {
	case CBOR:
		return appendCBOR(dst, value)
	case XML:
		return c.appendXML(dst, &onem2m.Content{Name: root, Value: value})
	default:
		return append(dst, value...), nil
	}
}
