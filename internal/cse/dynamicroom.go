package cse

import (
	"errors"
	"slices"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// payer is the originator that gives up a dynamic policy for one more of who when
// there is no room left at the CSE: the one that has most, and hardly less than who
// has isn't more. It returns the policies, oldest first; none when nobody pays.
func (d *dynamicPolicies) payer(who onem2m.ID) (policies []int64) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	out, most := onem2m.ID(""), d.count[who]+1
	for other, n := range d.count {
		if n > most || n == most && out != "" && other < out {
			out, most = other, n
		}
	}
	if most == d.count[who]+1 {
		return nil
	}
	for policy, l := range d.links {
		if l.Who == out {
			policies = append(policies, policy)
		}
	}
	slices.Sort(policies)
	return policies
}

// makeDynamicRoom ends a dynamic policy of who has most, so that nobody can keep
// all from the others under many names. It fails when nobody has more than who.
func (c *CSE) makeDynamicRoom(tx store.Tx, who onem2m.ID) error {
	for _, id := range c.dynamic.payer(who) {
		if _, err := tx.ByID(id); errors.Is(err, store.ErrNotFound) {
			continue // it has ended a moment ago
		}
		if err := c.expireDynamic(tx, id, "others needed the room, and its originator had most"); err != nil {
			return err
		}
		rec, err := tx.ByID(id)
		if err != nil {
			return err
		}
		return c.removeTree(tx, rec, c.Home.ID())
	}
	return errManyDynamic
}
