package cse

import (
	"fmt"
	"testing"

	"bulwark/onem2m"
)

// crowded is an IN-CSE where another CSE may have a few resources below its copies.
func crowded(t *testing.T, few int, more ...func(*Options)) (w *world, base string) {
	t.Helper()
	w = newWorld(t, append(more, func(o *Options) { o.Carrier, o.Limits.Announced = &carrier{}, few })...)
	w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-mn", body: `{"m2m:csr":{"rn":"id-mn","cb":"/id-mn/cse-mn","rr":true,"poa":["https://mn.example"],"dcse":["/id-deep"],"srv":["3"]}}`})
	w.register("Clamp", "lamp")
	return w, w.announced("/id-mn")
}

// announced makes the <CSEBaseAnnc> of a CSE.
func (w *world) announced(csi string) (ri string) {
	w.t.Helper()
	ri, _ = w.must(onem2m.Created, ask{op: "C10005", to: "cse-in", from: csi, body: `{"m2m:cbA":{"lnk":"` + csi + `/cse","et":"20270101T000000","srv":["3"]}}`}).Text("ri")
	return ri
}

// boxBelow makes the copy of a container.
func (w *world) boxBelow(base string) (ri string) {
	w.t.Helper()
	ri, _ = w.must(onem2m.Created, ask{op: "C10003", to: base, from: "/id-mn", body: copyOf("cntA", "box")}).Text("ri")
	return ri
}

// untilFull makes resources until there is no room, and says how many.
func (w *world) untilFull(to, from string, ty int, body string) int {
	w.t.Helper()
	for n := 0; ; n++ {
		switch res := w.do(ask{op: fmt.Sprint("C", ty), to: to, from: from, body: body}); res.Code {
		case onem2m.Created:
		case onem2m.NotAcceptable:
			return n
		default:
			w.t.Fatalf("number %d: %d %s", n, res.Code, text(res))
		}
	}
}

func (w *world) recount() {
	w.t.Helper()
	if err := w.c.CountRooms(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func TestCopyRoom_C398_C399_OneCSEFillsNoOther(t *testing.T) {
	t.Parallel()
	w, base := crowded(t, 10)
	box := w.boxBelow(base)
	w.must(onem2m.Created, ask{op: "C3", to: base, from: "/id-mn", body: `{"m2m:cnt":{"rn":"own","mni":2}}`})
	for range 5 {
		w.must(onem2m.Created, ask{op: "C4", to: base + "/own", from: "/id-mn", body: `{"m2m:cin":{"con":"x"}}`})
	}
	t.Run("copies and whatever else is below", func(t *testing.T) {
		if n := w.untilFull(box, "/id-mn", 10004, copyOf("cinA", "cin")); n != 6 {
			t.Errorf("%d more than two containers and two instances", n)
		}
		w.must(onem2m.NotAcceptable, ask{op: "C3", to: base, from: "/id-mn", body: `{"m2m:cnt":{}}`})
		w.must(onem2m.NotAcceptable, ask{op: "C4", to: base + "/own", from: "/id-mn", body: `{"m2m:cin":{"con":"x"}}`})
	})
	t.Run("others have their own", func(t *testing.T) {
		w.must(onem2m.Created, ask{op: "C3", to: "cse-in/lamp", from: "Clamp", body: `{"m2m:cnt":{}}`})
		w.must(onem2m.Created, ask{op: "C10003", to: w.announced("/id-deep"), from: "/id-deep", body: `{"m2m:cntA":{"lnk":"/id-deep/x","et":"20270101T000000"}}`})
	})
	t.Run("what it deletes is free at once", func(t *testing.T) {
		w.must(onem2m.Deleted, ask{op: "D", to: base + "/own", from: "/id-mn"})
		if n := w.untilFull(box, "/id-mn", 10004, copyOf("cinA", "cin")); n != 3 {
			t.Errorf("%d more", n)
		}
	})
	t.Run("a copy that goes leaves everything", func(t *testing.T) {
		w.must(onem2m.Deleted, ask{op: "D", to: base, from: "/id-mn"})
		if n := w.untilFull(w.announced("/id-mn"), "/id-mn", 10003, copyOf("cntA", "cnt")); n != 10 {
			t.Errorf("%d", n)
		}
	})
}

// What a large deletion clears later isn't told when it goes.
func TestCopyRoom_WhatIsFullIsCounted(t *testing.T) {
	t.Parallel()
	w, base := crowded(t, 20, func(o *Options) { o.Limits.Removals = 3 })
	w.recount()
	box := w.boxBelow(base)
	instance := copyOf("cinA", "cin")
	if n := w.untilFull(box, "/id-mn", 10004, instance); n != 19 {
		t.Fatal(n)
	}
	w.must(onem2m.Deleted, ask{op: "D", to: box, from: "/id-mn"})
	if err := w.c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	box = w.boxBelow(base)
	if n := w.untilFull(box, "/id-mn", 10004, instance); n != 2 {
		t.Errorf("%d more before the count", n)
	}
	w.recount()
	if n := w.untilFull(box, "/id-mn", 10004, instance); n != 17 {
		t.Errorf("%d more after it", n)
	}
	w.c.rooms = w.c.newRooms()
	if err := w.c.loadRooms(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.recount()
	w.must(onem2m.NotAcceptable, ask{op: "C10004", to: box, from: "/id-mn", body: instance})
}
