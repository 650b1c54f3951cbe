package federation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bulwark/onem2m"
)

// lookout is an Overseer that notes what it is asked, with a clock that the test
// moves.
type lookout struct {
	mu     sync.Mutex // guards what follows
	clock  onem2m.Timestamp
	used   map[string]onem2m.Timestamp
	asked  []string
	refuse error  // what Subscribe and Prolong answer
	gone   bool   // what Prolong says
	during func() // in Renew; or nil
}

func (l *lookout) now() onem2m.Timestamp {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clock
}

func (l *lookout) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, fmt.Sprintf(format, args...))
}

func (l *lookout) Used(address string) onem2m.Timestamp {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used[address]
}

func (l *lookout) use(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used[address] = l.clock
}

func (l *lookout) Renew(_ context.Context, address string) {
	l.note("renew %s", address)
	if l.during != nil {
		l.during()
	}
}

func (l *lookout) Subscribe(_ context.Context, address, target string, _ onem2m.Timestamp) (string, error) {
	l.note("subscribe %s %s", address, target)
	return "sub-" + address, l.refuse
}

func (l *lookout) Prolong(_ context.Context, subscription string, _ onem2m.Timestamp) (bool, error) {
	l.note("prolong %s", subscription)
	return l.gone, l.refuse
}

func (l *lookout) Unsubscribe(_ context.Context, subscription string) error {
	l.note("unsubscribe %s", subscription)
	return nil
}

const farCSE = onem2m.ID("//m2m.example/id-far")

func newLookout() (*lookout, *Watches) {
	l := &lookout{clock: 1_000_000_000_000, used: map[string]onem2m.Timestamp{}}
	n := 0
	return l, NewWatches(30*time.Second, l.now, func() string { n++; return fmt.Sprintf("t%d", n) }, l)
}

// pass lets time go by in steps, with everything done that comes due, and returns
// what was asked. With use the copies are asked for at each step.
func (l *lookout) pass(t *testing.T, w *Watches, d time.Duration, use ...string) []string {
	t.Helper()
	for step := time.Duration(0); step <= d; step += time.Second {
		for _, address := range use {
			l.use(address)
		}
		for n := 0; ; n++ {
			if _, worked := w.Tend(t.Context()); !worked {
				break
			}
			if n > 100 {
				t.Fatal("it never rests")
			}
		}
		l.mu.Lock()
		l.clock += micros(time.Second)
		l.mu.Unlock()
	}
	asked := l.asked
	l.asked = nil
	return asked
}

func count(list []string, what string) (n int) {
	for _, one := range list {
		if strings.HasPrefix(one, what) {
			n++
		}
	}
	return n
}

func TestWatches_A52_SubscribeWhileACopyIsUsed(t *testing.T) {
	t.Parallel()
	l, w := newLookout()
	l.use("a")
	w.Want("a", "a", farCSE)
	w.Want("a", "a", farCSE)
	asked := l.pass(t, w, 0)
	if !slices.Equal(asked, []string{"subscribe a t1", "renew a"}) {
		t.Fatalf("at first %q", asked)
	}
	asked = l.pass(t, w, 20*time.Minute, "a")
	if n := count(asked, "renew"); n < 40 || n > 61 {
		t.Errorf("A-195 in 20 minutes of use it was retrieved %d times", n)
	}
	if n := count(asked, "prolong"); n < 3 || n > 5 || count(asked, "subscribe") != 0 {
		t.Errorf("prolonged %d times, subscribed %d", n, count(asked, "subscribe"))
	}
	asked = l.pass(t, w, 6*time.Minute)
	if count(asked, "unsubscribe") != 1 || count(asked, "renew") > 1 {
		t.Errorf("unused: %q", asked)
	}
	if asked = l.pass(t, w, time.Hour); len(asked) > 0 || len(w.all)+len(w.targets) > 0 {
		t.Errorf("after its end: %q", asked)
	}
}

func TestWatches_A195_ANotificationRenews(t *testing.T) {
	t.Parallel()
	l, w := newLookout()
	l.use("a")
	w.Want("a", "a", farCSE)
	l.pass(t, w, 5*time.Second, "a")
	for name, from := range map[string]onem2m.ID{"t1": "//m2m.example/id-other", "t2": farCSE} {
		if _, ok := w.Notice(name, from, false); ok || w.Expects(name, from) {
			t.Errorf("%s of %s is believed", name, from)
		}
	}
	if !w.Expects("t1", farCSE) {
		t.Error("the question of its CSE isn't expected")
	}
	again := true
	l.during = func() { // it changes once more while it is being retrieved
		if again {
			again = false
			w.Notice("t1", farCSE, false)
		}
	}
	if address, ok := w.Notice("t1", farCSE, false); address != "a" || !ok {
		t.Fatal(address, ok)
	}
	if asked := l.pass(t, w, 2*time.Second); !slices.Equal(asked, []string{"renew a", "renew a"}) {
		t.Errorf("got %q", asked)
	}
	for range 1000 { // a CSE that floods
		w.Notice("t1", farCSE, false)
	}
	if asked := l.pass(t, w, 5*time.Second); count(asked, "renew") > 2 {
		t.Errorf("flooded: %q", asked)
	}
	w.Notice("t1", farCSE, true)
	asked := l.pass(t, w, 29*time.Second, "a")
	if count(asked, "renew") == 0 || count(asked, "subscribe") != 0 {
		t.Errorf("the subscription is gone: %q", asked)
	}
	if asked = l.pass(t, w, 10*time.Second, "a"); count(asked, "subscribe a t1") != 1 {
		t.Errorf("later: %q", asked)
	}
}

func TestWatches_A195_WithoutASubscriptionACopyHasItsTimeOnly(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		refuse error
		asked  int
	}{
		"refused": {onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "", "no"), 2},
		"away":    {onem2m.Errorf(onem2m.TargetNotReachable, "", "no"), 14},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, w := newLookout()
			l.refuse = tt.refuse
			l.use("a")
			w.Want("a", "a", farCSE)
			asked := l.pass(t, w, 7*time.Minute, "a")
			if n := count(asked, "subscribe"); n < tt.asked-1 || n > tt.asked+1 || len(asked) != n {
				t.Errorf("%d of %q", n, asked)
			}
		})
	}
	t.Run("a subscription that can't be prolonged ends", func(t *testing.T) {
		t.Parallel()
		l, w := newLookout()
		l.use("a")
		w.Want("a", "a", farCSE)
		l.pass(t, w, time.Second, "a")
		l.refuse = onem2m.Errorf(onem2m.TargetNotReachable, "", "no")
		asked := l.pass(t, w, 12*time.Minute, "a")
		if n := count(asked, "prolong"); n < 5 || n > 12 || count(asked, "subscribe") == 0 {
			t.Errorf("prolonged %d times, %q", n, asked)
		}
	})
	t.Run("one that is gone is made again", func(t *testing.T) {
		t.Parallel()
		l, w := newLookout()
		l.use("a")
		w.Want("a", "a", farCSE)
		l.pass(t, w, time.Second, "a")
		l.gone, l.refuse = true, onem2m.Errorf(onem2m.NotFound, "", "no")
		l.pass(t, w, 5*time.Minute, "a")
		l.refuse = nil
		if asked := l.pass(t, w, 6*time.Minute, "a"); count(asked, "subscribe") != 1 {
			t.Errorf("%q", asked)
		}
	})
}

func TestWatches_AreBoundedInNumber(t *testing.T) {
	t.Parallel()
	_, w := newLookout()
	for host := range 10 {
		for i := range 100 {
			w.Want("k", fmt.Sprintf("%d/%d", host, i), onem2m.ID(fmt.Sprintf("//m2m.example/id-%d", host)))
		}
	}
	each := map[onem2m.ID]int{}
	for _, one := range w.all {
		each[one.host]++
	}
	if len(w.all) != maxWatches || each["//m2m.example/id-0"] != maxWatchesEach {
		t.Errorf("%d watches, %v", len(w.all), each)
	}
}

func TestWatches_ASlowCSEHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, w := newLookout()
		for i := range 20 {
			l.use(fmt.Sprint("slow", i))
			w.Want(fmt.Sprint("slow", i), fmt.Sprint("slow", i), "//m2m.example/id-slow")
		}
		l.use("quick")
		w.Want("quick", "quick", farCSE)
		l.during = func() { time.Sleep(time.Hour) }
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { w.Run(ctx); close(ended) }()
		synctest.Wait()
		l.mu.Lock()
		if n := count(l.asked, "renew slow"); n != 1 || count(l.asked, "renew quick") != 1 {
			t.Errorf("%q", l.asked)
		}
		l.mu.Unlock()
		cancel()
		<-ended
	})
}
