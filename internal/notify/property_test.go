package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// step is one thing that happens in a random history.
type step struct {
	kind    int // 0 subscribe, 1 and 2 event, 3 unsubscribe, 4 change the targets
	which   int // index of the subscription
	targets []int
	pause   time.Duration
}

var steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	return step{
		kind:    rapid.IntRange(0, 4).Draw(t, "kind"),
		which:   rapid.IntRange(0, 3).Draw(t, "which"),
		targets: rapid.SliceOfNDistinct(rapid.IntRange(0, 3), 1, 4, rapid.ID).Draw(t, "targets"),
		pause:   time.Duration(rapid.IntRange(0, 3000).Draw(t, "pause")) * time.Millisecond,
	}
}), 1, 60)

// target names the targets of a history; the last words go to one of their own.
func target(i int) string { return fmt.Sprintf("http://192.0.2.50/%d", i) }

// history runs random steps and keeps what has to arrive.
type history struct {
	b        *bench
	live     map[int]*store.Record
	expected map[string][]string // by subscription and target
	ended    map[string]bool     // subscriptions that are gone
	n        int
	made     int
}

func key(sub, target string) string { return sub + " " + target }

func (h *history) do(s step) {
	switch s.kind {
	case 0:
		if h.live[s.which] != nil {
			return
		}
		h.made++
		h.live[s.which] = h.b.subscribe(fmt.Sprint("s", h.made), h.attributes(s))
	case 1, 2:
		h.n++
		for _, sub := range h.live {
			for _, t := range compiled(sub).targets {
				h.expected[key(sub.RI, t)] = append(h.expected[key(sub.RI, t)], modified(sub.RI, h.n))
			}
		}
		h.b.touch(h.n)
	case 3:
		if sub := h.live[s.which]; sub != nil {
			h.b.unsubscribe(sub)
			h.ended[sub.RI] = true
			delete(h.live, s.which)
		}
	case 4:
		if sub := h.live[s.which]; sub != nil {
			next := &store.Record{
				ID: sub.ID, Parent: sub.Parent, RI: sub.RI, RN: sub.RN, Type: sub.Type,
				Attributes: []byte(`{` + h.attributes(s) + `}`),
			}
			h.b.update(func(tx store.Tx) error { return tx.Replace(next) })
			h.live[s.which] = next
		}
	}
}

func (h *history) attributes(s step) string {
	var nu []string
	for _, i := range s.targets {
		nu = append(nu, `"`+target(i)+`"`)
	}
	return `"nu":[` + strings.Join(nu, ",") + fmt.Sprintf(`],"nct":2,"su":"%s"`, target(s.targets[0]+s.which%2*10))
}

// check compares what arrived, in order of arrival, with what had to.
func (h *history) check(arrived []call) []string {
	var wrong []string
	got := map[string][]string{}
	over := map[string]bool{}
	for _, c := range arrived {
		for ri := 1; ri <= h.made; ri++ {
			sub := fmt.Sprint("s", ri)
			if !strings.HasSuffix(c.content, `"sur":"/id-in/`+sub+`"}}`) {
				continue
			}
			if over[sub] {
				wrong = append(wrong, "after the last word of "+sub+": "+c.content)
			}
			if strings.Contains(c.content, `"sud":true`) {
				over[sub] = true
				continue
			}
			got[key(sub, c.url)] = append(got[key(sub, c.url)], c.content)
		}
	}
	for k, want := range h.expected {
		sub, _, _ := strings.Cut(k, " ")
		have := got[k]
		delete(got, k)
		if h.ended[sub] && len(have) < len(want) {
			want = want[:len(have)] // the rest was discarded with it
		}
		if !slices.Equal(want, have) {
			wrong = append(wrong, fmt.Sprintf("%s: got %v, want %v", k, have, want))
		}
	}
	for k, have := range got {
		wrong = append(wrong, fmt.Sprintf("%s: unexpected %v", k, have))
	}
	for sub := range h.ended {
		if !over[sub] {
			wrong = append(wrong, "no last word of "+sub)
		}
	}
	return wrong
}

// TestDelivery_C480_RandomHistories: each event reaches each target of each
// live subscription once and in order, however the targets behave, and nothing
// follows the last word.
func TestDelivery_C480_RandomHistories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		all := steps.Draw(rt, "steps")
		moods := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 40).Draw(rt, "moods")
		var wrong []string
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, func(o *Options) { o.Limits.Workers = 4; o.Limits.PayloadMemory = 300 })
			arrived := moody(b, moods)
			defer b.run(b.engine)()
			h := &history{b: b, live: map[int]*store.Record{}, expected: map[string][]string{}, ended: map[string]bool{}}
			for _, s := range all {
				h.do(s)
				time.Sleep(s.pause)
			}
			time.Sleep(45 * time.Minute)
			wrong = h.check(arrived())
			if n := b.engine.Pending(); n != 0 || len(b.queued()) != 0 {
				wrong = append(wrong, fmt.Sprintf("%d pending, %d in the outbox", n, len(b.queued())))
			}
		})
		if len(wrong) > 0 {
			rt.Fatal(strings.Join(wrong, "\n"))
		}
	})
}

// moody makes the sender fail, dawdle or work as the numbers say, and returns
// what gives the requests that were taken, in the order in which they were.
func moody(b *bench, moods []int) func() []call {
	var mu sync.Mutex
	var taken []call
	turn, failures := 0, 0
	b.sender.answer = func(ctx context.Context, c call) (*onem2m.Response, error) {
		mu.Lock()
		mood := moods[turn%len(moods)]
		turn++
		if mood < 2 {
			failures++
		}
		if failures > 12 {
			mood = 2 // so that nothing is given up
		}
		mu.Unlock()
		switch mood {
		case 0:
			return nil, errRefusedConnection
		case 1:
			return code(onem2m.InternalServerError)(ctx, c)
		case 3:
			time.Sleep(700 * time.Millisecond)
		case 4:
			time.Sleep(8 * time.Second)
		}
		mu.Lock()
		defer mu.Unlock()
		taken = append(taken, c)
		return ok(c)
	}
	return func() []call {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(taken)
	}
}
