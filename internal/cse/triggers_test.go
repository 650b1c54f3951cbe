package cse

import (
	"fmt"
	"testing"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

func TestTriggers_C449_ChangesOfASubjectWaitOnceEachInOrder(t *testing.T) {
	t.Parallel()
	x := &triggers{}
	x.init()
	for id := range int64(maxActions) {
		x.arm(id, armed{subject: "c1", priority: id % 2, who: onem2m.ID(fmt.Sprint("C", id))})
	}
	for id := range int64(maxActions) {
		x.ask(id, 2)
	}
	x.changed("c1", 1)
	x.changed("c1", 3)
	x.disarm(0)
	if len(x.pending) != maxActions-1 {
		t.Errorf("%d wait, want %d", len(x.pending), maxActions-1)
	}
	for _, want := range []int64{2, 4, 6} {
		if got, ok := x.next(); !ok || got.id != want || got.depth != 1 {
			t.Errorf("next is %+v, want %d with the least depth", got, want)
		}
	}
}

func TestTriggers_C448_NobodyTakesTheRoomOfAll(t *testing.T) {
	t.Parallel()
	x := &triggers{}
	x.init()
	arm := func(from, n int64, who onem2m.ID) {
		for id := from; id < from+n; id++ {
			x.arm(id, armed{subject: "c1", who: who})
		}
	}
	expect := func(what string, id int64, who onem2m.ID, want onem2m.StatusCode) {
		t.Helper()
		got := onem2m.OK
		if err := x.room(id, who); err != nil {
			got = onem2m.AsError(err).Code
		}
		if got != want {
			t.Errorf("C-448 %s: got %d, want %d", what, got, want)
		}
	}
	arm(1, maxActionsEach-1, "Ca")
	expect("the last of one's own", maxActionsEach, "Ca", onem2m.OK)
	arm(1, maxActionsEach, "Ca")
	expect("one more", 5000, "Ca", onem2m.NotAcceptable)
	expect("one that is armed", 1, "Ca", onem2m.OK)
	expect("another's", 5000, "Cb", onem2m.OK)
	arm(5000, 1, "Cb")
	expect("taken over from another", 5000, "Ca", onem2m.NotAcceptable)
	x.disarm(1)
	expect("after one went", 5000, "Ca", onem2m.OK)
	for n := range int64(maxActions/maxActionsEach - 1) {
		arm(10_000+n*maxActionsEach, maxActionsEach, onem2m.ID(fmt.Sprint("Cx", n)))
	}
	arm(1, 1, "Ca")
	expect("one that nobody has room for", 90_000, "Cc", onem2m.NotAcceptable)
	for id := range x.armed {
		x.disarm(id)
	}
	if len(x.shares) != 0 {
		t.Errorf("shares are left: %v", x.shares)
	}
}

func TestAction_C448_RefusedBeyondTheShareOfItsPrincipal(t *testing.T) {
	t.Parallel()
	w := newActionWorld(t)
	w.must(onem2m.Created, ask{op: "C65", to: "cse-in/app/c1", from: "Capp01", body: labelling(9, `"rn":"off","evm":0`)})
	w.must(onem2m.Created, ask{op: "C65", to: "cse-in/app/c1", from: "Capp01", body: labelling(9, "")})
	a, _, err := w.home.ParseID("Capp01")
	if err != nil {
		t.Fatal(err)
	}
	for id := range int64(maxActionsEach - 1) {
		w.c.triggers.arm(1_000_000+id, armed{subject: "x", who: a})
	}
	w.must(onem2m.NotAcceptable, ask{op: "C65", to: "cse-in/app/c1", from: "Capp01", body: labelling(9, `"rn":"a2"`)})
	w.must(onem2m.Created, ask{op: "C65", to: "cse-in/app/c1", from: "Capp01", body: labelling(9, `"rn":"a2","evm":0`)})
	w.must(onem2m.NotAcceptable, ask{op: "U", to: "cse-in/app/c1/off", from: "Capp01", body: `{"m2m:actr":{"evm":1}}`})
	w.must(onem2m.NotAcceptable, ask{op: "U", to: "cse-in/app/c1/off", from: "CAdmin", body: `{"m2m:actr":{"evm":1}}`})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c1/a1", from: "Capp01", body: `{"m2m:actr":{"apy":1}}`})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c1/a1", from: "Capp01", body: `{"m2m:actr":{"evm":0}}`})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c1/off", from: "Capp01", body: `{"m2m:actr":{"evm":1}}`})
}

func TestAction_C449_ActsOnlyWithTheCredentialThatItWasSetWith(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	mine := certificate(identity.KindAE, "//m2m.example/id-in/Capp01")
	w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Capp01", body: ae(`,"rn":"app"`), assoc: mine})
	w.must(onem2m.Created, ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"c1"}}`, assoc: mine})
	w.must(onem2m.Created, ask{op: "C65", to: "cse-in/app/c1", from: "Capp01", body: labelling(0, `"evm":3`), assoc: mine})
	if !w.hit() {
		t.Fatal("not performed while the binding stands")
	}
	id, _, err := w.home.ParseID("Capp01")
	if err != nil {
		t.Fatal(err)
	}
	bind := func(credential string) {
		t.Helper()
		err := w.store.Update(t.Context(), func(tx store.Tx) error {
			if _, err := tx.CredentialOf(id); err == nil {
				if err := tx.Unbind(id); err != nil {
					return err
				}
			}
			if credential == "" {
				return nil
			}
			return tx.Bind(store.Binding{ID: id, Credential: credential, Since: 1})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	bind("33-another")
	if w.hit() {
		t.Error("C-449 performed although the AE-ID belongs to another credential")
	}
	bind("")
	if w.hit() {
		t.Error("C-449 performed although the AE-ID belongs to nobody")
	}
	bind(mine.CredentialID)
	if !w.hit() {
		t.Error("C-449 not performed although the binding is back")
	}
}
