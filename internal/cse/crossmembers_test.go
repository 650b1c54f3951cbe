package cse

import (
	"slices"
	"strings"
	"testing"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func TestCross_C327_WhatGoesWithIt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  func(w *world)
		made bool // whether the subscriptions that were made are left
	}{
		{"C-327 DELETE by the creator", func(w *world) { w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/x", from: "Capp01"}) }, false},
		{"C-327 DELETE by the administrator", func(w *world) { w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/x", from: "CAdmin"}) }, false},
		{"C-327 DELETE by one who may do nothing else", func(w *world) { w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/x", from: "Cother1"}) }, true},
		{"C-326 its counter has run out", func(w *world) {
			err := w.store.Update(w.t.Context(), func(tx store.Tx) error {
				app, err := w.c.resolve(tx, []string{"cse-in", "app", "x"}, onem2m.TimestampOf(w.now()))
				if err != nil {
					return err
				}
				return w.c.ExpireSubscription(tx, app.rec)
			})
			if err != nil {
				w.t.Fatal(err)
			}
		}, false},
		{"C-327 expiry", func(w *world) {
			w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/x", from: "Capp01", body: crs(`"et":"20260304T113000"`)})
			w.advance(2 * time.Hour)
			if err := w.c.Sweep(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := crossWorld(t)
			w.register("Cother1", "other")
			w.policy("Capp01", "cse-in/app", "p", `{"acor":["Capp01"],"acop":63},{"acor":["Cother1"],"acop":8}`)
			w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/c3", from: "Capp01", body: sub(`"rn":"s","nu":["Capp01"]`)})
			o := w.cross(`"twt":1,"eem":3,"acpi":["cse-in/app/p"],"srat":["cse-in/app/c3/s"],` + crossOfTwo)
			tt.end(w)
			w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/x", from: "Capp01"})
			if got := w.hasSubscription("cse-in/app/c1"); got != tt.made {
				t.Errorf("subscription of c1: %t", got)
			}
			if nu, acrs := w.attribute("cse-in/app/c3/s", "nu"), w.attribute("cse-in/app/c3/s", "acrs"); !tt.made && (nu != `["Capp01"]` || acrs != "") {
				t.Errorf("srat has nu %s and acrs %s", nu, acrs)
			}
			if !slices.Contains(w.removed, "x") {
				t.Error("subscriberURI isn't told")
			}
			if id, _ := w.c.windows.first(); id != 0 {
				t.Error("the window is still open")
			}
			if list, _ := o.Texts("rrats"); w.notice(o, list[0], `,"sud":true`) != onem2m.OK {
				t.Error("C-328: the end of a member that comes behind is refused")
			}
		})
	}
}

func TestCross_C328_TheEndOfAMemberEndsIt(t *testing.T) {
	t.Parallel()
	w := crossWorld(t)
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/c3", from: "Capp01", body: sub(`"rn":"s","nu":["Capp01"]`)})
	o := w.cross(`"twt":1,"srat":["cse-in/app/c3/s"],` + crossOfTwo)
	srat := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c3/s", from: "Capp01"})
	ri, _ := srat.Text("ri")
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c3/s", from: "Capp01", body: sub(`"acrs":null`)})
	if code := w.notice(o, "/id-in/"+ri, `,"sud":true`); code != onem2m.OK {
		t.Fatalf("got %d", code)
	}
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/x", from: "Capp01"})
	if w.hasSubscription("cse-in/app/c1") || w.hasSubscription("cse-in/app/c2") {
		t.Error("a subscription that was made is left")
	}
	if nu := w.attribute("cse-in/app/c3/s", "nu"); !strings.Contains(nu, "crs") {
		t.Errorf("the member that it came from was changed: nu is %s", nu)
	}
}
