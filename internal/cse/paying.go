package cse

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"bulwark/internal/announcement"
	"bulwark/internal/federation"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// payers bounds the CSEs that are told of changes at the same time.
const payers = 4

// hopTo is the next hop to a CSE, or where there is none that CSE.
func (c *CSE) hopTo(host onem2m.ID) onem2m.ID {
	next, err := c.peers.Next(host, federation.Arrival{}, c.instant())
	if err != nil {
		return host
	}
	return next.ID
}

// runArrears pays what is owed until ctx ends, to several CSEs at the same time.
func (c *CSE) runArrears(ctx context.Context) {
	for err := c.loadArrears(ctx); err != nil && ctx.Err() == nil; err = c.loadArrears(ctx) {
		c.Log.ErrorContext(ctx, "announcements not read", "err", err)
		pause(ctx, time.Second)
	}
	var group sync.WaitGroup
	for range payers {
		group.Go(func() { c.payAll(ctx) })
	}
	group.Wait()
}

// payAll is one of those who pay.
func (c *CSE) payAll(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		one, wait := c.arrears.take()
		if one != nil {
			select {
			case c.arrears.wake <- struct{}{}: // there may be more for others
			default:
			}
			c.pay(ctx, one)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-c.arrears.wake:
		case <-timer.C:
		}
	}
}

// payOwn lets a request wait for the first attempt at what it has caused to be
// owed, and at nothing else: so its answer comes when the copies are as the
// original (C-406).
func (c *CSE) payOwn(ctx context.Context, own arrearSpan) {
	if own.First >= own.Next || within(ctx) != nil {
		return
	}
	for range maxHelp {
		one, busy := c.arrears.takeFresh(own)
		switch {
		case one != nil:
			c.pay(ctx, one)
		case busy == nil:
			return
		default:
			select {
			case <-busy:
			case <-ctx.Done():
				return
			}
		}
	}
}

// pay makes one attempt.
func (c *CSE) pay(ctx context.Context, one *arrear) {
	ctx, cancel := context.WithTimeout(ctx, c.Timing.RequestExpiration)
	defer cancel()
	err := c.tellCopy(ctx, one)
	paid, away, open := err == nil, false, false
	if err != nil {
		code := onem2m.AsError(err).Code
		away = code == onem2m.TargetNotReachable || code == onem2m.RequestTimeout
		refused := code/1000 == 4 && code != onem2m.RequestTimeout
		late := one.Since != 0 && c.instant()-one.Since > micros(maxOwed)
		most := maxRefusals
		if _, answered := errors.AsType[*onem2m.Error](err); answered && code/1000 == 5 && ctx.Err() == nil && one.guards() {
			most = maxOpen
		}
		paid = refused || late || !away && one.attempts >= most
		open = paid && code != onem2m.NotFound && one.guards()
		c.Log.InfoContext(ctx, "announced resource not told", "address", one.Copy, "again", !paid, "err", err)
	}
	if paid {
		late, stop := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		defer stop()
		err := c.Store.Update(late, func(tx store.Tx) error {
			if open || err != nil && onem2m.AsError(err).Code == onem2m.NotFound {
				if err := dropCopy(tx, one); err != nil {
					return err
				}
			}
			if open { // whoever could read it before could go on to
				if err := c.oweCopy(tx, arrear{Copy: one.Copy, Delete: true}); err != nil {
					return err
				}
			}
			return c.forgive(tx, one.numbers)
		})
		if err != nil {
			c.Log.ErrorContext(ctx, "announcements not kept", "err", err)
			paid = false
		}
	}
	c.arrears.end(one, paid, away)
}

// guards reports whether a debt is a change of who may do what: a copy that isn't
// told of it lets others do more than its original does.
func (a *arrear) guards() bool {
	return !a.Delete && a.Original != 0 && slices.ContainsFunc([]string{"acpi", "pv", "pvs"}, func(name string) bool { return slices.Contains(a.Names, name) })
}

// dropCopy takes the address of a copy that isn't there any more out of
// announceTo: whoever wants another one asks for it anew.
func dropCopy(tx store.Tx, one *arrear) error {
	if one.Original == 0 || one.Delete || one.Link != "" {
		return nil
	}
	rec, err := tx.ByID(one.Original)
	if err != nil {
		return unlessMissing(missing(err))
	}
	list := copiesOf(rec)
	left := slices.DeleteFunc(slices.Clone(list), func(address string) bool { return address == one.Copy })
	if len(left) == len(list) {
		return nil
	}
	attrs := attributes(rec).Clone()
	attrs.Delete("at")
	if len(left) > 0 {
		attrs.Set("at", onem2m.TextsValue(left))
	}
	return tx.Replace(revised(rec, rec.Modified, attrs))
}

// tellCopy sends what is owed to a copy.
func (c *CSE) tellCopy(ctx context.Context, one *arrear) error {
	host := announcement.Host(c.Home, one.target())
	if one.Notice != nil {
		return c.tellMove(ctx, host, one.Notice)
	}
	if one.Left {
		return c.tellLeft(ctx, host, one)
	}
	if one.Link != "" {
		return c.findLost(ctx, host, one)
	}
	if one.Stays {
		return c.tellStays(ctx, host, one)
	}
	if one.Delete {
		_, err := c.toCopy(ctx, host, &onem2m.Request{Operation: onem2m.Delete, To: one.Copy})
		if err != nil && onem2m.AsError(err).Code == onem2m.NotFound {
			return nil
		}
		return err
	}
	var now onem2m.Object
	var copies *onem2m.TypeInfo
	err := c.Store.Read(ctx, func(r store.Reader) error {
		rec, err := r.ByID(one.Original)
		if err != nil || !slices.Contains(copiesOf(rec), one.Copy) {
			return unlessMissing(missing(err)) // its end is owed instead
		}
		copies = c.variant(c.infoOf(rec))
		now, err = c.projection(r, rec)
		return err
	})
	if err != nil || copies == nil {
		return err
	}
	rest := announcement.Amendment(announcement.Widened(now, c.Home, host), one.Names)
	parts := []onem2m.Object{rest}
	if acpi := rest.Get("acpi"); acpi != nil && rest.Delete("acpi") { // alone in its request
		parts = []onem2m.Object{rest, {{Name: "acpi", Value: acpi}}}
	}
	for _, part := range parts {
		if len(part) == 0 {
			continue
		}
		_, err := c.toCopy(ctx, host, &onem2m.Request{Operation: onem2m.Update, To: one.Copy, Content: &onem2m.Content{Name: copies.Root, Value: part.Append(nil)}})
		if err != nil {
			return err
		}
	}
	return nil
}
