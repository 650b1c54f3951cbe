package cse

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/identity"
	"bulwark/onem2m"
)

func question(to, body string) ask {
	return ask{op: "U", to: to, from: "/id-mn", body: body, assoc: certificate(identity.KindCSE, "//m2m.example/id-mn")}
}

const aboutBox = `"to":"//m2m.example/id-mn/box1","fr":"//m2m.example/id-mn/Capp01","op":2`

func TestDecisionPoint_A170_A171_AnswersWhoMayAsk(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	c.central(mayRead)
	c.in.register("Cin0001", "visitor")
	others := question("cse-in/pdp", `{"m2m:auds":{`+aboutBox+`}}`)
	others.from, others.assoc = "Cin0001", nil
	never := question("cse-in/pdp", `{"m2m:auds":{`+aboutBox+`}}`)
	never.edit = func(r *onem2m.Request) { n := int64(1); r.ResponseType = &n }
	c.in.follow(t, []step{
		{name: "A-170 somebody else", ask: others, code: 4103},
		{name: "A-170 who may ask reads nothing", ask: ask{op: "R", to: "cse-in/pdp", from: "/id-mn"}, code: 4103},
		{name: "A-170 nor deletes it", ask: ask{op: "D", to: "cse-in/pdp", from: "/id-mn"}, code: 4103},
		{name: "A-171 a question", ask: question("cse-in/pdp", `{"m2m:auds":{`+aboutBox+`}}`), code: 2004},
		{name: "A-171 without operation", ask: question("cse-in/pdp", `{"m2m:auds":{"to":"a","fr":"/id-mn/Capp01"}}`), code: 4000},
		{name: "A-171 with a decision", ask: question("cse-in/pdp", `{"m2m:auds":{`+aboutBox+`,"dec":1}}`), code: 4000},
		{name: "A-171 with a label", ask: question("cse-in/pdp", `{"m2m:auds":{`+aboutBox+`,"lbl":["x"]}}`), code: 4000},
		{name: "A-171 with a token that is none", ask: question("cse-in/pdp", `{"m2m:auds":{`+aboutBox+`,"tkns":["x"]}}`), code: 4000},
		{name: "A-171 from nobody", ask: question("cse-in/pdp", `{"m2m:auds":{"to":"a","fr":"no body","op":2}}`), code: 4000},
		{name: "C-29 common attributes alone are an ordinary UPDATE", ask: ask{op: "U", to: "cse-in/pdp", from: "CAdmin", body: `{"m2m:auds":{"lbl":["x"]}}`}, code: 2004},
		{name: "A-171 policies for a resource", ask: question("cse-in/prp", `{"m2m:aupy":{"to":"//m2m.example/id-mn/box1"}}`), code: 2004},
		{name: "A-171 policies for nothing", ask: question("cse-in/prp", `{"m2m:aupy":{"ca":1}}`), code: 4000},
		{name: "A-171 information", ask: question("cse-in/pip", `{"m2m:auif":{"fr":"/id-mn/Capp01"}}`), code: 2004},
		{name: "A-171 information about nobody", ask: question("cse-in/pip", `{"m2m:auif":{"rids":["operator@roles.example"]}}`), code: 4000},
		{name: "A-172 an answer isn't put aside in a <request>", ask: question("cse-in/pdp", `{"m2m:auds":{`+aboutBox+`}}`), code: 2004},
		{name: "A-168 not below an AE", ask: ask{op: "C35", to: "cse-in/visitor", from: "CAdmin", body: `{"m2m:auds":{"rn":"x"}}`}, code: 4108},
		{name: "A-168 several of each", ask: ask{op: "C35", to: "cse-in", from: "CAdmin", body: `{"m2m:auds":{"rn":"other"}}`}, code: 2001},
		{name: "A-169 unbound it is like any other", ask: ask{op: "U", to: "cse-in/other", from: "CAdmin", body: `{"m2m:auds":{"to":"a"}}`}, code: 2004},
		{name: "A-170 registered AEs don't make one", ask: ask{op: "C35", to: "cse-in", from: "Cin0001", body: `{"m2m:auds":{"rn":"mine"}}`}, code: 4103},
		{name: "A-168 one that is no point", ask: ask{op: "C37", to: "cse-in", from: "CAdmin", body: `{"m2m:auif":{"rn":"vault"}}`}, code: 2001},
		{name: "A-103 a role below an <authorizationInformation>", ask: func() ask { q := role("CAdmin", ""); q.to = "cse-in/vault"; return q }(), code: 2001},
	})
	if o := c.in.must(onem2m.OK, ask{op: "R", to: "cse-in/other", from: "CAdmin"}); !o.Has("to") {
		t.Errorf("A-169 not stored: %s", o.Append(nil))
	}
	if res := c.in.do(never); res.Code.Success() && res.Code != onem2m.AcceptedForNonBlockingRequestSynch {
		t.Errorf("A-172 non-blocking: %d %s", res.Code, text(res))
	}
}

func answer(t *testing.T, w *world, q ask) onem2m.Object {
	t.Helper()
	return w.must(onem2m.Updated, q)
}

func TestDecisionPoint_A174_A175_TellsWhatItKnows(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	c.central(mayRead + `,{"acor":["/id-mn/Cproven"],"acop":2,"acaf":true},{"acor":["operator@roles.example"],"acop":4},{"acor":["/id-mn/Clocal1"],"acop":2,"acco":[{"acip":{"ipv4":["192.0.2.0/24"]}}]},{"acor":["/id-mn/Clate01"],"acop":2,"acco":[{"actw":["* * 0-5 * * * *"]}]}`)
	c.in.must(onem2m.Created, role("CAdmin", `,"rn":"r1"`))
	about := func(from, op, more string) string {
		return `{"m2m:auds":{"to":"//m2m.example/id-mn/box1","fr":"` + from + `","op":` + op + more + `}}`
	}
	for _, tt := range []struct{ name, body, want string }{
		{"permit", about("//m2m.example/id-mn/Capp01", "2", ""), `{"dec":1,"sus":1}`},
		{"deny", about("//m2m.example/id-mn/Capp01", "4", ""), `{"dec":2,"sus":1}`},
		{"an identifier of the CSE that asks", about("Capp01", "2", ""), `{"dec":1,"sus":1}`},
		{"somebody of another CSE", about("/id-in/Capp01", "2", ""), `{"dec":2,"sus":1}`},
		{"A-181 nobody is proven here", about("/id-mn/Cproven", "2", ""), `{"dec":2,"sus":1}`},
		{"a role for another operation", about("/id-in/Ctok001", "4", `,"rids":["operator@roles.example"]`), `{"dec":2,"sus":1}`},
		{"a role that permits", about("/id-in/Ctok001", "3", `,"rids":["operator@roles.example"]`), `{"dec":1,"sus":1}`},
		{"a role that isn't claimed", about("/id-in/Ctok001", "3", ""), `{"dec":2,"sus":1}`},
		{"a role that somebody else holds", about("/id-in/Ctok002", "3", `,"rids":["operator@roles.example"]`), `{"dec":2,"sus":1}`},
		{"A-175 the address isn't said", about("/id-mn/Clocal1", "2", ""), `{"sus":3}`},
		{"the address is right", about("/id-mn/Clocal1", "2", `,"oip":{"ip4":"192.0.2.9"}`), `{"dec":1,"sus":1}`},
		{"the address is another", about("/id-mn/Clocal1", "2", `,"oip":{"ip4":"198.51.100.9"}`), `{"dec":2,"sus":1}`},
		{"the time is that of the request", about("/id-mn/Clate01", "2", `,"rtm":"20260304T030000"`), `{"dec":1,"sus":1}`},
		{"or now", about("/id-mn/Clate01", "2", ""), `{"dec":2,"sus":1}`},
		{"A-175 tokens that aren't looked at", about("/id-mn/Clate01", "2", `,"tids":["t1@das.example"]`), `{"sus":3}`},
		{"A-175 a resource that nothing is known of", `{"m2m:auds":{"to":"//m2m.example/id-far/box1","fr":"/id-mn/Capp01","op":2}}`, `{"sus":2}`},
		{"A-175 a resource of this CSE that isn't there", `{"m2m:auds":{"to":"/id-in/cse-in/none","fr":"/id-mn/Capp01","op":2}}`, `{"sus":2}`},
		{"A-08 a resource of this CSE", `{"m2m:auds":{"to":"/id-in/cse-in/central","fr":"/id-mn/Capp01","op":2}}`, `{"dec":2,"sus":1}`},
	} {
		t.Run("A-174 "+tt.name, func(t *testing.T) {
			if got := string(answer(t, c.in, question("cse-in/pdp", tt.body)).Append(nil)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	t.Run("A-174 rcn decides how much is told", func(t *testing.T) {
		if res := c.in.do(question("cse-in/pdp?rcn=0", about("//m2m.example/id-mn/Capp01", "2", ""))); res.Code != onem2m.Updated || res.Content != nil {
			t.Errorf("rcn 0: %d %s", res.Code, text(res))
		}
		if o := answer(t, c.in, question("cse-in/pdp?rcn=9", about("//m2m.example/id-mn/Capp01", "2", ""))); string(o.Append(nil)) != `{"dec":1,"sus":1}` {
			t.Errorf("rcn 9: %s", o.Append(nil))
		}
	})
}

func TestPolicyPoint_A174_WritesRulesThatMeanTheSameElsewhere(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	c.in.register("Cin0001", "visitor")
	c.central(`{"acor":["Cin0001","Sany*","all","operator@roles.example","cse-in/group","/id-mn","//else.example"],"acop":2}`)
	c.in.container("Cin0001", "cse-in/visitor", "own", "")
	for to, want := range map[string]string{
		"//m2m.example/id-mn/box1":   `{"ps":{"pv":[{"acr":[{"acor":["//m2m.example/id-in/Cin0001","//m2m.example/Sany*","all","operator@roles.example","//m2m.example/id-in/cse-in/group","//m2m.example/id-mn","//else.example"],"acop":2}]}]},"ca":1,"sus":1}`,
		"/id-in/cse-in/visitor/own":  `{"ps":{"pv":[{"acr":[{"acor":["//m2m.example/id-in/Cin0001"],"acop":63}]}]},"ca":1,"sus":1}`,
		"/id-in/cse-in/central":      `{"ps":{"pv":[{"acr":[{"acor":["//m2m.example/id-in/CAdmin"],"acop":63}]}]},"ca":1,"sus":1}`,
		"/id-in/cse-in":              `{"sus":2}`,
		"//m2m.example/id-far/thing": `{"sus":2}`,
	} {
		if got := string(answer(t, c.in, question("cse-in/prp", `{"m2m:aupy":{"to":"`+to+`"}}`)).Append(nil)); got != want {
			t.Errorf("%s: got %s, want %s", to, got, want)
		}
	}
}

func TestInformationPoint_A174_TellsRolesAndTokensOfTheirHolder(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	c.in.must(onem2m.Created, role("CAdmin", `,"rn":"r1"`))
	c.in.must(onem2m.Created, ask{op: "C32", to: "cse-in", from: "CAdmin", body: `{"m2m:tk":{"rn":"t1","tkid":"t1@das.example","tkob":"a.b.c","tkhd":"//m2m.example/id-in/Ctok001"}}`})
	const mine = `"m2m:rol":[{"rn":"r1","rlid":"operator@roles.example","tkis":"//m2m.example/id-in/Croles1","tkhd":"//m2m.example/id-in/Ctok001","tknb":"20260101T000000","tkna":"20270101T000000"}]`
	for body, want := range map[string]string{
		`{"fr":"/id-in/Ctok001"}`:                                                                  `{"sus":1,` + mine + `}`,
		`{"fr":"/id-in/Ctok001","rids":["operator@roles.example"]}`:                                `{"sus":1,` + mine + `}`,
		`{"fr":"/id-in/Ctok001","rids":["other@roles.example"]}`:                                   `{"sus":2}`,
		`{"fr":"/id-in/Ctok002"}`:                                                                  `{"sus":2}`,
		`{"fr":"/id-in/Ctok001","rids":["other@roles.example"],"tids":["t1@das.example"]}`:         `{"sus":1,"m2m:tk":[{"rn":"t1","tkid":"t1@das.example","tkob":"a.b.c"}]}`,
		`{"fr":"/id-in/Ctok002","rids":["other@roles.example"],"tids":["t1@das.example"]}`:         `{"sus":2}`,
		`{"fr":"/id-in/Ctok001","rids":["other@roles.example"],"tids":["operator@roles.example"]}`: `{"sus":2}`,
	} {
		if got := string(answer(t, c.in, question("cse-in/pip", `{"m2m:auif":`+body+`}`)).Append(nil)); got != want {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
	c.in.advance(365 * 24 * time.Hour)
	if got := string(answer(t, c.in, question("cse-in/pip", `{"m2m:auif":{"fr":"/id-in/Ctok001"}}`)).Append(nil)); got != `{"sus":2}` {
		t.Errorf("over: %s", got)
	}
}

func TestDecisionPoint_A173_NobodySeesWhatOthersAsk(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	c.central(`{"acor":["/id-mn/Ceven*"],"acop":2}`)
	var group sync.WaitGroup
	for i := range 24 {
		group.Go(func() {
			who, want := "Ceven", `{"dec":1,"sus":1}`
			if i%2 == 1 {
				who, want = "Codd", `{"dec":2,"sus":1}`
			}
			for range 10 {
				o := c.in.do(question("cse-in/pdp", fmt.Sprintf(`{"m2m:auds":{"to":"//m2m.example/id-mn/b","fr":"/id-mn/%s%d","op":2}}`, who, i)))
				if o.Code != onem2m.Updated || string(o.Content.Value) != want {
					t.Errorf("%s: %d %s", who, o.Code, text(o))
				}
			}
		})
	}
	group.Wait()
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	for _, ev := range c.in.events {
		if ev.Resource != nil && ev.Resource.RN == "pdp" && ev.Resource.Modified > ev.Resource.Created {
			t.Errorf("A-172 subscribers are told of a question: %s", ev.Modified)
		}
	}
}

func TestPoints_A172_WhatWasWrittenBeforeTheBindingGoes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorldIn(t, dir)
	w.must(onem2m.Created, ask{op: "C35", to: "cse-in", from: "CAdmin", body: `{"m2m:auds":{"rn":"pdp","to":"x","fr":"Csecret1","lbl":["keep"]}}`})
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	w.open(dir, func(o *Options) {
		o.Bindings = &Bindings{Resource: map[distributed.Kind]string{distributed.Decision: "cse-in/pdp"}}
	})
	if o := w.must(onem2m.OK, ask{op: "R", to: "cse-in/pdp", from: "CAdmin"}); o.Has("fr") || o.Has("to") || !o.Has("lbl") {
		t.Errorf("got %s", o.Append(nil))
	}
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/pdp", from: "CAdmin"})
	if o := w.must(onem2m.Created, ask{op: "C35", to: "cse-in", from: "CAdmin", body: `{"m2m:auds":{"rn":"pdp","to":"x","fr":"Csecret1"}}`}); o.Has("fr") {
		t.Errorf("A-182 got %s", o.Append(nil))
	}
}

func TestDistributed_A180_CirclesEnd(t *testing.T) {
	t.Parallel()
	t.Run("A-180 each leaves the decision to the other", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := newCountry(t)
			c.leave(toDecide)
			c.in.must(onem2m.Created, ask{op: "C1", to: "cse-in", from: "CAdmin", body: `{"m2m:acp":{"rn":"central","pv":{},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]},"adri":["/id-in/cse-in/pdp"]}}`})
			c.in.must(onem2m.Updated, ask{op: "U", to: "cse-in/askers", from: "CAdmin", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["/id-mn","/id-in"],"acop":4}]}}}`})
			begun := time.Now()
			c.mn.must(onem2m.OriginatorHasNoPrivilege, reads("Capp01"))
			if took := time.Since(begun); took > 0 {
				t.Errorf("it took %s", took)
			}
		})
	})
	t.Run("A-180 a question that has come far enough", func(t *testing.T) {
		t.Parallel()
		c := newCountry(t)
		c.central(mayRead)
		q := question("cse-in/pdp", `{"m2m:auds":{`+aboutBox+`}}`)
		q.edit = func(r *onem2m.Request) {
			r.RequestID = distributed.Trail{"a", "b", "c", "d"}.RequestID("x")
		}
		if got := string(answer(t, c.in, q).Append(nil)); got != `{"sus":5}` {
			t.Errorf("got %s", got)
		}
	})
}

// chain is a country whose MN-CSE has points as well, which know about resources
// of a third CSE, and which those of the IN-CSE ask.
func chain(t *testing.T, central string) *country {
	t.Helper()
	c := newCountry(t, func(b *Bindings) {
		b.Governed = []Governed{{Targets: []string{"//m2m.example/id-far/*"}, Policies: []string{"cse-in/central"}}}
		b.Further = []string{"/id-mn/cse-mn/pip"}
	})
	c.mn.c.Bindings = &Bindings{
		Resource: map[distributed.Kind]string{distributed.Decision: "cse-mn/pdp", distributed.Policy: "cse-mn/prp", distributed.Information: "cse-mn/pip"},
		Governed: []Governed{{Targets: []string{"//m2m.example/id-far/*"}, Policies: []string{"cse-mn/last"}}},
	}
	c.mn.policy("CAdmin", "cse-mn", "askers", `{"acor":["/id-in"],"acop":4}`)
	c.mn.policy("CAdmin", "cse-mn", "last", `{"acor":["Capp01","operator@roles.example"],"acop":2}`)
	for ty, body := range map[string]string{"C35": `{"m2m:auds":{"rn":"pdp","acpi":["cse-mn/askers"]}}`, "C36": `{"m2m:aupy":{"rn":"prp","acpi":["cse-mn/askers"]}}`, "C37": `{"m2m:auif":{"rn":"pip","acpi":["cse-mn/askers"]}}`} {
		c.mn.must(onem2m.Created, ask{op: ty, to: "cse-mn", from: "CAdmin", body: body})
	}
	c.in.must(onem2m.Created, ask{op: "C1", to: "cse-in", from: "CAdmin", body: `{"m2m:acp":{"rn":"central",` + central + `,"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`})
	return c
}

func TestDistributed_A180_PointsAskFurtherPoints(t *testing.T) {
	t.Parallel()
	about := func(from, op string) ask {
		return question("cse-in/pdp", `{"m2m:auds":{"to":"//m2m.example/id-far/thing","fr":"`+from+`","op":`+op+`}}`)
	}
	for mode, central := range map[string]string{
		"b": `"pv":{},"adri":["/id-mn/cse-mn/pdp"]`,
		"c": `"pv":{},"apri":["/id-mn/cse-mn/prp"]`,
	} {
		t.Run("A-180 mode "+mode, func(t *testing.T) {
			t.Parallel()
			c := chain(t, central)
			if got := string(answer(t, c.in, about("/id-mn/Capp01", "2")).Append(nil)); got != `{"dec":1,"sus":1}` {
				t.Errorf("got %s", got)
			}
			if got := string(answer(t, c.in, about("/id-in/Capp01", "2")).Append(nil)); got != `{"dec":2,"sus":1}` {
				t.Errorf("somebody else: got %s", got)
			}
		})
	}
	t.Run("A-180 mode d", func(t *testing.T) {
		t.Parallel()
		c := chain(t, `"pv":{},"apri":["/id-mn/cse-mn/prp"]`)
		got := string(answer(t, c.in, question("cse-in/prp", `{"m2m:aupy":{"to":"//m2m.example/id-far/thing"}}`)).Append(nil))
		if want := `{"ps":{"pv":[{"acr":[{"acor":["//m2m.example/id-mn/Capp01","operator@roles.example"],"acop":2}]}]},"ca":1,"sus":1}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("A-180 modes e and f", func(t *testing.T) {
		t.Parallel()
		c := chain(t, `"pv":{"acr":[{"acor":["operator@roles.example"],"acop":2}]},"airi":["/id-in/cse-in/pip"]`)
		c.in.must(onem2m.Updated, ask{op: "U", to: "cse-in/askers", from: "CAdmin", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["/id-mn","/id-in"],"acop":4}]}}}`})
		assigned := role("CAdmin", `,"rn":"r1"`)
		assigned.to = "cse-mn"
		c.mn.must(onem2m.Created, assigned)
		get := question("cse-in/pip", `{"m2m:auif":{"fr":"/id-in/Ctok001"}}`)
		if o := answer(t, c.in, get); !o.Has("m2m:rol") {
			t.Errorf("got %s", o.Append(nil))
		}
		if n := len(c.asked("/id-mn/cse-mn/pip")); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestDistributed_A178_AHostilePointOpensNothing(t *testing.T) {
	t.Parallel()
	say := func(code onem2m.StatusCode, root, body string) func(context.Context, *onem2m.Request) *onem2m.Response {
		return func(context.Context, *onem2m.Request) *onem2m.Response {
			return &onem2m.Response{Code: code, Content: &onem2m.Content{Name: root, Value: []byte(body)}}
		}
	}
	for _, tt := range []struct {
		name, names string
		way         func(context.Context, *onem2m.Request) *onem2m.Response
	}{
		{"another status", toDecide, say(onem2m.Updated, "m2m:auds", `{"dec":1,"sus":2}`)},
		{"another code", toDecide, say(onem2m.OK, "m2m:auds", `{"dec":1,"sus":1}`)},
		{"the answer of another point", toDecide, say(onem2m.Updated, "m2m:aupy", `{"dec":1,"sus":1}`)},
		{"a policy instead of a decision", toDecide, say(onem2m.Updated, "m2m:auds", `{"sus":1,"ca":1,"ps":{"pv":[{"acr":[{"acor":["all"],"acop":63}]}]}}`)},
		{"garbage", toDecide, say(onem2m.Updated, "m2m:auds", `{"dec":`)},
		{"unknown combination", toRules, say(onem2m.Updated, "m2m:aupy", `{"sus":1,"ca":9,"ps":{"pv":[{"acr":[{"acor":["all"],"acop":63}]}]}}`)},
		{"a rule that can't be enforced", toRules, say(onem2m.Updated, "m2m:aupy", `{"sus":1,"ca":1,"ps":{"pv":[{"acr":[{"acor":["all"],"acop":63,"unless":"x"}]}]}}`)},
		{"a token that is none", toInform, say(onem2m.Updated, "m2m:auif", `{"sus":1,"m2m:tk":[{"tkid":"t@das.example","tkob":"a.b.c"}]}`)},
		{"silence", toDecide, func(ctx context.Context, _ *onem2m.Request) *onem2m.Response {
			<-ctx.Done()
			return &onem2m.Response{Code: onem2m.RequestTimeout}
		}},
	} {
		t.Run("A-178 "+tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCountry(t)
				c.leave(tt.names)
				c.instead(tt.way)
				q := reads("Capp01")
				q.edit = func(r *onem2m.Request) { r.RequestExpiration = "1500" }
				res := c.mn.do(q)
				if res.Code != onem2m.OriginatorHasNoPrivilege && res.Code != onem2m.RequestTimeout {
					t.Errorf("got %d %s", res.Code, text(res))
				}
				begun := time.Now()
				if res := c.mn.do(ask{op: "R", to: "cse-mn/app", from: "Capp01"}); res.Code != onem2m.OK || time.Since(begun) > 0 {
					t.Errorf("others: %d after %s", res.Code, time.Since(begun))
				}
			})
		})
	}
}
