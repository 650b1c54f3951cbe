package dynauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"bulwark/e2e/esdata"
	"bulwark/token"
)

func TestParseAccept_A120_ReadsClassAndAlgorithms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]token.Combination{
		"sign:ES256":                          {Class: esdata.SignatureOnly, Signature: "ES256"},
		"encrypt:dir+A256GCM":                 {Class: esdata.EncryptionOnly, Management: "dir", Encryption: "A256GCM"},
		"encrypt:ECDH-ES+A256KW+A256GCM":      {Class: esdata.EncryptionOnly, Management: "ECDH-ES+A256KW", Encryption: "A256GCM"},
		"nested:ES256+dir+A256GCM":            {Class: esdata.Nested, Signature: "ES256", Management: "dir", Encryption: "A256GCM"},
		"nested:RS256+ECDH-ES+A128KW+A128GCM": {Class: esdata.Nested, Signature: "RS256", Management: "ECDH-ES+A128KW", Encryption: "A128GCM"},
	} {
		got, err := ParseAccept(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for _, text := range []string{"", "sign", "sign:", "ES256", "sign:ES256+dir", "encrypt:dir", "encrypt:+A256GCM", "encrypt:dir+", "nested:ES256", "nested:ES256+dir", "seal:ES256"} {
		if c, err := ParseAccept(text); err == nil {
			t.Errorf("%q is taken for %+v", text, c)
		}
	}
}

func FuzzParseAccept(f *testing.F) {
	f.Add("sign:ES256")
	f.Add("nested:ES256+ECDH-ES+A256KW+A256GCM")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseAccept(text)
		if err == nil && c.Signature == "" && c.Management == "" {
			t.Fatalf("%q: %+v", text, c)
		}
	})
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func webKeyOf(t testing.TB, key any, id, algorithm string) string {
	t.Helper()
	text, err := jose.JSONWebKey{Key: key, KeyID: id, Algorithm: algorithm}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func certificateOf(t *testing.T, key *ecdsa.PrivateKey, usage x509.KeyUsage) string {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "das"}, KeyUsage: usage,
		NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestNewIssuer_A120_KeysAreForWhatTheIssuerMayUse(t *testing.T) {
	t.Parallel()
	key := ecKey(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	secret := `{"kty":"oct","kid":"s","k":"` + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("k", 32))) + `"`
	public := webKeyOf(t, &key.PublicKey, "k1", "")
	for _, tt := range []struct {
		name, keys, accept, want string // want: of the error, "" for none
	}{
		{"a public key", public, "sign:ES256", ""},
		{"a public key without identifier", webKeyOf(t, &key.PublicKey, "", "ES256"), "sign:ES256", ""},
		{"a set", `{"keys":[` + public + `,` + secret + `,"alg":"HS256"}]}`, "sign:ES256 sign:HS256", ""},
		{"a secret for encryption", secret + `}`, "encrypt:dir+A256GCM", ""},
		{"a secret that fits twice", secret + `}`, "encrypt:dir+A256GCM sign:HS256", "several algorithms"},
		{"a private key to decrypt with", `{"keys":[` + public + `,` + webKeyOf(t, ecKey(t), "d", "ECDH-ES+A256KW") + `]}`, "nested:ES256+ECDH-ES+A256KW+A256GCM", "several algorithms"},
		{"a private key to decrypt with, each with its algorithm", `{"keys":[` + webKeyOf(t, &key.PublicKey, "k1", "ES256") + `,` + webKeyOf(t, ecKey(t), "d", "ECDH-ES+A256KW") + `]}`, "nested:ES256+ECDH-ES+A256KW+A256GCM", ""},
		{"a certificate", certificateOf(t, key, x509.KeyUsageDigitalSignature), "sign:ES256", ""},
		{"a certificate that isn't for signatures", certificateOf(t, key, x509.KeyUsageKeyAgreement), "sign:ES256", "fits no algorithm"},
		{"the issuer's key under an algorithm that isn't accepted", webKeyOf(t, &key.PublicKey, "k1", "ES256"), "sign:RS256", "nothing in accept"},
		{"a set with a public key for something else", `{"keys":[` + public + `,` + webKeyOf(t, &ecKey(t).PublicKey, "enc", "ECDH-ES+A256KW") + `]}`, "sign:ES256", ""},
		{"a set of public keys for something else", `{"keys":[` + webKeyOf(t, &ecKey(t).PublicKey, "e1", "ECDH-ES+A256KW") + `,` + webKeyOf(t, &ecKey(t).PublicKey, "e2", "ECDH-ES+A256KW") + `]}`, "sign:ES256", "holds no key"},
		{"a weak key", webKeyOf(t, &weak.PublicKey, "k1", "RS256"), "sign:RS256", "1024 bits"},
		{"two with one identifier", `{"keys":[` + public + `,` + public + `]}`, "sign:ES256", "identifier of another"},
		{"an empty set", `{"keys":[]}`, "sign:ES256", "holds no key"},
		{"nonsense", `no`, "sign:ES256", "neither a JSON Web Key"},
		{"a private key in PEM", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "sign:ES256", "PEM is for certificates"},
		{"an odd accept", public, "seal:ES256", "accept"},
	} {
		issuer, err := NewIssuer("//m2m.example/Sdas", []string{"das.example"}, strings.Fields(tt.accept), []byte(tt.keys))
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want == "":
			if _, err := token.NewVerifier(0, issuer); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
		case err == nil || !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "a2tra") {
			t.Errorf("%s: the error shows the key: %v", tt.name, err)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add(`{"keys":[{"kty":"oct","k":"AAAA","alg":"HS256"}]}`)
	f.Add(`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`)
	f.Add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseKeys([]byte(text), []esdata.Algorithm{esdata.ES256, esdata.HS256, esdata.RS256})
		if (err == nil) != (len(list) > 0) {
			t.Fatalf("%d keys and %v", len(list), err)
		}
	})
}

func TestAuthorities_A107_SpeakForTheirDomain(t *testing.T) {
	t.Parallel()
	all := Authorities{{ID: "//m2m.example/Sroles", Domains: []string{"roles.example"}}}
	if err := all.Check(); err != nil {
		t.Fatal(err)
	}
	if !all.Trusts("//m2m.example/Sroles", "op@roles.example") {
		t.Error("not trusted for its own role")
	}
	if all.Trusts("//m2m.example/Sroles", "op@das.example") || all.Trusts("//m2m.example/Sother", "op@roles.example") || all.Trusts("//m2m.example/Sroles", "op") {
		t.Error("trusted for what isn't its own")
	}
	for name, bad := range map[string]Authorities{
		"relative":  {{ID: "/Sroles", Domains: []string{"roles.example"}}},
		"no domain": {{ID: "//m2m.example/Sroles"}},
		"capitals":  {{ID: "//m2m.example/Sroles", Domains: []string{"Roles.example"}}},
		"twice":     {all[0], all[0]},
	} {
		if bad.Check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
