package federation

import (
	"fmt"
	"strings"
	"testing"

	"bulwark/test/harness"
)

// An AE whose AE-ID is valid in the whole SP moves from one CSE to another, and
// is reached by that AE-ID wherever it is.
func TestRoaming_C203_C204_C206_AnAEOfTheWholeSP(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn2 := s.below(s.in, "mn", "/id-mn2", "cse-mn2")
	asn := s.below(mn2, "asn", "/id-asn", "cse-asn")
	asn.toml += "\n[remote]\nin = \"/id-in\"\n"
	mn.start()
	mn2.start()
	asn.start()
	mn.joined(s.in)
	mn2.joined(s.in)
	asn.joined(mn2)
	sink := harness.NewSink(t)
	body := `{"m2m:ae":{"api":"N.example.test","rr":true,"poa":["` + sink.URL + `"],"srv":["3"],"lbl":["rover","Credential-ID:forged"]}}`
	register := func(b *box, from string) *harness.Answer {
		t.Helper()
		a := b.plain.Create(t, from, "/"+b.name, 2, body)
		a.Expect(t, 2001, 201)
		return a
	}
	await(t, "the IN-CSE knows the ASN-CSE", func() bool { return s.in.plain.Get(t, "CAdmin", "/cse-in/id-mn2").Attribute("dcse") != nil })
	stem := register(mn, "S").Text("ri")
	if len(stem) < 8 || stem[0] != 'S' {
		t.Fatalf("assigned %q", stem)
	}
	copied := func() *harness.Answer { return s.in.plain.Get(t, "CAdmin", "/cse-in/"+stem) }
	at := func(want string) {
		t.Helper()
		await(t, "the AE is at "+want, func() bool { return copied().Text("lnk") == want })
	}
	at("/id-mn/" + stem)
	if labels := fmt.Sprint(copied().Attribute("lbl")); labels != "[Credential-ID: rover]" || copied().Text("api") != "N.example.test" {
		t.Errorf("announced as %s", copied())
	}
	told := func(b *box, text string) {
		t.Helper()
		b.plain.Create(t, "CAdmin", "/"+b.name, 3, `{"m2m:cnt":{"rn":"of-`+text+`"}}`).Expect(t, 2001, 201)
		b.plain.Create(t, "CAdmin", "/"+b.name+"/of-"+text, 23, `{"m2m:sub":{"rn":"w","nu":["/`+stem+`"],"enc":{"net":[3]}}}`).Expect(t, 2001, 201)
		before := len(sink.Wait(0, harness.AtLeast(0)))
		b.plain.Create(t, "CAdmin", "/"+b.name+"/of-"+text, 4, `{"m2m:cin":{"con":"`+text+`"}}`).Expect(t, 2001, 201)
		if got := sink.Wait(patience, harness.AtLeast(before+1)); len(got) == before || !strings.Contains(got[len(got)-1].Body, text) {
			t.Errorf("%s is told nothing by %s", stem, b.id)
		}
	}
	permit := func(b *box) {
		t.Helper()
		acp := b.plain.Create(t, stem, "/"+b.name+"/"+stem, 1, `{"m2m:acp":{"pv":{"acr":[{"acor":["`+stem+`"],"acop":63},{"acor":["all"],"acop":16}]},"pvs":{"acr":[{"acor":["`+stem+`"],"acop":63}]}}}`)
		acp.Expect(t, 2001, 201)
		b.plain.Update(t, stem, "/"+b.name+"/"+stem, `{"m2m:ae":{"acpi":["`+acp.Text("ri")+`"]}}`).Expect(t, 2004, 200)
	}
	permit(mn)
	told(s.in, "one")
	told(mn2, "two")
	told(mn, "three")

	mn.plain.Delete(t, stem, "/cse-mn/"+stem).Expect(t, 2002, 200)
	at("INACTIVE")
	register(mn2, stem)
	at("/id-mn2/" + stem)
	permit(mn2)
	told(mn, "four")

	mn2.plain.Delete(t, stem, "/cse-mn2/"+stem).Expect(t, 2002, 200)
	register(asn, stem) // two hops from the IN-CSE
	at("/id-asn/" + stem)
	permit(asn)
	told(s.in, "five")

	s.in.halt()
	if a := mn.plain.Create(t, "S", "/cse-mn", 2, body); a.RSC != 5103 {
		t.Errorf("while the IN-CSE is away: %s", a)
	}
}
