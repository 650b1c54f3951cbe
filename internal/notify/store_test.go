package notify

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/store"
	"bulwark/internal/store/sql"
	"bulwark/onem2m"
)

// TestDelivery_C480_OverTheRealStore: with the embedded database, in real time,
// with a restart in the middle.
func TestDelivery_C480_OverTheRealStore(t *testing.T) {
	t.Parallel()
	const targets, events = 10, 60
	st, err := sql.Open(t.Context(), sql.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	sender := &fakeSender{}
	engine := func() *Engine {
		return New(Options{
			Home: home, Store: st, Sender: sender, Directory: fakeDirectory{}, Random: rand.NewChaCha8([32]byte{2}),
			Limits: Limits{PayloadMemory: 2000}, // most payloads have to be read back
		})
	}
	update := func(fn func(store.Tx) error) {
		t.Helper()
		if err := st.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	now := onem2m.TimestampOf(time.Now())
	record := func(tx store.Tx, parent int64, ri string, ty onem2m.ResourceType, root, attributes string) *store.Record {
		return &store.Record{
			ID: tx.NextID(), Parent: parent, RI: ri, RN: ri, Type: ty, Root: root,
			Created: now, Modified: now, Attributes: []byte(attributes),
		}
	}
	var parent *store.Record
	update(func(tx store.Tx) error {
		parent = record(tx, 0, "id-in", onem2m.TypeCSEBase, "m2m:cb", `{"rn":"cse-in"}`)
		return tx.Insert(parent)
	})
	update(func(tx store.Tx) error {
		for i := range targets {
			attributes := fmt.Sprintf(`{"nu":["http://192.0.2.50/%d"],"nct":2,"exc":1000}`, i)
			if err := tx.Insert(record(tx, parent.ID, fmt.Sprint("sub", i), onem2m.TypeSubscription, "m2m:sub", attributes)); err != nil {
				return err
			}
		}
		return nil
	})
	e := engine()
	touch := func(from, to int) {
		for n := from; n <= to; n++ {
			update(func(tx store.Tx) error {
				return e.Record(tx, Event{Type: Updated, Resource: parent, Modified: fmt.Appendf(nil, `{"n":%d}`, n)})
			})
		}
	}
	life := func(from, to int) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		touch(from, to)
		for deadline := time.Now().Add(2 * time.Minute); len(sender.seen()) < targets*to && time.Now().Before(deadline); {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	life(1, events/3)
	touch(events/3+1, 2*events/3) // while nobody delivers
	e = engine()
	life(2*events/3+1, events)
	for i := range targets {
		var want []string
		for n := 1; n <= events; n++ {
			want = append(want, fmt.Sprintf(`{"m2m:sgn":{"nev":{"net":1,"rep":{"m2m:cb":{"n":%d}}},"sur":"/id-in/sub%d"}}`, n, i))
		}
		if diff := cmp.Diff(want, sender.contents(fmt.Sprintf("http://192.0.2.50/%d", i))); diff != "" {
			t.Fatalf("target %d (-want +got):\n%s", i, diff)
		}
	}
	err = st.Read(t.Context(), func(r store.Reader) error {
		left, err := r.Deliveries(0, 10)
		if err != nil {
			return err
		}
		sub, err := r.ByRI("sub3")
		if err != nil {
			return err
		}
		if s := compiled(sub); len(left) != 0 || s.counter != 1000-events {
			t.Errorf("%d left in the outbox, the counter stands at %d", len(left), s.counter)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
