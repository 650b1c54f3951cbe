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
