package cse

import (
	"container/heap"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// What the originator of a flexible request does: nothing, wait for the
// result, or wait no longer because the result goes to it.
const (
	waiterGone int32 = iota
	waiterWaits
	waiterAnswered
)

// errand is a <request> that isn't carried out yet.
type errand struct {
	id          int64 // surrogate of the <request>
	ri          string
	whose       bringer
	due         onem2m.Timestamp
	interrupted bool   // a fan-out, or what was sent to another CSE, that was broken off
	begun       bool   // such a one that has begun
	running     bool   // guarded by the backlog
	removed     bool   // guarded by the backlog
	recall      func() // guarded by the backlog; breaks it off while it rests, else nil

	done    *onem2m.Response // the result that a crash has kept from being settled; of the worker alone
	settled *onem2m.Response // the result, once it is stored; of the worker alone
	waiting atomic.Int32
	answer  chan *onem2m.Response // closed when nothing comes any more
}

// backlog holds the errands, a bounded number, and knows which is next.
type backlog struct {
	mu     sync.Mutex // guards what follows
	known  map[string]*errand
	queue  dueErrands
	shares shares
	wake   chan struct{} // capacity 1
}

func (b *backlog) init(limit int) {
	b.known = make(map[string]*errand)
	b.shares = newShares(max(1, limit/8), limit) // no originator may fill it alone
	b.wake = make(chan struct{}, 1)
}

// reserve takes a place, or reports that there is none.
func (b *backlog) reserve(e *errand) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shares.take(e.whose)
}

// note makes an errand known before its <request> can be seen.
func (b *backlog) note(e *errand) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known[e.ri] = e
}

// release gives back the place of an errand whose <request> wasn't stored.
func (b *backlog) release(e *errand) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.known, e.ri)
	b.shares.give(e.whose)
}

// add puts an errand that has its place into the queue.
func (b *backlog) add(e *errand) {
	b.mu.Lock()
	if !e.removed {
		heap.Push(&b.queue, e)
	}
	b.mu.Unlock()
	b.nudge()
}

// adopt adds an errand of an earlier life, unless it is known.
func (b *backlog) adopt(e *errand) {
	b.mu.Lock()
	known := b.known[e.ri] != nil
	if !known {
		b.known[e.ri] = e
		b.shares.occupy(e.whose)
	}
	b.mu.Unlock()
	if !known {
		b.add(e)
	}
}

func (b *backlog) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// next takes the errand that is due, or returns how long there is none.
func (b *backlog) next(now onem2m.Timestamp) (*errand, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.queue) > 0 {
		e := b.queue[0]
		if e.due > now {
			return nil, e.due.Time().Sub(now.Time())
		}
		heap.Pop(&b.queue)
		if e.removed {
			continue
		}
		e.running = true
		return e, 0
	}
	return nil, time.Hour
}

// end lets go of an errand, or puts it off when its result couldn't be kept.
func (b *backlog) end(e *errand, again bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.running = false
	if again && !e.removed {
		e.interrupted = e.begun // what has begun isn't done twice
		e.due += onem2m.Timestamp(time.Second.Microseconds())
		heap.Push(&b.queue, e)
		return
	}
	if !e.removed {
		delete(b.known, e.ri)
		b.shares.give(e.whose)
	}
	close(e.answer)
}

// busy reports whether an errand is being carried out.
func (b *backlog) busy(ri string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.known[ri]
	return e != nil && e.running && e.recall == nil
}

// rest says whether an errand that is being carried out only waits, so that it
// can be recalled.
func (b *backlog) rest(e *errand, on bool, recall func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.recall = nil
	if on {
		e.recall = recall
	}
}

// forget gives up an errand whose <request> was removed.
func (b *backlog) forget(ri string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.known[ri]
	if e == nil {
		return
	}
	e.removed = true
	delete(b.known, ri)
	b.shares.give(e.whose)
	if !e.running {
		close(e.answer)
	}
	if e.recall != nil {
		e.recall()
	}
}

// dueErrands is a heap: earliest due first, then the order of arrival.
type dueErrands []*errand

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (h dueErrands) Len() int { return len(h) }

// Less puts the earlier first.
func (h dueErrands) Less(i, j int) bool {
	return h[i].due < h[j].due || h[i].due == h[j].due && h[i].id < h[j].id
}

// Swap changes two places.
func (h dueErrands) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push adds an *errand.
func (h *dueErrands) Push(x any) {
	if e, ok := x.(*errand); ok {
		*h = append(*h, e)
	}
}

// Pop removes the last one.
func (h *dueErrands) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}

// runErrands carries out non-blocking requests until ctx ends, beginning with
// those of an earlier life.
func (c *CSE) runErrands(ctx context.Context) {
	for err := c.loadErrands(ctx); err != nil && ctx.Err() == nil; err = c.loadErrands(ctx) {
		c.Log.ErrorContext(ctx, "non-blocking requests not read", "err", err)
		pause(ctx, time.Second)
	}
	var workers sync.WaitGroup
	defer workers.Wait()
	places := make(chan struct{}, c.Limits.Workers)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		e := c.nextErrand(ctx, timer)
		if e == nil {
			<-places // for those that come back to it
			return
		}
		workers.Go(func() {
			defer func() { <-places }()
			seat := &seat{places: places} // what waits for another CSE keeps no other request waiting
			c.carryOut(WithYield(ctx, seat.give), e)
		})
	}
}

// nextErrand waits for an errand that is due; nil when ctx ends.
func (c *CSE) nextErrand(ctx context.Context, timer *time.Timer) *errand {
	for ctx.Err() == nil {
		e, wait := c.backlog.next(onem2m.TimestampOf(c.Now()))
		if e != nil {
			return e
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-c.backlog.wake:
		case <-timer.C:
		}
	}
	return nil
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// loadErrands reads what was acknowledged and not carried out.
func (c *CSE) loadErrands(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		after := int64(0)
		for {
			list, err := r.OfType(onem2m.TypeRequest, after, 500)
			if err != nil || len(list) == 0 {
				return err
			}
			for _, rec := range list {
				after = rec.ID
				rs, _ := attributes(rec).Int("rs")
				if rs != statusPending && rs != statusPartial && rs != statusForwarded || c.alive(r, rec, onem2m.TimestampOf(c.Now())) != nil {
					continue
				}
				c.backlog.adopt(&errand{
					id: rec.ID, ri: rec.RI, whose: bringer{rec.Origin, c.deduced(rec.Origin, c.instant()).Peer}, due: c.dueOf(rec),
					interrupted: brokenOff(attributes(rec)), answer: make(chan *onem2m.Response, 1),
				})
			}
		}
	})
}

// brokenOff reports whether what a <request> stands for may have had effects
// that can't be had twice. A RETRIEVE is asked again, by each of its members.
func brokenOff(request onem2m.Object) bool {
	rs, _ := request.Int("rs")
	op, _ := request.Int("op")
	return (rs == statusForwarded || rs == statusPartial) && op != int64(onem2m.Retrieve)
}

// dueOf reads when the operation of a <request> may begin: oet, or at once. What
// is for another CSE is sent at once.
func (c *CSE) dueOf(rec *store.Record) onem2m.Timestamp {
	attrs := attributes(rec)
	to, _ := attrs.Text("tg")
	if address, err := onem2m.ParseAddress(to); err == nil {
		if _, here := c.hosted(address); !here {
			return 0
		}
	}
	meta, _ := attrs.Object("mi")
	oet, ok := meta.Text("oet")
	if !ok {
		return 0
	}
	from := rec.Created
	if ot, _ := meta.Text("ot"); ot != "" {
		if t, err := onem2m.ParseTimestamp(ot); err == nil {
			from = t
		}
	}
	t, err := onem2m.ParseAbsRel(oet, from)
	if err != nil {
		return 0
	}
	return t
}
