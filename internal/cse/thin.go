package cse

import (
	"context"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// thin prepares an UPDATE that leaves room for far fewer instances than there
// are, or shortens their life: it removes and shortens in transactions of
// bounded size until what is left fits into the one that sets the new bounds.
// Without it one UPDATE would hold the writer for as long as a container is
// big. What it has removed stays removed if the process dies in between; the
// UPDATE, which is then unanswered, was going to remove it.
func (k *call) thin(ctx context.Context) error {
	if !k.rebounds() {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // begun, it goes on to the end
	for rounds, more := 0, true; more; rounds++ {
		if within(ctx) != nil && rounds == maxThinWithin {
			return onem2m.Errorf(onem2m.NotAcceptable, "pc", "it removes more instances than a request of a transaction may")
		}
		err := k.c.Store.Update(ctx, func(tx store.Tx) error {
			k.rehearsal = true
			defer func() { k.rehearsal = false }()
			s := &subject{}
			p, err := k.vetUpdate(tx, s)
			if err != nil || p.instances == 0 || !s.old.Counted {
				more = false
				return err
			}
			more, err = k.thinOnce(tx, p.instances, s)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// maxThinWithin bounds the parts of an UPDATE that belongs to a transaction: they
// are done in one transaction of the store.
const maxThinWithin = 5

// thinOnce does as much as one transaction may, and reports whether more than
// another such part would be left for the UPDATE itself.
func (k *call) thinOnce(tx store.Tx, instances onem2m.ResourceType, s *subject) (more bool, err error) {
	was, is, count := boundsOf(s.old), readBounds(s.attrs), s.old.Counters
	if was.disabled && !is.disabled {
		is = &bounds{number: 0, bytes: -1, age: -1}
	}
	budget := k.c.Limits.Removals
	if !k.c.exceeds(is, &count, int64(budget)) {
		if is.age < 0 || is.age == was.age {
			return false, nil
		}
		last, done, err := k.c.agePage(tx, s.id, instances, is.age, k.aged, budget)
		k.aged = last
		return err == nil && !done, err
	}
	if err := k.c.evictSome(tx, s.id, instances, is, &count, budget); err != nil {
		return false, err
	}
	return count != s.old.Counters, tx.Count(s.id, count)
}

// exceeds reports whether more than room instances are too many. What mbs
// makes too many isn't known before they are read, so then it is any.
func (c *CSE) exceeds(b *bounds, count *store.Counters, room int64) bool {
	switch {
	case b.number >= 0 && count.Count-b.number > room:
		return true
	case b.bytes >= 0 && count.Bytes > b.bytes && count.Count > room:
		return true
	}
	return false
}

// rebounds reports whether the UPDATE may change what a container holds.
func (k *call) rebounds() bool {
	raw := k.draft.raw
	return k.draft.err == nil && (raw.Has("mni") || raw.Has("mbs") || raw.Has("mia") || raw.Has("disr"))
}
