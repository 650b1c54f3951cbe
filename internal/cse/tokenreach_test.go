package cse

import (
	"strings"
	"testing"
	"time"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/token"
)

// TestToken_A133_A134_OpensRulesForSingleAttributes: rules that are limited to
// attributes count by a token's role, and in a token, as they do by themselves.
func TestToken_A133_A134_OpensRulesForSingleAttributes(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.das.says(2000, "")
	c.policy("Cowner1", "cse-in/bay", "some", `{"acor":["`+visitor+`"],"acop":6,"aca":["lbl"]},{"acor":["Ctok001"],"acop":2,"aca":["mni"]}`)
	c.container("Cowner1", "cse-in/bay", "den", `"acpi":["cse-in/bay/some"],"lbl":["x"],"mni":5`)
	role := c.issue(func(x *token.Claims) { x.Permissions = []token.Permission{{Roles: []string{visitor}}} })
	rule := c.issue(func(x *token.Claims) {
		x.ID = "tk2@das.example"
		x.Permissions[0] = token.Permission{Resources: []string{"cse-in/bay/den"}, Privileges: []byte(`{"acr":[{"acor":["Ctok001"],"acop":2,"aca":["mbs","lbl"]}]}`)}
	})
	elsewhere := c.issue(func(x *token.Claims) {
		x.ID = "tk3@das.example"
		x.Permissions[0].Privileges = []byte(`{"acr":[{"acor":["Ctok001"],"acop":2,"aca":["lbl"]}]}`)
	})
	for _, tt := range []struct {
		name, to, text string
		code           onem2m.StatusCode
		body           string
	}{
		{"what a role of the token opens", "?atrl=lbl", role, 2000, `{"m2m:cnt":{"lbl":["x"]}}`},
		{"and what a rule without it opens", "?atrl=lbl+mni", role, 2000, `{"m2m:cnt":{"lbl":["x"],"mni":5}}`},
		{"not more", "?atrl=lbl+st", role, 4103, ""},
		{"not the whole", "", role, 4103, ""},
		{"not with children", "?rcn=4", role, 4103, ""},
		{"what a rule of the token opens", "?atrl=lbl", rule, 2000, `{"m2m:cnt":{"lbl":["x"]}}`},
		{"not for another resource", "?atrl=lbl", elsewhere, 4103, ""},
		{"not with a token that is broken", "?atrl=lbl", role[:len(role)-4] + "AAAA", 4103, ""},
		{"not without the token", "?atrl=lbl", "", 4103, ""},
	} {
		var texts []string
		if tt.text != "" {
			texts = []string{tt.text}
		}
		if res := c.do(bring("cse-in/bay/den"+tt.to, texts...)); res.Code != tt.code || !strings.Contains(text(res), tt.body) {
			t.Errorf("%s: got %d %s", tt.name, res.Code, text(res))
		}
	}
	update := ask{op: "U", to: "cse-in/bay/den", from: "Ctok001", body: `{"m2m:cnt":{"lbl":["y"]}}`, edit: func(r *onem2m.Request) { r.Tokens = []string{role} }}
	c.must(onem2m.Updated, update)
	update.body = `{"m2m:cnt":{"acpi":null}}`
	c.must(onem2m.OriginatorHasNoPrivilege, update)
	c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+c.direct(func(x *token.Claims) {
		x.ID, x.Permissions = "tk9@das.example", []token.Permission{{Roles: []string{visitor}}}
	})+`"]}}`)
	c.must(onem2m.OK, read("cse-in/bay/den?atrl=lbl"))
	c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/den"))
}

func TestToken_A157_F3_IsRetrievedForChildrenAndDiscoveryToo(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	both := c.issue(func(x *token.Claims) {
		x.Permissions[0].Privileges = []byte(`{"acr":[{"acor":["Ctok001"],"acop":34}]}`)
	})
	c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+both+`"]}}`)
	list := func(q ask, want string, asked int) {
		t.Helper()
		c.das.count()
		res := c.do(q)
		if res.Code != onem2m.OK || string(res.Content.Value) != want {
			t.Errorf("%s: got %d %s", q.to, res.Code, text(res))
		}
		if n := c.das.count(); n != asked {
			t.Errorf("%s: asked %d times, want %d", q.to, n, asked)
		}
	}
	list(read("cse-in/bay?fu=1&ty=3"), `[]`, 0)
	list(read("cse-in/bay?fu=1&ty=3&tids=tk1@das.example"), `["cse-in/bay/lamp"]`, 1)
	anybody := read("cse-in/bay?fu=1&ty=3&tids=tk1@das.example")
	anybody.from = "Ctok002"
	list(anybody, `[]`, 1) // somebody else's: its server is asked for the holder's signature alone
	c.das.says(4103, "")
	list(read("cse-in/bay?fu=1&ty=3&tids=tk5@das.example"), `[]`, 1)
}

func TestToken_AnswersOfInformationPointsAreConfirmedToo(t *testing.T) {
	t.Parallel()
	c := newConsulting(t, func(o *Options) { o.Timing.TokenRecheck = time.Minute })
	text := c.issue(nil)
	k := &call{
		c: c.c, now: c.c.instant(), from: identity.Originator{ID: "//m2m.example/id-in/Ctok001", Authenticated: true},
		req: &onem2m.Request{Operation: onem2m.Retrieve}, curious: true,
	}
	err := c.c.Store.Read(t.Context(), func(r store.Reader) error {
		target, err := c.c.resolve(r, []string{"cse-in", "bay", "lamp"}, k.now)
		if err != nil {
			return err
		}
		if out := k.givenTokens(r, target.rec, []string{text}); len(out) != 0 {
			t.Errorf("it counts though its server hasn't confirmed it: %+v", out)
		}
		if !k.uninformed() || len(k.further.wanted) != 1 || k.further.wanted[0].id != "tk1@das.example" {
			t.Errorf("its server isn't going to be asked: %+v", k.further)
		}
		c.c.confirmed.note(token.DigestOf(text), k.now)
		if out := k.givenTokens(r, target.rec, []string{text}); len(out) != 1 {
			t.Errorf("it was confirmed: %+v", out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
