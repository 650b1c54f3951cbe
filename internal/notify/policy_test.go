package notify

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// numbers returns which events the requests to a URL told of, in order: "1 2"
// for two requests, "1+2" for one that aggregates both, with "sud" for the
// last word and "!" behind what is marked as the latest.
func numbers(calls []call, url string) string {
	var out []string
	for _, c := range calls {
		if c.url != url {
			continue
		}
		var in []string
		for part := range strings.SplitSeq(c.content, `"nev":`) {
			if _, n, ok := strings.Cut(part, `{"n":`); ok {
				n, _, _ = strings.Cut(n, "}")
				in = append(in, n)
			}
		}
		word := strings.Join(in, "+")
		if strings.Contains(c.content, "m2m:agn") {
			word = "[" + word + "]"
		}
		if strings.Contains(c.content, `"sud":true`) {
			word = "sud"
		}
		if ec := c.request.EventCategory; ec != nil && *ec == 4 {
			word += "!"
		}
		out = append(out, word)
	}
	return strings.Join(out, " ")
}

// told runs fn beside a running engine and returns what arrived at urlA.
func told(t *testing.T, attributes string, fn func(b *bench, sub *store.Record)) string {
	t.Helper()
	var out string
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		sub := b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2`+attributes)
		stop := b.run(b.engine)
		fn(b, sub)
		synctest.Wait()
		stop()
		out = numbers(b.sender.seen(), urlA)
	})
	return out
}

// at touches the resource once and lets time go by.
func (b *bench) at(n int, pause time.Duration) {
	b.touch(n)
	time.Sleep(pause)
}

func TestPolicy_WhatArrives(t *testing.T) {
	t.Parallel()
	const second = time.Second
	for _, tt := range []struct {
		id, name, attributes string
		events               []time.Duration // pauses behind events 1, 2, …
		want                 string
	}{
		{"C-301", "a batch goes when its number is reached", `,"bn":{"num":3,"dur":"PT1M"}`, []time.Duration{0, 0, 0, 0, second}, "[1+2+3]"},
		{"C-301", "and the rest when the duration since its first event is over", `,"bn":{"num":3,"dur":"PT1M"}`, []time.Duration{0, 0, 0, 0, 61 * second}, "[1+2+3] [4+5]"},
		{"C-301", "the duration begins with the first event", `,"bn":{"dur":"PT10S"}`, []time.Duration{6 * second, 5 * second, 2 * second, 9 * second}, "[1+2] [3+4]"},
		{"C-301", "a batch may have one event", `,"bn":{"num":1,"dur":"PT1M"}`, []time.Duration{second, second}, "[1] [2]"},
		{"C-302", "of a batch with latestNotify only the newest goes", `,"bn":{"num":3,"dur":"PT1M"},"ln":true`, []time.Duration{0, 0, 0, second}, "3!"},
		{"C-303", "no more than the number goes in a window", `,"rl":{"mnn":2,"tww":"PT10S"}`, []time.Duration{second, second, second, second, 4 * second}, "1 2"},
		{"C-303", "the excess goes in the windows that follow", `,"rl":{"mnn":2,"tww":"PT10S"}`, []time.Duration{second, second, second, second, 8 * second}, "1 2 3 4"},
		{"C-303", "windows follow one another from the first event on", `,"rl":{"mnn":1,"tww":"PT10S"}`, []time.Duration{18 * second, second, 0, 2 * second}, "1 2 3"},
		{"C-303", "of the excess with latestNotify only the newest goes", `,"rl":{"mnn":1,"tww":"PT10S"},"ln":true`, []time.Duration{second, second, second, 11 * second}, "1! 4!"},
		{"C-303", "a batch counts as its events", `,"rl":{"mnn":2,"tww":"PT10S"},"bn":{"num":2,"dur":"PT1M"}`, []time.Duration{0, 0, 0, 3 * second}, "[1+2]"},
		{"C-303", "and waits as one", `,"rl":{"mnn":2,"tww":"PT10S"},"bn":{"num":2,"dur":"PT1M"}`, []time.Duration{0, 0, 0, 11 * second}, "[1+2] [3+4]"},
	} {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			got := told(t, tt.attributes, func(b *bench, _ *store.Record) {
				time.Sleep(500 * time.Millisecond)
				for i, pause := range tt.events {
					b.at(i+1, pause)
				}
			})
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// schedule reads entries.
func schedule(t *testing.T, entries ...string) []*onem2m.Schedule {
	t.Helper()
	var out []*onem2m.Schedule
	for _, text := range entries {
		s, err := onem2m.ParseSchedule(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// The simulated clock begins at midnight: this is closed for half a minute.
const laterHalf = "30-59 * * * * * *"

func TestSchedule_C305_C307_WhatHappensOutsideOfIt(t *testing.T) {
	t.Parallel()
	const second = time.Second
	for _, tt := range []struct{ name, attributes, want string }{
		{"nothing is kept without pendingNotification", ``, "4"},
		{"the newest is kept by sendLatest, marked as such", `,"pn":1`, "3! 4"},
		{"everything is kept by sendAllPending", `,"pn":2`, "1 2 3 4"},
		{"an immediate one doesn't care", `,"nec":2`, "1 2 3 4"},
		{"a batch that is complete waits like anything else", `,"pn":2,"bn":{"num":2,"dur":"PT20S"}`, "[1+2] [3] [4]"},
		{"latestNotify and pendingNotification", `,"pn":2,"ln":true`, "3! 4!"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := told(t, tt.attributes, func(b *bench, sub *store.Record) {
				b.engine.Schedule(sub.RI, onem2m.TypeSubscription, schedule(t, laterHalf))
				for n := 1; n <= 3; n++ {
					b.at(n, second)
				}
				time.Sleep(29 * second)
				b.at(4, 20*second)
			})
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSchedule_C263_ItsEndLetsEverythingGoInOrder(t *testing.T) {
	t.Parallel()
	got := told(t, `,"pn":2`, func(b *bench, sub *store.Record) {
		b.engine.Schedule(sub.RI, onem2m.TypeSubscription, schedule(t, laterHalf))
		for n := 1; n <= 3; n++ {
			b.touch(n)
		}
		b.engine.Schedule(sub.RI, onem2m.TypeSubscription, nil)
		b.touch(4)
	})
	if got != "1 2 3 4" {
		t.Errorf("got %q", got)
	}
}

// timedDirectory knows when targets can be reached.
type timedDirectory struct {
	fakeDirectory
	open []*onem2m.Schedule
}

func (d *timedDirectory) Opens(_ store.Reader, _ string, at onem2m.Timestamp) (onem2m.Timestamp, bool) {
	return opens(d.open, at)
}

func TestSchedule_C306_TheTargetsOwn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, attributes, want string }{
		{"is obeyed", ``, "2"},
		{"also by what is immediate", `,"nec":2`, "2"},
		{"and what waits for it is kept", `,"pn":2`, "1 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, func(o *Options) {
					o.Directory = &timedDirectory{fakeDirectory{"Cx": {ID: "//m2m.example/id-in/Cx", Points: []string{urlA}}}, schedule(t, laterHalf)}
				})
				b.engine.Schedule("nod1", onem2m.TypeNode, schedule(t, laterHalf))
				b.subscribe("sub1", `"nu":["Cx","`+urlB+`"],"nct":2`+tt.attributes)
				defer b.run(b.engine)()
				b.at(1, 40*time.Second)
				b.at(2, time.Second)
				if got := numbers(b.sender.seen(), urlA); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if got := numbers(b.sender.seen(), urlB); got != "1 2" {
					t.Errorf("a URL got %q", got)
				}
			})
		})
	}
}

func TestLatest_C300_OnlyTheNewestWaitsForATarget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2,"ln":true`)
		b.subscribe("sub2", `"nu":["`+urlA+`"],"nct":2,"nec":100`)
		b.sender.answer = func(ctx context.Context, c call) (*onem2m.Response, error) {
			time.Sleep(time.Second)
			return ok(c)
		}
		defer b.run(b.engine)()
		for n := 1; n <= 4; n++ {
			b.touch(n)
			synctest.Wait() // the first is on its way
		}
		time.Sleep(time.Minute)
		if got := numbers(b.sender.seen(), urlA); got != "1! 1 2 3 4! 4" {
			t.Errorf("got %q", got)
		}
		if n := b.kinds()[Superseded]; n != 2 {
			t.Errorf("%d superseded", n)
		}
		if n := len(b.queued()); n != 0 {
			t.Errorf("%d left in the outbox", n)
		}
	})
}

func TestRemoved_C281_ABatchIsFlushedAndTheCacheIsNot(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ id, name, attributes, closed, want string }{
		{"C-281", "a batch comes before the last word", `,"bn":{"num":9,"dur":"PT1H"}`, "", "[1+2] sud"},
		{"C-281", "what the rate holds back too", `,"rl":{"mnn":1,"tww":"PT1H"}`, "", "1 2 sud"},
		{"C-281", "what waits for a schedule is discarded", `,"pn":2`, laterHalf, "sud"},
		{"C-281", "a batch behind a closed schedule too", `,"pn":2,"bn":{"num":9,"dur":"PT1H"}`, laterHalf, "sud"},
	} {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			got := told(t, tt.attributes+`,"su":"`+urlA+`"`, func(b *bench, sub *store.Record) {
				if tt.closed != "" {
					b.engine.Schedule(sub.RI, onem2m.TypeSubscription, schedule(t, tt.closed))
				}
				b.at(1, time.Millisecond)
				b.at(2, time.Millisecond)
				b.unsubscribe(sub)
				time.Sleep(2 * time.Hour)
				if n := len(b.queued()); n != 0 {
					t.Errorf("%d left in the outbox", n)
				}
			})
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRemoved_C282_TheEndOfTheResourceIsTheLastOfTheBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		sub := b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":3,"enc":{"net":[1,2]},"bn":{"num":9},"su":"`+urlA+`","nec":101`)
		defer b.run(b.engine)()
		b.touch(1)
		b.update(func(tx store.Tx) error {
			if err := b.engine.Record(tx, Event{Type: Deleted, Resource: b.parent}); err != nil {
				return err
			}
			if err := b.engine.Removed(tx, sub); err != nil {
				return err
			}
			return tx.Remove(sub.ID)
		})
		synctest.Wait()
		calls := b.sender.seen()
		if len(calls) != 2 || strings.Count(calls[0].content, `"m2m:uri"`) != 2 || !strings.Contains(calls[0].content, `{"nev":{"net":2,`) || !strings.Contains(calls[1].content, `"sud":true`) {
			t.Fatalf("got %v", b.sender.contents(urlA))
		}
		if ec := calls[0].request.EventCategory; ec == nil || *ec != 101 {
			t.Errorf("C-300: category %v", ec)
		}
	})
}

func TestChanged_C279_PoliciesThatAreRemovedLetGo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, before, after, closed, want string }{
		{"a batch is sent without batchNotify", `,"bn":{"num":9,"dur":"PT1H"}`, ``, "", "1 2 3"},
		{"a smaller number is reached", `,"bn":{"num":9,"dur":"PT1H"}`, `,"bn":{"num":2,"dur":"PT1H"}`, "", "[1+2]"},
		{"the excess is sent without rateLimit", `,"rl":{"mnn":1,"tww":"PT1H"}`, ``, "", "1 2 3"},
		{"the cache is purged without pendingNotification", `,"pn":2`, ``, laterHalf, ""},
		{"of the cache the newest is left by sendLatest", `,"pn":2`, `,"pn":1`, laterHalf, "3!"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := told(t, tt.before, func(b *bench, sub *store.Record) {
				if tt.closed != "" {
					b.engine.Schedule(sub.RI, onem2m.TypeSubscription, schedule(t, tt.closed))
				}
				b.at(1, time.Millisecond)
				b.at(2, time.Millisecond)
				b.update(func(tx store.Tx) error {
					next := &store.Record{ID: sub.ID, Parent: sub.Parent, RI: sub.RI, RN: sub.RN, Type: sub.Type, Attributes: []byte(`{"nu":["` + urlA + `"],"nct":2` + tt.after + `}`)}
					if tt.closed != "" { // the third comes before the change
						if err := b.engine.Record(tx, Event{Type: Updated, Resource: b.parent, Modified: []byte(`{"n":3}`)}); err != nil {
							return err
						}
					}
					if err := b.engine.Changed(tx, sub, next); err != nil {
						return err
					}
					return tx.Replace(next)
				})
				if tt.closed == "" {
					b.touch(3)
				}
				time.Sleep(time.Minute)
			})
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestHeld_C480_SurvivesACrash(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ id, name, attributes, closed, before, after string }{
		{"C-301", "a batch goes at the time at which it would have gone", `,"bn":{"dur":"PT1M"}`, "", "", "[1+2+3]"},
		{"C-301", "a batch is completed", `,"bn":{"num":3,"dur":"PT1H"}`, "", "", "[1+2+3]"},
		{"C-303", "a rate window goes on", `,"rl":{"mnn":1,"tww":"PT30S"}`, "", "1", "2 3"},
		{"C-307", "the cache is kept", `,"pn":2`, laterHalf, "", "1 2 3"},
		{"C-307", "the newest is kept", `,"pn":1`, laterHalf, "", "3!"},
	} {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, nil)
				sub := b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2`+tt.attributes)
				plan := func() {
					if tt.closed != "" {
						b.engine.Schedule(sub.RI, onem2m.TypeSubscription, schedule(t, tt.closed))
					}
				}
				plan()
				stop := b.run(b.engine)
				b.at(1, time.Second)
				b.at(2, time.Second)
				wreck := newMemoryStore() // what is on the disk at this moment
				wreck.current = b.store.image()
				stop()
				if got := numbers(b.sender.seen(), urlA); got != tt.before {
					t.Errorf("before: %q, want %q", got, tt.before)
				}
				b.store, b.sender = wreck, &fakeSender{}
				b.engine = b.newEngine(b.store, b.sender, nil)
				plan()
				stop = b.run(b.engine)
				time.Sleep(8 * time.Second)
				if got := numbers(b.sender.seen(), urlA); got != "" {
					t.Errorf("too early: %q", got)
				}
				b.touch(3)
				time.Sleep(52 * time.Second)
				stop()
				if got := numbers(b.sender.seen(), urlA); got != tt.after {
					t.Errorf("after: %q, want %q", got, tt.after)
				}
			})
		})
	}
}

func TestHeld_C309_IsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(o *Options) { o.Limits.Queue = 10 })
		sub := b.subscribe("sub1", `"nu":["`+urlA+`"],"nct":2,"pn":2`)
		b.engine.Schedule(sub.RI, onem2m.TypeSubscription, schedule(t, "0 0 0 1 1 * 2001"))
		defer b.run(b.engine)()
		for n := range 2 * shelfRefresh {
			b.at(n, time.Millisecond)
		}
		if n := len(b.queued()); n > shelfRefresh+10 {
			t.Errorf("%d held back", n)
		}
		if n := b.kinds()[Overflowed]; n < shelfRefresh-10 {
			t.Errorf("%d reported as overflowed", n)
		}
	})
}

func TestCounter_C308_ABatchIsOneNotification(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.subscribe("sub1", `"nu":["`+urlA+`","`+urlB+`"],"nct":2,"exc":2,"bn":{"num":2}`)
		defer b.run(b.engine)()
		for n := 1; n <= 6; n++ {
			b.at(n, time.Second)
		}
		if diff := cmp.Diff([]string{"sub1"}, b.expired); diff != "" {
			t.Errorf("expired (-want +got):\n%s", diff)
		}
		for _, url := range []string{urlA, urlB} {
			if got := numbers(b.sender.seen(), url); got != "[1+2] [3+4]" {
				t.Errorf("%s got %q", url, got)
			}
		}
	})
}

func TestStatistics_C283_CountEachTarget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		sub := b.subscribe("sub1", `"nu":["`+urlA+`","`+urlB+`"],"nct":2,"nse":true,"bn":{"num":2}`)
		b.sender.answer = func(ctx context.Context, c call) (*onem2m.Response, error) {
			if c.url == urlB && len(b.sender.seen()) < 3 {
				return nil, errRefusedConnection
			}
			return ok(c)
		}
		defer b.run(b.engine)()
		b.touch(1)
		b.at(2, time.Minute)
		next, err := (&memoryTx{image: b.store.image()}).ByRI(sub.RI)
		if err != nil {
			t.Fatal(err)
		}
		value, _, _ := member(next.Attributes, "nsi")
		a := fmt.Sprintf(`{"tg":"%s","rqs":2,"rsr":2,"noec":2}`, urlA)
		c := fmt.Sprintf(`{"tg":"%s","rqs":4,"rsr":2,"noec":2}`, urlB)
		if got := string(value); got != "["+a+","+c+"]" && got != "["+c+","+a+"]" {
			t.Errorf("got %s", got)
		}
	})
}

func TestHeld_C307_WaitingForAPolicyMakesNothingOld(t *testing.T) {
	t.Parallel()
	got := told(t, `,"bn":{"dur":"PT3H"}`, func(b *bench, _ *store.Record) {
		b.sender.answer = func(ctx context.Context, c call) (*onem2m.Response, error) {
			if len(b.sender.seen()) == 1 {
				return nil, errRefusedConnection
			}
			return ok(c)
		}
		b.at(1, 4*time.Hour)
	})
	if got != "[1] [1]" {
		t.Errorf("got %q: it was given up for the time in which it was held back", got)
	}
}
