package cse

import (
	"context"
	"errors"
	"strings"
	"testing"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// A notification of another CSE that this one passes on, and that is repeated.
func TestRepeats_C007_C079_ARepetitionGoesOnUnderTheIdentifierOfTheFirst(t *testing.T) {
	t.Parallel()
	w, c := crossroads(t)
	over := certificate(identity.KindCSE, "//m2m.example/id-open")
	note := ask{op: "N", to: "/id-poll/Clamp", from: "/id-open", assoc: over, body: `{"m2m:sgn":{"sur":"/id-open/cse/s"}}`, edit: func(r *onem2m.Request) { r.RequestID = "r1" }}
	answers := func(code onem2m.StatusCode) func(context.Context, *onem2m.Request) (*onem2m.Response, error) {
		return func(_ context.Context, req *onem2m.Request) (*onem2m.Response, error) {
			return &onem2m.Response{Code: code, RequestID: req.RequestID}, nil
		}
	}
	// send returns under which identifiers the request went on.
	send := func(a ask, code onem2m.StatusCode) []string {
		t.Helper()
		before := len(c.sent)
		if res := w.do(a); res.Code != code || res.RequestID != "r1" {
			t.Fatalf("got %d %s", res.Code, text(res))
		}
		var list []string
		for _, req := range c.sent[before:] {
			if !strings.HasSuffix(req.RequestID, ".r1") || !w.c.trail.Seen(req.RequestID) {
				t.Errorf("C-007 C-079: %q", req.RequestID)
			}
			list = append(list, req.RequestID)
		}
		return list
	}
	c.answer = func(context.Context, *onem2m.Request) (*onem2m.Response, error) {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "nobody")
	}
	first := send(note, onem2m.TargetNotReachable)[0]

	other := note
	other.from, other.assoc, other.op, other.body = "Clamp", nil, "R", ""
	if got := send(other, onem2m.TargetNotReachable)[0]; got == first {
		t.Errorf("a request of another originator: %q", got)
	}

	c.answer = answers(onem2m.RequestTimeout)
	if got := send(note, onem2m.RequestTimeout)[0]; got != first {
		t.Errorf("repeated: %q, want %q", got, first)
	}
	c.answer = answers(onem2m.OK)
	if got := send(note, onem2m.OK)[0]; got != first {
		t.Errorf("repeated again: %q, want %q", got, first)
	}
	second := send(note, onem2m.OK)[0]
	if second == first {
		t.Errorf("what follows an answer is a new request: %q", second)
	}

	c.answer = func(ctx context.Context, _ *onem2m.Request) (*onem2m.Response, error) {
		return nil, errors.New("broken off")
	}
	third := send(note, onem2m.InternalServerError)[0]
	c.answer = func(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
		if req.RequestID == third { // still at work on the first
			return answers(onem2m.BadRequest)(ctx, req)
		}
		return answers(onem2m.OK)(ctx, req)
	}
	if got := send(note, onem2m.OK); len(got) != 2 || got[0] != third || got[1] == third {
		t.Errorf("refused as pending: %q, first %q", got, third)
	}
}

func TestRepeats_C007_TwoThatAreOnTheirWayShareNoIdentifier(t *testing.T) {
	t.Parallel()
	w, c := crossroads(t)
	c.answer = func(context.Context, *onem2m.Request) (*onem2m.Response, error) {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "nobody")
	}
	ask := ask{op: "R", to: "/id-open/x", from: "Clamp", edit: func(r *onem2m.Request) { r.RequestID = "r1" }}
	w.must(onem2m.TargetNotReachable, ask)
	c.answer = func(_ context.Context, req *onem2m.Request) (*onem2m.Response, error) {
		c.mu.Lock()
		c.answer = nil
		c.mu.Unlock()
		w.must(onem2m.BadRequest, ask) // the same once more, meanwhile
		later := ask
		later.to += "?rt=1"
		w.must(onem2m.BadRequest, later)
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "nobody")
	}
	w.must(onem2m.TargetNotReachable, ask)
	if len(c.sent) != 2 || c.sent[0].RequestID != c.sent[1].RequestID {
		t.Errorf("%d were sent", len(c.sent))
	}
}
