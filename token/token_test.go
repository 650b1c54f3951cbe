package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"bulwark/e2e/esdata"
	"bulwark/e2e/keys"
	"bulwark/onem2m"
)

const (
	das    onem2m.ID = "//m2m.example/Sdas"
	holder onem2m.ID = "//m2m.example/id-in/Capp"
	self   onem2m.ID = "//m2m.example/id-in"
)

// begins and ends are the times of sample.
var begins, ends = at("20260301T000000"), at("20260302T000000")

func at(s string) onem2m.Timestamp {
	t, err := onem2m.ParseTimestamp(s)
	if err != nil {
		panic(err)
	}
	return t
}

// sample returns claims with every member.
func sample() *Claims {
	return &Claims{
		Version: "1.0.0", ID: "tk1@das.example", Issuer: das, Holder: holder, NotBefore: begins, NotAfter: ends,
		Name: "door", Audience: []string{string(self)}, Extension: "more",
		Permissions: []Permission{
			{Resources: []string{"//m2m.example/id-in/cnt1"}, Privileges: []byte(`{"acr":[{"acor":["all"],"acop":2}]}`)},
			{Roles: []string{"operator@das.example"}},
		},
	}
}

// must fails the test on an error.
func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func symmetric(t testing.TB, id string, a esdata.Algorithm, octets int, seed byte) *esdata.Key {
	t.Helper()
	return keyOf(t, id, a, bytes.Repeat([]byte{seed}, octets))
}

func keyOf(t testing.TB, id string, a esdata.Algorithm, octets []byte) *esdata.Key {
	t.Helper()
	secret, err := keys.NewSecret(octets)
	if err != nil {
		t.Fatal(err)
	}
	k, err := esdata.NewSymmetric(id, a, secret)
	return must(t, k, err)
}

// edKey is a key that no algorithm of a token is for.
func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return must(t, key, err)
}

// pair returns a private and a public key on P-256.
func pair(t testing.TB, id string, a esdata.Algorithm) (private, public *esdata.Key) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err = esdata.NewPrivate(id, a, key)
	if err != nil {
		t.Fatal(err)
	}
	public, err = esdata.NewPublic(id, a, &key.PublicKey)
	return private, must(t, public, err)
}

// world is an issuer with a key for each way to protect a token, and a CSE that
// was told about it.
type world struct {
	sign, verify    *esdata.Key // ES256
	mic             *esdata.Key // HS256
	direct, wrap    *esdata.Key // shared with the issuer
	target, decrypt *esdata.Key // ECDH, the CSE's own
	issuer          Issuer
	verifier        *Verifier
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		mic:    symmetric(t, "16-mic@das.example", esdata.HS256, 32, 1),
		direct: symmetric(t, "14-dir@das.example", esdata.Direct, 32, 2),
		wrap:   symmetric(t, "15-kw@das.example", esdata.A256KW, 32, 3),
	}
	w.sign, w.verify = pair(t, "54-"+string(das), esdata.ES256)
	w.decrypt, w.target = pair(t, "42-"+string(self), esdata.ECDHA128KW)
	w.issuer = Issuer{
		ID: das, Domains: []string{"das.example"},
		Keys: []*esdata.Key{w.verify, w.mic, w.direct, w.wrap, w.decrypt},
		Permitted: []Combination{
			{Class: esdata.SignatureOnly, Signature: esdata.ES256},
			{Class: esdata.SignatureOnly, Signature: esdata.HS256},
			{Class: esdata.EncryptionOnly, Management: esdata.Direct, Encryption: esdata.A256GCM},
			{Class: esdata.EncryptionOnly, Management: esdata.A256KW, Encryption: esdata.A128GCM},
			{Class: esdata.Nested, Signature: esdata.ES256, Management: esdata.Direct, Encryption: esdata.A256GCM},
			{Class: esdata.Nested, Signature: esdata.ES256, Management: esdata.ECDHA128KW, Encryption: esdata.A256GCM},
		},
	}
	v, err := NewVerifier(0, w.issuer)
	w.verifier = must(t, v, err)
	return w
}

// protections are the ways that the issuer may use.
func (w *world) protections() map[string]esdata.Protection {
	return map[string]esdata.Protection{
		"ES256":              {Sign: []*esdata.Key{w.sign}},
		"HS256":              {Sign: []*esdata.Key{w.mic}},
		"dir":                {Encrypt: []*esdata.Key{w.direct}},
		"A256KW":             {Encrypt: []*esdata.Key{w.wrap}, Encryption: esdata.A128GCM},
		"ES256 in dir":       {Sign: []*esdata.Key{w.sign}, Encrypt: []*esdata.Key{w.direct}},
		"ES256 in ECDH-ES+…": {Sign: []*esdata.Key{w.sign}, Encrypt: []*esdata.Key{w.target}},
	}
}

// token issues the sample, changed by f.
func (w *world) token(t testing.TB, f func(*Claims)) string {
	t.Helper()
	c := sample()
	if f != nil {
		f(c)
	}
	text, err := Issue(c, esdata.Protection{Sign: []*esdata.Key{w.sign}})
	return must(t, text, err)
}

// wantCheck fails unless err is the refusal for the check, 0 for none.
func wantCheck(t *testing.T, err error, want Check) {
	t.Helper()
	var refusal *Error
	switch {
	case want == 0 && err != nil:
		t.Errorf("refused: %v", err)
	case want != 0 && (!errors.As(err, &refusal) || refusal.Check != want):
		t.Errorf("the error is %v, want: %v", err, want)
	}
}

// equal compares claims by what they say.
func equal(a, b *Claims) bool {
	return a.Version == b.Version && a.ID == b.ID && a.Issuer == b.Issuer && a.Holder == b.Holder && a.NotBefore == b.NotBefore &&
		a.NotAfter == b.NotAfter && a.Name == b.Name && a.Extension == b.Extension && slices.Equal(a.Audience, b.Audience) && (a.Audience == nil) == (b.Audience == nil) &&
		slices.EqualFunc(a.Permissions, b.Permissions, func(a, b Permission) bool {
			return slices.Equal(a.Resources, b.Resources) && (a.Resources == nil) == (b.Resources == nil) && slices.Equal(a.Roles, b.Roles) && bytes.Equal(a.Privileges, b.Privileges)
		})
}
