package cse

import (
	"context"

	"bulwark/internal/store"
	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// loadLocks takes up the locks of an earlier life, before anything is served:
// a transaction goes on as if nothing had happened.
func (c *CSE) loadLocks(ctx context.Context) error {
	return c.eachOfType(ctx, onem2m.TypeTransaction, func(_ store.Reader, rec *store.Record) error {
		if state, control := stateOf(attributes(rec)); state.Holds(control) {
			c.locks.engage(rec.Parent)
		}
		return nil
	})
}

// eachOfType calls fn for all resources of a type that has few.
func (c *CSE) eachOfType(ctx context.Context, ty onem2m.ResourceType, fn func(store.Reader, *store.Record) error) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		const page = 500
		after := int64(0)
		for {
			list, err := r.OfType(ty, after, page)
			if err != nil {
				return err
			}
			for _, rec := range list {
				after = rec.ID
				if err := fn(r, rec); err != nil {
					return err
				}
			}
			if len(list) < page {
				return nil
			}
		}
	})
}

// rearmTransactions sets the alarms from the store: every transaction is looked
// at once, and sets its own.
func (c *CSE) rearmTransactions(ctx context.Context) error {
	for _, ty := range []onem2m.ResourceType{onem2m.TypeTransaction, onem2m.TypeTransactionMgmt} {
		err := c.eachOfType(ctx, ty, func(_ store.Reader, rec *store.Record) error {
			c.dealings.arm(rec.ID, rec.Created)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// AdvanceTransactions takes the steps that are due and that the CSE takes by
// itself (TS-0001 clause 10.2.18.1), and returns when the next one is.
func (c *CSE) AdvanceTransactions(ctx context.Context) (onem2m.Timestamp, error) {
	for {
		id, at := c.dealings.first()
		if id == 0 || at > onem2m.TimestampOf(c.Now()) {
			return at, nil
		}
		if err := c.advance(ctx, id); err != nil {
			return at, err
		}
	}
}

func (c *CSE) advance(ctx context.Context, id int64) error {
	var rec *store.Record
	err := c.Store.Read(ctx, func(r store.Reader) (err error) {
		if rec, err = r.ByID(id); err == nil {
			err = c.alive(r, rec, onem2m.TimestampOf(c.Now()))
		}
		return err
	})
	switch {
	case err != nil:
	case rec.Type == onem2m.TypeTransaction:
		err = c.advanceTransaction(ctx, rec)
	default:
		err = c.advanceTransactionMgmt(ctx, rec)
	}
	if err != nil && gone(err) == nil {
		c.dealings.disarm(id) // gone, or cut off and soon removed
		return nil
	}
	return err
}

// dueStep is the control that comes to a <transaction> by itself now; 0 for none.
func (c *CSE) dueStep(attrs onem2m.Object) transaction.Control {
	state, _ := stateOf(attrs)
	if control, at, ok := planOf(attrs).Next(state); ok && at <= onem2m.TimestampOf(c.Now()) {
		return control
	}
	return 0
}

func (c *CSE) advanceTransaction(ctx context.Context, rec *store.Record) error {
	var l *clearance
	due := c.dueStep(attributes(rec))
	if due == transaction.Execute {
		var err error
		if l, err = c.seekLeaveOf(ctx, rec.ID, attributes(rec)); err != nil {
			return err
		}
	}
	return c.Store.Update(ctx, func(tx store.Tx) error {
		rec, err := tx.ByID(rec.ID)
		if err != nil {
			return err
		}
		d, err := loadState[deal](tx, dealName(rec.ID))
		if err != nil {
			return err
		}
		attrs := attributes(rec).Clone()
		m := mover{c: c, tx: tx, id: rec.ID, target: rec.Parent, attrs: &attrs, deal: d, now: onem2m.TimestampOf(c.Now())}
		if due != 0 && due == c.dueStep(attrs) && d.Manager == 0 {
			if err := m.move(ctx, due, l); err != nil {
				return err
			}
		}
		if over, err := absent(tx, rec.ID); err != nil || over {
			return err
		}
		if err := m.keep(rec); err != nil {
			return err
		}
		return m.settle()
	})
}

func (c *CSE) advanceTransactionMgmt(ctx context.Context, rec *store.Record) error {
	if m, err := c.managed(ctx, rec.ID); err != nil || m.bargain.Span != nil {
		if err == nil {
			c.spans.arm(rec.ID, m.bargain.Who.ID, m.now) // it looks when it is due
			c.dealings.disarm(rec.ID)
		}
		return err
	}
	l, err := c.seekLeaveIfDue(ctx, rec)
	if err != nil {
		return err
	}
	return c.Store.Update(ctx, func(tx store.Tx) error {
		rec, err := tx.ByID(rec.ID)
		if err != nil {
			return err
		}
		b, err := loadState[bargain](tx, bargainName(rec.ID))
		if err != nil {
			return err
		}
		attrs := attributes(rec).Clone()
		m, err := c.manage(tx, rec.ID, rec.RI, &attrs, b)
		if err != nil {
			return err
		}
		if m.finished() {
			return c.removeTree(tx, rec, c.Home.ID()) // C-446
		}
		if m.spent() {
			if err := c.removeParts(tx, b.Parts); err != nil {
				return err
			}
		}
		if err := m.proceed(ctx, l); err != nil {
			return err
		}
		if over, err := absent(tx, rec.ID); err != nil || over {
			return err
		}
		return m.keep(rec)
	})
}

// seekLeaveIfDue asks those who have to be asked if the requests of
// a transaction are due to be executed.
func (c *CSE) seekLeaveIfDue(ctx context.Context, rec *store.Record) (*clearance, error) {
	var b *bargain
	due := false
	attrs := attributes(rec)
	err := c.Store.Read(ctx, func(r store.Reader) (err error) {
		if b, err = loadState[bargain](r, bargainName(rec.ID)); err != nil {
			return err
		}
		m := &manager{attrs: &attrs, bargain: b}
		control, at, ok := m.next()
		due = ok && control == transaction.Execute && at <= onem2m.TimestampOf(c.Now())
		return nil
	})
	if err != nil || !due {
		return nil, err
	}
	return c.seekLeaves(ctx, b, rec.RI, attrs)
}
