package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strings"

	"bulwark/internal/binding/httpb"
	"bulwark/internal/identity"
	"bulwark/internal/ops/audit"
)

// untrusted marks the error of a certificate that was shown and isn't believed,
// to tell it from a handshake that failed by itself.
type untrustedError struct{ error }

func (e untrustedError) Unwrap() error { return e.error }

// serverTLS is the TLS configuration of a listener, with errors of certificates
// marked.
func (c *credentials) serverTLS(optional bool) *tls.Config {
	cfg := c.trust.ServerConfig(c.own, identity.ServerOptions{Optional: optional})
	verify := cfg.VerifyConnection
	cfg.VerifyConnection = func(state tls.ConnectionState) error {
		if err := verify(state); err != nil {
			return untrustedError{err}
		}
		return nil
	}
	return cfg
}

// identify turns a handshake into an association and leaves a trace of it (S-143).
func (n *Node) identify(trust *identity.Trust) func(*tls.ConnectionState) (*identity.Association, error) {
	return func(state *tls.ConnectionState) (*identity.Association, error) {
		a, err := trust.AssociationOf(state)
		if err != nil {
			return nil, untrustedError{err}
		}
		n.metrics.Handshake("ok", tls.CipherSuiteName(state.CipherSuite))
		if a == nil || a.Kind == identity.KindNone {
			return a, nil
		}
		r := audit.Record{
			Time: n.o.Now(), Event: "association", Credential: a.CredentialID, Result: audit.Note,
			Reason: tls.VersionName(state.Version) + " " + tls.CipherSuiteName(state.CipherSuite),
		}
		for _, id := range a.IDs {
			r.Bound = append(r.Bound, string(id))
		}
		n.audit.Write(r)
		return a, nil
	}
}

// handshakeFailed counts and audits a handshake that led to no association. The
// reason is one of a few phrases: with the text of the error, which the peer can
// vary, identical records could not be summed up (S-096). The process log has it.
func (n *Node) handshakeFailed(source netip.Addr, err error) {
	result, reason := handshakeResult(err)
	n.metrics.Handshake(result, "")
	n.audit.Write(audit.Record{
		Time: n.o.Now(), Event: "association", Source: source, Binding: "https",
		Stage: "handshake", Result: audit.Deny, Reason: reason,
	})
}

// handshakeResult classifies the error of a handshake: as the metrics name it,
// and in words.
func handshakeResult(err error) (result, reason string) {
	var timeout net.Error
	var invalid x509.CertificateInvalidError
	var untrusted untrustedError
	switch {
	case errors.Is(err, httpb.ErrCrowded):
		return "too-many", "the peer has as many connections as one may have"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout", "the handshake took too long"
	case errors.Is(err, identity.ErrRevoked):
		return "revoked", "the certificate is revoked"
	case errors.Is(err, identity.ErrNoRevocations):
		return "revoked", "there is no current revocation list of the issuer"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "expired", "the certificate, or one above it, has expired or is not yet valid"
	case errors.As(err, &untrusted):
		return "untrusted", "the certificate is not trusted"
	case strings.Contains(err.Error(), "didn't provide a certificate"): // crypto/tls has no type for it
		return "no-certificate", "the peer showed no certificate"
	}
	return "protocol", "the peer did not complete the handshake"
}
