package cse

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"bulwark/internal/dynauth"
	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/token"
)

func TestExplain_A193_NamesWhatServersHaveGrantedAndWhoWouldBeAsked(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	explain := func(q Question) Explanation {
		t.Helper()
		q.From, q.Operation = "Ctok001", onem2m.Retrieve
		e, err := c.c.Explain(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	says := func(e Explanation, want string) {
		t.Helper()
		for _, r := range e.Reasons {
			if strings.Contains(r.Source+": "+r.Text, want) {
				return
			}
		}
		t.Errorf("nothing says %q: %+v", want, e)
	}
	e := explain(Question{To: "cse-in/bay/hall", Authenticated: true})
	if e.Permit || e.Code != 4103 {
		t.Errorf("got %+v", e)
	}
	says(e, "consultation "+c.ri("cse-in/bay/dac")+": asked at "+dasPoint+"; one of the roles "+operator+", "+visitor)
	says(explain(Question{To: "cse-in/bay/hall"}), "isn't authenticated")
	if n := c.das.count(); n != 0 {
		t.Error("somebody was asked")
	}
	c.das.says(2000, grantsOf(readRule, ""))
	c.must(onem2m.OK, read("cse-in/bay/hall"))
	if e := explain(Question{To: "cse-in/bay/hall", Authenticated: true}); !e.Permit || e.Stage != "dynamic" {
		t.Errorf("a dynamic policy: %+v", e)
	}
	c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+c.direct(nil)+`"]}}`)
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	if e := explain(Question{To: "cse-in/bay/lamp", Authenticated: true}); !e.Permit || e.Stage != "dynamic" {
		t.Errorf("a token: %+v", e)
	}
	c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/dac", from: "Cowner1", body: `{"m2m:dac":{"dae":false}}`})
	says(explain(Question{To: "cse-in/bay/operators", Authenticated: true}), "selfPrivileges")
	c.container("Cowner1", "cse-in/bay", "den", "")
	says(explain(Question{To: "cse-in/bay/den", Authenticated: true}), "it is disabled")
}

func TestDirect_OnlyWhoDecidesAboutPoliciesChoosesTheServer(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.policy("Cowner1", "cse-in/bay", "writers", `{"acor":["Ctok001"],"acop":63}`)
	c.container("Cowner1", "cse-in/bay", "den", `"acpi":["cse-in/bay/writers"]`)
	c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/den", from: "Ctok001", body: `{"m2m:cnt":{"lbl":["x"]}}`})
	c.must(onem2m.OriginatorHasNoPrivilege, ask{op: "U", to: "cse-in/bay/den", from: "Ctok001", body: `{"m2m:cnt":{"daci":["cse-in/tok1/mine"]}}`})
	c.must(onem2m.OriginatorHasNoPrivilege, ask{op: "U", to: "cse-in/bay/den", from: "Ctok001", body: `{"m2m:cnt":{"lbl":["y"],"daci":null}}`})
	c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/den", from: "CAdmin", body: `{"m2m:cnt":{"lbl":["y"],"daci":["cse-in/bay/dac"]}}`})
}

func TestDirect_OnlyWhoDecidesAboutPoliciesTurnsAConsultationElsewhere(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.policy("Cowner1", "cse-in/bay", "writers", `{"acor":["Ctok001"],"acop":63}`)
	c.must(onem2m.Created, ask{op: "C34", to: "cse-in/bay", from: "Cowner1", body: `{"m2m:dac":{"rn":"open","dae":true,"dap":["` + dasPoint + `"],"acpi":["cse-in/bay/writers"]}}`})
	c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/open", from: "Ctok001", body: `{"m2m:dac":{"lbl":["x"]}}`})
	c.must(onem2m.OriginatorHasNoPrivilege, ask{op: "U", to: "cse-in/bay/open", from: "Ctok001", body: `{"m2m:dac":{"dap":["https://mine.example/"]}}`})
	c.must(onem2m.OriginatorHasNoPrivilege, ask{op: "U", to: "cse-in/bay/open", from: "Ctok001", body: `{"m2m:dac":{"lbl":["y"],"dae":false}}`})
	c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/open", from: "CAdmin", body: `{"m2m:dac":{"dae":false,"dap":["https://other.example/"]}}`})
}

func TestToken_A131_A134_CountsForChildrenAndInDiscoveryToo(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.das.says(2000, "")
	c.container("Cowner1", "cse-in/bay/lamp", "inner", "")
	c.container("Cowner1", "cse-in/bay/lamp", "other", "")
	text := c.issue(func(x *token.Claims) {
		x.Permissions = []token.Permission{
			{Resources: []string{"cse-in/bay/lamp", "cse-in/bay/lamp/inner"}, Privileges: []byte(`{"acr":[{"acor":["Ctok001"],"acop":34}]}`)},
			{Roles: []string{visitor}},
		}
	})
	with := func(to string, texts ...string) ask { return bring(to, texts...) }
	list := func(q ask) string {
		t.Helper()
		res := c.do(q)
		if res.Code != 2000 {
			t.Fatalf("got %d %s", res.Code, res.Content)
		}
		return string(res.Content.Value)
	}
	if got := list(with("cse-in/bay?fu=1&ty=3", text)); got != `["cse-in/bay/lamp","cse-in/bay/lamp/inner"]` {
		t.Errorf("A-133 discovery: %s", got)
	}
	if got := list(with("cse-in/bay?fu=1&ty=3")); got != `[]` {
		t.Errorf("without the token: %s", got)
	}
	broken := text[:len(text)-4] + "AAAA"
	if got := list(with("cse-in/bay?fu=1&ty=3", broken)); got != `[]` {
		t.Errorf("with a broken one: %s", got)
	}
	if got := list(with("cse-in/bay/lamp?rcn=6", text)); !strings.Contains(got, "/inner") || strings.Contains(got, "/other") {
		t.Errorf("A-75 children: %s", got)
	}
	c.policy("Cowner1", "cse-in/bay", "finders", `{"acor":["`+visitor+`"],"acop":32}`)
	c.container("Cowner1", "cse-in/bay", "den", `"acpi":["cse-in/bay/finders"]`)
	if got := list(with("cse-in/bay?fu=1&ty=3", text)); !strings.Contains(got, "cse-in/bay/den") {
		t.Errorf("A-134 by a role: %s", got)
	}
	c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+c.direct(func(x *token.Claims) {
		x.ID = "tk9@das.example"
		x.Permissions[0].Privileges = []byte(`{"acr":[{"acor":["Ctok001"],"acop":34}]}`)
	})+`"]}}`)
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	if got := list(read("cse-in/bay?fu=1&ty=3")); got != `["cse-in/bay/lamp"]` {
		t.Errorf("A-126 what a server has handed over: %s", got)
	}
}

func TestDirect_A204_AnAnswerThatComesTooLateChangesNothing(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.das.set(func(ctx context.Context, _ string, _ *onem2m.Request) (*onem2m.Response, error) {
		<-ctx.Done()
		return securityAnswer(2000, grantsOf(readRule, "")), nil
	})
	q := read("cse-in/bay/lamp?rcn=4")
	q.edit = func(r *onem2m.Request) { r.RequestExpiration = "100" }
	if res := c.do(q); res.Code != onem2m.RequestTimeout {
		t.Errorf("got %d", res.Code)
	}
	if len(c.dynamicOf()) != 0 {
		t.Error("a policy was made for a request that was over")
	}
}

func TestDirect_A191_TheSameGrantAgainMakesNoOtherPolicy(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.das.says(2000, grantsOf(`{"acor":["Ctok001"],"acop":8}`, `,"pl":"20260304T120000"`))
	for range 5 {
		c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
	}
	if n := len(c.dynamicOf()); n != 1 {
		t.Errorf("%d policies", n)
	}
	for i := range maxDynamicResource + 3 {
		c.das.says(2000, grantsOf(`{"acor":["Ctok001"],"acop":8}`, `,"pl":"PT`+strconv.Itoa(i+200)+`M"`))
		c.advance(questionPause)
		c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
	}
	if n := len(c.dynamicOf()); n != maxDynamicShare {
		t.Errorf("%d policies", n)
	}
	c.das.says(2000, grantsOf(`{"acor":["Ctok002"],"acop":2}`, ""))
	c.must(onem2m.OK, ask{op: "R", to: "cse-in/bay/lamp", from: "Ctok002"})
}

func TestDirect_A191_OneOriginatorLeavesDynamicPoliciesToOthers(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	who := c.c.Home.ID() + "/Ctok001"
	for i := range int64(maxDynamicOne) {
		c.c.dynamic.set(-1-i, dynamicLink{For: -1, Who: who})
	}
	c.das.says(2000, grantsOf(readRule, ""))
	c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
	c.c.dynamic.drop(-1)
	c.advance(time.Minute)
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
}

func TestDirect_NobodyIsAskedAboutAGroupInPlaceOfItsMembers(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.must(onem2m.Created, ask{op: "C9", to: "cse-in/bay", from: "Cowner1", body: `{"m2m:grp":{"rn":"all","mnm":5,"mid":["cse-in/bay/lamp"]}}`})
	c.das.says(2000, grantsOf(readRule, ""))
	c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/all/fopt"))
	if n := c.das.count(); n != 0 {
		t.Errorf("asked %d times", n)
	}
	c.must(onem2m.OK, read("cse-in/bay/all"))
}

func TestToken_A195_AServerIsAskedAgainWhetherItsTokensCount(t *testing.T) {
	t.Parallel()
	c := newConsulting(t, func(o *Options) { o.Timing.TokenRecheck = time.Minute })
	text := c.direct(nil)
	hands := func() { c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+text+`"]}}`) }
	expect := func(why string, code onem2m.StatusCode, questions int, q ask) {
		t.Helper()
		c.das.count()
		if res := c.do(q); res.Code != code || c.das.count() != questions {
			t.Errorf("%s: got %d", why, res.Code)
		}
	}
	hands()
	expect("it is confirmed when it is brought first", 2000, 1, bring("cse-in/bay/lamp", text))
	expect("and counts then", 2000, 0, bring("cse-in/bay/lamp", text))
	c.advance(time.Minute)
	expect("it is asked for again", 2000, 1, bring("cse-in/bay/lamp", text))
	c.advance(time.Minute)
	c.das.says(2000, "")
	expect("it was revoked", 4103, 1, bring("cse-in/bay/lamp", text))
	c.das.set(nil)
	expect("its server is gone", 4103, 1, bring("cse-in/bay/lamp", text))
	c.advance(time.Minute)
	hands()
	expect("what a server hands over counts", 2000, 1, read("cse-in/bay/lamp?tids=tk1@das.example"))
	c.advance(time.Minute)
	c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+text+`"]}}`)
	expect("one that it has granted", 2000, 1, read("cse-in/bay/lamp?tids=tk1@das.example"))
}

func TestDirect_A195_AGrantEndsWhenItsServerDoesNotStandByIt(t *testing.T) {
	t.Parallel()
	c := newConsulting(t, func(o *Options) { o.Timing.TokenRecheck = time.Minute })
	c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+c.direct(nil)+`"]}}`)
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	c.das.count()
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	if n := c.das.count(); n != 0 {
		t.Errorf("asked %d times", n)
	}
	c.advance(time.Minute)
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	if n := c.das.count(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	c.advance(time.Minute)
	c.das.says(2000, "")
	c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
}

func TestToken_A195_OnlyItsOwnServerConfirmsAToken(t *testing.T) {
	t.Parallel()
	own := dynauth.Server{ID: "//m2m.example/Sdas001", Domains: []string{"das.example"}, Points: []string{dasPoint}}
	open := own
	open.Points = []string{"http://das.example/onem2m"}
	for name, tt := range map[string]struct {
		server dynauth.Server
		point  string
		code   onem2m.StatusCode
	}{
		"its own":                        {own, dasPoint, onem2m.OK},
		"one of the holder":              {own, "https://holder.example/", onem2m.OriginatorHasNoPrivilege},
		"its own, where anybody answers": {open, open.Points[0], onem2m.OriginatorHasNoPrivilege},
	} {
		t.Run("A-195 "+name, func(t *testing.T) {
			t.Parallel()
			c := newConsulting(t, func(o *Options) { o.Timing.TokenRecheck, o.Servers = time.Minute, dynauth.Servers{tt.server} })
			c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/dac", from: "Cowner1", body: `{"m2m:dac":{"dap":["` + tt.point + `"]}}`})
			text := c.direct(nil)
			c.das.set(func(_ context.Context, point string, _ *onem2m.Request) (*onem2m.Response, error) {
				if point != tt.point {
					return securityAnswer(2000, ""), nil
				}
				return securityAnswer(2000, `{"sit":2,"dres":{"tkns":["`+text+`"]}}`), nil
			})
			c.do(read("cse-in/bay/lamp")) // it is handed over
			if res := c.do(bring("cse-in/bay/lamp", text)); res.Code != tt.code {
				t.Errorf("got %d, want %d", res.Code, tt.code)
			}
		})
	}
}

func TestDecisionPoint_A175_ATokenThatIsNotConfirmedIsLacking(t *testing.T) {
	t.Parallel()
	for life, want := range map[time.Duration]bool{0: false, time.Minute: true} {
		c := newConsulting(t, func(o *Options) { o.Timing.TokenRecheck = life })
		text := c.issue(nil)
		k := &call{
			c: c.c, now: c.c.instant(), from: identity.Originator{ID: "//m2m.example/id-in/Ctok001"}, req: &onem2m.Request{Tokens: []string{text}},
			remote: &delegations{asker: "//m2m.example/id-in", target: "//m2m.example/id-in/" + c.ri("cse-in/bay/lamp"), vouch: true},
		}
		err := c.c.Store.Read(t.Context(), func(r store.Reader) error {
			rec, err := c.c.resolve(r, []string{"cse-in", "bay", "lamp"}, k.now)
			if err != nil {
				return err
			}
			_, lacking, err := k.verdictByTokens(r, rec.rec, &distributed.Question{Tokens: []string{text}}, nil)
			if lacking != want {
				t.Errorf("recheck after %s: lacking %t", life, lacking)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if n := c.das.count(); n != 0 {
			t.Errorf("asked %d times", n)
		}
	}
}
