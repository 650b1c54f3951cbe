package cse

import (
	"strings"
	"testing"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// throughGroup subscribes to the members of a group, which gathers what they
// notify.
func (w *world) throughGroup(group, members string) {
	w.t.Helper()
	res := w.do(ask{op: "C23", to: group + "/fopt", from: "Capp01", body: sub(`"rn":"s","nfu":"http://192.0.2.9/","nu":["http://192.0.2.9/"],"enc":{"net":[3,2]}` + members)})
	if res.Code != onem2m.OK {
		w.t.Fatalf("got %d %s", res.Code, text(res))
	}
}

// outbox counts what waits in the outbox.
func (w *world) outbox() (n int) {
	w.t.Helper()
	err := w.store.Read(w.t.Context(), func(r store.Reader) error {
		rows, err := r.Deliveries(0, 100)
		n = len(rows)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestGathering_C356_MembersNotifyTogether(t *testing.T) {
	t.Parallel()
	w := withEngine(t)
	w.group("Capp01", "cse-in/app", "g", `"nar":{"num":2},"mid":["cse-in/app/c1","`+w.ri("cse-in/app/c2")+`"]`)
	w.throughGroup("cse-in/app/g", `,"nse":true`)
	if sent := w.contents(); len(sent) != 1 || !strings.Contains(sent[0], `"vrq":true`) {
		t.Fatalf("the subscriber is asked once, not %v", sent)
	}
	g := w.ri("cse-in/app/g")
	nu := w.attribute("cse-in/app/c1/s", "nu")
	if !strings.HasPrefix(nu, `["/id-in/`+g+`/nfu-`) || w.attribute("cse-in/app/c2/s", "nu") != nu {
		t.Errorf("nu is %s", nu)
	}
	if gpi := w.attribute("cse-in/app/c1/s", "gpi"); gpi != `"/id-in/`+g+`"` {
		t.Errorf("gpi is %s", gpi)
	}
	w.instance("Capp01", "cse-in/app/c1", "i1", "x")
	if n := w.outbox(); n != 1 {
		t.Errorf("%d entries wait for the second", n)
	}
	w.instance("Capp01", "cse-in/app/c2", "i2", "y")
	w.awaits("the aggregated notification", func() bool { return len(w.contents()) == 2 })
	got := w.contents()[1]
	if !strings.HasPrefix(got, `{"m2m:agn":{"m2m:sgn":[{"nev":`) || strings.Count(got, `"nfu":"http://192.0.2.9/"`) != 2 ||
		!strings.Contains(got, `"sur":"/id-in/`+w.ri("cse-in/app/c1/s")) || !strings.Contains(got, `"con":"y"`) {
		t.Errorf("sent %s", got)
	}
	w.awaits("the answer is that to each member", func() bool {
		nsi := w.attribute("cse-in/app/c1/s", "nsi")
		return strings.Contains(nsi, `"rqs":1,"rsr":1,"noec":1`)
	})
	if n := w.outbox(); n != 0 {
		t.Errorf("%d entries are left", n)
	}
}

func TestGathering_C356_CountersGoByTheAnswer(t *testing.T) {
	t.Parallel()
	w := withEngine(t)
	w.group("Capp01", "cse-in/app", "g", `"nar":{"num":2},"mid":["cse-in/app/c1","cse-in/app/c2"]`)
	w.throughGroup("cse-in/app/g", `,"exc":1`)
	w.instance("Capp01", "cse-in/app/c1", "i1", "x")
	w.instance("Capp01", "cse-in/app/c2", "i2", "y")
	w.awaits("C-308 both run out", func() bool { return w.gone("cse-in/app/c1/s")() && w.gone("cse-in/app/c2/s")() })
	w.noGatherings("cse-in/app/g")
}

func TestGathering_C356_SubGroupsPassOnToTheGroupAbove(t *testing.T) {
	t.Parallel()
	w := withEngine(t)
	w.group("Capp01", "cse-in/app", "low", `"nar":{"num":2},"mid":["cse-in/app/c2","cse-in/app/c3"]`)
	w.group("Capp01", "cse-in/app", "top", `"nar":{"num":2},"mid":["cse-in/app/c1","cse-in/app/low/fopt"]`)
	w.throughGroup("cse-in/app/top", "")
	low := w.attribute("cse-in/app/c2/s", "nu")
	if top := w.attribute("cse-in/app/c1/s", "nu"); low == top || !strings.Contains(low, w.ri("cse-in/app/low")) {
		t.Errorf("the members notify %s and %s", top, low)
	}
	for _, name := range []string{"c1", "c2", "c3"} {
		w.instance("Capp01", "cse-in/app/"+name, "i", name)
	}
	w.awaits("all at once", func() bool { return len(w.contents()) == 2 })
	got := w.contents()[1]
	if strings.Count(got, "m2m:agn") != 1 || strings.Count(got, `"net":3`) != 3 {
		t.Errorf("C-298 sent %s", got)
	}
	for _, name := range []string{"c1", "c2", "c3"} {
		w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/" + name + "/s", from: "Capp01"})
	}
	w.noGatherings("cse-in/app/low")
	w.noGatherings("cse-in/app/top")
}

// noGatherings checks that nothing is left of what a group has gathered.
func (w *world) noGatherings(group string) {
	w.t.Helper()
	id := w.record(group).ID
	err := w.store.Read(w.t.Context(), func(r store.Reader) error {
		list, err := loadGatherings(r, id)
		if len(list) > 0 {
			w.t.Errorf("%s still has %v", group, list)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestGathering_C357_WhatEndsIt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  ask
		sent int // notifications in the aggregated one
	}{
		{"C-357 the group goes: what it holds is sent", ask{op: "D", to: "cse-in/app/g", from: "Capp01"}, 1},
		{"C-357 the last subscription goes", ask{op: "D", to: "cse-in/app/c1/s", from: "Capp01"}, 1},
		{"C-282 the member goes: that is told too", ask{op: "D", to: "cse-in/app/c1", from: "Capp01"}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := withEngine(t)
			w.group("Capp01", "cse-in/app", "g", `"nar":{"num":9},"mid":["cse-in/app/c1"]`)
			w.throughGroup("cse-in/app/g", "")
			w.instance("Capp01", "cse-in/app/c1", "i1", "x")
			w.must(onem2m.Deleted, tt.end)
			w.awaits("it is sent", func() bool { return len(w.contents()) == 2 })
			if got := w.contents()[1]; strings.Count(got, `"nev"`) != tt.sent {
				t.Errorf("sent %s", got)
			}
		})
	}
}

func TestGathering_C357_WhatIsNoMemberAnyMore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		then ask
	}{
		{"C-356 only members", ask{op: "U", to: "cse-in/app/g", body: `{"m2m:grp":{"mid":["cse-in/app/c2"]}}`}},
		{"C-357 without nfu", ask{op: "U", to: "cse-in/app/c1/s", body: sub(`"nfu":null`)}},
		{"C-357 without the group", ask{op: "D", to: "cse-in/app/g"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := withEngine(t)
			w.group("Capp01", "cse-in/app", "g", `"nar":{"num":1},"mid":["cse-in/app/c1"]`)
			w.throughGroup("cse-in/app/g", "")
			tt.then.from = "Capp01"
			if code := w.do(tt.then).Code; code/1000 != 2 {
				t.Fatal(code)
			}
			w.instance("Capp01", "cse-in/app/c1", "i1", "x")
			if n, sent := w.outbox(), w.contents(); n != 0 || len(sent) != 1 {
				t.Errorf("%d entries, sent %v", n, sent)
			}
		})
	}
}

func TestGathering_A81_C356_StrangersCantUseIt(t *testing.T) {
	t.Parallel()
	w := withEngine(t)
	w.register("Cother1", "other")
	w.group("Capp01", "cse-in/app", "g", `"mid":["cse-in/app/c1"]`)
	w.throughGroup("cse-in/app/g", "")
	address := strings.Trim(w.attribute("cse-in/app/c1/s", "nu"), `[]"`)
	w.must(onem2m.SubscriptionVerificationInitiationFailed, ask{op: "C23", to: "cse-in/app/c1", from: "Capp01", body: sub(`"nfu":"http://192.0.2.9/","nu":["` + address + `"]`)})
	s := w.ri("cse-in/app/c1/s")
	for _, from := range []string{"Capp01", "Cother1", "CAdmin", "/id-far"} {
		w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "N", to: address, from: from, body: `{"m2m:sgn":{"sur":"/id-in/` + s + `","nfu":"http://192.0.2.9/","nev":{"net":3}}}`})
	}
	w.must(onem2m.NotFound, ask{op: "N", to: address + "x", from: "/id-far", body: `{"m2m:sgn":{"sur":"/id-far/s1"}}`})
	for _, bad := range []string{`"nfu":1`, `"nfu":"http://192.0.2.8/"`, `"nfu":""`} {
		w.must(onem2m.BadRequest, ask{op: "C23", to: "cse-in/app/g/fopt", from: "Capp01", body: sub(`"nu":["http://192.0.2.9/"],` + bad)})
	}
	w.answer = &onem2m.Response{Code: onem2m.OriginatorHasNoPrivilege}
	w.must(onem2m.SubscriptionVerificationInitiationFailed, ask{op: "C23", to: "cse-in/app/g/fopt", from: "Capp01", body: sub(`"nfu":"http://192.0.2.7/","nu":["http://192.0.2.7/"]`)})
}

func TestGathering_C356_MembersOfOtherCSEs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	w.group("Capp01", "cse-in/app", "g", `"mid":["/id-far/c9","cse-in/app/c1"]`)
	w.throughGroup("cse-in/app/g", "")
	address := strings.Trim(w.attribute("cse-in/app/c1/s", "nu"), `[]"`)
	note := func(sur, more string) string { return `{"m2m:sgn":{"sur":"` + sur + `"` + more + `}}` }
	const nfu = `,"nfu":"http://192.0.2.9/"`
	for _, tt := range []struct {
		name, from, body string
		code             onem2m.StatusCode
		taken            bool
	}{
		{"C-356 what a member has to say", "/id-far", note("/id-far/s1", nfu), 2000, true},
		{"C-356 several at once", "/id-far", `{"m2m:agn":{"m2m:sgn":[{"sur":"/id-far/s1"` + nfu + `},{"sur":"/id-far/s2"` + nfu + `}]}}`, 2000, true},
		{"C-356 another CSE", "/id-other", note("/id-other/s1", nfu), 4103, false},
		{"C-356 what another CSE has to say", "/id-far", note("/id-other/s1", nfu), 4103, false},
		{"C-357 without nfu", "/id-far", note("/id-far/s1", ""), 4103, false},
		{"C-356 for somebody else", "/id-far", note("/id-far/s1", `,"nfu":"http://192.0.2.8/"`), 4103, false},
		{"C-275 the question for agreement", "/id-far", note("/id-far/s1", `,"vrq":true,"cr":"/id-in/Capp01"`), 2000, false},
		{"C-275 the question about another creator", "/id-far", note("/id-far/s1", `,"vrq":true,"cr":"/id-in/Cother1"`), 4101, false},
		{"the end of a subscription", "/id-far", note("/id-far/s1", `,"sud":true`), 2000, false},
		{"C-356 nothing in it", "/id-far", `{"m2m:rsp":{"rsc":2000}}`, 4000, false},
		{"C-356 several, of which there is none", "/id-far", `{"m2m:agn":{"m2m:sgn":[]}}`, 4000, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(w.gathered)
			w.must(tt.code, ask{op: "N", to: address, from: tt.from, body: tt.body})
			if taken := len(w.gathered) > before; taken != tt.taken {
				t.Errorf("taken: %v", w.gathered)
			}
		})
	}
}

func TestGroup_C356_NotifyAggregation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	for _, tt := range []struct {
		nar  string
		code onem2m.StatusCode
	}{
		{`{"num":2,"dur":"PT1S"}`, 2001},
		{`{"dur":"PT1S"}`, 2001},
		{`{}`, 2001},
		{`{"num":0}`, 4000},
		{`{"num":2,"dur":"soon"}`, 4000},
		{`{"num":"2"}`, 4000},
	} {
		t.Run("C-356 nar "+tt.nar, func(t *testing.T) {
			w.must(tt.code, ask{op: "C9", to: "cse-in/app", from: "Capp01", body: `{"m2m:grp":{"mnm":2,"mid":[],"nar":` + tt.nar + `}}`})
		})
	}
}
