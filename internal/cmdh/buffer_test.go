package cmdh_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/internal/cmdh"
	"bulwark/onem2m"
)

func ids(list []cmdh.Entry) string {
	var names []string
	for _, e := range list {
		names = append(names, e.ID)
	}
	return strings.Join(names, " ")
}

func TestBuffer_C190_ALaterMessageOfCategoryLatestReplaces(t *testing.T) {
	t.Parallel()
	b := cmdh.NewBuffer(nil, 0)
	for _, c := range []struct {
		e    cmdh.Entry
		gone string
	}{
		{cmdh.Entry{ID: "1", From: "/a", To: "/b", Op: onem2m.Create, Category: 4}, ""},
		{cmdh.Entry{ID: "2", From: "/a", To: "/b", Op: onem2m.Update, Category: 4}, ""},
		{cmdh.Entry{ID: "3", From: "/a", To: "/b", Op: onem2m.Create, Category: 3}, ""},
		{cmdh.Entry{ID: "4", From: "/a", To: "/b", Op: onem2m.Create, Category: 4}, "1 3"},
		{cmdh.Entry{ID: "5", Response: true, From: "/a", To: "/b", Op: onem2m.Create, Category: 4}, ""},
		{cmdh.Entry{ID: "6", From: "/x", To: "/y", Op: onem2m.Notify, Subscription: "s1", Category: 4}, ""},
		{cmdh.Entry{ID: "7", From: "/x", To: "/y", Op: onem2m.Notify, Subscription: "s2", Category: 4}, ""},
		{cmdh.Entry{ID: "8", From: "/x", To: "/z", Op: onem2m.Notify, Subscription: "s1", Category: 4}, "6"},
		{cmdh.Entry{ID: "9", From: "/x", To: "/y", Op: onem2m.Notify, Category: 4}, ""},
	} {
		gone, ok := b.Put(c.e)
		if got := ids(gone); got != c.gone || !ok {
			t.Errorf("%s: %q gave way (%t), want %q", c.e.ID, got, ok, c.gone)
		}
	}
	if b.Len() != 6 {
		t.Errorf("%d wait", b.Len())
	}
}

func TestBuffer_C191_LowerPrioritiesGiveWayAndWhatIsOverGoes(t *testing.T) {
	t.Parallel()
	b := cmdh.NewBuffer(policy(t), 150)
	put := func(id string, category, size, ends int64, want string, fits bool) {
		t.Helper()
		gone, ok := b.Put(cmdh.Entry{ID: id, From: id, To: "/b", Op: onem2m.Create, Category: category, Size: size, Ends: seconds(ends)})
		if got := ids(gone); got != want || ok != fits {
			t.Errorf("%s: %q gave way (%t), want %q (%t)", id, got, ok, want, fits)
		}
	}
	put("a", 3, 40, 10, "", true)
	put("b", 3, 40, 20, "", true)
	put("c", 3, 40, 30, "", false) // more than its categories may take
	put("d", 3, 20, 30, "", true)
	put("e", 100, 50, 30, "", true)   // all full now
	put("f", 100, 10, 30, "d", true)  // the last of the lowest priority goes
	put("g", 100, 50, 30, "b", true)  // and the one before it
	put("h", 100, 200, 30, "", false) // nothing goes for what doesn't fit even so
	put("i", 3, 60, 30, "", false)    // its own priority isn't lower
	if got := ids(b.Expire(seconds(10))); got != "a" {
		t.Errorf("over: %q, want a", got)
	}
	if !b.Remove("e") || b.Remove("e") || b.Len() != 2 {
		t.Errorf("%d wait after e was sent", b.Len())
	}
}

func TestAccess_C190_NetworksBySchedule(t *testing.T) {
	t.Parallel()
	p := policy(t)
	evening := onem2m.TimestampOf(time.Date(2026, 3, 4, 22, 0, 0, 0, time.UTC))
	for _, c := range []struct {
		name     string
		policy   *cmdh.Policy
		category int64
		network  string
		waiting  int64
		end      onem2m.Timestamp
		from     onem2m.Timestamp
		ok       bool
	}{
		{"no policy", nil, 3, "cell", 0, cmdh.Infinite, start, true},
		{"immediate asks nobody", p, 2, "cell", 0, start, start, true},
		{"only at night", p, 3, "cell", 50, cmdh.Infinite, evening, true},
		{"not before there is enough", p, 3, "cell", 49, cmdh.Infinite, 0, false},
		{"too late then", p, 3, "cell", 50, evening, 0, false},
		{"a network that isn't known", p, 3, "", 0, cmdh.Infinite, evening, true},
		{"nor need it be one whose conditions nobody knows", p, 100, "", 0, cmdh.Infinite, start, true},
		{"any other network", p, 3, "wifi", 0, cmdh.Infinite, evening, true},
		{"at once for another category", p, 100, "wifi", 0, cmdh.Infinite, start, true},
		{"conditions that nobody knows are never met", p, 100, "sat", 0, cmdh.Infinite, 0, false},
		{"a category without rules", p, 101, "wifi", 0, cmdh.Infinite, 0, false},
	} {
		_, from, ok := c.policy.Rule(c.category, c.network, c.waiting, start, c.end)
		if from != c.from || ok != c.ok {
			t.Errorf("%s: from %s %t, want %s %t", c.name, from, ok, c.from, c.ok)
		}
	}
	for _, c := range []struct {
		m    cmdh.Message
		from onem2m.Timestamp // 0: never in time
	}{
		{cmdh.Message{Category: 3, RequestExpiration: evening + 1}, evening},
		{cmdh.Message{Category: 3, RequestExpiration: evening}, 0},
		{cmdh.Message{Category: 3}, evening},
		{cmdh.Message{Category: 3, Response: true, ResultExpiration: evening}, 0},
		{cmdh.Message{Category: 2, RequestExpiration: evening}, start},
		{cmdh.Message{Category: 100}, start},
		{cmdh.Message{Category: 101}, 0},
	} {
		from, err := p.Deliverable(&c.m, start)
		if from != c.from || (err == nil) != (c.from != 0) {
			t.Errorf("C-189 %+v: from %s, %v", c.m, from, err)
		}
	}
}

func TestBackOff_GrowsToItsMaximum(t *testing.T) {
	t.Parallel()
	rule, _, _ := policy(t).Rule(3, "cell", 50, start, cmdh.Infinite)
	b, ok := rule.BackOffFor(1)
	if !ok {
		t.Fatal("no back-off for any action")
	}
	var got []time.Duration
	for n := range 5 {
		got = append(got, b.Wait(n+1, 0.5))
	}
	want := []time.Duration{time.Second, 1500 * time.Millisecond, 2 * time.Second, 2200 * time.Millisecond, 2200 * time.Millisecond}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if b, _ = rule.BackOffFor(2); b.Wait(3, 0.5) != 60*time.Millisecond {
		t.Errorf("of its own: %s", b.Wait(3, 0.5))
	}
	if b.Wait(1_000_000_000, 0) != 10*time.Millisecond {
		t.Error("many failures")
	}
}

// A buffer never holds more than it may, and what gives way is never of a
// higher priority than what it gives way to.
func TestBuffer_C191_NeverHoldsMoreThanItMay(t *testing.T) {
	t.Parallel()
	p := policy(t)
	rapid.Check(t, func(t *rapid.T) {
		b := cmdh.NewBuffer(p, 300)
		held := map[string]cmdh.Entry{}
		for i := range rapid.IntRange(1, 40).Draw(t, "n") {
			e := cmdh.Entry{
				ID: string(rune('A' + i)), From: rapid.SampledFrom([]string{"/a", "/b"}).Draw(t, "from"), To: "/t", Op: onem2m.Create,
				Category: rapid.SampledFrom([]int64{3, 4, 100}).Draw(t, "ec"), Size: rapid.Int64Range(0, 200).Draw(t, "size"),
			}
			gone, ok := b.Put(e)
			if !ok && len(gone) > 0 {
				t.Fatal("something gave way to nothing")
			}
			for _, g := range gone {
				if g.Category == 100 && e.Category != 4 && e.Category != 100 {
					t.Fatalf("%v gave way to %v", g, e)
				}
				delete(held, g.ID)
			}
			if ok {
				held[e.ID] = e
			}
			var all, low, high int64
			for _, h := range held {
				all += h.Size
				if h.Category == 100 {
					high += h.Size
				} else {
					low += h.Size
				}
			}
			if all > 300 || low > 100 || high > 1000 || len(held) != b.Len() {
				t.Fatalf("%d octets, %d and %d; %d messages, want %d", all, low, high, b.Len(), len(held))
			}
		}
	})
}
