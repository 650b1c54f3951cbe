package storetest

import (
	"errors"
	"fmt"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// treeContracts are about lists and subtrees.
func treeContracts() []contract {
	return []contract{
		{"C-156 children come in creation order, page by page, by type or without one", childrenPaged},
		{"the newest and oldest instance follow creation and removal and skip what expired", edges},
		{"subscriptions follow creation, change and removal", subscriptions},
		{"the latest expiry among children is found", latestExpiry},
		{"what is due comes oldest first", due},
		{"records of one type come by number", ofType},
		{"a detached root is gone with its name and resourceID, and listed until removed", detached},
		{"what lies below a detached root stays until it is removed from the bottom", detachedBelow},
	}
}

func childrenPaged(b *bench) {
	_, cnt := b.base()
	var want []string
	for i := range 10 {
		ty := onem2m.TypeContentInstance
		if i%3 == 0 {
			ty = onem2m.TypeContainer
		}
		n := fmt.Sprintf("n%d", i)
		b.add(cnt.ID, ty, n)
		want = append(want, n)
	}
	check := func(r store.Reader) error {
		for _, limit := range []int{1, 2, 3, 7, 10, 100} {
			var got []*store.Record
			page := store.Page{Limit: limit}
			for {
				part, err := r.Children(cnt.ID, page)
				if err != nil {
					return err
				}
				if len(part) > limit {
					b.Errorf("%d records on a page of %d", len(part), limit)
				}
				if len(part) == 0 {
					break
				}
				got = append(got, part...)
				page.After = part[len(part)-1].ID
			}
			b.wantNames(fmt.Sprintf("limit %d", limit), got, want...)
		}
		for _, c := range []struct {
			page store.Page
			want []string
		}{
			{store.Page{Only: onem2m.TypeContainer}, []string{"n0", "n3", "n6", "n9"}},
			{store.Page{Only: onem2m.TypeContentInstance, Limit: 2}, []string{"n1", "n2"}},
			{store.Page{Not: onem2m.TypeContentInstance}, []string{"n0", "n3", "n6", "n9"}},
			{store.Page{Not: onem2m.TypeContainer}, []string{"n1", "n2", "n4", "n5", "n7", "n8"}},
			{store.Page{Only: onem2m.TypeContainer, Not: onem2m.TypeContainer}, nil},
			{store.Page{Only: onem2m.TypeTimeSeriesInstance}, nil},
		} {
			got, err := r.Children(cnt.ID, c.page)
			if err != nil {
				return err
			}
			b.wantNames(fmt.Sprintf("%+v", c.page), got, c.want...)
		}
		return nil
	}
	b.read(check)
	b.update(func(tx store.Tx) error { return check(tx) })
}

func edges(b *bench) {
	_, cnt := b.base()
	const ty = onem2m.TypeContentInstance
	want := func(when, oldest, newest string, now onem2m.Timestamp) {
		b.Helper()
		check := func(r store.Reader) error {
			o, err1 := r.Edge(cnt.ID, ty, false, now)
			n, err2 := r.Edge(cnt.ID, ty, true, now)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			if o.RN != oldest || n.RN != newest {
				b.Errorf("%s: %s … %s, want %s … %s", when, o.RN, n.RN, oldest, newest)
			}
			return nil
		}
		b.read(check)
		b.read(check)
		b.update(func(tx store.Tx) error { return check(tx) })
	}
	all := b.add(cnt.ID, ty, "a", "b", "c")
	b.add(cnt.ID, onem2m.TypeContainer, "sub")
	want("after three", "a", "c", 0)
	b.update(func(tx store.Tx) error { return tx.Remove(all[2].ID) })
	want("without the newest", "a", "b", 0)
	b.update(func(tx store.Tx) error { return tx.Remove(all[0].ID) })
	want("without the oldest", "b", "b", 0)
	b.update(func(tx store.Tx) error {
		r := sample(tx.NextID(), cnt.ID, ty, "d")
		r.Expires = 500
		if err := tx.Insert(r); err != nil {
			return err
		}
		got, err := tx.Edge(cnt.ID, ty, true, 499)
		if err == nil && got.RN != "d" {
			b.Errorf("in the transaction: %s", got.RN)
		}
		return err
	})
	want("before d expires", "b", "d", 499)
	want("when d has expired", "b", "b", 500)
	want("for somebody whose clock is behind", "b", "d", 499)
	b.reopen()
	want("after a restart", "b", "d", 499)
	want("after a restart, d expired", "b", "b", 500)

	early := int64(0)
	b.update(func(tx store.Tx) error { early = tx.NextID(); return nil })
	b.add(cnt.ID, ty, "late")
	b.update(func(tx store.Tx) error { return tx.Insert(sample(early, cnt.ID, ty, "early")) })
	want("with a number from before", "b", "late", 500)
}

func subscriptions(b *bench) {
	_, cnt := b.base()
	want := func(when string, names ...string) {
		b.Helper()
		check := func(r store.Reader) error {
			got, err := r.Subscriptions(cnt.ID)
			b.wantNames(when, got, names...)
			return err
		}
		b.read(check)
		b.read(check)
		b.update(func(tx store.Tx) error { return check(tx) })
	}
	want("at first")
	subs := b.add(cnt.ID, onem2m.TypeSubscription, "one", "two")
	b.add(cnt.ID, onem2m.TypeContainer, "no")
	want("after two", "one", "two")
	next := sample(subs[0].ID, cnt.ID, onem2m.TypeSubscription, "one")
	next.Attributes = []byte(`{"nu":[]}`)
	b.update(func(tx store.Tx) error { return tx.Replace(next) })
	b.read(func(r store.Reader) error {
		got, err := r.Subscriptions(cnt.ID)
		if err == nil && string(got[0].Attributes) != `{"nu":[]}` {
			b.Errorf("an old version: %s", got[0].Attributes)
		}
		return err
	})
	failing := errors.New("no")
	err := b.s.Update(b.Context(), func(tx store.Tx) error {
		if err := tx.Remove(subs[1].ID); err != nil {
			return err
		}
		got, err := tx.Subscriptions(cnt.ID)
		b.wantNames("in the transaction", got, "one")
		return errors.Join(err, failing)
	})
	if !errors.Is(err, failing) {
		b.Fatal(err)
	}
	want("after a failed removal", "one", "two")
	b.update(func(tx store.Tx) error { return tx.Remove(subs[0].ID) })
	want("after a removal", "two")
	b.update(func(tx store.Tx) error { return tx.Detach(subs[1].ID) })
	want("after a detachment")
}

func latestExpiry(b *bench) {
	_, cnt := b.base()
	want := func(want onem2m.Timestamp) {
		b.Helper()
		b.read(func(r store.Reader) error {
			got, err := r.LatestExpiry(cnt.ID)
			if got != want {
				b.Errorf("got %d, want %d", got, want)
			}
			return err
		})
	}
	want(0)
	b.add(cnt.ID, onem2m.TypeContainer, "never")
	want(0)
	for i, et := range []onem2m.Timestamp{300, 700, 500} {
		b.update(func(tx store.Tx) error {
			r := sample(tx.NextID(), cnt.ID, onem2m.TypeContainer, fmt.Sprint(i))
			r.Expires = et
			return tx.Insert(r)
		})
	}
	want(700)
}

func due(b *bench) {
	_, cnt := b.base()
	for i, at := range []onem2m.Timestamp{300, 0, 100, 200, 400} {
		b.update(func(tx store.Tx) error {
			r := sample(tx.NextID(), cnt.ID, onem2m.TypeContainer, fmt.Sprintf("d%d", i))
			r.Due = at
			return tx.Insert(r)
		})
	}
	check := func(r store.Reader) error {
		got, err := r.Due(300, 10)
		b.wantNames("due at 300", got, "d2", "d3", "d0")
		if err == nil {
			got, err = r.Due(300, 2)
			b.wantNames("two of them", got, "d2", "d3")
		}
		return err
	}
	b.read(check)
	b.update(func(tx store.Tx) error { return check(tx) })
}

func ofType(b *bench) {
	base, cnt := b.base()
	acps := b.add(base.ID, onem2m.TypeAccessControlPolicy, "p1", "p2", "p3")
	b.add(cnt.ID, onem2m.TypeContentInstance, "i1", "i2")
	b.update(func(tx store.Tx) error { return tx.Detach(acps[2].ID) })
	b.read(func(r store.Reader) error {
		got, err1 := r.OfType(onem2m.TypeAccessControlPolicy, 0, 10)
		b.wantNames("policies", got, "p1", "p2")
		got, err2 := r.OfType(onem2m.TypeAccessControlPolicy, acps[0].ID, 1)
		b.wantNames("policies after the first", got, "p2")
		got, err3 := r.OfType(onem2m.TypeContentInstance, 0, 10)
		b.wantNames("instances", got, "i1", "i2")
		return errors.Join(err1, err2, err3)
	})
}

func detached(b *bench) {
	base, cnt := b.base()
	b.read(func(r store.Reader) error { _, err := r.Child(base.ID, "data"); return err })
	b.update(func(tx store.Tx) error { return tx.Detach(cnt.ID) })
	b.add(base.ID, onem2m.TypeContainer, "data")
	for range 2 {
		b.read(func(r store.Reader) error {
			if _, err := r.ByID(cnt.ID); !errors.Is(err, store.ErrNotFound) {
				b.Errorf("ByID: %v", err)
			}
			if got, err := r.ByRI(cnt.RI); err != nil || got.ID == cnt.ID {
				b.Errorf("ByRI: %v, %v", got, err)
			}
			if got, err := r.Child(base.ID, "data"); err != nil || got.ID == cnt.ID {
				b.Errorf("Child: %v, %v", got, err)
			}
			roots, err := r.Detached(10)
			if len(roots) != 1 || roots[0].ID != cnt.ID {
				b.Errorf("Detached: %v", roots)
			}
			return err
		})
		b.reopen()
	}
	if err := b.s.Update(b.Context(), func(tx store.Tx) error { return tx.Detach(cnt.ID) }); !errors.Is(err, store.ErrNotFound) {
		b.Errorf("a second time: %v", err)
	}
	b.update(func(tx store.Tx) error { return tx.Remove(cnt.ID) })
	b.read(func(r store.Reader) error {
		roots, err := r.Detached(10)
		if len(roots) != 0 {
			b.Errorf("after removal: %v", roots)
		}
		return err
	})
}

func detachedBelow(b *bench) {
	_, cnt := b.base()
	sub := b.add(cnt.ID, onem2m.TypeContainer, "sub")[0]
	leaf := b.add(sub.ID, onem2m.TypeContentInstance, "leaf")[0]
	b.update(func(tx store.Tx) error { return tx.Detach(cnt.ID) })
	b.read(func(r store.Reader) error {
		got, err := r.ByRI(leaf.RI)
		if err != nil {
			return err
		}
		if up, err := r.ByID(got.Parent); err != nil || up.Parent != cnt.ID {
			b.Errorf("the way up: %v, %v", up, err)
		}
		below, err := r.Children(cnt.ID, store.Page{})
		b.wantNames("below the root", below, "sub")
		return err
	})
	for _, id := range []int64{cnt.ID, sub.ID} {
		if err := b.s.Update(b.Context(), func(tx store.Tx) error { return tx.Remove(id) }); !errors.Is(err, store.ErrConflict) {
			b.Errorf("removing %d before what is below: %v", id, err)
		}
	}
	b.update(func(tx store.Tx) error {
		return errors.Join(tx.Remove(leaf.ID), tx.Remove(sub.ID), tx.Remove(cnt.ID))
	})
	b.read(func(r store.Reader) error {
		if _, err := r.ByRI(leaf.RI); !errors.Is(err, store.ErrNotFound) {
			b.Errorf("the leaf: %v", err)
		}
		return nil
	})
}
