package cse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/announcement"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// Bounds of what this CSE has to delete on others: what they can't be told in
// debtLife stays there until it expires. Nobody's debts take the room of others'.
const (
	maxDebts  = 2_000
	maxOwing  = 200 // of one originator
	debtPause = 30 * time.Second
	lockPause = 5 * time.Second // where somebody may wait for it
	debtLife  = 24 * time.Hour
	debtTime  = 5 * time.Second // for one attempt
)

// debt is a resource on another CSE that is to be deleted from an instant on,
// on behalf of who has made it; or a subscription there that isn't to notify a
// <crossResourceSubscription> of this CSE any more.
type debt struct {
	Address string           `json:"to"`
	Cross   string           `json:"cross,omitzero"` // its resourceID
	Extend  onem2m.Timestamp `json:"et,omitzero"`    // not deleted: this is its new expirationTime
	Who     jsontext.Value   `json:"who"`            // the witness
	Due     onem2m.Timestamp `json:"due"`
	Until   onem2m.Timestamp `json:"until"`
	Of      onem2m.ID        `json:"of,omitzero"`  // the originator
	Via     onem2m.ID        `json:"via,omitzero"` // the CSE that has brought its request

	// Control is given to a <transaction> first, which isn't deleted before it is
	// over; 0 for any other resource.
	Control transaction.Control `json:"tctl,omitzero"`
}

// pause is the time between two attempts.
func (d debt) pause() time.Duration {
	if d.Control != 0 {
		return lockPause
	}
	return debtPause
}

// key tells debts apart: several resources may be notified by one subscription.
func (d debt) key() string {
	if d.Extend != 0 {
		return d.Address + " until " + d.Extend.String()
	}
	return d.Address + " " + d.Cross
}

// debtsName is where they are kept, and debtsAlarm stands for all of them.
const (
	debtsName  = "debts"
	debtsAlarm = 1
)

func loadDebts(r store.Reader) (list []debt, err error) {
	data, err := r.Setting(debtsName)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("what is to be deleted on other CSEs: %w", err)
	}
	return list, nil
}

func (c *CSE) saveDebts(tx store.Tx, list []debt) error {
	var data []byte
	if len(list) > 0 {
		var err error
		if data, err = json.Marshal(list); err != nil {
			return err
		}
	}
	tx.OnCommit(func() { c.armDebts(list) })
	return tx.SetSetting(debtsName, data)
}

// armDebts sets the alarm to the first that is due.
func (c *CSE) armDebts(list []debt) {
	if len(list) == 0 {
		c.debts.disarm(debtsAlarm)
		return
	}
	first := slices.MinFunc(list, func(a, b debt) int { return cmp.Compare(a.Due, b.Due) })
	c.debts.arm(debtsAlarm, first.Due)
}

// owe notes, durably, what is to be deleted unless settleDebts says otherwise.
func (c *CSE) owe(ctx context.Context, one debt) error {
	return c.Store.Update(ctx, func(tx store.Tx) error { return c.addDebts(tx, []debt{one}) })
}

func (c *CSE) addDebts(tx store.Tx, more []debt) error {
	list, err := loadDebts(tx)
	if err != nil || len(more) == 0 {
		return err
	}
	room := newShares(maxOwing, maxDebts)
	for _, one := range list {
		room.occupy(bringer{one.Of, one.Via})
	}
	for _, one := range more {
		var w witness
		if err := json.Unmarshal(one.Who, &w); err != nil {
			return fmt.Errorf("on whose behalf %s is made: %w", one.Address, err)
		}
		if one.Of = w.ID; w.Kind == identity.KindCSE && len(w.IDs) == 1 {
			one.Via = w.IDs[0]
		}
		if !room.take(bringer{one.Of, one.Via}) {
			return onem2m.Errorf(onem2m.InternalServerError, "", "too many resources are to be deleted on other CSEs")
		}
		one.Until = max(one.Due, c.instant()) + onem2m.Timestamp(debtLife.Microseconds())
		list = append(list, one)
	}
	return c.saveDebts(tx, list)
}

// settleDebts: these are not to be deleted, or have been.
func (c *CSE) settleDebts(tx store.Tx, keys []string) error {
	list, err := loadDebts(tx)
	if err != nil || len(keys) == 0 {
		return err
	}
	return c.saveDebts(tx, slices.DeleteFunc(list, func(one debt) bool { return slices.Contains(keys, one.key()) }))
}

// rearmDebts takes them up after a start.
func (c *CSE) rearmDebts(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		list, err := loadDebts(r)
		if err == nil {
			c.armDebts(list)
		}
		return err
	})
}

// PayDebts deletes what is due on other CSEs, and returns when it has to look
// again; 0 if never.
func (c *CSE) PayDebts(ctx context.Context) (onem2m.Timestamp, error) {
	var list []debt
	err := c.Store.Read(ctx, func(r store.Reader) (err error) {
		list, err = loadDebts(r)
		return err
	})
	if err != nil {
		return 0, err
	}
	now := c.instant()
	due := map[onem2m.ID][]debt{}
	for _, one := range list {
		if one.Due <= now {
			host := announcement.Host(c.Home, one.Address)
			due[host] = append(due[host], one)
		}
	}
	paid, later, err := c.payDue(ctx, due, now)
	if err != nil {
		return 0, err
	}
	if len(paid)+len(later) == 0 {
		c.armDebts(list)
	} else if err = c.Store.Update(ctx, func(tx store.Tx) error { return c.postponeDebts(tx, paid, later) }); err != nil {
		return 0, err
	}
	_, at := c.debts.first()
	return at, nil
}

// postponeDebts takes out those that are over, and lets others be tried again.
func (c *CSE) postponeDebts(tx store.Tx, paid []string, later map[string]onem2m.Timestamp) error {
	list, err := loadDebts(tx)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(one debt) bool { return slices.Contains(paid, one.key()) })
	for i := range list {
		if due, ok := later[list[i].key()]; ok {
			list[i].Due = due
		}
	}
	return c.saveDebts(tx, list)
}

// payDue tries to pay, to several CSEs at the same time: one that is slow keeps no
// other waiting. One that takes its time isn't asked for more now, and for something
// else the next time.
func (c *CSE) payDue(ctx context.Context, due map[onem2m.ID][]debt, now onem2m.Timestamp) (paid []string, later map[string]onem2m.Timestamp, err error) {
	var mu sync.Mutex // guards the results
	var group sync.WaitGroup
	later = map[string]onem2m.Timestamp{}
	turns := make(chan struct{}, payers)
	start := c.instant()
	for _, list := range due {
		slices.SortStableFunc(list, func(a, b debt) int { return cmp.Compare(a.Due, b.Due) })
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			silent := false
			for _, one := range list {
				gone, next, failed := false, start+micros(one.pause()), error(nil)
				if silent {
					next-- // before those that have been tried
				} else {
					gone, silent, failed = c.payOne(ctx, one)
				}
				mu.Lock()
				switch {
				case failed != nil:
					err = failed
				case gone || one.Until <= now:
					paid = append(paid, one.key())
				default:
					later[one.key()] = next
				}
				mu.Unlock()
				if failed != nil {
					return
				}
			}
		})
	}
	group.Wait()
	return paid, later, err
}

// payOne makes one attempt, and reports whether there is no point in another one,
// and whether the other CSE takes its time.
func (c *CSE) payOne(ctx context.Context, one debt) (gone, silent bool, err error) {
	begun := time.Now()
	trying, cancel := context.WithTimeout(ctx, debtTime)
	defer cancel()
	switch {
	case one.Extend != 0:
		gone, err = c.extendFar(trying, one)
	case one.Cross != "":
		gone, err = c.untieFar(trying, one)
	default:
		gone, err = c.deleteFar(trying, one)
	}
	if ctx.Err() != nil {
		return false, false, ctx.Err()
	}
	return gone, time.Since(begun) >= debtTime/2, err
}

// deleteFar tries to delete one resource, and reports whether there is no point
// in trying again.
func (c *CSE) deleteFar(ctx context.Context, one debt) (gone bool, err error) {
	as, err := c.debtor(one)
	if err != nil {
		return false, err
	}
	as.expires, as.apart = c.instant()+micros(debtTime), true
	if one.Control != 0 { // the DELETE finds out how that went
		o := onem2m.Object{{Name: "tctl", Value: onem2m.IntValue(int64(one.Control))}}
		as.perform(ctx, &onem2m.Request{Operation: onem2m.Update, To: one.Address, Content: &onem2m.Content{Name: "m2m:trac", Value: o.Append(nil)}})
	}
	return c.pastHelp(one, as.perform(ctx, &onem2m.Request{Operation: onem2m.Delete, To: one.Address})), nil
}

// pastHelp reads from the answer to a debt whether it is over.
func (c *CSE) pastHelp(one debt, res *onem2m.Response) bool {
	switch res.Code {
	case onem2m.Deleted, onem2m.OriginatorHasNoPrivilege, onem2m.BadRequest:
		return true
	case onem2m.NotFound:
		a, err := onem2m.ParseAddress(one.Address)
		return err == nil && c.answeredBy(res, a.Host(c.Home))
	default:
		return false
	}
}

func micros(d time.Duration) onem2m.Timestamp { return onem2m.Timestamp(d.Microseconds()) }
