package esdata

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"bulwark/e2e/keys"
)

// secretOf returns a key of n octets that depends on the seed.
func secretOf(t testing.TB, n int, seed byte) keys.Secret {
	t.Helper()
	s, err := keys.NewSecret(bytes.Repeat([]byte{seed}, n))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rsaKey is made once: it takes longer than all tests.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, minRSA) })

func newRSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newEC(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func must(t testing.TB, k *Key, err error) *Key {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// pair is the key of the source and that of the target.
type pair struct{ seal, open *Key }

// private returns the pair for a private key that signs or decrypts.
func private(t testing.TB, id string, a Algorithm, curve elliptic.Curve) pair {
	t.Helper()
	var (
		secret any
		public any
	)
	if curve == nil {
		key := newRSA(t)
		secret, public = key, &key.PublicKey
	} else {
		key := newEC(t, curve)
		secret, public = key, &key.PublicKey
	}
	k, err := NewPrivate(id, a, secret)
	own := must(t, k, err)
	k, err = NewPublic(id, a, public)
	other := must(t, k, err)
	if a.Signs() {
		return pair{own, other}
	}
	return pair{other, own}
}

// shared returns the pair for a symmetric key: twice the same.
func shared(t testing.TB, id string, a Algorithm, octets int) pair {
	t.Helper()
	k, err := NewSymmetric(id, a, secretOf(t, octets, byte(octets)))
	return pair{must(t, k, err), k}
}

// all returns a pair for each algorithm of the lists.
func all(t testing.TB) []pair {
	t.Helper()
	return []pair{
		shared(t, "dir16@m2m.example", Direct, 16), shared(t, "dir24@m2m.example", Direct, 24), shared(t, "dir32@m2m.example", Direct, 32),
		shared(t, "kw16@m2m.example", A128KW, 16), shared(t, "kw24@m2m.example", A192KW, 24), shared(t, "kw32@m2m.example", A256KW, 32),
		private(t, "//m2m.example/id-in/Cec", ECDHA128KW, elliptic.P256()), private(t, "ec2", ECDHA192KW, elliptic.P256()),
		private(t, "ec3", ECDHA256KW, elliptic.P384()), private(t, "rsa", RSAOAEP256, nil),
		shared(t, "hs256@m2m.example", HS256, 32), shared(t, "hs384@m2m.example", HS384, 48), shared(t, "hs512@m2m.example", HS512, 64),
		private(t, "es256", ES256, elliptic.P256()), private(t, "es384", ES384, elliptic.P384()), private(t, "es512", ES512, elliptic.P521()),
		private(t, "rs256", RS256, nil), private(t, "rs384", RS384, nil), private(t, "rs512", RS512, nil),
	}
}

// openAll returns a ring of the target's keys.
func openAll(pairs []pair) *Ring {
	var opening []*Key
	for _, p := range pairs {
		opening = append(opening, p.open)
	}
	return NewRing(opening...)
}

// open parses and opens.
func open(text string, s Serialization, ring Keyring) (*Opened, error) {
	e, err := Parse(text, s)
	if err != nil {
		return nil, err
	}
	return e.Open(ring)
}

// compact joins a header and other parts.
func compact(header string, parts ...string) string {
	out := base64.RawURLEncoding.EncodeToString([]byte(header))
	for _, part := range parts {
		out += "." + part
	}
	return out
}

func toJSON(t testing.TB, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
