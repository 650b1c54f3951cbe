package cse

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulwark/internal/dynauth"
	"bulwark/onem2m"
	"bulwark/token"
)

// farRoles is a country whose MN-CSE looks for roles on the IN-CSE, with a
// container "hall" that operators may retrieve.
func farRoles(t *testing.T) *country {
	t.Helper()
	c := newCountry(t)
	c.mn.c.Authorities = dynauth.Authorities{{ID: "//m2m.example/id-in/Croles1", Domains: []string{"roles.example"}, Repository: "/id-in/cse-in"}}
	c.in.policy("CAdmin", "cse-in", "readers", `{"acor":["/id-mn"],"acop":2}`)
	c.mn.policy("CAdmin", "cse-mn", "operators", `{"acor":["operator@roles.example"],"acop":2}`)
	c.mn.container("CAdmin", "cse-mn", "hall", `"acpi":["cse-mn/operators"]`)
	return c
}

func (c *country) assign(name, holder, more string) {
	c.in.t.Helper()
	c.in.must(onem2m.Created, ask{op: "C31", to: "cse-in", from: "CAdmin", body: `{"m2m:rol":{"rn":"` + name + `","acpi":["cse-in/readers"],"rlid":"operator@roles.example","tkis":"//m2m.example/id-in/Croles1","tkhd":"` + holder + `","tknb":"20260101T000000","tkna":"20260304T120000"` + more + `}}`})
}

func hall(from string) ask {
	return ask{op: "R", to: "cse-mn/hall?rids=operator@roles.example", from: from}
}

func TestRepository_A106_RolesAreRetrievedFromWhereTheirAuthorityKeepsThem(t *testing.T) {
	t.Parallel()
	c := farRoles(t)
	c.mn.must(onem2m.OriginatorHasNoPrivilege, hall("Capp01"))
	c.mn.must(onem2m.OriginatorHasNoPrivilege, hall("Capp01"))
	if n := len(c.asked("/id-in/cse-in")); n != 1 {
		t.Errorf("A-195 asked %d times in a row", n)
	}
	c.mn.advance(foreignPause)
	c.assign("other", "//m2m.example/id-mn/Capp02", "")
	c.assign("mine", "//m2m.example/id-mn/Capp01", "")
	c.mn.must(onem2m.OK, hall("Capp01"))
	c.mn.must(onem2m.OK, hall("Capp01"))
	if n := len(c.asked("/id-in/cse-in")); n != 2 {
		t.Errorf("A-195 asked %d times", n)
	}
	for name, q := range map[string]ask{
		"A-110 not claimed":        {op: "R", to: "cse-mn/hall", from: "Capp01"},
		"A-107 somebody else":      hall("Capp03"),
		"A-107 somewhere else":     hall("/id-in/Capp01"),
		"A-106 another repository": {op: "R", to: "cse-mn/hall?rids=operator@else.example", from: "Capp01"},
	} {
		if res := c.mn.do(q); res.Code != onem2m.OriginatorHasNoPrivilege {
			t.Errorf("%s: got %d", name, res.Code)
		}
	}
	t.Run("A-195 a role that is removed counts for a bounded time", func(t *testing.T) {
		c.in.must(onem2m.Deleted, ask{op: "D", to: "cse-in/mine", from: "CAdmin"})
		c.mn.advance(foreignLife)
		c.mn.must(onem2m.OriginatorHasNoPrivilege, hall("Capp01"))
	})
}

// A <role> in use is subscribed to, so that its end counts with the notification.
func TestRepository_A195_ARoleThatIsRemovedStopsToCountWhenThatIsNotified(t *testing.T) {
	t.Parallel()
	c := farRoles(t)
	c.in.policy("CAdmin", "cse-in", "watchers", `{"acor":["/id-mn"],"acop":3}`)
	c.in.must(onem2m.Created, ask{op: "C31", to: "cse-in", from: "CAdmin", body: `{"m2m:rol":{"rn":"mine","acpi":["cse-in/watchers"],"rlid":"operator@roles.example","tkis":"//m2m.example/id-in/Croles1","tkhd":"//m2m.example/id-mn/Capp01","tknb":"20260101T000000","tkna":"20260304T120000"}}`})
	c.mn.must(onem2m.OK, hall("Capp01"))
	c.mn.tend()
	role := c.in.must(onem2m.OK, ask{op: "R", to: "cse-in/mine?rcn=4", from: "CAdmin"})
	subscriptions, ok := role.Objects("m2m:sub")
	if !ok || len(subscriptions) != 1 {
		t.Fatalf("the role has %s", role.Append(nil))
	}
	nu, _ := subscriptions[0].Texts("nu")
	c.in.must(onem2m.Deleted, ask{op: "D", to: "cse-in/mine", from: "CAdmin"})
	c.mn.must(onem2m.OK, hall("Capp01"))
	c.mn.must(onem2m.OK, ask{op: "N", to: nu[0], from: "/id-in", body: `{"m2m:sgn":{"sur":"/id-in/x","nev":{"net":2}}}`})
	c.mn.must(onem2m.OriginatorHasNoPrivilege, hall("Capp01"))
}

func TestRepository_A103_A106_MayBeAnAuthorizationInformation(t *testing.T) {
	t.Parallel()
	c := farRoles(t)
	c.mn.c.Authorities[0].Repository = "/id-in/cse-in/vault"
	c.in.must(onem2m.Created, ask{op: "C37", to: "cse-in", from: "CAdmin", body: `{"m2m:auif":{"rn":"vault","acpi":["cse-in/readers"]}}`})
	c.assign("mine", "//m2m.example/id-mn/Capp01", "") // below the <CSEBase>, which isn't looked through
	c.mn.must(onem2m.OriginatorHasNoPrivilege, hall("Capp01"))
	c.in.must(onem2m.Created, ask{op: "C31", to: "cse-in/vault", from: "CAdmin", body: `{"m2m:rol":{"acpi":["cse-in/readers"],"rlid":"operator@roles.example","tkis":"//m2m.example/id-in/Croles1","tkhd":"//m2m.example/id-mn/Capp01","tknb":"20260101T000000","tkna":"20260304T120000"}}`})
	c.mn.advance(foreignPause)
	c.mn.must(onem2m.OK, hall("Capp01"))
	c.mn.must(onem2m.OriginatorHasNoPrivilege, hall("Capp02"))
}

func TestRepository_A107_ARoleEndsToTheMoment(t *testing.T) {
	t.Parallel()
	c := farRoles(t)
	c.assign("mine", "//m2m.example/id-mn/Capp01", "")
	c.mn.advance(90*time.Minute - time.Second)
	c.in.advance(90*time.Minute - time.Second)
	c.mn.must(onem2m.OK, hall("Capp01"))
	c.mn.advance(time.Second)
	c.mn.must(onem2m.OriginatorHasNoPrivilege, hall("Capp01"))
}

func TestRepository_A106_WhatItSaysIsHeldAgainstWhatIsTrusted(t *testing.T) {
	t.Parallel()
	const good = `{"rlid":"operator@roles.example","tkis":"//m2m.example/id-in/Croles1","tkhd":"//m2m.example/id-mn/Capp01","tknb":"20260101T000000","tkna":"20270101T000000"}`
	for name, tt := range map[string]struct {
		code onem2m.StatusCode
		body string
		want onem2m.StatusCode
	}{
		"as it should be":        {onem2m.OK, `{"m2m:rol":[` + good + `]}`, onem2m.OK},
		"of another authority":   {onem2m.OK, `{"m2m:rol":[` + strings.Replace(good, "Croles1", "Croles2", 1) + `]}`, onem2m.OriginatorHasNoPrivilege},
		"of another holder":      {onem2m.OK, `{"m2m:rol":[` + strings.Replace(good, "Capp01", "Capp02", 1) + `]}`, onem2m.OriginatorHasNoPrivilege},
		"another role":           {onem2m.OK, `{"m2m:rol":[` + strings.Replace(good, "operator", "visitor", 1) + `]}`, onem2m.OriginatorHasNoPrivilege},
		"over":                   {onem2m.OK, `{"m2m:rol":[` + strings.Replace(good, "20270101", "20260201", 1) + `]}`, onem2m.OriginatorHasNoPrivilege},
		"too many":               {onem2m.OK, `{"m2m:rol":[` + strings.Repeat(good+",", maxFetched) + good + `]}`, onem2m.OriginatorHasNoPrivilege},
		"too long":               {onem2m.OK, `{"m2m:rol":[` + good + `],"x":"` + strings.Repeat("x", maxForeignSize) + `"}`, onem2m.OriginatorHasNoPrivilege},
		"garbage":                {onem2m.OK, `{"m2m:rol":[1]}`, onem2m.OriginatorHasNoPrivilege},
		"nothing":                {onem2m.OK, `{}`, onem2m.OriginatorHasNoPrivilege},
		"a refusal":              {onem2m.OriginatorHasNoPrivilege, `{"m2m:rol":[` + good + `]}`, onem2m.OriginatorHasNoPrivilege},
		"a code that isn't 2000": {onem2m.Updated, `{"m2m:rol":[` + good + `]}`, onem2m.OriginatorHasNoPrivilege},
	} {
		t.Run("A-106 "+name, func(t *testing.T) {
			t.Parallel()
			c := farRoles(t)
			c.instead(func(_ context.Context, req *onem2m.Request) *onem2m.Response {
				return &onem2m.Response{Code: tt.code, Content: &onem2m.Content{Name: "m2m:cb", Value: []byte(tt.body)}}
			})
			if res := c.mn.do(hall("Capp01")); res.Code != tt.want {
				t.Errorf("got %d %s", res.Code, text(res))
			}
		})
	}
}

func TestRepository_A106_OneThatIsSilentHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := farRoles(t)
		c.instead(func(ctx context.Context, _ *onem2m.Request) *onem2m.Response {
			<-ctx.Done()
			return &onem2m.Response{Code: onem2m.RequestTimeout}
		})
		done := make(chan struct{})
		go func() {
			defer close(done)
			q := hall("Capp01")
			q.edit = func(r *onem2m.Request) { r.RequestExpiration = "800" }
			if res := c.mn.do(q); res.Code.Success() {
				t.Errorf("got %d", res.Code)
			}
		}()
		begun := time.Now()
		c.mn.must(onem2m.OK, ask{op: "R", to: "cse-mn/app", from: "Capp01"})
		if took := time.Since(begun); took > 0 {
			t.Errorf("it took %s", took)
		}
		<-done
	})
}

// farTokens is a granting whose tokens are kept by another CSE.
func farTokens(t *testing.T) (*granting, *abroad) {
	t.Helper()
	far := &abroad{holds: map[string]*onem2m.Content{}}
	g := newGranting(t, func(o *Options) {
		o.Carrier = &carrier{answer: far.Answer}
		o.TokenRepositories = map[string]string{"das.example": "/id-open/cse"}
	})
	g.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-open", body: `{"m2m:csr":{"rn":"open","cb":"/id-open/cse","rr":true,"poa":["https://open.example"],"srv":["3"]}}`})
	return g, far
}

func TestRepository_A106_TokensAreRetrievedFromWhereTheirIssuerKeepsThem(t *testing.T) {
	t.Parallel()
	g, far := farTokens(t)
	named := func(from, id string) ask {
		return ask{op: "R", to: "cse-in/bay/lamp?tids=" + id, from: from}
	}
	keep := func(text string) {
		far.put("/id-open/cse", "m2m:cb", `{"m2m:tk":[{"rn":"t","tkid":"tk1@das.example","tkob":"`+text+`"}]}`)
	}
	g.must(onem2m.OriginatorHasNoPrivilege, named("Ctok001", "tk1@das.example"))
	g.must(onem2m.OriginatorHasNoPrivilege, named("Ctok001", "tk1@das.example"))
	if n := far.times("/id-open/cse"); n != 1 {
		t.Errorf("A-195 asked %d times in a row", n)
	}
	keep(g.issue(nil))
	g.advance(foreignPause)
	g.must(onem2m.OK, named("Ctok001", "tk1@das.example"))
	g.must(onem2m.OK, named("Ctok001", "tk1@das.example"))
	if n := far.times("/id-open/cse"); n != 2 {
		t.Errorf("A-195 asked %d times", n)
	}
	g.must(onem2m.OriginatorHasNoPrivilege, named("Ctok002", "tk1@das.example")) // another holder
	g.must(onem2m.OriginatorHasNoPrivilege, named("Ctok001", "tk1@else.example"))
	for name, text := range map[string]string{
		"another token":            g.issue(func(c *token.Claims) { c.ID = "tk2@das.example" }),
		"of another issuer":        g.issue(func(c *token.Claims) { c.Issuer = "//m2m.example/Sother" }),
		"one that doesn't verify":  broken2(g.issue(nil))[0],
		"for another CSE":          g.issue(func(c *token.Claims) { c.Audience = []string{"//m2m.example/id-far"} }),
		"one that is over already": g.issue(func(c *token.Claims) { c.NotAfter = c.NotBefore + 1_000_000 }),
	} {
		keep(text)
		g.advance(foreignLife)
		if res := g.do(named("Ctok001", "tk1@das.example")); res.Code != onem2m.OriginatorHasNoPrivilege {
			t.Errorf("A-106 %s: got %d", name, res.Code)
		}
	}
}
