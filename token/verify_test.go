package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"bulwark/e2e/esdata"
	"bulwark/onem2m"
)

func TestToken_A115_A119_A122_IsWhatWasIssued(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, p := range w.protections() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				c := drawClaims(t)
				text, err := Issue(c, p)
				if err != nil {
					t.Skip("control characters in a text")
				}
				got, err := w.verifier.Verify(text)
				if err != nil || !equal(&got.Claims, c) || got.Class != p.Class() || got.Digest != DigestOf(text) || len(got.Untrusted) > 0 {
					t.Errorf("%+v, %v", got, err)
				}
			})
		})
	}
}

func TestVerify_RefusesEveryFlippedBit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, p := range w.protections() {
		text, err := Issue(sample(), p)
		if err != nil {
			t.Fatal(err)
		}
		for bit := 0; bit < 8*len(text); bit += 3 {
			flipped := []byte(text)
			flipped[bit/8] ^= 1 << (bit % 8)
			if got, err := w.verifier.Verify(string(flipped)); err == nil {
				t.Fatalf("%s: bit %d: %+v", name, bit, got)
			}
		}
	}
}

// TestVerify_A116_RefusesAnotherSpelling: the same octets in another base64
// would have another digest.
func TestVerify_A116_RefusesAnotherSpelling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := w.token(t, nil)
	parts := strings.Split(text, ".")
	for name, other := range map[string]string{
		"padding":            text + "==",
		"a blank behind":     text + " ",
		"a line break":       parts[0] + "." + parts[1][:8] + "\n" + parts[1][8:] + "." + parts[2],
		"a fourth part":      text + ".",
		"no signature":       parts[0] + "." + parts[1] + ".",
		"nothing":            "",
		"plain words":        "not a token",
		"the JSON form":      `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"the algorithm none": base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + ".",
	} {
		_, err := w.verifier.Verify(other)
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Check != CheckForm || refusal.Code() != onem2m.BadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// forge signs or encrypts claims with headers of the test's making.
func forge(t *testing.T, k jose.SigningKey, headers map[jose.HeaderKey]any, payload []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(k, &jose.SignerOptions{ExtraHeaders: headers})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	return must(t, text, err)
}

func forgeEncrypted(t *testing.T, secret []byte, headers map[jose.HeaderKey]any, payload []byte) string {
	t.Helper()
	e, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: secret}, &jose.EncrypterOptions{ExtraHeaders: headers})
	if err != nil {
		t.Fatal(err)
	}
	encrypted, err := e.Encrypt(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := encrypted.CompactSerialize()
	return must(t, text, err)
}

func TestVerify_A117_A199_Headers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	payload, err := sample().JWT()
	if err != nil {
		t.Fatal(err)
	}
	inner := w.token(t, nil)
	mic, direct := make([]byte, 32), make([]byte, 32)
	for i := range 32 {
		mic[i], direct[i] = 1, 2
	}
	type headers = map[jose.HeaderKey]any
	key := jose.SigningKey{Algorithm: jose.HS256, Key: mic}
	for _, tc := range []struct {
		name string
		text string
		want Check
	}{
		{"as it has to be", forge(t, key, headers{"typ": "JWT", "kid": w.mic.ID()}, payload), 0},
		{"without kid (all keys of the issuer are tried)", forge(t, key, headers{"typ": "JWT"}, payload), 0},
		{"jku is not followed", forge(t, key, headers{"typ": "JWT", "kid": w.mic.ID(), "jku": "https://example.com/keys"}, payload), 0},
		{"no typ", forge(t, key, headers{"kid": w.mic.ID()}, payload), CheckHeader},
		{"typ in lower case", forge(t, key, headers{"typ": "jwt"}, payload), CheckHeader},
		{"another typ", forge(t, key, headers{"typ": "JOSE"}, payload), CheckHeader},
		{"cty of a signed token", forge(t, key, headers{"typ": "JWT", "cty": "JWT"}, payload), CheckHeader},
		{"an unknown critical extension", forge(t, key, headers{"typ": "JWT", "crit": []string{"x"}, "x": 1}, payload), CheckHeader},
		{"an unencoded payload", forge(t, key, headers{"typ": "JWT", "crit": []string{"b64"}, "b64": true}, payload), CheckHeader},
		{"a kid of nobody", forge(t, key, headers{"typ": "JWT", "kid": "x"}, payload), CheckKey},
		{"the kid of a key for another algorithm", forge(t, key, headers{"typ": "JWT", "kid": w.verify.ID()}, payload), CheckAlgorithm},
		{"encrypted, as it has to be", forgeEncrypted(t, direct, headers{"typ": "JWT", "kid": w.direct.ID()}, payload), 0},
		{"encrypted, without kid", forgeEncrypted(t, direct, headers{"typ": "JWT"}, payload), 0},
		{"encrypted, no typ", forgeEncrypted(t, direct, headers{"kid": w.direct.ID()}, payload), CheckHeader},
		{"encrypted, another cty", forgeEncrypted(t, direct, headers{"typ": "JWT", "cty": "JOSE"}, payload), CheckHeader},
		{"encrypted, cty without a token inside", forgeEncrypted(t, direct, headers{"typ": "JWT", "cty": "JWT"}, payload), CheckHeader},
		{"nested, as it has to be", forgeEncrypted(t, direct, headers{"typ": "JWT", "cty": "JWT"}, []byte(inner)), 0},
		{"nested, not announced", forgeEncrypted(t, direct, headers{"typ": "JWT"}, []byte(inner)), CheckClaims},
		{"nested, a MIC inside", forgeEncrypted(t, direct, headers{"typ": "JWT", "cty": "JWT"}, []byte(forge(t, key, headers{"typ": "JWT"}, payload))), CheckAlgorithm},
		{"nested, no typ inside", forgeEncrypted(t, direct, headers{"typ": "JWT", "cty": "JWT"}, []byte(forge(t, key, headers{}, payload))), CheckHeader},
		{"encrypted twice", forgeEncrypted(t, direct, headers{"typ": "JWT", "cty": "JWT"},
			[]byte(forgeEncrypted(t, direct, headers{"typ": "JWT"}, payload))), CheckHeader},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := w.verifier.Verify(tc.text)
			wantCheck(t, err, tc.want)
			var refusal *Error
			if errors.As(err, &refusal) && refusal.Code() != onem2m.OriginatorHasNoPrivilege {
				t.Errorf("the code is %d", refusal.Code())
			}
		})
	}
}

func TestVerify_A120_A121_A122_A123_OnlyWhatTheIssuerMayUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	payload, err := sample().JWT()
	if err != nil {
		t.Fatal(err)
	}
	publicKeyText := []byte(strings.Repeat("-----BEGIN PUBLIC KEY-----", 2))
	narrow := w.issuer
	narrow.Permitted = []Combination{{Class: esdata.SignatureOnly, Signature: esdata.ES256}}
	v, err := NewVerifier(0, narrow)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range w.protections() {
		text, err := Issue(sample(), p)
		if err != nil {
			t.Fatal(err)
		}
		want := CheckAlgorithm
		if name == "ES256" {
			want = 0
		}
		_, err = v.Verify(text)
		wantCheck(t, err, want)
	}
	for _, tc := range []struct {
		name string
		text func() string
		want Check
	}{
		{"an algorithm on no list", func() string {
			return forge(t, jose.SigningKey{Algorithm: jose.EdDSA, Key: edKey(t)}, map[jose.HeaderKey]any{"typ": "JWT"}, payload)
		}, CheckAlgorithm},
		{"HMAC under the name of a public key", func() string {
			return forge(t, jose.SigningKey{Algorithm: jose.HS256, Key: publicKeyText}, map[jose.HeaderKey]any{"typ": "JWT", "kid": w.verify.ID()}, payload)
		}, CheckAlgorithm},
		{"encryption for the CSE alone proves nobody", func() string {
			text, err := esdata.Seal(payload, esdata.Protection{Type: "JWT", Encrypt: []*esdata.Key{w.target}})
			return must(t, text, err)
		}, CheckAlgorithm},
		{"a content encryption that is not permitted", func() string {
			text, err := esdata.Seal(payload, esdata.Protection{Type: "JWT", Encrypt: []*esdata.Key{w.wrap}, Encryption: esdata.A256GCM})
			return must(t, text, err)
		}, CheckAlgorithm},
		{"another key under the name", func() string {
			stranger, _ := pair(t, w.sign.ID(), esdata.ES256)
			text, err := Issue(sample(), esdata.Protection{Sign: []*esdata.Key{stranger}})
			return must(t, text, err)
		}, CheckSecurity},
		{"an issuer that nobody knows", func() string {
			return w.token(t, func(c *Claims) { c.Issuer = "//m2m.example/Sother" })
		}, CheckIssuer},
		{"a Token-ID of another domain", func() string {
			return w.token(t, func(c *Claims) { c.ID = "tk1@other.example" })
		}, CheckIssuer},
		{"claims that are none", func() string {
			return forge(t, jose.SigningKey{Algorithm: jose.HS256, Key: publicKeyText}, map[jose.HeaderKey]any{"typ": "JWT"}, []byte("[]"))
		}, CheckClaims},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := w.verifier.Verify(tc.text())
			wantCheck(t, err, tc.want)
		})
	}
}

func TestVerify_A123_OneIssuersKeyIsNotAnothers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := Issuer{ID: "//m2m.example/Sdas2", Domains: []string{"das2.example"}}
	sign, verify := pair(t, "54-"+string(other.ID), esdata.ES256)
	shared := symmetric(t, "14-dir@das2.example", esdata.Direct, 32, 9)
	other.Keys = []*esdata.Key{verify, shared, w.decrypt}
	other.Permitted = w.issuer.Permitted
	other.Permitted = []Combination{
		{Class: esdata.SignatureOnly, Signature: esdata.ES256},
		{Class: esdata.EncryptionOnly, Management: esdata.Direct, Encryption: esdata.A256GCM},
		{Class: esdata.Nested, Signature: esdata.ES256, Management: esdata.ECDHA128KW, Encryption: esdata.A256GCM},
	}
	v, err := NewVerifier(0, w.issuer, other)
	if err != nil {
		t.Fatal(err)
	}
	theirs := func(c *Claims) *Claims { c.Issuer, c.ID = other.ID, "tk1@das2.example"; return c }
	for _, tc := range []struct {
		name   string
		claims *Claims
		p      esdata.Protection
		want   Check
	}{
		{"each with its own", theirs(sample()), esdata.Protection{Sign: []*esdata.Key{sign}}, 0},
		{"the CSE's own key is both's", theirs(sample()), esdata.Protection{Sign: []*esdata.Key{sign}, Encrypt: []*esdata.Key{w.target}}, 0},
		{"signed by the other", sample(), esdata.Protection{Sign: []*esdata.Key{sign}}, CheckKey},
		{"encrypted by the other", sample(), esdata.Protection{Encrypt: []*esdata.Key{shared}}, CheckKey},
		{"signed inside, encrypted by the other", sample(), esdata.Protection{Sign: []*esdata.Key{w.sign}, Encrypt: []*esdata.Key{shared}}, CheckKey},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			text, err := Issue(tc.claims, tc.p)
			if err != nil {
				t.Fatal(err)
			}
			_, err = v.Verify(text)
			wantCheck(t, err, tc.want)
		})
	}
}

func TestVerify_LeavesOutRolesOfAnotherDomain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got, err := w.verifier.Verify(w.token(t, func(c *Claims) {
		c.Permissions[1].Roles = []string{"admin@other.example", "operator@das.example", "x@das.example.evil.example"}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Permissions[1].Roles, []string{"operator@das.example"}) || len(got.Untrusted) != 2 {
		t.Errorf("%v, left out %v", got.Permissions[1].Roles, got.Untrusted)
	}
}

func TestVerifier_A120_A122_RefusesConfigurations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, change := range map[string]func(*Issuer){
		"a relative issuer":      func(i *Issuer) { i.ID = "Sdas" },
		"nothing permitted":      func(i *Issuer) { i.Permitted = nil },
		"no keys":                func(i *Issuer) { i.Keys = nil },
		"no domains":             func(i *Issuer) { i.Domains = nil },
		"a domain in upper case": func(i *Issuer) { i.Domains = []string{"DAS.example"} },
		"a domain that is none":  func(i *Issuer) { i.Domains = []string{"a..b"} },
		"no class":               func(i *Issuer) { i.Permitted = []Combination{{Signature: esdata.ES256}} },
		"the algorithm none":     func(i *Issuer) { i.Permitted = []Combination{{Class: esdata.SignatureOnly, Signature: "none"}} },
		"a MIC inside": func(i *Issuer) {
			i.Permitted = []Combination{{esdata.Nested, esdata.HS256, esdata.Direct, esdata.A256GCM}}
		},
		"encryption for the CSE": func(i *Issuer) {
			i.Permitted = []Combination{{esdata.EncryptionOnly, "", esdata.ECDHA128KW, esdata.A256GCM}}
		},
		"an unknown encryption": func(i *Issuer) {
			i.Permitted = []Combination{{esdata.EncryptionOnly, "", esdata.Direct, "A128CBC-HS256"}}
		},
		"an algorithm without keys": func(i *Issuer) { i.Permitted = []Combination{{Class: esdata.SignatureOnly, Signature: esdata.ES384}} },
	} {
		i := w.issuer
		change(&i)
		if _, err := NewVerifier(0, i); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := NewVerifier(0, w.issuer, w.issuer); !errors.Is(err, errIssuerTwice) {
		t.Errorf("an issuer given twice: %v", err)
	}
	thief := w.issuer
	thief.ID, thief.Keys = "//m2m.example/Sdas2", []*esdata.Key{symmetric(t, "k", esdata.HS256, 32, 1)}
	thief.Permitted = []Combination{{Class: esdata.SignatureOnly, Signature: esdata.HS256}}
	if _, err := NewVerifier(0, w.issuer, thief); !errors.Is(err, errKeyShared) {
		t.Errorf("a shared secret: %v", err)
	}
	if _, err := NewVerifier(0, make([]Issuer, MaxIssuers+1)...); !errors.Is(err, errManyIssuers) {
		t.Errorf("too many issuers: %v", err)
	}
}

func TestIssue_RefusesWhatIsNoToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second, _ := pair(t, "k", esdata.ES256)
	for _, tc := range []struct {
		name   string
		change func(*Claims)
		p      esdata.Protection
		want   Check
	}{
		{"claims that are not complete", func(c *Claims) { c.ID = "" }, esdata.Protection{Sign: []*esdata.Key{w.sign}}, CheckClaims},
		{"encryption for the CSE alone (A-122)", nil, esdata.Protection{Encrypt: []*esdata.Key{w.target}}, CheckAlgorithm},
		{"the JSON serialization (A-116)", nil, esdata.Protection{Sign: []*esdata.Key{w.sign}, Serialization: esdata.JSON}, CheckForm},
		{"two signatures", nil, esdata.Protection{Sign: []*esdata.Key{w.sign, second}}, CheckForm},
		{"no protection (A-115)", nil, esdata.Protection{}, CheckSecurity},
		{"a MIC inside an encryption", nil, esdata.Protection{Sign: []*esdata.Key{w.mic}, Encrypt: []*esdata.Key{w.direct}}, CheckSecurity},
		{"more than a token may hold", func(c *Claims) { c.Extension = strings.Repeat("x", MaxToken) }, esdata.Protection{Sign: []*esdata.Key{w.sign}}, CheckSize},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := sample()
			if tc.change != nil {
				tc.change(c)
			}
			_, err := Issue(c, tc.p)
			wantCheck(t, err, tc.want)
		})
	}
}

func TestVerify_A191_HasASize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := w.token(t, nil)
	for limit, want := range map[int]Check{len(text): 0, len(text) - 1: CheckSize} {
		v, err := NewVerifier(limit, w.issuer)
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Verify(text)
		wantCheck(t, err, want)
	}
}

func TestError_ShowsNothingOfTheToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret := "SECRETWORD"
	payload, err := sample().JWT()
	if err != nil {
		t.Fatal(err)
	}
	mic := make([]byte, 32)
	for i := range mic {
		mic[i] = 1
	}
	key := jose.SigningKey{Algorithm: jose.HS256, Key: mic}
	type headers = map[jose.HeaderKey]any
	for _, text := range []string{
		secret, secret + "." + secret + "." + secret,
		forge(t, key, headers{"typ": secret}, payload), forge(t, key, headers{"typ": "JWT", "kid": secret}, payload),
		forge(t, key, headers{"typ": "JWT", jose.HeaderKey(secret): 1, "crit": []string{secret}}, payload),
		forge(t, key, headers{"typ": "JWT"}, []byte(`{"`+secret+`":`)),
		forge(t, key, headers{"typ": "JWT"}, []byte(`{"iss":"`+secret+`"}`)),
		forge(t, key, headers{"typ": "JWT"}, []byte(`{"iss":"//m2m.example/Sdas","jti":"`+secret+`@@","tkvr":"1","azp":"//m2m.example/Sx","nbf":1,"exp":2}`)),
		forge(t, key, headers{"typ": "JWT"}, []byte(`{"iss":"//m2m.example/Sdas","jti":"a@das.example","tkvr":"1","azp":"`+secret+`","nbf":1,"exp":2}`)),
		forge(t, key, headers{"typ": "JWT"}, []byte(`{"iss":"//m2m.example/Sdas","jti":"a@das.example","tkvr":"1","azp":"//m2m.example/Sx","nbf":1,"exp":2,"tkps":{"pm":[{"rids":["`+secret+`"]}]}}`)),
		forge(t, key, headers{"typ": "JWT"}, []byte(`{"iss":"//m2m.example/Sdas","jti":"a@das.example","tkvr":"1","azp":"//m2m.example/Sx","nbf":1,"exp":2,"tkps":{"pm":[{"ris":["a"],"pv":{"`+secret+`":1}}]}}`)),
		forge(t, key, headers{"typ": "JWT"}, []byte(`{"iss":"//m2m.example/Sdas","jti":"a@das.example","tkvr":"1","azp":"//m2m.example/Sx","nbf":1,"exp":2,"tkps":{"pm":[{"ris":["a"],"`+secret+`":1}]}}`)),
		forge(t, key, headers{"typ": "JWT"}, []byte(`{"iss":"//m2m.example/Sdas","jti":"a@das.example","tkvr":"1","azp":"//m2m.example/Sx","nbf":1,"exp":2,"tkps":{"pm":[{"ris":["a"],"pv":{"acr":[{"acor":["`+secret+`"],"acop":"`+secret+`"}]}}]}}`)),
		w.token(t, func(c *Claims) { c.ID = secret + "@other.example" }),
	} {
		_, err := w.verifier.Verify(text)
		if err == nil {
			t.Errorf("accepted: %s", text)
		} else if strings.Contains(err.Error(), secret) || fmt.Sprintf("%+v", err) != err.Error() {
			t.Errorf("shows its content: %+v", err)
		}
	}
}

// vectors are published examples of one claim set in four protections.
type vectors struct {
	ClaimSet jsontext.Value `json:"claimSet"`
	First    string         `json:"first"`
	Second   string         `json:"second"`
	ES256    jsontext.Value `json:"es256"`
	HS256    string         `json:"hs256"`
	Signed   string         `json:"es256Token"`
	Direct   string         `json:"direct"`
	Nested   string         `json:"nested"`
}

func TestVerify_A117_A118_FollowsTheVectors(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	claims, err := ParseClaimSet(v.ClaimSet)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := claims.JWT()
	if err != nil || string(payload) != v.First {
		t.Errorf("%s, %v", payload, err)
	}

	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(v.ES256); err != nil {
		t.Fatal(err)
	}
	const issuer = onem2m.ID("//sp.example.org/Sdas01")
	verify, err := esdata.NewPublic("54-"+string(issuer), esdata.ES256, jwk.Public().Key)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := NewVerifier(0, Issuer{
		ID: issuer, Domains: []string{"das.example.org"},
		Keys: []*esdata.Key{verify, counting(t, "16-das-hmac-01@das.example.org", esdata.HS256), counting(t, "14-das-dir-01@das.example.org", esdata.Direct)},
		Permitted: []Combination{
			{Class: esdata.SignatureOnly, Signature: esdata.ES256},
			{Class: esdata.SignatureOnly, Signature: esdata.HS256},
			{Class: esdata.EncryptionOnly, Management: esdata.Direct, Encryption: esdata.A256GCM},
			{Class: esdata.Nested, Signature: esdata.ES256, Management: esdata.Direct, Encryption: esdata.A256GCM},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, text string
		want       Check
		payload    string
	}{
		{"HS256", v.HS256, 0, v.First},
		{"ES256", v.Signed, 0, v.Second},
		{"nested", v.Nested, 0, v.Second},
		{"encrypted", v.Direct, 0, v.Second},
		{"the last character changed", v.Signed[:len(v.Signed)-1] + "R", CheckForm, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := verifier.Verify(tc.text)
			wantCheck(t, err, tc.want)
			if err != nil {
				return
			}
			if payload, err := got.JWT(); err != nil || string(payload) != tc.payload {
				t.Errorf("%s, %v", payload, err)
			}
		})
	}
}

// counting is a key of the octets 0 to 31.
func counting(t *testing.T, id string, a esdata.Algorithm) *esdata.Key {
	t.Helper()
	octets := make([]byte, 32)
	for i := range octets {
		octets[i] = byte(i)
	}
	return keyOf(t, id, a, octets)
}

func TestInterop_A116_JoseReadsAndWritesTokens(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("jose")
	if err != nil {
		t.Skip("the jose command is not installed")
	}
	run := func(stdin string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), path, args...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("jose %s: %v", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out))
	}
	w := newWorld(t)
	octets := make([]byte, 32)
	for i := range octets {
		octets[i] = 2
	}
	file := filepath.Join(t.TempDir(), "key.jwk")
	jwk, err := jose.JSONWebKey{Key: octets}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, jwk, 0o600); err != nil {
		t.Fatal(err)
	}
	payload, err := sample().JWT()
	if err != nil {
		t.Fatal(err)
	}

	text, err := Issue(sample(), esdata.Protection{Encrypt: []*esdata.Key{w.direct}})
	if err != nil {
		t.Fatal(err)
	}
	if got := run(text, "jwe", "dec", "-i-", "-k", file, "-O-"); got != string(payload) {
		t.Errorf("jose reads %s", got)
	}
	nested, err := Issue(sample(), esdata.Protection{Sign: []*esdata.Key{w.sign}, Encrypt: []*esdata.Key{w.direct}})
	if err != nil {
		t.Fatal(err)
	}
	inner := run(nested, "jwe", "dec", "-i-", "-k", file, "-O-")
	if _, err := w.verifier.Verify(inner); err != nil {
		t.Errorf("what jose finds inside: %v", err)
	}

	for _, tc := range []struct{ plaintext, cty string }{{string(payload), ""}, {inner, `,"cty":"JWT"`}} {
		theirs := run(tc.plaintext, "jwe", "enc", "-I-", "-k", file, "-c", "-i", `{"protected":{"alg":"dir","enc":"A256GCM","typ":"JWT","kid":"`+w.direct.ID()+`"`+tc.cty+`}}`)
		got, err := w.verifier.Verify(theirs)
		if err != nil || !equal(&got.Claims, sample()) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	w := newWorld(f)
	for _, p := range w.protections() {
		text, err := Issue(sample(), p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	stranger := newWorld(f)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := w.verifier.Verify(text)
		if err == nil && got.ID != sample().ID {
			t.Errorf("accepts %q", text)
		}
		var refusal *Error
		if err != nil && !errors.As(err, &refusal) {
			t.Errorf("the error is %T", err)
		}
		if got, err := stranger.verifier.Verify(text); err == nil && got.Class == esdata.Nested {
			t.Errorf("another CSE accepts %q", text)
		}
	})
}
