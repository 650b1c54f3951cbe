package identity

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestParseCredentialID_GA07_SplitsAtTheFirstHyphen(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text  string
		kind  CredentialType
		value string
		ok    bool
	}{
		{"10-thiskey@mymef.com", 10, "thiskey@mymef.com", true},
		{"33-//m2m.example/id-in/Calpha1", CredentialAE, "//m2m.example/id-in/Calpha1", true},
		{"30-ni:///sha-256;Wnp4zKSg9CDZvGK7Zpw8J1njn3I9OuENy-DwgVoH7NQ", CredentialRPK, "ni:///sha-256;Wnp4zKSg9CDZvGK7Zpw8J1njn3I9OuENy-DwgVoH7NQ", true},
		{"", 0, "", false},
		{"12", 0, "", false},
		{"-x", 0, "", false},
		{"123-x", 0, "", false},
		{"1x-x", 0, "", false},
		{"12-", 0, "", false},
	} {
		kind, value, ok := ParseCredentialID(tc.text)
		if kind != tc.kind || value != tc.value || ok != tc.ok {
			t.Errorf("%q: %d, %q, %v", tc.text, kind, value, ok)
		}
		if ok && CredentialID(kind, value) != tc.text {
			t.Errorf("%q becomes %q", tc.text, CredentialID(kind, value))
		}
	}
	if got := CredentialID(CredentialNode, "urn:x:a *b"); got != "34-urn:x:a%20%2Ab" {
		t.Errorf("a blank and an asterisk become %q", got)
	}
}

func TestCredentialID_E127_NamesKeysOfEndToEndSecurity(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind  CredentialType
		value string
		want  string
	}{
		{10, "dev0042@mef.trust.example.org", "10-dev0042@mef.trust.example.org"},
		{13, "4AA495E7AA55ABB9B854001FF239071B@mef.trust.example.org", "13-4AA495E7AA55ABB9B854001FF239071B@mef.trust.example.org"},
		{16, "hmac_key.7@maf.trust.example.org", "16-hmac_key.7@maf.trust.example.org"},
	} {
		if got := CredentialID(tc.kind, tc.value); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
		if kind, value, ok := ParseCredentialID(tc.want); kind != tc.kind || value != tc.value || !ok {
			t.Errorf("%q reads as %d, %q, %v", tc.want, kind, value, ok)
		}
	}
}

func TestKeyPair_IsReadAgainWhenItsFilesChange(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, nil, nil)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key")
	write := func() (cert, key []byte) {
		made := ca.issue(t, dns("id-in.m2m.example"))
		der, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Leaf.Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	if _, err := LoadKeyPair(certFile, keyFile); !os.IsNotExist(err) {
		t.Fatalf("without files: %v", err)
	}
	cert, key := write()
	replace(t, certFile, cert)
	replace(t, keyFile, key)
	k, err := LoadKeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	look := func() string {
		k.mu.Lock()
		k.lookNext = time.Time{}
		k.mu.Unlock()
		return k.Leaf().SerialNumber.String()
	}
	first := look()
	cert, key = write()
	replace(t, certFile, cert)
	if look() != first {
		t.Error("half a pair is used")
	}
	replace(t, keyFile, key)
	if look() == first {
		t.Error("the new pair is not used")
	}
	if k.Leaf() == nil || FixedKeyPair(*k.Certificate()).Leaf() != k.Leaf() {
		t.Error("a fixed pair has another certificate")
	}
}
