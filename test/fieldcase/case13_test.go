package fieldcase

import (
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulwark/test/harness"
)

// Case 13 with what a CSE can do that has no Dynamic Authorization Server to
// ask; case13das_test.go has the rest. Revocation is the operator's here.

const issuerID = "//m2m.example/Sdas001"

// mint is an issuer of tokens that shares no code with the CSE.
type mint struct {
	key  *ecdsa.PrivateKey
	jwks string // file
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func newMint(t *testing.T) *mint {
	t.Helper()
	m := &mint{key: harness.NewKey(t), jwks: filepath.Join(t.TempDir(), "das.jwks")}
	if err := os.WriteFile(m.jwks, []byte(`{"keys":[`+publicJWK(t, m.key)+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

// publicJWK is the public half of a key as a header or a file has it.
func publicJWK(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":"das-1","alg":"ES256","x":%q,"y":%q}`, encode(point[1:33]), encode(point[33:]))
}

// claims are those of a token that permits RETRIEVE.
type claims struct {
	id, holder, issuer, audience, resources string
	begins, ends                            time.Time
}

func good(id string) claims {
	return claims{
		id: id + "@das.m2m.example", holder: "//m2m.example/id-in/Ctok001", issuer: issuerID, resources: `["/id-in/cse-in/bay/lamp"]`,
		begins: time.Now().Add(-time.Minute), ends: time.Now().Add(time.Hour),
	}
}

func (c claims) String() string {
	text := fmt.Sprintf(`{"tkvr":"1.0.0","jti":%q,"iss":%q,"azp":%q,"nbf":%d,"exp":%d`, c.id, c.issuer, c.holder, c.begins.Unix(), c.ends.Unix())
	if c.audience != "" {
		text += fmt.Sprintf(`,"aud":[%q]`, c.audience)
	}
	return text + `,"tkps":{"pm":[{"ris":` + c.resources + `,"pv":{"acr":[{"acor":["Ctok001"],"acop":2}]}}]}}`
}

// sign makes a JWT with a key under any header.
func sign(t *testing.T, key *ecdsa.PrivateKey, header string, c claims) string {
	t.Helper()
	text := encode([]byte(header)) + "." + encode([]byte(c.String()))
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

const plainHeader = `{"typ":"JWT","alg":"ES256","kid":"das-1"}`

func (m *mint) token(t *testing.T, c claims) string {
	t.Helper()
	return sign(t, m.key, plainHeader, c)
}

// confused is a token whose MAC has the public key for a secret.
func (m *mint) confused(t *testing.T) string {
	t.Helper()
	text := encode([]byte(`{"typ":"JWT","alg":"HS256","kid":"das-1"}`)) + "." + encode([]byte(good("tk1").String()))
	mac := hmac.New(sha256.New, []byte(publicJWK(t, m.key)))
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

// gate is the setup of case 13.
type gate struct {
	*mint
	process     *harness.Process
	clients     map[string]*harness.Client // by the stem whose certificate they show
	admin       *harness.Client
	unencrypted *harness.Client
}

func newGate(t *testing.T, issuer ...string) *gate {
	t.Helper()
	g := &gate{mint: newMint(t), clients: map[string]*harness.Client{}}
	dir := filepath.Join(t.TempDir(), "data")
	a := harness.NewAuthority(t, dir)
	g.process = harness.Start(t, dir, "--config", harness.Configure(t, fmt.Sprintf(`
[[listen]]
binding = "https"
address = "127.0.0.1:0"

[[listen]]
binding = "http"
address = "127.0.0.1:0"

[[token.issuer]]
id = %q
fqdn = "das.m2m.example"
jwks = %q
accept = ["sign:ES256"]
revoked = ["lost1@das.m2m.example"]
%s

[[trust.role-authority]]
id = "//m2m.example/id-in/CAdmin"
fqdn = "roles.m2m.example"
`, issuerID, g.jwks, strings.Join(issuer, "\n"))))
	base := g.process.URLs[0]
	for stem, name := range map[string]string{"Cbay001": "bay", "Ctok001": "tok1", "Ctok002": "tok2", "Ctok003": "tok3"} {
		g.clients[stem] = harness.NewClient(t, base, a.Client(a.AE(stem)), 1)
		g.clients[stem].Register(t, stem, name)
	}
	g.admin = harness.NewClient(t, base, a.Client(a.Admin()), 1)
	g.unencrypted = harness.NewClient(t, g.process.URLs[1], nil, 1)
	g.unencrypted.Register(t, "Cplain1", "plain")
	bay := g.clients["Cbay001"]
	bay.Make(t, "Cbay001", "/cse-in/bay", 3, `{"m2m:cnt":{"rn":"lamp"}}`)
	bay.Make(t, "Cbay001", "/cse-in/bay", 1, policy("ops", "Cbay001", `{"acor":["ops@roles.m2m.example"],"acop":2}`))
	bay.Make(t, "Cbay001", "/cse-in/bay", 3, `{"m2m:cnt":{"rn":"hall","acpi":["cse-in/bay/ops"]}}`)
	return g
}

const lamp = "/cse-in/bay/lamp"

// ask retrieves with an Authorization header, "" for none.
func (g *gate) ask(t *testing.T, stem, from, target, authorization string) *harness.Answer {
	t.Helper()
	r := harness.Request{Method: http.MethodGet, Target: target, From: from}
	if authorization != "" {
		r.Header = map[string][]string{"Authorization": {authorization}}
	}
	return g.clients[stem].Send(t, r)
}

func TestFieldCase13_ATokenThatIsntOne(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	elsewhere := harness.NewSink(t)
	stranger := harness.NewKey(t)
	with := func(change func(*claims)) string {
		c := good("tk1")
		change(&c)
		return g.token(t, c)
	}
	other := func(header string) string { return sign(t, stranger, header, good("tk1")) }
	T := g.token(t, good("tk1"))
	parts := strings.Split(T, ".")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	signature[20] ^= 1
	flipped := parts[0] + "." + parts[1] + "." + encode(signature)
	none := encode([]byte(`{"typ":"JWT","alg":"none"}`)) + "." + parts[1] + "."

	g.admin.Make(t, "CAdmin", "/cse-in", 32, fmt.Sprintf(`{"m2m:tk":{"rn":"t1","tkid":"tk1@das.m2m.example","tkob":%q}}`, T))
	for _, row := range []struct {
		name, target, authorization string
		rsc, status                 int
	}{
		{"A-06 none", lamp, "", 4103, 403},
		{"A-133 T", lamp, T, 2000, 200},
		{"A-128 T with one bit of the signature changed", lamp, flipped, 4103, 403},
		{"A-116 T with alg none", lamp, none, 4000, 400},
		{"A-121 T with alg none and something for a signature", lamp, none + parts[2], 4103, 403},
		{"A-123 T with HS256 and the public key as secret", lamp, g.confused(t), 4103, 403},
		{"A-121 an alg that isn't permitted", lamp, sign(t, g.key, `{"typ":"JWT","alg":"ES384","kid":"das-1"}`, good("tk1")), 4103, 403},
		{"A-121 an alg of another world", lamp, sign(t, g.key, `{"typ":"JWT","alg":"PS256","kid":"das-1"}`, good("tk1")), 4103, 403},
		{"A-199 kid of nobody", lamp, other(`{"typ":"JWT","alg":"ES256","kid":"das-2"}`), 4103, 403},
		{"A-199 jku elsewhere", lamp, other(fmt.Sprintf(`{"typ":"JWT","alg":"ES256","kid":"das-1","jku":%q}`, elsewhere.URL+"/jwks")), 4103, 403},
		{"A-199 x5u elsewhere", lamp, other(fmt.Sprintf(`{"typ":"JWT","alg":"ES256","x5u":%q}`, elsewhere.URL+"/cert")), 4103, 403},
		{"A-199 jwk of its own", lamp, other(`{"typ":"JWT","alg":"ES256","jwk":` + publicJWK(t, stranger) + `}`), 4103, 403},
		{"A-199 crit", lamp, sign(t, g.key, `{"typ":"JWT","alg":"ES256","kid":"das-1","crit":["x"],"x":1}`, good("tk1")), 4103, 403},
		{"A-117 no typ", lamp, sign(t, g.key, `{"alg":"ES256","kid":"das-1"}`, good("tk1")), 4103, 403},
		{"A-128 T for Ctok002", lamp, with(func(c *claims) { c.holder = "//m2m.example/id-in/Ctok002" }), 4103, 403},
		{"A-128 T for a relative name", lamp, with(func(c *claims) { c.holder = "Ctok001" }), 4103, 403},
		{"A-129 T for another CSE", lamp, with(func(c *claims) { c.audience = "//m2m.example/id-far" }), 4103, 403},
		{"A-129 T for this one", lamp, with(func(c *claims) { c.audience = "//m2m.example/id-in" }), 2000, 200},
		{"A-128 T of a foreign issuer", lamp, with(func(c *claims) { c.issuer = "//m2m.example/Sdas002" }), 4103, 403},
		{"7.5 T with a Token-ID of another domain", lamp, with(func(c *claims) { c.id = "tk1@elsewhere.example" }), 4103, 403},
		{"A-128 T before notBefore", lamp, with(func(c *claims) { c.begins = time.Now().Add(time.Minute) }), 4103, 403},
		{"A-128 T after notAfter", lamp, with(func(c *claims) { c.begins, c.ends = c.begins.Add(-time.Hour), time.Now().Add(-time.Second) }), 4103, 403},
		{"A-132 T for another resource", lamp, with(func(c *claims) { c.resources = `["/id-in/cse-in/bay"]` }), 4103, 403},
		{"A-130 T and one that is broken", lamp, T + "+" + flipped, 4103, 403},
		{"A-130 T and one that is no token", lamp, T + "+xyz", 4000, 400},
		{"T and T", lamp, T + "+" + T, 2000, 200},
		{"T and T with blanks", lamp, T + " + " + T, 2000, 200},
		{"A-116 xyz", lamp, "xyz", 4000, 400},
		{"A-116 dots", lamp, "..", 4000, 400},
		{"A-116 valid base64 of garbage", lamp, encode([]byte("garbage")) + "." + encode([]byte("more")) + "." + encode([]byte("still")), 4103, 403},
		{"A-116 five parts of garbage", lamp, "YQ.YQ.YQ.YQ.YQ", 4103, 403},
		{"C-34 Bearer T", lamp, "Bearer " + T, 4103, 403},
		{"C-34 Basic", lamp, "Basic Q3RvazAwMTpzZWNyZXQ=", 4103, 403},
		{"A-130 tids=unknown", lamp + "?tids=tk9%40das.m2m.example", "", 4103, 403},
		{"A-106 tids=known", lamp + "?tids=tk1@das.m2m.example", "", 2000, 200},
		{"A-130 tids=known and a token that is broken", lamp + "?tids=tk1@das.m2m.example", flipped, 4103, 403},
		{"A-137 ltids=unknown", lamp + "?ltids=t7", "", 4103, 403},
		{"A-128 T that was revoked", lamp, g.token(t, good("lost1")), 4103, 403},
		{"A-108 a role that it doesn't have", "/cse-in/bay/hall?rids=ops@roles.m2m.example", "", 4103, 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			took := harness.Took(func() {
				g.ask(t, "Ctok001", "Ctok001", row.target, row.authorization).Expect(t, row.rsc, row.status)
			})
			if took > 15*time.Second {
				t.Errorf("answered after %v", took)
			}
		})
	}
	if got := elsewhere.Got(); len(got) != 0 {
		t.Errorf("A-199 a header of a token made the CSE ask elsewhere: %+v", got)
	}
	t.Run("decision 12 without an association", func(t *testing.T) {
		c := good("tk1")
		c.holder = "//m2m.example/id-in/Cplain1"
		g.unencrypted.Send(t, harness.Request{Method: http.MethodGet, Target: lamp, From: "Cplain1", Header: map[string][]string{"Authorization": {g.token(t, c)}}}).Expect(t, 4103, 403)
	})
	t.Run("A-11 T by Ctok003 who claims to be Ctok001", func(t *testing.T) {
		g.ask(t, "Ctok003", "Ctok001", lamp, T).Expect(t, 4106, 403)
		g.ask(t, "Ctok003", "Ctok003", lamp, T).Expect(t, 4103, 403)
	})
	t.Run("3 MB of text", func(t *testing.T) {
		a, err := g.clients["Ctok001"].Do(t.Context(), harness.Request{
			Method: http.MethodGet, Target: lamp, From: "Ctok001", Header: map[string][]string{"Authorization": {strings.Repeat("a", 3<<20)}},
		})
		if err == nil && a.Status < 400 { // the connection may end before all was written
			t.Errorf("got %s", a)
		}
		g.ask(t, "Ctok001", "Ctok001", lamp, T).Expect(t, 2000, 200)
	})
	t.Run("A-192 what is written", func(t *testing.T) { g.leaves(t, parts[1], parts[2]) })
}

// leaves looks at what the process has written: no token, but which one it was
// and why.
func (g *gate) leaves(t *testing.T, secrets ...string) {
	t.Helper()
	trail := strings.Join(g.process.Audit(), "\n")
	for _, secret := range secrets {
		if strings.Contains(trail, secret) || strings.Contains(g.process.Log(), secret) {
			t.Error("A-192 a token was written")
		}
	}
	for _, want := range []string{
		"token tk1@das.m2m.example permission 1 rule 1", "token tk1@das.m2m.example: the holder is not the originator",
		"which says that it is tk1@das.m2m.example: the token does not verify", "lost1@das.m2m.example: the token is revoked",
		"token tk9@das.m2m.example: no token of this CSE has the Token-ID",
	} {
		if !strings.Contains(trail, want) {
			t.Errorf("A-193 the audit trail has no %q", want)
		}
	}
}

func TestFieldCase13_ARoleAndALocalName(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	T := g.token(t, good("tk1"))

	first := g.ask(t, "Ctok001", "Ctok001", lamp, T)
	first.Expect(t, 2000, 200)
	local, id, ok := strings.Cut(first.Header.Get("X-M2M-ATI"), ":")
	if !ok || id != "tk1@das.m2m.example" {
		t.Fatalf("A-136 X-M2M-ATI is %q", first.Header.Get("X-M2M-ATI"))
	}
	again := g.ask(t, "Ctok001", "Ctok001", lamp+"?ltids="+local, "")
	again.Expect(t, 2000, 200)
	if ati := again.Header.Get("X-M2M-ATI"); ati != "" {
		t.Errorf("A-136 told again: %q", ati)
	}
	g.ask(t, "Ctok002", "Ctok002", lamp+"?ltids="+local, "").Expect(t, 4103, 403)

	const hall = "/cse-in/bay/hall?rids=ops@roles.m2m.example"
	role := fmt.Sprintf(`{"m2m:rol":{"rn":"r1","rlid":"ops@roles.m2m.example","tkis":"//m2m.example/id-in/CAdmin","tkhd":"//m2m.example/id-in/Ctok001","tknb":"20200101T000000","tkna":%q}}`,
		time.Now().UTC().Add(time.Hour).Format("20060102T150405"))
	g.admin.Make(t, "CAdmin", "/cse-in", 31, role)
	g.ask(t, "Ctok001", "Ctok001", hall, "").Expect(t, 2000, 200)
	g.ask(t, "Ctok001", "Ctok001", "/cse-in/bay/hall", "").Expect(t, 4103, 403)
	g.ask(t, "Ctok002", "Ctok002", hall, "").Expect(t, 4103, 403)
	g.admin.Delete(t, "CAdmin", "/cse-in/r1").Expect(t, 2002, 200)
	g.ask(t, "Ctok001", "Ctok001", hall, "").Expect(t, 4103, 403)
}
