package cse

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

func crs(members string) string { return `{"m2m:crs":{` + members + `}}` }

// crossWorld has the containers c1, c2 and c3 of Capp01.
func crossWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.register("Capp01", "app")
	for _, name := range []string{"c1", "c2", "c3"} {
		w.container("Capp01", "cse-in/app", name, "")
	}
	return w
}

const (
	crossBase  = `"rn":"x","nu":["Capp01"],"tws":"PT4S",`
	crossOfTwo = `"rrat":["cse-in/app/c1","cse-in/app/c2"],"encs":{"encn":[{"net":[3]}]}`
)

// cross makes the resource x and returns its attributes.
func (w *world) cross(members string) onem2m.Object {
	w.t.Helper()
	return w.must(onem2m.Created, ask{op: "C48", to: "cse-in/app", from: "Capp01", body: crs(crossBase + members)})
}

// subscriptionsOf returns the names of the subscriptions of a resource.
func (w *world) subscriptionsOf(path string) []string {
	w.t.Helper()
	o := w.do(ask{op: "R", to: path + "?rcn=6&ty=23", from: "CAdmin"})
	return strings.FieldsFunc(text(o), func(r rune) bool { return r == '"' })
}

func (w *world) hasSubscription(path string) bool {
	return slices.ContainsFunc(w.subscriptionsOf(path), func(s string) bool { return strings.HasPrefix(s, path+"/") })
}

// notice sends a notification of a subscription to a cross-resource
// subscription, as the notification engine does.
func (w *world) notice(cross onem2m.Object, member, members string) onem2m.StatusCode {
	w.t.Helper()
	ri, _ := cross.Text("ri")
	res, err := w.c.Send(w.t.Context(), crossScheme+ri, w.home.ID(), w.request(ask{
		op: "N", to: "/id-in/" + ri, from: "/id-in", body: `{"m2m:sgn":{"sur":"` + member + `"` + members + `}}`,
	}))
	if err != nil {
		w.t.Fatal(err)
	}
	return res.Code
}

// happens lets members notify that are named by their place in rrats.
func (w *world) happens(cross onem2m.Object, members ...int) {
	w.t.Helper()
	list, _ := cross.Texts("rrats")
	for _, n := range members {
		if code := w.notice(cross, list[n-1], `,"nev":{"net":3}`); code != onem2m.OK {
			w.t.Fatalf("a notification of member %d got %d", n, code)
		}
	}
}

// passes lets time pass and takes what ends in it.
func (w *world) passes(d time.Duration) {
	w.t.Helper()
	w.advance(d)
	if _, err := w.c.CloseWindows(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) fired() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.crossed)
	w.crossed = nil
	return n
}

func TestCross_CreationChecks(t *testing.T) {
	t.Parallel()
	w := crossWorld(t)
	w.register("Cother1", "other")
	w.container("Cother1", "cse-in/other", "c", "")
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/c3", from: "Capp01", body: sub(`"rn":"s","nu":["Capp01"]`)})
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/c3", from: "Capp01", body: sub(`"rn":"b","nu":["Capp01"],"enc":{"net":[7]}`)})
	c := func(members string) ask {
		return ask{op: "C48", to: "cse-in/app", from: "Capp01", body: crs(crossBase + `"twt":1,` + members)}
	}
	w.follow(t, []step{
		{name: "C-318 neither rrat nor srat", ask: c(`"exc":1`), code: 4000},
		{name: "C-318 rrat without encs", ask: c(`"rrat":["cse-in/app/c1"]`), code: 4000},
		{name: "C-318 empty encs", ask: c(`"rrat":["cse-in/app/c1"],"encs":{}`), code: 4000},
		{name: "C-318 three criteria for two targets", ask: c(`"rrat":["cse-in/app/c1","cse-in/app/c2"],"encs":{"encn":[{},{},{}]}`), code: 4000},
		{name: "C-318 rrats is the CSE's", ask: c(crossOfTwo + `,"rrats":["a"]`), code: 4000},
		{name: "C-322 no length of the window", ask: ask{op: "C48", to: "cse-in/app", from: "Capp01", body: crs(`"nu":["Capp01"],"twt":1,"tws":"PT0S",` + crossOfTwo)}, code: 4000},
		{name: "C-322 a window that is over at once", ask: ask{op: "C48", to: "cse-in/app", from: "Capp01", body: crs(`"nu":["Capp01"],"twt":1,"tws":"PT0.001S",` + crossOfTwo)}, code: 4000},
		{name: "C-322 a window that never ends", ask: ask{op: "C48", to: "cse-in/app", from: "Capp01", body: crs(`"nu":["Capp01"],"twt":1,"tws":"P999999Y",` + crossOfTwo)}, code: 4000},
		{name: "C-324 an evaluation mode that there isn't", ask: c(crossOfTwo + `,"eem":6`), code: 4000},
		{name: "C-324 all or some missing in a sliding window", ask: ask{op: "C48", to: "cse-in/app", from: "Capp01", body: crs(crossBase + `"twt":2,"eem":3,` + crossOfTwo)}, code: 4000},
		{name: "C-324 all missing in a sliding window", ask: ask{op: "C48", to: "cse-in/app", from: "Capp01", body: crs(crossBase + `"twt":2,"eem":4,` + crossOfTwo)}, code: 4000},
		{name: "C-321 srat is a container", ask: c(`"srat":["cse-in/app/c1"]`), code: 4000},
		{name: "C-321 srat isn't there", ask: c(`"srat":["cse-in/app/c1/s"]`), code: 5221},
		{name: "C-321 srat is on another CSE", ask: c(`"srat":["/id-far/s"]`), code: 5221},
		{name: "C-321 srat blocks updates", ask: c(`"srat":["cse-in/app/c3/b"]`), code: 5221},
		{name: "C-320 the second target isn't there", ask: c(`"rrat":["cse-in/app/c1","nowhere"],"encs":{"encn":[{"net":[3]}]}`), code: 5221},
		{name: "C-320 the second target is on another CSE", ask: c(`"rrat":["cse-in/app/c1","/id-far/c"],"encs":{"encn":[{"net":[3]}]}`), code: 5221},
		{name: "C-320 the second target is forbidden", ask: c(`"srat":["cse-in/app/c3/s"],"rrat":["cse-in/app/c1","cse-in/other/c"],"encs":{"encn":[{"net":[3]}]}`), code: 5221},
		{name: "C-320 criteria that don't fit", ask: c(`"rrat":["cse-in/app/c1"],"encs":{"encn":[{"net":[8],"md":{"num":1,"dur":"PT1S"}}]}`), code: 5221},
	})
	if w.hasSubscription("cse-in/app/c1") || strings.Contains(w.attribute("cse-in/app/c3/s", "nu"), "crs") {
		t.Error("C-320: something is left of a refused one")
	}
}

func TestCross_C319_SubscriptionsAreMadeAndTied(t *testing.T) {
	t.Parallel()
	w := crossWorld(t)
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/c3", from: "Capp01", body: sub(`"rn":"s","nu":["Capp01"]`)})
	o := w.cross(`"twt":1,"nec":4,"et":"20260304T113000","srat":["cse-in/app/c3/s","-/app/c3/s"],"rrat":["cse-in/app/c1","cse-in/app/c2"],"encs":{"encn":[{"net":[3]},{"net":[4]}]}`)
	ri, _ := o.Text("ri")
	self := `["/id-in/` + ri + `"]`
	list, _ := o.Texts("rrats")
	if len(list) != 2 {
		t.Fatalf("rrats is %v", list)
	}
	for i, want := range []string{`{"net":[3]}`, `{"net":[4]}`} {
		made := w.must(onem2m.OK, ask{op: "R", to: list[i], from: "Capp01"})
		got := map[string]string{}
		for _, name := range []string{"nu", "acrs", "enc", "nec", "et", "cr"} {
			got[name] = string(made.Get(name))
		}
		if diff := cmp.Diff(map[string]string{"nu": self, "acrs": self, "enc": want, "nec": "4", "et": string(o.Get("et")), "cr": `"Capp01"`}, got); diff != "" {
			t.Error(diff)
		}
	}
	if nu, acrs := w.attribute("cse-in/app/c3/s", "nu"), w.attribute("cse-in/app/c3/s", "acrs"); nu != `["Capp01","/id-in/`+ri+`"]` || acrs != self {
		t.Errorf("srat has nu %s and acrs %s", nu, acrs)
	}
	w.happens(o, 1, 2)
	tied := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c3/s", from: "Capp01"})
	member, _ := tied.Text("ri")
	if code := w.notice(o, "/id-in/"+member, `,"nev":{"net":1}`); code != onem2m.OK || w.fired() != 1 {
		t.Errorf("with one subscription named twice it doesn't fire: %d", code)
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/x", from: "Capp01", body: crs(`"et":"20260304T123000"`)})
	if et := w.attribute(strings.TrimPrefix(list[0], "/id-in/"), "et"); !strings.HasPrefix(et, `"20260304T123000`) {
		t.Errorf("a longer life of it leaves its subscription at %s", et)
	}
}

func TestCross_C318_TheOtherNameOfTheCriteria(t *testing.T) {
	t.Parallel()
	w := crossWorld(t)
	o := w.cross(`"twt":1,"rrat":["cse-in/app/c1"],"encs":{"enc":[{"net":[3]}]}`)
	if got := string(o.Get("encs")); got != `{"enc":[{"net":[3]}]}` {
		t.Errorf("encs is %s", got)
	}
	list, _ := o.Texts("rrats")
	if enc := w.attribute(strings.TrimPrefix(list[0], "/id-in/"), "enc"); enc != `{"net":[3]}` {
		t.Errorf("enc is %s", enc)
	}
}

func TestCross_C325_WhatIsNotUpdated(t *testing.T) {
	t.Parallel()
	w := crossWorld(t)
	w.cross(`"twt":2,` + crossOfTwo)
	u := func(members string) ask {
		return ask{op: "U", to: "cse-in/app/x", from: "Capp01", body: crs(members)}
	}
	w.follow(t, []step{
		{name: "C-325 rrat", ask: u(`"rrat":["cse-in/app/c3"]`), code: 4000},
		{name: "C-325 srat", ask: u(`"srat":["cse-in/app/c3"]`), code: 4000},
		{name: "C-325 encs", ask: u(`"encs":null`), code: 4000},
		{name: "C-325 nec", ask: u(`"nec":4`), code: 4000},
		{name: "C-324 eem in a sliding window", ask: u(`"eem":4`), code: 4000},
		{name: "C-324 eem with the window", ask: u(`"eem":4,"twt":1`), code: 2004},
		{name: "C-324 back to a sliding window", ask: u(`"twt":2`), code: 4000},
		{name: "C-326 the name of the schedule", ask: ask{op: "C18", to: "cse-in/app/x", from: "Capp01", body: sch(always)}, code: 2001, show: map[string]string{"rn": `"notificationSchedule"`}},
	})
}
