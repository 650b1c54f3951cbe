package cse

import (
	"context"
	"errors"
	"slices"
	"strings"

	"bulwark/internal/announcement"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// copyMade is a copy that there is, and the pledge under which it was made.
type copyMade struct {
	address string
	pledge  int64 // -1: none
}

// createCopy makes a copy, and pledges before that to look for copies of the
// original and to delete those that aren't known here: whatever becomes of the
// answer, or of this CSE meanwhile, none is left that nobody knows of (C-126,
// C-394).
func (c *CSE) createCopy(ctx context.Context, rec *store.Record, host onem2m.ID, to string, sent onem2m.Object) (copyMade, error) {
	if rec.Type == onem2m.TypeAE && strings.HasPrefix(rec.RI, "S") { // has an <AEAnnc> that isn't made here
		address, err := c.sendCopy(ctx, rec, host, to, sent)
		return copyMade{address, -1}, err
	}
	link := announcement.Address(c.reference(rec.RI), c.Home, host)
	owed := arrear{Copy: to + "?lnk=" + link, Original: rec.ID, Of: rec.Origin, Link: link, Since: c.instant()}
	number, err := c.pledge(ctx, owed)
	if err != nil {
		return copyMade{}, err
	}
	address, err := c.sendCopy(ctx, rec, host, to, sent)
	if err == nil {
		return copyMade{address, number}, nil
	}
	over := []int64{number}
	if code := onem2m.AsError(err).Code; (code/1000 != 4 || code == onem2m.RequestTimeout) && !errors.Is(err, errNoWay) { // else there is none
		over = c.arrears.hold(host, number, owed)
	}
	if len(over) > 0 {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		defer cancel()
		if failed := c.Store.Update(late, func(tx store.Tx) error { return c.forgive(tx, over) }); failed != nil {
			c.Log.ErrorContext(ctx, "what is owed to copies is not kept", "err", failed) // a search too many, after a restart
		}
	}
	return copyMade{}, err
}

// pledge keeps a debt that is only to be paid if something goes wrong: after a
// crash, or when it is taken up.
func (c *CSE) pledge(ctx context.Context, one arrear) (number int64, err error) {
	err = c.Store.Update(ctx, func(tx store.Tx) (err error) {
		number, err = c.keepArrear(tx, one)
		return err
	})
	return number, err
}

// errAnnouncing puts the search for lost copies off.
var errAnnouncing = &onem2m.Error{Code: onem2m.RequestTimeout, Text: "the resource is being announced there just now"}

// findLost deletes copies of an original, below the place of a debt, that aren't
// known here.
func (c *CSE) findLost(ctx context.Context, host onem2m.ID, one *arrear) error {
	usage, unstructured, level := int64(onem2m.UsageDiscovery), int64(2), int64(1)
	res, err := c.toCopy(ctx, host, &onem2m.Request{
		Operation: onem2m.Retrieve, To: one.target(), DesiredIDType: &unstructured,
		Filter: &onem2m.FilterCriteria{FilterUsage: &usage, Level: &level, Attributes: []onem2m.AttributeCondition{{Name: "lnk", Value: one.Link}}},
	})
	if err != nil {
		return err
	}
	if res.Content == nil {
		return nil
	}
	found, ok := onem2m.TextsOf(res.Content.Value)
	if !ok {
		return errors.New("the answer to a discovery can't be read")
	}
	for i, text := range found {
		if found[i], err = c.there(text, host); err != nil {
			return err
		}
	}
	known, err := c.knownCopies(ctx, one)
	if err != nil {
		return err
	}
	for _, address := range found {
		if slices.Contains(known, address) {
			continue
		}
		c.Log.InfoContext(ctx, "an announced resource is deleted that nobody knows of", "address", address)
		_, err := c.toCopy(ctx, host, &onem2m.Request{Operation: onem2m.Delete, To: address})
		if err != nil && onem2m.AsError(err).Code != onem2m.NotFound {
			return err
		}
	}
	return nil
}

// knownCopies returns the addresses of the copies of an original. It fails while
// another one is being made in the same place.
func (c *CSE) knownCopies(ctx context.Context, one *arrear) (known []string, err error) {
	err = c.Store.Read(ctx, func(r store.Reader) error {
		all, err := keptArrears(r)
		if err != nil {
			return err
		}
		for number, other := range all {
			if other.Copy == one.Copy && !slices.Contains(one.numbers, number) {
				return errAnnouncing
			}
		}
		rec, err := r.ByID(one.Original)
		if err != nil {
			return unlessMissing(missing(err))
		}
		known = copiesOf(rec)
		return nil
	})
	return known, err
}
