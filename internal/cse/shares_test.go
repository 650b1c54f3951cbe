package cse

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

func TestShares_WhatACSEBringsTakesNothingOfWhatComesAnotherWay(t *testing.T) {
	t.Parallel()
	s := newShares(2, 12)
	by := func(who, peer onem2m.ID) bool { return s.take(bringer{who, peer}) }
	for i := range 3 {
		if got := by("/id-a/Cx", "liar"); got != (i < 2) {
			t.Errorf("number %d in one name: %v", i+1, got)
		}
	}
	if !by("/id-a/Cx", "honest") || !by("/id-a/Cx", "") {
		t.Error("the originator has nothing left of its own")
	}
	taken := 2
	for i := range 12 {
		if by(onem2m.ID(fmt.Sprint("/id-liar/C", i)), "liar") {
			taken++
		}
	}
	if taken != 5 {
		t.Errorf("one CSE has %d of 12 places while others have 2", taken)
	}
	if !by("/id-b/Cy", "another") || !by("Chere1", "") {
		t.Error("nothing is left for others")
	}
}

func TestShares_WhereSomeFloodThereIsRoomForOthers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newShares(8, rapid.IntRange(32, 200).Draw(t, "all"))
		peers := rapid.IntRange(1, 3).Draw(t, "peers")
		var held []bringer
		for range rapid.IntRange(0, 400).Draw(t, "steps") {
			b := bringer{onem2m.ID(fmt.Sprint("C", rapid.IntRange(0, 99).Draw(t, "who"))), onem2m.ID(fmt.Sprint("/id-", rapid.IntRange(1, peers).Draw(t, "peer")))}
			if len(held) > 0 && rapid.IntRange(0, 9).Draw(t, "end") == 0 {
				s.give(held[0])
				held = held[1:]
			} else if s.take(b) {
				held = append(held, b)
			}
		}
		if s.total != len(held) {
			t.Fatalf("%d places are counted, %d are taken", s.total, len(held))
		}
		if !s.take(bringer{"Cmodest", "/id-late"}) || !s.take(bringer{"Chere", ""}) {
			t.Fatalf("%d CSEs fill all %d places", peers, s.all)
		}
		s.give(bringer{"Cmodest", "/id-late"})
		s.give(bringer{"Chere", ""})
		for _, b := range held {
			s.give(b)
		}
		if s.total != 0 || len(s.count)+len(s.via) != 0 {
			t.Fatalf("left: %+v", s)
		}
	})
}

// A registree floods in the name of an originator that is reached another way too,
// and in invented names. The originator, and others, have service.
func TestShares_AFloodBroughtByOneCSELeavesOthersTheirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Type, o.Limits.Pending, o.Limits.Backlog = MN, 2, 16 })
	for _, id := range []string{"/id-liar", "/id-b"} {
		w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: id, body: `{"m2m:csr":{"rn":"` + id[1:] + `","cb":"` + id + `/cse","srv":["3"],"rr":false,"dcse":["/id-of` + id[1:] + `"]}}`})
	}
	w.must(onem2m.Created, ask{op: "C1", to: "cse-in", from: "CAdmin", body: `{"m2m:acp":{"rn":"open","pv":{"acr":[{"acor":["all"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`})
	w.must(onem2m.Created, ask{op: "C3", to: "cse-in", from: "CAdmin", body: `{"m2m:cnt":{"rn":"box","acpi":["cse-in/open"]}}`})
	over := func(id onem2m.ID) *identity.Association { return certificate(identity.KindCSE, id) }
	later := func(q *onem2m.Request) {
		rt := int64(responseNonBlockingSync)
		q.ResponseType, q.ExecutionTime, q.RequestExpiration = &rt, "60000", "120000"
	}
	full := 0
	for i := range 40 {
		res := w.do(ask{op: "R", to: "cse-in/box", from: fmt.Sprintf("/id-liar/C%d", i%20), assoc: over("//m2m.example/id-liar"), edit: later})
		if res.Code != onem2m.AcceptedForNonBlockingRequestSynch {
			full++
		}
	}
	if full < 25 {
		t.Errorf("of 40 requests of the flood %d are refused", full)
	}
	for _, from := range []string{"/id-b/Cx", "/id-ofid-b/Cx"} {
		w.must(onem2m.AcceptedForNonBlockingRequestSynch, ask{op: "R", to: "cse-in/box", from: from, assoc: over("//m2m.example/id-b"), edit: later})
	}
	w.must(onem2m.AcceptedForNonBlockingRequestSynch, ask{op: "R", to: "cse-in/box", from: "CAdmin", edit: later})
}
