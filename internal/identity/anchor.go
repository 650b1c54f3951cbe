package identity

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"bulwark/onem2m"
)

// Anchor is a trust anchor: the [[anchor]] of a configuration.
type Anchor struct {
	CA       string   // file with one or more CA certificates
	Flavours Flavours // what it vouches for (S-052)
	CRL      string   // file with the revocation lists of it and of the CAs below it; "" for none
}

// anchor is an Anchor with its files read. It doesn't change: a changed file
// makes a new one.
type anchor struct {
	Anchor
	only    onem2m.ID // the one CSE that it vouches for, if not ""
	cas     []*x509.Certificate
	lists   []revocations
	caStamp fileStamp
	crl     fileStamp
	warned  *atomic.Bool // the missing name constraint has been logged
}

// loadAnchor reads the files of an anchor for the first time.
func loadAnchor(a Anchor, only onem2m.ID) (*anchor, error) {
	if a.Flavours == 0 {
		return nil, fmt.Errorf("anchor %s: it vouches for no flavour", a.CA)
	}
	if strings.Contains(a.CRL, "://") {
		return nil, fmt.Errorf("anchor %s: fetching a CRL from %s is not in this version; name a file", a.CA, a.CRL)
	}
	n := &anchor{Anchor: a, only: only, warned: &atomic.Bool{}}
	if err := n.readCA(); err != nil {
		return nil, fmt.Errorf("anchor %s: %w", a.CA, err)
	}
	if a.CRL != "" {
		if err := n.readCRL(); err != nil {
			return nil, fmt.Errorf("anchor %s: crl %s: %w", a.CA, a.CRL, err)
		}
	}
	return n, nil
}

// readCA reads the certificates.
func (a *anchor) readCA() error {
	data, stamp, err := readFile(a.CA)
	if err != nil {
		return err
	}
	ders, err := blocks(data, "CERTIFICATE")
	if err != nil {
		return err
	}
	var cas []*x509.Certificate
	for _, der := range ders {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		if !cert.BasicConstraintsValid || !cert.IsCA {
			return errors.New("it has a certificate that is not a CA's")
		}
		cas = append(cas, cert)
	}
	a.cas, a.caStamp = cas, stamp
	return nil
}

// readCRL reads the revocation lists. One that is older than that in use is
// not taken, so that nobody un-revokes a credential by an old file.
func (a *anchor) readCRL() error {
	data, stamp, err := readFile(a.CRL)
	if err != nil {
		return err
	}
	ders, err := blocks(data, "X509 CRL")
	if err != nil {
		return err
	}
	var lists []revocations
	for _, der := range ders {
		l, err := parseRevocations(der)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(a.lists, l.olderThan) {
			return errors.New("a list in it is older than the one in use")
		}
		lists = append(lists, l)
	}
	a.lists, a.crl = lists, stamp
	return nil
}

// refresh returns the anchor as its files are now, and whether that is another
// one. What can't be read leaves the last good state, which a revocation list
// outlives only until its next update is due.
func (a *anchor) refresh(log *slog.Logger) (*anchor, bool) {
	n := *a
	changed := false
	if now, err := stampOf(a.CA); err != nil || !now.same(a.caStamp) {
		if err := n.readCA(); err != nil {
			log.Error("the trust anchor can't be read, the last one stays", "file", a.CA, "error", err)
		} else {
			changed = true
		}
	}
	if a.CRL == "" {
		return &n, changed
	}
	if now, err := stampOf(a.CRL); err != nil || !now.same(a.crl) {
		if err := n.readCRL(); err != nil {
			log.Error("the revocation list can't be read, the last one stays", "file", a.CRL, "error", err)
		} else {
			changed = true
		}
	}
	return &n, changed
}

// vouches decides whether a chain that ends in one of the certificates of this
// anchor makes the subject believable, and until when to rely on that.
func (a *anchor) vouches(s Subject, chain []*x509.Certificate, strict bool, now time.Time, log *slog.Logger) (Subject, time.Time, error) {
	s, ok := s.oneFlavour(a.Flavours)
	if !ok || a.only != "" && a.only != s.ID {
		return s, time.Time{}, errors.New("its trust anchor doesn't vouch for this kind of certificate")
	}
	if err := a.constrained(s, chain[1:], strict, log); err != nil {
		return s, time.Time{}, err
	}
	until, err := a.revocation(chain, now)
	return s, until, err
}

// constrained demands the name constraints of S-046 and S-047. Whether the
// names keep to them is the path validation's affair.
func (a *anchor) constrained(s Subject, cas []*x509.Certificate, strict bool, log *slog.Logger) error {
	onURIs := func(ca *x509.Certificate) bool { return len(ca.PermittedURIDomains) > 0 }
	onDomains := func(ca *x509.Certificate) bool { return len(ca.PermittedDNSDomains) > 0 }
	switch {
	case s.Flavour == FlavourAE && !slices.ContainsFunc(cas, onURIs):
		return errors.New("its CA has no name constraint on URIs")
	case s.Flavour&(FlavourCSE|FlavourFQDN) == 0 || slices.ContainsFunc(cas, onDomains):
		return nil
	case strict:
		return errors.New("its CA has no name constraint on domain names")
	}
	if a.warned.CompareAndSwap(false, true) {
		log.Warn("the CA has no name constraint on domain names", "anchor", a.CA)
	}
	return nil
}
