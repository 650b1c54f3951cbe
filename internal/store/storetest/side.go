package storetest

import (
	"errors"
	"slices"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// sideContracts are about what a CSE keeps beside its resources.
func sideContracts() []contract {
	return []contract{
		{"C-480 an outbox entry comes back as it was until it is settled", outbox},
		{"settings are kept under their names", settings},
		{"S-080 a binding stays until it is removed, and to one credential", bindings},
	}
}

func outbox(b *bench) {
	entries := []*store.Delivery{
		{
			Target: "https://a.example/n", Subscription: "s1", Event: 7, RequestID: "r1", Priority: 3, Final: true,
			Payload: []byte(`{"m2m:sgn":{}}`), Created: 1000, Attempts: 0, NotBefore: 0,
			Held: 2, Category: 4, Events: 5,
		},
		{Target: "https://b.example/n", Subscription: "s1", Event: 7, RequestID: "r2"},
		{Target: "https://b.example/n", Subscription: "s1", Event: 8, RequestID: "r3"},
	}
	b.update(func(tx store.Tx) error {
		for _, d := range entries {
			if err := tx.Enqueue(d); err != nil {
				return err
			}
		}
		return nil
	})
	if entries[0].ID <= 0 || entries[1].ID <= entries[0].ID || entries[2].ID <= entries[1].ID {
		b.Errorf("numbers %d, %d, %d", entries[0].ID, entries[1].ID, entries[2].ID)
	}
	want := func(event int64, undelivered int, entries ...*store.Delivery) {
		b.Helper()
		b.read(func(r store.Reader) error {
			got, err1 := r.Deliveries(0, 10)
			if d := same(entries, got); d != "" {
				b.Errorf("differs (-want +got):\n%s", d)
			}
			n, err2 := r.Undelivered("s1", event)
			if n != undelivered {
				b.Errorf("undelivered: %d, want %d", n, undelivered)
			}
			return errors.Join(err1, err2)
		})
	}
	b.reopen()
	want(7, 2, entries...)
	b.update(func(tx store.Tx) error {
		return errors.Join(tx.Postpone(entries[0].ID, 2, 5000), tx.Settle(entries[1].ID))
	})
	entries[0].Attempts, entries[0].NotBefore = 2, 5000
	want(7, 1, entries[0], entries[2])
	b.read(func(r store.Reader) error {
		got, err1 := r.Held("s1", 0, 10)
		if d := same(entries[:1], got); d != "" {
			b.Errorf("held (-want +got):\n%s", d)
		}
		none, err2 := r.Held("s1", entries[0].ID, 10)
		other, err3 := r.Held("s2", 0, 10)
		if len(none)+len(other) != 0 {
			b.Errorf("held: %v %v", none, other)
		}
		return errors.Join(err1, err2, err3)
	})
	b.read(func(r store.Reader) error {
		got, err := r.Deliveries(entries[0].ID, 1)
		if d := same([]*store.Delivery{entries[2]}, got); d != "" {
			b.Errorf("after the first (-want +got):\n%s", d)
		}
		return err
	})
}

func settings(b *bench) {
	for _, value := range []string{"one", "", "two\x00"} {
		b.update(func(tx store.Tx) error { return tx.SetSetting("cse-id", []byte(value)) })
		for range 2 {
			b.read(func(r store.Reader) error {
				got, err := r.Setting("cse-id")
				if string(got) != value {
					b.Errorf("got %q, want %q", got, value)
				}
				return err
			})
			b.reopen()
		}
	}
	b.update(func(tx store.Tx) error {
		return errors.Join(tx.SetSetting("cse-id 2", []byte("b")), tx.SetSetting("cse", []byte("c")), tx.SetSetting("Cse-id", []byte("d")), tx.SetSetting("cse%id", []byte("e")))
	})
	b.read(func(r store.Reader) error {
		got, err := r.Settings("cse-")
		if d := same(map[string][]byte{"cse-id": []byte("two\x00"), "cse-id 2": []byte("b")}, got); d != "" || err != nil {
			b.Errorf("by prefix: %v (-want +got):\n%s", err, d)
		}
		if got, err := r.Settings("nothing"); err != nil || len(got) != 0 {
			b.Errorf("by a prefix of nothing: %v %v", got, err)
		}
		return nil
	})
	b.update(func(tx store.Tx) error { return tx.SetSetting("cse-id", nil) })
	b.read(func(r store.Reader) error {
		if got, err := r.Setting("cse-id"); !errors.Is(err, store.ErrNotFound) {
			b.Errorf("removed, and still there: %q, %v", got, err)
		}
		return nil
	})
}

func bindings(b *bench) {
	const one, two = onem2m.ID("//m2m.example/C1"), onem2m.ID("//m2m.example/C2")
	want := func(id onem2m.ID, credential string) {
		b.Helper()
		check := func(r store.Reader) error {
			got, err := r.CredentialOf(id)
			if credential == "" && errors.Is(err, store.ErrNotFound) {
				return nil
			}
			if got != credential {
				b.Errorf("%s: %q, want %q", id, got, credential)
			}
			return err
		}
		b.read(check)
		b.read(check)
		b.update(func(tx store.Tx) error { return check(tx) })
	}
	want(one, "")
	b.update(func(tx store.Tx) error {
		return errors.Join(tx.Bind(store.Binding{ID: two, Credential: "10-x", Since: 5}),
			tx.Bind(store.Binding{ID: one, Credential: "10-x", Since: 6}))
	})
	want(one, "10-x")
	b.reopen()
	want(one, "10-x")
	if err := b.s.Update(b.Context(), func(tx store.Tx) error {
		return tx.Bind(store.Binding{ID: one, Credential: "10-y"})
	}); !errors.Is(err, store.ErrConflict) {
		b.Errorf("another credential: %v", err)
	}
	want(one, "10-x")
	b.read(func(r store.Reader) error {
		ids, err1 := r.BoundTo("10-x")
		if !slices.Equal(ids, []onem2m.ID{one, two}) {
			b.Errorf("bound: %v", ids)
		}
		all, err2 := r.Bindings()
		if d := same([]store.Binding{
			{ID: one, Credential: "10-x", Since: 6}, {ID: two, Credential: "10-x", Since: 5},
		}, all); d != "" {
			b.Errorf("bindings (-want +got):\n%s", d)
		}
		return errors.Join(err1, err2)
	})
	b.update(func(tx store.Tx) error {
		if err := tx.Unbind(one); err != nil {
			return err
		}
		if _, err := tx.CredentialOf(one); !errors.Is(err, store.ErrNotFound) {
			b.Errorf("in the transaction: %v", err)
		}
		return nil
	})
	want(one, "")
	want(two, "10-x")
}
