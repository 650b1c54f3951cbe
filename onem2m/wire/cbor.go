package wire

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// maxItems bounds the values of one content in CBOR.
const maxItems = 1 << 15

// fromCBOR turns CBOR into canonical JSON. The text of the specification shows
// names as byte strings and asks for text strings: both are read (C-469).
func fromCBOR(b []byte, limits Limits) (jsontext.Value, error) {
	if limits.Size <= 0 {
		limits.Size = DefaultSize
	}
	if limits.Depth <= 0 {
		limits.Depth = DefaultDepth
	}
	if len(b) > limits.Size {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the content is longer than %d octets", limits.Size)
	}
	if !fewItems(b) {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the content has more than %d values", maxItems)
	}
	mode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, TagsMd: cbor.TagsForbidden, IntDec: cbor.IntDecConvertNone,
		MaxNestedLevels: max(limits.Depth, 4), MaxArrayElements: maxItems, MaxMapPairs: maxItems, NaN: cbor.NaNDecodeForbidden, Inf: cbor.InfDecodeForbidden,
	}.DecMode()
	if err != nil {
		return nil, onem2m.AsError(err)
	}
	var v any
	if err := mode.Unmarshal(b, &v); err != nil {
		return nil, &onem2m.Error{Code: onem2m.BadRequest, Subject: "pc", Text: "the content is not valid CBOR", Cause: err}
	}
	text, bad := appendJSON(make([]byte, 0, len(b)+len(b)/4), v, 0)
	switch {
	case bad != nil:
		return nil, bad
	case len(text) > limits.Size: // escapes make it longer
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the content is longer than %d octets in JSON", limits.Size)
	case tooDeep(text, limits.Depth):
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the content is nested deeper than %d levels", limits.Depth)
	}
	return text, nil
}

// fewItems counts heads, wherever they stand, before anything is made of them: a
// value costs many times its octets. What isn't CBOR is for the library to tell.
func fewItems(b []byte) bool {
	const majorBytes, majorText, short, indefinite = 2, 3, 24, 31
	for n, i := 0, 0; i < len(b); {
		if n++; n > maxItems {
			return false
		}
		major, info := b[i]>>5, uint64(b[i]&0x1f)
		i++
		if info >= short && info < short+4 {
			size := 1 << (info - short)
			if i+size > len(b) {
				return true
			}
			info = 0
			for _, c := range b[i : i+size] {
				info = info<<8 | uint64(c)
			}
			i += size
		} else if info == indefinite {
			info = 0
		}
		if major == majorBytes || major == majorText {
			if info > DefaultSize || int(info) > len(b)-i { // more than there is
				return true
			}
			i += int(info)
		}
	}
	return true
}

// appendJSON writes what the CBOR library has read. Names come in their order:
// the library keeps none.
func appendJSON(dst []byte, v any, depth int) ([]byte, *onem2m.Error) {
	if depth > DefaultDepth {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the content is nested deeper than %d levels", DefaultDepth)
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case uint64:
		return strconv.AppendUint(dst, v, 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float64:
		return appendFloat(dst, v), nil
	case string:
		return append(dst, onem2m.TextValue(v)...), nil
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err *onem2m.Error
			if dst, err = appendJSON(dst, item, depth+1); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case map[any]any:
		return appendMap(dst, v, depth)
	}
	return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the content has a CBOR value that JSON has no counterpart for")
}

func appendMap(dst []byte, m map[any]any, depth int) ([]byte, *onem2m.Error) {
	values := make(map[string]any, len(m))
	names := make([]string, 0, len(m))
	for key, value := range m {
		var name string
		switch key := key.(type) {
		case string:
			name = key
		case cbor.ByteString:
			name = string(key)
			if !utf8.ValidString(name) {
				return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the content is not valid UTF-8")
			}
		default:
			return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the names of a CBOR map must be texts")
		}
		if _, twice := values[name]; twice {
			return nil, onem2m.Errorf(onem2m.BadRequest, shown(name), "the name appears twice in one object")
		}
		values[name] = value
		names = append(names, name)
	}
	slices.Sort(names)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, onem2m.TextValue(name)...), ':')
		var err *onem2m.Error
		if dst, err = appendJSON(dst, values[name], depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// appendFloat keeps a float recognisable as one: 1.0 is no integer.
func appendFloat(dst []byte, f float64) []byte {
	at := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
	if !bytes.ContainsAny(dst[at:], ".e") {
		dst = append(dst, ".0"...)
	}
	return dst
}

// cborNumbers writes integers in as few octets as possible and floats as 32 or
// 64 bits (TS-0004 clause 8.5.1 names no others).
var cborNumbers = cbor.EncOptions{Sort: cbor.SortNone, ShortestFloat: cbor.ShortestFloatNone}

// appendCBOR writes JSON text as CBOR, member by member in its order.
func appendCBOR(dst []byte, v jsontext.Value) ([]byte, error) {
	mode, err := cborNumbers.EncMode()
	if err != nil {
		return nil, err
	}
	w := cborWriter{mode: mode, b: dst}
	if err := w.value(v); err != nil {
		return nil, err
	}
	return w.b, nil
}

// cborWriter writes the heads of arrays and maps itself, so that members keep
// their order; everything else is the library's.
type cborWriter struct {
	mode cbor.EncMode
	b    []byte
}

// Major types of CBOR (RFC 8949 clause 3.1).
const (
	majorArray = 4 << 5
	majorMap   = 5 << 5
)

func (w *cborWriter) value(v jsontext.Value) error {
	switch v.Kind() {
	case '{':
		o, err := onem2m.ParseObject(v)
		if err != nil {
			return err
		}
		w.head(majorMap, len(o))
		for _, m := range o {
			if err := w.scalar(m.Name); err != nil {
				return err
			}
			if err := w.value(m.Value); err != nil {
				return err
			}
		}
		return nil
	case '[':
		list, err := onem2m.ParseList(v)
		if err != nil {
			return err
		}
		w.head(majorArray, len(list))
		for _, item := range list {
			if err := w.value(item); err != nil {
				return err
			}
		}
		return nil
	case '"':
		text, _ := onem2m.TextOf(v)
		return w.scalar(text)
	case '0':
		return w.number(string(v))
	case 't', 'f':
		return w.scalar(v.Kind() == 't')
	default:
		return w.scalar(nil)
	}
}

// number writes an integer as one; what is none, or too large for one, as a float.
func (w *cborWriter) number(text string) error {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return w.scalar(n)
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return w.scalar(n)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return onem2m.Errorf(onem2m.NotAcceptable, "", "a number is too large for CBOR")
	}
	if single := float32(f); float64(single) == f && strings.ContainsAny(text, ".eE") {
		return w.scalar(single)
	}
	return w.scalar(f)
}

func (w *cborWriter) scalar(v any) error {
	b, err := w.mode.Marshal(v)
	w.b = append(w.b, b...)
	return err
}

// head writes the head of an array or map with n entries: an unsigned integer
// of the library with another major type.
func (w *cborWriter) head(major byte, n int) {
	at := len(w.b)
	if err := w.scalar(n); err == nil {
		w.b[at] |= major
	}
}
