package cmdh_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"bulwark/internal/cmdh"
	"bulwark/onem2m"
)

// haul is one request of a random history.
type haul struct {
	start, life, patience time.Duration
	category, size        int64
	from                  string
	hop                   onem2m.ID
	aggregate             bool
	failures              int // times that its next CSE isn't reached
	takes                 time.Duration
}

var hauls = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) haul {
	ms := func(low, high int, name string) time.Duration {
		return time.Duration(rapid.IntRange(low, high).Draw(t, name)) * 100 * time.Millisecond
	}
	return haul{
		start: ms(0, 900, "start"), life: ms(0, 1500, "life"), patience: ms(1, 4000, "patience"), takes: ms(0, 50, "takes"),
		category: rapid.SampledFrom([]int64{2, 3, 4, 100}).Draw(t, "ec"), size: rapid.Int64Range(0, 60).Draw(t, "size"),
		from: rapid.SampledFrom([]string{"/a", "/b"}).Draw(t, "from"), hop: rapid.SampledFrom([]onem2m.ID{"//sp/x", "//sp/y"}).Draw(t, "hop"),
		aggregate: rapid.Bool().Draw(t, "da"), failures: rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "failures"),
	}
}), 1, 60)

// hauling runs a history and watches what must never happen.
type hauling struct {
	depot  *cmdh.Depot
	policy *cmdh.Policy

	mu     sync.Mutex // guards what follows
	down   map[string]int
	ended  map[string]int
	sent   map[string]int
	wrong  []string
	refuse map[onem2m.ID]bool
}

func (h *hauling) fault(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrong = append(h.wrong, fmt.Sprintf(format, args...))
}

// unlucky reports whether the next attempt for a request fails.
func (h *hauling) unlucky(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down[id] == 0 {
		h.sent[id]++
		return false
	}
	h.down[id]--
	return true
}

// inTime: nothing leaves while its rule forbids it.
func (h *hauling) inTime(category int64) {
	if s := time.Now().Second(); category != cmdh.Immediate && s < 30 {
		h.fault("something of category %d left at second %d", category, s)
	}
}

func (h *hauling) carry(ctx context.Context, b *cmdh.Bundle) cmdh.Outcome {
	h.inTime(b.Category)
	select {
	case <-time.After(300 * time.Millisecond):
	case <-ctx.Done():
		return cmdh.Lost
	}
	h.mu.Lock()
	refused := h.refuse[b.Hop]
	h.mu.Unlock()
	if refused {
		return cmdh.Refused
	}
	first := b.Requests()[0].RequestID
	if h.unlucky(first) {
		return cmdh.Unreachable
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, req := range b.Requests()[1:] {
		h.sent[req.RequestID]++
	}
	return cmdh.Accepted
}

func (h *hauling) run(id string, q haul) {
	time.Sleep(q.start)
	ctx, cancel := context.WithTimeout(context.Background(), q.patience)
	defer cancel()
	it := item(q.from, category(q.category), octets(q.size), hop(q.hop), lives(q.life))
	it.Aggregate = q.aggregate
	t, err := h.depot.Enter(h.policy, it)
	if low, high := h.depot.Stored(0), h.depot.Stored(1); low > 200 || high > 200 {
		h.fault("%d and %d octets wait", low, high)
	}
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.ended[id]++
	}()
	if err != nil {
		return
	}
	defer t.Leave()
	for {
		b, err := t.Wait(ctx)
		if err != nil {
			return
		}
		if h.attempt(ctx, id, q, t, b) {
			return
		}
	}
}

// attempt lets a request go and reports whether it has come to an end.
func (h *hauling) attempt(ctx context.Context, id string, q haul, t *cmdh.Ticket, b *cmdh.Bundle) bool {
	h.inTime(q.category)
	if b != nil {
		outcome, err := b.Board(ctx, t, &onem2m.Request{RequestID: id})
		switch {
		case err != nil || outcome == cmdh.Lost:
			return true
		case outcome == cmdh.Declined || outcome == cmdh.Refused:
			t.Alone()
			return false
		case outcome == cmdh.Accepted:
			t.Sent()
			return true
		}
		return t.Retry(onem2m.Errorf(onem2m.TargetNotReachable, "", "down")) != nil
	}
	time.Sleep(q.takes)
	if h.unlucky(id) {
		return t.Retry(onem2m.Errorf(onem2m.TargetNotReachable, "", "down")) != nil
	}
	t.Sent()
	return true
}

// Whatever comes and goes at whatever time: each request has one end, leaves once
// at most and only when its network is allowed, and nothing is left behind.
func TestDepot_C190_C191_C193_EachRequestHasOneEnd(t *testing.T) {
	t.Parallel()
	r := rule(t, half)
	r.Spreading = 3 * time.Second
	r.BackOff = []cmdh.BackOff{{Initial: 2 * time.Second, Additional: time.Second, Maximum: 5 * time.Second, Random: time.Second}}
	p := rules(r)
	p.Buffers = []cmdh.Room{{Categories: []int64{0}, Size: 200, Priority: 1}, {Categories: []int64{100}, Size: 200, Priority: 5}}
	rapid.Check(t, func(rt *rapid.T) {
		list := hauls.Draw(rt, "requests")
		refuse := map[onem2m.ID]bool{"//sp/x": rapid.Bool().Draw(rt, "refused")}
		var wrong []string
		synctest.Test(t, func(*testing.T) { wrong = history(p, list, refuse) })
		if len(wrong) > 0 {
			rt.Fatal(wrong)
		}
	})
}

func history(p *cmdh.Policy, list []haul, refuse map[onem2m.ID]bool) []string {
	h := &hauling{
		policy: p, down: map[string]int{}, ended: map[string]int{}, sent: map[string]int{}, refuse: refuse,
	}
	fates := 0
	h.depot = cmdh.NewDepot(cmdh.DepotOptions{
		Now: time.Now, Random: func() float64 { return 0.5 }, Carry: h.carry,
		Policy: func(context.Context) (*cmdh.Policy, error) { return p, nil },
		Observe: func(cmdh.Fate) {
			h.mu.Lock()
			defer h.mu.Unlock()
			fates++
		},
	})
	ctx, stop := context.WithCancel(context.Background())
	var running, calls sync.WaitGroup
	running.Go(func() { h.depot.Run(ctx) })
	for i, q := range list {
		h.down[fmt.Sprint(i)] = q.failures
	}
	for i, q := range list {
		calls.Go(func() { h.run(fmt.Sprint(i), q) })
	}
	calls.Wait()
	synctest.Wait() // a bundle that everybody has left is broken off
	if n, under := h.depot.Len(), h.depot.UnderWay(); n != 0 || under != 0 {
		h.fault("%d are left, %d under way", n, under)
	}
	stop()
	running.Wait()
	if fates != len(list) {
		h.fault("%d fates of %d requests", fates, len(list))
	}
	for i := range list {
		id := fmt.Sprint(i)
		if h.ended[id] != 1 || h.sent[id] > 1 {
			h.fault("%s ended %d times and was sent %d times", id, h.ended[id], h.sent[id])
		}
	}
	return h.wrong
}
