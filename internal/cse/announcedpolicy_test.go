package cse

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"bulwark/access"
	"bulwark/internal/announcement"
	"bulwark/onem2m"
)

// policied is host with an announced policy of /id-mn, acp1 there, and a copy that
// links to it.
func policied(t *testing.T, pv string) (w *world, c *carrier, acpA, cntA string) {
	t.Helper()
	w, c, base := host(t)
	o := w.must(onem2m.Created, ask{op: "C10001", to: base, from: "/id-mn", body: copyOf("acpA", "acp1", `"pv":{"acr":[`+pv+`]}`, `"pvs":{"acr":[{"acor":["Cowner"],"acop":63}]}`)})
	acpA, _ = o.Text("ri")
	o = w.must(onem2m.Created, ask{op: "C10003", to: base, from: "/id-mn", body: copyOf("cntA", "cnt1", `"acpi":["/id-mn/acp1"]`)})
	cntA, _ = o.Text("ri")
	return w, c, acpA, cntA
}

const forLamp = `{"acor":["/id-in/Clamp","Cthere"],"acop":63}`

func TestAnnouncedPolicy_DecidesAboutWhatLinksToItsOriginal(t *testing.T) {
	t.Parallel()
	w, c, acpA, cntA := policied(t, forLamp)
	for name, tt := range map[string]struct {
		to, from string
		code     onem2m.StatusCode
	}{
		"A-48 a copy, by whom it names":                         {cntA, "Clamp", 2000},
		"A-48 a copy, by an entity of its CSE":                  {cntA, "/id-mn/Cthere", 2000},
		"A-48 the same stem at another CSE":                     {cntA, "/id-deep/Cthere", 4103},
		"A-44 the policy itself, by its selfPrivileges":         {acpA, "/id-mn/Cowner", 2000},
		"A-44 the policy itself, by whom its privileges name":   {acpA, "Clamp", 4103},
		"A-48 the policy itself, by its CSE":                    {acpA, "/id-mn", 2000},
		"A-48 a copy is changed by the CSE of the original":     {cntA, "/id-deep", 4103},
		"A-44 the policy itself, by the stem of the owner here": {acpA, "/id-in/Cowner", 4000},
	} {
		t.Run(name, func(t *testing.T) {
			if res := w.do(ask{op: "R", to: tt.to, from: tt.from}); res.Code != tt.code {
				t.Errorf("got %d %s, want %d", res.Code, text(res), tt.code)
			}
		})
	}
	if len(c.sent) != 0 {
		t.Errorf("its CSE was asked: %+v", c.sent[0])
	}
	t.Run("A-52 a resource of this CSE relies on the original alone", func(t *testing.T) {
		w.container("CAdmin", "cse-in", "box", `"acpi":["/id-mn/acp1"]`)
		w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/box", from: "Clamp"})
		if len(c.sent) == 0 || c.sent[0].To != "/id-mn/acp1" {
			t.Errorf("asked %+v", c.sent)
		}
	})
	t.Run("A-48 whoever it names changes no copy", func(t *testing.T) {
		w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "U", to: cntA, from: "Clamp", body: `{"m2m:cntA":{"lbl":["x"]}}`})
		w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "U", to: acpA, from: "Clamp", body: `{"m2m:acpA":{"pv":{"acr":[]}}}`})
	})
	t.Run("A-195 it is narrowed", func(t *testing.T) {
		w.must(onem2m.Updated, ask{op: "U", to: acpA, from: "/id-mn", body: `{"m2m:acpA":{"pv":{"acr":[{"acor":["Cthere"],"acop":63}]}}}`})
		w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: cntA, from: "Clamp"})
		w.must(onem2m.OK, ask{op: "R", to: cntA, from: "/id-mn/Cthere"})
	})
	t.Run("A-195 it goes: its CSE is asked", func(t *testing.T) {
		w.must(onem2m.Deleted, ask{op: "D", to: acpA, from: "/id-mn"})
		w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: cntA, from: "/id-mn/Cthere"})
		if len(c.sent) == 0 || c.sent[0].To != "/id-mn/acp1" {
			t.Errorf("asked %+v", c.sent)
		}
	})
}

func TestAnnouncedPolicy_IsThatOfTheCSEThatItNames(t *testing.T) {
	t.Parallel()
	w, _, _, cntA := policied(t, forLamp)
	o := w.must(onem2m.Created, ask{op: "C10005", to: "/id-in/-", from: "/id-deep", body: `{"m2m:cbA":{"lnk":"/id-deep/cse","et":"20270101T000000","srv":["3"]}}`})
	deep, _ := o.Text("ri")
	policy := `"et":"20270101T000000","pv":{"acr":[{"acor":["all"],"acop":63}]},"pvs":{"acr":[]}}}`
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "C10001", to: deep, from: "/id-deep", body: `{"m2m:acpA":{"lnk":"/id-mn/acp1",` + policy})
	w.must(onem2m.Created, ask{op: "C10001", to: deep, from: "/id-deep", body: `{"m2m:acpA":{"lnk":"/id-deep/acp1",` + policy})
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: cntA, from: "/id-mn/Cnobody"})
	t.Run("A-195 its CSE has gone from here", func(t *testing.T) {
		w.must(onem2m.OK, ask{op: "R", to: cntA, from: "Clamp"})
		w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/id-mn", from: "CAdmin"})
		if res := w.do(ask{op: "R", to: cntA, from: "Clamp"}); res.Code == onem2m.OK {
			t.Error("the copy is readable still")
		}
	})
}

func TestAnnouncedPolicy_IsLinkedToByCopiesAlone(t *testing.T) {
	t.Parallel()
	w, _, acpA, cntA := policied(t, forLamp)
	w.must(onem2m.BadRequest, ask{op: "C3", to: "cse-in", from: "CAdmin", body: `{"m2m:cnt":{"acpi":["` + acpA + `"]}}`})
	w.must(onem2m.Updated, ask{op: "U", to: cntA, from: "/id-mn", body: `{"m2m:cntA":{"acpi":["/id-in/` + acpA + `"]}}`})
	w.must(onem2m.OK, ask{op: "R", to: cntA, from: "Clamp"})
}

func TestAnnouncedPolicy_IsFoundAgainAfterAStart(t *testing.T) {
	t.Parallel()
	w, _, _, cntA := policied(t, forLamp)
	w.c.announcedPolicies = announcedPolicies{}
	if err := w.c.loadAnnouncedPolicies(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.must(onem2m.OK, ask{op: "R", to: cntA, from: "Clamp"})
}

// TestAnnouncedPolicy_C021_NamesTheSameOnTheOtherCSE compares the rules of a policy
// where it is with those of its copies, in the same SP and in another one.
func TestAnnouncedPolicy_C021_NamesTheSameOnTheOtherCSE(t *testing.T) {
	t.Parallel()
	home := onem2m.Home{SP: "//m2m.example", CSE: "/id-mn", Name: "cse-mn"}
	entries := []string{
		"Cx", "Cx*", "C*", "Sx", "S*", "*", "all", "/id-mn/Cy", "/id-in/Cx", "/id-*/Cx", "/Sx", "//m2m.example/id-mn/Cx", "//far.example/id-far/Cx",
		"//far.example", "//m2m.example", "cse-mn/grp", "grp1", "/id-in", "role@far.example", "testOriginator", "",
	}
	names := []onem2m.ID{
		"//m2m.example/id-mn/Cx", "//m2m.example/id-mn/Cxy", "//m2m.example/id-mn/Cy", "//m2m.example/id-in/Cx", "//m2m.example/id-in/Cy",
		"//m2m.example/Sx", "//far.example/Sx", "//far.example/id-far/Cx", "//far.example/id-mn/Cx", "//m2m.example/id-in", "//m2m.example/id-mn", "",
	}
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.SampledFrom(entries), 1, 4).Draw(t, "acor")
		rule := onem2m.Object{{Name: "acor", Value: onem2m.TextsValue(list)}, {Name: "acop", Value: []byte("63")}}
		set := onem2m.Object{{Name: "acr", Value: append(rule.Append([]byte("[")), ']')}}
		here, err := access.Compile(home, set.Append(nil), "pv")
		if err != nil {
			return // no policy at all
		}
		host := rapid.SampledFrom([]onem2m.ID{"//m2m.example/id-in", "//far.example/id-far"}).Draw(t, "host")
		sent := announcement.Widened(onem2m.Object{{Name: "pv", Value: set.Append(nil)}}, home, host)
		there, err := foreignRules(home, sent.Get("pv"), "pv")
		if err != nil {
			t.Fatal(err)
		}
		who := rapid.SampledFrom(names).Draw(t, "who")
		decide := func(home onem2m.Home, p *access.Policy) bool {
			q := access.Query{Home: home, Originator: who, Authenticated: true, Operation: onem2m.Retrieve, Privilege: access.Retrieve, TargetType: onem2m.TypeContainer}
			return access.Decide(&q, []access.Source{{Name: "p", Policy: p}}).Permit
		}
		far := onem2m.Home{SP: host.SP(), CSE: host.SPRelative(), Name: "cse"}
		if a, b := decide(home, here), decide(far, there); a != b {
			t.Fatalf("%v for %s: %v, on %s %v: %s", list, who, a, host, b, sent.Get("pv"))
		}
	})
}

func TestAnnouncedPolicies_OneCSELeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	const flood, other = onem2m.ID("//m2m.example/id-flood"), onem2m.ID("//m2m.example/id-mn")
	var p announcedPolicies
	for i := range maxAnnouncedPolicies {
		p.set(fmt.Sprintf("//m2m.example/id-flood/acp%d", i), "acpA", flood)
	}
	if len(p.all) > maxAnnouncedPolicies/2 {
		t.Errorf("one CSE has %d", len(p.all))
	}
	p.set("//m2m.example/id-mn/acp1", "acpA1", other)
	p.set("//m2m.example/id-mn/acp1", "acpA2", other)
	if ri, ok := p.get("//m2m.example/id-mn/acp1"); !ok || ri != "acpA2" {
		t.Errorf("the other one's is %q", ri)
	}
	p.drop("//m2m.example/id-mn/acp1", "acpA2")
	if _, ok := p.get("//m2m.example/id-mn/acp1"); ok || p.each[other] != 0 {
		t.Error("it is there still")
	}
}
