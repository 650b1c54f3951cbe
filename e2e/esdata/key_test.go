package esdata

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"bulwark/e2e/keys"
)

func TestKey_E135_E136_FitsItsAlgorithm(t *testing.T) {
	t.Parallel()
	symmetric := func(a Algorithm, n int) func() (*Key, error) {
		return func() (*Key, error) { return NewSymmetric("k", a, secretOf(t, n, 1)) }
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p256, p384, r := newEC(t, elliptic.P256()), newEC(t, elliptic.P384()), newRSA(t)
	edPublic, edPrivate, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	offCurve := &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)} //nolint:staticcheck // no other way makes one that is wrong
	for _, tc := range []struct {
		name string
		make func() (*Key, error)
		ok   bool
	}{
		{"HS256 with 32 octets", symmetric(HS256, 32), true},
		{"HS256 with 31 octets", symmetric(HS256, 31), false},
		{"HS384 with 47 octets", symmetric(HS384, 47), false},
		{"HS512 with 63 octets", symmetric(HS512, 63), false},
		{"A128KW with 32 octets", symmetric(A128KW, 32), false},
		{"A256KW with 16 octets", symmetric(A256KW, 16), false},
		{"direct with 24 octets", symmetric(Direct, 24), true},
		{"direct with 20 octets", symmetric(Direct, 20), false},
		{"no octets", func() (*Key, error) { return NewSymmetric("k", HS256, keys.Secret{}) }, false},
		{"a symmetric key for ES256", symmetric(ES256, 32), false},
		{"a symmetric key for none", symmetric("none", 32), false},
		{"a symmetric key for A128GCMKW", symmetric("A128GCMKW", 16), false},
		{"no identifier", func() (*Key, error) { return NewSymmetric("", HS256, secretOf(t, 32, 1)) }, false},
		{"an endless identifier", func() (*Key, error) {
			return NewSymmetric(strings.Repeat("k", MaxKeyID+1), HS256, secretOf(t, 32, 1))
		}, false},
		{"ES256 on P-256", func() (*Key, error) { return NewPrivate("k", ES256, p256) }, true},
		{"ES256 on P-384", func() (*Key, error) { return NewPrivate("k", ES256, p384) }, false},
		{"ES384 on P-256", func() (*Key, error) { return NewPublic("k", ES384, &p256.PublicKey) }, false},
		{"ECDH on P-384", func() (*Key, error) { return NewPublic("k", ECDHA256KW, &p384.PublicKey) }, true},
		{"a point that is not on the curve", func() (*Key, error) { return NewPublic("k", ES256, offCurve) }, false},
		{"RS256 with 2048 bits", func() (*Key, error) { return NewPublic("k", RS256, &r.PublicKey) }, true},
		{"RS256 with 1024 bits", func() (*Key, error) { return NewPublic("k", RS256, &small.PublicKey) }, false},
		{"RS256 with an EC key", func() (*Key, error) { return NewPublic("k", RS256, &p256.PublicKey) }, false},
		{"ES256 with an RSA key", func() (*Key, error) { return NewPublic("k", ES256, &r.PublicKey) }, false},
		{"HS256 with a public key", func() (*Key, error) { return NewPublic("k", HS256, &p256.PublicKey) }, false},
		{"Ed25519, public", func() (*Key, error) { return NewPublic("k", ES256, edPublic) }, false},
		{"Ed25519, private", func() (*Key, error) { return NewPrivate("k", ES256, edPrivate) }, false},
		{"no private key", func() (*Key, error) { return NewPrivate("k", ES256, "secret") }, false},
		{"an empty EC key", func() (*Key, error) { return NewPublic("k", ES256, &ecdsa.PublicKey{}) }, false},
		{"an empty EC key with a curve", func() (*Key, error) { return NewPublic("k", ES256, &ecdsa.PublicKey{Curve: elliptic.P256()}) }, false},
		{"an empty RSA key", func() (*Key, error) { return NewPublic("k", RS256, &rsa.PublicKey{}) }, false},
		{"no public key", func() (*Key, error) { return NewPublic("k", ES256, nil) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			k, err := tc.make()
			if (err == nil) != tc.ok || err != nil && !errors.Is(err, ErrKey) {
				t.Errorf("%v, %v", k, err)
			}
		})
	}
}

// certificate makes a self-signed one for the use.
func certificate(t *testing.T, key *ecdsa.PrivateKey, usage x509.KeyUsage) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), KeyUsage: usage}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCertificate_E136_IsForOneUse(t *testing.T) {
	t.Parallel()
	key := newEC(t, elliptic.P256())
	for _, tc := range []struct {
		name           string
		usage          x509.KeyUsage
		source, target bool
	}{
		{"for signatures", x509.KeyUsageDigitalSignature, true, false},
		{"for key agreement", x509.KeyUsageKeyAgreement, false, true},
		{"for both", x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement, true, false},
		{"for certificates", x509.KeyUsageCertSign, false, false},
		{"for nothing in particular", 0, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := certificate(t, key, tc.usage)
			if _, err := SourceCertificate("k", ES256, c); (err == nil) != tc.source {
				t.Errorf("of a source: %v", err)
			}
			if _, err := TargetCertificate("k", ECDHA128KW, c); (err == nil) != tc.target {
				t.Errorf("of a target: %v", err)
			}
			for _, a := range []Algorithm{HS256, Direct, RSAOAEP256} {
				if _, err := TargetCertificate("k", a, c); err == nil {
					t.Errorf("%s accepts it for encryption", a)
				}
				if _, err := SourceCertificate("k", a, c); err == nil {
					t.Errorf("%s accepts it for signatures", a)
				}
			}
		})
	}
}

func TestRing_E141_FindsAKeyByNameOrCertificate(t *testing.T) {
	t.Parallel()
	c := certificate(t, newEC(t, elliptic.P256()), x509.KeyUsageDigitalSignature)
	k, err := SourceCertificate("//m2m.example/id-in", ES256, c)
	certified := must(t, k, err)
	sum := sha256.Sum256(c.Raw)
	thumbprint := base64.RawURLEncoding.EncodeToString(sum[:])
	exported := shared(t, "E39F065AFEDDD80E23B7992BD89C3DDD@mef.m2m.example", HS256, 32).open
	named := shared(t, "Door@maf.m2m.example", HS256, 32).open
	ring := NewRing(certified, exported, named)
	for _, tc := range []struct {
		name string
		hint Hint
		want []*Key
	}{
		{"an entity", Hint{KeyID: "//m2m.example/id-in"}, []*Key{certified}},
		{"an entity in another case", Hint{KeyID: "//m2m.example/ID-in"}, nil},
		{"a certificate", Hint{Thumbprint: thumbprint}, []*Key{certified}},
		{"a name that is a thumbprint's text", Hint{KeyID: "x", Thumbprint: thumbprint}, nil},
		{"an exported key in another case (E-124)", Hint{KeyID: "e39f065afeddd80e23b7992bd89c3ddd@MEF.m2m.example"}, []*Key{exported}},
		{"a named key with its FQDN in another case", Hint{KeyID: "Door@MAF.m2m.example"}, []*Key{named}},
		{"a named key in another case", Hint{KeyID: "door@maf.m2m.example"}, nil},
		{"nothing", Hint{}, []*Key{certified, exported, named}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := ring.Find(tc.hint)
			if len(got) != len(tc.want) {
				t.Fatalf("%v", got)
			}
			for i := range got {
				if got[i] != tc.want[i] {
					t.Errorf("%v", got)
				}
			}
		})
	}
}

func TestKey_IsNotPrinted(t *testing.T) {
	t.Parallel()
	octets := bytes.Repeat([]byte("secret!!"), 4)
	secret, err := keys.NewSecret(octets)
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewSymmetric("k", HS256, secret)
	if err != nil {
		t.Fatal(err)
	}
	ec := newEC(t, elliptic.P256())
	e, err := NewPrivate("e", ES256, ec)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("keys", "k", k, "e", e)
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %x %s %d", k, k, k, k, k, k), fmt.Sprintf("%v %+v %#v", e, e, e),
		fmt.Sprintf("%+v", Protection{Sign: []*Key{k, e}}), fmt.Sprintf("%+v", NewRing(k, e)), log.String(),
	} {
		private, err := ec.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, "secret!!") || strings.Contains(text, fmt.Sprintf("%x", octets)) || strings.Contains(text, new(big.Int).SetBytes(private).String()) {
			t.Errorf("shows the key: %s", text)
		}
	}
}

func TestAlgorithm_E135_IsForOneThing(t *testing.T) {
	t.Parallel()
	for _, p := range all(t) {
		a := p.seal.Algorithm()
		if a.Encrypts() == a.Signs() || a.NonRepudiable() && a.Symmetric() {
			t.Errorf("%s encrypts and signs", a)
		}
		if p.seal.ID() == "" || p.seal.signs() != a.Signs() || p.open.verifies() != a.Signs() || p.open.decrypts() != a.Encrypts() {
			t.Errorf("%v", p.seal)
		}
	}
	for _, a := range []Algorithm{"", "none", "PS256", "RSA1_5", "RSA-OAEP", "ECDH-ES", "A128GCMKW", "PBES2-HS256+A128KW", "EdDSA"} {
		if a.Encrypts() || a.Signs() || a.Symmetric() || a.NonRepudiable() {
			t.Errorf("%q is on a list", a)
		}
	}
	if Encryption("A128CBC-HS256").Valid() || Class(0).String() != "no class" || Nested.String() == EncryptionOnly.String() {
		t.Error("the lists are wrong")
	}
}
