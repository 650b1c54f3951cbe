package cse

import (
	"fmt"
	"slices"
	"testing"

	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// snares makes resources on a CSE that nobody else may use, each with policies
// that leave the decision to all of these names.
func (c *country) snares(w *world, base string, n int, names []string) {
	w.t.Helper()
	list := string(onem2m.TextsValue(names))
	var links []string
	for i := range n {
		rn := fmt.Sprintf("leave%d", i)
		w.must(onem2m.Created, ask{op: "C1", to: base, from: "CAdmin", body: `{"m2m:acp":{"rn":"` + rn + `","pv":{},"adri":` + list + `,"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`})
		links = append(links, base+"/"+rn)
	}
	for i := range n {
		w.must(onem2m.Created, ask{op: "C35", to: base, from: "CAdmin", body: fmt.Sprintf(`{"m2m:auds":{"rn":"snare%d","acpi":%s}}`, i, onem2m.TextsValue(links))})
	}
	w.container("CAdmin", base, "box", `"acpi":`+string(onem2m.TextsValue(links)))
}

// decisionsAbout counts what was decided about requests of somebody.
func decisionsAbout(w *world, who onem2m.ID) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.audits {
		if w.audits[i].Originator == who {
			n++
		}
	}
	return n
}

func TestDistributed_A180_ResourcesThatAreNoPointsLeadNowhere(t *testing.T) {
	t.Parallel()
	t.Run("A-180 of the CSE itself", func(t *testing.T) {
		t.Parallel()
		c := newCountry(t)
		names := []string{"/id-mn/cse-mn/snare0", "/id-mn/cse-mn/snare1", "cse-mn/snare2"}
		c.snares(c.mn, "cse-mn", 3, names)
		before := decisionsAbout(c.mn, "//m2m.example/id-mn")
		c.mn.must(onem2m.OriginatorHasNoPrivilege, reads("Capp01"))
		if n := decisionsAbout(c.mn, "//m2m.example/id-mn") - before; n != 0 {
			t.Errorf("%d decisions about requests of the CSE itself", n)
		}
	})
	t.Run("A-180 a question that is met again", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		asks := &onem2m.Content{Name: "m2m:auds", Value: []byte("{}")}
		mine := w.c.pointMark + enforcing
		for name, tt := range map[string]struct {
			from onem2m.ID
			came distributed.Trail
			op   onem2m.Operation
			want distributed.Trail
		}{
			"a request of an AE":     {"//m2m.example/id-mn/Capp01", distributed.Trail{mine}, onem2m.Retrieve, distributed.Trail{mine}},
			"a retrieval of a CSE":   {"//m2m.example/id-mn", distributed.Trail{"a"}, onem2m.Retrieve, distributed.Trail{"a", mine}},
			"one that was here, too": {"//m2m.example/id-mn", distributed.Trail{mine}, onem2m.Retrieve, nil},
			"a question":             {"//m2m.example/id-mn", distributed.Trail{"a", "b"}, onem2m.Update, distributed.Trail{"a", "b", mine}},
			"one that was here":      {"//m2m.example/id-mn", distributed.Trail{mine, "b"}, onem2m.Update, nil},
			"one that has come far":  {"//m2m.example/id-mn", distributed.Trail{"a", "b", "c", "d"}, onem2m.Update, nil},
			"one of the CSE itself":  {"//m2m.example/id-in", nil, onem2m.Update, nil},
			"the first of all there": {"//m2m.example/id-mn", nil, onem2m.Update, distributed.Trail{mine}},
		} {
			k := &call{c: w.c, from: identity.Originator{ID: tt.from}, req: &onem2m.Request{Operation: tt.op, Content: asks, RequestID: tt.came.RequestID("x")}}
			if got := k.trail(); !slices.Equal(got, tt.want) || (got == nil) != (tt.want == nil) {
				t.Errorf("%s: got %q, want %q", name, got, tt.want)
			}
		}
	})
}

func TestDistributed_A180_AGroupIsNoPoint(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	for _, name := range []string{"/id-in/cse-in/all/fopt", "/id-in/cse-in/all/sfop"} {
		res := c.mn.do(ask{op: "C1", to: "cse-mn", from: "CAdmin", body: `{"m2m:acp":{"rn":"many","pv":{},"adri":["` + name + `"],"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`})
		if res.Code != onem2m.BadRequest {
			t.Errorf("%s: got %d", name, res.Code)
		}
	}
}

func TestDistributed_A180_APointOfTheCSEItselfIsAsked(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	c.in.register("Cin0001", "visitor")
	c.in.must(onem2m.Updated, ask{op: "U", to: "cse-in/askers", from: "CAdmin", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["/id-in"],"acop":4}]}}}`})
	c.in.must(onem2m.Created, ask{op: "C1", to: "cse-in", from: "CAdmin", body: `{"m2m:acp":{"rn":"own","pv":{},"apri":["cse-in/prp"],"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`})
	c.in.policy("CAdmin", "cse-in", "rules", `{"acor":["Cin0001"],"acop":4}`)
	c.in.container("CAdmin", "cse-in", "box", `"acpi":["cse-in/own","cse-in/rules"]`)
	before := decisionsAbout(c.in, "//m2m.example/id-in")
	c.in.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/box", from: "Cin0001"})
	if n := decisionsAbout(c.in, "//m2m.example/id-in") - before; n == 0 {
		t.Error("its point wasn't asked")
	}
}

func TestDistributed_A171_AFanOutIsAskedAboutAsSuch(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	c.leave(toDecide)
	c.mn.must(onem2m.Created, ask{op: "C9", to: "cse-mn", from: "CAdmin", body: `{"m2m:grp":{"rn":"all","mnm":5,"mid":["cse-mn/box"],"macp":["cse-mn/remote"],"acpi":["cse-mn/remote"]}}`})
	for path, end := range map[string]string{"": "", "/fopt": "/fopt"} {
		c.mn.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-mn/all" + path, from: "Capp01"})
		out := c.asked(farPoint + "pdp")
		o, err := onem2m.ParseObject(out[len(out)-1].Content.Value)
		if err != nil {
			t.Fatal(err)
		}
		if to, _ := o.Text("to"); to != "//m2m.example/id-mn/"+c.mn.ri("cse-mn/all")+end {
			t.Errorf("asked about %s", to)
		}
	}
}

// TestDistributed_A180_WhatDecisionsRetrieveDoesNotGoRound has two CSEs each of
// which needs a group of the other one to decide about its own, without end.
func TestDistributed_A180_WhatDecisionsRetrieveDoesNotGoRound(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	const n = 12
	for i := range n {
		name := func(cse string) string { return fmt.Sprintf(`{"acor":["/id-%s/cse-%s/g%d"],"acop":63}`, cse, cse, i+1) }
		c.in.must(onem2m.Created, ask{op: "C1", to: "cse-in", from: "CAdmin", body: fmt.Sprintf(`{"m2m:acp":{"rn":"p%d","pv":{"acr":[%s]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`, i, name("mn"))})
		c.mn.must(onem2m.Created, ask{op: "C1", to: "cse-mn", from: "CAdmin", body: fmt.Sprintf(`{"m2m:acp":{"rn":"p%d","pv":{"acr":[%s]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`, i, name("in"))})
		c.in.must(onem2m.Created, ask{op: "C9", to: "cse-in", from: "CAdmin", body: fmt.Sprintf(`{"m2m:grp":{"rn":"g%d","mnm":5,"mid":[],"acpi":["cse-in/p%d"]}}`, i, i)})
		c.mn.must(onem2m.Created, ask{op: "C9", to: "cse-mn", from: "CAdmin", body: fmt.Sprintf(`{"m2m:grp":{"rn":"g%d","mnm":5,"mid":[],"acpi":["cse-mn/p%d"]}}`, i, i)})
	}
	c.mn.container("CAdmin", "cse-mn", "box", `"acpi":["cse-mn/p0"]`)
	c.mn.must(onem2m.OriginatorHasNoPrivilege, reads("Capp01"))
	c.mu.Lock()
	defer c.mu.Unlock()
	retrievals, longest := 0, 0
	for _, req := range c.sent {
		if req.Operation == onem2m.Retrieve {
			retrievals++
			longest = max(longest, len(distributed.TrailOf(req.RequestID)))
		}
	}
	if retrievals != 2 || longest != 2 {
		t.Errorf("%d retrievals, with %d CSEs on the way", retrievals, longest)
	}
}

func TestDistributed_A103_A172_ABoundInformationPointKeepsNoRolesAndTokens(t *testing.T) {
	t.Parallel()
	bound := func(on bool) func(*Options) {
		return func(o *Options) {
			o.Authorities = roleAuthority
			if on {
				o.Bindings = &Bindings{Resource: map[distributed.Kind]string{distributed.Information: "cse-in/pip"}}
			}
		}
	}
	dir := t.TempDir()
	w := newWorldIn(t, dir, bound(false))
	w.must(onem2m.Created, ask{op: "C37", to: "cse-in", from: "CAdmin", body: `{"m2m:auif":{"rn":"pip"}}`})
	w.must(onem2m.Created, ask{op: "C37", to: "cse-in", from: "CAdmin", body: `{"m2m:auif":{"rn":"store"}}`})
	assign := func(to string) ask {
		return ask{op: "C31", to: to, from: "CAdmin", body: `{"m2m:rol":{"rlid":"operator@roles.example","tkis":"//m2m.example/id-in/Croles1","tkhd":"//m2m.example/id-in/Capp01","tknb":"20260101T000000","tkna":"20270101T000000"}}`}
	}
	keeps := ask{op: "C32", to: "cse-in/pip", from: "CAdmin", body: `{"m2m:tk":{"tkid":"t1@das.example","tkob":"a.b.c","vr":"1.0.0","tkis":"//m2m.example/id-in/Cdas","tkhd":"//m2m.example/id-in/Capp01","tknb":"20260101T000000","tkna":"20270101T000000"}}`}
	for range sweepBatch + 2 {
		w.must(onem2m.Created, assign("cse-in/pip"))
	}
	w.must(onem2m.Created, keeps)
	w.must(onem2m.Created, assign("cse-in/store"))
	holds := func(want string) {
		t.Helper()
		w.register("Capp01", "app")
		w.policy("CAdmin", "cse-in", "operators", `{"acor":["operator@roles.example"],"acop":2}`)
		w.container("CAdmin", "cse-in", "hall", `"acpi":["cse-in/operators"]`)
		w.must(onem2m.OK, ask{op: "R", to: "cse-in/hall?rids=operator@roles.example", from: "Capp01"})
		if res := w.do(ask{op: "R", to: "cse-in/pip?rcn=6", from: "CAdmin"}); text(res) != want {
			t.Errorf("got %s", text(res))
		}
	}
	o := w.c.Options
	bound(true)(&o)
	var err error
	if w.c, err = New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	holds(`{"m2m:rrl":{"rrf":[]}}`)
	w.must(onem2m.OperationNotAllowed, assign("cse-in/pip"))
	w.must(onem2m.OperationNotAllowed, keeps)
	w.must(onem2m.Created, assign("cse-in/store"))
}
