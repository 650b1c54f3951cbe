package cse

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"bulwark/e2e/esdata"
	"bulwark/internal/dynauth"
	"bulwark/internal/identity"
	"bulwark/onem2m"
	"bulwark/token"
)

// granting is a world whose CSE trusts an issuer of tokens and an Authorization
// Authority, with a container "lamp" that Ctok001 may not retrieve, and one
// "hall" that operators may.
type granting struct {
	*world
	sign *esdata.Key
}

const (
	operator = "operator@roles.example"
	visitor  = "visitor@das.example"
)

func newGranting(t *testing.T, change ...func(*Options)) *granting {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	g := &granting{}
	if g.sign, err = esdata.NewPrivate("k1", esdata.ES256, key); err != nil {
		t.Fatal(err)
	}
	public, err := esdata.NewPublic("k1", esdata.ES256, &key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(0, token.Issuer{
		ID: "//m2m.example/Sdas001", Keys: []*esdata.Key{public}, Domains: []string{"das.example"},
		Permitted: []token.Combination{{Class: esdata.SignatureOnly, Signature: esdata.ES256}},
	})
	if err != nil {
		t.Fatal(err)
	}
	trust := func(o *Options) {
		o.Verifier, o.Revoked = verifier, token.NewRevocations(0)
		o.Authorities = dynauth.Authorities{{ID: "//m2m.example/id-in/Croles1", Domains: []string{"roles.example"}}}
	}
	g.world = newWorld(t, append([]func(*Options){trust}, change...)...)
	for stem, name := range map[string]string{"Cowner1": "bay", "Ctok001": "tok1", "Ctok002": "tok2", "Croles1": "roles"} {
		g.register(stem, name)
	}
	g.policy("Cowner1", "cse-in/bay", "operators", `{"acor":["`+operator+`","`+visitor+`"],"acop":2}`)
	g.container("Cowner1", "cse-in/bay", "lamp", "")
	g.container("Cowner1", "cse-in/bay", "hall", `"acpi":["cse-in/bay/operators"]`)
	g.instance("Cowner1", "cse-in/bay/lamp", "one", "on")
	g.policy("CAdmin", "cse-in", "authorities", `{"acor":["Croles1"],"acop":63}`)
	return g
}

// claims returns those of a good token of Ctok001 for lamp.
func (g *granting) claims(change func(*token.Claims)) *token.Claims {
	now := onem2m.TimestampOf(g.now())
	c := &token.Claims{
		Version: "1.0.0", ID: "tk1@das.example", Issuer: "//m2m.example/Sdas001", Holder: "//m2m.example/id-in/Ctok001",
		NotBefore: now - 1_000_000, NotAfter: now + 3600_000_000,
		Permissions: []token.Permission{{Resources: []string{"cse-in/bay/lamp"}, Privileges: []byte(`{"acr":[{"acor":["Ctok001"],"acop":2}]}`)}},
	}
	c.NotBefore -= c.NotBefore % 1_000_000 // seconds, as a JWT has them
	c.NotAfter -= c.NotAfter % 1_000_000
	if change != nil {
		change(c)
	}
	return c
}

func (g *granting) issue(change func(*token.Claims)) string {
	g.t.Helper()
	text, err := token.Issue(g.claims(change), esdata.Protection{Sign: []*esdata.Key{g.sign}})
	if err != nil {
		g.t.Fatal(err)
	}
	return text
}

// bring asks for a resource with tokens.
func bring(to string, tokens ...string) ask {
	return ask{op: "R", to: to, from: "Ctok001", edit: func(r *onem2m.Request) { r.Tokens = tokens }}
}

// role is a CREATE of a <role> by an originator.
func role(from, members string) ask {
	body := `{"m2m:rol":{"rlid":"` + operator + `","tkis":"//m2m.example/id-in/Croles1","tkhd":"//m2m.example/id-in/Ctok001","tknb":"20260101T000000","tkna":"20270101T000000"` + members + `}}`
	return ask{op: "C31", to: "cse-in", from: from, body: body}
}

func swap(q ask, old, new string) ask {
	q.body = strings.Replace(q.body, old, new, 1)
	return q
}

func TestRole_A102_A110_IsTheWordOfItsIssuer(t *testing.T) {
	t.Parallel()
	g := newGranting(t, func(o *Options) {
		o.BasePolicy = []byte(`{"acr":[{"acor":["all"],"acop":63}]}`)
	})
	unproven := role("Croles1", `,"rn":"r9"`)
	unproven.assoc = &identity.Association{Framework: "none", Binding: "http"}
	g.follow(t, []step{
		{name: "A-104 its issuer creates it", ask: role("Croles1", `,"rn":"r1"`), code: 2001},
		{name: "A-104 the administrator creates it for the issuer", ask: role("CAdmin", `,"rn":"r2"`), code: 2001},
		{name: "A-110 its holder doesn't", ask: role("Ctok001", ""), code: 4103},
		{name: "A-110 its issuer, unproven", ask: unproven, code: 4103},
		{name: "A-102 ends before it begins", ask: swap(role("Croles1", ""), "20270101", "20250101"), code: 4000},
		{name: "A-102 no holder", ask: swap(role("Croles1", ""), `"tkhd":"//m2m.example/id-in/Ctok001",`, ""), code: 4000},
		{name: "A-102 a holder that is no entity", ask: swap(role("Croles1", ""), "//m2m.example/id-in/Ctok001", "not an id"), code: 4000},
		{name: "A-102 the holder is written once", ask: ask{op: "U", to: "cse-in/r1", from: "Croles1", body: `{"m2m:rol":{"tkhd":"Ctok002"}}`}, code: 4000},
		{name: "A-111 tokenLink changes", ask: ask{op: "U", to: "cse-in/r1", from: "Croles1", body: `{"m2m:rol":{"rltl":"cse-in/t1"}}`}, code: 2004},
		{name: "A-112 it can be subscribed to", ask: ask{op: "C23", to: "cse-in/r1", from: "Croles1", body: `{"m2m:sub":{"nu":["http://127.0.0.1:9/x"]}}`}, code: 2001},
		{name: "A-103 not below a container", ask: func() ask { q := role("CAdmin", ""); q.to = "cse-in/bay/lamp"; return q }(), code: 4108},
	})
}

func TestRole_A107_CountsForItsHolderInItsTime(t *testing.T) {
	t.Parallel()
	g := newGranting(t)
	hall := func(from, rids string) onem2m.StatusCode {
		return g.do(ask{op: "R", to: "cse-in/bay/hall?rids=" + rids, from: from}).Code
	}
	expect := func(why string, got, want onem2m.StatusCode) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %d, want %d", why, got, want)
		}
	}
	expect("A-108 no such role", hall("Ctok001", operator), 4103)
	g.must(onem2m.Created, role("CAdmin", `,"rn":"r1"`))
	expect("A-106 claimed and held", hall("Ctok001", operator), 2000)
	expect("A-110 held but not claimed", g.do(ask{op: "R", to: "cse-in/bay/hall", from: "Ctok001"}).Code, 4103)
	expect("A-107 somebody else's", hall("Ctok002", operator), 4103)
	expect("A-109 another spelling", hall("Ctok001", "Operator@roles.example"), 4103)
	expect("A-105 no role at all", hall("Ctok001", "operator"), 4000)
	g.must(onem2m.Created, swap(swap(role("CAdmin", `,"rn":"r2"`), operator, visitor), "Ctok001", "Ctok002"))
	expect("A-107 a domain that isn't the authority's", hall("Ctok002", visitor), 4103)
	if r := g.do(ask{op: "R", to: "cse-in/bay?fu=1&ty=3&rids=" + operator, from: "Ctok001"}); r.Code != 2000 {
		t.Errorf("discovery: %d %s", r.Code, text(r))
	}
	g.advance(365 * 24 * time.Hour)
	expect("A-107 over", hall("Ctok001", operator), 4103)
	g.advance(-365 * 24 * time.Hour)
	g.must(onem2m.Deleted, ask{op: "D", to: "cse-in/r1", from: "CAdmin"})
	expect("A-195 removed", hall("Ctok001", operator), 4103)
}

func TestRole_A105_OnlyWhatTheServiceSubscriptionAllows(t *testing.T) {
	t.Parallel()
	g := newGranting(t)
	g.must(onem2m.Created, role("CAdmin", `,"rn":"r1"`))
	g.must(onem2m.Created, ask{op: "C11", to: "cse-in", from: "CAdmin", body: `{"m2m:mssp":{"rn":"contract"}}`})
	g.must(onem2m.Created, ask{op: "C19", to: "cse-in", from: "CAdmin", body: `{"m2m:asar":{"rn":"rule","aai":["N*"],"aae":["C*"],"ari":["other@roles.example"]}}`})
	claim := ask{op: "R", to: "cse-in/bay/hall?rids=" + operator, from: "Ctok001"}
	g.must(onem2m.OK, claim) // there are no rules for this CSE yet
	g.must(onem2m.Created, ask{op: "C20", to: "cse-in/contract", from: "CAdmin", body: `{"m2m:svsn":{"rn":"node","ni":"n","csi":"/id-in","rlk":["cse-in/rule"]}}`})
	g.must(onem2m.BadRequest, claim)
	g.must(onem2m.Updated, ask{op: "U", to: "cse-in/rule", from: "CAdmin", body: `{"m2m:asar":{"ari":["` + operator + `"]}}`})
	g.must(onem2m.OK, claim)
}

func TestToken_A126_A130_OneThatFailsFailsTheRequest(t *testing.T) {
	t.Parallel()
	g := newGranting(t)
	good := g.issue(nil)
	g.must(onem2m.Created, ask{op: "C32", to: "cse-in", from: "CAdmin", body: `{"m2m:tk":{"rn":"t1","tkid":"tk1@das.example","tkob":"` + good + `"}}`})
	g.must(onem2m.Created, ask{op: "C32", to: "cse-in", from: "CAdmin", body: `{"m2m:tk":{"rn":"t2","tkid":"tk2@das.example","tkob":"` + good + `"}}`})
	if err := g.c.Revoked.Add(token.Revocation{Ref: token.Ref{Issuer: "//m2m.example/Sdas001", ID: "tk9@das.example"}}, 0); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*token.Claims)) ask { return bring("cse-in/bay/lamp", g.issue(change)) }
	parts := strings.Split(good, ".")
	unproven := bring("cse-in/bay/lamp", good)
	unproven.assoc = &identity.Association{Framework: "none", Binding: "http"}
	impostor := bring("cse-in/bay/lamp", good)
	impostor.assoc = certificate(identity.KindAE, "//m2m.example/id-in/Ctok002")
	twice := bring("cse-in/bay/lamp", good, good)
	broken := bring("cse-in/bay/lamp", good, parts[0]+"."+parts[1]+"."+strings.Repeat("A", len(parts[2])))
	g.follow(t, []step{
		{name: "A-06 none", ask: bring("cse-in/bay/lamp"), code: 4103},
		{name: "A-133 a good one", ask: bring("cse-in/bay/lamp", good), code: 2000},
		{name: "A-133 the same twice", ask: twice, code: 2000},
		{name: "A-130 one of two broken", ask: broken, code: 4103},
		{name: "A-133 for another operation", ask: ask{op: "D", to: "cse-in/bay/lamp", from: "Ctok001", edit: func(r *onem2m.Request) { r.Tokens = []string{good} }}, code: 4103},
		{name: "A-132 for another resource", ask: bring("cse-in/bay/hall", good), code: 4103},
		{name: "A-132 C-41 for a child whose policy is the container's", ask: bring("cse-in/bay/lamp/one", good), code: 2000},
		{name: "A-132 by its resourceID", ask: with(func(c *token.Claims) { c.Permissions[0].Resources = []string{"/id-in/" + g.ri("cse-in/bay/lamp")} }), code: 2000},
		{name: "A-132 of another CSE", ask: with(func(c *token.Claims) { c.Permissions[0].Resources = []string{"/id-far/cse-in/bay/lamp"} }), code: 4103},
		{name: "A-128 another holder", ask: with(func(c *token.Claims) { c.Holder = "//m2m.example/id-in/Ctok002" }), code: 4103},
		{name: "A-129 another CSE", ask: with(func(c *token.Claims) { c.Audience = []string{"//m2m.example/id-far"} }), code: 4103},
		{name: "A-129 this CSE among others", ask: with(func(c *token.Claims) { c.Audience = []string{"//m2m.example/id-far", "//m2m.example/id-*"} }), code: 2000},
		{name: "A-128 not yet", ask: with(func(c *token.Claims) { c.NotBefore = c.NotAfter - 1_000_000 }), code: 4103},
		{name: "A-128 over", ask: with(func(c *token.Claims) { c.NotAfter = c.NotBefore + 1_000_000 }), code: 4103},
		{name: "A-128 another issuer", ask: with(func(c *token.Claims) { c.Issuer = "//m2m.example/Sother" }), code: 4103},
		{name: "A-128 revoked", ask: with(func(c *token.Claims) { c.ID = "tk9@das.example" }), code: 4103},
		{name: "A-116 no token at all", ask: bring("cse-in/bay/lamp", "xyz"), code: 4000},
		{name: "A-116 dots", ask: bring("cse-in/bay/lamp", ".."), code: 4000},
		{name: "A-191 more than there may be", ask: bring("cse-in/bay/lamp", strings.Split(strings.Repeat(good+" ", maxTokens+1), " ")[:maxTokens+1]...), code: 4000},
		{name: "decision 12 nobody has proven the holder", ask: unproven, code: 4103},
		{name: "A-11 an impostor is found out before the token", ask: impostor, code: 4106},
		{name: "decision 12 not looked at where a policy permits", ask: ask{op: "R", to: "cse-in/bay/lamp", from: "Cowner1", edit: func(r *onem2m.Request) { r.Tokens = broken2(good) }}, code: 2000},
		{name: "A-106 by its Token-ID", ask: ask{op: "R", to: "cse-in/bay/lamp?tids=tk1@das.example", from: "Ctok001"}, code: 2000},
		{name: "A-106 by the Token-ID of another's", ask: ask{op: "R", to: "cse-in/bay/lamp?tids=tk1@das.example", from: "Ctok002"}, code: 4103},
		{name: "A-125 by a Token-ID that is written at another token", ask: ask{op: "R", to: "cse-in/bay/lamp?tids=tk2@das.example", from: "Ctok001"}, code: 4103},
		{name: "A-124 a <token> is written once", ask: ask{op: "U", to: "cse-in/t2", from: "CAdmin", body: `{"m2m:tk":{"tkid":"tk4@das.example"}}`}, code: 4000},
		{name: "A-130 unknown Token-ID", ask: ask{op: "R", to: "cse-in/bay/lamp?tids=tk3@das.example", from: "Ctok001"}, code: 4103},
		{name: "A-137 unknown Local-Token-ID", ask: ask{op: "R", to: "cse-in/bay/lamp?ltids=t7", from: "Ctok001"}, code: 4103},
		{name: "the <token> is deleted", ask: ask{op: "D", to: "cse-in/t1", from: "CAdmin"}, code: 2002},
		{name: "A-130 its Token-ID is gone with it", ask: ask{op: "R", to: "cse-in/bay/lamp?tids=tk1@das.example", from: "Ctok001"}, code: 4103},
		{name: "A-134 a role of the token", ask: bring("cse-in/bay/hall", g.issue(func(c *token.Claims) { c.Permissions = []token.Permission{{Roles: []string{visitor}}} })), code: 2000},
		{name: "7.5 a role that the issuer may not give", ask: bring("cse-in/bay/hall", g.issue(func(c *token.Claims) { c.Permissions = []token.Permission{{Roles: []string{operator}}} })), code: 4103},
		{name: "A-201 rules of a token don't open a policy", ask: bring("cse-in/bay/operators", g.issue(func(c *token.Claims) { c.Permissions[0].Resources = []string{"cse-in/bay/operators"} })), code: 4103},
		{name: "A-201 nor change accessControlPolicyIDs", ask: ask{
			op: "U", to: "cse-in/bay/hall", from: "Ctok001", body: `{"m2m:cnt":{"acpi":null}}`,
			edit: func(r *onem2m.Request) {
				r.Tokens = []string{g.issue(func(c *token.Claims) {
					c.Permissions[0] = token.Permission{Resources: []string{"cse-in/bay/hall"}, Privileges: []byte(`{"acr":[{"acor":["Ctok001"],"acop":63}]}`)}
				})}
			},
		}, code: 4103},
	})
	for _, a := range g.audits {
		if strings.Contains(a.Reason+a.Rule, parts[2]) || strings.Contains(a.Reason, parts[1]) {
			t.Errorf("a token in the audit: %+v", a)
		}
	}
	for _, want := range []string{"token tk1@das.example: the holder is not the originator", "tk9@das.example: the token is revoked", "which says that it is tk1@das.example: the token does not verify"} {
		found := false
		for _, a := range g.audits {
			found = found || a.Stage == "tokens" && strings.Contains(a.Reason, want)
		}
		if !found {
			t.Errorf("A-193 no audit with %q", want)
		}
	}
}

// broken2 is a token that doesn't verify.
func broken2(good string) []string {
	parts := strings.Split(good, ".")
	return []string{parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2]))}
}

func TestToken_A135_A136_A137_LocalNamesAreTheHoldersAndEndWithTheToken(t *testing.T) {
	t.Parallel()
	g := newGranting(t)
	res := g.do(bring("cse-in/bay/lamp", g.issue(nil)))
	o, err := onem2m.ParseObject(res.AssignedTokenIDs)
	if err != nil {
		t.Fatalf("ati %s: %v", res.AssignedTokenIDs, err)
	}
	list, _ := o.Objects("ltia")
	if len(list) != 1 {
		t.Fatalf("got %s", res.AssignedTokenIDs)
	}
	local, _ := list[0].Text("lti")
	if id, _ := list[0].Text("tkid"); id != "tk1@das.example" || local == "" {
		t.Fatalf("got %s", res.AssignedTokenIDs)
	}
	if again := g.do(bring("cse-in/bay/lamp", g.issue(nil))); again.Code != 2000 {
		t.Fatalf("got %d", again.Code)
	}
	mine := ask{op: "R", to: "cse-in/bay/lamp?ltids=" + local, from: "Ctok001"}
	others := mine
	others.from = "Ctok002"
	g.must(onem2m.OriginatorHasNoPrivilege, others)
	g.advance(time.Hour)
	g.must(onem2m.OriginatorHasNoPrivilege, mine)
}

func TestToken_A136_TheNameIsGoodUntilTheTokenEnds(t *testing.T) {
	t.Parallel()
	g := newGranting(t)
	good := g.issue(nil)
	res := g.do(bring("cse-in/bay/lamp", good))
	_, local, _ := strings.Cut(string(res.AssignedTokenIDs), `"lti":"`)
	local, _, _ = strings.Cut(local, `"`)
	mine := ask{op: "R", to: "cse-in/bay/lamp?ltids=" + local, from: "Ctok001"}
	if got := g.do(mine); got.Code != 2000 || got.AssignedTokenIDs != nil {
		t.Errorf("got %d %s", got.Code, got.AssignedTokenIDs)
	}
	if got := g.do(bring("cse-in/bay/lamp", good)); got.AssignedTokenIDs != nil {
		t.Errorf("told twice: %s", got.AssignedTokenIDs)
	}
	g.advance(time.Hour - time.Second)
	g.must(onem2m.OK, mine)
	g.advance(time.Second)
	g.must(onem2m.OriginatorHasNoPrivilege, mine)
	g.must(onem2m.OriginatorHasNoPrivilege, bring("cse-in/bay/lamp", good))
}

func TestGrants_A190_WithoutAnybodyTrustedTheyAreNotSupported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Ctok001", "tok1")
	for _, query := range []string{"rids=a@b.example", "tids=a@b.example", "ltids=t7"} {
		w.must(onem2m.NotImplemented, ask{op: "R", to: "cse-in/tok1?" + query, from: "Ctok001"})
	}
	w.must(onem2m.NotImplemented, bring("cse-in/tok1", "a.b.c"))
	t.Run("A-166 what only offers something is ignored", func(*testing.T) {
		w.must(onem2m.OK, ask{op: "R", to: "cse-in/tok1?asi=true&auri=true&tqi=true", from: "Ctok001"})
		w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/tok1?asi=true&auri=true&tqi=true", from: "Cnone01"})
	})
}

func TestExplain_A193_NamesTheStageOfRolesAndTokens(t *testing.T) {
	t.Parallel()
	g := newGranting(t)
	g.must(onem2m.Created, role("CAdmin", ""))
	for name, tt := range map[string]struct {
		q      Question
		permit bool
		stage  string
		reason string
	}{
		"a role":               {Question{To: "cse-in/bay/hall", RoleIDs: []string{operator}}, true, "static", `matches "operator@roles.example"`},
		"a role that isn't":    {Question{To: "cse-in/bay/hall", RoleIDs: []string{visitor}}, false, "static", "is not among"},
		"a token":              {Question{To: "cse-in/bay/lamp", Tokens: []string{g.issue(nil)}}, true, "tokens", `matches "Ctok001"`},
		"a token elsewhere":    {Question{To: "cse-in/bay/hall", Tokens: []string{g.issue(nil)}}, false, "tokens", "the target is not among its resources"},
		"a token that isn't":   {Question{To: "cse-in/bay/lamp", TokenIDs: []string{"tk7@das.example"}}, false, "tokens", "token tk7@das.example: no token of this CSE has the Token-ID"},
		"an acpi with a token": {Question{To: "cse-in/bay/hall", Links: true, Tokens: []string{g.issue(nil)}}, false, "tokens", "not among"},
	} {
		tt.q.From, tt.q.Authenticated, tt.q.Operation = "Ctok001", true, onem2m.Retrieve
		e, err := g.c.Explain(t.Context(), tt.q)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		found := false
		for _, r := range e.Reasons {
			found = found || strings.Contains(r.Text, tt.reason)
		}
		if e.Permit != tt.permit || e.Stage != tt.stage || !found {
			t.Errorf("%s: got %+v", name, e)
		}
	}
}
