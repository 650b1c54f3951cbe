package esprim

import (
	"encoding/base64"
	"errors"
	"strings"

	"bulwark/e2e/keys"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// Bounds of an object. The inner primitive has room for the largest content
// that a CSE takes.
const (
	MaxObject = 8 << 20 // octets of the compact form
	maxHeader = 4 << 10 // of the protected header: two rand objects and a long identifier fit
	ivLength  = 12      // RFC 7518 clause 5.3
	tagLength = 16
)

// Media types of inner primitives, but for the serialization (E-56).
const (
	requestType  = "application/vnd.onem2m-preq+"
	responseType = "application/vnd.onem2m-prsp+"
)

var errObject = errors.New("not an ESPrim Object")

// header is the protected header (TS-0003 table 8.4.3.2-2).
type header struct {
	enc, kid, cty string
	ori, rri      string
	oro           *originatorRand
	rro           *ReceiverRand
}

// object is an ESPrim Object that has been taken apart.
type object struct {
	header
	aad    string // the first part, as it came
	iv     [ivLength]byte
	sealed []byte // ciphertext and tag
}

// first is the first part of the compact form: the header, encoded.
func first(text string) string {
	part, _, _ := strings.Cut(text, ".")
	return part
}

// parseObject takes the compact form apart (E-49 to E-56, E-60). known is the
// header if its first part has been read before: all objects of a session but
// the first few have the same.
func parseObject(text string, known *header) (*object, error) {
	if len(text) > MaxObject || strings.Count(text, ".") != 4 {
		return nil, errObject
	}
	parts := strings.SplitN(text, ".", 5)
	if parts[0] == "" || parts[1] != "" || parts[3] == "" || len(parts[0]) > base64.RawURLEncoding.EncodedLen(maxHeader) {
		return nil, errObject
	}
	o := &object{aad: parts[0]}
	if known != nil {
		o.header = *known
	} else {
		head, err := decode(nil, parts[0])
		if err != nil {
			return nil, errObject
		}
		if o.header, err = parseHeader(head); err != nil {
			return nil, err
		}
	}
	iv, err := decode(nil, parts[2])
	if err != nil || len(iv) != ivLength {
		return nil, errObject
	}
	copy(o.iv[:], iv)
	if o.sealed, err = decode(make([]byte, 0, len(parts[3])), parts[3]); err != nil {
		return nil, errObject
	}
	length := len(o.sealed)
	if o.sealed, err = decode(o.sealed, parts[4]); err != nil || len(o.sealed)-length != tagLength {
		return nil, errObject
	}
	return o, nil
}

var encoding = base64.RawURLEncoding.Strict()

// decode appends the octets of base64url, of which there is one text for each.
func decode(dst []byte, text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errObject
	}
	return encoding.AppendDecode(dst, []byte(text))
}

// parseHeader reads the protected header. A name that it doesn't know is passed
// over (RFC 7516 clause 4), but for those that would change how the object is
// read.
func parseHeader(head []byte) (header, error) {
	var h header
	value, err := wire.Canonical(head, wire.Limits{})
	if err != nil {
		return h, errObject
	}
	o, err := onem2m.ParseObject(value)
	if err != nil {
		return h, errObject
	}
	var alg string
	for _, m := range o {
		ok := true
		switch m.Name {
		case "alg":
			alg, ok = onem2m.TextOf(m.Value)
		case "enc":
			h.enc, ok = onem2m.TextOf(m.Value)
		case "kid":
			h.kid, ok = onem2m.TextOf(m.Value)
		case "cty":
			h.cty, ok = onem2m.TextOf(m.Value)
		case "ori":
			h.ori, ok = onem2m.TextOf(m.Value)
		case "rri":
			h.rri, ok = onem2m.TextOf(m.Value)
		case "oro":
			var oro originatorRand
			oro, err = parseOriginatorRand(m.Value)
			h.oro, ok = &oro, err == nil
		case "rro":
			var rro ReceiverRand
			rro, err = ParseReceiverRand(m.Value)
			h.rro, ok = &rro, err == nil
		case "crit", "zip":
			ok = false // E-60
		}
		if !ok {
			return h, errObject
		}
	}
	if alg != "dir" || h.enc == "" || h.kid == "" || len(h.kid) > keys.MaxIdentifier || !isName(h.ori) || !isName(h.rri) {
		return h, errObject // E-50, E-51
	}
	return h, nil
}

// append writes the header as JSON.
func (h *header) append(dst []byte) ([]byte, error) {
	dst = append(dst, `{"alg":"dir","enc":"`...)
	dst = append(dst, h.enc...)
	dst = append(dst, `","kid":`...)
	dst = append(dst, onem2m.TextValue(h.kid)...)
	dst = append(dst, `,"cty":"`...)
	dst = append(dst, h.cty...)
	dst = append(dst, `","ori":"`...)
	dst = append(dst, h.ori...)
	dst = append(dst, `","rri":"`...)
	dst = append(dst, h.rri...)
	dst = append(dst, '"')
	if h.oro != nil {
		dst = append(append(dst, `,"oro":`...), h.oro.text...)
	}
	if h.rro != nil {
		text, err := h.rro.JSON()
		if err != nil {
			return nil, err
		}
		dst = append(append(dst, `,"rro":`...), text...)
	}
	return append(dst, '}'), nil
}

// Names of the content encryption algorithms in a header (TS-0003 table
// 8.4.3.2-1).
const (
	nameA128GCM = "A128GCM"
	nameA192GCM = "A192GCM"
	nameA256GCM = "A256GCM"
)

// protection returns the number of a content encryption algorithm; 0 for one
// that isn't of ESPrim.
func protection(enc string) int64 {
	switch enc {
	case nameA128GCM:
		return keys.A128GCM
	case nameA192GCM:
		return keys.A192GCM
	case nameA256GCM:
		return keys.A256GCM
	}
	return 0
}

// encName is the opposite of protection; "" for a number that isn't one.
func encName(algorithm int64) string {
	switch algorithm {
	case keys.A128GCM:
		return nameA128GCM
	case keys.A192GCM:
		return nameA192GCM
	case keys.A256GCM:
		return nameA256GCM
	}
	return ""
}
