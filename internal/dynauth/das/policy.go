package das

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/e2e/esdata"
	"bulwark/onem2m"
	"bulwark/token"
)

// Limits of a policy. They are far above what an operator writes by
// hand and keep one decision cheap.
const (
	MaxPolicy    = 1 << 20 // octets of the file
	MaxGrants    = 1000
	MaxEntries   = 1000 // of one list in a grant
	MaxWindows   = 16   // of one grant
	MaxAudiences = 1000
	MaxSigners   = 10000

	// MaxAll and MaxEach are what may be outstanding of a grant that says nothing
	// of it, in total and to one originator: nobody fills the ledger by asking for
	// one resource after the other.
	MaxAll  = 100_000
	MaxEach = 1000

	// MaxLifetime bounds what is granted: a year of access is a matter for an
	// <accessControlPolicy>, not for a token.
	MaxLifetime = 366 * 24 * time.Hour
	// MaxWindowLifetime bounds what is granted inside windows: the end of one that
	// goes on for longer is of no interest, and not to be looked for.
	MaxWindowLifetime = 24 * time.Hour
)

// Policy says who gets what. It never changes and may be used by any number of
// goroutines.
type Policy struct {
	Grants    []Grant
	Audiences []Audience
	Signers   []Signer
}

// Grant is one thing that may be granted. All conditions that it has must hold;
// a list that is empty is no condition.
type Grant struct {
	Name string // unique; in the audit trail, and what is counted is counted by it

	Originators []string // absolute AE-IDs and CSE-IDs, "*" within a segment
	Roles       []string // Role-IDs of which the originator holds one, by the word of the CSE
	Credentials []string // Credential-IDs with "*", for originators that come themselves

	CSEs       []string              // absolute CSE-IDs, "*" within a segment; never empty
	Resources  []string              // absolute; "*" within a segment, "/**" at the end for all below; never empty
	Types      []onem2m.ResourceType // of the target, by the word of the CSE
	Operations []onem2m.Operation    // never empty
	Windows    []*onem2m.Schedule    // one of which holds now; what is granted ends with it

	Lifetime   time.Duration // of what is granted
	AtOnce     int           // how many may be outstanding
	AtOnceEach int           // the same for one originator

	Gift Gift
}

// Gift is what a grant gives: roles, rules, or both.
type Gift struct {
	Roles      []string         // Role-IDs of this server
	Anywhere   bool             // the roles count for every resource of the CSE, not for the target alone
	Operations access.Privilege // a rule for the originator, authenticated, with these
	Rules      jsontext.Value   // list of accessControlRule, "$originator" for the originator; nil for none
	Token      bool             // in a token
	ACP        bool             // as a dynamic <accessControlPolicy>: rules only, to a CSE that asks
}

// Audience says how tokens for CSEs are protected.
type Audience struct {
	CSE     string // absolute CSE-ID, "*" within a segment
	Protect token.Combination
	Keys    []*esdata.Key // shared with that CSE, or what encrypts for it
}

// Signer is an originator whose signatures over tokens are verified before they
// are recorded.
type Signer struct {
	ID   string // absolute AE-ID, "*" within a segment
	Keys []*esdata.Key
}

// protection returns how tokens for a CSE are protected: by the first audience
// that fits, else signed with ES256.
func (p *Policy) audience(cse onem2m.ID) Audience {
	for _, a := range p.Audiences {
		if onem2m.MatchID(a.CSE, string(cse)) {
			return a
		}
	}
	return Audience{Protect: token.Combination{Class: esdata.SignatureOnly, Signature: esdata.ES256}}
}

// algorithms lists the signatures that the server itself makes.
func (p *Policy) algorithms() []esdata.Algorithm {
	out := []esdata.Algorithm{esdata.ES256}
	for _, a := range p.Audiences {
		if s := a.Protect.Signature; s != "" && !s.Symmetric() && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// signer returns the keys of an originator, and whether it has any.
func (p *Policy) signer(id onem2m.ID) ([]*esdata.Key, bool) {
	for _, s := range p.Signers {
		if onem2m.MatchID(s.ID, string(id)) {
			return s.Keys, true
		}
	}
	return nil, false
}

// grant returns the grant of a name.
func (p *Policy) grant(name string) (*Grant, bool) {
	i := slices.IndexFunc(p.Grants, func(g Grant) bool { return g.Name == name })
	if i < 0 {
		return nil, false
	}
	return &p.Grants[i], true
}

// matchResource compares a resource with a pattern. "/**" at the end covers
// everything below what stands before it, and not that itself.
func matchResource(pattern, resource string) bool {
	above, deep := strings.CutSuffix(pattern, "/**")
	if !deep {
		return onem2m.MatchID(pattern, resource)
	}
	depth := strings.Count(above, "/")
	end := 0
	for range depth + 1 {
		next := strings.IndexByte(resource[end:], '/')
		if next < 0 {
			return false
		}
		end += next + 1
	}
	return end < len(resource) && onem2m.MatchID(above, resource[:end-1])
}

// matchCredential compares a Credential-ID with a pattern: here "*" covers any
// run of characters, since a Credential-ID is no path. What stands between two
// "*" is taken where it comes first, so nothing is tried twice.
func matchCredential(pattern, id string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	id, ok := strings.CutPrefix(id, first)
	for ok && star {
		var piece string
		if piece, rest, star = strings.Cut(rest, "*"); !star {
			return strings.HasSuffix(id, piece)
		}
		_, id, ok = strings.Cut(id, piece)
	}
	return ok && id == ""
}

// matchAny reports whether one of the patterns covers the identifier.
func matchAny(patterns []string, id string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return onem2m.MatchID(p, id) })
}
