package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulwark/internal/identity"
)

// listener serves mutual TLS with the server's certificate and hands over what
// it makes of each client.
func listener(t *testing.T, files Files) (string, <-chan any) {
	t.Helper()
	trust, err := identity.NewTrust(identity.TrustConfig{Home: home(), Anchors: files.Anchors})
	if err != nil {
		t.Fatal(err)
	}
	own, err := identity.LoadKeyPair(files.ServerCrt, files.ServerKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := trust.CheckOwn(own); err != nil {
		t.Error(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", trust.ServerConfig(own, identity.ServerOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	seen, done := make(chan any, 4), make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			seen <- meet(t, trust, conn)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String(), seen
}

// meet returns the entity at the other end, or the error.
func meet(t *testing.T, trust *identity.Trust, conn net.Conn) any {
	defer func() { _ = conn.Close() }()
	c, ok := conn.(*tls.Conn)
	if !ok {
		return "no TLS"
	}
	if err := c.HandshakeContext(t.Context()); err != nil {
		return err
	}
	state := c.ConnectionState()
	a, err := trust.AssociationOf(&state)
	if err != nil {
		return err
	}
	if _, err := c.Write([]byte("welcome\n")); err != nil {
		return err
	}
	return a.CredentialID
}

func TestInterop_OpenSSLConnectsWithAnIssuedCertificate(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl")
	}
	files, err := EnsureServer(t.TempDir(), home(), "CAdmin")
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(files.Dir)
	if err != nil {
		t.Fatal(err)
	}
	address, seen := listener(t, files)
	for _, tc := range []struct {
		id      string
		kind    Kind
		entity  string
		version string
		want    string
	}{
		{"S-124", AE, "Csensor", "-tls1_2", "33-//m2m.example/id-in/Csensor"},
		{"S-130", AE, "Smeter42", "-tls1_3", "33-//m2m.example/Smeter42"},
		{"S-041", CSE, "/id-mn", "-tls1_3", "32-//m2m.example/id-mn"},
		{"S-043", Node, "urn:oid:0.2.481.1.9.1.1", "-tls1_3", "34-urn:oid:0.2.481.1.9.1.1"},
		{"S-044", Device, "0.2.481.1.100.3030.10011", "-tls1_2", "31-0.2.481.1.100.3030.10011"},
	} {
		issued, _ := issue(t, a, tc.kind, tc.entity, Options{Out: filepath.Join(t.TempDir(), "x")})
		cmd := exec.CommandContext(t.Context(), path, "s_client", "-connect", address, tc.version, "-quiet", "-verify_return_error",
			"-verify_hostname", "id-in.m2m.example", "-CAfile", files.CA, "-cert", issued.CertFile, "-cert_chain", issued.CertFile, "-key", issued.KeyFile)
		out, err := cmd.CombinedOutput()
		if !strings.Contains(string(out), "welcome") {
			t.Errorf("%s %s: %v\n%s", tc.id, tc.entity, err, out)
		}
		if got := <-seen; got != tc.want {
			t.Errorf("%s %s: the listener sees %v, want %s", tc.id, tc.entity, got, tc.want)
		}
	}
}

func TestInterop_S136_OpenSSLWithoutCertificateIsTurnedAway(t *testing.T) {
	t.Parallel()
	files, err := EnsureServer(t.TempDir(), home(), "CAdmin")
	if err != nil {
		t.Fatal(err)
	}
	address, seen := listener(t, files)
	out, _ := openssl(t, "s_client", "-connect", address, "-quiet", "-CAfile", files.CA)
	if _, ok := (<-seen).(error); !ok || strings.Contains(out, "welcome") {
		t.Errorf("openssl gets in: %s", out)
	}
}

func TestCAs_S046_NoneSpeaksForAnotherFlavourBelowTheRoot(t *testing.T) {
	t.Parallel()
	a := newCA(t)
	trust, err := identity.NewTrust(identity.TrustConfig{Home: home(), Anchors: []identity.Anchor{
		{CA: a.CAFile(), Flavours: identity.AllFlavours, CRL: a.CRLFile()}, // as client-ca does
	}})
	if err != nil {
		t.Fatal(err)
	}
	ae := &url.URL{Scheme: "m2m", Host: "m2m.example", Path: "/id-in/CAdmin"}
	node := &url.URL{Scheme: "urn", Opaque: "oid:0.2.481.1.9.1.1"}
	stranger := &url.URL{Scheme: "m2m", Host: "evil.example", Path: "/id-in/CAdmin"}
	for name, tc := range map[string]struct {
		kind Kind
		fill func(*x509.Certificate)
	}{
		"the CA for AEs and an AE of another SP":      {AE, func(c *x509.Certificate) { c.URIs = []*url.URL{stranger} }},
		"the CA for AEs and a CSE":                    {AE, func(c *x509.Certificate) { c.DNSNames = []string{"id-mn.m2m.example"} }},
		"the CA for AEs and a node":                   {AE, func(c *x509.Certificate) { c.URIs = []*url.URL{node} }},
		"the CA for CSEs and an AE":                   {CSE, func(c *x509.Certificate) { c.URIs = []*url.URL{ae} }},
		"the CA for CSEs and a CSE of another SP":     {CSE, func(c *x509.Certificate) { c.DNSNames = []string{"id-mn.evil.example"} }},
		"the CA for hosts and a client that is a CSE": {FQDN, func(c *x509.Certificate) { c.DNSNames = []string{"id-mn.m2m.example"} }},
		"the CA for nodes and an AE":                  {Node, func(c *x509.Certificate) { c.URIs = []*url.URL{ae} }},
		"the CA for nodes and a CSE":                  {Node, func(c *x509.Certificate) { c.DNSNames = []string{"id-mn.m2m.example"} }},
		"the CA for devices and an AE":                {Device, func(c *x509.Certificate) { c.URIs = []*url.URL{ae} }},
		"the CA for devices and a CSE":                {Device, func(c *x509.Certificate) { c.DNSNames = []string{"id-mn.m2m.example"} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ca, caKey, err := a.issuer(string(tc.kind))
			if err != nil {
				t.Fatal(err)
			}
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			template := &x509.Certificate{
				SerialNumber: big.NewInt(4711), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
				KeyUsage: x509.KeyUsageDigitalSignature,
			}
			tc.fill(template)
			der, err := x509.CreateCertificate(rand.Reader, template, ca, &key.PublicKey, caKey)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "x.crt")
			if err := os.WriteFile(path, certPEM(der, ca.Raw), 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := association(t, trust, path); err == nil {
				t.Errorf("it is taken for %+v", got)
			}
		})
	}
}
