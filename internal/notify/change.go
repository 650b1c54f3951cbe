package notify

import (
	"slices"

	"bulwark/internal/store"
)

// discard removes what is held back of a subscription that isn't there.
func (e *Engine) discard(tx store.Tx, ri string) error {
	rows, err := tx.Held(ri, 0, maxHeld)
	if err != nil {
		return err
	}
	for _, d := range rows {
		if err := known(tx.Settle(d.ID)); err != nil {
			return err
		}
	}
	left := &findings{}
	if len(rows) == maxHeld {
		left.rows, left.blocked = 1, e.clock()
	}
	tx.OnCommit(func() { e.shelf.settle(ri, left) })
	return nil
}

// Changed says that a subscription has got other attributes: what its old
// policies hold back goes on by the new ones (C-279), a new missingData begins
// anew (C-280), and cross-resource subscriptions that it doesn't belong to any
// more are told (C-278). It is part of the transaction of the change.
func (e *Engine) Changed(tx store.Tx, before, after *store.Record) error {
	old, s := compiled(before), compiled(after)
	if old.gaps != nil && (s.gaps == nil || *old.gaps != *s.gaps) {
		if err := e.forgetGaps(tx, after.RI); err != nil {
			return err
		}
	}
	own, others := e.timetable.of(after.RI)
	if old.batch != nil || old.rate != nil || len(own) > 0 || others || e.shelf.holding(after.RI) {
		if err := e.pass(tx, after.RI, s, false); err != nil {
			return err
		}
	}
	return e.leave(tx, after, s, without(old.crossed, s.crossed))
}

// without returns the entries of a list that another doesn't have.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(one string) bool { return slices.Contains(other, one) })
}
