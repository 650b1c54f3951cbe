// Package identity establishes who is at the other end of a connection and
// holds every request's From against it (TS-0003 clauses 7.2.1, 8.1 and 8.2).
//
// It makes TLS configurations for the certificate flavours, turns a verified
// certificate into an Association, and checks From against the Association
// before anything else happens to a request. It decides no access.
package identity

import (
	"net/netip"
	"time"

	"bulwark/onem2m"
)

// Kind tells what sort of entity an Association stands for.
type Kind int

// The kinds of an association. A session never carries both AE and CSE (S-078).
const (
	KindNone Kind = iota // no security association
	KindAE               // one AE-ID, or a set of AE-IDs, or only a Credential-ID so far
	KindCSE              // exactly one CSE-ID
)

// The frameworks that can be behind an association (TS-0003 clause 8.2.1).
const (
	FrameworkNone        = "none"
	FrameworkCertificate = "certificate"
	FrameworkPSK         = "psk"
)

// Association is what a binding knows about its peer: the outcome of the
// security association on which a request arrived (S-072). It is immutable;
// the AE-IDs that a bare Credential-ID stands for are looked up at each request.
type Association struct {
	Kind         Kind
	Framework    string      // "certificate", "psk", …; "none" without association
	CredentialID string      // "<type>-<value>", associations table 4.2; "" without association
	IDs          []onem2m.ID // identities that the credential itself names
	Upstream     bool        // the peer is the CSE that this one is registered with; its traffic comes down
	Trusted      bool        // listener with trust-plain: every well-formed From counts as authenticated
	Required     bool        // the listener demands an association (sa = "required")

	Binding  string     // "http", "https", …
	Listener string     // address of the listener, for logs
	Source   netip.Addr // rq_ip; invalid when unknown
	Expires  time.Time  // when the credential stops being valid; zero without one
}

// Originator is the outcome of a passed From check.
type Originator struct {
	ID            onem2m.ID // absolute identity; "" only in a CREATE of <AE> that asks for one
	Authenticated bool      // rq_authn (A-24 … A-28)
	Forwarded     bool      // came from a CSE on behalf of somebody else
}
