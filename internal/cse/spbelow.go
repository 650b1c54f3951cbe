package cse

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"bulwark/internal/contact"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// maxSPBelow is how many AEs of the whole SP a CSE knows to be below it: an
// entry is a few dozen bytes. One registree gets no more than it leaves free. Of
// more than that nothing is believed.
const maxSPBelow = 20_000

// spBelow says below which registree an AE of the whole SP is registered, as
// far as a CSE that isn't the IN-CSE can tell: it has passed on the registration
// that the IN-CSE agreed to. The store has each entry under a number that is used
// again when the entry is gone; this is a view of it.
type spBelow struct {
	mu    sync.Mutex // guards what follows
	at    map[string]spEntry
	count map[onem2m.ID]int // by registree
	free  []int             // numbers below next that nothing is kept under
	next  int
}

// spEntry is one AE, by its AE-ID-Stem.
type spEntry struct {
	Stem      string    `json:"stem"`
	Registree onem2m.ID `json:"registree"`
	number    int
}

// spBelowName is the setting with the number after the last one in use.
const spBelowName = "spbelow"

func spEntryName(number int) string { return fmt.Sprintf("spbelow/%d", number) }

func (b *spBelow) init() { b.at, b.count = map[string]spEntry{}, map[onem2m.ID]int{} }

func (b *spBelow) registree(stem string) onem2m.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at[stem].Registree
}

// number finds where an entry is to be kept; ok is false if there is no room.
func (b *spBelow) number(stem string, registree onem2m.ID) (number int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, known := b.at[stem]; known {
		return e.number, true
	}
	switch {
	case b.count[registree] >= maxSPBelow-len(b.at):
		return 0, false
	case len(b.free) > 0:
		return b.free[len(b.free)-1], true
	}
	return b.next, true
}

// put takes an entry into the view.
func (b *spBelow) put(e spEntry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, known := b.at[e.Stem]; known {
		lower(b.count, old.Registree)
	}
	b.at[e.Stem] = e
	b.count[e.Registree]++
	for ; b.next <= e.number; b.next++ {
		b.free = append(b.free, b.next)
	}
	for i, n := range b.free {
		if n == e.number {
			b.free = append(b.free[:i], b.free[i+1:]...)
			break
		}
	}
}

// drop takes an entry out of the view.
func (b *spBelow) drop(e spEntry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at[e.Stem] != e {
		return
	}
	delete(b.at, e.Stem)
	lower(b.count, e.Registree)
	b.free = append(b.free, e.number)
}

// entry returns what is known of an AE.
func (b *spBelow) entry(stem string) (spEntry, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, known := b.at[stem]
	return e, known
}

// noteSPBelow keeps that an AE of the whole SP is below a registree.
func (c *CSE) noteSPBelow(ctx context.Context, stem string, registree onem2m.ID) error {
	if c.spBelow.registree(stem) == registree {
		return nil
	}
	return c.Store.Update(ctx, func(tx store.Tx) error {
		number, ok := c.spBelow.number(stem, registree)
		if !ok {
			return nil
		}
		e := spEntry{Stem: stem, Registree: registree, number: number}
		c.spBelow.put(e) // the next one in the same commit needs another number
		next, err := loadState[int](tx, spBelowName)
		if errors.Is(err, store.ErrNotFound) {
			next, err = new(int), nil
		}
		if err == nil && *next <= number {
			*next = number + 1
			err = saveState(tx, spBelowName, next)
		}
		if err != nil {
			return err
		}
		return saveState(tx, spEntryName(number), &e)
	})
}

// forgetSPBelow takes the word of the registree that an AE is below of, and no
// other.
func (c *CSE) forgetSPBelow(ctx context.Context, stem string, registree onem2m.ID) error {
	return c.Store.Update(ctx, func(tx store.Tx) error {
		e, known := c.spBelow.entry(stem)
		if !known || e.Registree != registree {
			return nil
		}
		tx.OnCommit(func() { c.spBelow.drop(e) })
		return tx.SetSetting(spEntryName(e.number), nil)
	})
}

// loadSPBelow reads at start what noteSPBelow has kept.
func (c *CSE) loadSPBelow(r store.Reader) error {
	next, err := loadState[int](r, spBelowName)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for number := range min(*next, maxSPBelow) {
		e, err := loadState[spEntry](r, spEntryName(number))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		e.number = number
		c.spBelow.put(*e)
	}
	return nil
}

// learnSP looks at what the IN-CSE answered to a registree: it has agreed that an
// AE of the whole SP is below that one, or has left (S-093). What any other CSE
// agrees to counts for nothing.
func (k *call) learnSP(ctx context.Context, res *onem2m.Response) {
	if k.c.Type == IN || k.req.Content == nil || !res.Code.Success() {
		return
	}
	from := k.arrival()
	down, up := k.req.Content.Name == "m2m:sgn" && from.Above, k.req.Content.Name == "m2m:aeA" && from.Peer != "" && !from.Above
	if !down && !up {
		return
	}
	var err error
	switch central := k.c.central(); {
	case central == "":
	case down && k.from.ID == central:
		err = k.learnMove(ctx)
	case up && k.address.Host(k.c.Home) == central:
		err = k.learnAgreed(ctx, res, from.Peer)
	}
	if err != nil {
		k.c.Log.ErrorContext(ctx, "an AE of the whole SP below this CSE isn't noted", "req", k.req.RequestID, "err", err)
	}
}

// learnAgreed notes what the IN-CSE has agreed to.
func (k *call) learnAgreed(ctx context.Context, res *onem2m.Response, registree onem2m.ID) error {
	if reg, ok := k.spRegistration(); ok {
		if reg.stem == "" {
			reg.stem = assignedIn(res)
		}
		if reg.stem == "" {
			return nil
		}
		return k.c.noteSPBelow(ctx, reg.stem, registree)
	}
	o, err := onem2m.ParseObject(k.req.Content.Value)
	if err != nil || k.req.Operation != onem2m.Update || len(k.address.Path) != 1 {
		return nil //nolint:nilerr // nothing that is known here
	}
	if link, _ := o.Text("lnk"); link == inactiveLink {
		return k.c.forgetSPBelow(ctx, k.address.Path[0], registree)
	}
	return nil
}

// learnMove hears, on the way to the CSE that an AE of the whole SP was registered
// with, that the AE is at another one by now. If that is below this CSE too its
// registration has come by here.
func (k *call) learnMove(ctx context.Context) error {
	sgn, moved, ok := k.tracking()
	if !ok || !moved {
		return nil
	}
	was, err := k.trackingID(sgn, "tid1")
	if err != nil || was == "" || was.Stem()[0] != 'S' || was.Registrar() == "" {
		return nil //nolint:nilerr // its receiver says what is wrong
	}
	is, err := k.trackingID(sgn, "tid2")
	if err != nil || is.Registrar() == "" || is.Stem() != was.Stem() {
		return nil //nolint:nilerr // likewise
	}
	if to, ok := k.registreeOf(is); ok && k.c.spBelow.registree(is.Stem()) == to {
		return nil
	}
	if from, ok := k.registreeOf(was); ok {
		return k.c.forgetSPBelow(ctx, was.Stem(), from)
	}
	return nil
}

// registreeOf is the registree that the CSE of an AE is, or is below of.
func (k *call) registreeOf(n contact.Name) (onem2m.ID, bool) {
	via, ok := k.c.peers.Via(onem2m.ID(k.c.Home.SP+n.Registrar()), k.now)
	return via.ID, ok && !via.Upstream
}
