package federation

import (
	"strings"
	"testing"
	"time"

	"bulwark/test/harness"
)

func TestAccess_PoliciesAndGroupsOfOtherCSEs(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.mn.plain.Make(t, "Cvisitor", "/cse-mn", 2, `{"m2m:ae":{"rn":"visitor","api":"N.example.test","rr":false,"srv":["3"]}}`)
	tr.mn.plain.Make(t, "Cother", "/cse-mn", 2, `{"m2m:ae":{"rn":"other","api":"N.example.test","rr":false,"srv":["3"]}}`)
	acp := func(b *box, name, pv, self string) {
		b.plain.Make(t, "CAdmin", "/"+b.name, 1, `{"m2m:acp":{"rn":"`+name+`","pv":{"acr":[`+pv+`]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63},{"acor":[`+self+`],"acop":2}]}}}`)
	}
	get := func(name string) int { return tr.mn.plain.Get(t, "Cvisitor", "/cse-mn/"+name).RSC }
	acp(tr.in, "far", `{"acor":["/id-mn/Cvisitor"],"acop":63}`, `"/id-mn"`)
	tr.mn.plain.Make(t, "CAdmin", "/cse-mn", 3, `{"m2m:cnt":{"rn":"far","acpi":["/id-in/cse-in/far"]}}`)
	t.Run("A-52 a policy one hop away", func(t *testing.T) {
		tr.mn.plain.Get(t, "Cvisitor", "/cse-mn/far").Expect(t, 2000, 200)
		tr.mn.plain.Create(t, "Cvisitor", "/cse-mn/far", 4, `{"m2m:cin":{"con":"1"}}`).Expect(t, 2001, 201)
		tr.mn.plain.Get(t, "Cother", "/cse-mn/far").Expect(t, 4103, 403)
	})
	t.Run("A-52 a policy two hops away", func(t *testing.T) {
		acp(tr.in, "deep", `{"acor":["/id-asn/Csensor"],"acop":63}`, `"/id-asn"`)
		tr.asn.plain.Make(t, "Csensor", "/cse-asn", 2, `{"m2m:ae":{"rn":"sensor","api":"N.example.test","rr":false,"srv":["3"]}}`)
		tr.asn.plain.Make(t, "CAdmin", "/cse-asn", 3, `{"m2m:cnt":{"rn":"deep","acpi":["/id-in/cse-in/deep"]}}`)
		tr.asn.plain.Get(t, "Csensor", "/cse-asn/deep").Expect(t, 2000, 200)
	})
	t.Run("A-52 one that this CSE may not read", func(t *testing.T) {
		acp(tr.in, "shut", `{"acor":["/id-mn/Cvisitor"],"acop":63}`, `"/id-asn"`)
		tr.mn.plain.Make(t, "CAdmin", "/cse-mn", 3, `{"m2m:cnt":{"rn":"shut","acpi":["/id-in/cse-in/shut"]}}`)
		if rsc := get("shut"); rsc != 4103 {
			t.Errorf("got %d", rsc)
		}
	})
	t.Run("A-66 a group of another CSE", func(t *testing.T) {
		acp(tr.in, "readers", `{"acor":["/id-mn"],"acop":2}`, `"/id-mn"`)
		tr.in.plain.Make(t, "CAdmin", "/cse-in", 9, `{"m2m:grp":{"rn":"crew","mnm":5,"mid":["/id-mn/Cvisitor"],"acpi":["cse-in/readers"]}}`)
		acp(tr.mn, "crew", `{"acor":["/id-in/cse-in/crew"],"acop":2}`, `"/id-mn"`)
		tr.mn.plain.Make(t, "CAdmin", "/cse-mn", 3, `{"m2m:cnt":{"rn":"deck","acpi":["cse-mn/crew"]}}`)
		tr.mn.plain.Get(t, "Cvisitor", "/cse-mn/deck").Expect(t, 2000, 200)
		tr.mn.plain.Get(t, "Cother", "/cse-mn/deck").Expect(t, 4103, 403)
	})
	t.Run("A-195 what is withdrawn there, or can't be asked for, grants nothing", func(t *testing.T) {
		tr.in.halt()
		d := harness.Took(func() {
			tr.mn.plain.Make(t, "CAdmin", "/cse-mn", 3, `{"m2m:cnt":{"rn":"late","acpi":["/id-in/cse-in/late"]}}`)
			if rsc := get("late"); rsc != 4103 {
				t.Errorf("got %d", rsc)
			}
		})
		if d > 6*time.Second {
			t.Errorf("it took %s to say so", d)
		}
	})
}

// A policy and a group of another CSE are subscribed to while they are in use, so
// that what changes there counts here long before the copy's time is over.
func TestAccess_A195_AChangeOnAnotherCSETakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	mn, in := tr.mn.plain, tr.in.plain
	mn.Make(t, "Cvisitor", "/cse-mn", 2, `{"m2m:ae":{"rn":"visitor","api":"N.example.test","rr":false,"srv":["3"]}}`)
	get := func(name string) int { return mn.Get(t, "Cvisitor", "/cse-mn/"+name).RSC }
	policy := func(name, acor string) {
		in.Make(t, "CAdmin", "/cse-in", 1, `{"m2m:acp":{"rn":"`+name+`","pv":{"acr":[{"acor":["`+acor+`"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63},{"acor":["/id-mn"],"acop":3}]}}}`)
	}
	watched := func(name string) func() bool {
		return func() bool {
			get(name)
			return strings.Contains(in.Get(t, "CAdmin", "/cse-in/"+name+"?fu=1&ty=23").Body, "cse-in/"+name+"/")
		}
	}
	soon := func(what, name string, rsc int) {
		t.Helper()
		if d := harness.Took(func() { await(t, what, func() bool { return get(name) == rsc }) }); d > 10*time.Second {
			t.Errorf("%s: only after %s", what, d)
		}
	}
	policy("narrow", "/id-mn/Cvisitor")
	mn.Make(t, "CAdmin", "/cse-mn", 3, `{"m2m:cnt":{"rn":"narrow","acpi":["/id-in/cse-in/narrow"]}}`)
	if rsc := get("narrow"); rsc != 2000 {
		t.Fatalf("got %d", rsc)
	}
	await(t, "A-52 the policy is subscribed to", watched("narrow"))
	in.Update(t, "CAdmin", "/cse-in/narrow", `{"m2m:acp":{"pv":{"acr":[{"acor":["/id-mn/Cother"],"acop":63}]}}}`).Expect(t, 2004, 200)
	soon("A-195 narrowed", "narrow", 4103)
	in.Update(t, "CAdmin", "/cse-in/narrow", `{"m2m:acp":{"pv":{"acr":[{"acor":["/id-mn/Cvisitor"],"acop":63}]}}}`).Expect(t, 2004, 200)
	soon("A-195 widened", "narrow", 2000)
	in.Delete(t, "CAdmin", "/cse-in/narrow").Expect(t, 2002, 200)
	soon("A-195 deleted", "narrow", 4103)

	in.Make(t, "CAdmin", "/cse-in", 1, `{"m2m:acp":{"rn":"readers","pv":{"acr":[{"acor":["/id-mn"],"acop":3},{"acor":["CAdmin"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	in.Make(t, "CAdmin", "/cse-in", 9, `{"m2m:grp":{"rn":"crew","mnm":5,"mid":["/id-mn/Cvisitor"],"acpi":["cse-in/readers"]}}`)
	mn.Make(t, "CAdmin", "/cse-mn", 1, `{"m2m:acp":{"rn":"p-crew","pv":{"acr":[{"acor":["/id-in/cse-in/crew"],"acop":2}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	mn.Make(t, "CAdmin", "/cse-mn", 3, `{"m2m:cnt":{"rn":"crew","acpi":["cse-mn/p-crew"]}}`)
	if rsc := get("crew"); rsc != 2000 {
		t.Fatalf("got %d", rsc)
	}
	await(t, "A-66 the group is subscribed to", watched("crew"))
	in.Update(t, "CAdmin", "/cse-in/crew", `{"m2m:grp":{"mid":["/id-mn/Cother"]}}`).Expect(t, 2004, 200)
	soon("A-66 not a member any more", "crew", 4103)
}

func TestFanOut_MembersOnOtherCSEs(t *testing.T) {
	t.Parallel()
	s := newProvider(t, "//m2m.example")
	s.in.start()
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn2 := s.below(s.in, "mn", "/id-mn2", "cse-mn2")
	mn.start()
	mn2.start()
	mn.joined(s.in)
	mn2.joined(s.in)
	in := s.in.plain
	in.Make(t, "Cvisitor", "/cse-in", 2, `{"m2m:ae":{"rn":"visitor","api":"N.example.test","rr":false,"srv":["3"]}}`)
	s.in.open(t, "near", "Cvisitor")
	mn.open(t, "far", "/id-in/Cvisitor")
	mn.open(t, "shut", "/id-in/Cnobody")
	mn2.open(t, "far", "/id-in/Cvisitor")
	in.Make(t, "Cvisitor", "/cse-in/visitor", 9, `{"m2m:grp":{"rn":"g","mnm":9,"mid":["cse-in/near","/id-mn/cse-mn/far","//m2m.example/id-mn2/cse-mn2/far","/id-mn/cse-mn/shut","/id-mn/cse-mn/none"]}}`)
	mn.plain.Make(t, "CAdmin", "/cse-mn", 9, `{"m2m:grp":{"rn":"sub","mnm":9,"mid":["cse-mn/far","/id-mn2/cse-mn2/far"],"acpi":["cse-mn/acp-far"]}}`)
	in.Make(t, "Cvisitor", "/cse-in/visitor", 9, `{"m2m:grp":{"rn":"outer","mnm":9,"mid":["cse-in/near","/id-mn/cse-mn/sub/fopt"]}}`)

	t.Run("C-350 A-76 each member answers for itself", func(t *testing.T) {
		a := in.Create(t, "Cvisitor", "/cse-in/visitor/g/fopt", 4, `{"m2m:cin":{"con":"all"}}`)
		a.Expect(t, 2000, 200)
		for what, n := range map[string]int{`"rsc":2001`: 3, `"rsc":4103`: 1, `"rsc":4004`: 1, `"fr":"/id-mn/cse-mn/far"`: 1, `"fr":"//m2m.example/id-mn2/cse-mn2/far"`: 1} {
			if strings.Count(a.Body, what) != n {
				t.Errorf("not %d %s in %s", n, what, a.Body)
			}
		}
	})
	t.Run("C-348 a group of another CSE in a group", func(t *testing.T) {
		a := in.Get(t, "Cvisitor", "/cse-in/visitor/outer/fopt/la")
		a.Expect(t, 2000, 200)
		// What came from above goes down from there, not back (C-068).
		if strings.Count(a.Body, `"con":"all"`) != 2 || strings.Count(a.Body, `"rsc":4004`) != 1 {
			t.Errorf("got %s", a.Body)
		}
	})
	t.Run("C-354 what is deleted elsewhere is no member any more", func(t *testing.T) {
		mn.plain.Make(t, "CAdmin", "/cse-mn/far", 3, `{"m2m:cnt":{"rn":"inner","acpi":["cse-mn/acp-far"]}}`)
		in.Make(t, "Cvisitor", "/cse-in/visitor", 9, `{"m2m:grp":{"rn":"short","mnm":9,"mid":["/id-mn/cse-mn/far/inner"]}}`)
		in.Delete(t, "Cvisitor", "/cse-in/visitor/short/fopt").Expect(t, 2000, 200)
		if n := in.Get(t, "Cvisitor", "/cse-in/visitor/short").Number("cnm"); n != 0 {
			t.Errorf("%d members", n)
		}
	})
	t.Run("C-351 one that can't be reached spoils nothing", func(t *testing.T) {
		mn2.halt()
		a := in.Get(t, "Cvisitor", "/cse-in/visitor/g/fopt/la")
		a.Expect(t, 2000, 200)
		if strings.Count(a.Body, `"rsc":2000`) != 2 || strings.Count(a.Body, `"rsc":5103`) != 1 {
			t.Errorf("got %s", a.Body)
		}
	})
}

// An AE that is registered below uses a group above whose members are on its own
// CSE, and below that: the requests come back in its name.
func TestFanOut_A15_BackToTheCSEOfTheOriginator(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	mn := tr.mn.plain
	mn.Make(t, "Clamp", "/cse-mn", 2, `{"m2m:ae":{"rn":"lamp","api":"N.example.test","rr":false,"srv":["3"]}}`)
	tr.asn.plain.Make(t, "Cbulb", "/cse-asn", 2, `{"m2m:ae":{"rn":"bulb","api":"N.example.test","rr":false,"srv":["3"]}}`)
	everybody := []string{"/id-mn/Clamp", "/id-asn/Cbulb"}
	for name, b := range map[string]*box{"in": tr.in, "mn": tr.mn, "mn2": tr.mn2, "asn": tr.asn} {
		b.open(t, "box-"+name, everybody...)
		b.plain.Create(t, "CAdmin", "/"+b.name+"/box-"+name, 4, `{"m2m:cin":{"con":"`+name+`"}}`).Expect(t, 2001, 201)
	}
	members := `"cse-in/box-in","/id-mn/cse-mn/box-mn","/id-mn2/cse-mn2/box-mn2","/id-asn/cse-asn/box-asn"`
	tr.in.plain.Make(t, "CAdmin", "/cse-in", 9, `{"m2m:grp":{"rn":"all","mnm":9,"mid":[`+members+`],"acpi":["cse-in/acp-box-in"]}}`)
	for name, b := range map[string]*box{"Clamp": tr.mn, "Cbulb": tr.asn} {
		a := b.plain.Get(t, name, "/~/id-in/cse-in/all/fopt/la")
		a.Expect(t, 2000, 200)
		if n := strings.Count(a.Body, `"rsc":2000`); n != 4 {
			t.Errorf("%s reads %d of 4 members: %s", name, n, a)
		}
	}
	t.Run("and what it may not there it may not that way either", func(t *testing.T) {
		tr.mn.open(t, "shut", "/id-in/Cnobody")
		tr.in.plain.Make(t, "CAdmin", "/cse-in", 9, `{"m2m:grp":{"rn":"some","mnm":9,"mid":["/id-mn/cse-mn/shut"],"acpi":["cse-in/acp-box-in"]}}`)
		a := mn.Get(t, "Clamp", "/~/id-in/cse-in/some/fopt")
		a.Expect(t, 2000, 200)
		if !strings.Contains(a.Body, `"rsc":4103`) {
			t.Errorf("got %s", a)
		}
	})
}
