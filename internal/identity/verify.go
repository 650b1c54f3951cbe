package identity

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"bulwark/onem2m"
)

// MaxChain is the longest certificate chain accepted, leaf and anchor counted
// (S-039): a root, two CAs and the entity.
const MaxChain = 4

// maxPresented bounds the certificates a peer may send. Some send the root and
// cross certificates along.
const maxPresented = 2 * MaxChain

// recheckInterval is how long a verified certificate of a long-lived session is
// relied on without looking again (S-060).
const recheckInterval = time.Hour

// maxVerdicts bounds the cache of verified certificates; each takes some 300
// octets.
const maxVerdicts = 4096

// verdict is what the verification of a certificate led to.
type verdict struct {
	subject    Subject
	expires    time.Time // when the first certificate of the chain expires
	recheck    time.Time // until when the verdict may be relied on
	generation uint64    // of the anchors it was made with
}

// verdictKey names a verdict: the leaf and the role that it was verified for.
// Who presents the leaf proves to have its key in the handshake; the chain
// above it is as good whoever brings it.
type verdictKey struct {
	leaf  [sha256.Size]byte
	usage x509.ExtKeyUsage
}

// verify decides what the certificates of a peer are good for at a time: path
// validation against the configured anchors alone (S-045), then all that
// RFC 5280 leaves to the profile.
func (t *Trust) verify(certs []*x509.Certificate, usage x509.ExtKeyUsage, now time.Time) (verdict, error) {
	if len(certs) == 0 {
		return verdict{}, errors.New("the peer has no certificate")
	}
	t.look(now)
	state := t.state.Load()
	key := verdictKey{leaf: sha256.Sum256(certs[0].Raw), usage: usage}
	if v, ok := t.recall(key); ok && v.generation == state.generation && now.Before(v.recheck) && !now.Before(v.recheck.Add(-recheckInterval)) {
		return v, nil
	}
	v, err := t.judge(state, certs, usage, now)
	if err != nil {
		t.forget(key)
		return verdict{}, err
	}
	t.remember(key, v)
	return v, nil
}

// Verify fails unless a chain of certificates, leaf first, proves that its
// holder is exactly peer, by the anchors and the profile of this Trust, now. It
// is for those who carry a handshake over something else than a connection.
func (t *Trust) Verify(peer onem2m.ID, chain []*x509.Certificate, usage x509.ExtKeyUsage) error {
	v, err := t.verify(chain, usage, t.now())
	if err != nil {
		return err
	}
	if peer == "" || v.subject.ID != peer {
		return errors.New("the certificate names another entity")
	}
	return nil
}

// judge is verify without cache.
func (t *Trust) judge(state *anchors, certs []*x509.Certificate, usage x509.ExtKeyUsage, now time.Time) (verdict, error) {
	if len(certs) > maxPresented {
		return verdict{}, fmt.Errorf("the peer sent %d certificates", len(certs))
	}
	leaf := withoutHandled(certs[0])
	if leaf.IsCA {
		return verdict{}, errors.New("the certificate is that of a CA")
	}
	subject, err := subjectOf(leaf, t.names)
	if err != nil {
		return verdict{}, err
	}
	between := x509.NewCertPool()
	for _, cert := range certs[1:] {
		between.AddCert(cert)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots:         state.pool,
		Intermediates: between,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{usage},
	})
	if err != nil {
		return verdict{}, err
	}
	var failed error
	for _, chain := range chains {
		if urnsConstrained(certs[0], chain[1:]) {
			failed = errors.New("its CA has a name constraint on URIs, which a URN can't satisfy")
			continue
		}
		v, err := t.judgeChain(state, subject, chain, now)
		if err == nil {
			return v, nil
		}
		failed = err
	}
	return verdict{}, failed
}

// judgeChain holds one valid chain against the profile and the anchors that
// its last certificate belongs to.
func (t *Trust) judgeChain(state *anchors, subject Subject, chain []*x509.Certificate, now time.Time) (verdict, error) {
	if len(chain) < 2 || len(chain) > MaxChain {
		return verdict{}, fmt.Errorf("the chain has %d certificates; 2 to %d are allowed", len(chain), MaxChain)
	}
	if err := checkProfile(chain); err != nil {
		return verdict{}, err
	}
	failed := errors.New("no trust anchor")
	for _, a := range state.of[string(chain[len(chain)-1].Raw)] {
		s, until, err := a.vouches(subject, chain, t.strict, now, t.log)
		if err == nil && s.ID != "" && t.pinned[s.ID] && a.only != s.ID {
			err = errors.New("this peer has a trust anchor of its own")
		}
		if err != nil {
			failed = err
			continue
		}
		v := verdict{subject: s, generation: state.generation, expires: chain[0].NotAfter, recheck: now.Add(recheckInterval)}
		for _, cert := range chain {
			v.expires = earlier(v.expires, cert.NotAfter)
		}
		v.recheck = earlier(v.recheck, v.expires)
		if !until.IsZero() {
			v.recheck = earlier(v.recheck, until)
		}
		return v, nil
	}
	return verdict{}, failed
}

// withoutHandled returns the certificate without what crypto/x509 can't judge
// and this package does: the mark that its critical subjectAltName is unknown,
// which is set if there are only otherNames, and URNs, which have no host to
// hold against name constraints (see urnsConstrained).
func withoutHandled(cert *x509.Certificate) *x509.Certificate {
	handled := *cert
	handled.UnhandledCriticalExtensions = nil
	for _, oid := range cert.UnhandledCriticalExtensions {
		if !oid.Equal(oidSubjectAltName) {
			handled.UnhandledCriticalExtensions = append(handled.UnhandledCriticalExtensions, oid)
		}
	}
	handled.URIs = nil
	for _, u := range cert.URIs {
		if u.Scheme != "urn" {
			handled.URIs = append(handled.URIs, u)
		}
	}
	return &handled
}

// urnsConstrained reports whether a leaf has a URN below a CA with constraints
// on URIs, which such a name can't satisfy (RFC 5280 clause 4.2.1.10).
func urnsConstrained(leaf *x509.Certificate, cas []*x509.Certificate) bool {
	if !slices.ContainsFunc(leaf.URIs, func(u *url.URL) bool { return u.Scheme == "urn" }) {
		return false
	}
	return slices.ContainsFunc(cas, func(ca *x509.Certificate) bool {
		return len(ca.PermittedURIDomains)+len(ca.ExcludedURIDomains) > 0
	})
}

// earlier returns the earlier of two times.
func earlier(a, b time.Time) time.Time { return slices.MinFunc([]time.Time{a, b}, time.Time.Compare) }

// recall returns a cached verdict.
func (t *Trust) recall(key verdictKey) (verdict, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := t.verdicts[key]
	return v, ok
}

// remember caches a verdict; a full cache starts anew.
func (t *Trust) remember(key verdictKey, v verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.verdicts) >= maxVerdicts {
		clear(t.verdicts)
	}
	t.verdicts[key] = v
}

// forget drops a cached verdict.
func (t *Trust) forget(key verdictKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.verdicts, key)
}
