package das_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/e2e/esdata"
	"bulwark/internal/dynauth/das"
	"bulwark/internal/dynauth/das/ledger"
	"bulwark/internal/ops/secrets"
	"bulwark/onem2m"
	"bulwark/token"
)

const tenMinutes = readGrant + "lifetime = \"10m\"\n"

// conditions are those of the CSE for a token that it gets in answer.
func (s *server) conditions() token.Conditions {
	return token.Conditions{Originator: visitor, Self: cse, Now: s.time(), Issuer: self().ID, Direct: true}
}

func TestDirect_A113_A129_A141_ATokenIsExactlyAsWideAndLongAsItWasGiven(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes)
	out := s.direct(ask())
	if out == nil || len(out.Tokens) != 1 || out.DynamicACP || out.SignRequest != nil {
		t.Fatalf("got %+v", out)
	}
	v := s.verify(out.Tokens[0])
	want := token.Claims{
		Version: "1.0.0", ID: v.ID, Issuer: self().ID, Holder: visitor, NotBefore: s.time() - 5_000_000,
		NotAfter: s.time() + 600_000_000, Name: "read", Audience: []string{string(cse)},
		Permissions: []token.Permission{{
			Resources:  []string{lamp},
			Privileges: []byte(`{"acr":[{"acor":["//m2m.example/id-in/CVisitor"],"acop":2,"acaf":true}]}`),
		}},
	}
	if diff := cmp.Diff(want, v.Claims); diff != "" {
		t.Error(diff)
	}
	if !strings.HasSuffix(v.ID, "@das.m2m.example") {
		t.Errorf("the Token-ID %s is not of the server", v.ID)
	}
	if err := v.Check(s.conditions()); err != nil {
		t.Error(err)
	}
	if d := s.last(); !d.Permit || d.Grant != "read" || d.Asker != cse || !slices.Equal(d.TokenIDs, []string{v.ID}) || d.Question.Target != lamp {
		t.Errorf("audited %+v", d)
	}
}

func TestDirect_A145_ARefusalIsNothing(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes)
	if out := s.direct(ask(func(m *onem2m.DASRequest) { m.Operation = onem2m.Delete })); out != nil {
		t.Errorf("got %+v", out)
	}
	if d := s.last(); d.Permit || !strings.Contains(d.Reason, "grant read: not for this operation") {
		t.Errorf("audited %+v", d)
	}
}

func TestDirect_ACSEAsksForItsOwnResourcesAlone(t *testing.T) {
	t.Parallel()
	s := start(t, strings.ReplaceAll(tenMinutes, "//m2m.example/id-in", "//m2m.example/*"))
	for _, tt := range []struct{ name, target, want string }{
		{"absolute", lamp, ""},
		{"SP-relative", "/id-in/lamp1", ""},
		{"CSE-relative", "lamp1", ""},
		{"of another CSE", "//m2m.example/id-mn/lamp1", "trid"},
		{"of another CSE, SP-relative", "/id-mn/lamp1", "trid"},
		{"a CSE whose name begins alike", "/id-in2/lamp1", "trid"},
		{"empty segments", "/id-in//lamp1", "trid"},
		{"the CSE itself", "/id-in", "trid"},
	} {
		out, err := s.Direct(t.Context(), cse, ask(func(m *onem2m.DASRequest) { m.Target = tt.target }))
		var e *onem2m.Error
		switch {
		case tt.want == "" && (err != nil || out == nil):
			t.Errorf("%s: %+v, %v", tt.name, out, err)
		case tt.want != "" && (!errors.As(err, &e) || e.Code != onem2m.BadRequest || e.Subject != tt.want):
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	out := s.direct(ask(func(m *onem2m.DASRequest) { m.Originator, m.Target = "CVisitor", "lamp1" }))
	if v := s.verify(out.Tokens[0]); v.Holder != visitor || v.Permissions[0].Resources[0] != lamp {
		t.Errorf("relative identifiers are read as %+v", v)
	}
}

func TestDirect_A146_RulesForADynamicPolicy(t *testing.T) {
	t.Parallel()
	for form, tokens := range map[string]int{"rules": 0, "both": 1} {
		s := start(t, tenMinutes+"form = \""+form+"\"\ngive-rules = '[{\"acor\":[\"$originator\"],\"acop\":34,\"acco\":[{\"actw\":[\"* * 8-17 * * * *\"]}]}]'\n")
		out := s.direct(ask())
		if out == nil || !out.DynamicACP || len(out.Tokens) != tokens {
			t.Fatalf("%s: %+v", form, out)
		}
		want := `{"acr":[{"acor":["//m2m.example/id-in/CVisitor"],"acop":2,"acaf":true},{"acco":[{"actw":["* * 8-17 * * * *"]}],"acop":34,"acor":["//m2m.example/id-in/CVisitor"]}]}`
		if string(out.Privileges) != want || out.Lifetime != (s.time()+600_000_000).String() {
			t.Errorf("%s: %s until %s", form, out.Privileges, out.Lifetime)
		}
	}
}

func TestDirect_A143_ATokenWhoseRolesDontHelpIsNotGivenAgain(t *testing.T) {
	t.Parallel()
	s := start(t, strings.Replace(tenMinutes, `give-operations = ["retrieve"]`, `give-roles = ["guest@das.m2m.example", "staff@das.m2m.example"]`, 1))
	roles := func(wanted ...string) (id, given string) {
		t.Helper()
		out := s.direct(ask(func(m *onem2m.DASRequest) { m.ACPRoles = wanted }))
		if out == nil || len(out.Tokens) != 1 {
			t.Fatalf("%v: %+v", wanted, out)
		}
		v := s.verify(out.Tokens[0])
		return v.ID, strings.Join(v.Permissions[0].Roles, " ")
	}
	first, given := roles(role)
	if given != role {
		t.Errorf("got %s", given)
	}
	second, given := roles("staff@das.m2m.example")
	if given != "staff@das.m2m.example" || second == first {
		t.Errorf("got %s", given)
	}
	if both, given := roles(); given != "guest@das.m2m.example staff@das.m2m.example" || both == first || both == second {
		t.Errorf("got %s", given)
	}
	if again, _ := roles(role); again != first {
		t.Error("what helps isn't given again")
	}
	if gone, err := s.Review(t.Context()); err != nil || len(gone) != 0 {
		t.Errorf("revoked %v, %v", gone, err)
	}
}

func TestDirect_RolesCountAtTheTargetUnlessTheGrantSaysAnywhere(t *testing.T) {
	t.Parallel()
	policy := strings.Replace(tenMinutes, `give-operations = ["retrieve"]`, `give-roles = ["guest@das.m2m.example"]`, 1)
	s := start(t, policy)
	v := s.verify(s.direct(ask()).Tokens[0])
	if diff := cmp.Diff([]token.Permission{{Resources: []string{lamp}, Roles: []string{role}}}, v.Permissions); diff != "" {
		t.Error(diff)
	}
	s = start(t, policy+"roles-anywhere = true\ngive-operations = [\"retrieve\", \"discover\"]\n")
	v = s.verify(s.direct(ask()).Tokens[0])
	if len(v.Permissions) != 2 || v.Permissions[0].Resources != nil || v.Permissions[1].Roles != nil {
		t.Errorf("got %+v", v.Permissions)
	}
}

func TestGrant_TheSameQuestionGetsTheSameToken(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes+"at-once-each = 1\n")
	first := s.direct(ask()).Tokens[0]
	s.pass(4 * time.Minute)
	if again := s.direct(ask()).Tokens[0]; again != first {
		t.Error("another token, although the first has half of its life left")
	}
	if out := s.direct(ask(func(m *onem2m.DASRequest) { m.Target = "lamp2" })); out != nil {
		t.Error("a second one although one is the limit")
	}
	s.pass(5 * time.Minute)
	if again := s.direct(ask()); again == nil || again.Tokens[0] != first {
		t.Error("the token that ends soon does not go on to its end")
	}
	s.pass(time.Minute)
	if next := s.direct(ask()).Tokens[0]; next == first {
		t.Error("a token that has ended is given again")
	}
	s.set(strings.Replace(tenMinutes, `["retrieve"]`, `["retrieve", "update"]`, 2))
	if out := s.direct(ask()); out == nil || string(s.verify(out.Tokens[0]).Permissions[0].Privileges) == "" {
		t.Error("nothing under the changed policy")
	} else if v := s.verify(out.Tokens[0]); !strings.Contains(string(v.Permissions[0].Privileges), `"acop":6`) {
		t.Errorf("a token of the earlier policy is given again: %s", v.Permissions[0].Privileges)
	}
}

func TestAuthority_WhatWasIssuedSurvives(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes+"at-once = 1\n")
	first := s.direct(ask()).Tokens[0]
	s.open()
	if again := s.direct(ask()).Tokens[0]; again != first {
		t.Error("another token after a restart")
	}
	s.verify(first)
	if out := s.direct(ask(func(m *onem2m.DASRequest) { m.Originator = string(visitor) + "2" })); out != nil {
		t.Error("the count was lost")
	}
}

func TestAuthority_RefusesAnotherMasterKeyAndAnotherIdentity(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes)
	if _, err := ledger.Open(t.Context(), s.dir, das.Identity{ID: "//m2m.example/Sother", FQDN: "das.m2m.example"}); err == nil {
		t.Error("the ledger becomes that of another server")
	}
	l, err := ledger.Open(t.Context(), s.dir, self())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, err := secrets.New([]byte(strings.Repeat("x", secrets.KeyLength)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = das.New(t.Context(), das.Options{
		Self: self(), Ledger: l, Box: other, Now: s.time,
		Policy: func() (*das.Policy, error) { return &das.Policy{}, nil },
	})
	if !errors.Is(err, secrets.ErrSealed) {
		t.Errorf("got %v", err)
	}
}

func TestAuthority_ABrokenPolicyGrantsNothing(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes)
	first := s.direct(ask())
	s.mu.Lock()
	s.policy = nil
	s.mu.Unlock()
	if out := s.direct(ask()); first == nil || out != nil {
		t.Errorf("got %+v", out)
	}
	if d := s.last(); d.Permit || !strings.Contains(d.Reason, "policy cannot be used") {
		t.Errorf("audited %+v", d)
	}
}

func TestRevoke_ARevokedTokenIsNotGivenAgainBeforeItsEnd(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes)
	id := s.verify(s.direct(ask()).Tokens[0]).ID
	gone, err := s.Revoke(t.Context(), das.Filter{ID: id}, "lost")
	if err != nil || len(gone) != 1 {
		t.Fatal(gone, err)
	}
	if again, err := s.Revoke(t.Context(), das.Filter{ID: id}, "lost"); err != nil || len(again) != 0 {
		t.Errorf("revoked twice: %v, %v", again, err)
	}
	if out := s.direct(ask()); out != nil {
		t.Error("the next request gets another one")
	}
	if d := s.last(); !strings.Contains(d.Reason, "it was revoked") {
		t.Errorf("audited %+v", d)
	}
	if out := s.direct(ask(func(m *onem2m.DASRequest) { m.Originator = string(visitor) + "2" })); out == nil {
		t.Error("others get nothing either")
	}
	list, err := s.Revoked(t.Context(), cse)
	if err != nil || len(list) != 1 || list[0].ID != id || list[0].Because != "lost" {
		t.Errorf("listed: %+v, %v", list, err)
	}
	if err := s.Lift(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if out := s.direct(ask()); out == nil || s.verify(out.Tokens[0]).ID != id {
		t.Error("the token does not count again")
	}
	if err := s.Lift(t.Context(), "none@das.m2m.example"); !errors.Is(err, das.ErrNotFound) {
		t.Errorf("lifting what is not there: %v", err)
	}
	if _, err := s.Revoke(t.Context(), das.Filter{Holder: visitor}, "gone"); err != nil {
		t.Fatal(err)
	}
	s.pass(10 * time.Minute)
	if out := s.direct(ask()); out == nil {
		t.Error("nothing after the end of what was revoked")
	}
}

func TestReview_WhatThePolicyWouldNotGiveAnyMoreIsRevoked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, policy string
		stays        bool
		after        bool // whether the question gets something under the new policy
	}{
		{"the same", tenMinutes, true, true},
		{"longer", readGrant + `lifetime = "20m"`, true, true},
		{"with another grant", tenMinutes + strings.Replace(tenMinutes, `"read"`, `"more"`, 1), true, true},
		{"gone", "", false, false},
		{"not for this originator", strings.Replace(tenMinutes, "CVisitor*", "CStaff*", 1), false, false},
		{"not for this resource", strings.Replace(tenMinutes, "id-in/*", "id-in/door", 1), false, false},
		{"gives less", strings.Replace(tenMinutes, `give-operations = ["retrieve"]`, `give-operations = ["discover"]`, 1), false, true},
		{"shorter", readGrant + `lifetime = "5m"`, false, true},
	} {
		s := start(t, tenMinutes)
		id := s.verify(s.direct(ask()).Tokens[0]).ID
		s.set(tt.policy)
		gone, err := s.Review(t.Context())
		if err != nil || (len(gone) == 0) != tt.stays {
			t.Errorf("%s: %+v, %v", tt.name, gone, err)
		}
		if tokens, err := s.Hand(t.Context(), cse, visitor, []string{id}); err != nil || (len(tokens) == 1) != tt.stays {
			t.Errorf("%s: handed over %v, %v", tt.name, tokens, err)
		}
		if out := s.direct(ask()); (out != nil) != tt.after {
			t.Errorf("%s: then %+v", tt.name, out)
		}
	}
}

func TestHand_HoldsATokenAgainstThePolicyAsItIsNow(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes)
	id := s.verify(s.direct(ask()).Tokens[0]).ID
	hand := func(why string, want int, fails bool) {
		t.Helper()
		tokens, err := s.Hand(t.Context(), cse, visitor, []string{id})
		if len(tokens) != want || (err != nil) != fails {
			t.Errorf("%s: %d tokens, %v", why, len(tokens), err)
		}
		if d := s.last(); d.Permit != (want > 0) {
			t.Errorf("%s: audited %+v", why, d)
		}
	}
	hand("what the policy gives", 1, false)
	s.set("") // nothing is reviewed yet
	hand("a grant that is gone", 0, false)
	s.mu.Lock()
	s.policy = nil
	s.mu.Unlock()
	hand("a policy that cannot be read", 0, true)
	s.set(tenMinutes)
	hand("what it gives again", 1, false)
}

// octets is a shared key for tests.
func octets(id, algorithm string) string {
	return `{"kty":"oct","kid":"` + id + `","alg":"` + algorithm + `","k":"` + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("k", 32))) + `"}`
}

func web(t testing.TB, key any, id, algorithm string) string {
	t.Helper()
	text, err := jose.JSONWebKey{Key: key, KeyID: id, Algorithm: algorithm}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestToken_A115_A120_ProtectedAsTheCSEIsToldToExpect(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ protect, audience, verifier string }{
		{"sign:ES256", "", ""},
		{"sign:ES384", "", ""},
		{"sign:ES512", "", ""},
		{"sign:RS256", "", ""},
		{"sign:HS256", octets("16-h@das.m2m.example", "HS256"), octets("16-h@das.m2m.example", "HS256")},
		{"encrypt:dir+A256GCM", octets("14-d@das.m2m.example", "dir"), octets("14-d@das.m2m.example", "dir")},
		{"encrypt:A256KW+A256GCM", octets("15-w@das.m2m.example", "A256KW"), octets("15-w@das.m2m.example", "A256KW")},
		{"nested:ES256+dir+A256GCM", octets("14-d@das.m2m.example", "dir"), octets("14-d@das.m2m.example", "dir")},
		{"nested:ES256+ECDH-ES+A256KW+A128GCM", web(t, &key.PublicKey, "cse", "ECDH-ES+A256KW"), web(t, key, "cse", "ECDH-ES+A256KW")},
	} {
		t.Run(tt.protect, func(t *testing.T) {
			t.Parallel()
			s := start(t, tenMinutes)
			audience := "\n[[audience]]\ncse = \"//m2m.example/id-in\"\nprotect = \"" + tt.protect + "\"\n"
			if tt.audience != "" {
				audience += "keys = \"k\"\n"
			}
			s.mu.Lock()
			s.policy = parse(t, tenMinutes+audience, "k", tt.audience)
			s.mu.Unlock()
			text := s.direct(ask()).Tokens[0]
			set, err := s.JWKS(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			keys := string(set)
			if strings.Contains(keys, `"d":`) || strings.Contains(keys, `"k":`) {
				t.Fatal("a secret is published")
			}
			if tt.verifier != "" {
				keys = strings.TrimSuffix(keys, "]}") + "," + tt.verifier + "]}"
			}
			v, err := verifierOf(t, keys, tt.protect).Verify(text)
			if err != nil || v.Check(s.conditions()) != nil {
				t.Fatalf("%v", err)
			}
		})
	}
}

func TestHand_A157_F3_OnlyTokensForThisCSEAndHolderThatAreGood(t *testing.T) {
	t.Parallel()
	s := start(t, strings.ReplaceAll(tenMinutes, "//m2m.example/id-in", "//m2m.example/*"))
	text := s.direct(ask()).Tokens[0]
	id := s.verify(text).ID
	retrieval := func(m *onem2m.DASRequest) { m.TokenIDs = []string{"unknown@das.m2m.example", id} }
	if out := s.direct(ask(retrieval)); out == nil || !slices.Equal(out.Tokens, []string{text}) {
		t.Errorf("got %+v", out)
	}
	if out := s.direct(ask(retrieval, func(m *onem2m.DASRequest) { m.Originator = string(visitor) + "2" })); out != nil {
		t.Error("handed over for another holder, or another one was issued")
	}
	if out, err := s.Direct(t.Context(), "//m2m.example/id-mn", ask(retrieval, func(m *onem2m.DASRequest) { m.Target = "/id-mn/lamp1" })); err != nil || out != nil {
		t.Errorf("handed over to another CSE: %+v, %v", out, err)
	}
	s.pass(10 * time.Minute)
	if out := s.direct(ask(retrieval)); out != nil {
		t.Error("handed over after its end")
	}
	if all, err := s.Entries(t.Context(), das.Filter{}); err != nil || len(all) != 1 {
		t.Errorf("retrieval issued something: %d, %v", len(all), err)
	}
	// A token that did not help is named in the question whether the request may
	// pass: then there is a new one as well.
	s.direct(ask())
	if out := s.direct(ask(func(m *onem2m.DASRequest) {
		m.TokenIDs, m.Target, m.IP = []string{id}, "lamp2", netip.MustParseAddr("192.0.2.1")
	})); out == nil || len(out.Tokens) != 1 {
		t.Errorf("got %+v", out)
	}
}

func TestGrant_NeverMoreOutstandingThanThereMayBe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := start(t, tenMinutes+"at-once = 3\nat-once-each = 2\n")
		rt.Repeat(map[string]func(*rapid.T){
			"ask": func(rt *rapid.T) {
				who := rapid.SampledFrom([]string{"CVisitor1", "CVisitor2", "CVisitor3"}).Draw(rt, "who")
				what := rapid.SampledFrom([]string{"lamp1", "lamp2", "lamp3"}).Draw(rt, "what")
				s.direct(ask(func(m *onem2m.DASRequest) { m.Originator, m.Target = who, what }))
			},
			"wait": func(rt *rapid.T) {
				s.pass(time.Duration(rapid.IntRange(1, 400).Draw(rt, "seconds")) * time.Second)
			},
			"revoke": func(rt *rapid.T) {
				live, err := s.Entries(t.Context(), das.Filter{Live: true})
				if err != nil || len(live) == 0 {
					return
				}
				if _, err := s.Revoke(t.Context(), das.Filter{ID: live[0].ID}, "test"); err != nil {
					rt.Fatal(err)
				}
			},
			"": func(rt *rapid.T) {
				live, err := s.Entries(t.Context(), das.Filter{Live: true})
				if err != nil || len(live) > 3 {
					rt.Fatalf("%d outstanding, %v", len(live), err)
				}
				each := map[onem2m.ID]int{}
				for _, e := range live {
					if each[e.Holder]++; each[e.Holder] > 2 {
						rt.Fatalf("%s has %d", e.Holder, each[e.Holder])
					}
				}
			},
		})
	})
}

func verifierOf(t testing.TB, keys string, accept ...string) *token.Verifier {
	t.Helper()
	issuer, err := newIssuer(keys, accept)
	if err != nil {
		t.Fatal(err)
	}
	v, err := token.NewVerifier(0, issuer)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestIndirect_F2_AnOriginatorThatComesItself(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes+"credentials = [\"20-*/CVisitor\"]\n"+`
[[grant]]
name = "staff"
roles = ["staff@roles.example"]
cses = ["//m2m.example/id-in"]
resources = ["//m2m.example/id-in/*"]
operations = ["update"]
give-operations = ["update"]
lifetime = "1m"
`)
	me := das.Asker{ID: visitor, Credential: "20-//m2m.example/id-in/CVisitor"}
	plain := func(change ...func(*onem2m.DASRequest)) *onem2m.DASRequest {
		return ask(append([]func(*onem2m.DASRequest){func(m *onem2m.DASRequest) { m.Target = "/id-in/lamp1" }}, change...)...)
	}
	me.Credential = "20-x/CVisitor"
	award, err := s.Indirect(t.Context(), me, plain())
	if err != nil || award.Token == "" || award.Rules != nil {
		t.Fatalf("%+v, %v", award, err)
	}
	if v := s.verify(award.Token); v.Audience[0] != string(cse) || v.Permissions[0].Resources[0] != lamp {
		t.Errorf("got %+v", v)
	}
	for _, tt := range []struct {
		name   string
		from   das.Asker
		change func(*onem2m.DASRequest)
		code   onem2m.StatusCode // 0: nothing is granted
	}{
		{"for somebody else", das.Asker{ID: visitor + "2"}, nil, onem2m.OriginatorHasNoPrivilege},
		{"a relative originator", me, func(m *onem2m.DASRequest) { m.Originator = "CVisitor" }, onem2m.BadRequest},
		{"a relative target", me, func(m *onem2m.DASRequest) { m.Target = "lamp1" }, onem2m.BadRequest},
		{"no target in a CSE", me, func(m *onem2m.DASRequest) { m.Target = "//m2m.example/id-in" }, onem2m.BadRequest},
		{"a role that it says it has", me, func(m *onem2m.DASRequest) { m.Operation, m.Roles = onem2m.Update, []string{"staff@roles.example"} }, 0},
		{"another credential", das.Asker{ID: visitor, Credential: "20-other"}, nil, 0},
	} {
		m := plain()
		if tt.change != nil {
			tt.change(m)
		}
		award, err := s.Indirect(t.Context(), tt.from, m)
		var e *onem2m.Error
		if tt.code == 0 && (err != nil || award.Entry != nil) || tt.code != 0 && (!errors.As(err, &e) || e.Code != tt.code) {
			t.Errorf("%s: %+v, %v", tt.name, award, err)
		}
	}
}

func TestOpen_C49_ASecuredRequestIsReadByTheServerAlone(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes)
	keys, err := s.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(keys, func(k das.KeyRecord) bool { return k.Algorithm == esdata.ECDHA256KW })
	public := keyOf(t, string(keys[i].Public), esdata.ECDHA256KW)
	seal := func(text string, p esdata.Protection) string {
		t.Helper()
		sealed, err := esdata.Seal([]byte(text), p)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	good := esdata.Protection{Encrypt: []*esdata.Key{public}, Type: "JWT"}
	m, err := s.Open(t.Context(), seal(string(ask().Value()), good))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(ask().Value()), string(m.Value())); diff != "" {
		t.Error(diff)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":        "",
		"plain text":     "a.b.c",
		"for another":    seal(string(ask().Value()), esdata.Protection{Encrypt: []*esdata.Key{keyOf(t, web(t, &other.PublicKey, public.ID(), "ECDH-ES+A256KW"), esdata.ECDHA256KW)}, Type: "JWT"}),
		"without typ":    seal(string(ask().Value()), esdata.Protection{Encrypt: []*esdata.Key{public}}),
		"something else": seal(`{"x":1}`, good),
		"not JSON":       seal(`no`, good),
		"a member twice": seal(`{"or":"a","or":"b"}`, good),
		"with a cty":     seal(string(ask().Value()), esdata.Protection{Encrypt: []*esdata.Key{public}, Type: "JWT", ContentType: "JWT"}),
	} {
		if m, err := s.Open(t.Context(), text); err == nil {
			t.Errorf("%s: read as %+v", name, m)
		}
	}
}
