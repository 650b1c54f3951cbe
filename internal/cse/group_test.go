package cse

import (
	"testing"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// group makes a group with the given attributes besides its name.
func (w *world) group(from, parent, name, attributes string) {
	w.t.Helper()
	w.must(onem2m.Created, ask{op: "C9", to: parent, from: from, body: `{"m2m:grp":{"rn":"` + name + `","mnm":20,` + attributes + `}}`})
}

func TestGroup_Members(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	w.container("Capp01", "cse-in/app", "c1", "")
	w.container("Capp01", "cse-in/app", "c2", "")
	w.container("Capp01", "cse-in/app", "c3", "")
	w.container("Cother1", "cse-in/other", "closed", "")
	w.policy("Cother1", "cse-in/other", "seen", `{"acor":["Capp01"],"acop":32}`)
	w.container("Cother1", "cse-in/other", "listed", `"acpi":["cse-in/other/seen"]`)
	c1 := w.ri("cse-in/app/c1")
	c := func(attrs string) ask {
		return ask{op: "C9", to: "cse-in/app", from: "Capp01", body: `{"m2m:grp":{` + attrs + `}}`}
	}
	u := func(attrs string) ask {
		return ask{op: "U", to: "cse-in/app/g", from: "Capp01", body: `{"m2m:grp":{` + attrs + `}}`}
	}
	const both = `["cse-in/app/c1","cse-in/app/c2"]`
	w.follow(t, []step{
		{name: "C-338 no members", ask: c(`"mnm":1,"mid":[]`), code: 2001, show: map[string]string{"cnm": "0", "mid": "[]", "mt": "0", "csy": "1", "mtv": ""}},
		{name: "C-338 mid is mandatory", ask: c(`"mnm":1`), code: 4000},
		{name: "C-338 mnm is mandatory", ask: c(`"mid":[]`), code: 4000},
		{name: "C-338 mnm is positive", ask: c(`"mnm":0,"mid":[]`), code: 4000},
		{name: "C-338 one member in four forms", ask: c(`"mnm":1,"mid":["cse-in/app/c1","` + c1 + `","/id-in/-/app/c1","//m2m.example/id-in/Capp01/c1"]`), code: 2001, show: map[string]string{"cnm": "1", "mid": `["cse-in/app/c1"]`}},
		{name: "C-338 one remote member in two forms", ask: c(`"mnm":1,"mid":["/id-far/x1","//m2m.example/id-far/x1"]`), code: 2001, show: map[string]string{"cnm": "1"}},
		{name: "C-338 more than mnm", ask: c(`"mnm":1,"mid":` + both), code: 6010},
		{name: "C-338 no address", ask: c(`"mnm":1,"mid":["a b"]`), code: 4000},
		{name: "C-338 an attribute", ask: c(`"mnm":1,"mid":["cse-in/app#lbl"]`), code: 4000},
		{name: "C-339 a member that doesn't exist", ask: c(`"mnm":1,"mid":["cse-in/app/none"]`), code: 4004},
		{name: "C-339 mixed asks nothing about the type", ask: c(`"mnm":9,"mt":0,"mid":["cse-in/other/closed","cse-in/app","cse-in/app/c1"]`), code: 2001, show: map[string]string{"cnm": "3"}},
		{name: "C-340 all of the type", ask: c(`"rn":"typed","mnm":9,"mt":3,"mid":` + both), code: 2001, show: map[string]string{"cnm": "2", "mtv": "true"}},
		{name: "C-340 not readable", ask: c(`"mnm":9,"mt":3,"mid":["cse-in/other/closed"]`), code: 5105},
		{name: "C-340 to discover it isn't to read it", ask: c(`"mnm":9,"mt":3,"mid":["cse-in/other/listed"]`), code: 5105},
		{name: "C-340 nor when it is added", ask: ask{op: "U", to: "cse-in/app/typed", from: "Capp01", body: `{"m2m:grp":{"mid":["cse-in/app/c1","cse-in/other/listed"]}}`}, code: 5105},
		{name: "C-340 the latest instances", ask: c(`"mnm":9,"mt":20002,"csy":2,"mid":["cse-in/app/c1/la","cse-in/app/c2/la"]`), code: 2001, show: map[string]string{"cnm": "2"}},
		{name: "C-340 la isn't oldest", ask: c(`"mnm":9,"mt":20001,"csy":2,"mid":["cse-in/app/c1/la"]`), code: 4110},
		{name: "C-340 la isn't a container", ask: c(`"mnm":9,"mt":3,"csy":2,"mid":["cse-in/app/c1/la"]`), code: 4110},
		{name: "C-340 a sub-group has the type of its members", ask: c(`"mnm":9,"mt":3,"csy":2,"mid":["cse-in/app/typed/fopt"]`), code: 2001},
		{name: "C-340 a group without fopt is a group", ask: c(`"mnm":9,"mt":9,"csy":2,"mid":["cse-in/app/typed"]`), code: 2001},
		{name: "C-340 not that of its members", ask: c(`"mnm":9,"mt":3,"csy":2,"mid":["cse-in/app/typed"]`), code: 4110},
		{name: "C-340 fopt of something else", ask: c(`"mnm":9,"mid":["cse-in/app/c1/fopt"]`), code: 4004},
		{name: "C-340 a specialization without its type", ask: c(`"mnm":9,"mt":3,"spty":{"cnd":"org.onem2m.x"},"mid":[]`), code: 4000},
		{name: "C-341 abandon the group", ask: c(`"rn":"gone","mnm":9,"mt":3,"csy":2,"mid":["cse-in/app","cse-in/app/c1"]`), code: 4110},
		{name: "C-360 it leaves nothing", ask: ask{op: "R", to: "cse-in/app/gone", from: "Capp01"}, code: 4004},
		{name: "C-341 abandon the member", ask: c(`"mnm":9,"mt":3,"mid":["cse-in/app","cse-in/app/c1"]`), code: 2001, show: map[string]string{"cnm": "1", "mid": `["cse-in/app/c1"]`, "mt": "3", "mtv": "true"}},
		{name: "C-341 set mixed", ask: c(`"mnm":9,"mt":3,"csy":3,"mid":["cse-in/app","cse-in/app/c1"]`), code: 2001, show: map[string]string{"cnm": "2", "mt": "0", "mtv": "true"}},
		{name: "C-342 a remote member can't be looked at now", ask: c(`"mnm":9,"mt":3,"mid":["/id-far/x1"]`), code: 2001, show: map[string]string{"cnm": "1", "mtv": "false"}},
		{name: "C-344 macp that doesn't exist", ask: c(`"mnm":9,"mid":[],"macp":["cse-in/none"]`), code: 4000},
		{name: "C-093 creator", ask: c(`"mnm":9,"mid":[],"cr":null`), code: 2001, show: map[string]string{"cr": `"Capp01"`}},
		{name: "C-028 fopt is no name", ask: ask{op: "C23", to: "cse-in/app/typed", from: "Capp01", body: `{"m2m:sub":{"rn":"fopt","nu":["Capp01"]}}`}, code: 4105},

		{name: "a group to change", ask: c(`"rn":"g","mnm":3,"mt":3,"mid":` + both), code: 2001},
		{name: "C-343 mt stays", ask: u(`"mt":0`), code: 4000},
		{name: "C-343 csy stays", ask: u(`"csy":3`), code: 4000},
		{name: "C-338 mnm below cnm", ask: u(`"mnm":1`), code: 6010},
		{name: "C-338 more members than mnm", ask: u(`"mnm":2,"mid":["cse-in/app/c1","cse-in/app/c2","cse-in/app/c3"]`), code: 6010},
		{name: "C-343 one more member, and what came of it", ask: ask{op: "U", to: "cse-in/app/g?rcn=9", from: "Capp01", body: `{"m2m:grp":{"mid":["cse-in/app/c1","cse-in/app/c2","cse-in/app/c3"]}}`}, code: 2004, show: map[string]string{"cnm": "3", "mid": "", "lt": "*"}},
		{name: "C-341 on UPDATE", ask: u(`"mid":["cse-in/app/c1","cse-in/app"]`), code: 2004, show: map[string]string{"cnm": "1", "mid": `["cse-in/app/c1"]`}},
		{name: "mnm alone", ask: u(`"mnm":5`), code: 2004, show: map[string]string{"cnm": "1", "mnm": "5"}},
		{name: "a member goes", ask: ask{op: "D", to: "cse-in/app/c1", from: "Capp01"}, code: 2002},
		{name: "and the group keeps its identifier", ask: ask{op: "R", to: "cse-in/app/g", from: "Capp01"}, code: 2000, show: map[string]string{"cnm": "1", "mid": `["cse-in/app/c1"]`}},
		{name: "also when others are added", ask: u(`"mid":["cse-in/app/c1","cse-in/app/c2"]`), code: 2004, show: map[string]string{"cnm": "2"}},
		{name: "C-339 but nobody else may add it", ask: c(`"mnm":9,"mid":["cse-in/app/c1"]`), code: 4004},
	})
}

func TestGroup_C063_AskingForMembersTellsNothingToStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.MaskExistence = true })
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	w.container("Cother1", "cse-in/other", "closed", "")
	for _, to := range []string{"cse-in/other/closed", "cse-in/other/none"} {
		k := &call{c: w.c, now: onem2m.TimestampOf(w.now()), req: &onem2m.Request{Operation: onem2m.Create}, assoc: trusted()}
		k.from.ID = "//m2m.example/id-in/Capp01" // not authenticated
		s := &subject{attrs: onem2m.Object{{Name: "mt", Value: []byte("0")}}}
		g := newEnlistment(k, nil, s)
		err := w.store.Read(t.Context(), func(r store.Reader) error {
			g.r = r
			if err := g.read([]string{to}); err != nil {
				return err
			}
			return g.settle()
		})
		if got := onem2m.AsError(err); got == nil || got.Code != onem2m.NotFound {
			t.Errorf("%s: got %v, want 4004", to, err)
		}
	}
}

func TestMembership_A66_WhatNamesAnAEIsntLookedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := groups{snapshot: snapshot{c: w.c}} // without a store: it would be asked
	for _, entry := range []string{"Capp01", "Sapp01", "/id-in/Capp01", "//m2m.example/id-in/Capp01", "//m2m.example/Sapp01"} {
		if g.Member(entry, "//m2m.example/id-in/Capp01") {
			t.Errorf("%s is taken for a group", entry)
		}
	}
}
