package esdata

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxHeader bounds one header in octets: a chain of certificates fits.
const maxHeader = 16 << 10

// Header is what this package reads of the header of one envelope. All but the
// names of a credential come from the protected part, or are an "alg" for one
// of several recipients.
type Header struct {
	Algorithm   Algorithm
	Encryption  Encryption // of an encrypted envelope
	Type        string     // "typ"
	ContentType string     // "cty"
	Hint                   // "kid" and "x5t#S256"
}

// Forms of "cty" that announce an envelope inside (RFC 7516 clause 4.1.12,
// RFC 7519 clause 5.2).
const (
	contentJOSE     = "JOSE"
	contentJOSEJSON = "JOSE+JSON"
	contentJWT      = "JWT"
)

// nested returns the serialization of the envelope that the content type
// announces inside.
func (h Header) nested() (Serialization, bool) {
	cty := strings.ToUpper(h.ContentType)
	switch strings.TrimPrefix(cty, "APPLICATION/") {
	case contentJOSE, contentJWT:
		return Compact, true
	case contentJOSEJSON:
		return JSON, true
	}
	return 0, false
}

// fields are the members of one header, before they are put together.
type fields map[string]jsontext.Value

// readProtected reads the base64url of a protected header.
func readProtected(text string) (fields, error) {
	if len(text) > maxHeader {
		return nil, fmt.Errorf("%w: too long", ErrHeader)
	}
	if text == "" {
		return fields{}, nil
	}
	octets, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: not base64url", ErrSyntax)
	}
	return readFields(octets)
}

// readFields reads a JSON object: no name twice, valid UTF-8, and none of the
// members that change how an envelope is read (E-145).
func readFields(octets []byte) (fields, error) {
	if len(octets) > maxHeader {
		return nil, fmt.Errorf("%w: too long", ErrHeader)
	}
	var f fields
	if err := json.Unmarshal(octets, &f); err != nil || f == nil {
		return nil, fmt.Errorf("%w: not a JSON object with unique names", ErrHeader)
	}
	for _, name := range []string{"crit", "zip", "b64"} {
		if _, ok := f[name]; ok {
			return nil, fmt.Errorf("%w: %s", ErrHeader, name)
		}
	}
	return f, nil
}

// merge puts the parts of a header together. No name may be in two of them
// (RFC 7516 clause 7.2.1), and what decides how the payload is read or
// encrypted must be protected.
func merge(protected fields, rest ...fields) (fields, error) {
	all := make(fields, len(protected))
	maps.Copy(all, protected)
	for _, part := range rest {
		for name, value := range part {
			if _, twice := all[name]; twice {
				return nil, fmt.Errorf("%w: a member is given twice", ErrHeader)
			}
			switch name {
			case "enc", "typ", "cty":
				return nil, fmt.Errorf("%w: %s is not protected", ErrHeader, name)
			}
			all[name] = value
		}
	}
	return all, nil
}

// header reads what a header says. Members that nobody asks for are ignored
// (RFC 7515 clause 4); jku, jwk, x5u, x5c and x5t are among them.
func (f fields) header(encrypted bool) (Header, error) {
	var (
		h        Header
		alg, enc string
	)
	for _, member := range []struct {
		name string
		into *string
		max  int
	}{
		{"alg", &alg, MaxKeyID},
		{"enc", &enc, MaxKeyID},
		{"typ", &h.Type, MaxKeyID},
		{"cty", &h.ContentType, MaxKeyID},
		{"kid", &h.KeyID, MaxKeyID},
		{"x5t#S256", &h.Thumbprint, MaxKeyID},
	} {
		value, ok := f[member.name]
		if !ok {
			continue
		}
		if value.Kind() != '"' || json.Unmarshal(value, member.into) != nil || *member.into == "" || len(*member.into) > member.max {
			return Header{}, fmt.Errorf("%w: %s", ErrHeader, member.name)
		}
	}
	h.Algorithm, h.Encryption = Algorithm(alg), Encryption(enc)
	switch {
	case encrypted && (!h.Algorithm.Encrypts() || !h.Encryption.Valid()):
		return Header{}, fmt.Errorf("%w: not one of encryption", ErrAlgorithm)
	case !encrypted && !h.Algorithm.Signs():
		return Header{}, fmt.Errorf("%w: not one of signatures", ErrAlgorithm)
	case !encrypted && enc != "":
		return Header{}, fmt.Errorf("%w: enc without encryption", ErrHeader)
	}
	return h, nil
}

// isBase64URL accepts base64url without padding in its one canonical form: the
// bits that are left over are zero (RFC 7515 clause 2), and there is no line
// break, which the standard library skips.
func isBase64URL(s string) bool {
	if len(s)%4 == 1 {
		return false
	}
	for i := range len(s) {
		if digit(s[i]) < 0 {
			return false
		}
	}
	switch len(s) % 4 {
	case 2:
		return digit(s[len(s)-1])&0xf == 0
	case 3:
		return digit(s[len(s)-1])&0x3 == 0
	}
	return true
}

// digit is the value of a character of base64url, -1 for any other.
func digit(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 26
	case '0' <= c && c <= '9':
		return int(c-'0') + 52
	case c == '-':
		return 62
	case c == '_':
		return 63
	}
	return -1
}

// isObject reports whether text may be a JSON object.
func isObject(text []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) }
