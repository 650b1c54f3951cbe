package identity

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"bulwark/onem2m"
)

func TestTrust_E102_E106_ACertificateProvesExactlyOnePeer(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	ae, cse := s.ae.issue(t, uri("m2m://m2m.example/id-mn/Cae001")), s.cse.issue(t, dns("id-mn.m2m.example"))
	for _, tc := range []struct {
		name string
		cert tls.Certificate
		peer onem2m.ID
		ok   bool
	}{
		{"an AE-ID certificate", ae, "//m2m.example/id-mn/Cae001", true},
		{"an AE-ID without the scheme", s.ae.issue(t, uri("//m2m.example/id-mn/Cae001")), "//m2m.example/id-mn/Cae001", true},
		{"a CSE-ID certificate", cse, "//m2m.example/id-mn", true},
		{"another AE", ae, "//m2m.example/id-mn/Cae002", false},
		{"the registrar of the AE", ae, "//m2m.example/id-mn", false},
		{"another CSE", cse, "//m2m.example/id-in", false},
		{"nobody", s.device.issue(t, device("1.2.3.4.5", 3, false)), "", false},
		{"a CSE's name from the authority of AEs", s.ae.issue(t, dns("id-mn.m2m.example")), "//m2m.example/id-mn", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var chain []*x509.Certificate
			for _, der := range tc.cert.Certificate {
				cert, err := x509.ParseCertificate(der)
				if err != nil {
					t.Fatal(err)
				}
				chain = append(chain, cert)
			}
			if err := s.trust.Verify(tc.peer, chain, x509.ExtKeyUsageServerAuth); (err == nil) != tc.ok {
				t.Errorf("%v", err)
			}
		})
	}
}
