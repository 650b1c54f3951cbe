package sql

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// transaction is the Tx of one job.
type transaction struct {
	b        *batch
	saved    bool // the savepoint is set
	over     bool // fn has returned
	reserved bool // numbers were reserved behind the savepoint
	undo     []former
	unbound  []formerBinding
	hooks    int // hooks of the batch before this job
}

var _ store.Tx = (*transaction)(nil)

// former is what the batch knew of a record before the job changed it.
type former struct {
	id    int64
	known bool
	change
}

// formerBinding is the same for a binding.
type formerBinding struct {
	id         onem2m.ID
	known      bool
	credential string
}

var errOver = errors.New("store: transaction used after its function returned")

// ready opens the transaction and sets the savepoint before the job's first
// write, so that jobs that only read or count cost no statement.
func (t *transaction) ready() error {
	if t.over {
		return errOver
	}
	if err := t.b.begin(); err != nil || t.saved {
		return err
	}
	if err := t.b.fail(t.b.c.exec(stSavepoint)); err != nil {
		return err
	}
	t.saved = true
	return nil
}

// exec runs a write. A violated constraint has undone the statement and is the
// job's affair; any other error breaks the batch.
func (t *transaction) exec(s statement, values ...driver.Value) (int64, error) {
	if err := t.ready(); err != nil {
		return 0, err
	}
	n, err := t.b.c.exec(s, values...)
	return n, t.judge(err)
}

// judge tells a violated constraint from an error that breaks the batch.
func (t *transaction) judge(err error) error {
	switch {
	case err == nil:
		return nil
	case broken(err):
		return t.b.fail(0, err)
	default:
		return fmt.Errorf("%w: %w", store.ErrConflict, err)
	}
}

// set notes a new version of a record.
func (t *transaction) set(id int64, ch change) {
	old, known := t.b.changes[id]
	t.undo = append(t.undo, former{id: id, known: known, change: old})
	t.b.changes[id] = ch
}

// touch notes that the children of one type have changed, where the cache keeps
// something of them. It isn't undone: it only costs a look-up.
func (t *transaction) touch(parent int64, ty onem2m.ResourceType) {
	if ty == onem2m.TypeSubscription || store.Bulk(ty) {
		t.b.families[family2{parent, ty}] = struct{}{}
	}
}

// mark is how far a job has got: what it did behind it can be undone.
type mark struct{ undo, unbound, hooks int }

func (t *transaction) mark() mark {
	return mark{undo: len(t.undo), unbound: len(t.unbound), hooks: len(t.b.hooks)}
}

// rollback undoes what the job did.
func (t *transaction) rollback() {
	t.forget(mark{hooks: t.hooks})
	if t.saved {
		t.revert()
	}
}

// forget brings what the batch knows back to a mark.
func (t *transaction) forget(m mark) {
	b := t.b
	for _, u := range slices.Backward(t.undo[m.undo:]) {
		if u.known {
			b.changes[u.id] = u.change
		} else {
			delete(b.changes, u.id)
		}
	}
	for _, u := range slices.Backward(t.unbound[m.unbound:]) {
		if u.known {
			b.bound[u.id] = u.credential
		} else {
			delete(b.bound, u.id)
		}
	}
	t.undo, t.unbound = t.undo[:m.undo], t.unbound[:m.unbound]
	clear(b.hooks[m.hooks:])
	b.hooks = b.hooks[:m.hooks]
}

// revert brings the tables back to the latest savepoint and ends it.
func (t *transaction) revert() {
	b := t.b
	if b.broken != nil || b.fail(b.c.exec(stUndo)) != nil || b.fail(b.c.exec(stRelease)) != nil {
		return
	}
	if t.reserved {
		_ = b.fail(0, errors.Join(b.s.resources.reserve(b.c), b.s.deliveries.reserve(b.c)))
	}
}

// Try implements store.Tx. Its savepoint has the name of the job's: the latest
// one of a name counts.
func (t *transaction) Try(fn func() error) error {
	if err := t.ready(); err != nil {
		return err
	}
	if err := t.b.fail(t.b.c.exec(stSavepoint)); err != nil {
		return err
	}
	m, kept := t.mark(), false
	defer func() {
		if !kept { // a panic too: the job's own savepoint must be the latest again
			t.forget(m)
			t.revert()
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	kept = true
	return t.b.fail(t.b.c.exec(stRelease))
}

// number returns the next number of n, reserving more if a single batch has
// used up a whole block. If that fails the batch is broken and keeps nothing.
func (t *transaction) number(n *numbers) int64 {
	if n.next >= n.reserved && t.ready() == nil && n.next >= n.reserved {
		t.reserved = true
		_ = t.b.fail(0, n.reserve(t.b.c))
	}
	n.next++
	return n.next - 1
}
