package cmdh_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/cmdh"
	"bulwark/onem2m"
)

// yard is a Depot with everything around it recorded, in a bubble of its own.
type yard struct {
	t     *testing.T
	depot *cmdh.Depot
	begin time.Time
	stop  func()

	mu       sync.Mutex // guards what follows
	policy   *cmdh.Policy
	log      []string
	reached  func(id string) bool // nil: always
	outcome  cmdh.Outcome
	bundles  int
	fates    map[cmdh.Fate]int
	attempts map[string]int
}

func newYard(t *testing.T, p *cmdh.Policy) *yard {
	t.Helper()
	y := &yard{t: t, begin: time.Now(), policy: p, fates: map[cmdh.Fate]int{}, attempts: map[string]int{}}
	y.depot = cmdh.NewDepot(cmdh.DepotOptions{
		Now: time.Now, Random: func() float64 { return 0.5 }, Carry: y.carry,
		Policy: func(context.Context) (*cmdh.Policy, error) { return y.active(), nil },
		Observe: func(f cmdh.Fate) {
			y.mu.Lock()
			defer y.mu.Unlock()
			y.fates[f]++
		},
	})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { y.depot.Run(ctx) })
	y.stop = func() {
		stop()
		running.Wait()
		if n := y.depot.Len(); n != 0 {
			t.Errorf("%d are left", n)
		}
	}
	return y
}

func (y *yard) active() *cmdh.Policy {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.policy
}

func (y *yard) note(format string, args ...any) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.log = append(y.log, fmt.Sprintf("%gs ", time.Since(y.begin).Seconds())+fmt.Sprintf(format, args...))
}

func (y *yard) carry(_ context.Context, b *cmdh.Bundle) cmdh.Outcome {
	var names []string
	for _, req := range b.Requests() {
		names = append(names, req.RequestID)
	}
	y.note("%s in one to %s", strings.Join(names, " "), b.Target)
	time.Sleep(100 * time.Millisecond)
	y.mu.Lock()
	defer y.mu.Unlock()
	y.bundles++
	return y.outcome
}

// item is a request of category 3 with 10 octets that lives for an hour.
func item(id string, change ...func(*cmdh.Item)) cmdh.Item {
	it := cmdh.Item{Hop: "//m2m.example/id-hop", Target: "//m2m.example/id-far"}
	it.From, it.To, it.Op, it.Category, it.Size = id, "/id-far/x", onem2m.Create, 3, 10
	it.Ends = onem2m.TimestampOf(time.Now().Add(time.Hour))
	for _, f := range change {
		f(&it)
	}
	return it
}

func lives(d time.Duration) func(*cmdh.Item) {
	return func(it *cmdh.Item) { it.Ends = onem2m.TimestampOf(time.Now().Add(d)) }
}
func category(n int64) func(*cmdh.Item)    { return func(it *cmdh.Item) { it.Category = n } }
func octets(n int64) func(*cmdh.Item)      { return func(it *cmdh.Item) { it.Size = n } }
func by(cse string) func(*cmdh.Item)       { return func(it *cmdh.Item) { it.By = cse } }
func named(from string) func(*cmdh.Item)   { return func(it *cmdh.Item) { it.From = from } }
func over(name string) func(*cmdh.Item)    { return func(it *cmdh.Item) { it.Network = name } }
func aggregated(it *cmdh.Item)             { it.Aggregate = true }
func hop(id onem2m.ID) func(*cmdh.Item)    { return func(it *cmdh.Item) { it.Hop = id } }
func to(target onem2m.ID) func(*cmdh.Item) { return func(it *cmdh.Item) { it.Target = target } }

// send has a request forwarded, and waits until everybody else waits.
func (y *yard) send(id string, it cmdh.Item) {
	y.t.Helper()
	go y.forward(y.t.Context(), id, it)
	synctest.Wait()
}

// forward is what a call does with a request.
func (y *yard) forward(ctx context.Context, id string, it cmdh.Item) {
	t, err := y.depot.Enter(y.active(), it)
	if err != nil {
		y.note("%s: %d", id, onem2m.AsError(err).Code)
		return
	}
	defer t.Leave()
	for {
		bundle, err := t.Wait(ctx)
		if err != nil {
			y.note("%s: %d", id, onem2m.AsError(err).Code)
			return
		}
		if again := y.attempt(ctx, id, t, bundle); !again {
			return
		}
	}
}

func (y *yard) attempt(ctx context.Context, id string, t *cmdh.Ticket, b *cmdh.Bundle) (again bool) {
	var reached bool
	if b != nil {
		outcome, err := b.Board(ctx, t, &onem2m.Request{RequestID: id})
		switch {
		case err != nil:
			y.note("%s: left behind", id)
			return false
		case outcome == cmdh.Declined || outcome == cmdh.Refused:
			t.Alone()
			return true
		}
		reached = outcome != cmdh.Unreachable
	} else {
		y.mu.Lock()
		y.attempts[id]++
		y.mu.Unlock()
		reached = y.reached == nil || y.reached(id)
	}
	if reached {
		t.Sent()
		if b == nil {
			y.note("%s", id)
		}
		return false
	}
	y.note("%s not reached", id)
	if err := t.Retry(onem2m.Errorf(onem2m.TargetNotReachable, "", "down")); err != nil {
		y.note("%s: %d", id, onem2m.AsError(err).Code)
		return false
	}
	return true
}

// expectSorted is expect for what happens at the same time.
func (y *yard) expectSorted(want ...string) {
	y.t.Helper()
	synctest.Wait()
	y.mu.Lock()
	slices.Sort(y.log)
	y.mu.Unlock()
	y.expect(want...)
}

func (y *yard) expect(want ...string) {
	y.t.Helper()
	synctest.Wait()
	y.mu.Lock()
	defer y.mu.Unlock()
	if diff := cmp.Diff(want, y.log); diff != "" {
		y.t.Error(diff)
	}
	y.log = nil
}

// rules makes a policy with these rules for all categories.
func rules(list ...cmdh.AccessRule) *cmdh.Policy {
	return &cmdh.Policy{Access: []cmdh.AccessRules{{Categories: []int64{0}, Rules: list}}}
}

func rule(t *testing.T, hours string, networks ...string) cmdh.AccessRule {
	t.Helper()
	if len(networks) == 0 {
		networks = []string{"default"}
	}
	return cmdh.AccessRule{Networks: networks, Schedule: []*onem2m.Schedule{schedule(t, hours)}}
}

const (
	always = "* * * * * * *"
	half   = "30-59 * * * * * *" // of every minute
)

func TestDepot_C190_MessagesWaitForTheirNetwork(t *testing.T) {
	t.Parallel()
	t.Run("C-190 until its schedule allows it, in the order of their coming", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			y := newYard(t, rules(rule(t, half)))
			y.send("a", item("a"))
			y.send("b", item("b"))
			y.send("now", item("now", category(cmdh.Immediate)))
			y.expect("0s now")
			time.Sleep(time.Minute)
			y.expectSorted("30s a", "30s b")
			y.stop()
		})
	})
	t.Run("C-190 until there is enough of their category", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := rule(t, always)
			r.MinVolume = 100
			y := newYard(t, rules(r))
			y.send("a", item("a", octets(60)))
			y.send("other", item("other", category(100), octets(60), lives(time.Second)))
			time.Sleep(2 * time.Second)
			y.expect("1s other: 4008")
			y.send("b", item("b", octets(40)))
			y.expectSorted("2s a", "2s b")
			y.stop()
		})
	})
	t.Run("C-190 by the rules for the network, or any where that isn't known", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			y := newYard(t, rules(rule(t, half, "cell"), rule(t, always, "wifi")))
			y.send("cell", item("cell", over("cell")))
			y.send("wifi", item("wifi", over("wifi")))
			y.send("any", item("any"))
			y.send("sat", item("sat", over("sat"), lives(time.Second)))
			time.Sleep(time.Minute)
			y.expect("0s wifi", "0s any", "1s sat: 4008", "30s cell")
			y.stop()
		})
	})
	t.Run("C-190 a random time longer, all of them together", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := rule(t, always)
			r.Spreading = 8 * time.Second
			y := newYard(t, rules(r))
			y.send("a", item("a"))
			time.Sleep(time.Second)
			y.send("b", item("b"))
			time.Sleep(time.Minute)
			y.expectSorted("4s a", "4s b")
			y.stop()
		})
	})
	t.Run("C-190 and under the policy that is active by then", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			y := newYard(t, rules(cmdh.AccessRule{Networks: []string{"none"}}))
			y.send("a", item("a"))
			y.mu.Lock()
			y.policy = nil
			y.mu.Unlock()
			time.Sleep(time.Minute)
			y.expect("20s a")
			y.stop()
		})
	})
}

func TestDepot_C191_WhatGivesWayIsAnswered(t *testing.T) {
	t.Parallel()
	buffers := []cmdh.Room{{Categories: []int64{0}, Size: 100, Priority: 1}, {Categories: []int64{100}, Size: 16 << 20, Priority: 5}}
	t.Run("C-190 by a later one of category latest", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := rules(rule(t, half))
			p.Buffers = buffers
			y := newYard(t, p)
			y.send("old", item("x", category(cmdh.Latest)))
			y.send("other", item("y", category(cmdh.Latest)))
			y.send("new", item("x", category(cmdh.Latest)))
			y.expect("0s old: 4105")
			y.send("full", item("full", octets(90)))
			y.expect("0s full: 5207")
			if err := y.depot.Check(p, item("z", octets(90)).Entry); onem2m.AsError(err).Code != onem2m.BadRequest {
				t.Errorf("there is room: %v", err)
			}
			if err := y.depot.Check(p, item("z", octets(90), category(cmdh.Immediate)).Entry); err != nil {
				t.Errorf("what is immediate needs none: %v", err)
			}
			if err := y.depot.Check(p, item("x", octets(80), category(cmdh.Latest)).Entry); err != nil {
				t.Errorf("what it replaces makes room: %v", err)
			}
			time.Sleep(time.Minute)
			y.expectSorted("30s new", "30s other")
			y.stop()
		})
	})
	t.Run("C-191 to a higher storage priority, when memory is short", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := rules(rule(t, half))
			p.Buffers = buffers
			y := newYard(t, p)
			y.send("first", item("first", octets(50)))
			y.send("last", item("last", octets(50)))
			y.send("greedy", item("greedy", category(100), octets(4<<20+1)))
			y.expect("0s greedy: 5207")
			for i := range 3 {
				y.send(fmt.Sprint(i), item(fmt.Sprint(i), category(100), octets(4<<20)))
			}
			y.send("big", item("big", category(100), octets(4<<20-60)))
			y.expect("0s last: 5207")
			time.Sleep(time.Minute)
			y.expectSorted("30s 0", "30s 1", "30s 2", "30s big", "30s first")
			y.stop()
		})
	})
	t.Run("C-190 one that is being sent is replaced when it comes back", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := rule(t, always)
			r.BackOff = []cmdh.BackOff{{Initial: 5 * time.Second, Maximum: 5 * time.Second}}
			y := newYard(t, rules(r))
			y.reached = func(id string) bool {
				if id == "old" {
					time.Sleep(time.Second)
				}
				return id != "old"
			}
			y.send("old", item("x", category(cmdh.Latest)))
			y.send("new", item("x", category(cmdh.Latest)))
			time.Sleep(time.Minute)
			y.expect("0s new", "1s old not reached", "1s old: 4105")
			y.stop()
		})
	})
	t.Run("C-191 nobody waits for it any more", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			y := newYard(t, rules(rule(t, half)))
			ctx, cancel := context.WithCancel(t.Context())
			go y.forward(ctx, "a", item("a"))
			synctest.Wait()
			cancel()
			y.expect("0s a: 4008")
			y.stop()
		})
	})
}

func TestDepot_C190_WhatIsNotReachedIsTriedAgain(t *testing.T) {
	t.Parallel()
	r := rule(t, always)
	r.BackOff = []cmdh.BackOff{{Initial: 10 * time.Second, Additional: 5 * time.Second, Maximum: 18 * time.Second, Random: 4 * time.Second}}
	t.Run("C-190 H.2.5 after longer and longer, all for one CSE together", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			y := newYard(t, rules(r))
			down := true
			y.reached = func(string) bool {
				y.mu.Lock()
				defer y.mu.Unlock()
				return !down
			}
			y.send("a", item("a", category(cmdh.Immediate)))
			time.Sleep(time.Second)
			y.send("b", item("b", lives(40*time.Second)))
			y.send("else", item("else", hop("//m2m.example/id-other")))
			time.Sleep(45 * time.Second)
			y.mu.Lock()
			want := map[string]int{"a": 3, "b": 2, "else": 3} // 0, 12 and 29 s; 1, 13 and 30 s
			if diff := cmp.Diff(want, y.attempts); diff != "" {
				t.Error(diff)
			}
			if last := y.log[len(y.log)-1]; last != "41s b: 4008" {
				t.Errorf("at last %s", last)
			}
			y.log = nil
			down = false
			y.mu.Unlock()
			time.Sleep(time.Minute)
			y.expectSorted("49s a", "50s else")
			y.stop()
		})
	})
	t.Run("C-190 not where no rule says when", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			y := newYard(t, nil)
			y.reached = func(string) bool { return false }
			y.send("a", item("a"))
			y.expect("0s a not reached", "0s a: 5103")
			y.stop()
		})
	})
}

func TestDepot_C190_ManyLeaveAFewAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, rules(rule(t, half)))
		under, most := 0, 0
		y.reached = func(string) bool {
			y.mu.Lock()
			under++
			most = max(most, under)
			y.mu.Unlock()
			time.Sleep(time.Second)
			y.mu.Lock()
			under--
			y.mu.Unlock()
			return true
		}
		for i := range 100 {
			y.send(fmt.Sprint(i), item(fmt.Sprint(i)))
		}
		time.Sleep(50 * time.Second)
		synctest.Wait()
		if len(y.log) != 100 || most != 32 {
			t.Errorf("%d were sent, %d at the same time", len(y.log), most)
		}
		y.stop()
	})
}

func TestDepot_C193_WhatMayGoTogetherLeavesInOne(t *testing.T) {
	t.Parallel()
	three := func(y *yard) {
		y.send("a", item("a", aggregated))
		y.send("b", item("b", aggregated))
		y.send("else", item("else", aggregated, to("//m2m.example/id-else")))
		y.send("c", item("c", aggregated))
		y.send("hasty", item("hasty", aggregated, lives(31*time.Second)))
	}
	t.Run("C-193 for one target", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			y := newYard(t, rules(rule(t, half)))
			three(y)
			time.Sleep(30*time.Second + 50*time.Millisecond)
			y.send("d", item("d", aggregated)) // waits for those before it
			time.Sleep(time.Second)
			y.expectSorted("30.1s d in one to //m2m.example/id-far", "30s a b c in one to //m2m.example/id-far", "30s else in one to //m2m.example/id-else", "30s hasty in one to //m2m.example/id-far")
			y.stop()
		})
	})
	t.Run("C-193 each as it is where nobody takes them, and so are later ones", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			y := newYard(t, nil)
			y.outcome = cmdh.Refused
			y.send("a", item("a", aggregated))
			time.Sleep(time.Second)
			y.send("b", item("b", aggregated))
			y.expect("0s a in one to //m2m.example/id-far", "0.1s a", "1s b")
			time.Sleep(10 * time.Minute)
			y.send("c", item("c", aggregated))
			time.Sleep(time.Second)
			y.expect("601s c in one to //m2m.example/id-far", "601.1s c")
			y.stop()
		})
	})
	t.Run("C-193 again when the next CSE was not reached", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := rule(t, always)
			r.BackOff = []cmdh.BackOff{{Initial: 5 * time.Second, Maximum: 5 * time.Second}}
			y := newYard(t, rules(r))
			y.outcome = cmdh.Unreachable
			y.send("a", item("a", aggregated))
			time.Sleep(time.Second)
			y.send("b", item("b", aggregated))
			y.mu.Lock()
			y.outcome = cmdh.Accepted
			y.mu.Unlock()
			time.Sleep(5 * time.Second)
			y.expect("0s a in one to //m2m.example/id-far", "0.1s a not reached", "5.1s a b in one to //m2m.example/id-far")
			y.stop()
		})
	})
	t.Run("C-193 without those who stay behind", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			y := newYard(t, rules(rule(t, half)))
			var stays *cmdh.Ticket
			go func() {
				stays, _ = y.depot.Enter(y.policy, item("stays", aggregated))
			}()
			y.send("a", item("a", aggregated))
			time.Sleep(35 * time.Second)
			y.expect()
			stays.Leave()
			y.expect("35s a in one to //m2m.example/id-far")
			time.Sleep(time.Second)
			y.stop()
		})
	})
	t.Run("C-193 what is immediate at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			y := newYard(t, nil)
			y.send("a", item("a", aggregated, category(cmdh.Immediate)))
			y.send("b", item("b", aggregated, category(cmdh.Immediate)))
			time.Sleep(time.Second)
			y.expect("0s a in one to //m2m.example/id-far", "0s b in one to //m2m.example/id-far")
			y.stop()
		})
	})
	t.Run("C-193 up to a length, beyond which no refusal says anything about others", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			y := newYard(t, rules(rule(t, half)))
			y.outcome = cmdh.Refused
			y.send("long", item("long", aggregated, octets(300<<10)))
			y.send("a", item("a", aggregated, octets(200<<10)))
			time.Sleep(35 * time.Second)
			y.expectSorted("30.1s a in one to //m2m.example/id-far", "30.1s long", "30.2s a", "30s long in one to //m2m.example/id-far")
			y.stop()
		})
	})
	t.Run("C-193 up to a number", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			y := newYard(t, rules(rule(t, half)))
			for i := range cmdh.MaxBundle + 1 {
				y.send(fmt.Sprint(i), item(fmt.Sprint(i), aggregated))
			}
			time.Sleep(35 * time.Second)
			synctest.Wait()
			if y.bundles != 2 || y.fates[cmdh.Bundled] != cmdh.MaxBundle+1 {
				t.Errorf("%d bundles: %v", y.bundles, y.fates)
			}
			y.stop()
		})
	})
}

// One CSE floods the depot: in the name of an originator that comes another way
// too, and in names that it invents.
func TestDepot_AFloodBroughtByOneCSELeavesOthersTheirs(t *testing.T) {
	t.Parallel()
	t.Run("C-190 of the memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			y := newYard(t, rules(rule(t, half)))
			for i := range 6 {
				y.send(fmt.Sprint("f", i), item("f", named(fmt.Sprint("/id-x/C", i)), by("/id-liar"), octets(2<<20)))
			}
			y.expect("0s f4: 5207", "0s f5: 5207")
			y.send("own", item("own", named("/id-x/C0"), octets(4<<20)))
			y.send("other", item("other", named("/id-x/C0"), by("/id-b"), octets(2<<20)))
			y.expect()
			time.Sleep(time.Minute)
			y.expectSorted("30s f0", "30s f1", "30s f2", "30s f3", "30s other", "30s own")
			y.stop()
		})
	})
	t.Run("C-191 of a room that a policy bounds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := rules(rule(t, half))
			p.Buffers = []cmdh.Room{{Categories: []int64{3}, Size: 100}}
			y := newYard(t, p)
			for i := range 7 {
				y.send(fmt.Sprint("f", i), item("f", named(fmt.Sprint("/id-x/C", i)), by("/id-liar")))
			}
			y.expect("0s f5: 5207", "0s f6: 5207")
			y.send("other", item("other", named("/id-x/C0"), by("/id-b")))
			y.send("own", item("own", octets(40)))
			y.expect()
			time.Sleep(time.Minute)
			y.stop()
		})
	})
	t.Run("C-190 it makes nothing of others out of date", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			y := newYard(t, rules(rule(t, half)))
			y.send("own", item("own", named("/id-x/C0"), category(4)))
			y.send("forged", item("forged", named("/id-x/C0"), by("/id-liar"), category(4)))
			y.expect()
			time.Sleep(time.Minute)
			y.expectSorted("30s forged", "30s own")
			y.stop()
		})
	})
}
