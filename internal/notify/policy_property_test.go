package notify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// policySets are what subscriptions of a history change between. None of them
// loses anything: what waits for a schedule is kept.
var policySets = []string{
	``,
	`,"bn":{"num":2,"dur":"PT20S"}`,
	`,"bn":{"num":5,"dur":"PT3S"}`,
	`,"rl":{"mnn":1,"tww":"PT4S"}`,
	`,"rl":{"mnn":3,"tww":"PT7S"},"bn":{"num":2,"dur":"PT5S"}`,
	`,"bn":{"num":1,"dur":"PT0S"}`,
}

// policyStep is one thing that happens in a random history of policies.
type policyStep struct {
	kind   int // 0 to 5 event, 6 other policies, 7 schedule, 8 restart, 9 end
	which  int
	policy int
	pause  time.Duration
}

var policySteps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) policyStep {
	return policyStep{
		kind:   rapid.IntRange(0, 9).Draw(t, "kind"),
		which:  rapid.IntRange(0, 2).Draw(t, "which"),
		policy: rapid.IntRange(0, len(policySets)-1).Draw(t, "policy"),
		pause:  time.Duration(rapid.IntRange(0, 2500).Draw(t, "pause")) * time.Millisecond,
	}
}), 1, 60)

// policyHistory runs random steps on three subscriptions.
type policyHistory struct {
	t        *testing.T
	b        *bench
	stop     func()
	subs     [3]*store.Record
	closed   [3]bool
	ended    [3]bool
	expected [3][]string
	n        int
}

func (h *policyHistory) attributes(i, policy int) string {
	return fmt.Sprintf(`"nu":["%s","%s"],"nct":2,"pn":2,"su":"%s"%s`, target(i), target(i+3), target(i), policySets[policy])
}

func (h *policyHistory) plan(i int) {
	var entries []*onem2m.Schedule
	if h.closed[i] {
		entries = schedule(h.t, "0-9,30-44 * * * * * *")
	}
	h.b.engine.Schedule(h.subs[i].RI, onem2m.TypeSubscription, entries)
}

func (h *policyHistory) do(s policyStep) {
	i := s.which
	switch {
	case s.kind <= 5:
		h.n++
		for i := range h.subs {
			if !h.ended[i] {
				h.expected[i] = append(h.expected[i], strconv.Itoa(h.n))
			}
		}
		h.b.touch(h.n)
	case s.kind == 8:
		h.stop()
		h.b.engine = h.b.newEngine(h.b.store, h.b.sender, nil)
		for i := range h.subs {
			h.plan(i)
		}
		h.stop = h.b.run(h.b.engine)
	case h.ended[i]:
	case s.kind == 6:
		old := h.subs[i]
		next := &store.Record{ID: old.ID, Parent: old.Parent, RI: old.RI, RN: old.RN, Type: old.Type, Attributes: []byte(`{` + h.attributes(i, s.policy) + `}`)}
		h.b.update(func(tx store.Tx) error {
			if err := h.b.engine.Changed(tx, old, next); err != nil {
				return err
			}
			return tx.Replace(next)
		})
		h.subs[i] = next
	case s.kind == 7:
		h.closed[i] = !h.closed[i]
		h.plan(i)
	case s.kind == 9:
		h.b.unsubscribe(h.subs[i])
		h.ended[i] = true
	}
}

// check compares what arrived at both targets of each subscription.
func (h *policyHistory) check(calls []call) (wrong []string) {
	for i := range h.subs {
		for _, url := range []string{target(i), target(i + 3)} {
			text := strings.NewReplacer("[", "", "]", "", "+", " ").Replace(numbers(calls, url))
			got := strings.Fields(text)
			if h.ended[i] && url == target(i) {
				if len(got) == 0 || got[len(got)-1] != "sud" {
					wrong = append(wrong, fmt.Sprintf("%s: no last word at the end of %v", url, got))
					continue
				}
				got = got[:len(got)-1]
			}
			if h.ended[i] && subsequence(got, h.expected[i]) || slices.Equal(got, h.expected[i]) {
				continue
			}
			wrong = append(wrong, fmt.Sprintf("%s (ended %v): got %v, want %v", url, h.ended[i], got, h.expected[i]))
		}
	}
	return wrong
}

// subsequence reports whether all of list is in other, in order and once.
func subsequence(list, other []string) bool {
	for _, one := range list {
		i := slices.Index(other, one)
		if i < 0 {
			return false
		}
		other = other[i+1:]
	}
	return true
}

// TestPolicy_C301_C303_C311_RandomHistories: whatever policies hold back, each
// event reaches each target of each live subscription once and in order, through
// changes of policies, schedules and stops, and nothing follows the last word.
func TestPolicy_C301_C303_C311_RandomHistories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		all := policySteps.Draw(rt, "steps")
		first := rapid.SliceOfN(rapid.IntRange(0, len(policySets)-1), 3, 3).Draw(rt, "first")
		var wrong []string
		synctest.Test(t, func(t *testing.T) {
			h := &policyHistory{t: t, b: newBench(t, nil)}
			for i := range h.subs {
				h.subs[i] = h.b.subscribe(fmt.Sprint("s", i), h.attributes(i, first[i]))
			}
			h.stop = h.b.run(h.b.engine)
			for _, s := range all {
				h.do(s)
				time.Sleep(s.pause)
			}
			time.Sleep(20 * time.Minute) // the last batches go, schedules open
			wrong = h.check(h.b.sender.seen())
			for _, d := range h.b.queued() {
				if d.Held != noteRate {
					wrong = append(wrong, fmt.Sprintf("left in the outbox: %+v", d))
				}
			}
			if n := h.b.engine.shelf.count.Load(); n != 0 {
				wrong = append(wrong, fmt.Sprintf("%d boxes left", n))
			}
			h.stop()
		})
		if len(wrong) > 0 {
			rt.Fatal(strings.Join(wrong, "\n"))
		}
	})
}
