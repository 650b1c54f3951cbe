package storetest

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// machine does the same to a store and to the model, and compares.
type machine struct {
	t    *testing.T
	open Opener
	dir  string
	s    store.Store
	m    *model
}

// runMachine checks random sequences of operations.
func runMachine(t *testing.T, open Opener) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "machine")
		if err != nil {
			rt.Fatal(err)
		}
		k := &machine{t: t, open: open, dir: dir, s: open(t, dir), m: newModel()}
		defer func() {
			if err := k.s.Close(); err != nil {
				rt.Errorf("Close: %v", err)
			}
		}()
		rt.Repeat(map[string]func(*rapid.T){
			"update": k.update,
			"write":  k.update, // twice as often
			"read":   k.read,
			"reopen": k.reopen,
		})
	})
}

// reopen is rare: it says little and takes long.
func (k *machine) reopen(rt *rapid.T) {
	if rapid.IntRange(0, 3).Draw(rt, "really") != 0 {
		rt.Skip("not now")
	}
	if err := k.s.Close(); err != nil {
		rt.Fatalf("Close: %v", err)
	}
	k.s = k.open(k.t, k.dir)
	k.read(rt)
}

var errUndo = errors.New("undo")

// update runs a few writes in one Update. A failed one ends it, as the contract
// of Tx wants it.
func (k *machine) update(rt *rapid.T) {
	next := k.m.clone()
	steps := rapid.IntRange(1, 5).Draw(rt, "steps")
	undo := rapid.IntRange(0, 4).Draw(rt, "undo") == 0
	// Draws end by panics, which belong to this goroutine, not to the writer's.
	var drawn any
	err := k.s.Update(k.t.Context(), func(tx store.Tx) error {
		defer func() { drawn = recover() }()
		for range steps {
			if got, want := k.write(rt, tx, next); got != nil || want != nil {
				return disagree("write", got, want)
			}
			if err := k.compare(rt, tx, next); err != nil {
				return err
			}
		}
		if undo {
			return errUndo
		}
		return nil
	})
	if drawn != nil {
		panic(drawn)
	}
	switch {
	case err == nil:
		k.m = next
	case errors.Is(err, errUndo), errors.Is(err, errAgreed):
	default:
		rt.Fatal(err)
	}
	k.read(rt)
}

func (k *machine) read(rt *rapid.T) {
	if err := k.s.Read(k.t.Context(), func(r store.Reader) error { return k.compare(rt, r, k.m) }); err != nil {
		rt.Fatal(err)
	}
}

// errAgreed says that store and model refused the same thing.
var errAgreed = errors.New("both refused")

// disagree compares two errors by what they say to a caller.
func disagree(what string, got, want error) error {
	for _, class := range []error{store.ErrNotFound, store.ErrConflict} {
		if errors.Is(got, class) && errors.Is(want, class) {
			return errAgreed
		}
	}
	return fmt.Errorf("%s: got %w, want %w", what, got, want)
}

// The small pools that make collisions likely.
var (
	poolNames = []string{"a", "b", "c", "d"}
	poolTypes = []onem2m.ResourceType{
		onem2m.TypeContainer, onem2m.TypeContentInstance, onem2m.TypeSubscription,
		onem2m.TypeAccessControlPolicy, onem2m.TypeTimeSeriesInstance,
	}
	poolLabels = []string{"", `,"lbl":["a"]`, `,"lbl":["b","a"]`, `,"lbl":["b","b"]`}
	poolIDs    = []onem2m.ID{"//m2m.example/C1", "//m2m.example/C2", "//m2m.example/C3"}
)

// someID draws the number of a record that exists, or of none.
func someID[V any](rt *rapid.T, from map[int64]V) int64 {
	return rapid.SampledFrom(append(slices.Sorted(maps.Keys(from)), 1<<40)).Draw(rt, "id")
}

func someTime(rt *rapid.T) onem2m.Timestamp {
	return onem2m.Timestamp(rapid.IntRange(0, 5).Draw(rt, "time"))
}

func someLabels(rt *rapid.T) string { return rapid.SampledFrom(poolLabels).Draw(rt, "labels") }

func someCounters(rt *rapid.T) store.Counters {
	n := rapid.Int64Range(0, 100).Draw(rt, "n")
	return store.Counters{State: n, Count: n + 1, Bytes: n + 2}
}

// write draws a write and does it to both.
func (k *machine) write(rt *rapid.T, tx store.Tx, m *model) (got, want error) {
	switch rapid.SampledFrom([]string{
		"insert", "insert", "insert", "insert", "replace", "count", "count", "remove", "detach",
		"enqueue", "postpone", "settle", "set", "bind", "unbind",
	}).Draw(rt, "write") {
	case "insert":
		r := drawRecord(rt, tx.NextID(), m)
		return tx.Insert(r), m.insert(r)
	case "replace":
		old := m.records[someID(rt, m.records)]
		if old == nil || old.Parent == gone {
			return nil, nil
		}
		r := old.WithCounters(someCounters(rt))
		r.Expires, r.Due, r.Attributes = someTime(rt), someTime(rt), []byte(`{"replaced":true`+someLabels(rt)+`}`)
		return tx.Replace(r), m.replace(r)
	case "count":
		id, c := someID(rt, m.records), someCounters(rt)
		if r := m.records[id]; r != nil && !r.Counted {
			return nil, nil
		}
		return tx.Count(id, c), m.count(id, c)
	case "remove":
		id := someID(rt, m.records)
		return tx.Remove(id), m.remove(id)
	case "detach":
		id := someID(rt, m.records)
		return tx.Detach(id), m.detach(id)
	default:
		return k.writeBeside(rt, tx, m)
	}
}

// drawRecord draws a record, with a resourceID that may be its name or taken.
func drawRecord(rt *rapid.T, id int64, m *model) *store.Record {
	r := sample(id, someID(rt, m.records), rapid.SampledFrom(poolTypes).Draw(rt, "type"), rapid.SampledFrom(poolNames).Draw(rt, "rn"))
	if rapid.IntRange(0, 5).Draw(rt, "top") == 0 {
		r.Parent = 0
	}
	switch rapid.IntRange(0, 3).Draw(rt, "naming") {
	case 0:
		r.RI = r.RN
	case 1:
		r.RI = rapid.SampledFrom(poolNames).Draw(rt, "ri")
	case 2:
		r.RI = fmt.Sprintf("ri%d", id)
		r.RN = r.RI
	default:
		r.RI = fmt.Sprintf("ri%d", id)
	}
	r.Counted = r.Type == onem2m.TypeContainer
	r.Attributes = []byte(`{"rn":"` + r.RN + `"` + someLabels(rt) + `}`)
	r.Expires, r.Due = someTime(rt), someTime(rt)
	return r
}

// writeBeside draws a write that isn't about resources.
func (k *machine) writeBeside(rt *rapid.T, tx store.Tx, m *model) (got, want error) {
	switch rapid.SampledFrom([]string{"enqueue", "postpone", "settle", "set", "bind", "unbind"}).Draw(rt, "beside") {
	case "enqueue":
		d := store.Delivery{Target: "t", Subscription: rapid.SampledFrom(poolNames).Draw(rt, "sub"), Payload: []byte("x")}
		got = tx.Enqueue(&d)
		m.deliveries[d.ID] = &d
		return got, nil
	case "postpone":
		id, at := someID(rt, m.deliveries), someTime(rt)
		return tx.Postpone(id, 1, at), m.postpone(id, 1, at)
	case "settle":
		id := someID(rt, m.deliveries)
		return tx.Settle(id), m.settle(id)
	case "set":
		name, value := rapid.SampledFrom(poolNames).Draw(rt, "name"), rapid.String().Draw(rt, "value")
		m.settings[name] = value
		return tx.SetSetting(name, []byte(value)), nil
	case "bind":
		bd := store.Binding{
			ID: rapid.SampledFrom(poolIDs).Draw(rt, "ae"), Credential: rapid.SampledFrom(poolNames).Draw(rt, "cred"), Since: someTime(rt),
		}
		return tx.Bind(bd), m.bind(bd)
	default:
		id := rapid.SampledFrom(poolIDs).Draw(rt, "ae")
		return tx.Unbind(id), m.unbind(id)
	}
}
