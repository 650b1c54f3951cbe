package identity

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"bulwark/onem2m"
)

// MaxAssociationAge is how long a session may last before a new handshake
// (S-139). The server that owns the connections enforces it.
const MaxAssociationAge = 24 * time.Hour

// TrustConfig says whose certificates mean what.
type TrustConfig struct {
	Home      onem2m.Home
	Anchors   []Anchor
	Peers     []Peer
	Registrar onem2m.ID        // the CSE that this one is registered with; "" for none
	Strict    bool             // refuse CSE-ID and FQDN certificates of a CA without name constraints (S-047)
	Log       *slog.Logger     // nil: nothing is logged
	Now       func() time.Time // nil: time.Now
}

// Trust verifies the certificates of peers and says what identity they have.
// Files are read again when they change, so that a revocation counts within
// seconds; nothing is kept between connections but verdicts on certificates.
// It may be used by many goroutines.
type Trust struct {
	home      onem2m.Home
	names     *nameMap
	registrar onem2m.ID
	pinned    map[onem2m.ID]bool // peers that only their own anchor vouches for
	strict    bool
	log       *slog.Logger
	now       func() time.Time

	state    atomic.Pointer[anchors]
	lookNext atomic.Int64 // Unix nanoseconds before which no file is looked at
	looking  sync.Mutex   // held by who looks at the files

	mu       sync.Mutex // guards verdicts
	verdicts map[verdictKey]verdict
}

// anchors is one generation of what is trusted.
type anchors struct {
	generation uint64
	all        []*anchor
	pool       *x509.CertPool
	of         map[string][]*anchor // by the DER of a CA certificate
}

// NewTrust reads the anchors. It fails if a file can't be read, also a
// revocation list: a server that can't tell who is revoked doesn't start.
func NewTrust(cfg TrustConfig) (*Trust, error) {
	t := &Trust{
		home: cfg.Home, registrar: cfg.Registrar, strict: cfg.Strict, log: cfg.Log, now: cfg.Now,
		pinned: map[onem2m.ID]bool{}, verdicts: map[verdictKey]verdict{},
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if t.now == nil {
		t.now = time.Now
	}
	var err error
	if t.names, err = newNameMap(cfg.Home, cfg.Peers); err != nil {
		return nil, err
	}
	var all []*anchor
	for _, a := range cfg.Anchors {
		loaded, err := loadAnchor(a, "")
		if err != nil {
			return nil, err
		}
		all = append(all, loaded)
	}
	for _, p := range cfg.Peers {
		if p.CA == "" {
			continue
		}
		loaded, err := loadAnchor(Anchor{CA: p.CA, Flavours: FlavourCSE}, p.ID)
		if err != nil {
			return nil, fmt.Errorf("peer %s: %w", p.ID, err)
		}
		all = append(all, loaded)
		t.pinned[p.ID] = true
	}
	t.state.Store(newAnchors(1, all))
	t.lookNext.Store(t.now().Add(lookInterval).UnixNano())
	return t, nil
}

// newAnchors indexes anchors.
func newAnchors(generation uint64, all []*anchor) *anchors {
	s := &anchors{generation: generation, all: all, pool: x509.NewCertPool(), of: map[string][]*anchor{}}
	for _, a := range all {
		for _, ca := range a.cas {
			s.pool.AddCert(ca)
			s.of[string(ca.Raw)] = append(s.of[string(ca.Raw)], a)
		}
	}
	return s
}

// look reads changed files again, at most every lookInterval. Only one
// goroutine does; the others go on with what there is.
func (t *Trust) look(now time.Time) {
	next := t.lookNext.Load()
	if at := now.UnixNano(); at < next && next-at <= int64(lookInterval) || !t.looking.TryLock() {
		return
	}
	defer t.looking.Unlock()
	t.lookNext.Store(now.Add(lookInterval).UnixNano())
	old := t.state.Load()
	all := make([]*anchor, len(old.all))
	changed := false
	for i, a := range old.all {
		n, c := a.refresh(t.log)
		all[i] = n
		changed = changed || c
	}
	if changed {
		t.state.Store(newAnchors(old.generation+1, all))
		t.log.Info("trust anchors or revocation lists have been read again")
	}
}

// AssociationOf returns what the certificate of a connection makes its peer:
// an association, or none if the peer showed no certificate. It is called once
// per connection; the binding fills in what it knows (Binding, Listener,
// Source, Required). A TLS 1.2 session without extended master secret is
// refused (S-134).
func (t *Trust) AssociationOf(state *tls.ConnectionState) (*Association, error) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return &Association{Kind: KindNone, Framework: FrameworkNone}, nil
	}
	if state.HandshakeComplete && state.Version == tls.VersionTLS12 {
		// Go exports keys only of sessions with extended master secret.
		if _, err := state.ExportKeyingMaterial("EXPORTER-oneM2M-Connection", nil, 1); err != nil {
			return nil, fmt.Errorf("session without extended master secret: %w", err)
		}
	}
	v, err := t.verify(state.PeerCertificates, x509.ExtKeyUsageClientAuth, t.now())
	if err != nil {
		return nil, err
	}
	return t.association(v)
}

// association turns a verdict on a client certificate into an association.
func (t *Trust) association(v verdict) (*Association, error) {
	a := &Association{Framework: FrameworkCertificate, CredentialID: v.subject.Credential, Expires: v.expires}
	switch v.subject.Flavour {
	case FlavourAE:
		a.Kind, a.IDs = KindAE, []onem2m.ID{v.subject.ID}
	case FlavourCSE:
		a.Kind, a.IDs = KindCSE, []onem2m.ID{v.subject.ID}
		a.Upstream = t.registrar != "" && v.subject.ID == t.registrar
	case FlavourNode, FlavourDevice:
		a.Kind = KindAE // of an AE on the node, bound when it registers (S-080)
	default:
		return nil, errors.New("the certificate is that of a host, not of an AE, CSE, node or device")
	}
	return a, nil
}

// CheckOwn fails if the own certificate doesn't name this CSE to its peers, or
// not yet or no longer does (S-056). A certificate of another CA than those
// trusted here passes: what matters is whom the peers trust.
func (t *Trust) CheckOwn(own *KeyPair) error {
	leaf := own.Leaf()
	s, err := subjectOf(leaf, t.names)
	switch now := t.now(); {
	case err != nil:
		return fmt.Errorf("own certificate: %w", err)
	case s.ID != t.home.ID() && s.Flavour&FlavourCSE != 0:
		return fmt.Errorf("own certificate: it names %s, not %s", s.ID, t.home.ID())
	case s.Flavour&FlavourCSE == 0 && !t.names.fixed[t.home.ID()] && hasRuleName(t.home):
		return fmt.Errorf("own certificate: no name in it stands for %s", t.home.ID())
	case now.Before(leaf.NotBefore) || now.After(leaf.NotAfter):
		return fmt.Errorf("own certificate: it is valid from %s to %s", leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339))
	}
	return nil
}

// hasRuleName reports whether a CSE has a domain name by the rule; if not, its
// certificate may have any.
func hasRuleName(home onem2m.Home) bool {
	_, ok := DomainName(home.ID())
	return ok
}

// Revalidate says whether the certificate of a session is still good at now:
// not expired, not revoked, its anchor still trusted (S-060). It is cheap
// enough for every request; on an error the connection has to be closed.
func (t *Trust) Revalidate(state *tls.ConnectionState, now time.Time) error {
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	_, err := t.verify(state.PeerCertificates, x509.ExtKeyUsageClientAuth, now)
	return err
}
