package cse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Bounds of what this CSE has to delete on others: what they can't be told in
// debtLife stays there until it expires.
const (
	maxDebts  = 2_000
	debtPause = 30 * time.Second
	debtLife  = 24 * time.Hour
	debtTime  = 5 * time.Second // for one attempt
)

// debt is a resource on another CSE that is to be deleted from an instant on,
// on behalf of who has made it.
type debt struct {
	Address string           `json:"to"`
	Who     jsontext.Value   `json:"who"` // the witness
	Due     onem2m.Timestamp `json:"due"`
	Until   onem2m.Timestamp `json:"until"`
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
	if len(list)+len(more) > maxDebts {
		return onem2m.Errorf(onem2m.InternalServerError, "", "more than %d resources are to be deleted on other CSEs", maxDebts)
	}
	for _, one := range more {
		one.Until = max(one.Due, c.instant()) + onem2m.Timestamp(debtLife.Microseconds())
		list = append(list, one)
	}
	return c.saveDebts(tx, list)
}

// settleDebts: these are not to be deleted, or have been.
func (c *CSE) settleDebts(tx store.Tx, addresses []string) error {
	list, err := loadDebts(tx)
	if err != nil || len(addresses) == 0 {
		return err
	}
	return c.saveDebts(tx, slices.DeleteFunc(list, func(one debt) bool { return slices.Contains(addresses, one.Address) }))
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
	var paid []string
	later := map[string]bool{}
	for _, one := range list {
		if one.Due > now {
			continue
		}
		gone, err := c.deleteFar(ctx, one)
		if err != nil {
			return 0, err
		}
		if gone || one.Until <= now {
			paid = append(paid, one.Address)
		} else {
			later[one.Address] = true
		}
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
func (c *CSE) postponeDebts(tx store.Tx, paid []string, later map[string]bool) error {
	list, err := loadDebts(tx)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(one debt) bool { return slices.Contains(paid, one.Address) })
	for i := range list {
		if later[list[i].Address] {
			list[i].Due = c.instant() + onem2m.Timestamp(debtPause.Microseconds())
		}
	}
	return c.saveDebts(tx, list)
}

// deleteFar tries to delete one resource, and reports whether there is no point
// in trying again.
func (c *CSE) deleteFar(ctx context.Context, one debt) (gone bool, err error) {
	var w witness
	if err := json.Unmarshal(one.Who, &w); err != nil {
		return false, fmt.Errorf("who deletes %s: %w", one.Address, err)
	}
	trying, cancel := context.WithTimeout(ctx, debtTime)
	defer cancel()
	from := identity.Originator{ID: w.ID, Authenticated: w.Authenticated, Forwarded: w.Forwarded}
	res := c.perform(trying, from, w.association(), &onem2m.Request{
		Operation: onem2m.Delete, To: one.Address, From: w.ID.In(c.Home), HasFrom: true, Release: "3",
		RequestID: string(c.names.appendTail([]byte("d-"), 12)),
	})
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	switch res.Code {
	case onem2m.Deleted, onem2m.OriginatorHasNoPrivilege:
		return true, nil
	case onem2m.NotFound:
		who, _, err := c.Home.ParseID(res.From)
		a, _ := onem2m.ParseAddress(one.Address)
		return err == nil && who == a.Host(c.Home), nil // not a CSE on the way
	default:
		return false, nil
	}
}
