package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// transactionContracts are about Update and Read themselves.
func transactionContracts() []contract {
	return []contract{
		{"C-481 a failing function leaves nothing, and its error comes back as it is", failingLeavesNothing},
		{"a failing try is undone, and what came before and after it is kept", tryUndoesItself},
		{"a panic in a try undoes the whole function", panicInTry},
		{"a panic becomes an error, leaves nothing, and the next Update works", panicIsAnError},
		{"what is done after a commit runs in order, and only if it was committed", hooksInOrder},
		{"readers see nothing that isn't committed, and everything that is", readersSeeCommitted},
		{"a snapshot doesn't change while it is read", snapshotStands},
		{"a cancelled Update that hasn't started is not run", cancelledIsSkipped},
		{"a transaction can't be used after its function", noUseAfter},
		{"a closed store refuses work, and closing twice is fine", closedRefuses},
	}
}

func failingLeavesNothing(b *bench) {
	base, cnt := b.base()
	old := b.add(cnt.ID, onem2m.TypeContentInstance, "old")[0]
	failing := errors.New("no")
	err := b.s.Update(b.Context(), func(tx store.Tx) error {
		next := sample(cnt.ID, base.ID, onem2m.TypeContainer, "data")
		next.Attributes = []byte(`{"changed":true}`)
		return errors.Join(
			tx.Insert(sample(tx.NextID(), cnt.ID, onem2m.TypeContentInstance, "new")),
			tx.Count(cnt.ID, store.Counters{State: 9, Count: 9, Bytes: 9}),
			tx.Replace(next),
			tx.Count(cnt.ID, store.Counters{State: 10, Count: 10, Bytes: 10}),
			tx.Remove(old.ID),
			tx.Enqueue(&store.Delivery{Target: "t", Subscription: "s"}),
			tx.SetSetting("name", []byte("value")),
			tx.Bind(store.Binding{ID: "//m2m.example/C1", Credential: "10-x"}),
			failing)
	})
	if !errors.Is(err, failing) {
		b.Fatalf("got %v", err)
	}
	check := func(r store.Reader) error {
		got, err := r.ByID(cnt.ID)
		if d := same(cnt, got); d != "" {
			b.Errorf("the container (-want +got):\n%s", d)
		}
		below, err2 := r.Children(cnt.ID, store.Page{})
		b.wantNames("below", below, "old")
		waiting, err3 := r.Deliveries(0, 10)
		if len(waiting) != 0 {
			b.Errorf("deliveries: %v", waiting)
		}
		if _, err := r.Setting("name"); !errors.Is(err, store.ErrNotFound) {
			b.Errorf("setting: %v", err)
		}
		if _, err := r.CredentialOf("//m2m.example/C1"); !errors.Is(err, store.ErrNotFound) {
			b.Errorf("binding: %v", err)
		}
		return errors.Join(err, err2, err3)
	}
	b.read(check)
	b.update(func(tx store.Tx) error { return check(tx) })
	b.reopen()
	b.read(check)
}

func tryUndoesItself(b *bench) {
	_, cnt := b.base()
	failing := errors.New("no")
	var ran []string
	note := func(tx store.Tx, name string, n int64) error {
		tx.OnCommit(func() { ran = append(ran, name) })
		return errors.Join(
			tx.Insert(sample(tx.NextID(), cnt.ID, onem2m.TypeContentInstance, name)),
			tx.Count(cnt.ID, store.Counters{State: n, Count: n, Bytes: n}),
			tx.Bind(store.Binding{ID: onem2m.ID("//m2m.example/C" + name), Credential: "10-" + name}))
	}
	look := func(r store.Reader, n int64, names ...string) {
		below, err := r.Children(cnt.ID, store.Page{})
		b.wantNames("below", below, names...)
		got, err2 := r.ByID(cnt.ID)
		if err := errors.Join(err, err2); err != nil || got.Counters.State != n {
			b.Errorf("counters %+v, want %d, %v", got, n, err)
		}
		for name, want := range map[string]bool{"before": true, "undone": false, "inner": false} {
			if _, err := r.CredentialOf(onem2m.ID("//m2m.example/C" + name)); (err == nil) != want {
				b.Errorf("binding %s: %v", name, err)
			}
		}
	}
	b.update(func(tx store.Tx) error {
		err := note(tx, "before", 1)
		got := tx.Try(func() error {
			inner := tx.Try(func() error { return errors.Join(note(tx, "inner", 2), failing) })
			look(tx, 1, "before")
			return errors.Join(note(tx, "undone", 3), inner)
		})
		if !errors.Is(got, failing) {
			b.Errorf("got %v", got)
		}
		look(tx, 1, "before")
		err = errors.Join(err, tx.Try(func() error { return note(tx, "tried", 4) }))
		look(tx, 4, "before", "tried")
		return errors.Join(err, note(tx, "after", 5))
	})
	check := func(r store.Reader) error { look(r, 5, "before", "tried", "after"); return nil }
	b.read(check)
	if !slices.Equal(ran, []string{"before", "tried", "after"}) {
		b.Errorf("ran %v", ran)
	}
	b.reopen()
	b.read(check)
}

func panicInTry(b *bench) {
	_, cnt := b.base()
	err := b.s.Update(b.Context(), func(tx store.Tx) error {
		return errors.Join(
			tx.Insert(sample(tx.NextID(), cnt.ID, onem2m.TypeContentInstance, "x")),
			tx.Try(func() error {
				if err := tx.Insert(sample(tx.NextID(), cnt.ID, onem2m.TypeContentInstance, "y")); err != nil {
					return err
				}
				panic("out of order")
			}))
	})
	if err == nil {
		b.Fatal("no error")
	}
	b.update(func(tx store.Tx) error {
		below, err := tx.Children(cnt.ID, store.Page{})
		b.wantNames("left", below)
		return err
	})
	b.add(cnt.ID, onem2m.TypeContentInstance, "z")
}

func panicIsAnError(b *bench) {
	_, cnt := b.base()
	err := b.s.Update(b.Context(), func(tx store.Tx) error {
		if err := tx.Insert(sample(tx.NextID(), cnt.ID, onem2m.TypeContentInstance, "x")); err != nil {
			return err
		}
		panic("out of order")
	})
	if err == nil {
		b.Fatal("no error")
	}
	b.update(func(tx store.Tx) error {
		below, err := tx.Children(cnt.ID, store.Page{})
		b.wantNames("left", below)
		tx.OnCommit(func() { panic("too late to matter") })
		return err
	})
	b.add(cnt.ID, onem2m.TypeContentInstance, "y")
}

func hooksInOrder(b *bench) {
	_, cnt := b.base()
	var ran []int
	b.update(func(tx store.Tx) error {
		for i := range 3 {
			tx.OnCommit(func() { ran = append(ran, i) })
		}
		return tx.Insert(sample(tx.NextID(), cnt.ID, onem2m.TypeContentInstance, "x"))
	})
	b.update(func(tx store.Tx) error { tx.OnCommit(func() { ran = append(ran, 3) }); return nil })
	err := b.s.Update(b.Context(), func(tx store.Tx) error {
		tx.OnCommit(func() { ran = append(ran, 99) })
		return errors.New("no")
	})
	if err == nil || !slices.Equal(ran, []int{0, 1, 2, 3}) {
		b.Errorf("ran %v, %v", ran, err)
	}
}

func readersSeeCommitted(b *bench) {
	base, cnt := b.base()
	b.read(func(r store.Reader) error { _, err := r.Child(base.ID, "data"); return err })
	var fresh *store.Record
	peek := func(want int64) {
		// In a goroutine of its own: from within Update no Read may be called.
		var wg sync.WaitGroup
		wg.Go(func() {
			err := b.s.Read(b.Context(), func(r store.Reader) error {
				got, err := r.ByRI(cnt.RI)
				if err == nil && got.Counters.Count != want {
					b.Errorf("count %d, want %d", got.Counters.Count, want)
				}
				_, missing := r.ByRI(fresh.RI)
				if (want == 0) != errors.Is(missing, store.ErrNotFound) {
					b.Errorf("count %d: %v", want, missing)
				}
				return err
			})
			if err != nil {
				b.Error(err)
			}
		})
		wg.Wait()
	}
	b.update(func(tx store.Tx) error {
		fresh = sample(tx.NextID(), cnt.ID, onem2m.TypeContentInstance, "x")
		err := errors.Join(tx.Insert(fresh), tx.Count(cnt.ID, store.Counters{Count: 1}))
		peek(0)
		return err
	})
	peek(1)
}

func snapshotStands(b *bench) {
	_, cnt := b.base()
	b.add(cnt.ID, onem2m.TypeContentInstance, "a")
	b.read(func(r store.Reader) error {
		first, err := r.Children(cnt.ID, store.Page{})
		b.wantNames("at first", first, "a")
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := b.s.Update(b.Context(), func(tx store.Tx) error {
				return errors.Join(
					tx.Insert(sample(tx.NextID(), cnt.ID, onem2m.TypeContentInstance, "b")),
					tx.Insert(sample(tx.NextID(), cnt.ID, onem2m.TypeSubscription, "s")),
					tx.Count(cnt.ID, store.Counters{Count: 2}),
					tx.Bind(store.Binding{ID: "//m2m.example/C1", Credential: "10-x"}))
			}); err != nil {
				b.Error(err)
			}
		}()
		<-done // a writer doesn't wait for readers, nor the other way round
		again, err2 := r.Children(cnt.ID, store.Page{})
		b.wantNames("again", again, "a")
		newest, err3 := r.Edge(cnt.ID, onem2m.TypeContentInstance, true, 0)
		b.wantNames("newest", []*store.Record{newest}, "a")
		subs, err4 := r.Subscriptions(cnt.ID)
		b.wantNames("subscriptions", subs)
		got, err5 := r.ByID(cnt.ID)
		if err5 == nil && got.Counters.Count != 0 {
			b.Errorf("count %d", got.Counters.Count)
		}
		if _, err := r.CredentialOf("//m2m.example/C1"); !errors.Is(err, store.ErrNotFound) {
			b.Errorf("binding: %v", err)
		}
		return errors.Join(err, err2, err3, err4, err5)
	})
	b.read(func(r store.Reader) error {
		got, err := r.ByID(cnt.ID)
		if err == nil && got.Counters.Count != 2 {
			b.Errorf("afterwards: count %d", got.Counters.Count)
		}
		return err
	})
}

func cancelledIsSkipped(b *bench) {
	cause := errors.New("gave up")
	ctx, cancel := context.WithCancelCause(b.Context())
	entered, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.s.Update(b.Context(), func(store.Tx) error { close(entered); <-leave; return nil }); err != nil {
			b.Error(err)
		}
	})
	<-entered // the writer is busy now
	result := make(chan error)
	go func() {
		result <- b.s.Update(ctx, func(store.Tx) error { b.Error("it ran"); return nil })
	}()
	cancel(cause)
	if err := <-result; !errors.Is(err, cause) {
		b.Errorf("got %v", err)
	}
	close(leave)
	wg.Wait()
	if err := b.s.Read(ctx, func(store.Reader) error { b.Error("it ran"); return nil }); !errors.Is(err, cause) {
		b.Errorf("Read: %v", err)
	}
	b.update(func(store.Tx) error { return nil }) // whatever was queued has passed
}

func noUseAfter(b *bench) {
	_, cnt := b.base()
	var kept store.Tx
	b.update(func(tx store.Tx) error { kept = tx; return nil })
	_, err := kept.ByID(cnt.ID)
	for _, err := range []error{err, kept.Remove(cnt.ID), kept.Count(cnt.ID, store.Counters{})} {
		if err == nil {
			b.Error("it worked")
		}
	}
}

func closedRefuses(b *bench) {
	b.base()
	if err := errors.Join(b.s.Close(), b.s.Close()); err != nil {
		b.Fatal(err)
	}
	if err := b.s.Update(b.Context(), func(store.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
		b.Errorf("Update: %v", err)
	}
	if err := b.s.Read(b.Context(), func(store.Reader) error { return nil }); !errors.Is(err, store.ErrClosed) {
		b.Errorf("Read: %v", err)
	}
}
