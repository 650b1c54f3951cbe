package cse

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Bounds of kept tokens. Who would have more than its part gives up one of
// its own for each that comes, and when there is no room left at all, who holds
// most does: nobody loses anything to somebody who holds as much.
const (
	maxKeptTokens = 10_000 // at the CSE
	maxKeptOne    = 256    // of one holder
)

var errManyKept = errors.New("there are too many tokens kept already")

// payer is the holder that gives up a token for one more of holder, "" when there
// is room. One that holds hardly more than holder doesn't pay: that would go to
// and fro.
func (t *keptTokens) payer(holder onem2m.ID) onem2m.ID {
	t.mu.RLock()
	defer t.mu.RUnlock()
	own := len(t.byHolder[holder])
	switch {
	case own >= t.each:
		return holder
	case len(t.byRecord) < t.most:
		return ""
	}
	out, most := holder, own+1
	for other, list := range t.byHolder {
		if n := len(list); n > most || n == most && out != holder && other < out {
			out, most = other, n
		}
	}
	return out
}

// spare lists what a holder gives up, in this order: first what it has brought
// itself and can bring again, oldest first, then what servers have named for it,
// at last what they have granted.
func (t *keptTokens) spare(holder onem2m.ID) []*keptToken {
	t.mu.RLock()
	list := slices.Collect(maps.Values(t.byHolder[holder]))
	t.mu.RUnlock()
	slices.SortFunc(list, func(a, b *keptToken) int {
		return cmp.Or(cmp.Compare(a.worth(), b.worth()), cmp.Compare(a.record, b.record))
	})
	return list
}

// worth orders kept tokens by what their loss costs.
func (one *keptToken) worth() int {
	switch {
	case one.Direct:
		return 2
	case one.Served:
		return 1
	}
	return 0
}

// makeRoom gives up a kept token where one more of a holder needs that. What is
// counted is what is committed, so that the requests of one commit may together go
// a little beyond the bounds.
func (c *CSE) makeRoom(tx store.Tx, holder onem2m.ID) error {
	payer := c.kept.payer(holder)
	if payer == "" {
		return nil
	}
	for _, one := range c.kept.spare(payer) {
		switch given, err := c.giveUp(tx, one); {
		case err != nil:
			return err
		case given:
			return nil
		}
	}
	return errManyKept
}

// giveUp ends what is kept with a token, and the <token> that the CSE has made for
// it. It reports false where that has been done a moment ago.
func (c *CSE) giveUp(tx store.Tx, one *keptToken) (bool, error) {
	_, err := tx.Setting(keptName(one.record))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	rec, err2 := tx.ByID(one.record)
	switch {
	case errors.Is(err2, store.ErrNotFound):
		return false, err
	case err != nil || err2 != nil:
		return false, errors.Join(err, err2)
	case one.own:
		return true, c.removeTree(tx, rec, c.Home.ID())
	}
	tx.OnCommit(func() { c.kept.drop(one.record) })
	return true, tx.SetSetting(keptName(one.record), nil)
}
