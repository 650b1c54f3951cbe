package cse

import (
	"context"
	"fmt"
	"testing"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}

// restart closes the store and opens it again, as a new process would.
func (w *world) restart(dir string, change ...func(*Options)) {
	w.t.Helper()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open(dir, change...)
}

// forest makes an AE with n containers, each with a nested one and two instances.
func (w *world) forest(n int) {
	w.t.Helper()
	w.register("Cbig01", "big")
	for i := range n {
		name := fmt.Sprintf("c%d", i)
		w.container("Cbig01", "cse-in/big", name, "")
		w.container("Cbig01", "cse-in/big/"+name, "deep", "")
		w.instance("Cbig01", "cse-in/big/"+name, "i1", "x")
		w.instance("Cbig01", "cse-in/big/"+name+"/deep", "i2", "x")
		w.must(onem2m.Created, ask{op: "C23", to: "cse-in/big/" + name, from: "Cbig01", body: sub(`"rn":"s","nu":["Cbig01"],"su":"Cbig01"`)})
	}
}

func TestRemoval_C121_BigTreesGoAtOnceAndInSteps(t *testing.T) {
	t.Parallel()
	few := func(o *Options) { o.Limits.Removals = 7 }
	dir := t.TempDir()
	w := &world{t: t, home: onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}, clock: time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC)}
	w.open(dir, few)
	w.register("Capp01", "app")
	w.forest(12)
	deep := w.ri("cse-in/big/c11/deep")
	instance := w.ri("cse-in/big/c11/deep/i2")
	w.policy("Cbig01", "cse-in/big", "p", `{"acor":["all"],"acop":63}`)
	policy := w.ri("cse-in/big/p")
	w.container("Capp01", "cse-in/app", "linked", `"acpi":["`+policy+`"]`)
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/linked", from: "Cother1"})
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/big", from: "Cbig01"})
	if got := w.left(); got < 20 {
		t.Fatalf("%d resources are left: one transaction took them all", got)
	}
	gone := func(t *testing.T) {
		w.follow(t, []step{
			{name: "C-121 the root", ask: ask{op: "R", to: "cse-in/big", from: "CAdmin"}, code: 4004},
			{name: "C-121 a descendant", ask: ask{op: "R", to: "cse-in/big/c11/deep", from: "CAdmin"}, code: 4004},
			{name: "C-121 a descendant by resourceID", ask: ask{op: "R", to: deep, from: "CAdmin"}, code: 4004},
			{name: "C-121 latest of one", ask: ask{op: "R", to: deep + "/la", from: "CAdmin"}, code: 4004},
			{name: "C-121 an instance by resourceID", ask: ask{op: "R", to: instance, from: "CAdmin"}, code: 4004},
			{name: "C-121 discovery in it", ask: ask{op: "R", to: deep + "?fu=1", from: "CAdmin"}, code: 4004},
			{name: "C-121 discovery above it", ask: ask{op: "R", to: "cse-in?fu=1", from: "CAdmin"}, code: 2000, body: uril("cse-in/AEContactList", "cse-in/defaultNTP", "cse-in/app", "cse-in/app/linked")},
			{name: "C-121 CREATE in it", ask: ask{op: "C3", to: deep, from: "CAdmin", body: `{"m2m:cnt":{}}`}, code: 4004},
			{name: "C-121 UPDATE of it", ask: ask{op: "U", to: deep, from: "CAdmin", body: `{"m2m:cnt":{}}`}, code: 4004},
			{name: "C-121 DELETE of it", ask: ask{op: "D", to: deep, from: "CAdmin"}, code: 4004},
			{name: "C-121 A-43 a policy in it", ask: ask{op: "R", to: "cse-in/app/linked", from: "Cother1"}, code: 4103},
			{name: "C-207 the AE", ask: ask{op: "R", to: "cse-in", from: "Cbig01"}, code: 4103},
		})
	}
	t.Run("at once", gone)
	w.restart(dir, few)
	t.Run("after a restart", gone)
	w.sweep()
	if got := w.left(); got != 3 {
		t.Errorf("C-121: %d resources are left after the sweep, want 3", got)
	}
	if len(w.removed) != 12 {
		t.Errorf("C-281: %d of 12 subscriptions told of their end", len(w.removed))
	}
	err := w.store.Read(t.Context(), func(r store.Reader) error {
		roots, err := r.Detached(1)
		if len(roots) != 0 {
			t.Error("a detached root is left")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRemoval_C199_AEComesBackBeforeTheSweepHasEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Limits.Removals = 3 })
	w.forest(5)
	w.must(onem2m.Deleted, ask{op: "D", to: "Cbig01", from: "Cbig01"})
	w.register("Cbig01", "big")
	w.container("Cbig01", "cse-in/big", "c0", "")
	w.check(t, step{ask: ask{op: "R", to: "cse-in/big?fu=1", from: "Cbig01"}, code: 2000, body: uril("cse-in/big/c0")})
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/big/c0/deep", from: "Cbig01"})
	w.must(onem2m.Deleted, ask{op: "D", to: "Cbig01", from: "Cbig01"})
	w.register("Cbig01", "big")
	w.sweep()
	w.must(onem2m.OK, ask{op: "R", to: "Cbig01", from: "Cbig01"})
	if got := w.left(); got != 2 {
		t.Errorf("C-199 C-121: %d resources are left, want 2", got)
	}
}

func TestRemoval_C407_ExpiredBigTree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Limits.Removals = 4 })
	w.forest(6)
	w.advance(11 * year)
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/big/c1", from: "CAdmin"})
	w.sweep()
	if got := w.left(); got != 1 {
		t.Errorf("C-407: %d resources are left after one sweep, want the CSEBase", got)
	}
}
