package cse

import (
	"strings"
	"testing"
	"time"

	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/dynauth/recall"
	"bulwark/onem2m"
	"bulwark/token"
)

// What grants something, how it ends, and where it was used: wherever that is, it
// counts no more from the moment that it has ended. docs/authorization.md
// has the same as a table for operators.

// grantedWorld is a world where Ctok001 has been granted RETRIEVE, CREATE and
// DISCOVERY on lamp.
type grantedWorld struct {
	*recalling
	dress func(*onem2m.Request) // what the originator puts into a request
	asked string                // the same in a question to a decision point
}

const (
	allOfLamp = `{"acor":["//m2m.example/id-in/Ctok001"],"acop":35}`
	shortly   = 5 * time.Second // shorter than a request lives
)

// ending is one way in which something ends.
type ending struct {
	name  string
	grant func(*grantedWorld)
	end   func(*grantedWorld)
	// apart is set where a decision point can't know of the grant, since nothing is
	// proven to it.
	apart bool
}

func endings() []ending {
	wait := func(w *grantedWorld) { w.advance(shortly) }
	withRole := func(w *grantedWorld) {
		w.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/operators", from: "Cowner1", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["` + operator + `"],"acop":35},{"acor":["Cowner1"],"acop":63}]}}}`})
		w.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/lamp", from: "Cowner1", body: `{"m2m:cnt":{"acpi":["cse-in/bay/operators"]}}`})
		q := swap(role("CAdmin", ""), `"rlid"`, `"rn":"rol1","rlid"`)
		q.body = strings.Replace(q.body, `"tkna":"20270101T000000"`, `"tkna":"`+onem2m.TimestampOf(w.now().Add(shortly)).String()+`"`, 1)
		w.must(onem2m.Created, q)
		w.dress = func(r *onem2m.Request) { r.RoleIDs = []string{operator} }
		w.asked = `,"rids":["` + operator + `"]`
	}
	withContract := func(w *grantedWorld) {
		withRole(w)
		for _, q := range []ask{
			{op: "C11", to: "cse-in", body: `{"m2m:mssp":{"rn":"contract"}}`},
			{op: "C19", to: "cse-in", body: `{"m2m:asar":{"rn":"rule","aai":["N*"],"aae":["C*"],"ari":["` + operator + `"]}}`},
			{op: "C20", to: "cse-in/contract", body: `{"m2m:svsn":{"rn":"node","ni":"n","csi":"/id-in","rlk":["cse-in/rule"]}}`},
		} {
			q.from = "CAdmin"
			w.must(onem2m.Created, q)
		}
	}
	withToken := func(w *grantedWorld) {
		text := w.issue(func(c *token.Claims) {
			c.Permissions[0].Privileges = []byte(`{"acr":[` + allOfLamp + `]}`)
			c.NotAfter = onem2m.TimestampOf(w.now().Add(shortly))
		})
		w.dress = func(r *onem2m.Request) { r.Tokens = []string{text} }
		w.asked = `,"tkns":["` + text + `"]`
	}
	withStored := func(w *grantedWorld) {
		withToken(w)
		q := ask{op: "C32", to: "cse-in", from: "CAdmin"}
		r := &onem2m.Request{}
		w.dress(r)
		q.body = `{"m2m:tk":{"rn":"t1","tkid":"tk1@das.example","tkob":"` + r.Tokens[0] + `"}}`
		w.must(onem2m.Created, q)
		w.dress = func(r *onem2m.Request) { r.TokenIDs = []string{"tk1@das.example"} }
		w.asked = `,"tids":["tk1@das.example"]`
	}
	withDynamic := func(w *grantedWorld) {
		w.das.says(2000, grantsOf(allOfLamp, `,"pl":"PT5S"`))
		w.must(onem2m.OK, read("cse-in/bay/lamp"))
		w.das.says(2000, "")
	}
	withHanded := func(w *grantedWorld) {
		w.das.says(2000, `{"sit":2,"dres":{"tkns":["`+w.direct(func(c *token.Claims) {
			c.Permissions[0].Privileges = []byte(`{"acr":[` + allOfLamp + `]}`)
			c.NotAfter = onem2m.TimestampOf(w.now().Add(shortly))
		})+`"]}}`)
		w.must(onem2m.OK, read("cse-in/bay/lamp"))
		w.das.says(2000, "")
	}
	withPolicy := func(more string) func(*grantedWorld) {
		return func(w *grantedWorld) {
			w.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/operators", from: "Cowner1", body: `{"m2m:acp":{"pv":{"acr":[` + strings.TrimSuffix(allOfLamp, "}") + more + `},{"acor":["Cowner1"],"acop":63}]}}}`})
			w.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/lamp", from: "Cowner1", body: `{"m2m:cnt":{"acpi":["cse-in/bay/operators"]}}`})
		}
	}
	recalls := func(item func(*grantedWorld) recall.Item) func(*grantedWorld) {
		return func(w *grantedWorld) { w.must(onem2m.OK, w.recalls(recaller, item(w))) }
	}
	does := func(q ask) func(*grantedWorld) {
		return func(w *grantedWorld) {
			if res := w.do(q); res.Code/1000 != 2 {
				w.t.Fatalf("%s %s: %d", q.op, q.to, res.Code)
			}
		}
	}
	tokenOf := func(w *grantedWorld) recall.Item { return w.token1() }
	return []ending{
		{name: "a role is deleted", grant: withRole, end: does(ask{op: "D", to: "cse-in/rol1", from: "CAdmin"})},
		{name: "a role's time is over", grant: withRole, end: wait},
		{name: "the service subscription does not allow the role any more", grant: withContract, end: does(ask{op: "U", to: "cse-in/rule", from: "CAdmin", body: `{"m2m:asar":{"ari":["other@roles.example"]}}`})},
		{name: "a token's time is over", grant: withToken, end: wait},
		{name: "a token is called back", grant: withToken, end: recalls(tokenOf)},
		{name: "a key is not that of the issuer any more", grant: withToken, end: func(w *grantedWorld) {
			_, one := issuerWith(w.t, recaller, "das.example")
			v, err := token.NewVerifier(0, one)
			if err != nil {
				w.t.Fatal(err)
			}
			w.c.TrustIssuers(v)
		}},
		{name: "a stored token is deleted", grant: withStored, end: does(ask{op: "D", to: "cse-in/t1", from: "CAdmin"})},
		{name: "a stored token is called back", grant: withStored, end: recalls(tokenOf)},
		{name: "rules of a server are over", grant: withDynamic, end: wait, apart: true},
		{name: "rules of a server are called back", grant: withDynamic, end: recalls(func(w *grantedWorld) recall.Item { return w.rules("cse-in/bay/lamp") }), apart: true},
		{name: "the server would not be asked any more", grant: withDynamic, end: does(ask{op: "U", to: "cse-in/bay/dac", from: "Cowner1", body: `{"m2m:dac":{"dae":false}}`}), apart: true},
		{name: "a token of a server is over", grant: withHanded, end: wait, apart: true},
		{name: "a token of a server is called back", grant: withHanded, end: recalls(tokenOf), apart: true},
		{name: "a rule is taken out of a policy", grant: withPolicy(""), end: does(ask{op: "U", to: "cse-in/bay/operators", from: "Cowner1", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["Cowner1"],"acop":63}]}}}`})},
		{name: "a policy is deleted", grant: withPolicy(""), end: does(ask{op: "D", to: "cse-in/bay/operators", from: "Cowner1"})},
		{name: "a policy is not that of the resource any more", grant: withPolicy(""), end: does(ask{op: "U", to: "cse-in/bay/lamp", from: "Cowner1", body: `{"m2m:cnt":{"acpi":null}}`})},
		{name: "a window closes", grant: withPolicy(`,"acco":[{"actw":["0-4 30 10 * * * *"]}]`), end: wait},
	}
}

// use is a place where it counts. begin is called before the end; try is called
// before and after, and reports whether it was permitted.
type use struct {
	name  string
	apart bool // a decision point
	once  bool // try is for after the end alone
	begin func(*grantedWorld) (try func() bool)
}

func uses() []use {
	dressed := func(w *grantedWorld, q ask) ask {
		q.from, q.edit = "Ctok001", w.dress
		return q
	}
	does := func(q ask, good func(*onem2m.Response) bool) func(*grantedWorld) func() bool {
		return func(w *grantedWorld) func() bool { return func() bool { return good(w.do(dressed(w, q))) } }
	}
	succeeds := func(res *onem2m.Response) bool { return res.Code/1000 == 2 }
	holds := func(text string) func(*onem2m.Response) bool {
		return func(res *onem2m.Response) bool {
			return res.Code == onem2m.OK && res.Content != nil && strings.Contains(string(res.Content.Value), text)
		}
	}
	return []use{
		{name: "target", begin: does(ask{op: "R", to: "cse-in/bay/lamp"}, succeeds)},
		{name: "below the target", begin: does(ask{op: "R", to: "cse-in/bay/lamp/one"}, succeeds)},
		{name: "creation of a child", begin: does(ask{op: "C4", to: "cse-in/bay/lamp", body: `{"m2m:cin":{"con":"x"}}`}, succeeds)},
		{name: "creation of a subscription", begin: does(ask{op: "C23", to: "cse-in/bay/lamp", body: `{"m2m:sub":{"nu":["Ctok001"]}}`}, succeeds)},
		{name: "discovery", begin: does(ask{op: "R", to: "cse-in?fu=1&ty=4"}, holds("lamp/one"))},
		{name: "member of a group", begin: does(ask{op: "R", to: "cse-in/bay/all/fopt"}, holds(`"rsc":2000`))},
		{name: "accepted before", once: true, begin: func(w *grantedWorld) func() bool {
			address := w.nonblocking(onem2m.AcceptedForNonBlockingRequestSynch, dressed(w, ask{op: "R", to: "cse-in/bay/lamp?rt=1"}))
			return func() bool {
				w.run()
				return rsc(w.outcome(address, "CAdmin")) == 2000
			}
		}},
		{name: "decision point", apart: true, begin: func(w *grantedWorld) func() bool {
			return func() bool {
				q := ask{op: "U", to: "cse-in/pdp", from: "/id-far", body: `{"m2m:auds":{"to":"/id-in/cse-in/bay/lamp","fr":"/id-in/Ctok001","op":2` + w.asked + `}}`}
				res := w.do(q)
				return res.Code == onem2m.Updated && res.Content != nil && strings.Contains(string(res.Content.Value), `"dec":1`)
			}
		}},
	}
}

// newGranted makes the world for one cell.
func newGranted(t *testing.T, e *ending) *grantedWorld {
	t.Helper()
	w := &grantedWorld{recalling: newRecalling(t, func(o *Options) {
		o.Bindings = &Bindings{Resource: map[distributed.Kind]string{distributed.Decision: "cse-in/pdp"}, Tokens: true}
	})}
	w.policy("CAdmin", "cse-in", "askers", `{"acor":["/id-far"],"acop":4}`)
	w.must(onem2m.Created, ask{op: "C35", to: "cse-in", from: "CAdmin", body: `{"m2m:auds":{"rn":"pdp","acpi":["cse-in/askers"]}}`})
	w.policy("Cowner1", "cse-in/bay", "members", `{"acor":["Ctok001"],"acop":2}`)
	w.must(onem2m.Created, ask{op: "C9", to: "cse-in/bay", from: "Cowner1", body: `{"m2m:grp":{"rn":"all","mnm":3,"mid":["cse-in/bay/lamp"],"macp":["cse-in/bay/members"]}}`})
	w.das.says(2000, "")
	e.grant(w)
	return w
}

func TestEnding_A09_WhatHasEndedCountsNowhere(t *testing.T) {
	t.Parallel()
	for _, e := range endings() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			w := newGranted(t, &e)
			tries := map[string]func() bool{}
			for _, u := range uses() {
				if e.apart && u.apart {
					continue
				}
				try := u.begin(w)
				if tries[u.name] = try; !u.once && !try() {
					t.Errorf("%s: it isn't permitted before", u.name)
				}
			}
			e.end(w)
			for name, try := range tries {
				if try() {
					t.Errorf("%s: it is permitted after", name)
				}
			}
		})
	}
}
