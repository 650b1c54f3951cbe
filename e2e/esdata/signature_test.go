package esdata

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"bulwark/e2e/keys"
)

// halves returns a key that signs, and one that verifies.
func halves(t *testing.T, a Algorithm) (*Key, *Key) {
	t.Helper()
	var private crypto.Signer
	var err error
	switch a {
	case HS256:
		secret, err := keys.NewSecret(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		k, err := NewSymmetric("k", a, secret)
		if err != nil {
			t.Fatal(err)
		}
		return k, k
	case RS256:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewPrivate("k", a, private)
	if err != nil {
		t.Fatal(err)
	}
	public, err := NewPublic("k", a, private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return k, public
}

func TestSign_A160_C27_VerifiesWithTheSameKeyOverTheSameOctets(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{HS256, ES256, RS256} {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			private, public := halves(t, a)
			octets := []byte("tk0001@das.m2m.example")
			signature, err := private.Sign(octets)
			if err != nil {
				t.Fatal(err)
			}
			if !public.Verify(octets, signature) || !private.Verify(octets, signature) {
				t.Error("does not verify")
			}
			if public.Verify(append(octets, 'x'), signature) {
				t.Error("verifies over other octets")
			}
			for i := range signature {
				changed := append([]byte(nil), signature...)
				changed[i] ^= 1
				if public.Verify(octets, changed) {
					t.Fatalf("verifies with octet %d changed", i)
				}
			}
			if public.Verify(octets, nil) || public.Verify(octets, signature[1:]) {
				t.Error("a shorter one verifies")
			}
			if _, other := halves(t, a); a != HS256 && other.Verify(octets, signature) {
				t.Error("verifies with another key")
			}
			if _, err := public.Sign(octets); a != HS256 && err == nil {
				t.Error("a public key signs")
			}
		})
	}
}

func TestSign_RefusesKeysForOtherThings(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewPrivate("k", ECDHA256KW, private)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Sign([]byte("x")); err == nil {
		t.Error("a key for encryption signs")
	}
	if k.Verify([]byte("x"), make([]byte, 64)) {
		t.Error("a key for encryption verifies")
	}
}
