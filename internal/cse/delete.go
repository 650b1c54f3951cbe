package cse

import (
	"context"

	"bulwark/access"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// delete is the generic DELETE procedure (core section 9).
func (k *call) delete(ctx context.Context) (*onem2m.Response, error) {
	release, err := k.hold(ctx)
	defer release()
	if err != nil {
		return nil, err
	}
	res := &onem2m.Response{Code: onem2m.Deleted}
	var own arrearSpan // what copies elsewhere are owed
	err = k.c.Store.Update(ctx, func(tx store.Tx) error {
		if k.expires <= onem2m.TimestampOf(k.c.Now()) {
			return timedOut()
		}
		rec, err := k.vetDelete(tx)
		if err != nil {
			return err
		}
		if k.rcn != 0 { // as it was immediately before (C-124)
			if res, err = k.result(ctx, tx, rec); err != nil {
				return err
			}
			res.Code = onem2m.Deleted
		}
		if err := k.observeRemoval(tx, rec); err != nil {
			return err
		}
		if p := k.c.types[rec.Type]; p != nil && p.delete != nil {
			if err := p.delete(k, tx, rec); err != nil {
				return err
			}
		}
		before := k.c.arrears.made.Load()
		if err := k.c.removeTree(tx, rec, k.from.ID); err != nil {
			return err
		}
		own = k.c.arrears.since(before)
		return k.settle(tx, res)
	})
	if err != nil {
		return nil, err
	}
	k.c.payOwn(ctx, own)
	return res, nil
}

// vetDelete runs rows 18 to 20 of core section 4.
func (k *call) vetDelete(r store.Reader) (*store.Record, error) {
	t, err := k.c.resolve(r, k.address.Path, k.now)
	if err != nil {
		return nil, err
	}
	if t.rec.ID == baseID && t.virtual == "" {
		return nil, onem2m.Errorf(onem2m.OperationNotAllowed, "to", "a <CSEBase> isn't deleted")
	}
	rec, err := k.reached(r, t)
	if err != nil {
		return nil, err
	}
	if p := k.c.types[rec.Type]; p != nil && p.noDelete {
		return nil, onem2m.Errorf(onem2m.OperationNotAllowed, "to", "this resource isn't deleted by request")
	}
	if err := k.matchTarget(r, rec); err != nil { // C-125
		return nil, err
	}
	if p := k.c.types[rec.Type]; p != nil && p.governs != nil {
		err = p.governs(k, rec)
	} else {
		err = k.authorizeNaming(r, rec, onem2m.Delete, access.Delete, k.removedNames())
	}
	if err != nil {
		return nil, k.concealed(err)
	}
	if err := k.checkLocks(r, t, rec); err != nil {
		return nil, err
	}
	if p := k.c.types[rec.Type]; p != nil && p.retrievable != nil {
		return rec, k.concealed(p.retrievable(k, r, rec))
	}
	return rec, nil
}

// reached returns the resource that a target stands for: behind <latest> and
// <oldest> the instance, which must exist before anything else is looked at
// (C-026).
func (k *call) reached(r store.Reader, t target) (*store.Record, error) {
	if t.virtual == "" {
		return t.rec, nil
	}
	rec, err := r.Edge(t.rec.ID, k.c.types[t.rec.Type].instances, t.virtual == "la", k.now)
	if err != nil {
		return nil, missing(err)
	}
	return rec, nil
}

// removeTree deletes rec and everything below it: at once for everybody, and
// row by row as far as one transaction goes; the sweep does the rest.
func (c *CSE) removeTree(tx store.Tx, rec *store.Record, who onem2m.ID) error {
	if err := c.uncount(tx, rec); err != nil {
		return err
	}
	if rec.Parent != 0 {
		parent, err := tx.ByID(rec.Parent)
		if err == nil {
			err = c.Notifier.Record(tx, notify.Event{Type: notify.ChildDeleted, Resource: parent, Child: c.publicRecord(rec), Originator: who})
		}
		if err != nil {
			return missing(err)
		}
	}
	c.closeRoom(tx, rec)
	reaper := reaper{c: c, tx: tx, who: who, budget: c.Limits.Removals}
	leaf, err := reaper.leaf(rec)
	if err != nil {
		return err
	}
	if !leaf {
		if err := tx.Detach(rec.ID); err != nil {
			return err
		}
	}
	done, err := reaper.remove(rec)
	if err != nil {
		return err
	}
	if !done {
		tx.OnCommit(c.wakeSweep)
	}
	return c.giveRoom(tx, rec.Parent, reaper.removed)
}

// uncount takes a direct instance out of its container's counters (C-122, C-243).
func (c *CSE) uncount(tx store.Tx, rec *store.Record) error {
	parent, err := tx.ByID(rec.Parent)
	if err != nil {
		return missing(err)
	}
	p := c.types[parent.Type]
	if p == nil || p.instances != rec.Type {
		return nil
	}
	if !parent.Counted {
		return c.uncountInstance(tx, parent, rec)
	}
	n := parent.Counters
	n.Count--
	n.Bytes -= rec.Size
	return tx.Count(parent.ID, n)
}

// reaper removes a detached subtree, children first, within a budget.
type reaper struct {
	c      *CSE
	tx     store.Tx
	who    onem2m.ID
	budget int

	removed int // records so far
}

func (x *reaper) leaf(rec *store.Record) (bool, error) {
	children, err := x.tx.Children(rec.ID, store.Page{Limit: 1})
	return len(children) == 0, err
}

// remove deletes rec after everything below it and reports whether the budget
// lasted. Subscriptions go first: they tell of the deletion of rec (net 2) and
// then of their own end (C-282), and none is left for a later run to repeat it.
func (x *reaper) remove(rec *store.Record) (bool, error) {
	subscriptions, err := x.tx.Subscriptions(rec.ID)
	if err != nil {
		return false, err
	}
	if len(subscriptions) > 0 {
		if err := x.c.Notifier.Record(x.tx, notify.Event{Type: notify.Deleted, Resource: x.c.publicRecord(rec), Originator: x.who}); err != nil {
			return false, err
		}
	}
	// All of them at once, whatever the budget: a later run must find none.
	budget := x.budget
	for _, subscription := range subscriptions {
		x.budget = max(x.budget, x.c.Limits.Removals)
		if done, err := x.remove(subscription); err != nil || !done {
			return done, err
		}
	}
	x.budget = budget - len(subscriptions)
	for {
		children, err := x.tx.Children(rec.ID, store.Page{Limit: 200})
		if err != nil {
			return false, err
		}
		if len(children) == 0 {
			break
		}
		for _, child := range children {
			if done, err := x.remove(child); err != nil || !done {
				return done, err
			}
		}
	}
	if x.budget <= 0 {
		return false, nil
	}
	x.budget--
	if p := x.c.types[rec.Type]; p != nil && p.remove != nil {
		if err := p.remove(x.c, x.tx, rec); err != nil {
			return false, err
		}
	}
	x.c.noteReferences(x.tx, rec)
	if err := x.c.withdraw(x.tx, rec); err != nil {
		return false, err
	}
	if err := x.c.endDynamic(x.tx, rec); err != nil {
		return false, err
	}
	x.removed++
	return true, x.tx.Remove(rec.ID)
}
