package cse

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// lateCSE gives the notification engine the CSE that is made after it.
type lateCSE struct{ c *CSE }

func (l *lateCSE) Reach(ctx context.Context, target string) (notify.Reach, error) {
	return l.c.Reach(ctx, target)
}

func (l *lateCSE) Gathering(r store.Reader, address, sender string) (notify.Gathering, error) {
	return l.c.Gathering(r, address, sender)
}

func (l *lateCSE) Send(ctx context.Context, point string, who onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	return l.c.Send(ctx, point, who, req)
}

// withEngine is a world whose notifications are delivered by the engine itself.
func withEngine(t *testing.T) *world {
	t.Helper()
	late := &lateCSE{}
	var engine *notify.Engine
	w := newWorld(t, func(o *Options) {
		engine = notify.New(notify.Options{
			Home: o.Home, Store: o.Store, Sender: late, Directory: late, Now: o.Now, Log: o.Log, VerifyURLs: true,
			Expire: func(tx store.Tx, rec *store.Record) error { return late.c.ExpireSubscription(tx, rec) },
			Limits: notify.Limits{FirstBackOff: time.Millisecond},
		})
		o.Notifier = engine
	})
	late.c = w.c
	w.answer = &onem2m.Response{Code: onem2m.OK}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := engine.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Capp01", body: `{"m2m:ae":{"rn":"app","api":"Ntest","rr":true,"srv":["3"],"poa":["http://192.0.2.1/"]}}`})
	for _, name := range []string{"c1", "c2", "c3"} {
		w.container("Capp01", "cse-in/app", name, "")
	}
	return w
}

// contents are the notifications that have left the CSE.
func (w *world) contents() (list []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, req := range w.sent {
		list = append(list, string(req.Content.Append(nil)))
	}
	return list
}

// awaits waits until something holds.
func (w *world) awaits(what string, holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: it doesn't happen; sent %v", what, w.contents())
		}
	}
}

func (w *world) gone(path string) func() bool {
	return func() bool { return w.do(ask{op: "R", to: path, from: "CAdmin"}).Code == onem2m.NotFound }
}

func TestCross_C322_C326_EventsComeTogetherAtTheTarget(t *testing.T) {
	t.Parallel()
	w := withEngine(t)
	o := w.cross(`"twt":2,"exc":1,"su":"Capp01","nse":true,` + crossOfTwo)
	ri, _ := o.Text("ri")
	w.instance("Capp01", "cse-in/app/c1", "i1", "x")
	w.instance("Capp01", "cse-in/app/c2", "i2", "x")
	w.awaits("C-326 the counter runs out", w.gone("cse-in/app/x"))
	if w.hasSubscription("cse-in/app/c1") || w.hasSubscription("cse-in/app/c2") {
		t.Error("C-327: a subscription that was made is left")
	}
	w.awaits("C-327 su is told", func() bool { return len(w.contents()) == 2 })
	want := []string{`{"m2m:sgn":{"sur":"/id-in/` + ri + `"}}`, `{"m2m:sgn":{"sud":true,"sur":"/id-in/` + ri + `"}}`}
	if got := w.contents(); !slices.Equal(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
}

func TestCross_C328_DeletionsDontGoRoundInCircles(t *testing.T) {
	t.Parallel()
	w := withEngine(t)
	o := w.cross(`"twt":1,` + crossOfTwo)
	list, _ := o.Texts("rrats")
	w.must(onem2m.Deleted, ask{op: "D", to: list[0], from: "Capp01"})
	w.awaits("C-328 it goes with its member", w.gone("cse-in/app/x"))
	if w.hasSubscription("cse-in/app/c2") {
		t.Error("C-327: the other subscription is left")
	}
	w.awaits("C-328 every end is told", func() bool {
		left := false
		if err := w.store.Read(t.Context(), func(r store.Reader) error {
			rows, err := r.Deliveries(0, 10)
			left = len(rows) > 0
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return !left
	})
	if got := w.contents(); len(got) != 0 {
		t.Errorf("something left the CSE: %v", got)
	}
}

func TestCross_C278_ASubscriptionThatLeaves(t *testing.T) {
	t.Parallel()
	w := withEngine(t)
	for _, name := range []string{"c1", "c2"} {
		w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/" + name, from: "Capp01", body: sub(`"rn":"s","nu":["Capp01"],"enc":{"net":[3]}`)})
	}
	w.cross(`"twt":1,"srat":["cse-in/app/c1/s","cse-in/app/c2/s"]`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c1/s", from: "Capp01", body: sub(`"acrs":null`)})
	w.awaits("C-278 it goes", w.gone("cse-in/app/x"))
	if nu, acrs := w.attribute("cse-in/app/c2/s", "nu"), w.attribute("cse-in/app/c2/s", "acrs"); nu != `["Capp01"]` || acrs != "" {
		t.Errorf("C-327: the other one has nu %s and acrs %s", nu, acrs)
	}
}

func TestCross_C319_VerificationByOthers(t *testing.T) {
	t.Parallel()
	w := withEngine(t)
	o := w.cross(`"twt":1,` + crossOfTwo)
	ri, _ := o.Text("ri")
	list, _ := o.Texts("rrats")
	w.must(onem2m.SubscriptionVerificationInitiationFailed, ask{op: "C23", to: "cse-in/app/c3", from: "Capp01", body: sub(`"nu":["/id-in/` + ri + `"]`)})
	w.must(onem2m.Updated, ask{op: "U", to: list[0], from: "Capp01", body: sub(`"nu":["Capp01"]`)})
	w.must(onem2m.Updated, ask{op: "U", to: list[0], from: "Capp01", body: sub(`"nu":["Capp01","/id-in/` + ri + `"]`)})
}

func TestCross_C319_ATargetThatDisagrees(t *testing.T) {
	t.Parallel()
	w := withEngine(t)
	w.answer = &onem2m.Response{Code: onem2m.OriginatorHasNoPrivilege}
	res := w.do(ask{op: "C48", to: "cse-in/app", from: "Capp01", body: crs(`"rn":"x","tws":"PT4S","twt":1,"nu":["http://192.0.2.9/"],` + crossOfTwo)})
	if res.Code != onem2m.SubscriptionVerificationInitiationFailed || w.hasSubscription("cse-in/app/c1") {
		t.Errorf("got %d %s", res.Code, text(res))
	}
	if sent := w.contents(); len(sent) != 1 || !strings.Contains(sent[0], `"vrq":true,"sur":"/id-in/crs`) {
		t.Errorf("asked %v", sent)
	}
}

func TestCross_C323_StrangersAreRefused(t *testing.T) {
	t.Parallel()
	w := crossWorld(t)
	o := w.cross(`"twt":2,` + crossOfTwo)
	list, _ := o.Texts("rrats")
	ri, _ := o.Text("ri")
	s := w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/c3", from: "Capp01", body: sub(`"nu":["Capp01"]`)})
	stranger, _ := s.Text("ri")
	for _, tt := range []struct {
		name, sur, more string
		want            onem2m.StatusCode
	}{
		{"an event of a member", list[0], `,"nev":{"net":3}`, 2000},
		{"the agreement with a member", list[0], `,"vrq":true`, 2000},
		{"an event of a stranger", "/id-in/" + stranger, `,"nev":{"net":3}`, 4103},
		{"the agreement with a stranger", "/id-in/" + stranger, `,"vrq":true`, 4103},
		{"the end of a stranger", "/id-in/" + stranger, `,"sud":true`, 4103},
		{"a member's name on another CSE", "/id-far/" + strings.TrimPrefix(list[0], "/id-in/"), `,"nev":{"net":3}`, 4103},
	} {
		t.Run("C-323 "+tt.name, func(t *testing.T) {
			if got := w.notice(o, tt.sur, tt.more); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
	for _, from := range []string{"Capp01", "CAdmin", "/id-in"} {
		res := w.do(ask{op: "N", to: ri, from: from, body: `{"m2m:sgn":{"sur":"` + list[1] + `","nev":{"net":3}}}`})
		if res.Code/1000 == 2 {
			t.Errorf("C-323: a NOTIFY by %s got %d", from, res.Code)
		}
	}
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "N", to: ri, from: "Capp01", body: `{"m2m:sgn":{"sur":"` + list[1] + `","nev":{"net":3}}}`})
	if _, err := w.c.Send(t.Context(), crossScheme+ri, "//m2m.example/id-in/Capp01", w.request(ask{op: "N", to: ri, from: "Capp01", body: `{"m2m:sgn":{"sur":"` + list[1] + `","nev":{}}}`})); err == nil {
		t.Error("C-323: an AE with that point of access gets in")
	}
	if w.fired() != 0 {
		t.Error("C-323: a stranger made it fire")
	}
}

func TestCross_C322_ARepeatedNotificationCountsOnce(t *testing.T) {
	t.Parallel()
	w := crossWorld(t)
	o := w.cross(`"twt":2,"rrat":["cse-in/app/c1"],"encs":{"encn":[{"net":[3]}]}`)
	list, _ := o.Texts("rrats")
	ri, _ := o.Text("ri")
	req := w.request(ask{op: "N", to: "/id-in/" + ri, from: "/id-in", body: `{"m2m:sgn":{"sur":"` + list[0] + `","nev":{"net":3}}}`})
	for range 2 {
		if res, err := w.c.Send(t.Context(), crossScheme+ri, w.home.ID(), req); err != nil || res.Code != onem2m.OK {
			t.Fatal(res, err)
		}
	}
	if n := w.fired(); n != 1 {
		t.Errorf("it fired %d times", n)
	}
}
