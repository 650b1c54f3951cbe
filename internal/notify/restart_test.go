package notify

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func TestRestart_C480_ContinuesTheOutboxInOrderWithTheSameIdentifiers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2`)
		b.sender.answer = hang
		stop := b.run(b.engine)
		for n := 1; n <= 1200; n++ { // more than two pages
			b.touch(n)
			if n%400 == 0 {
				b.touch(-1)
			}
		}
		synctest.Wait()
		stop()
		first := b.sender.seen()
		if len(first) != 1 {
			t.Fatalf("%d calls in the first life, want 1", len(first))
		}

		b.sender = &fakeSender{}
		b.engine = b.newEngine(b.store, b.sender, func(o *Options) { o.Limits.Queue, o.Limits.PayloadMemory = 2000, 1000 })
		stop = b.run(b.engine)
		b.touch(1201) // committed while the outbox is being read
		time.Sleep(time.Minute)
		stop()
		calls := b.sender.seen()
		var want []string
		for n := 1; n <= 1201; n++ {
			want = append(want, modified("sub1", n))
		}
		var got []string
		for _, c := range calls {
			if c.content != modified("sub1", -1) {
				got = append(got, c.content)
			}
		}
		// The first life bounded its queue, which dropped the oldest but the one in flight.
		want = append(want[:1], want[len(want)-len(got)+1:]...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("second life (-want +got):\n%s", diff)
		}
		if len(got) < 900 {
			t.Errorf("only %d deliveries in the second life", len(got))
		}
		if calls[0].request.RequestID != first[0].request.RequestID {
			t.Error("the repetition has another request identifier")
		}
		if n := len(b.queued()); n != 0 {
			t.Errorf("%d left in the outbox", n)
		}
	})
}

func TestRestart_C480_AfterACrashEverythingComesAtLeastOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2`)
		stop := b.run(b.engine)
		b.sender.answer = func(_ context.Context, c call) (*onem2m.Response, error) {
			time.Sleep(time.Millisecond)
			return ok(c)
		}
		for n := 1; n <= 20; n++ {
			b.touch(n)
		}
		time.Sleep(10500 * time.Microsecond)
		wreck := newMemoryStore() // what is on the disk at this moment
		wreck.current = b.store.image()
		before := b.sender.seen()
		after := &fakeSender{}
		second := b.newEngine(wreck, after, nil)
		stopSecond := b.run(second)
		time.Sleep(time.Minute)
		stop()
		stopSecond()
		ids := map[string]string{}
		for _, c := range append(before, after.seen()...) {
			if id, seen := ids[c.content]; seen && id != c.request.RequestID {
				t.Errorf("a repetition has another request identifier: %s", c.content)
			}
			ids[c.content] = c.request.RequestID
		}
		if len(ids) != 20 || len(before) == 20 || len(after.seen()) == 0 {
			t.Errorf("%d of 20 events arrived, %d before the crash, %d after", len(ids), len(before), len(after.seen()))
		}
	})
}

func TestRestart_AttemptsAndBackOffSurvive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.sender.answer = code(onem2m.InternalServerError)
		b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2`)
		stop := b.run(b.engine)
		b.touch(1)
		time.Sleep(30 * time.Second)
		stop()
		n := len(b.sender.seen())
		q := b.queued()
		if len(q) != 1 || q[0].Attempts != n {
			t.Fatalf("outbox %+v after %d attempts", q, n)
		}
		due := q[0].NotBefore.Time()
		b.engine = b.newEngine(b.store, b.sender, nil)
		stop = b.run(b.engine)
		time.Sleep(time.Minute)
		stop()
		calls := b.sender.seen()
		if len(calls) <= n || calls[n].at.Before(due.Truncate(time.Microsecond)) {
			t.Errorf("the second life did not keep to %v: %v", due, calls[n:])
		}
	})
}

func TestRun_StopsWithinTheDrainWhenATargetHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(o *Options) { o.Limits.Drain = 2 * time.Second })
		b.sender.answer = hang
		b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2`)
		stop := b.run(b.engine)
		b.touch(1)
		synctest.Wait()
		begin := time.Now()
		stop()
		if d := time.Since(begin); d > 2*time.Second {
			t.Errorf("stopping took %v", d)
		}
		if q := b.queued(); len(q) != 1 || q[0].Attempts != 0 {
			t.Errorf("outbox %+v, want the delivery untouched", q)
		}
	})
}

func TestRun_AStopLetsWhatIsInFlightEndAndStoresIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.sender.answer = func(_ context.Context, c call) (*onem2m.Response, error) {
			time.Sleep(time.Second)
			return ok(c)
		}
		b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2`)
		stop := b.run(b.engine)
		b.touch(1)
		synctest.Wait()
		stop()
		if n := len(b.queued()); n != 0 {
			t.Errorf("%d left in the outbox", n)
		}
	})
}

func TestRun_AStoreThatFailsForAWhileLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2`)
		b.touch(1)
		b.touch(2)
		from := time.Now()
		b.store.refuse = func() error {
			if time.Since(from) < 10*time.Second {
				return errors.New("disk full")
			}
			return nil
		}
		defer b.run(b.engine)()
		time.Sleep(time.Minute)
		if diff := cmp.Diff(numbered("sub1", 1, 2), b.sender.contents(urlA)); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
		if n := len(b.queued()); n != 0 {
			t.Errorf("%d left in the outbox", n)
		}
	})
}

func TestRun_RunsOnceAtATimeAndReportsAnUnreadableOutbox(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		stop := b.run(b.engine)
		synctest.Wait()
		if err := b.engine.Run(t.Context()); !errors.Is(err, ErrRunning) {
			t.Errorf("a second Run returned %v", err)
		}
		stop()
		broken := b.newEngine(brokenStore{b.store}, b.sender, nil)
		if err := broken.Run(t.Context()); !errors.Is(err, errBroken) {
			t.Errorf("Run on a broken store returned %v", err)
		}
	})
}

var errBroken = errors.New("broken")

// brokenStore can't be read.
type brokenStore struct{ *memoryStore }

func (brokenStore) Read(context.Context, func(store.Reader) error) error { return errBroken }

func TestQueue_MemoryOfPayloadsIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(o *Options) { o.Limits.PayloadMemory = 500 })
		b.sender.answer = func(context.Context, call) (*onem2m.Response, error) { return nil, errRefusedConnection }
		defer b.run(b.engine)()
		for i := range 20 {
			b.subscribe(fmt.Sprint("sub", i), fmt.Sprintf(`"nu":["http://192.0.2.99/%d"],"nct":2`, i))
		}
		b.touch(1)
		synctest.Wait()
		if n := b.engine.Pending(); n != 20 {
			t.Errorf("%d pending, want 20", n)
		}
		if b.engine.line.memory > 500 {
			t.Errorf("%d octets of payload in memory", b.engine.line.memory)
		}
		b.sender.mu.Lock()
		b.sender.answer = nil
		b.sender.mu.Unlock()
		time.Sleep(time.Minute)
		if b.engine.Pending() != 0 || b.engine.line.memory != 0 {
			t.Errorf("%d pending, %d octets at the end", b.engine.Pending(), b.engine.line.memory)
		}
	})
}

func TestLoad_C480_WhatIsCommittedMeanwhileIsNeitherLostNorDoubled(t *testing.T) {
	t.Parallel()
	arrive := func(id int64) arrival {
		return arrival{target: urlA, item: itemOf(&store.Delivery{ID: id, Target: urlA})}
	}
	var l line
	l.init(Limits{}.withDefaults(), home, time.Now)
	l.add([]arrival{arrive(5)}) // committed and announced before the outbox was read
	if _, done := l.load(nil); done {
		t.Error("the reading ended before the announced delivery was read")
	}
	if _, done := l.load([]*store.Delivery{{ID: 5, Target: urlA}, {ID: 6, Target: urlA}}); done {
		t.Error("the reading ended at a page with deliveries")
	}
	if _, done := l.load(nil); !done {
		t.Error("the reading did not end")
	}
	l.add([]arrival{arrive(6)}) // read already, announced late
	l.add([]arrival{arrive(7)})
	var got []int64
	for _, it := range l.queues[urlA].items {
		got = append(got, it.id)
	}
	if diff := cmp.Diff([]int64{5, 6, 7}, got); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}
}

func TestQueue_C309_LastWordsAreTheLastToGo(t *testing.T) {
	t.Parallel()
	q := &queue{items: []item{{id: 1, last: true}, {id: 2, priority: 9}, {id: 3, priority: 8}, {id: 4, last: true}, {id: 5, priority: 8}}}
	if i := q.victim(); q.items[i].id != 3 {
		t.Errorf("lost %d, want 3: the oldest of the lowest priority that is no last word", q.items[i].id)
	}
	q = &queue{place: placeBusy, items: []item{{id: 1}, {id: 2, last: true}, {id: 3, last: true}}}
	if i := q.victim(); q.items[i].id != 2 {
		t.Errorf("lost %d, want 2: the oldest that isn't in flight", q.items[i].id)
	}
}

func TestDelivery_C480_WhatIsSettledAlreadyIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(o *Options) { o.Limits.PayloadMemory = 1 })
		b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2`)
		b.sender.answer = hang
		stop := b.run(b.engine)
		for n := 1; n <= 3; n++ {
			b.touch(n)
		}
		synctest.Wait()
		b.update(func(tx store.Tx) error { return tx.Settle(2) })
		b.sender.mu.Lock()
		b.sender.answer = nil
		b.sender.mu.Unlock()
		time.Sleep(time.Minute)
		stop()
		want := []string{modified("sub1", 1), modified("sub1", 1), modified("sub1", 3)} // the first timed out once
		if diff := cmp.Diff(want, b.sender.contents(urlA)); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
	})
}
