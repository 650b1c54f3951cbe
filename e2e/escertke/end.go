package escertke

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"bulwark/e2e/keys"
	"bulwark/onem2m"
)

// MaxLifetime is how long a key is good for, and the default (E-108). The text
// leaves it to local policy.
const MaxLifetime = 30 * 24 * time.Hour

// Trust says whose certificates mean what.
type Trust interface {
	// Verify fails unless the chain, leaf first, is valid now for the usage by
	// the certificate profile of TS-0003 clause 10.1 and names exactly peer, an
	// absolute AE-ID or CSE-ID.
	Verify(peer onem2m.ID, chain []*x509.Certificate, usage x509.ExtKeyUsage) error
}

// End is one end of a handshake.
type End struct {
	Certificate func() *tls.Certificate // own certificate with its chain; its key can sign only, P-256
	Trust       Trust
	Lifetime    time.Duration    // of a key; 0, or above MaxLifetime: MaxLifetime
	Now         func() time.Time // nil: time.Now
}

// Key is what both ends have when a handshake is complete. It is a
// pairwiseESPrimKey, unchanged and for no other use (E-108).
type Key struct {
	ID      string // kid: 32 hexadecimal digits in upper case
	Secret  keys.Secret
	Peer    onem2m.ID // identity that the certificate of the other end proves
	Expires time.Time
}

// Sentinel errors of Initiate.
var (
	// ErrPeer says that the certificate of the other end does not prove whom it
	// should.
	ErrPeer = errors.New("the certificate of the other end is not that of the peer")
	// ErrMessage says that the other end sent what is no message of this
	// handshake.
	ErrMessage = errors.New("the other end sent no message of this handshake")
)

// untrustedError marks the failure of a certificate.
type untrustedError struct{ error }

func (e untrustedError) Unwrap() error { return e.error }

// Life returns how long a key is good for, as long as both certificates are.
func (e End) Life() time.Duration {
	if e.Lifetime <= 0 || e.Lifetime > MaxLifetime {
		return MaxLifetime
	}
	return e.Lifetime
}

func (e End) now() time.Time {
	if e.Now == nil {
		return time.Now()
	}
	return e.Now()
}

// config is what both ends have in common (E-99, E-100): TLS 1.2, no tickets,
// certificates with ECDSA. The suite with CBC is the mandatory one; it protects
// the two Finished records and nothing else, so that there is no stream to attack.
func (e End) config(peer onem2m.ID, usage x509.ExtKeyUsage) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		MaxVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, //nolint:gosec // TS-0003 clause 10.2.3 makes it mandatory
		},
		CurvePreferences:       []tls.CurveID{tls.X25519, tls.CurveP256},
		SessionTicketsDisabled: true,
		Renegotiation:          tls.RenegotiateNever,
		Time:                   e.now,
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return untrustedError{errors.New("the peer has no certificate")}
			}
			if err := e.Trust.Verify(peer, state.PeerCertificates, usage); err != nil {
				return untrustedError{err}
			}
			return nil
		},
	}
}

// export makes the key of a complete handshake. It fails without extended
// master secret (E-101), which crypto/tls demands of whoever exports.
func (e End) export(state *tls.ConnectionState, peer onem2m.ID, own *tls.Certificate) (*Key, error) {
	if !state.HandshakeComplete || state.DidResume || len(state.PeerCertificates) == 0 {
		return nil, errors.New("the handshake is not complete")
	}
	exported, err := keys.ExportESCertKE(state)
	if err != nil {
		return nil, err
	}
	name, err := keys.ExportedIdentifier(exported.ID, "")
	if err != nil {
		return nil, err
	}
	leaf, err := leafOf(own)
	if err != nil {
		return nil, err
	}
	expires := e.now().Add(e.Life())
	for _, cert := range []*x509.Certificate{leaf, state.PeerCertificates[0]} {
		if cert.NotAfter.Before(expires) {
			expires = cert.NotAfter
		}
	}
	return &Key{ID: name.String(), Secret: exported.Key, Peer: peer, Expires: expires}, nil
}

// leafOf returns the own certificate itself.
func leafOf(own *tls.Certificate) (*x509.Certificate, error) {
	if own == nil || len(own.Certificate) == 0 {
		return nil, errors.New("there is no own certificate")
	}
	if own.Leaf != nil {
		return own.Leaf, nil
	}
	leaf, err := x509.ParseCertificate(own.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("own certificate: %w", err)
	}
	return leaf, nil
}
