package identity

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Sentinel errors of the revocation check.
var (
	ErrRevoked       = errors.New("the certificate is revoked")
	ErrNoRevocations = errors.New("there is no current revocation list of its issuer")
)

// revocations is one revocation list.
type revocations struct {
	list   *x509.RevocationList
	serial map[string]struct{} // what is revoked, by the serial number's octets
}

// parseRevocations reads a complete revocation list. One with a critical
// extension, a delta or one for a part of the certificates, isn't that
// (RFC 5280 clause 5.2).
func parseRevocations(der []byte) (revocations, error) {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return revocations{}, err
	}
	for _, e := range list.Extensions {
		if e.Critical {
			return revocations{}, fmt.Errorf("critical extension %v", e.Id)
		}
	}
	r := revocations{list: list, serial: make(map[string]struct{}, len(list.RevokedCertificateEntries))}
	for _, e := range list.RevokedCertificateEntries {
		for _, x := range e.Extensions {
			if x.Critical {
				return revocations{}, fmt.Errorf("critical extension %v in an entry", x.Id)
			}
		}
		r.serial[string(e.SerialNumber.Bytes())] = struct{}{}
	}
	return r, nil
}

// olderThan reports whether r is an earlier issue of the list o.
func (r revocations) olderThan(o revocations) bool {
	if !bytes.Equal(r.list.RawIssuer, o.list.RawIssuer) || !bytes.Equal(r.list.AuthorityKeyId, o.list.AuthorityKeyId) {
		return false
	}
	if r.list.Number != nil && o.list.Number != nil {
		return r.list.Number.Cmp(o.list.Number) < 0
	}
	return r.list.ThisUpdate.Before(o.list.ThisUpdate)
}

// revocation checks a chain against the lists of the anchor, leaf first, and
// returns when the lists have to be looked at again; zero without lists. The
// issuer of the leaf must have a current list (S-051: fail hard); the CAs above
// are checked where there is one.
func (a *anchor) revocation(chain []*x509.Certificate, now time.Time) (time.Time, error) {
	var until time.Time
	if a.CRL == "" {
		return until, nil
	}
	for i, cert := range chain[:len(chain)-1] {
		found := false
		for _, r := range a.lists {
			if !r.of(chain[i+1], cert) {
				continue
			}
			if now.After(r.list.NextUpdate) || now.Before(r.list.ThisUpdate) {
				return until, fmt.Errorf("%w: next update %s", ErrNoRevocations, r.list.NextUpdate.Format(time.RFC3339))
			}
			if _, revoked := r.serial[string(cert.SerialNumber.Bytes())]; revoked {
				return until, ErrRevoked
			}
			found = true
			if until.IsZero() || r.list.NextUpdate.Before(until) {
				until = r.list.NextUpdate
			}
		}
		if i == 0 && !found {
			return until, ErrNoRevocations
		}
	}
	return until, nil
}

// of reports whether the list is the issuer's, for a certificate of it.
func (r revocations) of(issuer, cert *x509.Certificate) bool {
	return bytes.Equal(r.list.RawIssuer, cert.RawIssuer) && r.list.CheckSignatureFrom(issuer) == nil
}
