package cse

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"bulwark/onem2m"
)

// polled is a world with an AE "app" that has a polling channel, and a sender
// that may notify it.
func polled(t *testing.T, channel string) *world {
	t.Helper()
	w := newWorld(t, func(o *Options) { o.Timing.PollWait = 20 * time.Millisecond })
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	w.policy("Capp01", "cse-in/app", "p", `{"acor":["Capp01","Cother1"],"acop":63}`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"acpi":["cse-in/app/p"]}}`})
	w.must(onem2m.Created, ask{op: "C15", to: "cse-in/app", from: "Capp01", body: `{"m2m:pch":{"rn":"pch"` + channel + `}}`})
	return w
}

func TestPollingChannel_BelongsToItsParent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Timing.PollWait = time.Millisecond })
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	w.policy("Capp01", "cse-in/app", "p", `{"acor":["all"],"acop":63}`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"acpi":["cse-in/app/p"]}}`})
	const body = `{"m2m:pch":{"rn":"pch"}}`
	w.follow(t, []step{
		{name: "C-364 A-47 created by another with the privilege", ask: ask{op: "C15", to: "cse-in/app", from: "Cother1", body: body}, code: 4103},
		{name: "C-364 A-47 created by the administrator", ask: ask{op: "C15", to: "cse-in/app", from: "CAdmin", body: body}, code: 4103},
		{name: "C-364 created by the AE", ask: ask{op: "C15", to: "cse-in/app", from: "Capp01", body: body}, code: 2001},
		{name: "C-364 a second one", ask: ask{op: "C15", to: "cse-in/app", from: "Capp01", body: `{"m2m:pch":{}}`}, code: 4000},
		{name: "C-088 one of the same name", ask: ask{op: "C15", to: "cse-in/app", from: "Capp01", body: `{"m2m:pch":{"rn":"pch"}}`}, code: 4105},
		{name: "C-364 below the CSEBase", ask: ask{op: "C15", to: "cse-in", from: "CAdmin", body: body}, code: 4108},
		{name: "C-028 its virtual child's name is taken", ask: ask{op: "C15", to: "cse-in/other", from: "Cother1", body: body}, code: 2001},
		{name: "C-364 A-47 read by another", ask: ask{op: "R", to: "cse-in/app/pch", from: "Cother1"}, code: 4103},
		{name: "C-364 read by the administrator", ask: ask{op: "R", to: "cse-in/app/pch", from: "CAdmin"}, code: 4103},
		{name: "C-364 read by the AE", ask: ask{op: "R", to: "cse-in/app/pch", from: "Capp01"}, code: 2000, show: map[string]string{"rqag": "", "ty": "15"}},
		{name: "C-364 updated by another", ask: ask{op: "U", to: "cse-in/app/pch", from: "Cother1", body: `{"m2m:pch":{"rqag":true}}`}, code: 4103},
		{name: "C-364 updated by the administrator", ask: ask{op: "U", to: "cse-in/app/pch", from: "CAdmin", body: `{"m2m:pch":{"rqag":true}}`}, code: 4103},
		{name: "C-372 updated by the AE", ask: ask{op: "U", to: "cse-in/app/pch", from: "Capp01", body: `{"m2m:pch":{"rqag":true}}`}, code: 2004, show: map[string]string{"rqag": "true"}},
		{name: "A-47 polled by another", ask: ask{op: "R", to: "cse-in/app/pch/pcu", from: "Cother1"}, code: 4103},
		{name: "A-47 polled by the administrator", ask: ask{op: "R", to: "cse-in/app/pch/pcu", from: "CAdmin"}, code: 4103},
		{name: "A-47 answered by another", ask: ask{op: "N", to: "cse-in/app/pch/pcu", from: "Cother1", body: `{"m2m:rsp":{"rsc":2000,"rqi":"x"}}`}, code: 4103},
		{name: "C-366 polled in vain", ask: ask{op: "R", to: "cse-in/app/pch/pcu", from: "Capp01"}, code: 4008},
		{name: "C-365 polled in vain until rqet", ask: ask{op: "R", to: "cse-in/app/pch/pcu", from: "Capp01", edit: func(r *onem2m.Request) { r.RequestExpiration = "10" }}, code: 4008},
		{name: "C-365 polled by rt 1", ask: ask{op: "R", to: "cse-in/app/pch/pcu?rt=1", from: "Capp01"}, code: 4000},
		{name: "C-365 polled by rt 2", ask: ask{op: "R", to: "cse-in/app/pch/pcu?rt=2", from: "Capp01"}, code: 4000},
		{name: "C-365 polled with children", ask: ask{op: "R", to: "cse-in/app/pch/pcu?rcn=4", from: "Capp01"}, code: 4000},
		{name: "C-369 an answer nobody waits for", ask: ask{op: "N", to: "cse-in/app/pch/pcu", from: "Capp01", body: `{"m2m:rsp":{"rsc":2000,"rqi":"x"}}`}, code: 4000},
		{name: "C-370 an answer that is none", ask: ask{op: "N", to: "cse-in/app/pch/pcu", from: "Capp01", body: `{"m2m:rsp":{"rqi":"x"}}`}, code: 4000},
		{name: "C-370 a notification", ask: ask{op: "N", to: "cse-in/app/pch/pcu", from: "Capp01", body: notification}, code: 4000},
		{name: "C-371 pcu updated", ask: ask{op: "U", to: "cse-in/app/pch/pcu", from: "Capp01", body: `{"m2m:pch":{}}`}, code: 4005},
		{name: "C-371 pcu deleted", ask: ask{op: "D", to: "cse-in/app/pch/pcu", from: "Capp01"}, code: 4005},
		{name: "C-371 created below pcu", ask: ask{op: "C15", to: "cse-in/app/pch/pcu", from: "Capp01", body: body}, code: 4005},
		{name: "A-47 not found by another", ask: ask{op: "R", to: "cse-in/app?fu=1&ty=15", from: "Cother1"}, code: 2000, body: uril()},
		{name: "C-364 deleted by another", ask: ask{op: "D", to: "cse-in/app/pch", from: "Cother1"}, code: 4103},
		{name: "C-364 deleted by the AE", ask: ask{op: "D", to: "cse-in/app/pch", from: "Capp01"}, code: 2002},
		{name: "C-026 polled afterwards", ask: ask{op: "R", to: "cse-in/app/pch/pcu", from: "Capp01"}, code: 4004},
	})
}

// deliver sends a notification through what Reach finds, as the engine does.
func (w *world) deliver(ctx context.Context, rqi string) (*onem2m.Response, error) {
	reach, err := w.c.Reach(ctx, "Capp01")
	if err != nil {
		return nil, err
	}
	return w.c.Send(ctx, reach.Points[0], reach.ID, &onem2m.Request{
		Operation: onem2m.Notify, To: "Capp01", From: "/id-in", HasFrom: true, RequestID: rqi, Release: "3",
		Content: &onem2m.Content{Name: "m2m:sgn", Value: []byte(`{"vrq":true}`)},
	})
}

type delivered struct {
	res *onem2m.Response
	err error
}

// sending delivers in the background.
func (w *world) sending(ctx context.Context, rqi string) <-chan delivered {
	done := make(chan delivered, 1)
	go func() {
		res, err := w.deliver(ctx, rqi)
		done <- delivered{res, err}
	}()
	return done
}

// queued waits until so many requests are in the queue of the only channel.
func (w *world) queued(n int) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.c.channels.mu.Lock()
		have := 0
		for _, ch := range w.c.channels.open {
			have += len(ch.posted)
		}
		w.c.channels.mu.Unlock()
		if have == n {
			return
		}
	}
	w.t.Fatalf("the queue doesn't become %d long", n)
}

func (w *world) answerPoll(code onem2m.StatusCode, rqi string) {
	w.t.Helper()
	w.must(code, ask{op: "N", to: "cse-in/app/pch/pcu", from: "Capp01", body: `{"m2m:rsp":{"rsc":2000,"rqi":"` + rqi + `","fr":"Capp01"}}`})
}

func TestPolling_C365_RequestsAreFetchedInOrderAndAnswered(t *testing.T) {
	t.Parallel()
	w := polled(t, "")
	first := w.sending(t.Context(), "n1")
	w.queued(1)
	second := w.sending(t.Context(), "n2")
	w.queued(2)
	res := w.do(ask{op: "R", to: "cse-in/app/pch/pcu", from: "Capp01"})
	want := `{"m2m:rqp":{"op":5,"to":"Capp01","fr":"/id-in","rqi":"n1","pc":{"m2m:sgn":{"vrq":true}},"rvi":"3"}}`
	if res.Code != onem2m.OK || text(res) != want {
		t.Fatalf("C-365 B-45 got %d %s, want %s", res.Code, text(res), want)
	}
	w.answerPoll(onem2m.BadRequest, "n2") // C-369: not fetched
	w.answerPoll(onem2m.OK, "n1")
	if got := <-first; got.err != nil || got.res.Code != onem2m.OK || got.res.RequestID != "n1" {
		t.Errorf("C-369 got %+v", got)
	}
	w.answerPoll(onem2m.BadRequest, "n1") // once
	if res := w.do(ask{op: "R", to: "cse-in/app/pch/pcu", from: "Capp01"}); !strings.Contains(text(res), `"rqi":"n2"`) {
		t.Errorf("C-365 got %s", text(res))
	}
	w.answerPoll(onem2m.OK, "n2")
	if got := <-second; got.err != nil {
		t.Error(got.err)
	}
	if len(w.c.channels.open) != 0 {
		t.Error("an empty channel is kept in memory")
	}
}

func TestPolling_C367_APollIsHandedTheNextRequest(t *testing.T) {
	t.Parallel()
	w := polled(t, "")
	w.c.Timing.PollWait = 10 * time.Second
	w.mu.Lock()
	w.hastened = nil // by the registration
	w.mu.Unlock()
	polls := make(chan *onem2m.Response, 1)
	q := w.request(ask{op: "R", to: "cse-in/app/pch/pcu", from: "Capp01"})
	go func() { polls <- w.c.Handle(t.Context(), trusted(), q) }()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.mu.Lock()
		waits := len(w.hastened) > 0
		w.mu.Unlock()
		if waits {
			break
		}
	}
	done := w.sending(t.Context(), "n1")
	if res := <-polls; !strings.Contains(text(res), `"rqi":"n1"`) {
		t.Fatalf("got %d %s", res.Code, text(res))
	}
	w.answerPoll(onem2m.OK, "n1")
	if got := <-done; got.err != nil {
		t.Error(got.err)
	}
	if list := strings.Join(w.hastened[0], " "); !strings.Contains(list, "Capp01 ") || !strings.Contains(list, "/id-in/cse-in/app ") {
		t.Errorf("what rests isn't told that somebody listens: %s", list)
	}
}

func TestPolling_C372_AnAggregatingChannelGivesAllAtOnce(t *testing.T) {
	t.Parallel()
	w := polled(t, `,"rqag":true`)
	first := w.sending(t.Context(), "n1")
	w.queued(1)
	second := w.sending(t.Context(), "n2")
	w.queued(2)
	res := w.do(ask{op: "R", to: "cse-in/app/pch/pcu", from: "Capp01"})
	if res.Content == nil || res.Content.Name != "m2m:agrp" || !strings.HasPrefix(text(res), `{"m2m:agrp":[{"op":5,`) || strings.Count(text(res), `"rqi":`) != 2 {
		t.Fatalf("got %d %s", res.Code, text(res))
	}
	w.answerPoll(onem2m.OK, "n2")
	w.answerPoll(onem2m.OK, "n1")
	for _, done := range []<-chan delivered{first, second} {
		if got := <-done; got.err != nil {
			t.Error(got.err)
		}
	}
}

func TestPolling_C368_C058_WhatNobodyFetchesIsDropped(t *testing.T) {
	t.Parallel()
	w := polled(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	done := w.sending(ctx, "n1")
	w.queued(1)
	cancel()
	var e *onem2m.Error
	if got := <-done; !errors.As(got.err, &e) || e.Code != onem2m.RequestTimeout {
		t.Errorf("C-368 got %v", got.err)
	}
	w.must(onem2m.RequestTimeout, ask{op: "R", to: "cse-in/app/pch/pcu", from: "Capp01"})
	w.must(onem2m.RequestTimeout, ask{op: "N", to: "cse-in/app", from: "Cother1", body: notification, edit: func(r *onem2m.Request) { r.RequestExpiration = "20" }})
	done = w.sending(t.Context(), "n2")
	w.queued(1)
	if _, err := w.deliver(t.Context(), "n2"); err == nil {
		t.Error("two requests with one identifier: their answers can't be told apart")
	}
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/pch", from: "Capp01"})
	if got := <-done; !errors.As(got.err, &e) || e.Code != onem2m.TargetNotReachable {
		t.Errorf("C-373 got %v", got.err)
	}
}

func TestPolling_C78_TheChannelGoesBeforeThePointsOfAccess(t *testing.T) {
	t.Parallel()
	w := polled(t, "")
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"rr":true,"poa":["http://192.0.2.1/"]}}`})
	answers := make(chan *onem2m.Response, 1)
	q := w.request(ask{op: "N", to: "cse-in/app", from: "Cother1", body: notification})
	go func() { answers <- w.c.Handle(t.Context(), trusted(), q) }()
	w.queued(1)
	if res := w.do(ask{op: "R", to: "cse-in/app/pch/pcu", from: "Capp01"}); !strings.Contains(text(res), `"fr":"/id-in/Cother1"`) {
		t.Fatalf("got %s", text(res))
	}
	w.answerPoll(onem2m.OK, q.RequestID)
	if res := <-answers; res.Code != onem2m.OK || len(w.sent) != 0 {
		t.Errorf("C-083 got %d %s; %d sent elsewhere", res.Code, text(res), len(w.sent))
	}
}

func TestPolling_C78_NobodyReachesAnothersChannelByItsPointOfAccess(t *testing.T) {
	t.Parallel()
	w := polled(t, "")
	ri := w.record("cse-in/app/pch").RI
	w.must(onem2m.BadRequest, ask{op: "U", to: "cse-in/other", from: "Cother1", body: `{"m2m:ae":{"rr":true,"poa":["pcu:` + ri + `"]}}`})
	w.stored("cse-in/other", "pcu:"+ri) // before that was refused
	w.must(onem2m.TargetNotReachable, ask{op: "N", to: "cse-in/other", from: "Cother1", body: notification})
	for _, who := range []onem2m.ID{"", "//m2m.example/id-in/Cother1"} {
		if res, err := w.c.Send(t.Context(), pollScheme+ri, who, &onem2m.Request{RequestID: "x"}); err == nil {
			t.Errorf("%q reaches it: %v", who, res)
		}
	}
}

func TestPolling_QuiesceEndsEveryWait(t *testing.T) {
	t.Parallel()
	w := polled(t, "")
	w.c.Timing.PollWait = time.Minute
	ended := make(chan *onem2m.Response, 1)
	q := w.request(ask{op: "R", to: "cse-in/app/pch/pcu", from: "Capp01"})
	go func() { ended <- w.c.Handle(t.Context(), trusted(), q) }()
	w.c.Quiesce()
	if res := <-ended; res.Code != onem2m.RequestTimeout {
		t.Errorf("got %d", res.Code)
	}
	if _, err := w.deliver(t.Context(), "n1"); err == nil {
		t.Error("something waits after the end")
	}
}

func TestChannels_C367_APollThatEndsGivesBackWhatItWasHanded(t *testing.T) {
	t.Parallel()
	var s channels
	s.init()
	_, poll := s.fetch("ch", 1)
	p := &posted{req: &onem2m.Request{RequestID: "n1"}, answer: make(chan *onem2m.Response, 1)}
	if err := s.post("ch", p); err != nil {
		t.Fatal(err)
	}
	s.leave("ch", poll)
	if list, _ := s.fetch("ch", 1); len(list) != 1 || list[0] != p {
		t.Errorf("got %v", list)
	}
	for i := range maxPosted {
		err := s.post("ch", &posted{req: &onem2m.Request{RequestID: string(rune('a'+i%26)) + strings.Repeat("x", i)}, answer: make(chan *onem2m.Response, 1)})
		if (err != nil) != (i >= maxPosted-1) {
			t.Fatalf("request %d: %v", i, err)
		}
	}
}

func TestPolling_C370_AMalformedAnswerFailsTheRequest(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"m2m:rsp":{"rqi":"n1"}}`, `{"m2m:rsp":{"rqi":"n1","rsc":"2000"}}`, `{"m2m:sgn":{"rqi":"n1"}}`} {
		t.Run("C-370 "+body, func(t *testing.T) {
			t.Parallel()
			w := polled(t, "")
			waiting := w.sending(t.Context(), "n1")
			w.queued(1)
			w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/pch/pcu", from: "Capp01"})
			w.must(onem2m.BadRequest, ask{op: "N", to: "cse-in/app/pch/pcu", from: "Capp01", body: body})
			if got := <-waiting; got.err != nil || got.res.Code != onem2m.TargetNotReachable {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestPolling_C038_ARequestWithoutResponseIsDoneWithOnceFetched(t *testing.T) {
	t.Parallel()
	w := polled(t, "")
	reach, err := w.c.Reach(t.Context(), "Capp01")
	if err != nil {
		t.Fatal(err)
	}
	none := int64(responseNone)
	done := make(chan error, 1)
	go func() {
		_, err := w.c.Send(t.Context(), reach.Points[0], reach.ID, &onem2m.Request{
			Operation: onem2m.Notify, To: "Capp01", From: "/id-in", HasFrom: true, RequestID: "n1", Release: "3", ResponseType: &none,
			Content: &onem2m.Content{Name: "m2m:sgn", Value: []byte(`{"vrq":true}`)},
		})
		done <- err
	}()
	w.queued(1)
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/pch/pcu", from: "Capp01"})
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the sender still waits")
	}
	w.c.channels.mu.Lock()
	defer w.c.channels.mu.Unlock()
	if len(w.c.channels.open) != 0 {
		t.Error("the request keeps its place in the channel")
	}
}
