package fieldcase

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"bulwark/test/harness"
)

// spoilt returns the certificates with which nobody gets in.
func spoilt(t *testing.T, p *platform) map[string]harness.Credential {
	t.Helper()
	forge := func(change func(*x509.Certificate)) harness.Credential {
		template := harness.Template("Calpha1")
		change(template)
		return p.authority.Forge(template)
	}
	name := func(text string) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = []*url.URL{u}
		}
	}
	stranger := harness.NewAuthority(t, filepath.Join(t.TempDir(), "elsewhere"))
	return map[string]harness.Credential{
		"S-045 expired": forge(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-time.Hour)
		}),
		"S-045 not yet valid":              forge(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }),
		"S-051 revoked":                    p.revoked,
		"S-045 self-signed":                harness.SelfSigned(t, harness.Template("Calpha1")),
		"S-045 from another CA":            stranger.AE("Calpha1"),
		"S-055 the name in the subject":    forge(func(c *x509.Certificate) { c.URIs = nil; c.Subject.CommonName = "Calpha1" }),
		"S-040 no name at all":             forge(func(c *x509.Certificate) { c.URIs = nil; c.Subject.CommonName = "" }),
		"S-040 a domain name":              forge(func(c *x509.Certificate) { c.URIs = nil; c.DNSNames = []string{"Calpha1.evil.example"} }),
		"S-046 a host that begins alike":   forge(name("m2m://m2m.example.evil.example/id-in/Calpha1")),
		"S-046 another provider":           forge(name("m2m://evil.example/id-in/Calpha1")),
		"S-040 another scheme":             forge(name("https://m2m.example/id-in/Calpha1")),
		"S-040 an asterisk":                forge(name("m2m://m2m.example/id-in/*")),
		"S-040 an asterisk in the stem":    forge(name("m2m://m2m.example/id-in/Calpha*")),
		"S-040 a query behind it":          forge(name("m2m://m2m.example/id-in/Calpha1?x=1")),
		"S-040 a user in front":            forge(name("m2m://Cbravo1@m2m.example/id-in/Calpha1")),
		"S-054 for servers only":           forge(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
		"S-052 a CSE's name from an AE CA": forge(func(c *x509.Certificate) { c.URIs = nil; c.DNSNames = []string{"id-mn.m2m.example"} }),
		"a CA":                             forge(func(c *x509.Certificate) { c.IsCA = true; c.KeyUsage |= x509.KeyUsageCertSign }),
		"issued by an AE":                  issuedBy(t, p.alpha, "Cbravo1"),
		"a key that isn't the certificate's": {TLS: tls.Certificate{
			Certificate: p.bravo.TLS.Certificate, PrivateKey: p.alpha.TLS.PrivateKey,
		}},
	}
}

// issuedBy signs a certificate with an end entity's key.
func issuedBy(t *testing.T, issuer harness.Credential, stem string) harness.Credential {
	t.Helper()
	parent, err := x509.ParseCertificate(issuer.TLS.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	key := harness.NewKey(t)
	der, err := x509.CreateCertificate(rand.Reader, harness.Template(stem), parent, &key.PublicKey, issuer.TLS.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return harness.Credential{TLS: tls.Certificate{Certificate: append([][]byte{der}, issuer.TLS.Certificate...), PrivateKey: key}}
}

func TestFieldCase12_ABadCertificateGetsNoPrimitiveThrough(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	for name, cred := range spoilt(t, p) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, base := range []string{p.required, p.optional} {
				for version := 1; version <= 2; version++ {
					for _, q := range []harness.Request{
						{Method: http.MethodGet, Target: "/cse-in/alpha", From: "Calpha1"},
						{Method: http.MethodGet, Target: "/cse-in/open", From: "Cplain1"},
						{Method: http.MethodPost, Target: "/cse-in", From: "C", Type: 2, Body: `{"m2m:ae":{"rn":"bad","api":"N.example.a","rr":true,"srv":["3"]}}`},
					} {
						if a, err := p.client(t, base, version, cred).Do(t.Context(), q); err == nil {
							t.Errorf("%s %s was answered: %s", q.Method, q.Target, a)
						}
					}
				}
			}
		})
	}
	t.Run("S-136 none where one is demanded", func(t *testing.T) {
		t.Parallel()
		if a, err := p.client(t, p.required, 1).Do(t.Context(), harness.Request{Method: http.MethodGet, Target: "/cse-in/open", From: "Cplain1"}); err == nil {
			t.Errorf("answered: %s", a)
		}
	})
	t.Run("a good one made in the same way is let in", func(t *testing.T) {
		t.Parallel()
		cred := p.authority.Forge(harness.Template("Cnew001"))
		p.client(t, p.required, 1, cred).Register(t, "Cnew001", "fresh")
	})
	t.Run("a stem that looks like a domain is another AE", func(t *testing.T) {
		t.Parallel()
		cred := p.authority.Forge(harness.Template("Calpha1.evil.example"))
		a, err := p.client(t, p.required, 1, cred).Do(t.Context(), harness.Request{Method: http.MethodGet, Target: "/cse-in/alpha", From: "Calpha1"})
		if err == nil && a.RSC != 4106 {
			t.Errorf("answered: %s", a)
		}
	})
}
