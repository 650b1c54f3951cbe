package cse

import (
	"context"
	"strings"
	"testing"

	"bulwark/internal/notify"
	"bulwark/onem2m"
)

func TestProcedure_C064_RulesLookAtWhatAnUpdateWouldResultIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.must(onem2m.Created, ask{op: "C14", to: "cse-in", from: "CAdmin", body: `{"m2m:nod":{"rn":"n","ni":"n1"}}`})
	u := func(body string) ask {
		return ask{op: "U", to: "cse-in/n/dc", from: "CAdmin", body: `{"dcfg:datc":` + body + `}`}
	}
	w.follow(t, []step{
		{name: "collected by a schedule", ask: ask{op: "C13", to: "cse-in/n", from: "CAdmin", body: `{"dcfg:datc":{"rn":"dc","mgd":1021,"cntp":"cse-in/app","mesc":[{"sce":["* * * * * * *"]}]}}`}, code: 2001},
		{name: "C-064 not by an interval too, although the request names no schedule", ask: u(`{"meil":5}`), code: 4000},
		{name: "C-064 but instead of it", ask: u(`{"meil":5,"mesc":null}`), code: 2004},
		{name: "C-064 and now the other way round", ask: u(`{"mesc":[{"sce":["* * * * * * *"]}]}`), code: 4000},
	})
}

func TestProcedure_C099_NoChildOutlivesItsParent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c", `"et":"20270101T000000"`)
	w.container("Capp01", "cse-in/app/c", "inner", `"et":"20280101T000000"`)
	w.follow(t, []step{
		{name: "C-099 clamped when it is made", ask: ask{op: "R", to: "cse-in/app/c/inner", from: "Capp01"}, code: 2000, show: map[string]string{"et": `"20270101T000000,000000"`}},
		{name: "C-099 the parent doesn't go before it", ask: ask{op: "U", to: "cse-in/app/c", from: "Capp01", body: `{"m2m:cnt":{"et":"20261231T000000"}}`}, code: 4000},
		{name: "C-099 nothing has changed", ask: ask{op: "R", to: "cse-in/app/c", from: "Capp01"}, code: 2000, show: map[string]string{"et": `"20270101T000000"`}},
		{name: "C-099 but after it", ask: ask{op: "U", to: "cse-in/app/c/inner", from: "Capp01", body: `{"m2m:cnt":{"et":"20261001T000000"}}`}, code: 2004},
		{name: "C-099 the parent follows", ask: ask{op: "U", to: "cse-in/app/c", from: "Capp01", body: `{"m2m:cnt":{"et":"20261231T000000"}}`}, code: 2004},
	})
}

func TestProcedure_C103_WhatIsTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c", `"mbs":10`)
	policies := strings.Repeat(`"cse-in/app/acp",`, maxLinks) + `"cse-in/app/acp"`
	w.follow(t, []step{
		{name: "C-103 an instance has a code of its own", ask: ask{op: "C4", to: "cse-in/app/c", from: "Capp01", body: `{"m2m:cin":{"con":"12345678901"}}`}, code: 5207},
		{name: "C-103 anything else is a bad request", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"acpi":[` + policies + `]}}`}, code: 4000},
		{name: "C-103 an address too", ask: ask{op: "R", to: "cse-in/" + strings.Repeat("x", onem2m.MaxAddress), from: "Capp01"}, code: 4000},
	})
}

func TestProcedure_C118_AnUpdateIsCheckedAskedAboutAppliedAndTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c", `"lbl":["old"]`)
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/c", from: "Capp01", body: `{"m2m:sub":{"rn":"s","nu":["Capp01"],"enc":{"net":[7]}}}`})
	update := ask{op: "U", to: "cse-in/app/c", from: "Capp01", body: `{"m2m:cnt":{"lbl":["new"]}}`}
	updates := func() (n int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, ev := range w.events {
			if ev.Type == notify.Updated {
				n++
			}
		}
		return n
	}
	before := updates()
	wrong := update
	wrong.body = `{"m2m:cnt":{"mni":-1}}`
	w.must(onem2m.BadRequest, wrong)
	if len(w.consulted) != 0 {
		t.Errorf("C-118: asked about an UPDATE that fails anyway")
	}
	answer := onem2m.OriginatorHasNoPrivilege
	w.consult = func(context.Context) (onem2m.StatusCode, error) {
		got := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c", from: "Capp01"})
		if string(got.Get("lbl")) != `["old"]` || updates() != before {
			t.Errorf("C-118: applied or told before the answer: %s", got.Get("lbl"))
		}
		return answer, nil
	}
	w.must(onem2m.OperationDeniedByRemoteEntity, update)
	if updates() != before {
		t.Error("C-118: told of an UPDATE that was denied")
	}
	answer = onem2m.OK
	w.must(onem2m.Updated, update)
	if len(w.consulted) != 2 || updates() != before+1 {
		t.Errorf("C-118: asked %d times, told %d times", len(w.consulted), updates()-before)
	}
}

func TestProcedure_C249_LocationIDMakesAContainerThatOfAPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.must(onem2m.Created, ask{op: "C10", to: "cse-in/app", from: "Capp01", body: `{"m2m:lcp":{"rn":"p","los":2,"lon":"positions","lit":2,"gec":1,"gta":[[0,0],[1,0],[1,1]]}}`})
	w.container("Capp01", "cse-in/app", "other", "")
	position := func(where, at string) {
		t.Helper()
		w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/" + where, from: "Capp01", body: `{"m2m:cin":{"con":"{\"type\":\"Point\",\"coordinates\":` + at + `}"}}`})
	}
	for _, where := range []string{"positions", "other"} {
		position(where, "[5,5]")
		position(where, "[0.5,0.2]")
	}
	w.follow(t, []step{
		{name: "C-249 it leads to the policy", ask: ask{op: "R", to: "cse-in/app/positions", from: "Capp01"}, code: 2000, show: map[string]string{"li": `"` + w.ri("cse-in/app/p") + `"`, "cni": "3"}},
		{name: "C-249 whose fence is watched there", ask: ask{op: "R", to: "cse-in/app/positions/la", from: "Capp01"}, code: 2000, show: map[string]string{"con": "1"}},
		{name: "C-249 and nowhere else", ask: ask{op: "R", to: "cse-in/app/other", from: "Capp01"}, code: 2000, show: map[string]string{"li": "", "cni": "2"}},
	})
}

func TestProcedure_C265_TypesThatNeedANetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.follow(t, []step{
		{name: "C-265 a trigger", ask: ask{op: "C47", to: "cse-in/app", from: "Capp01", body: `{"m2m:tgr":{}}`}, code: 5001},
		{name: "C-451 a process", ask: ask{op: "C63", to: "cse-in/app", from: "Capp01", body: `{"m2m:prmr":{}}`}, code: 5001},
		{name: "C-451 a state", ask: ask{op: "C64", to: "cse-in/app", from: "Capp01", body: `{"m2m:stte":{}}`}, code: 5001},
		{name: "C-265 a background transfer", ask: ask{op: "C49", to: "cse-in/app", from: "Capp01", body: `{"m2m:bdt":{}}`}, code: 5001},
		{name: "C-265 a traffic pattern", ask: ask{op: "C33", to: "cse-in", from: "CAdmin", body: `{"m2m:trpt":{}}`}, code: 4000},
		{name: "C-224 none of them is offered", ask: ask{op: "R", to: "cse-in?atrl=srt", from: "CAdmin"}, code: 2000},
	})
}

func TestProcedure_C388_MissingPointsAreListedAsTheyWereExpected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.series(`,"mdn":3`)
	w.point(0)
	w.point(30)
	w.advance(60e9)
	w.expectLost(20, 40, 50)
	w.advance(20e9)
	w.expectLost(50, 60, 70)
}
