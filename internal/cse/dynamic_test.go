package cse

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/dynauth"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/token"
)

// fakeDAS is what answers at the points of access of servers.
type fakeDAS struct {
	mu     sync.Mutex // guards what follows
	asked  []*onem2m.Request
	points []string
	answer func(ctx context.Context, point string, req *onem2m.Request) (*onem2m.Response, error)
}

func (d *fakeDAS) Send(ctx context.Context, point string, _ onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	d.mu.Lock()
	d.asked, d.points = append(d.asked, req), append(d.points, point)
	answer := d.answer
	d.mu.Unlock()
	if answer == nil {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "nobody there")
	}
	return answer(ctx, point, req)
}

func (d *fakeDAS) set(answer func(ctx context.Context, point string, req *onem2m.Request) (*onem2m.Response, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = answer
}

// says makes the server answer with a message.
func (d *fakeDAS) says(code onem2m.StatusCode, seci string) {
	d.set(func(context.Context, string, *onem2m.Request) (*onem2m.Response, error) {
		return securityAnswer(code, seci), nil
	})
}

func securityAnswer(code onem2m.StatusCode, seci string) *onem2m.Response {
	res := &onem2m.Response{Code: code}
	if seci != "" {
		res.Content = &onem2m.Content{Name: "m2m:seci", Value: []byte(seci)}
	}
	return res
}

// count returns how many questions there were, and forgets them.
func (d *fakeDAS) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.asked)
	d.asked, d.points = nil, nil
	return n
}

func (d *fakeDAS) last() *onem2m.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.asked) == 0 {
		return nil
	}
	return d.asked[len(d.asked)-1]
}

const dasPoint = "https://das.example/onem2m"

// consulting is a granting world with a server that is asked about lamp and hall
// by "dac" of their AE.
type consulting struct {
	*granting
	das *fakeDAS
}

func newConsulting(t *testing.T, change ...func(*Options)) *consulting {
	t.Helper()
	das := &fakeDAS{}
	g := newGranting(t, append([]func(*Options){func(o *Options) {
		o.Sender = das
		o.Servers = dynauth.Servers{{ID: "//m2m.example/Sdas001", Domains: []string{"das.example"}, Points: []string{dasPoint}}}
	}}, change...)...)
	c := &consulting{granting: g, das: das}
	g.must(onem2m.Created, ask{op: "C34", to: "cse-in/bay", from: "Cowner1", body: `{"m2m:dac":{"rn":"dac","dae":true,"dap":["` + dasPoint + `"]}}`})
	g.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay", from: "Cowner1", body: `{"m2m:ae":{"daci":["cse-in/bay/dac"]}}`})
	return c
}

// direct issues a token as the direct flow wants it.
func (c *consulting) direct(change func(*token.Claims)) string {
	return c.issue(func(claims *token.Claims) {
		claims.Audience = []string{"//m2m.example/id-in"}
		if change != nil {
			change(claims)
		}
	})
}

// grants is an answer with privileges.
func grantsOf(rule, lifetime string) string {
	return `{"sit":2,"dres":{"dai":{"gp":{"acr":[` + rule + `]}` + lifetime + `}}}`
}

const readRule = `{"acor":["//m2m.example/id-in/Ctok001"],"acop":2}`

func read(to string) ask { return ask{op: "R", to: to, from: "Ctok001"} }

// dreq returns the last question.
func (c *consulting) dreq() *onem2m.DASRequest {
	c.t.Helper()
	req := c.das.last()
	if req == nil {
		c.t.Fatal("nobody was asked")
	}
	o, err := onem2m.ParseObject(req.Content.Value)
	if err != nil {
		c.t.Fatal(err)
	}
	if sit, _ := o.Int("sit"); sit != 1 {
		c.t.Fatalf("sit %d", sit)
	}
	r, err := onem2m.ParseDASRequest(o.Get("dreq"))
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// lastAudit returns the stage and the text of the last decision.
func (c *consulting) lastAudit() (stage, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.audits[len(c.audits)-1]
	return a.Stage, a.Rule + a.Reason
}

func TestDirect_A141_A142_A143_A144_WhatTheServerIsTold(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.must(onem2m.Created, role("CAdmin", ""))
	c.policy("Cowner1", "cse-in/bay", "visitors", `{"acor":["`+visitor+`","other@else.example"],"acop":2},{"acor":["writer@das.example"],"acop":4}`)
	c.container("Cowner1", "cse-in/bay", "den", `"acpi":["cse-in/bay/visitors"]`)
	c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/dac", from: "Cowner1", body: `{"m2m:dac":{"dal":"PT1H"}}`})
	q := read("cse-in/bay/den?rids=" + operator + "&tids=tk5@other.example")
	q.edit = func(r *onem2m.Request) {
		r.TokenIDs = nil
		yes := true
		r.AuthorSignReq = &yes
	}
	c.must(onem2m.OriginatorHasNoPrivilege, q)
	req := c.das.last()
	if req.From != "/id-in" || req.To != dasPoint || req.Operation != onem2m.Notify || c.das.points[0] != dasPoint {
		t.Errorf("A-141: %+v to %s", req, c.das.points[0])
	}
	got := c.dreq()
	yes := true
	want := &onem2m.DASRequest{
		Originator: "//m2m.example/id-in/Ctok001", TargetType: onem2m.TypeContainer, Operation: onem2m.Retrieve, IP: got.IP,
		Roles: []string{operator}, RequestTime: onem2m.TimestampOf(c.now()).String(), Target: "//m2m.example/id-in/" + c.ri("cse-in/bay/den"),
		ProposedLifetime: (onem2m.TimestampOf(c.now()) + 3600_000_000).String(), ACPRoles: []string{visitor}, AuthorSign: &yes,
	}
	if diff := cmp.Diff(want.Value(), got.Value()); diff != "" || got.IP.String() != "192.0.2.77" {
		t.Errorf("%s %s", got.IP, diff)
	}
	c.advance(time.Minute)
	create := ask{op: "C3", to: "cse-in/bay/den", from: "Ctok001", body: `{"m2m:cnt":{}}`}
	c.must(onem2m.OriginatorHasNoPrivilege, create)
	if got := c.dreq(); got.Operation != onem2m.Create || got.TargetType != onem2m.TypeContainer || got.Target != want.Target {
		t.Errorf("open point 19: %+v", got)
	}
}

func TestDirect_A138_A146_A148_PrivilegesCountWhereAndAsLongAsTheyAreGranted(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.das.says(2000, grantsOf(readRule, `,"pl":"PT30M"`))
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	if n := c.das.count(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if stage, text := c.lastAudit(); stage != "dynamic" || !strings.Contains(text, "dynamic policy ") {
		t.Errorf("A-193: %s %s", stage, text)
	}
	acp := c.must(onem2m.OK, ask{op: "R", to: "cse-in/bay?fu=1&ty=1", from: "CAdmin"})
	_ = acp
	c.das.says(2000, "")
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	c.must(onem2m.OK, read("cse-in/bay/lamp/one"))
	if n := c.das.count(); n != 0 {
		t.Errorf("asked %d times though it is granted", n)
	}
	c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/hall"))
	c.must(onem2m.OriginatorHasNoPrivilege, ask{op: "D", to: "cse-in/bay/lamp", from: "Ctok001"})
	c.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/bay/lamp", from: "Ctok002"})
	if n := c.das.count(); n != 3 {
		t.Errorf("A-148 asked %d times about what isn't granted", n)
	}
	c.must(onem2m.OK, ask{op: "R", to: "cse-in/bay/lamp", from: "Cowner1"}) // C-23: the default policy stays
	c.advance(30*time.Minute - time.Second)
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	c.advance(time.Second)
	c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
}

// dynamicOf returns the dynamic policies of the CSE.
func (c *consulting) dynamicOf() []*store.Record {
	c.t.Helper()
	var list []*store.Record
	err := c.c.Store.Read(c.t.Context(), func(r store.Reader) error {
		all, err := r.OfType(onem2m.TypeAccessControlPolicy, 0, 100)
		for _, rec := range all {
			if c.c.dynamic.is(rec.ID) {
				list = append(list, rec)
			}
		}
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return list
}

func TestDirect_A146_TheDynamicPolicyIsAResource(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.das.says(2000, grantsOf(readRule, `,"pl":"20260304T120000"`))
	lamp := c.must(onem2m.OK, read("cse-in/bay/lamp"))
	if lamp.Has("acpi") {
		t.Error("open point 23: the link shows")
	}
	list := c.dynamicOf()
	if len(list) != 1 {
		t.Fatalf("%d dynamic policies", len(list))
	}
	got := c.must(onem2m.OK, ask{op: "R", to: list[0].RI, from: "CAdmin"})
	for name, want := range map[string]string{
		"pi": `"` + c.ri("cse-in/bay") + `"`, "pv": `{"acr":[` + strings.TrimSuffix(readRule, "}") + `,"acaf":true}]}`, "pvs": `{"acr":[{"acor":["/id-in"],"acop":14}]}`, "et": `"20260304T120000,000000"`,
	} {
		if string(got.Get(name)) != want {
			t.Errorf("%s: got %s, want %s", name, got.Get(name), want)
		}
	}
	c.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: list[0].RI, from: "Ctok001"})
	c.must(onem2m.Deleted, ask{op: "D", to: list[0].RI, from: "CAdmin"})
	c.das.says(2000, "")
	c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
	if len(c.dynamicOf()) != 0 || c.c.dynamic.any() {
		t.Error("something is left")
	}
}

func TestDirect_A146_TheDynamicPolicyEndsWithItsResource(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.das.says(2000, grantsOf(readRule, ""))
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	c.must(onem2m.OK, read("cse-in/bay/hall"))
	c.must(onem2m.Deleted, ask{op: "D", to: "cse-in/bay/lamp", from: "Cowner1"})
	if err := c.c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(c.dynamicOf()); n != 1 {
		t.Errorf("%d are left, want that of hall", n)
	}
	c.must(onem2m.Deleted, ask{op: "D", to: "cse-in/bay", from: "Cowner1"}) // with the policy and what it is for
	if err := c.c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.c.dynamic.any() {
		t.Error("something is left")
	}
}

func TestDirect_A146_ItSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := newConsulting(t, func(o *Options) { o.Random = nil })
	_ = dir
	c.das.says(2000, grantsOf(readRule, ""))
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+c.direct(nil)+`"]}}`)
	c.must(onem2m.OK, ask{op: "R", to: "cse-in/bay/lamp", from: "Ctok001"})
	o := c.c.Options
	o.Store, o.Notifier = c.store, c.world
	var err error
	if c.c, err = New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	c.das.says(2000, "")
	c.das.count()
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	if n := c.das.count(); n != 0 {
		t.Errorf("asked %d times", n)
	}
	c.must(onem2m.Deleted, ask{op: "D", to: "cse-in/bay/lamp", from: "Cowner1"})
}

func TestDirect_A147_A126_ATokenIsKeptForItsHolder(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	text := c.direct(nil)
	c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+text+`"]}}`)
	res := c.do(read("cse-in/bay/lamp"))
	list, err := onem2m.ParseTokenAssignments(res.AssignedTokenIDs)
	if res.Code != 2000 || err != nil || len(list) != 1 || list[0].TokenID != "tk1@das.example" {
		t.Fatalf("got %d %s %s", res.Code, text, res.AssignedTokenIDs)
	}
	if stage, text := c.lastAudit(); stage != "dynamic" || !strings.Contains(text, "token tk1@das.example") {
		t.Errorf("A-193: %s %s", stage, text)
	}
	c.das.says(2000, "")
	c.das.count()
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	c.must(onem2m.OK, read("cse-in/bay/lamp?ltids="+list[0].Local))
	if n := c.das.count(); n != 0 {
		t.Errorf("asked %d times", n)
	}
	c.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/bay/lamp", from: "Ctok002"})
	unproven := read("cse-in/bay/lamp")
	unproven.assoc = &identity.Association{Framework: "none", Binding: "http"}
	c.must(onem2m.OriginatorHasNoPrivilege, unproven)

	t.Run("A-135 its end", func(t *testing.T) {
		c.advance(time.Hour)
		c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
		c.advance(-time.Hour)
		c.must(onem2m.OK, read("cse-in/bay/lamp"))
	})
	t.Run("revocation counts at once", func(t *testing.T) {
		if err := c.c.Revoked.Add(token.Revocation{Ref: token.Ref{Issuer: "//m2m.example/Sdas001", ID: "tk1@das.example"}}, 0); err != nil {
			t.Fatal(err)
		}
		c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
	})
}

func TestDirect_A150_A145_NoAnswerOfAServerIsMoreThanADenial(t *testing.T) {
	t.Parallel()
	other := `{"acor":["all"],"acop":63}`
	for _, tt := range []struct {
		name, seci string
		code       onem2m.StatusCode
	}{
		{"A-145 no Content", "", 2000},
		{"A-150 a refusal", "", 4103},
		{"A-150 a failure", "", 5000},
		{"A-145 another type", `{"sit":8,"dres":{}}`, 2000},
		{"A-145 nonsense", `{"sit":2,"dres":{"dai":[]}}`, 2000},
		{"F-1 privileges for everybody", grantsOf(other, ""), 2000},
		{"F-1 privileges for others too", grantsOf(readRule+","+other, ""), 2000},
		{"A-146 privileges for another operation", grantsOf(`{"acor":["Ctok001"],"acop":8}`, ""), 2000},
		{"A-146 privileges that are over", grantsOf(readRule, `,"pl":"20260101T000000"`), 2000},
		{"A-128 a token for another", "holder", 2000},
		{"A-129 a token for other CSEs too", "audience", 2000},
		{"A-129 a token for no CSE", "none", 2000},
		{"A-128 a token that is over", "over", 2000},
		{"A-147 a token that doesn't verify", "broken", 2000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newConsulting(t)
			seci := tt.seci
			if seci != "" && seci[0] != '{' {
				text := c.direct(map[string]func(*token.Claims){
					"holder":   func(x *token.Claims) { x.Holder = "//m2m.example/id-in/Ctok002" },
					"audience": func(x *token.Claims) { x.Audience = append(x.Audience, "//m2m.example/id-far") },
					"none":     func(x *token.Claims) { x.Audience = nil },
					"over":     func(x *token.Claims) { x.NotAfter = x.NotBefore + 1_000_000 },
				}[seci])
				if seci == "broken" {
					text = text[:len(text)-4] + "AAAA"
				}
				seci = `{"sit":2,"dres":{"tkns":["` + text + `"]}}`
			}
			c.das.says(tt.code, seci)
			c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
			if n := c.das.count(); n != 1 {
				t.Errorf("asked %d times", n)
			}
			c.das.says(2000, "")
			c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
		})
	}
}

func TestDirect_PrivilegesOverAnOpenWayArentTaken(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/dac", from: "Cowner1", body: `{"m2m:dac":{"dap":["http://das.example/onem2m"]}}`})
	c.das.says(2000, grantsOf(readRule, ""))
	c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
	c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+c.direct(nil)+`"]}}`)
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
}

func TestDirect_A07_A139_A140_WhichServerIsAsked(t *testing.T) {
	t.Parallel()
	c := newConsulting(t, func(o *Options) { o.Consult = "cse-in/standard" })
	asked := func(why, to string, want ...string) {
		t.Helper()
		c.das.count()
		c.advance(time.Minute) // nobody rests any more
		c.must(onem2m.OriginatorHasNoPrivilege, read(to))
		c.das.mu.Lock()
		defer c.das.mu.Unlock()
		if !slices.Equal(c.das.points, want) {
			t.Errorf("%s: asked %v, want %v", why, c.das.points, want)
		}
	}
	dac := func(name, points string, on bool) {
		t.Helper()
		state := "false"
		if on {
			state = "true"
		}
		c.must(onem2m.Created, ask{op: "C34", to: "cse-in/bay", from: "Cowner1", body: `{"m2m:dac":{"rn":"` + name + `","dae":` + state + `,"dap":[` + points + `]}}`})
	}
	link := func(to, list string) {
		t.Helper()
		c.must(onem2m.Updated, ask{op: "U", to: to, from: "Cowner1", body: `{"m2m:cnt":{"daci":` + list + `}}`})
	}
	asked("A-139 that of the parent", "cse-in/bay/lamp", dasPoint)
	asked("A-139 that of the grandparent, for an instance", "cse-in/bay/lamp/one", dasPoint)
	asked("A-31 none about a policy", "cse-in/bay/operators")
	asked("A-139 none of the system, as it doesn't exist", "cse-in/tok2")
	c.must(onem2m.Created, ask{op: "C34", to: "cse-in", from: "CAdmin", body: `{"m2m:dac":{"rn":"standard","dae":true,"dap":["https://standard.example/"]}}`})
	asked("A-139 that of the system", "cse-in/tok2", "https://standard.example/")
	dac("one", `"https://one.example/","https://uno.example/"`, true)
	dac("two", `"https://two.example/"`, true)
	dac("off", `"https://off.example/"`, false)
	link("cse-in/bay/lamp", `["cse-in/bay/one","cse-in/bay/two"]`)
	asked("A-139 A-150 its own, in order, at each point of access", "cse-in/bay/lamp", "https://one.example/", "https://uno.example/", "https://two.example/")
	asked("A-139 those of the container, for an instance", "cse-in/bay/lamp/one", "https://one.example/", "https://uno.example/", "https://two.example/")
	link("cse-in/bay/lamp", `["nothing","cse-in/bay/hall","cse-in/bay/two"]`)
	asked("A-139 what can't be one is passed over", "cse-in/bay/lamp", "https://two.example/")
	link("cse-in/bay/lamp", `["nothing"]`)
	asked("A-139 that of the parent, where none is one", "cse-in/bay/lamp", dasPoint)
	link("cse-in/bay/lamp", `["cse-in/bay/off"]`)
	asked("A-140 nobody, as it is disabled", "cse-in/bay/lamp")
	link("cse-in/bay/lamp", `["cse-in/bay/off","cse-in/bay/two"]`)
	asked("A-140 the enabled one", "cse-in/bay/lamp", "https://two.example/")
	c.das.count()
	c.advance(time.Minute) // who was asked a moment ago rests no more
	c.must(onem2m.OriginatorHasNoPrivilege, ask{op: "U", to: "cse-in/bay/lamp", from: "Ctok001", body: `{"m2m:cnt":{"acpi":null}}`})
	if n := c.das.count(); n != 0 {
		t.Errorf("A-201 somebody was asked about accessControlPolicyIDs")
	}
	c.das.says(4103, "")
	asked("A-150 one that refuses is no reason not to ask the next", "cse-in/bay/lamp", "https://two.example/")
}

func TestDirect_A150_AServerThatIsSlowHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newConsulting(t, func(o *Options) { o.Timing.Consultation = 200 * time.Millisecond })
		c.das.set(func(ctx context.Context, _ string, _ *onem2m.Request) (*onem2m.Response, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		var group sync.WaitGroup
		begun := time.Now()
		for range 20 {
			group.Go(func() {
				if res := c.do(read("cse-in/bay/lamp")); res.Code != onem2m.OriginatorHasNoPrivilege {
					t.Errorf("got %d", res.Code)
				}
			})
		}
		for range 50 {
			c.must(onem2m.OK, ask{op: "R", to: "cse-in/bay/lamp", from: "Cowner1"})
		}
		group.Wait()
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %v", took)
		}
		if n := c.das.count(); n > 4 {
			t.Errorf("asked %d times for one originator", n)
		}
		begun = time.Now()
		c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
		if took := time.Since(begun); took > 0 || c.das.count() != 0 {
			t.Errorf("the server isn't left alone: %v", took)
		}
		c.advance(10 * time.Second)
		c.das.says(2000, grantsOf(readRule, ""))
		c.must(onem2m.OK, read("cse-in/bay/lamp"))
	})
}

func TestDirect_A149_TheOriginatorIsAskedToSign(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+c.direct(nil)+`"],"asri":true}}`)
	q := read("cse-in/bay/lamp")
	if res := c.do(q); res.Code != 2000 || res.AuthorSignRequest != nil {
		t.Errorf("it hasn't said that it can: %d %v", res.Code, res.AuthorSignRequest)
	}
	c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+c.direct(func(x *token.Claims) {
		x.ID = "tk2@das.example"
		x.Permissions[0].Resources = []string{"cse-in/bay/hall"}
	})+`"],"asri":true}}`)
	q = read("cse-in/bay/hall")
	yes := true
	q.edit = func(r *onem2m.Request) { r.AuthorSignReq = &yes }
	if res := c.do(q); res.Code != 2000 || res.AuthorSignRequest == nil || !*res.AuthorSignRequest {
		t.Errorf("got %d %v", res.Code, res.AuthorSignRequest)
	}
	c.das.says(2000, `{"sit":2,"dres":{"dai":{"gp":{"acr":[{"acor":["Ctok001"],"acop":8}]}},"asri":true}}`)
	q.op = "D"
	if res := c.do(q); res.Code != 2002 || res.AuthorSignRequest != nil {
		t.Errorf("without a token: %d %v", res.Code, res.AuthorSignRequest)
	}
}

func TestDirect_ACreationThatNeedsTwoPrivilegesAsksForBoth(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.das.set(func(_ context.Context, _ string, req *onem2m.Request) (*onem2m.Response, error) {
		acop := "2"
		if strings.Contains(string(req.Content.Value), `"op":1`) {
			acop = "1"
		}
		return securityAnswer(2000, grantsOf(`{"acor":["Ctok001"],"acop":`+acop+`}`, "")), nil
	})
	c.must(onem2m.Created, ask{op: "C23", to: "cse-in/bay/lamp", from: "Ctok001", body: `{"m2m:sub":{"nu":["http://127.0.0.1:9/x"]}}`})
	if n := c.das.count(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}
