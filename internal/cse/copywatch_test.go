package cse

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/onem2m"
)

// watched is another CSE that also takes subscriptions of copies.
type watched struct {
	*abroad
	mu     sync.Mutex // guards what follows
	made   []*onem2m.Request
	ended  []string
	refuse bool
	away   bool
}

func (f *watched) Answer(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.away:
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "nobody")
	case req.Operation == onem2m.Create && f.refuse:
		return &onem2m.Response{Code: onem2m.OriginatorHasNoPrivilege}, nil
	case req.Operation == onem2m.Create:
		f.made = append(f.made, req)
		return &onem2m.Response{Code: onem2m.Created, Content: &onem2m.Content{Name: "m2m:sub", Value: []byte(`{"ri":"/id-open/sub1"}`)}}, nil
	case req.Operation == onem2m.Delete:
		f.ended = append(f.ended, req.To)
		return &onem2m.Response{Code: onem2m.Deleted}, nil
	case req.Operation == onem2m.Update:
		return &onem2m.Response{Code: onem2m.Updated}, nil
	}
	return f.abroad.Answer(ctx, req)
}

// tend does for the copies what is due.
func (w *world) tend() {
	w.t.Helper()
	for range 50 {
		if _, worked := w.c.watches.Tend(w.t.Context()); !worked {
			return
		}
	}
	w.t.Error("there is always more to do")
}

// nu is where the last subscription notifies.
func (f *watched) nu(t *testing.T) string {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.made) == 0 {
		t.Fatal("no subscription")
	}
	o, err := onem2m.ParseObject(f.made[len(f.made)-1].Content.Value)
	if err != nil {
		t.Fatal(err)
	}
	nu, _ := o.Texts("nu")
	if su, _ := o.Text("su"); len(nu) != 1 || su != nu[0] {
		t.Fatalf("nu %v su %s", nu, su)
	}
	return nu[0]
}

func lookoutWorld(t *testing.T) (*world, *watched) {
	t.Helper()
	w, far, c := embassy(t)
	f := &watched{abroad: far}
	c.answer = f.Answer
	far.put(farPolicy, "m2m:acp", rules(`"/id-in/Clamp"`))
	return w, f
}

func TestForeignPolicies_A52_ChangesTakeEffectWhenTheyAreNotified(t *testing.T) {
	t.Parallel()
	w, far := lookoutWorld(t)
	read := ask{op: "R", to: "cse-in/box", from: "Clamp"}
	w.must(onem2m.OK, read)
	w.tend()
	if len(far.made) != 1 || far.made[0].From != "/id-in" || far.made[0].To != farPolicy {
		t.Fatalf("subscribed by %+v", far.made)
	}
	target := far.nu(t)
	if !strings.HasPrefix(target, "/id-in/watch-") {
		t.Errorf("notified at %s", target)
	}
	far.put(farPolicy, "m2m:acp", rules(`"/id-in/Cother"`))
	w.must(onem2m.OK, read) // nobody has told yet
	notice := ask{op: "N", to: target, from: "/id-open", body: `{"m2m:sgn":{"sur":"/id-open/sub1","nev":{"net":1}}}`}
	for name, change := range map[string]func(*ask){
		"another CSE":    func(a *ask) { a.from = "/id-poll" },
		"an AE":          func(a *ask) { a.from = "Clamp" },
		"another target": func(a *ask) { a.to = "/id-in/watch-22222222222" },
	} {
		one := notice
		change(&one)
		if res := w.do(one); res.Code != onem2m.NotFound {
			t.Errorf("from %s: %d", name, res.Code)
		}
	}
	w.must(onem2m.OK, read)
	verify := notice
	verify.body = `{"m2m:sgn":{"vrq":true,"sur":"/id-open/sub1","cr":"/id-in"}}`
	if res := w.do(verify); res.Code != onem2m.OK {
		t.Errorf("C-275 verification: %d", res.Code)
	}
	w.must(onem2m.OK, read)
	if res := w.do(notice); res.Code != onem2m.OK {
		t.Fatalf("the notification: %d %s", res.Code, text(res))
	}
	w.must(onem2m.OriginatorHasNoPrivilege, read)
	far.put(farPolicy, "m2m:acp", rules(`"/id-in/Clamp"`))
	w.do(notice)
	w.must(onem2m.OK, read)
	far.put(farPolicy, "", "") // deleted
	over := notice
	over.body = `{"m2m:sgn":{"sur":"/id-open/sub1","sud":true}}`
	w.do(over)
	w.must(onem2m.OriginatorHasNoPrivilege, read)
}

func TestForeignPolicies_A195_AreRenewedWhileTheyAreUsed(t *testing.T) {
	t.Parallel()
	w, far := lookoutWorld(t)
	read := ask{op: "R", to: "cse-in/box", from: "Clamp"}
	w.must(onem2m.OK, read)
	for range 20 {
		w.tend()
		w.advance(5 * time.Second)
		w.must(onem2m.OK, read)
	}
	if n := far.times(farPolicy); n < 5 || n > 8 {
		t.Errorf("in 100 seconds it was retrieved %d times", n)
	}
	t.Run("what can't be asked for counts for its time", func(t *testing.T) {
		far.mu.Lock()
		far.away = true
		far.mu.Unlock()
		granted := 0
		for range 12 {
			w.tend()
			w.advance(5 * time.Second)
			if w.do(read).Code == onem2m.OK {
				granted++
			}
		}
		if granted > int(foreignLife/(5*time.Second)) || granted == 0 {
			t.Errorf("it counted %d times 5 seconds", granted)
		}
		far.mu.Lock()
		far.away = false
		far.mu.Unlock()
		w.advance(foreignPause)
		w.must(onem2m.OK, read)
	})
	t.Run("the subscription goes when nobody asks any more", func(t *testing.T) {
		for range 80 {
			w.advance(5 * time.Second)
			w.tend()
		}
		if len(far.ended) != 1 || far.ended[0] != "/id-open/sub1" {
			t.Errorf("deleted %v", far.ended)
		}
	})
}

func TestForeignPolicies_A195_WithoutASubscriptionTheyHaveTheirTime(t *testing.T) {
	t.Parallel()
	w, far := lookoutWorld(t)
	far.refuse = true
	read := ask{op: "R", to: "cse-in/box", from: "Clamp"}
	w.must(onem2m.OK, read)
	w.tend()
	far.put(farPolicy, "m2m:acp", rules(`"/id-in/Cother"`))
	w.advance(foreignLife - time.Second)
	w.tend()
	w.must(onem2m.OK, read)
	w.advance(time.Second)
	w.must(onem2m.OriginatorHasNoPrivilege, read)
}
