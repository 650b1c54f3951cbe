package storetest

import (
	"errors"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// recordContracts are about single records.
func recordContracts() []contract {
	return []contract{
		{"an inserted record is found by number, resourceID and name, also after a restart", foundAgain},
		{"a record whose name is its resourceID is found by name below its parent only", namedByID},
		{"looking up what isn't there says ErrNotFound", notThere},
		{"C-090 a name is free below another parent and taken below the same", namesPerParent},
		{"a resourceID is taken everywhere", resourceIDTaken},
		{"a replaced record shows its new version, and keeps place, name and type", replaced},
		{"counters show at once, are coalesced, and survive a restart", counted},
		{"a removed record is gone, its name and resourceID are free", removed},
		{"a record with children can't be removed", notWithChildren},
		{"numbers ascend and are never used again, also after a restart", numbersAscend},
		{"empty attributes and every field come back as they were", everyField},
	}
}

func foundAgain(b *bench) {
	base, cnt := b.base()
	look := func(r store.Reader) error {
		byID, err1 := r.ByID(cnt.ID)
		byRI, err2 := r.ByRI(cnt.RI)
		child, err3 := r.Child(base.ID, cnt.RN)
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
		for _, got := range []*store.Record{byID, byRI, child} {
			if d := same(cnt, got); d != "" {
				b.Errorf("differs (-want +got):\n%s", d)
			}
		}
		return nil
	}
	b.read(look)
	b.reopen()
	b.read(look)
	b.update(func(tx store.Tx) error { return look(tx) })
}

func namedByID(b *bench) {
	base, cnt := b.base()
	var cin *store.Record
	b.update(func(tx store.Tx) error {
		cin = sample(tx.NextID(), cnt.ID, onem2m.TypeContentInstance, "x")
		cin.RI = "x"
		return tx.Insert(cin)
	})
	for range 2 {
		b.read(func(r store.Reader) error {
			got, err := r.Child(cnt.ID, "x")
			if err != nil || got.ID != cin.ID || got.RN != "x" {
				b.Errorf("Child: %v, %v", got, err)
			}
			if _, err := r.Child(base.ID, "x"); !errors.Is(err, store.ErrNotFound) {
				b.Errorf("below another parent: %v", err)
			}
			return nil
		})
		b.reopen()
	}
	for _, twin := range []struct{ ri, rn string }{{"y", "x"}, {"data-twin", "x"}} {
		err := b.s.Update(b.Context(), func(tx store.Tx) error {
			r := sample(tx.NextID(), cnt.ID, onem2m.TypeContainer, twin.rn)
			r.RI = twin.ri
			return tx.Insert(r)
		})
		if !errors.Is(err, store.ErrConflict) {
			b.Errorf("a second %q below the same parent: %v", twin.rn, err)
		}
	}
	b.add(cnt.ID, onem2m.TypeContainer, "named")
	err := b.s.Update(b.Context(), func(tx store.Tx) error {
		r := sample(tx.NextID(), cnt.ID, onem2m.TypeContentInstance, "named")
		r.RI = "named"
		return tx.Insert(r)
	})
	if !errors.Is(err, store.ErrConflict) {
		b.Errorf("a resourceID that is the name of a sibling: %v", err)
	}
}

func notThere(b *bench) {
	_, cnt := b.base()
	look := func(r store.Reader) error {
		_, err := r.ByID(cnt.ID + 1000)
		errs := []error{err}
		_, err = r.ByRI("nobody")
		errs = append(errs, err)
		_, err = r.Child(cnt.ID, "nobody")
		errs = append(errs, err)
		_, err = r.Edge(cnt.ID, onem2m.TypeContentInstance, true, 0)
		errs = append(errs, err)
		_, err = r.Edge(cnt.ID, onem2m.TypeContentInstance, false, 0)
		errs = append(errs, err)
		_, err = r.Setting("nobody")
		errs = append(errs, err)
		_, err = r.CredentialOf("//m2m.example/Cnobody")
		errs = append(errs, err)
		for i, err := range errs {
			if !errors.Is(err, store.ErrNotFound) {
				b.Errorf("look-up %d: %v", i, err)
			}
		}
		return nil
	}
	b.read(look)
	b.read(look)
	b.update(func(tx store.Tx) error { return look(tx) })
	for what, fn := range map[string]func(tx store.Tx) error{
		"Remove":   func(tx store.Tx) error { return tx.Remove(cnt.ID + 1000) },
		"Detach":   func(tx store.Tx) error { return tx.Detach(cnt.ID + 1000) },
		"Count":    func(tx store.Tx) error { return tx.Count(cnt.ID+1000, store.Counters{}) },
		"Postpone": func(tx store.Tx) error { return tx.Postpone(77, 1, 1) },
		"Settle":   func(tx store.Tx) error { return tx.Settle(77) },
		"Unbind":   func(tx store.Tx) error { return tx.Unbind("//m2m.example/Cnobody") },
		"Replace": func(tx store.Tx) error {
			return tx.Replace(sample(cnt.ID+1000, cnt.ID, onem2m.TypeContainer, "nobody"))
		},
		"Insert below nobody": func(tx store.Tx) error {
			return tx.Insert(sample(tx.NextID(), cnt.ID+1000, onem2m.TypeContainer, "orphan"))
		},
	} {
		if err := b.s.Update(b.Context(), fn); !errors.Is(err, store.ErrNotFound) {
			b.Errorf("%s: %v", what, err)
		}
	}
}

func namesPerParent(b *bench) {
	base, cnt := b.base()
	other := b.add(base.ID, onem2m.TypeContainer, "other")[0]
	insert := func(parent int64, ri string) error {
		return b.s.Update(b.Context(), func(tx store.Tx) error {
			r := sample(tx.NextID(), parent, onem2m.TypeContainer, "x")
			r.RI = ri
			return tx.Insert(r)
		})
	}
	if err := errors.Join(insert(cnt.ID, "one"), insert(other.ID, "two")); err != nil {
		b.Fatal(err)
	}
	if err := insert(cnt.ID, "three"); !errors.Is(err, store.ErrConflict) {
		b.Errorf("below the same parent: %v", err)
	}
}

func resourceIDTaken(b *bench) {
	base, cnt := b.base()
	err := b.s.Update(b.Context(), func(tx store.Tx) error {
		r := sample(tx.NextID(), base.ID, onem2m.TypeContainer, "x")
		r.RI = cnt.RI
		return tx.Insert(r)
	})
	if !errors.Is(err, store.ErrConflict) {
		b.Errorf("got %v", err)
	}
}

func replaced(b *bench) {
	base, cnt := b.base()
	next := sample(cnt.ID, base.ID, onem2m.TypeContainer, "data")
	next.Modified, next.Expires, next.Due, next.Attributes = 2000, 9000, 9000, []byte(`{"lbl":["a"]}`)
	next.Counters = store.Counters{State: 1, Count: 2, Bytes: 3}
	b.update(func(tx store.Tx) error {
		if err := tx.Replace(next); err != nil {
			return err
		}
		got, err := tx.ByRI(cnt.RI)
		if d := same(next, got); d != "" {
			b.Errorf("in the transaction (-want +got):\n%s", d)
		}
		return err
	})
	for range 2 {
		b.read(func(r store.Reader) error {
			got, err := r.ByID(cnt.ID)
			if d := same(next, got); d != "" {
				b.Errorf("afterwards (-want +got):\n%s", d)
			}
			return err
		})
		b.reopen()
	}
	for _, bad := range []func(r *store.Record){
		func(r *store.Record) { r.Parent = cnt.ID },
		func(r *store.Record) { r.RI = "else" },
		func(r *store.Record) { r.RN = "else" },
		func(r *store.Record) { r.Type = onem2m.TypeGroup },
	} {
		r := sample(cnt.ID, base.ID, onem2m.TypeContainer, "data")
		bad(r)
		if err := b.s.Update(b.Context(), func(tx store.Tx) error { return tx.Replace(r) }); err == nil {
			b.Errorf("%+v was taken", r)
		}
	}
}

func counted(b *bench) {
	base, cnt := b.base()
	want := store.Counters{State: 10, Count: 10, Bytes: 1000}
	b.update(func(tx store.Tx) error {
		for i := range int64(10) {
			if err := tx.Count(cnt.ID, store.Counters{State: i + 1, Count: i + 1, Bytes: (i + 1) * 100}); err != nil {
				return err
			}
		}
		page, err := tx.Children(base.ID, store.Page{})
		if err == nil && (len(page) != 1 || page[0].Counters != want) {
			b.Errorf("a list in the transaction shows %+v", page)
		}
		return err
	})
	for range 2 {
		b.read(func(r store.Reader) error {
			got, err := r.ByID(cnt.ID)
			if err == nil && got.Counters != want {
				b.Errorf("got %+v", got.Counters)
			}
			return err
		})
		b.reopen()
	}
	if err := b.s.Update(b.Context(), func(tx store.Tx) error { return tx.Count(base.ID, want) }); err == nil {
		b.Error("a record without counters was counted")
	}
}

func removed(b *bench) {
	base, cnt := b.base()
	b.read(func(r store.Reader) error { _, err := r.ByRI(cnt.RI); return err })
	b.update(func(tx store.Tx) error {
		if err := tx.Remove(cnt.ID); err != nil {
			return err
		}
		if _, err := tx.ByRI(cnt.RI); !errors.Is(err, store.ErrNotFound) {
			b.Errorf("in the transaction: %v", err)
		}
		again := sample(tx.NextID(), base.ID, onem2m.TypeContainer, "data")
		if err := tx.Insert(again); err != nil {
			return err
		}
		got, err := tx.Child(base.ID, "data")
		if err == nil && got.ID != again.ID {
			b.Errorf("the name leads to %d, want %d", got.ID, again.ID)
		}
		return err
	})
	b.read(func(r store.Reader) error {
		if _, err := r.ByID(cnt.ID); !errors.Is(err, store.ErrNotFound) {
			b.Errorf("afterwards: %v", err)
		}
		got, err := r.ByRI(cnt.RI)
		if err == nil && got.ID == cnt.ID {
			b.Error("the old record came back")
		}
		return err
	})
}

func notWithChildren(b *bench) {
	base, cnt := b.base()
	if err := b.s.Update(b.Context(), func(tx store.Tx) error { return tx.Remove(base.ID) }); !errors.Is(err, store.ErrConflict) {
		b.Errorf("got %v", err)
	}
	b.update(func(tx store.Tx) error { return errors.Join(tx.Remove(cnt.ID), tx.Remove(base.ID)) })
}

func numbersAscend(b *bench) {
	_, cnt := b.base()
	last := cnt.ID
	for range 4 {
		b.update(func(tx store.Tx) error {
			for range 5000 { // more than an engine is likely to set aside at a time
				id := tx.NextID()
				if id <= last {
					b.Errorf("%d after %d", id, last)
				}
				last = id
			}
			r := sample(last, cnt.ID, onem2m.TypeContentInstance, "last")
			return errors.Join(tx.Insert(r), tx.Remove(r.ID))
		})
		b.reopen()
	}
}

func everyField(b *bench) {
	base, _ := b.base()
	var full, bare *store.Record
	b.update(func(tx store.Tx) error {
		full = &store.Record{
			ID: tx.NextID(), Parent: base.ID, RI: "Ünïcode", RN: "näme", Type: 28, Root: "hd:tempe",
			Created: 1, Modified: 2, Expires: 3, Due: 4, Origin: "//m2m.example/id-in/C1", Size: 5,
			Attributes: []byte("{\"con\":\"\x00\"}"), Counted: true, Counters: store.Counters{State: 6, Count: 7, Bytes: 8},
		}
		bare = &store.Record{ID: tx.NextID(), Parent: base.ID, RI: "b", RN: "b", Type: 9, Attributes: []byte{}}
		return errors.Join(tx.Insert(full), tx.Insert(bare))
	})
	b.reopen()
	b.read(func(r store.Reader) error {
		got, err := r.Children(base.ID, store.Page{After: full.ID - 1})
		if d := same([]*store.Record{full, bare}, got); d != "" {
			b.Errorf("differs (-want +got):\n%s", d)
		}
		return err
	})
}
