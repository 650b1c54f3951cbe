package token

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// Limits of the content of a token. The text sets none; these are far
// above what issuers write and keep one evaluation cheap.
const (
	MaxPermissions = 100
	MaxResources   = 1000 // resourceIDs of a permission
	MaxRoles       = 100  // roleIDs of a permission
	MaxAudience    = 100
)

// latest is the last second that a NumericDate may name: the end of the year
// 9999, beyond which an m2m:timestamp cannot go.
const latest = onem2m.Timestamp(253402300799_999999)

// Claims is what a token says, m2m:tokenClaimSet (TS-0004 clause 6.3.5.42).
type Claims struct {
	Version     string           // tkvr
	ID          string           // tkid, jti: name@fqdn
	Issuer      onem2m.ID        // tkis, iss: absolute
	Holder      onem2m.ID        // tkhd, azp: absolute
	NotBefore   onem2m.Timestamp // tknb, nbf
	NotAfter    onem2m.Timestamp // tkna, exp
	Name        string           // tknm, "" for none
	Audience    []string         // tkau, aud: absolute CSE-IDs, perhaps with "*"; nil for everybody
	Permissions []Permission     // tkps
	Extension   string           // tkex, "" for none
}

// Permission is one m2m:tokenPermission (TS-0004 clause 6.3.5.41). It holds
// privileges, roles or both.
type Permission struct {
	Resources  []string       // ris; nil for every resource, which privileges do not allow
	Privileges jsontext.Value // pv, a m2m:setOfAcrs in JSON; nil for none
	Roles      []string       // rids
}

// Ref names a token among those of all issuers.
type Ref struct {
	Issuer onem2m.ID
	ID     string
}

// Ref returns the name of the token.
func (c *Claims) Ref() Ref { return Ref{Issuer: c.Issuer, ID: c.ID} }

// attribute returns the definition of an element of a claim set: that of the
// attribute of <token> with the name (TS-0001 clause 9.6.39).
func attribute(short string) *onem2m.Attribute {
	return onem2m.TypeByNumber(onem2m.TypeToken).Attribute(short)
}

// checkText compares a text with the type of the attribute. The error of the
// table is not passed on: it may repeat what the token holds.
func checkText(short, s string) *Error {
	value, err := jsontext.AppendQuote(nil, s)
	if err == nil {
		err = attribute(short).CheckValue(value)
	}
	if err != nil {
		return refuse(CheckClaims, "%s is not of its type", short)
	}
	return nil
}

// check tells whether the claims are complete and of their types (A-113,
//
func (c *Claims) check() *Error {
	if c.Version == "" {
		return refuse(CheckClaims, "there is no version")
	}
	if err := checkText("tkid", c.ID); err != nil {
		return err
	}
	for _, id := range []onem2m.ID{c.Issuer, c.Holder} {
		if absolute, form, err := (onem2m.Home{}).ParseID(string(id)); err != nil || form != onem2m.FormAbsolute || absolute != id {
			return refuse(CheckClaims, "issuer or holder is not an absolute AE-ID or CSE-ID")
		}
	}
	if c.NotBefore < 0 || c.NotAfter <= c.NotBefore || c.NotAfter > latest {
		return refuse(CheckClaims, "notAfter is not behind notBefore")
	}
	for _, text := range []struct{ short, value string }{{"vr", c.Version}, {"tknm", c.Name}, {"tkex", c.Extension}} {
		if text.value == "" {
			continue
		}
		if err := checkText(text.short, text.value); err != nil {
			return err
		}
	}
	if len(c.Audience) > MaxAudience || len(c.Permissions) > MaxPermissions {
		return refuse(CheckClaims, "more audiences or permissions than there may be")
	}
	for _, cse := range c.Audience {
		if !strings.HasPrefix(cse, "//") {
			return refuse(CheckClaims, "an audience is not an absolute CSE-ID")
		}
	}
	return c.checkPermissions()
}

// checkPermissions compares them with their type and with what the text says
// about their members (TS-0003 clause 7.3.2.5, A-114).
func (c *Claims) checkPermissions() *Error {
	for _, p := range c.Permissions {
		switch {
		case p.Privileges == nil && len(p.Roles) == 0:
			return refuse(CheckClaims, "a permission has neither privileges nor roles")
		case p.Privileges != nil && len(p.Resources) == 0:
			return refuse(CheckClaims, "a permission has privileges without resources")
		case len(p.Resources) > MaxResources || len(p.Roles) > MaxRoles:
			return refuse(CheckClaims, "a permission has more resources or roles than there may be")
		}
	}
	value, err := c.permissions()
	if err != nil {
		return refuse(CheckClaims, "tkps: %w", errPermissions)
	}
	if value == nil {
		return nil
	}
	if attribute("tkps").CheckValue(value) != nil {
		return refuse(CheckClaims, "tkps: %w", errPermissions)
	}
	return nil
}

// wirePermissions is m2m:tokenPermissions in JSON.
type wirePermissions struct {
	Permissions []wirePermission `json:"pm"`
}

type wirePermission struct {
	Resources  []string       `json:"ris,omitzero"` // an empty list is no resource, none is every one
	Privileges jsontext.Value `json:"pv,omitzero"`
	Roles      []string       `json:"rids,omitempty"`
}

// permissions returns the JSON of the permissions, nil for none.
func (c *Claims) permissions() (jsontext.Value, error) {
	if c.Permissions == nil {
		return nil, nil
	}
	w := wirePermissions{Permissions: make([]wirePermission, 0, len(c.Permissions))}
	for _, p := range c.Permissions {
		w.Permissions = append(w.Permissions, wirePermission(p))
	}
	return json.Marshal(w)
}

// readPermissions reads what permissions writes. A member that nobody knows is
// refused: a restriction that would not be enforced must not be accepted. So is one
// that is null, which could be meant for no resource as well as for every one.
func readPermissions(value jsontext.Value) ([]Permission, error) {
	var w struct {
		Permissions []struct {
			Resources  jsontext.Value `json:"ris"`
			Privileges jsontext.Value `json:"pv"`
			Roles      jsontext.Value `json:"rids"`
		} `json:"pm"`
	}
	if err := json.Unmarshal(value, &w, json.RejectUnknownMembers(true)); err != nil {
		return nil, errPermissions
	}
	out := make([]Permission, 0, len(w.Permissions))
	for _, p := range w.Permissions {
		r := reader{fields: map[string]jsontext.Value{"ris": p.Resources, "rids": p.Roles}}
		out = append(out, Permission{Resources: r.texts("ris", false), Privileges: p.Privileges, Roles: r.texts("rids", false)})
		if r.err != nil {
			return nil, errPermissions
		}
	}
	return out, nil
}
