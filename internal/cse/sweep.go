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
	for _, step := range []func(store.Tx) (bool, error){c.sweepDetached, c.sweepExpired} {
		for more := true; more; {
			err := c.Store.Update(ctx, func(tx store.Tx) (err error) {
				more, err = step(tx)
				return err
			})
			if err != nil {
				return err
			}
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

// sweepExpired deletes resources that are due, exactly as a DELETE by the CSE.
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
			return false, nil // its tree was detached a moment ago: the next sweep has it
		}
		if err := c.removeTree(tx, rec, c.Home.ID()); err != nil {
			return false, err
		}
	}
	return len(due) == sweepBatch, nil
}
