package cse

import (
	"fmt"
	"testing"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func TestAction_C449_AChainEndsSoonAlsoInACircle(t *testing.T) {
	t.Parallel()
	w := newActionWorld(t)
	w.run()
	// Each performance adds an instance to the subject, which is a change again.
	w.must(onem2m.Created, ask{op: "C65", to: "cse-in/app/c1", from: "Capp01", body: labelling(0,
		`"evm":3,"apv":{"op":1,"ty":4,"fr":"Capp01","to":"cse-in/app/c1","rqi":"1","rvi":"4","pc":{"m2m:cin":{"con":"1"}}}`)})
	w.settled() // what was there when the action was set up is judged on its own
	w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cin":{"con":"1"}}`})
	w.settled()
	if got, want := w.attribute("cse-in/app/c1", "cni"), fmt.Sprint(1+maxChain); got != want {
		t.Errorf("%s instances, want %s", got, want)
	}
}

func TestAction_LeavesNothingBehind(t *testing.T) {
	t.Parallel()
	w := newActionWorld(t)
	w.must(onem2m.Created, ask{op: "C65", to: "cse-in/app/c1", from: "Capp01", body: labelling(0, "")})
	id := w.record("cse-in/app/c1/a1").ID
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/c1/a1", from: "Capp01"})
	err := w.store.Read(t.Context(), func(r store.Reader) error {
		_, err := loadPrincipal(r, id)
		return err
	})
	if err == nil || len(w.c.triggers.armed)+len(w.c.triggers.subjects)+len(w.c.triggers.pending) != 0 {
		t.Errorf("something is left: %v %+v", err, w.c.triggers.armed)
	}
}

func TestAction_C449_OneVersionOfTheSubjectMatchesOnce(t *testing.T) {
	t.Parallel()
	w := newActionWorld(t)
	stop := w.run()
	w.must(onem2m.Created, ask{op: "C65", to: "cse-in/app/c1", from: "Capp01", body: labelling(0, `"evm":3`)})
	if !w.hit() {
		t.Error("not performed")
	}
	stop()
	c, err := New(t.Context(), w.c.Options)
	if err != nil {
		t.Fatal(err)
	}
	w.c = c
	if err := c.loadActions(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.run()
	if w.labelled() {
		t.Error("performed again after a restart, although nothing has changed")
	}
	if !w.hit() {
		t.Error("not performed after a change")
	}
}
