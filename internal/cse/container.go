package cse

import (
	"errors"
	"math"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func containerProcedures() *procedures {
	return &procedures{instances: onem2m.TypeContentInstance, counted: true, update: updateContainer}
}

// bounds are what a container allows its instances.
type bounds struct {
	number, bytes, age int64 // mni, mbs, mia; -1: none
	disabled           bool  // disableRetrieval
}

// boundsOf returns the bounds of a container, computed once per version.
func boundsOf(rec *store.Record) *bounds {
	return rec.Derive(store.FacetType, func(rec *store.Record) any {
		return readBounds(attributes(rec))
	}).(*bounds)
}

func readBounds(attrs onem2m.Object) *bounds {
	b := &bounds{number: -1, bytes: -1, age: -1}
	for name, field := range map[string]*int64{"mni": &b.number, "mbs": &b.bytes, "mia": &b.age} {
		if n, ok := attrs.Int(name); ok {
			*field = n
		}
	}
	b.disabled, _ = attrs.Bool("disr")
	return b
}

// retrievalDisabled reports disableRetrieval of a container (C-241).
func retrievalDisabled(rec *store.Record) bool {
	return rec.Type == onem2m.TypeContainer && boundsOf(rec).disabled
}

// updateContainer makes the instances fit new bounds (C-242, C-244).
func updateContainer(k *call, tx store.Tx, s *subject) error {
	was, is := boundsOf(s.old), readBounds(s.attrs)
	if was.disabled && !is.disabled {
		// What was written while nobody could read it isn't shown afterwards.
		none := &bounds{number: 0, bytes: -1, age: -1}
		if err := k.c.evict(tx, s.id, onem2m.TypeContentInstance, none, &s.count); err != nil {
			return err
		}
	}
	if is.age >= 0 && is.age != was.age {
		if err := k.c.age(tx, s.id, onem2m.TypeContentInstance, is.age, k.aged); err != nil {
			return err
		}
	}
	return k.c.evict(tx, s.id, onem2m.TypeContentInstance, is, &s.count)
}

// evict removes the oldest instances of a container, <timeSeries> or
// <flexContainer> until the bounds hold (C-234). It causes no notification at
// the container (C-235).
func (c *CSE) evict(tx store.Tx, container int64, instances onem2m.ResourceType, b *bounds, count *store.Counters) error {
	return c.evictSome(tx, container, instances, b, count, math.MaxInt)
}

// evictSome is evict for at most budget instances.
func (c *CSE) evictSome(tx store.Tx, container int64, instances onem2m.ResourceType, b *bounds, count *store.Counters, budget int) error {
	over := func() bool {
		return budget > 0 && count.Count > 0 && (b.number >= 0 && count.Count > b.number || b.bytes >= 0 && count.Bytes > b.bytes)
	}
	for over() {
		list, err := tx.Children(container, store.Page{Only: instances, Limit: evictPage(count.Count, b.number)})
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		for _, rec := range list {
			if !over() {
				return nil
			}
			if err := c.drop(tx, rec); err != nil {
				return err
			}
			count.Count--
			count.Bytes -= rec.Size
			budget--
		}
	}
	return nil
}

// evictPage asks for one instance in the steady state and for many when a
// bound was lowered.
func evictPage(have, allowed int64) int {
	if allowed >= 0 && have > allowed {
		return int(min(have-allowed, 500))
	}
	return 1
}

// drop removes one instance with what may stand below it.
func (c *CSE) drop(tx store.Tx, rec *store.Record) error {
	reaper := reaper{c: c, tx: tx, who: c.Home.ID(), budget: c.Limits.Removals}
	leaf, err := reaper.leaf(rec)
	if err != nil {
		return err
	}
	if leaf {
		if err := errors.Join(c.withdraw(tx, rec), c.giveRoom(tx, rec.Parent, 1)); err != nil {
			return err
		}
		return tx.Remove(rec.ID)
	}
	if err := tx.Detach(rec.ID); err != nil {
		return err
	}
	done, err := reaper.remove(rec)
	if err == nil && !done {
		tx.OnCommit(c.wakeSweep)
	}
	return errors.Join(err, c.giveRoom(tx, rec.Parent, reaper.removed))
}

// after adds seconds to an instant. What no clock will show stands for never.
func after(t onem2m.Timestamp, seconds int64) onem2m.Timestamp {
	if seconds > (math.MaxInt64-int64(t))/1e6 {
		return math.MaxInt64
	}
	return t + onem2m.Timestamp(seconds*1e6)
}

// age shortens the life of the instances behind last to a new maxInstanceAge
// (C-244).
func (c *CSE) age(tx store.Tx, container int64, instances onem2m.ResourceType, seconds, last int64) error {
	for done := false; !done; {
		var err error
		if last, done, err = c.agePage(tx, container, instances, seconds, last, 500); err != nil {
			return err
		}
	}
	return nil
}

// agePage is age for the instances behind after, at most limit of them. It
// returns the last one that it has looked at, and whether that was the end.
func (c *CSE) agePage(tx store.Tx, container int64, instances onem2m.ResourceType, seconds, behind int64, limit int) (last int64, done bool, err error) {
	list, err := tx.Children(container, store.Page{Only: instances, After: behind, Limit: limit})
	if err != nil || len(list) == 0 {
		return behind, true, err
	}
	for _, rec := range list {
		et := after(rec.Created, seconds)
		if et >= rec.Expires {
			continue
		}
		attrs := attributes(rec).Clone()
		u := universal{
			ty: rec.Type, ri: rec.RI, rn: rec.RN, ct: rec.Created, lt: rec.Modified, et: et, after: attrs,
		}
		u.pi, _ = attrs.Text("pi")
		shorter := &store.Record{
			ID: rec.ID, Parent: rec.Parent, RI: rec.RI, RN: rec.RN, Type: rec.Type, Root: rec.Root,
			Created: rec.Created, Modified: rec.Modified, Expires: et, Due: et, Origin: rec.Origin,
			Size: rec.Size, Attributes: u.encode(),
		}
		if err := tx.Replace(shorter); err != nil {
			return behind, false, err
		}
	}
	return list[len(list)-1].ID, len(list) < limit, nil
}
