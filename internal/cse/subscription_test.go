package cse

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"bulwark/internal/notify"
	"bulwark/onem2m"
)

// told is what the notification engine was told, in order: "net resource" or
// "net resource/child".
func (w *world) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for _, ev := range w.events {
		s := fmt.Sprintf("%d %s", ev.Type, ev.Resource.RN)
		if ev.Child != nil {
			s += "/" + ev.Child.RN
		}
		list = append(list, s)
	}
	w.events = nil
	return list
}

func sub(members string) string { return `{"m2m:sub":{` + members + `}}` }

func TestSubscription_CreationChecks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	w.policy("Capp01", "cse-in/app", "p", `{"acor":["Capp01"],"acop":63},{"acor":["Conly01"],"acop":1},{"acor":["Cboth01"],"acop":3}`)
	w.container("Capp01", "cse-in/app", "c1", `"acpi":["cse-in/app/p"]`)
	w.instance("Capp01", "cse-in/app/c1", "i1", "x")
	c := func(from, members string) ask {
		return ask{op: "C23", to: "cse-in/app/c1", from: from, body: sub(members)}
	}
	w.follow(t, []step{
		{name: "A-73 CREATE alone isn't enough", ask: c("Conly01", `"nu":["Conly01"]`), code: 4103},
		{name: "A-73 CREATE and RETRIEVE are", ask: c("Cboth01", `"nu":["Cboth01"]`), code: 2001},
		{name: "an instance can't be subscribed to", ask: ask{op: "C23", to: "cse-in/app/c1/i1", from: "Capp01", body: sub(`"nu":["Capp01"]`)}, code: 5203},
		{name: "no target", ask: c("Capp01", `"nct":1`), code: 4000},
		{name: "C-276 an empty list of targets", ask: c("Capp01", `"nu":[]`), code: 4000},
		{name: "C-270 C-271 defaults are settled and shown", ask: c("Capp01", `"rn":"s1","nu":["Capp01"]`), code: 2001, show: map[string]string{"enc": `{"net":[1]}`, "nct": "1", "cr": ""}},
		{name: "C-273 creator where somebody else is told", ask: c("Capp01", `"rn":"s2","nu":["http://192.0.2.1/"]`), code: 2001, show: map[string]string{"cr": `"Capp01"`}},
		{name: "C-273 creator is null", ask: c("Capp01", `"nu":["Capp01"],"cr":null`), code: 2001, show: map[string]string{"cr": `"Capp01"`}},
		{name: "C-273 creator has a value", ask: c("Capp01", `"nu":["Capp01"],"cr":"Capp01"`), code: 4000},
		{name: "C-271 one default for several events", ask: c("Capp01", `"nu":["Capp01"],"enc":{"net":[1,2]}`), code: 2001},
		{name: "nct that doesn't fit the event", ask: c("Capp01", `"nu":["Capp01"],"enc":{"net":[3]},"nct":2`), code: 4000},
		{name: "net 6 on a container", ask: c("Capp01", `"nu":["Capp01"],"enc":{"net":[6]}`), code: 4000},
		{name: "chty that is no child", ask: c("Capp01", `"nu":["Capp01"],"enc":{"net":[3],"chty":[2]}`), code: 4000},
		{name: "atr that the type doesn't have", ask: c("Capp01", `"nu":["Capp01"],"enc":{"atr":["api"]}`), code: 4000},
		{name: "A-78 a target without NOTIFY for the creator", ask: c("Capp01", `"nu":["cse-in/other"]`), code: 5204},
		{name: "C-088 a taken name", ask: c("Capp01", `"rn":"s1","nu":["Capp01"]`), code: 4105},
		{name: "C-276 UPDATE removes nu", ask: ask{op: "U", to: "cse-in/app/c1/s1", from: "Capp01", body: sub(`"nu":null`)}, code: 4000},
		{name: "C-276 UPDATE to an empty list", ask: ask{op: "U", to: "cse-in/app/c1/s1", from: "Capp01", body: sub(`"nu":[]`)}, code: 4000},
		{name: "C-062 no refused one was stored", ask: ask{op: "R", to: "cse-in/app/c1?fu=1&ty=23&rn=s1+s2", from: "Capp01"}, code: 2000, body: uril("cse-in/app/c1/s1", "cse-in/app/c1/s2")},
	})
}

func TestSubscription_C274_C276_NewTargetsAreAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	create := func(name string) ask {
		return ask{op: "C23", to: "cse-in/app/c1", from: "Capp01", body: sub(`"rn":"` + name + `","nu":["/id-far/Cx","http://192.0.2.1/"]`)}
	}
	w.refuse = onem2m.Errorf(onem2m.SubscriptionVerificationInitiationFailed, "nu", "no")
	w.must(onem2m.SubscriptionVerificationInitiationFailed, create("s1"))
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/c1/s1", from: "Capp01"})
	w.refuse = nil
	w.must(onem2m.Created, create("s1"))
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c1/s1", from: "Capp01", body: sub(`"nu":["/id-far/Cx","/id-far/Cy"]`)})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c1/s1", from: "Capp01", body: sub(`"exc":5`)})
	w.refuse = onem2m.Errorf(onem2m.SubscriptionVerificationInitiationFailed, "nu", "no")
	w.must(onem2m.SubscriptionVerificationInitiationFailed, ask{op: "U", to: "cse-in/app/c1/s1", from: "Capp01", body: sub(`"nu":["/id-far/Cz"]`)})
	w.must(onem2m.BadRequest, create("s2?")) // what fails anyway bothers nobody
	want := [][]string{{"/id-far/Cx", "http://192.0.2.1/"}, {"/id-far/Cx", "http://192.0.2.1/"}, {"/id-far/Cy"}, {"/id-far/Cz"}}
	if !slices.EqualFunc(w.verified, want, slices.Equal[[]string]) {
		t.Errorf("asked %v, want %v", w.verified, want)
	}
	if got := w.attribute("cse-in/app/c1/s1", "nu"); got != `["/id-far/Cx","/id-far/Cy"]` {
		t.Errorf("C-276 a refused UPDATE left %s", got)
	}
}

func TestEvents_WhatIsToldWhen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", `"mni":1`)
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/c1", from: "Capp01", body: sub(`"rn":"s1","nu":["Capp01"],"su":"Capp01"`)})
	w.told()
	up := func(body string) ask { return ask{op: "U", to: "cse-in/app/c1", from: "Capp01", body: body} }
	for _, tt := range []struct {
		name string
		ask
		code onem2m.StatusCode
		want []string
	}{
		{"net 3 for an instance", ask{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cin":{"rn":"i1","con":"x"}}`}, 2001, []string{"3 c1/i1"}},
		{"C-235 C-288 eviction isn't told", ask{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cin":{"rn":"i2","con":"x"}}`}, 2001, []string{"3 c1/i2"}},
		{"net 4 for an instance", ask{op: "D", to: "cse-in/app/c1/la", from: "Capp01"}, 2002, []string{"4 c1/i2"}},
		{"C-285 net 1 for an UPDATE", up(`{"m2m:cnt":{"lbl":["x"],"mbs":null}}`), 2004, []string{"1 c1"}},
		{"C-062 nothing for a refused one", up(`{"m2m:cnt":{"mni":-1}}`), 4000, nil},
		{"nothing for a RETRIEVE", ask{op: "R", to: "cse-in/app/c1", from: "Capp01"}, 2000, nil},
		{"C-287 net 3 for a second subscription", ask{op: "C23", to: "cse-in/app/c1", from: "Capp01", body: sub(`"rn":"s2","nu":["Capp01"]`)}, 2001, []string{"3 c1/s2"}},
		{"C-287 net 4 for its end", ask{op: "D", to: "cse-in/app/c1/s2", from: "Capp01"}, 2002, []string{"4 c1/s2"}},
		{"C-236 nothing for what isn't kept", up(`{"m2m:cnt":{"mni":0}}`), 2004, []string{"1 c1"}},
		{"C-236 nor for its CREATE", ask{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cin":{"con":"x"}}`}, 2001, nil},
		{"C-282 net 4 at the parent, net 2 at the resource", ask{op: "D", to: "cse-in/app/c1", from: "Capp01"}, 2002, []string{"4 app/c1", "2 c1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.must(tt.code, tt.ask)
			if got := w.told(); !slices.Equal(got, tt.want) {
				t.Errorf("told %v, want %v", got, tt.want)
			}
		})
	}
	if !slices.Equal(w.removed, []string{"s2", "s1"}) {
		t.Errorf("C-281 C-282: removed %v", w.removed)
	}
}

func TestEvents_UpdateTellsWhatChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", `"mbs":9`)
	w.told()
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cnt":{"lbl":["x"],"mbs":null}}`})
	ev := w.events[0]
	if !slices.Equal(ev.Touched, []string{"lbl", "mbs"}) || ev.Originator != "//m2m.example/id-in/Capp01" {
		t.Errorf("C-285: got %+v", ev)
	}
	o, _ := onem2m.ParseObject(ev.Modified)
	if string(o.Get("lbl")) != `["x"]` || string(o.Get("mbs")) != "null" || o.Get("st") == nil || o.Get("lt") == nil || o.Has("rn") {
		t.Errorf("C-141: modified %s", ev.Modified)
	}
}

func TestEvents_C282_ManySubscriptionsHearOfTheEndOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Limits.Removals = 2 })
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	w.container("Capp01", "cse-in/app/c1", "c2", "")
	for i := range 7 {
		for _, to := range []string{"cse-in/app/c1", "cse-in/app/c1/c2"} {
			w.must(onem2m.Created, ask{op: "C23", to: to, from: "Capp01", body: sub(fmt.Sprintf(`"rn":"s%d","nu":["Capp01"],"su":"Capp01"`, i))})
		}
	}
	w.told()
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/c1", from: "Capp01"})
	if err := w.c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := w.told()
	slices.Sort(got)
	if !slices.Equal(got, []string{"2 c1", "2 c2", "4 app/c1"}) {
		t.Errorf("C-282: told %v", got)
	}
	if len(w.removed) != 14 {
		t.Errorf("C-281: %d subscriptions told of their end", len(w.removed))
	}
}

func TestEvents_C411_ExpiryIsTheCSEsDoing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", `"et":"20260304T113000"`)
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/c1", from: "Capp01", body: sub(`"rn":"s1","nu":["Capp01"],"su":"Capp01"`)})
	w.told()
	w.advance(2 * time.Hour)
	if err := w.c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	for _, ev := range w.events {
		if ev.Originator != w.home.ID() || ev.Type != notify.Deleted && ev.Type != notify.ChildDeleted {
			t.Errorf("C-407: got %+v", ev)
		}
	}
	w.mu.Unlock()
	if got := w.told(); !slices.Equal(got, []string{"4 app/c1", "2 c1"}) || !slices.Equal(w.removed, []string{"s1"}) {
		t.Errorf("C-407 C-411: told %v, removed %v", got, w.removed)
	}
}

func TestRecord_C294_WhatFailsIsNoEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", `"mbs":3`)
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/c1", from: "Capp01", body: sub(`"nu":["Capp01"],"enc":{"net":[1,2,3,4]},"nct":1`)})
	before := len(w.events)
	for _, q := range []ask{
		{op: "U", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cnt":{"mni":-1}}`},
		{op: "U", to: "cse-in/app/c1", from: "Cother1", body: `{"m2m:cnt":{"mni":1}}`},
		{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cin":{"con":"too long"}}`},
		{op: "D", to: "cse-in/app/c1", from: "Cother1"},
		{op: "D", to: "cse-in/app/c1/la", from: "Capp01"},
	} {
		if code := w.do(q).Code; code/1000 == 2 {
			t.Errorf("%+v: %d", q, code)
		}
	}
	if got := w.events[before:]; len(got) != 0 {
		t.Errorf("C-294: told %+v", got)
	}
}
