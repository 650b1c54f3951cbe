package federation

import (
	"strings"
	"testing"

	"bulwark/test/harness"
)

// announced returns the address of the only copy of a resource, as a path of the
// CSE that it is on.
func announced(t *testing.T, a *harness.Answer) string {
	t.Helper()
	list, _ := a.Attribute("at").([]any)
	if len(list) != 1 {
		t.Fatalf("announced at %v: %s", list, a)
	}
	address, _ := list[0].(string)
	if !strings.HasPrefix(address, "/id-in/") {
		t.Fatalf("announced at %s", address)
	}
	return "/~" + address
}

func TestAnnouncement_C154_BetweenTwoCSEs(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn.start()
	mn.joined(s.in)
	in := s.in.plain
	seen := func(address string) *harness.Answer { return in.Get(t, "CAdmin", address) }

	a := mn.plain.Create(t, "Clamp", "/cse-mn", 2, `{"m2m:ae":{"rn":"lamp","api":"N.lamp","rr":false,"srv":["3"],"lbl":["a"],"at":["/id-in"]}}`)
	a.Expect(t, 2001, 201)
	lamp := announced(t, a)
	if a := seen(lamp); a.RSC != 2000 || a.Text("lnk") != "/id-mn/Clamp" || a.Number("ty") != 10002 || !strings.Contains(a.Body, "m2m:aeA") {
		t.Errorf("C-389 C-392 C-405 the copy of the AE: %s", a)
	}
	if a := in.Get(t, "CAdmin", "/cse-in?fu=1&lbl=a"); !strings.Contains(a.Body, "aeA") {
		t.Errorf("C-154 discovery finds %s", a)
	}
	a = mn.plain.Create(t, "Clamp", "/cse-mn/lamp", 3, `{"m2m:cnt":{"rn":"box","at":["/id-in"],"aa":["mni"],"mni":5}}`)
	a.Expect(t, 2001, 201)
	box := announced(t, a)
	a = mn.plain.Create(t, "Clamp", "/cse-mn/lamp/box", 4, `{"m2m:cin":{"con":"42","at":["/id-in"],"aa":["con"]}}`)
	a.Expect(t, 2001, 201)
	if a := seen(announced(t, a)); a.Text("con") != "42" {
		t.Errorf("C-392 the copy of the instance: %s", a)
	}

	mn.plain.Update(t, "Clamp", "/cse-mn/lamp/box", `{"m2m:cnt":{"mni":7,"lbl":["new"]}}`).Expect(t, 2004, 200)
	if a := seen(box); a.Number("mni") != 7 {
		t.Errorf("C-395 the copy after an UPDATE: %s", a)
	}
	in.Update(t, "Cstranger", box, `{"m2m:cntA":{"lbl":["x"]}}`).Expect(t, 4103, 403)
	// The administrator of the IN-CSE is nobody on the other one.
	if a := in.Get(t, "CAdmin", box+"?rcn=7"); a.RSC != 4103 {
		t.Errorf("C-142 the original for who has no privilege on it: %s", a)
	}

	s.in.halt()
	mn.plain.Update(t, "Clamp", "/cse-mn/lamp/box", `{"m2m:cnt":{"mni":9}}`).Expect(t, 2004, 200)
	mn.halt() // what is owed is kept
	mn.start()
	s.in.start()
	in = s.in.plain
	await(t, "C-395 the copy is told when its CSE is back", func() bool { return seen(box).Number("mni") == 9 })

	mn.plain.Update(t, "Clamp", "/cse-mn/lamp/box", `{"m2m:cnt":{"at":null}}`).Expect(t, 2004, 200)
	await(t, "C-396 the copy goes", func() bool { return seen(box).RSC == 4004 })
	mn.plain.Delete(t, "Clamp", "/cse-mn/lamp").Expect(t, 2002, 200)
	await(t, "C-126 the copy goes with its original", func() bool { return seen(lamp).RSC == 4004 })
}

func TestAnnouncement_C404_A52_CopiesThatFollowInBothDirections(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn.start()
	mn.joined(s.in)
	in := s.in.plain
	for _, name := range []string{"Cvisitor", "Cstranger"} {
		in.Make(t, name, "/cse-in", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	}
	mn.plain.Make(t, "Clamp", "/cse-mn", 2, `{"m2m:ae":{"rn":"lamp","api":"N.lamp","rr":false,"srv":["3"],"at":["/id-in"]}}`)
	// The policy of the original governs its copy: the IN-CSE may read it.
	mn.plain.Make(t, "Clamp", "/cse-mn/lamp", 1, `{"m2m:acp":{"rn":"acp","pv":{"acr":[{"acor":["Clamp","/id-in/Cvisitor"],"acop":63}]},"pvs":{"acr":[{"acor":["Clamp"],"acop":63},{"acor":["/id-in"],"acop":2}]}}}`)
	make := func(name string, ast string) string {
		a := mn.plain.Create(t, "Clamp", "/cse-mn/lamp", 3, `{"m2m:cnt":{"rn":"`+name+`","acpi":["cse-mn/lamp/acp"],"at":["/id-in"],"aa":["mni"],"mni":5`+ast+`}}`)
		a.Expect(t, 2001, 201)
		return announced(t, a)
	}
	both, one := make("both", `,"ast":2`), make("one", ``)
	in.Get(t, "Cvisitor", both).Expect(t, 2000, 200)
	in.Get(t, "Cstranger", both).Expect(t, 4103, 403)
	a := in.Update(t, "Cvisitor", both, `{"m2m:cntA":{"lbl":["x"],"mni":6}}`)
	a.Expect(t, 2004, 200)
	if !strings.Contains(a.Body, `"m2m:cntA"`) {
		t.Errorf("answered %s", a)
	}
	if a := mn.plain.Get(t, "Clamp", "/cse-mn/lamp/both"); a.Number("mni") != 6 {
		t.Errorf("the original: %s", a)
	}
	await(t, "the copy follows", func() bool { return in.Get(t, "Cvisitor", both).Number("mni") == 6 })
	in.Update(t, "Cstranger", both, `{"m2m:cntA":{"lbl":["y"]}}`).Expect(t, 4103, 403)
	in.Update(t, "Cvisitor", both, `{"m2m:cntA":{"lnk":"/id-in/x"}}`).Expect(t, 4000, 400)
	in.Update(t, "Cvisitor", one, `{"m2m:cntA":{"lbl":["x"]}}`).Expect(t, 4103, 403)
	mn.halt()
	in.Update(t, "CAdmin", both, `{"m2m:cntA":{"lbl":["z"]}}`).Expect(t, 5103, 404)
}

// A policy that is announced together with what it governs decides about the copies
// on the other CSE, which may not read the policy itself.
func TestAnnouncement_A48_AnAnnouncedPolicyGovernsCopies(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn.start()
	mn.joined(s.in)
	in := s.in.plain
	in.Make(t, "Cvisitor", "/cse-in", 2, `{"m2m:ae":{"rn":"visitor","api":"N.example.test","rr":false,"srv":["3"]}}`)
	mn.plain.Make(t, "Clamp", "/cse-mn", 2, `{"m2m:ae":{"rn":"lamp","api":"N.lamp","rr":false,"srv":["3"],"at":["/id-in"]}}`)
	a := mn.plain.Create(t, "Clamp", "/cse-mn/lamp", 1, `{"m2m:acp":{"rn":"acp","at":["/id-in"],"pv":{"acr":[{"acor":["Clamp","/id-in/Cvisitor"],"acop":63}]},"pvs":{"acr":[{"acor":["Clamp"],"acop":63}]}}}`)
	a.Expect(t, 2001, 201)
	policy, ri := announced(t, a), a.Text("ri")
	if a := in.Get(t, "/id-mn", policy); a.RSC != 4107 && !strings.Contains(a.Body, `"/id-mn/Clamp"`) {
		t.Errorf("C-021 the copy of the policy: %s", a)
	}
	a = mn.plain.Create(t, "Clamp", "/cse-mn/lamp", 3, `{"m2m:cnt":{"rn":"box","acpi":["`+ri+`"],"at":["/id-in"]}}`)
	a.Expect(t, 2001, 201)
	box := announced(t, a)
	in.Get(t, "Cvisitor", box).Expect(t, 2000, 200)
	in.Get(t, "Cvisitor", policy).Expect(t, 4103, 403)
	mn.halt()
	in.Get(t, "Cvisitor", box).Expect(t, 2000, 200)
	mn.start()
	mn.plain.Update(t, "Clamp", "/cse-mn/lamp/acp", `{"m2m:acp":{"pv":{"acr":[{"acor":["Clamp"],"acop":63}]}}}`).Expect(t, 2004, 200)
	await(t, "A-195 the policy is narrowed", func() bool { return in.Get(t, "Cvisitor", box).RSC == 4103 })
}
