package esdata

import (
	"strings"

	"bulwark/e2e/keys"
)

// Hint is how a header names a credential.
type Hint struct {
	KeyID      string // "kid", "" if there is none
	Thumbprint string // "x5t#S256", "" if there is none
}

// empty reports whether a header names no credential.
func (h Hint) empty() bool { return h == Hint{} }

// Keyring holds the credentials that an envelope may be opened with. It is the
// only place that keys come from: what a header carries or points to never
// becomes one.
type Keyring interface {
	// Find returns the keys that the hint names, nil for none. For an empty
	// hint it returns those that may be tried, or nil to refuse envelopes that
	// name nothing. It does not wait: what has to be fetched is fetched before
	// (see Envelope.Hints). MaxAttempts bounds how many are tried.
	Find(hint Hint) []*Key
}

// Ring is a Keyring of fixed keys. It never changes and may be used by any
// number of goroutines.
type Ring struct {
	all    []*Key
	byName map[string][]*Key // canonical identifier or thumbprint
}

var _ Keyring = (*Ring)(nil)

// NewRing returns a ring of the keys.
func NewRing(all ...*Key) *Ring {
	r := &Ring{all: all, byName: make(map[string][]*Key, len(all))}
	for _, k := range all {
		id := canonical(k.id)
		r.byName[id] = append(r.byName[id], k)
		if k.thumbprint != "" {
			r.byName[k.thumbprint] = append(r.byName[k.thumbprint], k)
		}
	}
	return r
}

// Find returns the keys with the identifier, else those of the certificate with
// the thumbprint, and all for an empty hint.
func (r *Ring) Find(hint Hint) []*Key {
	switch {
	case hint.KeyID != "":
		return r.byName[canonical(hint.KeyID)]
	case hint.Thumbprint != "":
		return r.byName[hint.Thumbprint]
	}
	return r.all
}

// canonical makes identifiers that name one symmetric key equal: case counts
// neither in hexadecimal digits nor in an FQDN (E-124).
func canonical(id string) string {
	parsed, err := keys.ParseIdentifier(id)
	if err != nil {
		return id
	}
	name := parsed.Name
	if upper := strings.ToUpper(name); parsed.Equal(keys.Identifier{Name: upper, FQDN: parsed.FQDN}) {
		name = upper
	}
	return keys.Identifier{Name: name, FQDN: strings.ToLower(parsed.FQDN)}.String()
}
