package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

const (
	urlA = "http://192.0.2.50/a"
	urlB = "http://192.0.2.50/b"
)

// modified is the content of the notification that touch(n) causes with nct 2.
func modified(sub string, n int) string {
	return fmt.Sprintf(`{"m2m:sgn":{"nev":{"net":1,"rep":{"m2m:cnt":{"n":%d}}},"sur":"/id-in/%s"}}`, n, sub)
}

func numbered(sub string, from, to int) []string {
	var out []string
	for n := from; n <= to; n++ {
		out = append(out, modified(sub, n))
	}
	return out
}

func TestDelivery_C132_C277_C296_E15_TheRequestIsANotifyOfTheCSE(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.directory["/id-in/Crecv01"] = Reach{
			ID: "//m2m.example/id-in/Crecv01", Points: []string{"http://192.0.2.60:8000/in"}, Release: "2a", Serialization: "xml",
		}
		defer b.run(b.engine)()
		b.subscribe("sub1", `"nu":["/id-in/Crecv01","`+urlA+`?x=1&ct=cbor"],"nct":2,"nec":3`)
		b.touch(1)
		synctest.Wait()
		calls := b.sender.seen()
		if len(calls) != 2 {
			t.Fatalf("%d calls, want 2", len(calls))
		}
		slices.SortFunc(calls, func(a, b call) int { return len(b.identity) - len(a.identity) })
		category := int64(3)
		want := []call{
			{
				url: "http://192.0.2.60:8000/in", identity: "//m2m.example/id-in/Crecv01", content: modified("sub1", 1),
				request: onem2m.Request{Operation: onem2m.Notify, To: "/id-in/Crecv01", From: "/id-in", HasFrom: true, Release: "2a", EventCategory: &category, Serialization: "xml"},
			},
			{
				url: urlA + "?x=1", content: modified("sub1", 1),
				request: onem2m.Request{Operation: onem2m.Notify, To: urlA + "?x=1", From: "/id-in", HasFrom: true, Release: "3", EventCategory: &category, Serialization: "cbor"},
			},
		}
		for i := range calls {
			if calls[i].request.RequestID == "" {
				t.Error("a request without identifier")
			}
			calls[i].at, calls[i].request.RequestID, calls[i].request.Content = time.Time{}, "", nil
		}
		if diff := cmp.Diff(want, calls, cmp.AllowUnexported(call{})); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		if b.engine.Pending() != 0 || len(b.queued()) != 0 {
			t.Errorf("%d pending, %d in the outbox after success", b.engine.Pending(), len(b.queued()))
		}
	})
}

func TestDelivery_C311_OrderPerTargetAndNoWaitingForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.sender.answer = func(ctx context.Context, c call) (*onem2m.Response, error) {
			if c.url == urlB {
				return hang(ctx, c)
			}
			time.Sleep(time.Millisecond)
			return ok(c)
		}
		defer b.run(b.engine)()
		b.subscribe("sub1", `"nu":["`+urlA+`","`+urlB+`"],"nct":2`)
		for n := 1; n <= 50; n++ {
			b.touch(n)
		}
		time.Sleep(time.Second)
		if diff := cmp.Diff(numbered("sub1", 1, 50), b.sender.contents(urlA)); diff != "" {
			t.Errorf("the target that works (-want +got):\n%s", diff)
		}
		if n := len(b.sender.contents(urlB)); n != 1 {
			t.Errorf("%d requests in flight to one target", n)
		}
	})
}

func TestDelivery_C310_ManyHangingTargetsDoNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.sender.answer = func(ctx context.Context, c call) (*onem2m.Response, error) {
			if c.url != urlA {
				return hang(ctx, c)
			}
			return ok(c)
		}
		defer b.run(b.engine)()
		for i := range 100 {
			b.subscribe(fmt.Sprint("dead", i), fmt.Sprintf(`"nu":["http://192.0.2.99/%d"],"nct":2`, i))
		}
		b.touch(0)
		time.Sleep(3 * time.Minute) // each has failed at least once
		b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2`)
		for n := 1; n <= 5; n++ {
			b.touch(n)
			before := time.Now()
			time.Sleep(100 * time.Millisecond)
			if got := len(b.sender.contents(urlA)); got != n {
				t.Fatalf("event %d not delivered within %v", n, time.Since(before))
			}
			time.Sleep(17 * time.Second)
		}
	})
}

func TestDelivery_BackOffGrowsToItsLimitAndGivesUpAfterAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.sender.answer = code(onem2m.TargetNotReachable)
		b.directory["Crecv01"] = Reach{ID: "//m2m.example/id-in/Crecv01", Points: []string{urlA}}
		defer b.run(b.engine)()
		b.subscribe("sub1", `"nu":["Crecv01"],"nct":2`)
		start := time.Now()
		b.touch(1)
		time.Sleep(2 * time.Hour)
		calls := b.sender.seen()
		for i := 1; i < len(calls); i++ {
			gap := calls[i].at.Sub(calls[i-1].at)
			base := min(time.Second<<min(i-1, 20), 5*time.Minute)
			if gap < max(time.Second, base*3/4) || gap > min(5*time.Minute, base*5/4) {
				t.Errorf("gap %d is %v, want about %v", i, gap, base)
			}
			if calls[i].request.RequestID != calls[0].request.RequestID {
				t.Errorf("repetition %d has another request identifier", i)
			}
		}
		last := calls[len(calls)-1].at.Sub(start)
		if last < time.Hour || last > time.Hour+5*time.Minute {
			t.Errorf("the last attempt came after %v, want an hour", last)
		}
		kinds := b.kinds()
		if kinds[GaveUp] != 1 || kinds[Repeated] != len(calls)-1 || len(b.queued()) != 0 {
			t.Errorf("outcomes %v, %d in the outbox", kinds, len(b.queued()))
		}
	})
}

func TestDelivery_AnswersAreJudged(t *testing.T) {
	t.Parallel()
	answer := func(n onem2m.StatusCode) func(context.Context, call) (*onem2m.Response, error) { return code(n) }
	refuse := func(context.Context, call) (*onem2m.Response, error) { return nil, errRefusedConnection }
	none := func(context.Context, call) (*onem2m.Response, error) { return nil, nil } //nolint:nilnil // what a careless sender does
	tests := []struct {
		id, name, target string
		answer           func(context.Context, call) (*onem2m.Response, error)
		repeated         bool
		kind             OutcomeKind
	}{
		{"B-42", "any success of a plain URL", urlA, answer(onem2m.Created), false, Delivered},
		{"B-42", "a success without code of a plain URL", urlA, answer(0), false, Delivered},
		{"B-42", "an error of a plain URL", urlA, answer(onem2m.InternalServerError), true, Repeated},
		{"B-43", "2000 of an entity", "Crecv01", answer(onem2m.OK), false, Delivered},
		{"B-43", "another success of an entity", "Crecv01", answer(onem2m.Created), false, Delivered},
		{"B-43", "an answer of an entity without code", "Crecv01", none, true, Repeated},
		{"C-310", "refused for good", "Crecv01", answer(onem2m.OriginatorHasNoPrivilege), false, Refused},
		{"C-310", "refused for good by a plain URL", urlA, answer(onem2m.NotFound), false, Refused},
		{"C-310", "time-out of the target", "Crecv01", answer(onem2m.RequestTimeout), true, Repeated},
		{"C-310", "serialization of the target", "Crecv01", answer(onem2m.UnsupportedMediaType), true, Repeated},
		{"C-310", "connection refused", "Crecv01", refuse, true, Repeated},
		{"C-310", "entity unknown", "Cnobody", answer(onem2m.OK), true, Repeated},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, nil)
				b.directory["Crecv01"] = Reach{ID: "//m2m.example/id-in/Crecv01", Points: []string{urlB}}
				b.sender.answer = tt.answer
				defer b.run(b.engine)()
				b.subscribe("sub1", `"nu":["`+tt.target+`"],"nct":2`)
				b.touch(1)
				time.Sleep(500 * time.Millisecond)
				if got := b.engine.Pending() == 1; got != tt.repeated {
					t.Errorf("will be repeated: %v, want %v", got, tt.repeated)
				}
				if kinds := b.kinds(); kinds[tt.kind] != 1 || len(kinds) != 1 {
					t.Errorf("outcomes %v, want one %v", kinds, tt.kind)
				}
			})
		})
	}
}

func TestDelivery_C77_PointsOfAccessAreTriedInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.directory["Crecv01"] = Reach{ID: "//m2m.example/id-in/Crecv01", Points: []string{"http://192.0.2.1/x", urlA, urlB}}
		b.sender.answer = func(_ context.Context, c call) (*onem2m.Response, error) {
			if c.url == "http://192.0.2.1/x" {
				return nil, errRefusedConnection
			}
			return ok(c)
		}
		defer b.run(b.engine)()
		b.subscribe("sub1", `"nu":["Crecv01"],"nct":2`)
		b.touch(1)
		synctest.Wait()
		var urls []string
		for _, c := range b.sender.seen() {
			urls = append(urls, c.url)
		}
		if diff := cmp.Diff([]string{"http://192.0.2.1/x", urlA}, urls); diff != "" {
			t.Errorf("points (-want +got):\n%s", diff)
		}
	})
}

func TestQueue_C309_TheLowestPriorityGoesFirstThenTheOldest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(o *Options) { o.Limits.Queue = 4 })
		var up atomic.Bool
		b.sender.answer = func(ctx context.Context, c call) (*onem2m.Response, error) {
			if !up.Load() {
				return nil, errRefusedConnection
			}
			return ok(c)
		}
		defer b.run(b.engine)()
		b.subscribe("high", `"nu":["`+urlA+`"],"nct":2,"nsp":5,"enc":{"atr":["h"]}`)
		b.subscribe("low", `"nu":["`+urlA+`"],"nct":2,"nsp":1,"enc":{"atr":["l"]}`)
		for n, attribute := range []string{"h", "l", "l", "h", "h", "l", "h"} {
			b.record(Event{Type: Updated, Resource: b.parent, Touched: []string{attribute}, Modified: fmt.Appendf(nil, `{"n":%d}`, n)})
			synctest.Wait()
		}
		if n := b.engine.Pending(); n != 4 {
			t.Errorf("%d pending, want the bound 4", n)
		}
		up.Store(true)
		time.Sleep(time.Minute)
		got := slices.Compact(b.sender.contents(urlA))
		want := []string{modified("high", 0), modified("high", 3), modified("high", 4), modified("high", 6)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
		if kinds := b.kinds(); kinds[Overflowed] != 3 || len(b.queued()) != 0 {
			t.Errorf("outcomes %v, %d left in the outbox", kinds, len(b.queued()))
		}
	})
}

func TestRemoved_C480_QueuedNotificationsGoAndTheLastWordComesLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		var down atomic.Bool
		down.Store(true)
		b.sender.answer = func(_ context.Context, c call) (*onem2m.Response, error) {
			if c.url == urlA && down.Load() {
				return nil, errRefusedConnection
			}
			return ok(c)
		}
		defer b.run(b.engine)()
		sub := b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2,"su":"`+urlB+`"`)
		b.touch(1)
		b.touch(2)
		time.Sleep(100 * time.Millisecond)
		b.unsubscribe(sub)
		down.Store(false)
		time.Sleep(10 * time.Minute)
		if got := len(b.sender.contents(urlA)); got != 1 {
			t.Errorf("%d requests to the target, want only that from before the removal", got)
		}
		if diff := cmp.Diff([]string{`{"m2m:sgn":{"sud":true,"sur":"/id-in/sub1"}}`}, b.sender.contents(urlB)); diff != "" {
			t.Errorf("subscriber (-want +got):\n%s", diff)
		}
		if kinds := b.kinds(); kinds[Discarded] != 2 || len(b.queued()) != 0 {
			t.Errorf("outcomes %v, %d left", kinds, len(b.queued()))
		}
	})
}

func TestRemoved_C480_TheLastWordWaitsForWhatIsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		var ended atomic.Int64
		b.sender.answer = func(_ context.Context, c call) (*onem2m.Response, error) {
			if c.url == urlA {
				time.Sleep(3 * time.Second)
				ended.Store(time.Now().UnixNano())
			}
			return ok(c)
		}
		defer b.run(b.engine)()
		sub := b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2,"su":"`+urlB+`"`)
		b.touch(1)
		synctest.Wait()
		b.unsubscribe(sub)
		time.Sleep(time.Minute)
		calls := b.sender.seen()
		if len(calls) != 2 || calls[1].url != urlB || calls[1].at.UnixNano() < ended.Load() {
			t.Errorf("the last word overtook a notification: %+v", calls)
		}
	})
}

func TestRemoved_C282_DeletionOfTheResourceIsToldBeforeTheLastWord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.sender.answer = func(_ context.Context, c call) (*onem2m.Response, error) {
			time.Sleep(time.Second)
			return ok(c)
		}
		defer b.run(b.engine)()
		one := b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":3,"enc":{"net":[1,2]},"su":"`+urlA+`"`)
		two := b.subscribe("sub2", `"nu":["http://192.0.2.50/c"],"nct":3,"enc":{"net":[2]},"su":"`+urlB+`"`)
		b.update(func(tx store.Tx) error {
			err := b.engine.Record(tx, Event{Type: Deleted, Resource: b.parent})
			for _, sub := range []*store.Record{one, two} {
				err = errors.Join(err, b.engine.Removed(tx, sub), tx.Remove(sub.ID))
			}
			return err
		})
		time.Sleep(time.Minute)
		want := []string{
			`{"m2m:sgn":{"nev":{"net":2,"rep":{"m2m:uri":"/id-in/cnt1"}},"sur":"/id-in/sub1"}}`,
			`{"m2m:sgn":{"sud":true,"sur":"/id-in/sub1"}}`,
		}
		if diff := cmp.Diff(want, b.sender.contents(urlA)); diff != "" {
			t.Errorf("same target (-want +got):\n%s", diff)
		}
		var order []string
		for _, c := range b.sender.seen() {
			if c.url != urlA {
				order = append(order, c.url)
			}
		}
		if diff := cmp.Diff([]string{"http://192.0.2.50/c", urlB}, order); diff != "" {
			t.Errorf("different targets (-want +got):\n%s", diff)
		}
	})
}

func TestCounter_C308_CountsEventsThatAllTargetsHaveTakenAndEndsAtZero(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		var refuse atomic.Bool
		b.sender.answer = func(ctx context.Context, c call) (*onem2m.Response, error) {
			if refuse.Load() && c.url == urlB {
				return code(onem2m.OriginatorHasNoPrivilege)(ctx, c)
			}
			return ok(c)
		}
		defer b.run(b.engine)()
		b.subscribe("sub1", `"nu":["`+urlA+`","`+urlB+`"],"nct":2,"exc":2,"su":"http://192.0.2.50/su","x":1`)
		b.touch(1)
		synctest.Wait()
		stored := func() string {
			for _, r := range b.store.image().records {
				if r.RI == "sub1" {
					return string(r.Attributes)
				}
			}
			return ""
		}
		want := `{"rn":"sub1","ri":"sub1","nu":["` + urlA + `","` + urlB + `"],"nct":2,"exc":1,"su":"http://192.0.2.50/su","x":1}`
		if got := stored(); got != want {
			t.Errorf("after one event\n got %s\nwant %s", got, want)
		}
		refuse.Store(true)
		b.touch(2)
		synctest.Wait()
		if got := stored(); got != want {
			t.Errorf("an event that one target refused was counted: %s", got)
		}
		refuse.Store(false)
		b.touch(3)
		synctest.Wait()
		if stored() != "" {
			t.Error("the subscription is still there at zero")
		}
		if diff := cmp.Diff([]string{"sub1"}, b.expired); diff != "" {
			t.Errorf("expired (-want +got):\n%s", diff)
		}
		if n := len(b.sender.contents("http://192.0.2.50/su")); n != 1 {
			t.Errorf("%d last words, want 1", n)
		}
		if len(b.engine.ledger.spoilt) != 0 {
			t.Errorf("marks were left: %v", b.engine.ledger.spoilt)
		}
	})
}

func TestCounter_C308_NothingFollowsTheLastCountedNotification(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2,"exc":3`)
		for n := 1; n <= 10; n++ {
			b.touch(n)
		}
		defer b.run(b.engine)()
		time.Sleep(time.Minute)
		if diff := cmp.Diff(numbered("sub1", 1, 3), b.sender.contents(urlA)); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
	})
}

func TestCounter_C308_AFailingDeletionDoesNotBlockTheOutbox(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(o *Options) {
			o.Expire = func(store.Tx, *store.Record) error { return errors.New("broken") }
		})
		defer b.run(b.engine)()
		b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2,"exc":1`)
		b.subscribe("sub2", `"nu":["`+urlB+`"],"nct":2`)
		b.touch(1)
		time.Sleep(time.Minute)
		if n := len(b.queued()); n != 0 {
			t.Errorf("%d deliveries left in the outbox", n)
		}
	})
}

func TestDelivery_C310_WhatIsTooOldIsGivenUpTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.sender.answer = code(onem2m.TargetNotReachable)
		defer b.run(b.engine)()
		b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2`)
		for n := range 20 {
			b.touch(n)
		}
		time.Sleep(time.Hour + 5*time.Minute)
		if kinds := b.kinds(); kinds[GaveUp] != 20 || b.engine.Pending() != 0 || len(b.queued()) != 0 {
			t.Errorf("outcomes %v, %d pending, %d in the outbox", kinds, b.engine.Pending(), len(b.queued()))
		}
	})
}

func TestDelivery_ASuccessStartsTheBackOffAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		var n atomic.Int64
		b.sender.answer = func(_ context.Context, c call) (*onem2m.Response, error) {
			switch n.Add(1) {
			case 5, 7:
				return ok(c)
			}
			return nil, errRefusedConnection
		}
		defer b.run(b.engine)()
		b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2`)
		b.touch(1)
		b.touch(2)
		time.Sleep(5 * time.Minute)
		calls := b.sender.seen()
		if len(calls) != 7 {
			t.Fatalf("%d calls, want 7", len(calls))
		}
		if gap := calls[6].at.Sub(calls[5].at); gap > 1250*time.Millisecond {
			t.Errorf("the first failure after a success is followed by a rest of %v", gap)
		}
	})
}
