package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func TestHostOf_C310_SpellingsOfOneHostAreOne(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ target, want string }{
		{"http://Device.Example/a", "device.example:80"},
		{"http://device.example.:0080/b?x=1&ct=json", "device.example:80"},
		{"http://user@device.example:8080/", "device.example:8080"},
		{"https://[2001:db8::1]/a", "[2001:db8::1]:443"},
		{"mqtt://broker.example/topic", "broker.example:1883"},
		{"coap://device.example", "device.example:5683"},
		{"Cae1", "Cae1"},
		{"/id-in/Cae1?ct=json", "Cae1"},
		{"//m2m.example/id-in/Cae1", "Cae1"},
		{"/id-mn/Cae1", "//m2m.example/id-mn"},
		{"//m2m.example/id-mn/Cae2", "//m2m.example/id-mn"},
		{"//other.example/id-mn/Cae2", "//other.example/id-mn"},
	} {
		t.Run("C-310 "+tt.target, func(t *testing.T) {
			t.Parallel()
			if got := hostOf(tt.target, home); got != tt.want {
				t.Errorf("hostOf = %q, want %q", got, tt.want)
			}
		})
	}
}

// paths returns targets of one host as nu has them.
func paths(host string, n int) string {
	var nu []string
	for i := range n {
		nu = append(nu, fmt.Sprintf(`"http://%s/%d"`, host, i))
	}
	return `"nu":[` + strings.Join(nu, ",") + `],"nct":2`
}

func TestDelivery_C310_OneHangingHostIsOneHoweverManyPathsItHas(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		failed bool // the hosts have failed before
		hosts  int
		most   int // requests to the hosts at once
	}{
		{"a host gets no more than its limit", false, 1, 3},
		{"hosts that failed share half of the workers, under fresh paths too", true, 4, 5},
	} {
		t.Run("C-310 "+tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, func(o *Options) { o.Limits.Workers, o.Limits.PerHost = 10, 3 })
				var mu sync.Mutex
				current, most := 0, 0
				b.sender.answer = func(ctx context.Context, c call) (*onem2m.Response, error) {
					if c.url == urlA {
						return ok(c)
					}
					mu.Lock()
					current++
					most = max(most, current)
					mu.Unlock()
					defer func() {
						mu.Lock()
						defer mu.Unlock()
						current--
					}()
					return hang(ctx, c)
				}
				defer b.run(b.engine)()
				if tt.failed {
					for i := range tt.hosts {
						b.subscribe(fmt.Sprint("first", i), paths(fmt.Sprintf("192.0.2.%d", 100+i), 1))
						b.touch(0)
						time.Sleep(11 * time.Second)
					}
					mu.Lock()
					most = 0
					mu.Unlock()
				}
				for i := range tt.hosts {
					b.subscribe(fmt.Sprint("many", i), paths(fmt.Sprintf("192.0.2.%d", 100+i), 40))
				}
				b.touch(1)
				b.subscribe("good", `"nu":["`+urlA+`"],"nct":2`)
				begin := time.Now()
				b.touch(2)
				synctest.Wait()
				if got := b.sender.contents(urlA); len(got) != 1 || time.Since(begin) != 0 {
					t.Errorf("%d notifications at the host that works, want 1 at once", len(got))
				}
				time.Sleep(time.Minute)
				mu.Lock()
				defer mu.Unlock()
				if most != tt.most {
					t.Errorf("%d requests to the hosts at once, want %d", most, tt.most)
				}
			})
		})
	}
}

func TestDelivery_C311_AHostAtItsLimitStillGetsAllInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(o *Options) { o.Limits.PerHost = 1 })
		b.sender.answer = func(_ context.Context, c call) (*onem2m.Response, error) {
			time.Sleep(10 * time.Millisecond)
			return ok(c)
		}
		defer b.run(b.engine)()
		b.subscribe("sub1", paths("192.0.2.100", 20))
		for n := range 5 {
			b.touch(n)
		}
		time.Sleep(time.Minute)
		for i := range 20 {
			if diff := cmp.Diff(numbered("sub1", 0, 4), b.sender.contents(fmt.Sprintf("http://192.0.2.100/%d", i))); diff != "" {
				t.Errorf("path %d (-want +got):\n%s", i, diff)
			}
		}
		l := &b.engine.line
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.hosts) != 0 || len(l.queues) != 0 {
			t.Errorf("%d hosts and %d queues are left", len(l.hosts), len(l.queues))
		}
	})
}

func TestOutbox_C309_TheLowestPriorityGoesFirstAcrossTargets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(o *Options) { o.Limits.Outbox = 6 })
		var up atomic.Bool
		b.sender.answer = func(_ context.Context, c call) (*onem2m.Response, error) {
			if !up.Load() {
				return nil, errRefusedConnection
			}
			return ok(c)
		}
		stop := b.run(b.engine)
		defer stop()
		b.subscribe("high", `"nu":["`+urlA+`"],"nct":2,"nsp":5,"enc":{"atr":["h"]}`)
		b.subscribe("low", `"nu":["`+urlB+`"],"nct":2,"nsp":1,"enc":{"atr":["l"]}`)
		for n, attribute := range []string{"l", "h", "l", "h", "h", "l", "h", "h", "h", "l"} {
			b.record(Event{Type: Updated, Resource: b.parent, Touched: []string{attribute}, Modified: fmt.Appendf(nil, `{"n":%d}`, n)})
			synctest.Wait()
		}
		if n := b.engine.Pending(); n != 6 {
			t.Errorf("%d pending, want the bound 6", n)
		}
		up.Store(true)
		time.Sleep(time.Minute)
		want := []string{modified("high", 1), modified("high", 3), modified("high", 4), modified("high", 6), modified("high", 7), modified("high", 8)}
		if diff := cmp.Diff(want, slices.Compact(b.sender.contents(urlA))); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
		if got := b.sender.contents(urlB); len(got) != 1 {
			t.Errorf("%d requests of the low priority, want the one that failed", len(got))
		}
		var full int
		for len(b.outcomes) > 0 {
			if o := <-b.outcomes; o.Kind == Overflowed && o.Err == errOutboxFull { //nolint:errorlint // it isn't wrapped
				full++
			}
		}
		if full != 4 || len(b.queued()) != 0 {
			t.Errorf("%d losses reported, want 4; %d left in the outbox", full, len(b.queued()))
		}
	})
}

func TestOutbox_C309_ManyTargetsThatLoseAllLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	var l line
	l.init(Limits{Outbox: 10, Queue: 5, PerHost: 1, Workers: 1}, home, time.Now)
	l.loaded = true
	lost := 0
	for i := range int64(5000) {
		lost += len(l.add([]arrival{{
			target: fmt.Sprintf("http://192.0.2.100/%d", i),
			item:   itemOf(&store.Delivery{ID: i + 1}),
		}}))
	}
	if l.total != 10 || lost != 4990 {
		t.Errorf("%d in the line and %d lost, want 10 and 4990", l.total, lost)
	}
	if most := sweepAfter + 11; len(l.queues) > most || len(l.ready) > most || len(l.marks) > most {
		t.Errorf("%d queues, %d ready, %d marks are left", len(l.queues), len(l.ready), len(l.marks))
	}
	for id := int64(4991); id <= 5000; id++ {
		f, _ := l.take()
		if f.item.id != id {
			t.Fatalf("took %d, want %d", f.item.id, id)
		}
		l.done(f, landed, 0, 0)
	}
	if len(l.queues) != 0 || len(l.hosts) != 0 {
		t.Errorf("%d queues and %d hosts are left", len(l.queues), len(l.hosts))
	}
	for id := int64(5001); id <= 6000; id++ { // nothing is lost, so marks go stale
		arrive(&l, "Cae1", id)
		f, _ := l.take()
		l.done(f, landed, 0, 0)
	}
	if most := 2*l.limits.Outbox + 1; len(l.marks) > most {
		t.Errorf("%d marks are kept, want at most %d", len(l.marks), most)
	}
}

// arrive adds one delivery and returns the IDs of those that had to go.
func arrive(l *line, target string, id int64) (gone []int64) {
	for _, a := range l.add([]arrival{{target: target, item: itemOf(&store.Delivery{ID: id})}}) {
		gone = append(gone, a.item.id)
	}
	return gone
}

func TestOutbox_C309_WhatIsInFlightStays(t *testing.T) {
	t.Parallel()
	var l line
	l.init(Limits{Outbox: 2, Queue: 5, PerHost: 1, Workers: 1}, home, time.Now)
	l.loaded = true
	arrive(&l, "Cae1", 1)
	arrive(&l, "Cae1", 2)
	if diff := cmp.Diff([]int64{1}, arrive(&l, "Cae2", 3)); diff != "" {
		t.Errorf("lost (-want +got):\n%s", diff)
	}
	f, _ := l.take()
	if diff := cmp.Diff([]int64{3}, arrive(&l, "Cae3", 4)); f.item.id != 2 || diff != "" {
		t.Errorf("%d in flight, lost (-want +got):\n%s", f.item.id, diff)
	}
	l.done(f, landed, 0, 0)
	if next, _ := l.take(); next.item.id != 4 || l.total != 1 {
		t.Errorf("took %d with %d in the line, want 4 alone", next.item.id, l.total)
	}
}

func TestLine_C310_AFailureConcernsWhatIsReadyAtTheSameHost(t *testing.T) {
	t.Parallel()
	var l line
	l.init(Limits{Outbox: 10, Queue: 5, PerHost: 2, Workers: 2, GiveUp: time.Hour}, home, time.Now)
	l.loaded = true
	for id, target := range []string{"http://192.0.2.100/a", "http://192.0.2.100/b", "http://192.0.2.101/c"} {
		it := itemOf(&store.Delivery{ID: int64(id + 1), Created: onem2m.TimestampOf(time.Now())})
		l.add([]arrival{{target: target, item: it}})
	}
	f, _ := l.take()
	l.done(f, failed, 1, time.Hour)
	for _, want := range []struct {
		id    int64
		probe bool
	}{{3, false}, {2, true}} {
		if f, _ = l.take(); f.item.id != want.id || f.probe != want.probe {
			t.Errorf("took %d, probe %v, want %+v", f.item.id, f.probe, want)
		}
	}
	host := f.queue.host
	if l.done(f, spared, 0, 0); !host.failed {
		t.Error("a delivery that was not sent made the host healthy")
	}
}

func TestDelivery_C310_EntitiesBehindOneHostShareItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(o *Options) { o.Limits.Workers, o.Limits.PerHost = 40, 3 })
		var nu []string
		for i := range 30 {
			id := fmt.Sprintf("Cae%d", i)
			b.directory[id] = Reach{ID: onem2m.ID("//m2m.example/id-in/" + id), Points: []string{fmt.Sprintf("http://192.0.2.9/%d", i)}}
			nu = append(nu, `"`+id+`"`)
		}
		var current, most atomic.Int32
		b.sender.answer = func(_ context.Context, c call) (*onem2m.Response, error) {
			n := current.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(time.Second)
			current.Add(-1)
			return ok(c)
		}
		defer b.run(b.engine)()
		b.subscribe("sub1", `"nu":[`+strings.Join(nu, ",")+`],"nct":2`)
		b.touch(1) // nobody knows yet where they are
		time.Sleep(time.Minute)
		most.Store(0)
		b.touch(2)
		b.touch(3)
		time.Sleep(time.Minute)
		if most.Load() != 3 {
			t.Errorf("%d requests to the host at once, want 3", most.Load())
		}
		if n := len(b.sender.seen()); n != 90 {
			t.Errorf("%d requests, want 90", n)
		}
		b.engine.line.mu.Lock()
		hosts := len(b.engine.line.hosts)
		b.engine.line.mu.Unlock()
		if n := len(b.queued()); n != 0 || hosts != 0 {
			t.Errorf("%d entries and %d hosts are left", n, hosts)
		}
	})
}
