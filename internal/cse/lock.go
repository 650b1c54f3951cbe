package cse

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"bulwark/internal/store"
	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// allowRetrieves is the value of m2m:transactionLockType besides BLOCK_ALL.
const allowRetrieves = 2

// Bounds of the requests that wait for a locked resource, in all and of one
// originator. One more is refused at once (row 41 of the open points).
const (
	maxBlocked     = 1000
	maxBlockedEach = 100
)

// maxTransactions bounds the <transaction>s of one resource: every request to
// it looks at all of them.
const maxTransactions = 100

// locks are the resources that a transaction may keep locked, and who waits for
// them. What is in the store rules: an entry only says that it has to be asked.
type locks struct {
	some    atomic.Int64 // how many entries there are: none, mostly
	mu      sync.Mutex   // guards what follows
	held    map[int64]*lock
	waiting shares
}

type lock struct {
	count int           // how often the resource has been locked
	freed chan struct{} // closed when it is free
}

func (l *locks) init() {
	l.held, l.waiting = make(map[int64]*lock), newShares(maxBlockedEach, maxBlocked)
}

// may reports whether a resource may be locked.
func (l *locks) may(target int64) bool {
	if l.some.Load() == 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held[target] != nil
}

// engage notes that a resource is being locked, before the commit: what comes
// behind it in the same commit has to see it.
func (l *locks) engage(target int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.held[target]
	if e == nil {
		e = &lock{freed: make(chan struct{})}
		l.held[target] = e
		l.some.Add(1)
	}
	e.count++
}

// count is how often a resource has been locked.
func (l *locks) count(target int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.held[target]; e != nil {
		return e.count
	}
	return 0
}

// free lets go of a resource, unless it has been locked again meanwhile.
func (l *locks) free(target int64, count int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.held[target]; e != nil && e.count == count {
		delete(l.held, target)
		l.some.Add(-1)
		close(e.freed)
	}
}

// enter takes a place among those who wait for a resource. freed is nil if it
// is free already.
func (l *locks) enter(target int64, whose bringer) (freed <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.held[target]
	if e == nil {
		return nil, nil
	}
	if !l.waiting.take(whose) {
		return nil, onem2m.Errorf(onem2m.Conflict, "to", "the resource is locked by a transaction, and too many requests wait")
	}
	return e.freed, nil
}

func (l *locks) leave(whose bringer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting.give(whose)
}

// blockedError says that the target is locked by a transaction. It never leaves
// the CSE: the request waits.
type blockedError struct {
	target int64
	until  onem2m.Timestamp // when the lock ends by itself
}

func (e *blockedError) Error() string { return "the resource is locked by a transaction" }

// Unwrap is what is told where nobody can wait.
func (e *blockedError) Unwrap() error {
	return onem2m.Errorf(onem2m.Conflict, "to", "the resource is locked by a transaction")
}

// blockedBy returns the lock that an error speaks of, or nil.
func blockedBy(err error) *blockedError {
	b, _ := errors.AsType[*blockedError](err)
	return b
}

// eachHolder calls fn for every <transaction> that keeps a resource locked
// until it returns false.
func (c *CSE) eachHolder(r store.Reader, target int64, now onem2m.Timestamp, fn func(holder *store.Record) bool) error {
	if !c.locks.may(target) {
		return nil
	}
	list, err := r.Children(target, store.Page{Only: onem2m.TypeTransaction, Limit: 2 * maxTransactions})
	if err != nil {
		return err
	}
	for _, rec := range list {
		attrs := attributes(rec)
		if state, control := stateOf(attrs); !expired(rec, now) && state.Holds(control) && !fn(rec) {
			return nil
		}
	}
	return nil
}

func stateOf(attrs onem2m.Object) (transaction.State, transaction.Control) {
	s, _ := attrs.Int("trst")
	c, _ := attrs.Int("tctl")
	return transaction.State(s), transaction.Control(c)
}

// sameTransaction reports whether a <transaction> belongs to the transaction:
// an identifier is anybody's choice, so the creator counts as well.
func sameTransaction(attrs onem2m.Object, id, creator string) bool {
	tid, _ := attrs.Text("tid")
	cr, _ := attrs.Text("cr")
	return tid == id && cr == creator
}

// checkLock stops a request whose target a transaction keeps locked, unless it
// belongs to that transaction (TS-0001 clause 9.6.48). A notification is none
// of the operations that a lock is about, and a <transaction> says by its state
// that it didn't get the lock.
func (k *call) checkLock(r store.Reader, rec *store.Record) error {
	op := k.req.Operation
	if op == onem2m.Notify || op == onem2m.Create && k.ty == onem2m.TypeTransaction {
		return nil
	}
	var blocked *blockedError
	err := k.c.eachHolder(r, rec.ID, k.now, func(holder *store.Record) bool {
		attrs := attributes(holder)
		kind, _ := attrs.Int("tltp")
		switch {
		case k.under != nil && sameTransaction(attrs, k.under.id, k.under.creator):
		case op == onem2m.Retrieve && kind == allowRetrieves:
		default:
			blocked = &blockedError{target: rec.ID, until: holder.Expires}
		}
		return blocked == nil
	})
	if err == nil && blocked != nil {
		return blocked
	}
	return err
}

// checkLocks is checkLock for the target and, where that is virtual, for what it
// stands for as well: an instance, and the container that it is of.
func (k *call) checkLocks(r store.Reader, t target, rec *store.Record) error {
	if err := k.checkLock(r, t.rec); err != nil || t.rec.ID == rec.ID {
		return err
	}
	return k.checkLock(r, rec)
}

// patiently serves a request again and again while a transaction keeps its
// target locked, until it expires (row 41 of the open points). One that is
// carried out behind its acknowledgement waits as long as one that says nothing
// about its expiration: those that come after it need its place.
func (k *call) patiently(ctx context.Context, serve procedure) (*onem2m.Response, error) {
	res, err := k.enquiring(ctx, serve)
	if err == nil || blockedBy(err) == nil || within(ctx) != nil {
		return res, err
	}
	last := k.deadline()
	if soon := time.Now().Add(k.c.Timing.RequestExpiration); k.errand != nil && soon.Before(last) {
		last = soon
	}
	ctx, cancel := context.WithDeadline(ctx, last)
	defer cancel()
	for b := blockedBy(err); b != nil; b = blockedBy(err) {
		if err := k.awaitLock(ctx, b); err != nil {
			return nil, err
		}
		k.now = onem2m.TimestampOf(k.c.Now())
		res, err = k.enquiring(ctx, serve)
	}
	return res, err
}

// awaitLock waits until a resource may be free.
func (k *call) awaitLock(ctx context.Context, b *blockedError) error {
	whose := k.bringer()
	freed, err := k.c.locks.enter(b.target, whose)
	if err != nil || freed == nil {
		return err
	}
	defer k.c.locks.leave(whose)
	defer Yield(ctx)()
	now := onem2m.TimestampOf(k.c.Now())
	timer := time.NewTimer(b.until.Time().Sub(now.Time()))
	defer timer.Stop()
	select {
	case <-freed:
	case <-timer.C:
	case <-ctx.Done():
		return timedOut()
	}
	return nil
}

// mayLock reports whether a resource is free for a transaction.
func (c *CSE) mayLock(r store.Reader, target int64, now onem2m.Timestamp, id, creator string) (bool, error) {
	free := true
	err := c.eachHolder(r, target, now, func(holder *store.Record) bool {
		free = sameTransaction(attributes(holder), id, creator)
		return free
	})
	return free, err
}

// letGo tells those who wait for a resource, once it is durable, that a
// <transaction> doesn't lock it any more, whatever the store still says about
// that one. If another one does, they go on waiting.
func (c *CSE) letGo(tx store.Tx, target, except int64) error {
	held := false
	err := c.eachHolder(tx, target, onem2m.TimestampOf(c.Now()), func(holder *store.Record) bool {
		held = holder.ID != except
		return !held
	})
	if err != nil || held {
		return err
	}
	count := c.locks.count(target)
	tx.OnCommit(func() { c.locks.free(target, count) })
	return nil
}
