package cse

import (
	"context"
	"errors"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// wakeSweep asks Run for a sweep now.
func (c *CSE) wakeSweep() {
	select {
	case c.sweep <- struct{}{}:
	default: // one is asked for already
	}
}

// Sweep removes what has expired and what a deletion left behind, in
// transactions of bounded size (C-407, C-412).
func (c *CSE) Sweep(ctx context.Context) error {
	for more := true; more; {
		err := c.Store.Update(ctx, func(tx store.Tx) (err error) {
			if more, err = c.sweepDetached(tx); err != nil || more {
				return err
			}
			more, err = c.sweepExpired(tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sweepDetached goes on with one deleted subtree.
func (c *CSE) sweepDetached(tx store.Tx) (more bool, err error) {
	roots, err := tx.Detached(1)
	if err != nil || len(roots) == 0 {
		return false, err
	}
	reaper := reaper{c: c, tx: tx, who: c.Home.ID(), budget: c.Limits.Removals}
	_, err = reaper.remove(roots[0])
	return true, err
}

// sweepBatch is how many expired resources one transaction takes up.
const sweepBatch = 50

// sweepExpired deletes resources that are due, exactly as a DELETE by the CSE,
// and reports whether it found any.
func (c *CSE) sweepExpired(tx store.Tx) (more bool, err error) {
	now := onem2m.TimestampOf(c.Now())
	due, err := tx.Due(now, sweepBatch)
	if err != nil {
		return false, err
	}
	for _, rec := range due {
		if _, err := tx.ByID(rec.ID); errors.Is(err, store.ErrNotFound) {
			continue // went with its parent a moment ago
		} else if err != nil {
			return false, err
		}
		if _, err := tx.ByID(rec.Parent); errors.Is(err, store.ErrNotFound) {
			continue // its tree was detached a moment ago and comes first in the next round
		}
		more = true
		if !expired(rec, now) {
			if err := c.sweepChildren(tx, rec, now); err != nil {
				return false, err
			}
			continue
		}
		if err := c.removeTree(tx, rec, c.Home.ID()); err != nil {
			return false, err
		}
	}
	return more, nil
}

// sweepChildren deletes children that were to expire together with rec, before
// rec got a longer life, and settles when to look again. A batch that is full
// leaves rec due.
func (c *CSE) sweepChildren(tx store.Tx, rec *store.Record, now onem2m.Timestamp) error {
	parent, err := tx.ByID(rec.Parent)
	if err != nil {
		return missing(err)
	}
	next := rec.Expires
	if next == parent.Expires {
		next = 0
	}
	removed := 0
	page := store.Page{Limit: 200}
scan:
	for {
		list, err := tx.Children(rec.ID, page)
		if err != nil {
			return err
		}
		for _, child := range list {
			switch {
			case child.Due != 0 || child.Expires == 0:
			case expired(child, now):
				if _, err := tx.ByID(child.ID); errors.Is(err, store.ErrNotFound) {
					continue // went with a sibling a moment ago
				}
				if err := c.removeTree(tx, child, c.Home.ID()); err != nil {
					return err
				}
				if removed++; removed == sweepBatch {
					return nil
				}
			case child.Expires < rec.Expires && (next == 0 || child.Expires < next):
				next = child.Expires
			}
			if store.Bulk(child.Type) && !expired(child, now) && child.Due == 0 {
				break scan // nobody changes the et of instances, so none that follows expires earlier
			}
		}
		if len(list) < page.Limit {
			break
		}
		page.After = list[len(list)-1].ID
	}
	if rec, err = tx.ByID(rec.ID); err != nil { // removals have changed its counters
		return missing(err)
	}
	return tx.Replace(&store.Record{
		ID: rec.ID, Parent: rec.Parent, RI: rec.RI, RN: rec.RN, Type: rec.Type, Root: rec.Root,
		Created: rec.Created, Modified: rec.Modified, Expires: rec.Expires, Due: next, Origin: rec.Origin,
		Size: rec.Size, Attributes: rec.Attributes, Counted: rec.Counted, Counters: rec.Counters,
	})
}
