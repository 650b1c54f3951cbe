package esdata

import (
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func TestParse_E135_E140_E142_E145_RefusesHeaders(t *testing.T) {
	t.Parallel()
	const iv, tag = "AAECAwQFBgcICQoL", "AAECAwQFBgcICQoLDA0ODw"
	for _, tc := range []struct {
		name, header string
		encrypted    bool
		want         error
	}{
		{"no algorithm", `{"kid":"k"}`, false, ErrAlgorithm},
		{"none", `{"alg":"none"}`, false, ErrAlgorithm},
		{"PSS", `{"alg":"PS256"}`, false, ErrAlgorithm},
		{"EdDSA", `{"alg":"EdDSA"}`, false, ErrAlgorithm},
		{"the algorithm in another case", `{"alg":"hs256"}`, false, ErrAlgorithm},
		{"an algorithm that is no text", `{"alg":1}`, false, ErrHeader},
		{"an encryption of keys in a signature", `{"alg":"A128KW"}`, false, ErrAlgorithm},
		{"enc in a signature", `{"alg":"HS256","enc":"A128GCM"}`, false, ErrHeader},
		{"a critical extension", `{"alg":"HS256","crit":["exp"],"exp":1}`, false, ErrHeader},
		{"an empty list of critical extensions", `{"alg":"HS256","crit":[]}`, false, ErrHeader},
		{"an unencoded payload", `{"alg":"HS256","b64":false}`, false, ErrHeader},
		{"a name twice", `{"alg":"none","alg":"HS256"}`, false, ErrHeader},
		{"a name twice, further down", `{"alg":"HS256","x":{"a":1,"a":2}}`, false, ErrHeader},
		{"broken UTF-8", "{\"alg\":\"HS256\",\"kid\":\"\xff\"}", false, ErrHeader},
		{"an empty kid", `{"alg":"HS256","kid":""}`, false, ErrHeader},
		{"a kid that is no text", `{"alg":"HS256","kid":7}`, false, ErrHeader},
		{"an endless kid", `{"alg":"HS256","kid":"` + strings.Repeat("k", MaxKeyID+1) + `"}`, false, ErrHeader},
		{"an endless header", `{"alg":"HS256","x":"` + strings.Repeat("k", maxHeader) + `"}`, false, ErrHeader},
		{"something behind the object", `{"alg":"HS256"}{}`, false, ErrHeader},
		{"null", `null`, false, ErrHeader},
		{"no object", `["alg"]`, false, ErrHeader},
		{"compression", `{"alg":"A128KW","enc":"A128GCM","zip":"DEF"}`, true, ErrHeader},
		{"a critical extension of an encryption", `{"alg":"A128KW","enc":"A128GCM","crit":["x"],"x":1}`, true, ErrHeader},
		{"RSA1_5", `{"alg":"RSA1_5","enc":"A128GCM"}`, true, ErrAlgorithm},
		{"RSA-OAEP with SHA-1", `{"alg":"RSA-OAEP","enc":"A128GCM"}`, true, ErrAlgorithm},
		{"PBES2", `{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":1000000,"p2s":"AAAAAAAAAAA"}`, true, ErrAlgorithm},
		{"ECDH-ES without key wrap", `{"alg":"ECDH-ES","enc":"A128GCM"}`, true, ErrAlgorithm},
		{"AES-GCM key wrap", `{"alg":"A128GCMKW","enc":"A128GCM"}`, true, ErrAlgorithm},
		{"CBC", `{"alg":"A128KW","enc":"A128CBC-HS256"}`, true, ErrAlgorithm},
		{"no content encryption", `{"alg":"A128KW"}`, true, ErrAlgorithm},
		{"a signature algorithm in an encryption", `{"alg":"HS256","enc":"A128GCM"}`, true, ErrAlgorithm},
		{"a wrapped key beside direct encryption", `{"alg":"dir","enc":"A128GCM"}`, true, ErrSyntax},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			text := compact(tc.header, "e30", "AAAA")
			if tc.encrypted {
				text = compact(tc.header, "AAAA", iv, "AAAA", tag)
			}
			if _, err := Parse(text, Compact); !errors.Is(err, tc.want) {
				t.Errorf("the error is %v, want %v", err, tc.want)
			}
		})
	}
}

func TestParse_RefusesMalformedEnvelopes(t *testing.T) {
	t.Parallel()
	const hs = `{"alg":"HS256"}`
	header := base64.RawURLEncoding.EncodeToString([]byte(hs))
	signature := `{"protected":"` + header + `","signature":"AAAA"}`
	encryption := base64.RawURLEncoding.EncodeToString([]byte(`{"enc":"A128GCM"}`))
	rest := `,"iv":"AAECAwQFBgcICQoL","ciphertext":"AAAA","tag":"AAECAwQFBgcICQoLDA0ODw"}`
	for _, tc := range []struct {
		name, text string
		s          Serialization
		want       error
	}{
		{"nothing", "", Compact, ErrSyntax},
		{"two parts", header + ".e30", Compact, ErrSyntax},
		{"four parts", header + ".e30.AAAA.AAAA", Compact, ErrSyntax},
		{"six parts", header + ".a.b.c.d.e", Compact, ErrSyntax},
		{"no signature", header + ".e30.", Compact, ErrSyntax},
		{"no header", ".e30.AAAA", Compact, ErrSyntax},
		{"padding", header + ".e30=.AAAA", Compact, ErrSyntax},
		{"the other alphabet", header + ".e3++.AAAA", Compact, ErrSyntax},
		{"a line break", header + ".e3\n0.AAAA", Compact, ErrSyntax},
		{"a blank in front", " " + header + ".e30.AAAA", Compact, ErrSyntax},
		{"bits left over", header + ".e30.AB", Compact, ErrSyntax},
		{"a length that base64 does not have", header + ".e30.AAAAA", Compact, ErrSyntax},
		{"a short nonce", compact(`{"alg":"dir","enc":"A128GCM"}`, "", "AAAA", "AAAA", "AAECAwQFBgcICQoLDA0ODw"), Compact, ErrSyntax},
		{"a short tag", compact(`{"alg":"dir","enc":"A128GCM"}`, "", "AAECAwQFBgcICQoL", "AAAA", "AAAA"), Compact, ErrSyntax},
		{"no ciphertext", compact(`{"alg":"dir","enc":"A128GCM"}`, "", "AAECAwQFBgcICQoL", "", "AAECAwQFBgcICQoLDA0ODw"), Compact, ErrSyntax},
		{"no wrapped key", compact(`{"alg":"A128KW","enc":"A128GCM"}`, "", "AAECAwQFBgcICQoL", "AAAA", "AAECAwQFBgcICQoLDA0ODw"), Compact, ErrSyntax},
		{"JSON where compact is expected", `{"payload":"e30",` + signature[1:], Compact, ErrSyntax},
		{"compact where JSON is expected", header + ".e30.AAAA", JSON, ErrSyntax},
		{"an array", `[]`, JSON, ErrSyntax},
		{"an empty object", `{}`, JSON, ErrSyntax},
		{"no base64", `{}`, JSONBase64, ErrSyntax},
		{"base64 with a line break", "e3\n0=", JSONBase64, ErrSyntax},
		{"base64 without padding", "e30", JSONBase64, ErrSyntax},
		{"E-144 XML is stored, not processed", "<a/>", 4, ErrSyntax},
		{"a member twice", `{"payload":"e30","payload":"e30",` + signature[1:], JSON, ErrSyntax},
		{"a payload that is no text", `{"payload":{},` + signature[1:], JSON, ErrSyntax},
		{"signed and encrypted at once", `{"payload":"e30","ciphertext":"AAAA",` + signature[1:], JSON, ErrSyntax},
		{"general and flattened at once", `{"payload":"e30","signatures":[` + signature + `],` + signature[1:], JSON, ErrSyntax},
		{"no signatures", `{"payload":"e30","signatures":[]}`, JSON, ErrSyntax},
		{"an algorithm that is not protected", `{"payload":"e30","signatures":[{"header":{"alg":"HS256"},"protected":"` + base64.RawURLEncoding.EncodeToString([]byte(`{"kid":"k"}`)) + `","signature":"AAAA"}]}`, JSON, ErrHeader},
		{"a type that is not protected", `{"payload":"e30","header":{"typ":"JWT"},` + signature[1:], JSON, ErrHeader},
		{"a critical extension that is not protected", `{"payload":"e30","header":{"crit":["x"]},` + signature[1:], JSON, ErrHeader},
		{"more signatures than there may be", `{"payload":"e30","signatures":[` + strings.Repeat(signature+",", MaxRecipients) + signature + `]}`, JSON, ErrSize},
		{"more recipients than there may be", `{"protected":"` + encryption + `","recipients":[` + strings.Repeat(`{},`, MaxRecipients) + `{}]` + rest, JSON, ErrSize},
		{"no recipients", `{"protected":"` + encryption + `","recipients":[]` + rest, JSON, ErrSyntax},
		{"recipients and a header of one", `{"protected":"` + encryption + `","recipients":[{}],"header":{"alg":"A128KW"}` + rest, JSON, ErrSyntax},
		{"an encryption that is not protected", `{"protected":"` + base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"A128KW"}`)) + `","unprotected":{"enc":"A128GCM"},"encrypted_key":"AAAA"` + rest, JSON, ErrHeader},
		{"a member in two headers", `{"protected":"` + encryption + `","unprotected":{"alg":"A128KW"},"header":{"alg":"A256KW"},"encrypted_key":"AAAA"` + rest, JSON, ErrHeader},
		{"direct encryption for two", `{"protected":"` + encryption + `","recipients":[{"header":{"alg":"dir"}},{"header":{"alg":"dir"}}]` + rest, JSON, ErrHeader},
		{"more text than there may be", strings.Repeat("A", MaxEnvelope+1), Compact, ErrSize},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := Parse(tc.text, tc.s); !errors.Is(err, tc.want) {
				t.Errorf("the error is %v, want %v", err, tc.want)
			}
		})
	}
}

// TestVerify_A199_NothingInAHeaderBecomesAKey signs with a key that the header
// itself brings, in every way that a header has.
func TestVerify_A199_NothingInAHeaderBecomesAKey(t *testing.T) {
	t.Parallel()
	mallory, known := private(t, "k", ES256, elliptic.P256()), private(t, "k", ES256, elliptic.P256())
	signed, err := Seal([]byte(payload), Protection{Sign: []*Key{mallory.seal}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(signed, Compact, NewRing(known.open)); !errors.Is(err, ErrCryptography) {
		t.Errorf("the error is %v", err)
	}
	if _, err := open(signed, Compact, NewRing()); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("the error is %v", err)
	}
	for _, member := range []string{
		`"jwk":` + toJSON(t, map[string]string{"kty": "EC"}), `"jku":"https://example.com/keys"`,
		`"x5u":"https://example.com/certificate"`, `"x5t":"AAAA"`, `"x5c":["AAAA"]`,
	} {
		e, err := Parse(compact(`{"alg":"ES256","kid":"k",`+member+`}`, "e30", base64.RawURLEncoding.EncodeToString(make([]byte, 64))), Compact)
		if err != nil {
			t.Fatalf("%s: %v", member, err)
		}
		if h := e.Headers()[0]; h.KeyID != "k" || h.Thumbprint != "" {
			t.Errorf("%s: %+v", member, h)
		}
		if _, err := e.Open(NewRing(known.open)); err == nil {
			t.Errorf("%s: opens", member)
		}
	}
}

func TestVerify_E138_AtLeastOneAndNoneThatIsHeldMayFail(t *testing.T) {
	t.Parallel()
	a, b, stranger := private(t, "a", ES256, elliptic.P256()), private(t, "b", ES384, elliptic.P384()), private(t, "b", ES384, elliptic.P384())
	seal := func(signers ...*Key) string {
		text, err := Seal([]byte(payload), Protection{Sign: signers, Serialization: JSON})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	wrongAlgorithm := shared(t, "b", HS256, 32).open
	for _, tc := range []struct {
		name string
		text string
		ring *Ring
		by   []string
		want error
	}{
		{"both are held", seal(a.seal, b.seal), NewRing(a.open, b.open), []string{"a", "b"}, nil},
		{"one is held", seal(a.seal, b.seal), NewRing(b.open), []string{"b"}, nil},
		{"none is held", seal(a.seal, b.seal), NewRing(), nil, ErrUnknownKey},
		{"the other one fails", seal(a.seal, stranger.seal), NewRing(a.open, b.open), nil, ErrCryptography},
		{"the other one is held for another algorithm", seal(a.seal, b.seal), NewRing(a.open, wrongAlgorithm), nil, ErrAlgorithm},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := open(tc.text, JSON, tc.ring)
			if !errors.Is(err, tc.want) {
				t.Fatalf("the error is %v, want %v", err, tc.want)
			}
			if err != nil {
				return
			}
			var by []string
			for _, k := range got.Verified.By {
				by = append(by, k.ID())
			}
			if !slices.Equal(by, tc.by) {
				t.Errorf("verified by %v", by)
			}
		})
	}
}

func TestDecrypt_E134_TakesTheEntryThatItHasAKeyFor(t *testing.T) {
	t.Parallel()
	a, b := shared(t, "a", A128KW, 16), private(t, "b", ECDHA256KW, elliptic.P256())
	text, err := Seal([]byte(payload), Protection{Encrypt: []*Key{a.seal, b.seal}, Serialization: JSON})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(text, "encrypted_key") != 2 {
		t.Errorf("an entry is written twice: %s", text)
	}
	for _, p := range []pair{a, b} {
		got, err := open(text, JSON, NewRing(p.open))
		if err != nil || got.Decrypted.By != p.open || string(got.Payload) != payload {
			t.Errorf("%v: %+v, %v", p.open, got, err)
		}
	}
	other := shared(t, "a", A128KW, 16).open
	other.secret = secretOf(t, 16, 99)
	if _, err := open(text, JSON, NewRing(other)); !errors.Is(err, ErrCryptography) {
		t.Errorf("with another key of that name: %v", err)
	}
	if got, err := open(text, JSON, NewRing(other, b.open)); err != nil || got.Decrypted.By != b.open {
		t.Errorf("the entry that opens is not found: %v", err)
	}
}

func TestOpen_E136_TheKeyDecidesOnTheAlgorithm(t *testing.T) {
	t.Parallel()
	wrap, direct := shared(t, "k", A256KW, 32), shared(t, "k", Direct, 32)
	text, err := Seal([]byte(payload), Protection{Encrypt: []*Key{wrap.seal}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(text, Compact, NewRing(direct.open)); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("the error is %v", err)
	}
	if _, err := open(text, Compact, NewRing(private(t, "k", ECDHA256KW, elliptic.P256()).seal)); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("with the wrong half of a pair: %v", err)
	}
	mic := shared(t, "k", HS256, 32)
	text, err = Seal([]byte(payload), Protection{Sign: []*Key{mic.seal}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(text, Compact, NewRing(wrap.open, direct.open)); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("the error is %v", err)
	}
	longer := shared(t, "k", Direct, 16)
	text, err = Seal([]byte(payload), Protection{Encrypt: []*Key{direct.seal}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(text, Compact, NewRing(longer.open)); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("a direct key for another content encryption: %v", err)
	}
}

func TestOpen_TriesABoundedNumberOfKeys(t *testing.T) {
	t.Parallel()
	var many []*Key
	for i := range 2 * MaxAttempts {
		k := shared(t, "k", A128KW, 16).open
		k.secret = secretOf(t, 16, byte(100+i))
		many = append(many, k)
	}
	right := shared(t, "k", A128KW, 16)
	text, err := Seal([]byte(payload), Protection{Encrypt: []*Key{right.seal}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(text, Compact, NewRing(append(many[:MaxAttempts-1:MaxAttempts-1], right.open)...)); err != nil {
		t.Errorf("the last attempt: %v", err)
	}
	if _, err := open(text, Compact, NewRing(append(many, right.open)...)); !errors.Is(err, ErrCryptography) {
		t.Errorf("the error is %v", err)
	}
}

func TestOpen_AnEnvelopeThatNamesNothingIsTriedWithAll(t *testing.T) {
	t.Parallel()
	mic, other := shared(t, "m", HS256, 32), shared(t, "o", HS256, 33)
	text, err := Seal([]byte(payload), Protection{Sign: []*Key{mic.seal}, Serialization: JSON})
	if err != nil {
		t.Fatal(err)
	}
	// A MIC over a header without kid, made with the library's own form of it.
	e, err := Parse(text, JSON)
	if err != nil {
		t.Fatal(err)
	}
	e.jws.signatures[0].header.Hint = Hint{}
	if got, err := e.Open(NewRing(other.open, mic.open)); err != nil || got.Verified.By[0] != mic.open {
		t.Errorf("%v", err)
	}
	if _, err := e.Open(NewRing(other.open)); !errors.Is(err, ErrCryptography) {
		t.Errorf("%v", err)
	}
	if _, err := e.Open(NewRing()); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("%v", err)
	}
}

func TestOpen_E139_NestedIsWhatTheHeaderAnnounces(t *testing.T) {
	t.Parallel()
	direct, mic, es := shared(t, "d", Direct, 32), shared(t, "m", HS256, 32), private(t, "e", ES256, elliptic.P256())
	ring := NewRing(direct.open, mic.open, es.open)
	inner, err := Seal([]byte(payload), Protection{Sign: []*Key{es.seal}})
	if err != nil {
		t.Fatal(err)
	}
	weak, err := Seal([]byte(payload), Protection{Sign: []*Key{mic.seal}})
	if err != nil {
		t.Fatal(err)
	}
	twice, err := Seal([]byte(payload), Protection{Encrypt: []*Key{direct.seal}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, plaintext, contentType string
		class                        Class
		want                         error
	}{
		{"a signature, announced", inner, "JOSE", Nested, nil},
		{"a signature, announced as a media type", inner, "application/jose", Nested, nil},
		{"a signature, announced as a token", inner, "JWT", Nested, nil},
		{"a signature that is not announced", inner, "", EncryptionOnly, nil},
		{"a signature that is called something else", inner, "text/plain", EncryptionOnly, nil},
		{"a MIC, announced", weak, "JOSE", 0, ErrClass},
		{"an encryption, announced", twice, "JOSE", 0, ErrClass},
		{"no envelope, announced", "21.5", "JOSE", 0, ErrSyntax},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			text, err := Seal([]byte(tc.plaintext), Protection{Encrypt: []*Key{direct.seal}, ContentType: tc.contentType})
			if err != nil {
				t.Fatal(err)
			}
			got, err := open(text, Compact, ring)
			if !errors.Is(err, tc.want) {
				t.Fatalf("the error is %v, want %v", err, tc.want)
			}
			if err == nil && got.Class != tc.class {
				t.Errorf("the class is %v", got.Class)
			}
		})
	}
}

func TestSeal_E140_E141_NamesWhatIsInside(t *testing.T) {
	t.Parallel()
	direct, es, es2 := shared(t, "d", Direct, 32), private(t, "e", ES256, elliptic.P256()), private(t, "e2", ES384, elliptic.P384())
	for _, tc := range []struct {
		name         string
		p            Protection
		outer, inner map[string]string
	}{
		{
			"a nested token",
			Protection{Type: "JWT", Sign: []*Key{es.seal}, Encrypt: []*Key{direct.seal}},
			map[string]string{"alg": "dir", "enc": "A256GCM", "kid": "d", "typ": "JWT", "cty": "JWT"},
			map[string]string{"alg": "ES256", "kid": "e", "typ": "JWT"},
		},
		{"an encrypted token", Protection{Type: "JWT", Encrypt: []*Key{direct.seal}}, map[string]string{"alg": "dir", "enc": "A256GCM", "kid": "d", "typ": "JWT"}, nil},
		{"a signed token", Protection{Type: "JWT", Sign: []*Key{es.seal}}, map[string]string{"alg": "ES256", "kid": "e", "typ": "JWT"}, nil},
		{
			"nested data",
			Protection{ContentType: "application/json", Sign: []*Key{es.seal}, Encrypt: []*Key{direct.seal}},
			map[string]string{"alg": "dir", "enc": "A256GCM", "kid": "d", "cty": "JOSE"},
			map[string]string{"alg": "ES256", "kid": "e", "cty": "application/json"},
		},
		{
			"nested data with two signatures",
			Protection{Sign: []*Key{es.seal, es2.seal}, Encrypt: []*Key{direct.seal}},
			map[string]string{"alg": "dir", "enc": "A256GCM", "kid": "d", "cty": "JOSE+JSON"},
			nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			text, err := Seal([]byte(payload), tc.p)
			if err != nil {
				t.Fatal(err)
			}
			wantHeader(t, text, tc.outer)
			got, err := open(text, Compact, NewRing(direct.open, es.open, es2.open))
			if err != nil || got.Class != tc.p.Class() {
				t.Fatalf("%v, %v", got, err)
			}
			if tc.inner != nil {
				wantHeader(t, string(got.Decrypted.Plaintext), tc.inner)
			}
		})
	}
}

// wantHeader compares the protected header of a compact envelope.
func wantHeader(t *testing.T, text string, want map[string]string) {
	t.Helper()
	first, _, _ := strings.Cut(text, ".")
	var got map[string]string
	if err := json.Unmarshal(decode(first), &got); err != nil {
		t.Fatal(err)
	}
	if toJSON(t, jsontext.Value(sorted(t, got))) != toJSON(t, jsontext.Value(sorted(t, want))) {
		t.Errorf("the header is %v, want %v", got, want)
	}
}

func sorted(t *testing.T, m map[string]string) []byte {
	t.Helper()
	out, err := json.Marshal(m, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzParse reads anything; what it accepts has headers on the lists and opens
// with nothing.
func FuzzParse(f *testing.F) {
	direct, mic := shared(f, "d", Direct, 32), shared(f, "m", HS256, 32)
	for _, p := range []Protection{
		{Sign: []*Key{mic.seal}},
		{Encrypt: []*Key{direct.seal}},
		{Sign: []*Key{mic.seal}, Serialization: JSON},
		{Encrypt: []*Key{shared(f, "w", A128KW, 16).seal, shared(f, "x", A128KW, 16).seal}, Serialization: JSON, AAD: []byte("x")},
		{Encrypt: []*Key{direct.seal}, Serialization: JSONBase64},
	} {
		text, err := Seal([]byte(payload), p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, int(p.serialization()))
	}
	f.Add(`{"payload":"","signatures":[{}]}`, 2)
	ring := NewRing(shared(f, "d", Direct, 16).open, shared(f, "m", HS256, 64).open)
	f.Fuzz(func(t *testing.T, text string, s int) {
		e, err := Parse(text, Serialization(s))
		if err != nil {
			return
		}
		for _, h := range e.Headers() {
			if e.Encrypted() != h.Algorithm.Encrypts() || e.Encrypted() == h.Algorithm.Signs() {
				t.Errorf("%q in %q", h.Algorithm, text)
			}
		}
		if got, err := e.Open(ring); err == nil {
			t.Errorf("%+v from %q", got, text)
		}
	})
}
