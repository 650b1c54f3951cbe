package cse

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/federation"
	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// carrier notes what leaves for other CSEs.
type carrier struct {
	mu     sync.Mutex // guards what follows
	hops   []federation.Hop
	sent   []*onem2m.Request
	answer func(context.Context, *onem2m.Request) (*onem2m.Response, error)
}

func (c *carrier) Carry(ctx context.Context, hop federation.Hop, req *onem2m.Request) (*onem2m.Response, error) {
	c.mu.Lock()
	c.hops = append(c.hops, hop)
	c.sent = append(c.sent, req)
	answer := c.answer
	c.mu.Unlock()
	if answer == nil {
		return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID, From: hop.ID.SPRelative(), Content: &onem2m.Content{Name: "m2m:cnt", Value: []byte(`{"rn":"far"}`)}}, nil
	}
	return answer(ctx, req)
}

// crossroads is an MN-CSE with a registrar, a registree that can be called, one
// that polls, and one that does neither.
func crossroads(t *testing.T) (*world, *carrier) {
	t.Helper()
	c := &carrier{}
	w := newWorld(t, func(o *Options) {
		o.Type, o.Carrier, o.Registrar = MN, c, "//m2m.example/id-top"
	})
	if err := w.c.Mirror(t.Context(), mirrorOf("https://top.example")); err != nil {
		t.Fatal(err)
	}
	for id, more := range map[string]string{
		"/id-open": `"rr":true,"poa":["https://open.example"],"dcse":["/id-deep"]`, "/id-poll": `"rr":false`, "/id-shut": `"rr":false,"poa":["https://shut.example"]`,
	} {
		w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: id, body: `{"m2m:csr":{"rn":"` + id[1:] + `","cb":"` + id + `/cse","srv":["2a","3"],` + more + `}}`})
	}
	w.must(onem2m.Created, ask{op: "C15", to: "cse-in/id-poll", from: "/id-poll", body: `{"m2m:pch":{"rn":"ch"}}`})
	if err := w.c.Vouched(t.Context(), []onem2m.ID{"//m2m.example/id-deep"}, nil); err != nil {
		t.Fatal(err)
	}
	w.register("Clamp", "lamp")
	return w, c
}

func mirrorOf(point string) onem2m.Object {
	return onem2m.Object{
		{Name: "csi", Value: []byte(`"/id-top"`)},
		{Name: "cb", Value: []byte(`"/id-top/cse-top"`)},
		{Name: "rr", Value: []byte("true")},
		{Name: "poa", Value: onem2m.TextsValue([]string{point})},
		{Name: "srv", Value: []byte(`["3"]`)},
	}
}

func TestTransit_FindsTheHopAndHowToReachIt(t *testing.T) {
	t.Parallel()
	w, c := crossroads(t)
	over := func(id onem2m.ID, up bool) *identity.Association {
		a := certificate(identity.KindCSE, id)
		a.Upstream = up
		return a
	}
	tests := []struct {
		name  string
		ask   ask
		code  onem2m.StatusCode
		hop   onem2m.ID
		point string
	}{
		{"C-067 C-077 a registree by its point of access", ask{op: "R", to: "/id-open/cse/x", from: "Clamp"}, 2000, "//m2m.example/id-open", "https://open.example"},
		{"C-067 what is below it", ask{op: "R", to: "//m2m.example/id-deep/-/x", from: "Clamp"}, 2000, "//m2m.example/id-open", "https://open.example"},
		{"C-067 everything else to the registrar", ask{op: "R", to: "/id-else/cse", from: "Clamp"}, 2000, "//m2m.example/id-top", "https://top.example"},
		{"C-067 also from a registree", ask{op: "R", to: "/id-else/cse", from: "/id-deep/Cx", assoc: over("//m2m.example/id-open", false)}, 2000, "//m2m.example/id-top", "https://top.example"},
		{"C-081 another provider to the registrar", ask{op: "R", to: "//far.example/id-far/cse", from: "Clamp"}, 2000, "//m2m.example/id-top", "https://top.example"},
		{"C-068 from the registrar down", ask{op: "R", to: "/id-deep/x", from: "/id-else/Cx", assoc: over("//m2m.example/id-top", true)}, 2000, "//m2m.example/id-open", "https://open.example"},
		{"C-068 never back to the registrar", ask{op: "R", to: "/id-else/x", from: "/id-other/Cx", assoc: over("//m2m.example/id-top", true)}, 4004, "", ""},
		{"C-068 nor where From alone tells it", ask{op: "R", to: "/id-else/x", from: "/id-other/Cx"}, 4004, "", ""},
		{"C-079 never back to a registree", ask{op: "R", to: "/id-deep/x", from: "/id-open/Cx", assoc: over("//m2m.example/id-open", false)}, 4004, "", ""},
		{"C-079 nor where From alone tells it", ask{op: "R", to: "/id-deep/x", from: "/id-open/Cx"}, 4004, "", ""},
		{"C-077 one that can't be called and doesn't poll", ask{op: "R", to: "/id-shut/cse", from: "Clamp"}, 5103, "", ""},
		{"C-074 a registration", ask{op: "C2", to: "/id-open/cse", from: "Clamp", body: ae("")}, 4000, "", ""},
		{"A-15 an AE of another registree", ask{op: "R", to: "/id-else/cse", from: "/id-poll/Cx", assoc: over("//m2m.example/id-open", false)}, 4106, "", ""},
		{"C-034 a parameter that this CSE doesn't support", ask{op: "R", to: "/id-open/x", from: "Clamp", edit: func(r *onem2m.Request) { r.RoleIDs = []string{"r"} }}, 2000, "//m2m.example/id-open", "https://open.example"},
		{"C-049 a release that this CSE doesn't speak", ask{op: "R", to: "/id-open/x", from: "Clamp", rvi: "9"}, 2000, "//m2m.example/id-open", "https://open.example"},
		{"C-072 an execution time in the past", ask{op: "R", to: "/id-open/x", from: "Clamp", edit: func(r *onem2m.Request) { r.ExecutionTime = "-1000" }}, 4008, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(c.hops)
			if res := w.do(tt.ask); res.Code != tt.code {
				t.Fatalf("got %d %s", res.Code, text(res))
			}
			var want []federation.Hop
			if tt.hop != "" {
				want = []federation.Hop{{ID: tt.hop, Points: []string{tt.point}, Blocking: true}}
			}
			if a := tt.ask.assoc; a != nil && len(want) > 0 {
				want[0].Peer = a.IDs[0]
			}
			if diff := cmp.Diff(want, append([]federation.Hop(nil), c.hops[before:]...)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("C-078 one that polls through its channel", func(t *testing.T) {
		w.must(onem2m.OK, ask{op: "R", to: "/id-poll/cse/x", from: "Clamp"})
		if got := c.hops[len(c.hops)-1].Points; len(got) != 1 || !strings.HasPrefix(got[0], "pcu:") {
			t.Errorf("by %v", got)
		}
	})
	t.Run("C-079 what has been here before", func(t *testing.T) {
		rqi := c.sent[len(c.sent)-1].RequestID
		w.must(onem2m.NotFound, ask{op: "R", to: "/id-else/cse", from: "/id-deep/Cx", assoc: over("//m2m.example/id-open", false), edit: func(r *onem2m.Request) { r.RequestID = rqi }})
	})
}

func TestTransit_WhatGoesOutAndWhatComesBack(t *testing.T) {
	t.Parallel()
	w, c := crossroads(t)
	vendor := "v"
	res := w.do(ask{op: "C4", to: "/id-open/cse/x", from: "Clamp", body: `{"m2m:cin":{"con":"1"}}`, edit: func(r *onem2m.Request) {
		r.RequestID, r.RequestExpiration, r.ResultExpiration, r.VendorInformation = "mine", "2000", "20260304T103005", &vendor
	}})
	out := c.sent[0]
	if res.Code != 2000 || res.RequestID != "mine" || res.From != "/id-open" || *res.VendorInformation != "v" || text(res) != `{"m2m:cnt":{"rn":"far"}}` {
		t.Errorf("C-008 C-073: got %+v", res)
	}
	if out.RequestID == "mine" || !strings.HasSuffix(out.RequestID, ".mine") || out.From != "/id-in/Clamp" || out.To != "/id-open/cse/x" {
		t.Errorf("C-007 A-19 C-071: sent %+v", out)
	}
	if out.RequestExpiration != "20260304T103002,000000" || out.ResultExpiration != "20260304T103005,000000" || out.Release != "3" {
		t.Errorf("C-072: sent %+v", out)
	}
	var last Audit
	for _, a := range w.audits {
		if a.Stage == "transit" {
			last = a
		}
	}
	if !last.Permit || last.Reason != "next hop //m2m.example/id-open" || last.RequestID != "mine" {
		t.Errorf("audited %+v", last)
	}
	t.Run("C-076 nobody there", func(t *testing.T) {
		c.answer = func(context.Context, *onem2m.Request) (*onem2m.Response, error) {
			return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "nobody")
		}
		w.must(onem2m.TargetNotReachable, ask{op: "R", to: "/id-open/x", from: "Clamp"})
	})
	t.Run("C-076 C-058 no answer in time", func(t *testing.T) {
		c.answer = func(ctx context.Context, _ *onem2m.Request) (*onem2m.Response, error) {
			<-ctx.Done()
			return nil, &onem2m.Error{Code: onem2m.RequestTimeout, Cause: ctx.Err()}
		}
		w.must(onem2m.RequestTimeout, ask{op: "R", to: "/id-open/x", from: "Clamp", edit: func(r *onem2m.Request) { r.RequestExpiration = "50" }})
	})
}

func TestTransit_C178_AFlyingRequestIsNotSentAgainAfterACrash(t *testing.T) {
	t.Parallel()
	w, c := crossroads(t)
	flying := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	c.answer = func(ctx context.Context, _ *onem2m.Request) (*onem2m.Response, error) {
		close(flying)
		<-ctx.Done()
		return nil, &onem2m.Error{Code: onem2m.RequestTimeout, Cause: ctx.Err()}
	}
	var group sync.WaitGroup
	group.Go(func() { w.c.runErrands(ctx) })
	res := w.do(ask{op: "C4", to: "/id-open/cse/x?rt=1", from: "Clamp", body: `{"m2m:cin":{"con":"1"}}`})
	if res.Code != onem2m.AcceptedForNonBlockingRequestSynch {
		t.Fatalf("got %d %s", res.Code, text(res))
	}
	<-flying
	address := strings.Trim(string(res.Content.Value), `"`)
	if o := w.must(onem2m.OK, ask{op: "R", to: address, from: "Clamp"}); string(o.Get("rs")) != "4" {
		t.Errorf("on its way: %s", o.Append(nil))
	}
	stop() // as a crash does: nothing is kept
	group.Wait()
	if o := w.must(onem2m.OK, ask{op: "R", to: address, from: "Clamp"}); string(o.Get("rs")) != "4" {
		t.Fatalf("after the stop: %s", o.Append(nil))
	}
	w.c.backlog.init(100)
	ctx, stop = context.WithCancel(t.Context())
	defer group.Wait()
	defer stop()
	group.Go(func() { w.c.runErrands(ctx) })
	w.awaits("FAILED", func() bool {
		o := w.must(onem2m.OK, ask{op: "R", to: address, from: "Clamp"})
		return string(o.Get("rs")) == "2"
	})
	if len(c.sent) != 1 {
		t.Errorf("sent %d times", len(c.sent))
	}
}

func TestTransit_ASlowHopKeepsNoOtherNonBlockingRequestWaiting(t *testing.T) {
	t.Parallel()
	w, c := crossroads(t)
	w.c.Limits.Workers = 1
	c.answer = func(ctx context.Context, _ *onem2m.Request) (*onem2m.Response, error) {
		<-ctx.Done()
		return nil, &onem2m.Error{Code: onem2m.RequestTimeout, Cause: ctx.Err()}
	}
	var group sync.WaitGroup
	defer group.Wait()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	group.Go(func() { w.c.runErrands(ctx) })
	for range 3 {
		w.must(onem2m.AcceptedForNonBlockingRequestSynch, ask{op: "R", to: "/id-open/cse/x?rt=1", from: "Clamp"})
	}
	o := w.do(ask{op: "R", to: "cse-in/lamp?rt=1", from: "Clamp"})
	address := strings.Trim(string(o.Content.Value), `"`)
	w.awaits("the local one is done", func() bool {
		return string(w.must(onem2m.OK, ask{op: "R", to: address, from: "Clamp"}).Get("rs")) == "1"
	})
}

func TestTransit_AnswersExplain(t *testing.T) {
	t.Parallel()
	w, _ := crossroads(t)
	e, err := w.c.Explain(t.Context(), Question{From: "Clamp", Operation: onem2m.Retrieve, To: "/id-deep/cse/x"})
	if err != nil || !e.Permit || e.Stage != "transit" || !strings.HasSuffix(e.Governed, "to //m2m.example/id-open") {
		t.Errorf("%+v %v", e, err)
	}
}

func TestReach_LeadsToTargetsOfOtherCSEs(t *testing.T) {
	t.Parallel()
	w, c := crossroads(t)
	for to, id := range map[string]onem2m.ID{"/id-deep/Cx": "//m2m.example/id-deep/Cx", "/id-open/cse/lamp": "//m2m.example/id-open"} {
		reach, err := w.c.Reach(t.Context(), to)
		if err != nil || reach.ID != id || len(reach.Points) != 1 {
			t.Fatalf("%s: %+v %v", to, reach, err)
		}
		req := &onem2m.Request{Operation: onem2m.Notify, To: to, From: "/id-in", HasFrom: true, RequestID: "n1", Release: "3", Content: &onem2m.Content{Name: "m2m:sgn", Value: []byte(`{}`)}}
		res, err := w.c.Send(t.Context(), reach.Points[0], reach.ID, req)
		out := c.sent[len(c.sent)-1]
		if err != nil || res.Code != 2000 || out.From != "/id-in" || out.To != to || out.RequestID != "n1" {
			t.Errorf("%s: %+v %v, sent %+v", to, res, err, out)
		}
	}
	if _, err := newWorld(t).c.Reach(t.Context(), "/id-deep/Cx"); onem2m.AsError(err).Code != onem2m.TargetNotReachable {
		t.Errorf("without a way: %v", err)
	}
}

func TestTransit_S095_TheRegistrarPollsForNobody(t *testing.T) {
	t.Parallel()
	w, _ := crossroads(t)
	w.must(onem2m.Created, ask{op: "C15", to: "cse-in/lamp", from: "Clamp", body: `{"m2m:pch":{"rn":"ch"}}`})
	up := certificate(identity.KindCSE, "//m2m.example/id-top")
	up.Upstream = true
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/lamp", from: "/id-in/Clamp", assoc: up})
	for _, to := range []string{"cse-in/lamp/ch/pcu", "cse-in/lamp/ch"} {
		w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: to, from: "/id-in/Clamp", assoc: up})
	}
}
