package identity

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"bulwark/onem2m"
)

// ServerOptions are the choices of a listener.
type ServerOptions struct {
	Optional bool // admit peers without certificate, which then have no association
}

// suites12 are the TLS 1.2 suites of the profile "modern" (S-130) for the ECDSA
// keys that every entity has.
func suites12() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// baseConfig is what all sides share: TLS 1.3 preferred, 1.2 as the floor, no
// resumption, which would carry an identity past its revocation (S-079), and
// no renegotiation.
func baseConfig() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS12,
		CipherSuites:           suites12(),
		CurvePreferences:       []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256},
		SessionTicketsDisabled: true,
	}
}

// ServerConfig returns the TLS configuration of a listener. A peer whose
// certificate is no good fails in the handshake, also on an optional listener:
// VerifyConnection does all the checks and runs on every handshake.
func (t *Trust) ServerConfig(own *KeyPair, opts ServerOptions) *tls.Config {
	cfg := baseConfig()
	cfg.GetCertificate = own.GetCertificate
	cfg.ClientAuth = tls.RequireAnyClientCert
	if opts.Optional {
		cfg.ClientAuth = tls.RequestClientCert
	}
	cfg.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 && opts.Optional {
			return nil
		}
		v, err := t.verify(state.PeerCertificates, x509.ExtKeyUsageClientAuth, t.now())
		if err != nil {
			return fmt.Errorf("client certificate: %w", err)
		}
		_, err = t.association(v)
		return err
	}
	return cfg
}

// ClientConfig returns the TLS configuration for a connection to an AE or CSE
// that is known by its identity: the certificate must name expect; what host
// the connection goes to doesn't matter (S-014, decision 27). own may be nil.
func (t *Trust) ClientConfig(own *KeyPair, expect onem2m.ID) *tls.Config {
	cfg := baseConfig()
	cfg.InsecureSkipVerify = true // VerifyConnection verifies, against the identity rather than a host name
	if own != nil {
		cfg.GetClientCertificate = own.GetClientCertificate
	}
	cfg.VerifyConnection = func(state tls.ConnectionState) error {
		v, err := t.verify(state.PeerCertificates, x509.ExtKeyUsageServerAuth, t.now())
		if err != nil {
			return fmt.Errorf("server certificate: %w", err)
		}
		if expect == "" || v.subject.ID != expect {
			return fmt.Errorf("server certificate: it names %q, not %q", v.subject.ID, expect)
		}
		return nil
	}
	return cfg
}

// HostConfig returns the TLS configuration for a connection to a plain URL,
// with the ordinary check of the host name against roots, nil for those of the
// system (decision 27). own may be nil. RSA servers are welcome there.
func HostConfig(own *KeyPair, roots *x509.CertPool) *tls.Config {
	cfg := baseConfig()
	cfg.CipherSuites = append(cfg.CipherSuites,
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)
	cfg.RootCAs = roots
	if own != nil {
		cfg.GetClientCertificate = own.GetClientCertificate
	}
	return cfg
}
