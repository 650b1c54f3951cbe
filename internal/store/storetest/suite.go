// Package storetest is the contract of a store as tests that every engine runs:
// what each method promises, a random-operations test against a model made of
// plain maps, and what holds when many write at once. It starts no processes;
// crash tests belong to the engines.
package storetest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Opener opens the store that lives in a directory. The suite closes it, and
// may open it again.
type Opener func(t *testing.T, dir string) store.Store

// Run runs the whole suite.
func Run(t *testing.T, open func(t *testing.T, dir string) store.Store) {
	t.Helper()
	var all []contract
	all = append(all, recordContracts()...)
	all = append(all, treeContracts()...)
	all = append(all, transactionContracts()...)
	all = append(all, sideContracts()...)
	all = append(all, concurrencyContracts()...)
	for _, c := range all {
		t.Run(c.promise, func(t *testing.T) {
			t.Parallel()
			c.check(newBench(t, open))
		})
	}
	t.Run("random operations agree with a model, across restarts", func(t *testing.T) {
		t.Parallel()
		runMachine(t, open)
	})
}

// contract is one promise and how it is checked.
type contract struct {
	promise string
	check   func(b *bench)
}

// bench is a store with what tests do to it over and over.
type bench struct {
	*testing.T
	open Opener
	dir  string
	s    store.Store
}

func newBench(t *testing.T, open Opener) *bench {
	t.Helper()
	b := &bench{T: t, open: open, dir: t.TempDir()}
	b.s = open(t, b.dir)
	t.Cleanup(func() {
		if err := b.s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

// reopen closes the store and opens it again.
func (b *bench) reopen() {
	b.Helper()
	if err := b.s.Close(); err != nil {
		b.Fatalf("Close: %v", err)
	}
	b.s = b.open(b.T, b.dir)
}

// update runs fn and fails the test on an error.
func (b *bench) update(fn func(tx store.Tx) error) {
	b.Helper()
	if err := b.s.Update(b.Context(), fn); err != nil {
		b.Fatalf("Update: %v", err)
	}
}

// read runs fn and fails the test on an error.
func (b *bench) read(fn func(r store.Reader) error) {
	b.Helper()
	if err := b.s.Read(b.Context(), fn); err != nil {
		b.Fatalf("Read: %v", err)
	}
}

// add inserts records below parent, in one Update each, and returns them.
func (b *bench) add(parent int64, ty onem2m.ResourceType, names ...string) []*store.Record {
	b.Helper()
	var added []*store.Record
	for _, n := range names {
		b.update(func(tx store.Tx) error {
			r := sample(tx.NextID(), parent, ty, n)
			added = append(added, r)
			return tx.Insert(r)
		})
	}
	return added
}

// base inserts a CSEBase and a container below it.
func (b *bench) base() (base, cnt *store.Record) {
	b.Helper()
	base = b.add(0, onem2m.TypeCSEBase, "cse-in")[0]
	return base, b.add(base.ID, onem2m.TypeContainer, "data")[0]
}

// sample makes a record whose resourceID is derived from its number.
func sample(id, parent int64, ty onem2m.ResourceType, rn string) *store.Record {
	return &store.Record{
		ID: id, Parent: parent, RI: rn + "-ri", RN: rn, Type: ty, Root: "m2m:any",
		Created: 1000, Modified: 1001, Origin: "//m2m.example/CAdmin",
		Attributes: []byte(`{"rn":"` + rn + `"}`), Counted: ty == onem2m.TypeContainer,
	}
}

// same compares records by what is stored.
func same(a, b any) string {
	return cmp.Diff(a, b, cmpopts.IgnoreUnexported(store.Record{}), cmpopts.EquateEmpty())
}

// rns returns the names of records.
func rns(records []*store.Record) []string {
	names := make([]string, 0, len(records))
	for _, r := range records {
		names = append(names, r.RN)
	}
	return names
}

// wantNames fails unless the records have exactly these names in this order.
func (b *bench) wantNames(what string, got []*store.Record, want ...string) {
	b.Helper()
	if !slices.Equal(rns(got), want) {
		b.Errorf("%s: %q, want %q", what, rns(got), want)
	}
}
