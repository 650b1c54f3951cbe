package token

import (
	"errors"
	"math/big"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

var (
	errPermissions = errors.New("not m2m:tokenPermissions")
	errDate        = errors.New("not a NumericDate of this era")
	errNotText     = errors.New("not a text")
)

// JWT returns the payload of the token, the claim set of TS-0003 table
// 7.3.2.6.2-1. The error is an *Error with CheckClaims.
func (c *Claims) JWT() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	permissions, err := c.permissions()
	if err != nil {
		return nil, refuse(CheckClaims, "tkps: %w", errPermissions)
	}
	octets, err := json.Marshal(wireJWT{
		Version: c.Version, ID: c.ID, Issuer: c.Issuer, Holder: c.Holder,
		NotBefore: numericDate(c.NotBefore), NotAfter: numericDate(c.NotAfter),
		Name: c.Name, Audience: c.Audience, Permissions: permissions, Extension: c.Extension,
	})
	if err != nil {
		return nil, refuse(CheckClaims, "writing: %w", err)
	}
	return octets, nil
}

// wireJWT has the claims in the order of the table.
type wireJWT struct {
	Version     string         `json:"tkvr"`
	ID          string         `json:"jti"`
	Issuer      onem2m.ID      `json:"iss"`
	Holder      onem2m.ID      `json:"azp"`
	NotBefore   jsontext.Value `json:"nbf"`
	NotAfter    jsontext.Value `json:"exp"`
	Name        string         `json:"tknm,omitempty"`
	Audience    []string       `json:"aud,omitzero"` // an empty one is nobody's
	Permissions jsontext.Value `json:"tkps,omitzero"`
	Extension   string         `json:"tkex,omitempty"`
}

// ParseJWT reads the payload of a token: one JSON object in which no name is
// given twice. Claims that the table does not have are ignored; a known one of
// the wrong type, or a missing one, is an error. The error is an *Error
// with CheckClaims. What the claims say has not been verified.
func ParseJWT(payload []byte) (*Claims, error) {
	f, err := readObject(payload)
	if err != nil {
		return nil, err
	}
	r := reader{fields: f}
	if _, ok := f["tkvr"]; !ok {
		f["tkvr"] = f["vr"] // the name that TS-0004 has for it (C-01)
	}
	c := &Claims{
		Version: r.text("tkvr", true), ID: r.text("jti", true),
		Issuer: onem2m.ID(r.text("iss", true)), Holder: onem2m.ID(r.text("azp", true)),
		NotBefore: r.date("nbf", true), NotAfter: r.date("exp", false),
		Name: r.text("tknm", false), Audience: r.texts("aud", true), Permissions: r.permissions("tkps"), Extension: r.text("tkex", false),
	}
	if r.err != nil {
		return nil, r.err
	}
	c.canonical()
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// canonical writes the domain names in lower case, so that identifiers that
// name one entity are equal.
func (c *Claims) canonical() {
	for _, id := range []*onem2m.ID{&c.Issuer, &c.Holder} {
		if absolute, form, err := (onem2m.Home{}).ParseID(string(*id)); err == nil && form == onem2m.FormAbsolute {
			*id = absolute
		}
	}
}

// readObject reads one JSON object with unique names.
func readObject(octets []byte) (map[string]jsontext.Value, error) {
	var f map[string]jsontext.Value
	if err := json.Unmarshal(octets, &f); err != nil || f == nil {
		return nil, refuse(CheckClaims, "not a JSON object with unique names")
	}
	return f, nil
}

// reader reads members of an object and keeps the first error.
type reader struct {
	fields map[string]jsontext.Value
	err    *Error
}

// value returns a member; a mandatory one must be there, and none may be null.
func (r *reader) value(name string, mandatory bool) (jsontext.Value, bool) {
	value := r.fields[name]
	if value == nil {
		if mandatory {
			r.fail(name, errors.New("missing"))
		}
		return nil, false
	}
	return value, true
}

func (r *reader) fail(name string, err error) {
	if r.err == nil {
		r.err = refuse(CheckClaims, "%s: %w", name, err)
	}
}

func (r *reader) text(name string, mandatory bool) string {
	value, ok := r.value(name, mandatory)
	if !ok {
		return ""
	}
	return r.textOf(name, value)
}

func (r *reader) textOf(name string, value jsontext.Value) string {
	var s string
	if value.Kind() != '"' || json.Unmarshal(value, &s) != nil {
		r.fail(name, errNotText)
	}
	return s
}

// texts reads a list of texts; alone allows one text in its place.
func (r *reader) texts(name string, alone bool) []string {
	value, ok := r.value(name, false)
	switch {
	case !ok:
		return nil
	case alone && value.Kind() == '"':
		return []string{r.textOf(name, value)}
	}
	var list []string
	if value.Kind() != '[' || json.Unmarshal(value, &list) != nil {
		r.fail(name, errors.New("not a list of texts"))
	}
	return list
}

func (r *reader) permissions(name string) []Permission {
	value, ok := r.value(name, false)
	if !ok {
		return nil
	}
	list, err := readPermissions(value)
	if err != nil || value.Kind() != '{' {
		r.fail(name, errPermissions)
	}
	return list
}

// date reads a NumericDate. What is finer than a microsecond is rounded so that
// the token lives shorter, not longer.
func (r *reader) date(name string, up bool) onem2m.Timestamp {
	value, ok := r.value(name, true)
	if !ok {
		return 0
	}
	at, err := parseDate(value, up)
	if err != nil {
		r.fail(name, err)
	}
	return at
}

// numericDate writes an instant as seconds since 1970, with a fraction only
// where there is one (RFC 7519 clause 2).
func numericDate(at onem2m.Timestamp) jsontext.Value {
	out := strconv.AppendInt(nil, int64(at)/micros, 10)
	if fraction := int64(at) % micros; fraction != 0 {
		digits := strconv.FormatInt(micros+fraction, 10)[1:]
		out = append(append(out, '.'), strings.TrimRight(digits, "0")...)
	}
	return out
}

// micros is the resolution of an instant in a second.
const micros = 1_000_000

// Limits of the text of a number: a long one, or a large exponent, would cost
// more than it says.
const (
	maxNumber   = 40
	maxExponent = 20
)

// parseDate reads any JSON number exactly.
func parseDate(value jsontext.Value, up bool) (onem2m.Timestamp, error) {
	s := string(value)
	if value.Kind() != '0' || len(s) > maxNumber {
		return 0, errDate
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		exponent, err := strconv.Atoi(s[i+1:])
		if err != nil || exponent > maxExponent || exponent < -maxExponent {
			return 0, errDate
		}
	}
	seconds, ok := new(big.Rat).SetString(s)
	if !ok {
		return 0, errDate
	}
	seconds.Mul(seconds, big.NewRat(micros, 1))
	whole, rest := new(big.Int).QuoRem(seconds.Num(), seconds.Denom(), new(big.Int))
	if up && rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	if seconds.Sign() < 0 || !whole.IsInt64() || whole.Int64() > int64(latest) {
		return 0, errDate
	}
	return onem2m.Timestamp(whole.Int64()), nil
}
