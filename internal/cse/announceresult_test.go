package cse

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/onem2m"
)

func TestAnnounce_C394_TheResultOfANonBlockingRequestSaysWhereTheCopyIs(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.mn.run()
	p.mn.must(onem2m.Created, ask{op: "C2", to: "cse-mn", from: "Clamp", body: `{"m2m:ae":{"rn":"lamp","api":"Nlamp","rr":false,"srv":["3"]}}`})
	for _, q := range []ask{
		{op: "C3", to: "cse-mn/lamp?rt=1", from: "Clamp", body: `{"m2m:cnt":{"rn":"c","at":["/id-in"]}}`},
		{op: "U", to: "cse-mn/lamp?rt=1", from: "Clamp", body: `{"m2m:ae":{"at":["/id-in"]}}`},
	} {
		o := p.mn.outcome(p.mn.nonblocking(onem2m.AcceptedForNonBlockingRequestSynch, q), "Clamp")
		if ors := string(o.Get("ors")); !strings.Contains(ors, `"at":["/id-in/`) {
			t.Errorf("%s: the result is %s", q.op, ors)
		}
		if o.Has(witnessName) {
			t.Error("what is kept beside it shows")
		}
	}
}

func TestAnnounce_C178_ACrashWhileAnnouncingDoesNothingTwice(t *testing.T) {
	t.Parallel()
	w, c := crossroads(t)
	var once sync.Once
	ended, reached, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	c.answer = func(context.Context, *onem2m.Request) (*onem2m.Response, error) {
		once.Do(func() { close(reached) })
		<-over // the process has gone meanwhile
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "away")
	}
	ctx, kill := context.WithCancel(t.Context())
	go func() { _ = w.c.Run(ctx); close(ended) }()
	defer func() { kill(); close(over); <-ended }()
	address := w.nonblocking(onem2m.AcceptedForNonBlockingRequestSynch, ask{op: "C3", to: "cse-in/lamp?rt=1", from: "Clamp", body: `{"m2m:cnt":{"rn":"c","at":["/id-open/y"]}}`})
	select {
	case <-reached:
	case <-time.After(time.Minute):
		t.Fatal("nothing is announced")
	}
	o := w.c.Options
	o.Store, o.Notifier = w.store, w
	next, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	again := &world{t: t, c: next, store: w.store, home: w.home, clock: w.now()}
	again.run()
	got := again.outcome(address, "Clamp")
	if n := rsc(got); n != int64(onem2m.Created) {
		t.Errorf("the result is %s", got.Get("ors"))
	}
}
