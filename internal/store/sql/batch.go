package sql

import (
	"context"
	"errors"
	"fmt"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// batch is the transaction that several jobs share, with what they changed so
// far. Only the writer touches it.
type batch struct {
	s        *Store
	c        *conn
	begun    bool
	broken   error // the transaction is in doubt: nothing of it may be kept
	changes  map[int64]change
	families map[family2]struct{}
	bound    map[onem2m.ID]string // "" for a binding that was removed
	hooks    []func()
	greatest int64 // number among those changed
}

// change is the latest version of a record that the batch changed.
type change struct {
	record  *store.Record // nil once removed or detached
	counted bool          // the counters aren't in the table yet
	added   bool          // by this batch
}

// family2 names the children of one type of one parent that the batch changed.
type family2 struct {
	parent int64
	ty     onem2m.ResourceType
}

func newBatch(s *Store) *batch {
	return &batch{
		s: s, c: s.writer,
		changes: map[int64]change{}, families: map[family2]struct{}{}, bound: map[onem2m.ID]string{},
	}
}

// run runs one job. Whatever an erring job did is undone, and only that.
func (b *batch) run(j *job) {
	if b.broken != nil {
		return // answered with the error of the batch
	}
	t := &transaction{b: b, hooks: len(b.hooks)}
	err := b.s.guarded(j.ctx, func() error { return j.fn(t) })
	t.over = true
	if err != nil {
		j.err = err
		t.rollback()
		return
	}
	if t.saved {
		_ = b.fail(b.c.exec(stRelease)) // the batch remembers
	}
}

// fail notes an error that leaves the transaction in doubt, and returns it.
func (b *batch) fail(_ int64, err error) error {
	if err != nil && b.broken == nil {
		b.broken = err
	}
	return err
}

// begin opens the transaction before the first write.
func (b *batch) begin() error {
	if b.broken != nil || b.begun {
		return b.broken
	}
	if err := b.fail(b.c.exec(stBeginWrite)); err != nil {
		return err
	}
	b.begun = true
	for _, n := range []*numbers{&b.s.resources, &b.s.deliveries} {
		if n.low() {
			if err := b.fail(0, n.reserve(b.c)); err != nil {
				return err
			}
		}
	}
	return nil
}

// commit makes everything durable and visible, or nothing.
func (b *batch) commit() error {
	if b.broken == nil && b.begun {
		b.flush()
	}
	if b.broken == nil && b.begun {
		b.s.cache.begin()
		if err := b.fail(b.c.exec(stCommit)); err == nil {
			b.s.resources.settle()
			b.s.deliveries.settle()
			b.s.cache.publish(b.show)
			return nil
		}
		b.s.cache.abandon()
	}
	if b.broken == nil {
		return nil // nothing was written
	}
	if b.begun {
		_, err := b.c.exec(stRollback) // fails if the engine has done it already
		if err != nil {
			b.broken = errors.Join(b.broken, err)
		}
		b.s.resources.forget()
		b.s.deliveries.forget()
	}
	return b.broken
}

// flush writes the counters that were only noted: once per record and commit.
func (b *batch) flush() {
	for id, ch := range b.changes {
		if !ch.counted || ch.record == nil {
			continue
		}
		n, err := b.c.exec(stCount, id, ch.record.Counters.State, ch.record.Counters.Count, ch.record.Counters.Bytes)
		if err == nil && n != 1 {
			err = fmt.Errorf("store: counters of %d: %d rows", id, n)
		}
		if b.fail(n, err) != nil {
			return
		}
	}
}

// show brings the cache up to date. It runs under the lock of the cache.
func (b *batch) show(clock uint64) {
	c := b.s.cache
	for f := range b.families {
		if c.families[f.parent] != nil {
			c.putFamily(f.parent, c.familyOf(f.parent).without(f.ty), clock)
		}
	}
	for id, ch := range b.changes {
		if ch.record == nil {
			c.drop(id)
			continue
		}
		c.put(ch.record, clock)
		b.greatest = max(b.greatest, id)
		if ch.added && store.Bulk(ch.record.Type) {
			b.showNewest(ch.record, clock)
		}
	}
	b.s.settled = max(b.s.settled, b.greatest)
	for id, credential := range b.bound {
		c.putBound(id, credential)
	}
}

// showNewest notes an instance as the newest of its parent. Only a number
// greater than all before can be known to be that.
func (b *batch) showNewest(r *store.Record, clock uint64) {
	c := b.s.cache
	if r.ID <= b.s.settled {
		return
	}
	f := c.familyOf(r.Parent)
	for _, e := range f.newest {
		if e.record.Type == r.Type && e.record.ID > r.ID {
			return
		}
	}
	c.putFamily(r.Parent, f.withNewest(r, 0), clock)
}

// runHooks runs what the jobs left for after the commit.
func (b *batch) runHooks() {
	for _, hook := range b.hooks {
		// The error is logged; the commit stands whatever a hook does.
		_ = b.s.guarded(context.Background(), func() error { hook(); return nil })
	}
}
