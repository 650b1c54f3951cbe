package cse

import (
	"context"
	"sync"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Bounds of the transactions that wait for other CSEs at the same time: one
// originator, whose CSEs may be slow, keeps nobody else's waiting, and neither does
// a CSE that brings those of many.
const (
	spanWorkers = 16
	maxSpanning = 4 // of one originator
)

// spans are the <transactionMgmt>s with targets on other CSEs that have something
// to do. What is in the store rules: this is a view of it.
type spans struct {
	via func(onem2m.ID) onem2m.ID // the neighbour that brings what an originator sends; "" for none

	mu     sync.Mutex // guards what follows
	open   map[int64]*spanDue
	busy   map[onem2m.ID]int // how many of an originator are on their way
	driven shares            // those that a worker drives
	wake   chan struct{}     // capacity 1
}

type spanDue struct {
	who   onem2m.ID
	by    *bringer         // who pays for the worker that drives it; nil: none does
	at    onem2m.Timestamp // 0: nothing is to be done
	busy  chan struct{}    // closed when nobody drives it any more; nil: nobody does
	until onem2m.Timestamp // a request waits for it until then: it isn't removed
}

func (s *spans) init() {
	s.open, s.busy, s.wake = make(map[int64]*spanDue), make(map[onem2m.ID]int), make(chan struct{}, 1)
	s.driven = newShares(maxSpanning, spanWorkers)
}

// entry returns what is known of a transaction. The lock is held.
func (s *spans) entry(id int64, who onem2m.ID) *spanDue {
	e := s.open[id]
	if e == nil {
		e = &spanDue{}
		s.open[id] = e
	}
	if who != "" {
		e.who = who
	}
	return e
}

func (s *spans) arm(id int64, who onem2m.ID, at onem2m.Timestamp) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entry(id, who).at = at
	s.rouse()
}

func (s *spans) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// disarm: nothing is to be done about a transaction, for now or for ever.
func (s *spans) disarm(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.open[id]; e != nil {
		e.at = 0
		s.tidy(id, e)
	}
}

func (s *spans) tidy(id int64, e *spanDue) {
	if e.at == 0 && e.busy == nil && e.until == 0 {
		delete(s.open, id)
	}
}

// watch lets a request wait for a transaction. It is called in the writer, before
// anybody can drive it.
func (s *spans) watch(id int64, who onem2m.ID, until onem2m.Timestamp) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entry(id, who).until = until
}

func (s *spans) unwatch(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.open[id]; e != nil {
		if e.at == e.until {
			e.at = 1 // what was put off for the request
		}
		e.until = 0
		s.tidy(id, e)
		s.rouse()
	}
}

// watched is until when a request waits for a transaction; 0 if none does.
func (s *spans) watched(id int64, now onem2m.Timestamp) onem2m.Timestamp {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.open[id]; e != nil && e.until > now {
		return e.until
	}
	return 0
}

// claim takes one transaction if it is due. If somebody else drives it, busy
// tells when that is over.
func (s *spans) claim(id int64, now onem2m.Timestamp) (mine bool, busy <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := s.open[id]; {
	case e == nil:
		return false, nil
	case e.busy != nil:
		return false, e.busy
	case e.at == 0 || e.at > now:
		return false, nil
	default:
		s.begin(e)
		return true, nil
	}
}

func (s *spans) begin(e *spanDue) {
	e.busy = make(chan struct{})
	s.busy[e.who]++
}

// next takes the transaction that is due first. If there is none it returns when
// the next one is, 0 if never.
func (s *spans) next(now onem2m.Timestamp) (id int64, at onem2m.Timestamp) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first *spanDue
	for n, e := range s.open {
		switch {
		case e.at == 0 || e.busy != nil || s.busy[e.who] >= maxSpanning || !s.driven.has(s.payer(e)):
		case first == nil || e.at < first.at:
			first, id = e, n
		}
	}
	switch {
	case first == nil:
		return 0, 0
	case first.at > now:
		return 0, first.at
	}
	s.begin(first)
	by := s.payer(first)
	first.by = &by
	s.driven.occupy(by)
	return id, 0
}

// payer is whose place a worker takes that drives a transaction. The lock is held.
func (s *spans) payer(e *spanDue) bringer {
	b := bringer{who: e.who}
	if s.via != nil {
		b.peer = s.via(e.who)
	}
	return b
}

// release gives a transaction back.
func (s *spans) release(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.open[id]
	close(e.busy)
	e.busy = nil
	if e.by != nil {
		s.driven.give(*e.by)
		e.by = nil
	}
	if s.busy[e.who]--; s.busy[e.who] == 0 {
		delete(s.busy, e.who)
	}
	s.tidy(id, e)
	s.rouse()
}

// runSpans drives what is due until ctx ends, several at the same time.
func (c *CSE) runSpans(ctx context.Context) {
	var group sync.WaitGroup
	for range spanWorkers {
		group.Go(func() {
			for ctx.Err() == nil {
				c.spans.wait(ctx, c.AdvanceSpans(ctx), c.instant())
			}
		})
	}
	group.Wait()
}

// wait returns at an instant, at the latest after an hour, or when something
// changes.
func (s *spans) wait(ctx context.Context, at, now onem2m.Timestamp) {
	long := time.Hour
	if at != 0 {
		long = max(time.Millisecond, min(long, at.Time().Sub(now.Time())))
	}
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-s.wake:
	}
}

// AdvanceSpans takes the steps that are due of transactions with targets on other
// CSEs, and returns when the next one is; 0 if never.
func (c *CSE) AdvanceSpans(ctx context.Context) onem2m.Timestamp {
	for ctx.Err() == nil {
		id, at := c.spans.next(c.instant())
		if id == 0 {
			return at
		}
		c.spans.rouse() // there may be more for others
		c.driveClaimed(ctx, id)
	}
	return 0
}

// driveClaimed drives a transaction that was claimed, and gives it back. One that
// can't be driven is tried again a little later.
func (c *CSE) driveClaimed(ctx context.Context, id int64) {
	defer c.spans.release(id)
	ctx, cancel := context.WithTimeout(ctx, spanPatience)
	defer cancel()
	if err := c.drive(ctx, id); err != nil {
		c.Log.ErrorContext(ctx, "transaction", "resource", id, "err", err)
		c.spans.arm(id, "", c.instant()+onem2m.Timestamp(retryDetection.Microseconds()))
	}
}

// awaitSpan lets the request that has moved a transaction wait until it has come
// as far as it can, and returns it then; nil if nothing is known.
func (c *CSE) awaitSpan(ctx context.Context, id int64) *store.Record {
	defer c.spans.unwatch(id)
	defer Yield(ctx)()
	ctx = context.WithValue(ctx, yieldKey{}, nil)
	for {
		mine, busy := c.spans.claim(id, c.instant())
		if mine {
			c.driveClaimed(ctx, id)
			break
		}
		if busy == nil {
			break
		}
		select {
		case <-busy:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	var rec *store.Record
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	err := c.Store.Read(late, func(r store.Reader) (err error) {
		rec, err = r.ByID(id)
		return gone(err)
	})
	if err != nil {
		c.Log.ErrorContext(ctx, "transaction", "resource", id, "err", err)
	}
	return rec
}
