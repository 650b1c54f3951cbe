package cse

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/access"
	"bulwark/internal/dynauth"
	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/federation"
	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// country is two CSEs: an IN-CSE whose points decide, and an MN-CSE that
// enforces.
type country struct {
	in, mn *world

	mu   sync.Mutex // guards what follows
	sent []*onem2m.Request
	way  func(ctx context.Context, req *onem2m.Request) *onem2m.Response // stands in for the IN-CSE; or nil
}

// road carries requests between the two.
type road struct {
	c    *country
	from onem2m.ID
	to   func() *world
}

func (r road) Carry(ctx context.Context, _ federation.Hop, req *onem2m.Request) (*onem2m.Response, error) {
	r.c.mu.Lock()
	r.c.sent = append(r.c.sent, req)
	way := r.c.way
	r.c.mu.Unlock()
	if way != nil && r.to() == r.c.in {
		if res := way(ctx, req); res != nil {
			return res, nil
		}
	}
	a := certificate(identity.KindCSE, r.from)
	a.Upstream = r.to() == r.c.mn
	return r.to().c.Handle(ctx, a, req), nil
}

// asked are the questions that were sent to a point.
func (c *country) asked(to string) (out []*onem2m.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, req := range c.sent {
		if req.To == to {
			out = append(out, req)
		}
	}
	return out
}

func (c *country) instead(way func(context.Context, *onem2m.Request) *onem2m.Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.way = way
}

const farPoint = "/id-in/cse-in/"

var roleAuthority = dynauth.Authorities{{ID: "//m2m.example/id-in/Croles1", Domains: []string{"roles.example"}}}

// newCountry makes both, with the points pdp, prp and pip on the IN-CSE, which
// the MN-CSE may ask, and an AE Capp01 on the MN-CSE with a container "box".
func newCountry(t *testing.T, change ...func(*Bindings)) *country {
	t.Helper()
	c := &country{}
	bindings := &Bindings{
		Resource: map[distributed.Kind]string{distributed.Decision: "cse-in/pdp", distributed.Policy: "cse-in/prp", distributed.Information: "cse-in/pip"},
		Governed: []Governed{{Targets: []string{"//m2m.example/id-mn/*"}, Policies: []string{"cse-in/central"}}},
	}
	for _, f := range change {
		f(bindings)
	}
	c.in = newWorld(t, func(o *Options) {
		o.Carrier = road{c, "//m2m.example/id-in", func() *world { return c.mn }}
		o.Bindings, o.Authorities = bindings, roleAuthority
	})
	c.in.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-mn", body: `{"m2m:csr":{"rn":"mn","cb":"/id-mn/cse-mn","rr":true,"poa":["https://mn.example"],"srv":["3"]}}`})
	c.mn = &world{
		t: t, home: onem2m.Home{SP: "//m2m.example", CSE: "/id-mn", Name: "cse-mn"},
		clock: time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC), located: map[onem2m.ID]*access.Location{},
	}
	c.mn.open(t.TempDir(), func(o *Options) {
		o.Type, o.Registrar, o.Authorities = MN, "//m2m.example/id-in", roleAuthority
		o.Carrier = road{c, "//m2m.example/id-mn", func() *world { return c.in }}
	})
	err := c.mn.c.Mirror(t.Context(), onem2m.Object{
		{Name: "csi", Value: []byte(`"/id-in"`)},
		{Name: "cb", Value: []byte(`"/id-in/cse-in"`)},
		{Name: "rr", Value: []byte("true")},
		{Name: "poa", Value: []byte(`["https://in.example"]`)},
		{Name: "srv", Value: []byte(`["3"]`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.in.policy("CAdmin", "cse-in", "askers", `{"acor":["/id-mn"],"acop":4}`)
	for ty, body := range map[string]string{"C35": `{"m2m:auds":{"rn":"pdp","acpi":["cse-in/askers"]}}`, "C36": `{"m2m:aupy":{"rn":"prp","acpi":["cse-in/askers"]}}`, "C37": `{"m2m:auif":{"rn":"pip","acpi":["cse-in/askers"]}}`} {
		c.in.must(onem2m.Created, ask{op: ty, to: "cse-in", from: "CAdmin", body: body})
	}
	c.mn.must(onem2m.Created, ask{op: "C2", to: "cse-mn", from: "Capp01", body: `{"m2m:ae":{"rn":"app","api":"Ntest","rr":false,"srv":["3"]}}`})
	return c
}

// leave makes the container box on the MN-CSE with a policy that has others asked.
func (c *country) leave(names string) {
	c.mn.t.Helper()
	c.mn.must(onem2m.Created, ask{op: "C1", to: "cse-mn", from: "CAdmin", body: `{"m2m:acp":{"rn":"remote","pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]},` + names + `}}`})
	c.mn.container("CAdmin", "cse-mn", "box", `"acpi":["cse-mn/remote"]`)
}

// central makes the policy that the points of the IN-CSE know.
func (c *country) central(rules string) {
	c.in.t.Helper()
	c.in.must(onem2m.Created, ask{op: "C1", to: "cse-in", from: "CAdmin", body: `{"m2m:acp":{"rn":"central","pv":{"acr":[` + rules + `]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`})
}

const (
	toDecide = `"pv":{"acr":[]},"adri":["/id-in/cse-in/pdp"]`
	toRules  = `"pv":{},"apri":["/id-in/cse-in/prp"]`
	toInform = `"pv":{"acr":[{"acor":["operator@roles.example"],"acop":2}]},"airi":["/id-in/cse-in/pip"]`
	mayRead  = `{"acor":["/id-mn/Capp01"],"acop":2}`
)

func reads(from string) ask { return ask{op: "R", to: "cse-mn/box", from: from} }

func TestDistributed_A176_ADecisionPointDecides(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	c.leave(toDecide)
	c.mn.must(onem2m.OriginatorHasNoPrivilege, reads("Capp01")) // no policy there: NOT_APPLICABLE
	c.central(mayRead)
	c.mn.must(onem2m.OK, reads("Capp01"))
	c.mn.must(onem2m.OriginatorHasNoPrivilege, ask{op: "D", to: "cse-mn/box", from: "Capp01"})
	c.mn.must(onem2m.OriginatorHasNoPrivilege, ask{op: "C4", to: "cse-mn/box", from: "Capp01", body: `{"m2m:cin":{"con":"1"}}`})
	t.Run("A-171 it is told what the request is about and nothing else", func(t *testing.T) {
		out := c.asked(farPoint + "pdp")
		q := out[len(out)-1]
		o, err := onem2m.ParseObject(q.Content.Value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := distributed.ParseQuestion(o)
		if err != nil {
			t.Fatal(err)
		}
		want := "//m2m.example/id-mn/" + c.mn.ri("cse-mn/box")
		if got.To != want || got.From != "//m2m.example/id-mn/Capp01" || got.Operation != onem2m.Create || got.ChildType != onem2m.TypeContentInstance || got.IP.String() != "192.0.2.77" {
			t.Errorf("got %+v, want it to be about %s", got, want)
		}
		if q.From != "/id-mn" || q.Operation != onem2m.Update {
			t.Errorf("asked by %+v", q)
		}
	})
	t.Run("A-172 nothing of it is kept", func(t *testing.T) {
		o := c.in.must(onem2m.OK, ask{op: "R", to: "cse-in/pdp", from: "CAdmin"})
		for _, name := range distributed.Decision.Attributes() {
			if o.Has(name) {
				t.Errorf("%s is there: %s", name, o.Append(nil))
			}
		}
	})
	t.Run("A-195 a change of the policy counts at once", func(t *testing.T) {
		c.in.must(onem2m.Updated, ask{op: "U", to: "cse-in/central", from: "CAdmin", body: `{"m2m:acp":{"pv":{"acr":[]}}}`})
		c.mn.must(onem2m.OriginatorHasNoPrivilege, reads("Capp01"))
	})
	t.Run("A-193 both sides tell", func(t *testing.T) {
		c.told(t, c.mn, "distributed", true, "cse-mn/remote by the decision point /id-in/cse-in/pdp")
		c.told(t, c.mn, "distributed", false, "NOT_APPLICABLE")
		c.told(t, c.in, "point", true, "cse-in/central rule 1")
		c.told(t, c.in, "point", false, "NOT_APPLICABLE")
	})
}

// told looks for a line of the audit.
func (c *country) told(t *testing.T, w *world, stage string, permit bool, words string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.audits {
		if a.Stage == stage && a.Permit == permit && strings.Contains(a.Rule+a.Reason, words) {
			return
		}
	}
	t.Errorf("no audit of stage %s with %q", stage, words)
}

func TestExplain_A193_NamesThePointsThatWouldBeAsked(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	c.leave(toDecide)
	c.central(mayRead)
	e, err := c.mn.c.Explain(t.Context(), Question{From: "Capp01", Authenticated: true, Operation: onem2m.Retrieve, To: "cse-mn/box"})
	if err != nil || e.Permit || e.Stage != "distributed" || !strings.Contains(e.Reasons[len(e.Reasons)-1].Text, "/id-in/cse-in/pdp") {
		t.Errorf("%+v, %v", e, err)
	}
	if len(c.asked(farPoint+"pdp")) > 0 {
		t.Error("it was asked")
	}
}

func TestDistributed_A179_RulesOfAPolicyPointAreEnforcedHere(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	c.leave(toRules)
	c.mn.must(onem2m.OriginatorHasNoPrivilege, reads("Capp01"))
	c.central(mayRead + `,{"acor":["Chere"],"acop":63},{"acor":["/id-mn/Cproven"],"acop":2,"acaf":true}`)
	c.mn.must(onem2m.OK, reads("Capp01"))
	c.mn.must(onem2m.OriginatorHasNoPrivilege, ask{op: "D", to: "cse-mn/box", from: "Capp01"})
	c.mn.must(onem2m.OK, reads("Cproven"))                         // the flag counts where the originator is known
	c.mn.must(onem2m.OriginatorHasNoPrivilege, reads("Chere"))     // a stem of the IN-CSE
	c.mn.must(onem2m.OK, reads("/id-in/Chere"))                    // which names that one
	c.mn.must(onem2m.OriginatorHasNoPrivilege, reads("/id-in/Cx")) // nobody
	c.told(t, c.mn, "distributed", true, "cse-mn/remote by the policy point /id-in/cse-in/prp, policy 1 rule 1")
}

func TestDistributed_A37_RolesOfAnInformationPoint(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	c.leave(toInform)
	c.mn.must(onem2m.OriginatorHasNoPrivilege, reads("Capp01"))
	assign := func(holder, more string) ask {
		return ask{op: "C31", to: "cse-in", from: "CAdmin", body: `{"m2m:rol":{"rlid":"operator@roles.example","tkis":"Croles1","tkhd":"` + holder + `","tknb":"20260101T000000","tkna":"20270101T000000"` + more + `}}`}
	}
	c.in.must(onem2m.Created, assign("/id-mn/Cother1", ""))
	c.mn.must(onem2m.OriginatorHasNoPrivilege, reads("Capp01"))
	c.in.must(onem2m.Created, assign("/id-mn/Capp01", `,"rn":"mine"`))
	c.mn.must(onem2m.OK, reads("Capp01"))
	c.mn.must(onem2m.OriginatorHasNoPrivilege, ask{op: "D", to: "cse-mn/box", from: "Capp01"})
	c.mn.must(onem2m.OK, ask{op: "R", to: "cse-mn/box?rids=operator@roles.example", from: "Capp01"})
	c.mn.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-mn/box?rids=other@roles.example", from: "Capp01"}) // another one is claimed
	c.told(t, c.mn, "distributed", true, "with what the information point /id-in/cse-in/pip gives")
	t.Run("A-37 it counts for the policy that names the point alone", func(t *testing.T) {
		c.mn.policy("CAdmin", "cse-mn", "other", `{"acor":["operator@roles.example"],"acop":8}`)
		c.mn.container("CAdmin", "cse-mn", "box2", `"acpi":["cse-mn/remote","cse-mn/other"]`)
		c.mn.must(onem2m.OK, ask{op: "R", to: "cse-mn/box2", from: "Capp01"})
		c.mn.must(onem2m.OriginatorHasNoPrivilege, ask{op: "D", to: "cse-mn/box2", from: "Capp01"})
	})
	t.Run("A-195 gone with the role", func(t *testing.T) {
		c.in.must(onem2m.Deleted, ask{op: "D", to: "cse-in/mine", from: "CAdmin"})
		c.mn.must(onem2m.OriginatorHasNoPrivilege, reads("Capp01"))
	})
}

func TestDistributed_A107_WhatAnInformationPointSaysIsHeldAgainstWhatIsTrusted(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	c.leave(toInform)
	const good = `{"rlid":"operator@roles.example","tkis":"//m2m.example/id-in/Croles1","tkhd":"//m2m.example/id-mn/Capp01","tknb":"20260101T000000","tkna":"20270101T000000"}`
	for name, tt := range map[string]struct {
		role string
		code onem2m.StatusCode
	}{
		"as it should be":              {good, onem2m.OK},
		"issuer relative to the CSE":   {strings.Replace(good, "//m2m.example/id-in/Croles1", "Croles1", 1), onem2m.OK},
		"of an issuer nobody trusts":   {strings.Replace(good, "Croles1", "Crogue", 1), onem2m.OriginatorHasNoPrivilege},
		"of another domain":            {strings.Replace(good, "operator@roles.example", "operator@das.example", 1), onem2m.OriginatorHasNoPrivilege},
		"somebody else's":              {strings.Replace(good, "Capp01", "Capp02", 1), onem2m.OriginatorHasNoPrivilege},
		"the same stem somewhere else": {strings.Replace(good, "//m2m.example/id-mn/Capp01", "Capp01", 1), onem2m.OriginatorHasNoPrivilege},
		"over":                         {strings.Replace(good, "20270101", "20260201", 1), onem2m.OriginatorHasNoPrivilege},
		"not yet":                      {strings.Replace(good, "20260101", "20260401", 1), onem2m.OriginatorHasNoPrivilege},
		"without times":                {`{"rlid":"operator@roles.example","tkis":"Croles1","tkhd":"/id-mn/Capp01"}`, onem2m.OriginatorHasNoPrivilege},
		"nothing":                      {`{}`, onem2m.OriginatorHasNoPrivilege},
	} {
		c.instead(func(_ context.Context, req *onem2m.Request) *onem2m.Response {
			return &onem2m.Response{Code: onem2m.Updated, Content: &onem2m.Content{Name: "m2m:auif", Value: []byte(`{"sus":1,"m2m:rol":[` + tt.role + `]}`)}}
		})
		if res := c.mn.do(reads("Capp01")); res.Code != tt.code {
			t.Errorf("A-107 %s: got %d %s", name, res.Code, text(res))
		}
	}
}
