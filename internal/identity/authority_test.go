package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// serials numbers the certificates of all tests.
var serials atomic.Int64

// authority is a CA of a test: what it makes is as bad as the test wants it.
type authority struct {
	cert  *x509.Certificate
	key   crypto.Signer
	above [][]byte // the chain up to, not including, the root
}

// newKey makes a P-256 key.
func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a certificate for key; a nil parent makes it self-signed.
func sign(t testing.TB, template *x509.Certificate, parent *authority, key crypto.Signer) *x509.Certificate {
	t.Helper()
	template.SerialNumber = big.NewInt(serials.Add(1))
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
		if template.IsCA {
			template.NotAfter = template.NotAfter.Add(time.Hour)
		}
	}
	by, signer := template, key
	if parent != nil {
		by, signer = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// newAuthority makes a CA below parent, or a root.
func newAuthority(t testing.TB, parent *authority, change func(*x509.Certificate)) *authority {
	t.Helper()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "CA " + big.NewInt(serials.Load()).String()},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	if change != nil {
		change(template)
	}
	a := &authority{key: newKey(t)}
	a.cert = sign(t, template, parent, a.key)
	if parent != nil {
		a.above = append([][]byte{a.cert.Raw}, parent.above...)
	}
	return a
}

// issue makes the certificate of an entity.
func (a *authority) issue(t testing.TB, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	return a.issueFor(t, newKey(t), change)
}

// issueFor makes a certificate for a key.
func (a *authority) issueFor(t testing.TB, key crypto.Signer, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature}
	change(template)
	leaf := sign(t, template, a, key)
	return tls.Certificate{Certificate: append([][]byte{leaf.Raw}, a.above...), PrivateKey: key, Leaf: leaf}
}

// crl makes a revocation list.
func (a *authority) crl(t testing.TB, number int64, until time.Time, revoked ...*x509.Certificate) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: until}
	for _, cert := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: cert.SerialNumber, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// file writes certificates of CAs into a new file.
func file(t testing.TB, cas ...*authority) string {
	t.Helper()
	var out []byte
	for _, a := range cas {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})...)
	}
	path := filepath.Join(t.TempDir(), "ca.crt")
	replace(t, path, out)
	return path
}

// replace writes a file so that its stamp is another one.
func replace(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// The names that a test certificate may have.

func uri(s string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		u, err := url.Parse(s)
		if err != nil {
			panic(err) // a test with a wrong constant
		}
		c.URIs = append(c.URIs, u)
	}
}

func dns(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, names...) }
}

func device(oid string, higher int, critical bool) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		name, err := DeviceName(oid, higher)
		if err != nil {
			panic(err) // a test with a wrong constant
		}
		value, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: name})
		if err != nil {
			panic(err) // a test with a wrong constant
		}
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidSubjectAltName, Critical: critical, Value: value})
	}
}

// all makes one change of several.
func all(changes ...func(*x509.Certificate)) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, change := range changes {
			change(c)
		}
	}
}

// forAEs constrains a CA to the AE-IDs of the SP.
func forAEs(c *x509.Certificate) {
	c.PermittedDNSDomainsCritical = true
	c.PermittedURIDomains = []string{"m2m.example"}
}

// forCSEs constrains a CA to the domain names of the SP.
func forCSEs(c *x509.Certificate) {
	c.PermittedDNSDomainsCritical = true
	c.PermittedDNSDomains = []string{"m2m.example", "localhost"}
}

// handshake connects two sides over loopback and returns what the server made
// of the client. The error is the server's, and the client's if only it failed.
func handshake(t testing.TB, server, client *tls.Config, trust *Trust) (*Association, tls.ConnectionState, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	type outcome struct {
		a   *Association
		err error
	}
	served := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() { served <- o }()
		conn, err := l.Accept()
		if err != nil {
			o.err = err
			return
		}
		s := tls.Server(conn, server)
		defer func() { _ = s.Close() }()
		if o.err = s.HandshakeContext(t.Context()); o.err != nil {
			return
		}
		state := s.ConnectionState()
		if trust != nil {
			o.a, o.err = trust.AssociationOf(&state)
		}
		if o.err == nil {
			_, o.err = s.Write([]byte{1})
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := tls.Client(conn, client)
	clientErr := c.HandshakeContext(t.Context())
	if clientErr == nil {
		// With TLS 1.3 the server's refusal shows at the first read.
		var n int
		if n, clientErr = c.Read(make([]byte, 1)); n == 1 {
			clientErr = nil
		}
	}
	state := c.ConnectionState()
	_ = c.Close()
	o := <-served
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if o.err == nil && clientErr != nil {
		o.err = clientErr
	}
	return o.a, state, o.err
}
