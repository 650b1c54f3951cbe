package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bulwark/internal/pki"
	"bulwark/onem2m"
)

// Home is the CSE of all tests.
func Home() onem2m.Home { return onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"} }

// Authority is the certificate authority of a data directory.
type Authority struct {
	*pki.Authority

	dir string
	out string // where issued certificates are written
	tb  testing.TB
}

// NewAuthority makes an authority in the data directory of a CSE that hasn't
// started yet, or opens the one that is there.
func NewAuthority(tb testing.TB, data string) *Authority {
	tb.Helper()
	return NewAuthorityOf(tb, data, Home())
}

// NewAuthorityOf is NewAuthority for another CSE than that of all tests.
func NewAuthorityOf(tb testing.TB, data string, home onem2m.Home) *Authority {
	tb.Helper()
	if err := os.MkdirAll(data, 0o700); err != nil {
		tb.Fatal(err)
	}
	if _, err := pki.EnsureServer(data, home, "CAdmin"); err != nil {
		tb.Fatal(err)
	}
	dir := filepath.Join(data, "pki")
	a, err := pki.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return &Authority{Authority: a, dir: dir, out: tb.TempDir(), tb: tb}
}

// Credential is a certificate with its key.
type Credential struct {
	CertFile, KeyFile string
	TLS               tls.Certificate
}

// AE issues a certificate for an AE; CSE one for a CSE.
func (a *Authority) AE(stem string) Credential { a.tb.Helper(); return a.credential(pki.AE, stem) }

// CSE issues a certificate for a CSE.
func (a *Authority) CSE(id string) Credential { a.tb.Helper(); return a.credential(pki.CSE, id) }

func (a *Authority) credential(kind pki.Kind, name string) Credential {
	a.tb.Helper()
	serial := rand.Text()
	issued, err := a.Issue(kind, name, pki.Options{Out: filepath.Join(a.out, serial)})
	if err != nil {
		a.tb.Fatal(err)
	}
	return a.load(issued.CertFile, issued.KeyFile)
}

// Admin returns the administrator's certificate.
func (a *Authority) Admin() Credential {
	a.tb.Helper()
	return a.load(filepath.Join(a.dir, "admin.crt"), filepath.Join(a.dir, "admin.key"))
}

func (a *Authority) load(cert, key string) Credential {
	a.tb.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		a.tb.Fatal(err)
	}
	return Credential{CertFile: cert, KeyFile: key, TLS: pair}
}

// Client returns the TLS configuration of a client with credentials, or without
// any. It verifies the server as peers do, by the authority's root.
func (a *Authority) Client(creds ...Credential) *tls.Config {
	a.tb.Helper()
	roots := x509.NewCertPool()
	text, err := os.ReadFile(a.CAFile())
	if err != nil || !roots.AppendCertsFromPEM(text) {
		a.tb.Fatalf("root certificate: %v", err)
	}
	cfg := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	for i := range creds {
		cfg.Certificates = append(cfg.Certificates, creds[i].TLS)
	}
	if len(creds) > 0 {
		// Send the certificate whatever authorities the server names.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &cfg.Certificates[0], nil
		}
	}
	return cfg
}

// AEName is the subject alternative name of an AE's certificate.
func AEName(stem string) *url.URL {
	return &url.URL{Scheme: "m2m", Host: "m2m.example", Path: "/id-in/" + stem}
}

// Template returns a certificate for an AE as the authority would issue it, for
// tests that spoil it.
func Template(stem string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		serial = big.NewInt(1)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "AE " + stem, Organization: []string{"m2m.example"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, URIs: []*url.URL{AEName(stem)},
	}
}

// Forge signs a template with the key of the authority for AEs, whatever is in
// it: what a careless authority might issue.
func (a *Authority) Forge(template *x509.Certificate) Credential {
	a.tb.Helper()
	ca := a.load(filepath.Join(a.dir, "ca", "ae.crt"), filepath.Join(a.dir, "ca", "ae.key"))
	parent, err := x509.ParseCertificate(ca.TLS.Certificate[0])
	if err != nil {
		a.tb.Fatal(err)
	}
	key := NewKey(a.tb)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, ca.TLS.PrivateKey)
	if err != nil {
		a.tb.Fatal(err)
	}
	return Credential{TLS: tls.Certificate{Certificate: [][]byte{der, parent.Raw}, PrivateKey: key}}
}

// SelfSigned signs a template with its own key.
func SelfSigned(tb testing.TB, template *x509.Certificate) Credential {
	tb.Helper()
	key := NewKey(tb)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	return Credential{TLS: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}
}

// NewKey makes a private key.
func NewKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// CertificateText returns the certificate of a credential as PEM text.
func (c Credential) CertificateText() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.TLS.Certificate[0]}))
}
