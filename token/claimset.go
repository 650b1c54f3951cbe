package token

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// wireClaimSet is m2m:tokenClaimSet with its short names.
type wireClaimSet struct {
	Version     string         `json:"vr"`
	ID          string         `json:"tkid"`
	Holder      onem2m.ID      `json:"tkhd"`
	Issuer      onem2m.ID      `json:"tkis"`
	NotBefore   string         `json:"tknb"`
	NotAfter    string         `json:"tkna"`
	Name        string         `json:"tknm,omitempty"`
	Audience    []string       `json:"tkau,omitzero"`
	Permissions jsontext.Value `json:"tkps,omitzero"`
	Extension   string         `json:"tkex,omitempty"`
}

// ClaimSet returns the claims as an m2m:tokenClaimSet in JSON, with the names
// that the attributes of <token> have. The error is an *Error
// with CheckClaims.
func (c *Claims) ClaimSet() (jsontext.Value, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	permissions, err := c.permissions()
	if err != nil {
		return nil, refuse(CheckClaims, "tkps: %w", errPermissions)
	}
	octets, err := json.Marshal(wireClaimSet{
		Version: c.Version, ID: c.ID, Holder: c.Holder, Issuer: c.Issuer,
		NotBefore: c.NotBefore.String(), NotAfter: c.NotAfter.String(),
		Name: c.Name, Audience: c.Audience, Permissions: permissions, Extension: c.Extension,
	})
	if err != nil {
		return nil, refuse(CheckClaims, "writing: %w", err)
	}
	return octets, nil
}

// ParseClaimSet reads an m2m:tokenClaimSet in JSON. The version may have either
// name, "vr" or "tkvr": the texts differ (C-01). Unlike in a JWT, a member that
// nobody knows is an error. The error is an *Error with CheckClaims.
func ParseClaimSet(value jsontext.Value) (*Claims, error) {
	f, err := readObject(value)
	if err != nil {
		return nil, err
	}
	version := "vr"
	if _, ok := f[version]; !ok {
		version = "tkvr"
	}
	r := reader{fields: f}
	c := &Claims{
		Version: r.text(version, true), ID: r.text("tkid", true),
		Issuer: onem2m.ID(r.text("tkis", true)), Holder: onem2m.ID(r.text("tkhd", true)),
		NotBefore: r.timestamp("tknb"), NotAfter: r.timestamp("tkna"),
		Name: r.text("tknm", false), Audience: r.texts("tkau", false), Permissions: r.permissions("tkps"), Extension: r.text("tkex", false),
	}
	for _, known := range []string{version, "tkid", "tkis", "tkhd", "tknb", "tkna", "tknm", "tkau", "tkps", "tkex"} {
		delete(f, known)
	}
	if len(f) > 0 && r.err == nil {
		return nil, refuse(CheckClaims, "a member that no claim set has")
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

// timestamp reads an m2m:timestamp.
func (r *reader) timestamp(name string) onem2m.Timestamp {
	at, err := onem2m.ParseTimestamp(r.text(name, true))
	if err != nil {
		r.fail(name, err)
	}
	return at
}
