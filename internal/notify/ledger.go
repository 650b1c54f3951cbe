package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

const (
	ledgerBatch  = 512             // entries stored in one transaction
	ledgerRoom   = 4096            // entries that wait before workers have to
	ledgerPause  = time.Second     // rest after the store failed
	ledgerFinish = 5 * time.Second // what a stop leaves to the store
)

// entry is one change of the outbox that has to be stored: the end of a
// delivery, or its postponement when attempts is set.
type entry struct {
	id           int64
	subscription string
	event        int64
	final        bool
	delivered    bool
	target       string
	events       int // that it told of
	sent         int // how often
	answered     bool
	tellers      []string // subscriptions that an aggregated one of a group tells for

	attempts  int
	notBefore onem2m.Timestamp

	stored chan struct{} // closed when stored, or when there is no hope of it
}

// count names one event of one subscription.
type count struct {
	subscription string
	event        int64
}

// ledger stores the ends of deliveries in batches, so that a commit isn't paid
// for each. What isn't stored when the process dies is delivered again.
type ledger struct {
	mu      sync.Mutex
	room    sync.Cond // entries have been taken
	entries []entry
	dropped []arrival // still to be reported
	closed  bool
	wake    chan struct{}

	// spoilt holds events of counting subscriptions of which a target was lost,
	// as long as others are under way: they don't count (C-308). Only the
	// goroutine of keep touches it.
	spoilt map[count]bool
}

func (l *ledger) init() {
	l.room.L = &l.mu
	l.wake = make(chan struct{}, 1)
	l.spoilt = map[count]bool{}
}

// settle notes the end of a delivery and waits for room. The channel is closed
// when it is stored.
func (l *ledger) settle(ctx context.Context, en entry) <-chan struct{} {
	l.await(ctx)
	en.stored = make(chan struct{})
	l.note(en)
	return en.stored
}

// await waits until there is room, the ledger is closed or ctx ends.
func (l *ledger) await(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) < ledgerRoom {
		return
	}
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.room.Broadcast()
	})
	defer stop()
	for len(l.entries) >= ledgerRoom && !l.closed && ctx.Err() == nil {
		l.room.Wait()
	}
}

// postpone notes that a delivery has to wait.
func (l *ledger) postpone(en entry) { l.note(en) }

// drop notes deliveries that a full queue has lost. It never waits: it is
// called in the writer.
func (l *ledger) drop(lost []arrival) {
	if len(lost) == 0 {
		return
	}
	l.mu.Lock()
	l.dropped = append(l.dropped, lost...)
	l.mu.Unlock()
	l.nudge()
}

// note appends an entry.
func (l *ledger) note(en entry) {
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.entries = append(l.entries, en)
	}
	l.mu.Unlock()
	if closed {
		if en.stored != nil {
			close(en.stored)
		}
		return
	}
	l.nudge()
}

func (l *ledger) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// open makes the ledger take entries, for a new Run.
func (l *ledger) open() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = false
}

// close takes no more entries; what is there is still stored.
func (l *ledger) close() {
	l.mu.Lock()
	l.closed = true
	l.room.Broadcast()
	l.mu.Unlock()
	l.nudge()
}

// next takes up to a batch of entries, and all drops. over says that there is
// nothing and never will be.
func (l *ledger) next() (batch []entry, dropped []arrival, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.entries), ledgerBatch)
	batch, l.entries = l.entries[:n:n], l.entries[n:]
	dropped, l.dropped = l.dropped, nil
	l.room.Broadcast()
	return batch, dropped, l.closed && len(batch) == 0 && len(dropped) == 0
}

// keep stores entries until the ledger is closed and empty. When ctx ends
// before, the rest is left to be delivered again.
func (e *Engine) keep(ctx context.Context) {
	for {
		batch, dropped, over := e.ledger.next()
		if over {
			return
		}
		for _, a := range dropped {
			if a.item.id != 0 { // others were settled where they were dropped
				batch = append(batch, entry{id: a.item.id, subscription: a.item.subscription, event: a.item.event, final: a.item.final, target: a.target, events: a.item.events})
			}
			why, err := a.why, error(nil)
			if why == 0 {
				why = Overflowed
			}
			if why == Overflowed {
				err = errFull
				if a.full {
					err = errOutboxFull
				}
			}
			e.report(Outcome{
				Kind: why, Target: a.target, Subscription: a.item.subscription,
				RequestID: a.item.requestID(), Attempts: a.item.attempts, Err: err,
			})
		}
		if len(batch) == 0 {
			<-e.ledger.wake
			continue
		}
		e.book(ctx, batch)
	}
}

// Why an overflow drops something.
var (
	errFull       = errors.New("the queue of the target is full")
	errOutboxFull = errors.New("the outbox is full")
)

// book stores entries: together if that works, else one by one, again and
// again as long as the store is down and ctx goes on.
func (e *Engine) book(ctx context.Context, batch []entry) {
	for len(batch) > 0 && ctx.Err() == nil {
		err := e.commit(ctx, batch, true)
		if err == nil {
			release(batch)
			return
		}
		e.log.Error("outbox not updated", "entries", len(batch), "error", err)
		var left []entry
		for _, en := range batch {
			one := []entry{en}
			if e.commit(ctx, one, true) == nil || e.commit(ctx, one, false) == nil {
				release(one)
			} else {
				left = append(left, en)
			}
		}
		if batch = left; len(batch) > 0 {
			rest(ctx, ledgerPause)
		}
	}
	release(batch)
}

// release tells who waits for the entries.
func release(batch []entry) {
	for _, en := range batch {
		if en.stored != nil {
			close(en.stored)
		}
	}
}

// rest waits for d or the end of ctx.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// commit stores entries in one transaction, with or without counting down.
func (e *Engine) commit(ctx context.Context, batch []entry, counting bool) error {
	marks, spoilt := map[count]bool{}, maps.Clone(e.ledger.spoilt)
	err := e.store.Update(ctx, func(tx store.Tx) error {
		clear(marks) // it may run again
		for _, en := range batch {
			if err := e.apply(tx, en, counting, spoilt, marks); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for c, set := range marks {
		if set {
			e.ledger.spoilt[c] = true
		} else {
			delete(e.ledger.spoilt, c)
		}
	}
	return nil
}

// apply stores one entry; marks are the changes of spoilt that it makes.
func (e *Engine) apply(tx store.Tx, en entry, counting bool, spoilt, marks map[count]bool) error {
	if en.attempts > 0 {
		return known(tx.Postpone(en.id, en.attempts, en.notBefore))
	}
	if err := known(tx.Settle(en.id)); err != nil {
		return err
	}
	if len(en.tellers) > 0 && counting {
		return e.credit(tx, en)
	}
	if en.final || !counting {
		return nil
	}
	c := count{en.subscription, en.event}
	sub, err := tx.ByRI(en.subscription)
	if errors.Is(err, store.ErrNotFound) {
		marks[c] = false
		return nil
	}
	if err != nil {
		return err
	}
	s := compiled(sub)
	if s.statistics {
		if sub, err = withStatistics(sub, en); err != nil {
			return err
		}
		if err := tx.Replace(sub); err != nil {
			return err
		}
	}
	if s.counter <= 0 {
		marks[c] = false
		return nil
	}
	left, err := tx.Undelivered(en.subscription, en.event)
	if err != nil {
		return err
	}
	lost, marked := marks[c]
	lost = lost || !marked && spoilt[c] || !en.delivered
	if left > 0 {
		marks[c] = lost
		return nil
	}
	marks[c] = false
	if lost {
		return nil
	}
	return e.countDown(tx, sub, s.counter-1)
}

// known forgives that an outbox entry is gone already.
func known(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// countDown stores the expirationCounter after an event that every target has
// taken, and ends the subscription at zero (C-308).
func (e *Engine) countDown(tx store.Tx, sub *store.Record, left int64) error {
	if left <= 0 && e.expire != nil {
		if err := e.expire(tx, sub); err != nil {
			return fmt.Errorf("expire subscription %s: %w", sub.RI, err)
		}
		return nil
	}
	next, err := withCounter(sub, left)
	if err != nil {
		return err
	}
	return tx.Replace(next)
}
