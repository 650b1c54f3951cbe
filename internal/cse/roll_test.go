package cse

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// gateway is an MN-CSE below another MN-CSE, with the IN-CSE above that.
func gateway(t *testing.T, dir string, c *carrier) *world {
	t.Helper()
	w := newWorldIn(t, dir, gatewayOf(c))
	if err := w.c.Mirror(t.Context(), mirrorOf("https://top.example")); err != nil {
		t.Fatal(err)
	}
	return w
}

func gatewayOf(c *carrier) func(*Options) {
	return func(o *Options) {
		o.Type, o.Carrier, o.Registrar, o.Central = MN, c, "//m2m.example/id-top", "//m2m.example/id-center"
	}
}

// above is the association of the registrar.
func above() *identity.Association {
	a := mn("id-top")
	a.Upstream = true
	return a
}

func TestRoll_C100_C210_TheINCSEIsToldOfReferences(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := &carrier{}
	w := gateway(t, dir, c)
	w.register("Clamp", "lamp")
	told := func(want ...string) {
		t.Helper()
		before := len(c.sent)
		if more, err := w.c.TellRoll(t.Context()); err != nil || more {
			t.Fatalf("more %v, %v", more, err)
		}
		var got []string
		for _, req := range c.sent[before:] {
			got = append(got, req.From+" "+req.To+" "+string(req.Content.Value))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	notice := func(gone, come string) string {
		return `/id-in /id-center/- {"aerid":true,"tid1":` + gone + `,"tid2":` + come + `,"sur":"/id-in"}`
	}
	told()
	w.must(onem2m.Created, ask{op: "C1", to: "cse-in/lamp", from: "Clamp", body: `{"m2m:acp":{"rn":"p","pv":{"acr":[{"acor":["Clamp","/id-far/Cone01","Swide1"],"acop":63}]},"pvs":{"acr":[{"acor":["Clamp"],"acop":63}]}}}`})
	w.must(onem2m.Created, ask{op: "C3", to: "cse-in/lamp", from: "Clamp", body: `{"m2m:cnt":{"rn":"c"}}`})
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/lamp/c", from: "Clamp", body: `{"m2m:sub":{"rn":"s","nu":["/id-far/Cone01"]}}`, edit: func(q *onem2m.Request) { q.From = "Clamp" }})
	if len(w.c.rollDue) != 1 {
		t.Error("nobody looks")
	}
	c.sent = nil
	told(notice("null", `"/id-far/Cone01"`))
	told()
	w.restart(dir, gatewayOf(c))
	told()
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/lamp/c/s", from: "Clamp"})
	told() // the policy refers to it still
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/lamp/p", from: "Clamp", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["Clamp","/id-far/Ctwo01"],"acop":63}]}}}`})
	told(notice(`"/id-far/Cone01"`, "null"), notice("null", `"/id-far/Ctwo01"`))
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/lamp/p", from: "Clamp"})
	c.answer = func(_ context.Context, req *onem2m.Request) (*onem2m.Response, error) {
		return &onem2m.Response{Code: onem2m.OperationNotAllowed, RequestID: req.RequestID}, nil
	}
	if _, err := w.c.TellRoll(t.Context()); err == nil || !refusedForGood(err) {
		t.Errorf("one that keeps no list: %v", err)
	}
	c.answer = func(context.Context, *onem2m.Request) (*onem2m.Response, error) {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "away")
	}
	if _, err := w.c.TellRoll(t.Context()); err == nil || refusedForGood(err) {
		t.Errorf("one that is away: %v", err)
	}
	c.answer = nil
	told(notice(`"/id-far/Ctwo01"`, "null"))
}

func TestTracking_A69_C210_TheINCSEIsBelievedThroughTheRegistrar(t *testing.T) {
	t.Parallel()
	w := gateway(t, t.TempDir(), &carrier{})
	w.registerCSE("id-mn")
	w.register("Clamp", "lamp")
	w.register("Cstay1", "stay")
	w.must(onem2m.Created, ask{op: "C9", to: "cse-in/lamp", from: "Clamp", body: `{"m2m:grp":{"rn":"g","mnm":5,"mid":["/id-far/Cone01","Cstay1"]}}`})
	w.must(onem2m.Created, ask{op: "C9", to: "cse-in/lamp", from: "Clamp", body: `{"m2m:grp":{"rn":"below","mnm":5,"mid":["/id-mn/Cone01"]}}`})
	moved := func(from, was, is string, a *identity.Association) ask {
		return ask{op: "N", to: "cse-in", from: from, body: `{"m2m:sgn":{"aerp":true,"tid1":"` + was + `","tid2":"` + is + `"}}`, assoc: a}
	}
	members := func(want string) step {
		return step{name: "the group", ask: ask{op: "R", to: "cse-in/lamp/g", from: "Clamp"}, code: 2000, show: map[string]string{"mid": want}}
	}
	w.follow(t, []step{
		{name: "A-69 another CSE, through the registrar", ask: moved("/id-far", "/id-far/Cone01", "/id-new/Cone01", above()), code: 4103},
		{name: "A-69 the registrar, which is no IN-CSE", ask: moved("/id-top", "/id-far/Cone01", "/id-new/Cone01", above()), code: 4103},
		{name: "A-69 an AE with the name of the IN-CSE in front", ask: moved("/id-center/Cx", "/id-far/Cone01", "/id-new/Cone01", above()), code: 4103},
		{name: "A-15 in its name, from below", ask: moved("/id-center", "/id-far/Cone01", "/id-new/Cone01", mn("id-mn")), code: 4106},
		{name: "A-69 the IN-CSE of another provider", ask: moved("//far.example/id-center", "/id-far/Cone01", "/id-new/Cone01", above()), code: 4103},
		members(`["/id-far/Cone01","Cstay1"]`),
		{name: "C-210 A-69 the IN-CSE, without a policy", ask: moved("/id-center", "/id-far/Cone01", "/id-new/Cone01", above()), code: 2000},
		members(`["/id-new/Cone01","Cstay1"]`),
		{name: "A-69 an AE of this CSE that isn't tracked", ask: moved("/id-center", "/id-in/Cstay1", "/id-new/Cstay1", above()), code: 4103},
		{name: "it wants to be", ask: ask{op: "U", to: "cse-in/stay", from: "Cstay1", body: `{"m2m:ae":{"trps":true}}`}, code: 2004},
		{name: "C-210 A-69 now it moves", ask: moved("/id-center", "/id-in/Cstay1", "/id-new/Cstay1", above()), code: 2000},
		members(`["/id-new/Cone01","/id-new/Cstay1"]`),
		{name: "A-69 an AE of a CSE below this one, which the registrar could take away from it", ask: moved("/id-center", "/id-mn/Cone01", "/id-new/Cone01", above()), code: 4103},
		{name: "its group", ask: ask{op: "R", to: "cse-in/lamp/below", from: "Clamp"}, code: 2000, show: map[string]string{"mid": `["/id-mn/Cone01"]`}},
		{name: "the CSE leaves", ask: ask{op: "D", to: "cse-in/id-mn", from: "CAdmin"}, code: 2002},
		{name: "C-210 A-69 then its AE moves", ask: moved("/id-center", "/id-mn/Cone01", "/id-new/Cone01", above()), code: 2000},
		{name: "its group", ask: ask{op: "R", to: "cse-in/lamp/below", from: "Clamp"}, code: 2000, show: map[string]string{"mid": `["/id-new/Cone01"]`}},
		{name: "A-69 what else it may not tell without a policy", ask: ask{op: "N", to: "cse-in", from: "/id-center", body: `{"m2m:sgn":{"aerid":true,"tid2":"/id-far/Cx1"}}`, assoc: above()}, code: 4103},
	})
}

func TestContactList_C210_CSEsFurtherDownTellOfTheirReferencesToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"id-mn", "id-mn2"} {
		w.registerCSE(id)
	}
	w.register("Capp01", "app")
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/id-mn", from: "/id-mn", assoc: mn("id-mn"), body: `{"m2m:csr":{"dcse":["/id-asn"]}}`})
	tell := func(from string, a *identity.Association) ask {
		return ask{op: "N", to: "cse-in", from: from, body: `{"m2m:sgn":{"aerid":true,"tid1":null,"tid2":"/id-mn2/Cone01"}}`, assoc: a}
	}
	w.follow(t, []step{
		{name: "C-210 a CSE, without a policy", ask: tell("/id-mn", mn("id-mn")), code: 2000},
		{name: "C-210 one below it", ask: tell("/id-asn", mn("id-mn")), code: 2000},
		{name: "A-69 an AE below it", ask: tell("/id-asn/Cx", mn("id-mn")), code: 4103},
		{name: "A-69 an AE of this CSE", ask: tell("Capp01", nil), code: 4103},
		{name: "A-15 S-093 through another CSE", ask: tell("/id-asn", mn("id-mn2")), code: 4106},
		{name: "C-210 both are listed", ask: ask{op: "R", to: "cse-in/AEContactList", from: "CAdmin"}, code: 2000, show: map[string]string{"nic": "2"}},
	})
}
