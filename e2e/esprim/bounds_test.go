package esprim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bulwark/onem2m"
)

func TestSessions_OfOneKeyAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ro *ReceiverOptions, _ *OriginatorOptions) { ro.Limits.OfKey = 4 })
	w.learn()
	for range 4 {
		w.round("a")
		w.g.current = nil
	}
	more, _ := w.request("b")
	w.refused(onem2m.ESPrimUnknownOrigRandID, more)
	w.advance(6 * time.Minute)
	w.round("c")
}

func TestReplay_E93_WhoHoldsTheMostMarksPaysForTheRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ro *ReceiverOptions, _ *OriginatorOptions) { ro.Limits.KeyMarks, ro.Limits.AllMarks = 6, 8 })
	key := Key{ID: "fedcba9876543210@mef.m2m.example", Secret: secretOf(t, strings.Repeat("09", 32)), Peer: host}
	victim := &world{t: t, clock: w.clock, keys: w.keys, r: w.r}
	var err error
	if victim.g, err = NewOriginator(OriginatorOptions{Key: key, Now: w.now}); err != nil {
		t.Fatal(err)
	}
	key.Peer = asker
	w.keys[key.ID] = key
	victim.learn()
	victim.round("a")
	w.learn()
	for range 3 {
		w.round("a")
		w.round("b")
		w.g.current = nil
	}
	if w.r.marks != 7 || w.r.count != 4 {
		t.Fatalf("there are %d marks in %d sessions", w.r.marks, w.r.count)
	}
	w.round("a session of its own ends")
	if p := w.r.peers[kid]; p.marks != 5 || w.r.marks != 6 {
		t.Errorf("the key holds %d of %d marks", p.marks, w.r.marks)
	}
	for range 4 { // full in between
		victim.round("b")
	}
	if p, v := w.r.peers[kid], w.r.peers[key.ID]; v.marks != 5 || p.marks+v.marks != w.r.marks || w.r.marks > 8 {
		t.Errorf("the keys hold %d and %d of %d marks", p.marks, v.marks, w.r.marks)
	}
	w.advance(11 * time.Minute)
	w.r.Purge()
	if w.r.marks != 0 || w.r.count != 0 || len(w.r.peers) != 0 {
		t.Errorf("%d marks, %d sessions and %d peers are left", w.r.marks, w.r.count, len(w.r.peers))
	}
}

func TestReplay_E93_ARefusedSessionTakesNoPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ro *ReceiverOptions, _ *OriginatorOptions) {
		ro.Limits.KeyMarks, ro.Limits.AllMarks, ro.Limits.OfKey = 1, 1, 2
	})
	w.learn()
	w.round("a")
	again, _ := w.request("b")
	w.refused(onem2m.ESPrimUnknownOrigRandID, again) // its own session is the one that ends
	if w.r.count != 1 || w.r.marks != 0 {
		t.Errorf("%d sessions with %d marks", w.r.count, w.r.marks)
	}
	w.g.current = nil
	w.round("c")
	w.g.current = nil
	for range 3 {
		more, _ := w.request("d")
		w.refused(onem2m.ESPrimUnknownOrigRandID, more)
	}
	if w.r.count != 2 || w.r.marks != 1 {
		t.Errorf("%d sessions with %d marks: a refusal costs nobody anything", w.r.count, w.r.marks)
	}
}

func TestReplay_E93_AMemoryThatIsFullEndsTheSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ro *ReceiverOptions, _ *OriginatorOptions) { ro.Limits.Marks = 3 })
	shared, _, err := w.r.Shared()
	if err != nil {
		t.Fatal(err)
	}
	w.teach(shared)
	first, _ := w.request("a")
	if _, err := w.r.Open(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	w.round("b")
	w.round("c")
	fourth, _ := w.request("d")
	w.refused(onem2m.ESPrimUnknownOrigRandID, fourth)
	w.refused(onem2m.ESPrimUnknownOrigRandID, first) // not as the beginning of a new one
	if w.r.marks != 0 {
		t.Errorf("%d marks are left", w.r.marks)
	}
	if !w.g.Forget(onem2m.ESPrimUnknownOrigRandID) {
		t.Error("E-88: no other try")
	}
	w.round("e")
}

func TestAskers_E47_AreBounded(t *testing.T) {
	t.Parallel()
	a, now := askers{of: map[onem2m.ID]*bucket{}}, onem2m.Timestamp(1e12)
	id := func(i int) onem2m.ID { return onem2m.ID(fmt.Sprintf("//m2m.example/id-mn/C%d", i)) }
	for i := range 2 * maxAskers {
		if !a.take(id(i), now) {
			t.Fatalf("the first time of %d", i)
		}
	}
	if len(a.of) != maxAskers {
		t.Errorf("%d are remembered", len(a.of))
	}
	for range ownBurst - 1 {
		a.take(id(0), now)
	}
	now += micros(100 * time.Millisecond)
	if a.take(id(0), now) {
		t.Error("who has asked often is forgotten")
	}
	now += micros(4 * time.Second)
	if !a.take(id(2*maxAskers), now) || len(a.of) != 1 {
		t.Errorf("after some time %d are remembered", len(a.of))
	}
}
