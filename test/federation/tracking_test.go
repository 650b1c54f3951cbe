package federation

import (
	"fmt"
	"strings"
	"testing"

	"bulwark/test/harness"
)

// An AE moves. What refers to it is on a CSE two hops below the IN-CSE, which has
// told that of its references, and whose references follow.
func TestTracking_C100_C210_ReferencesFollowAnAEWhereverTheyAre(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn2 := s.below(s.in, "mn", "/id-mn2", "cse-mn2")
	asn := s.below(mn2, "asn", "/id-asn", "cse-asn")
	mn.start()
	mn2.start()
	asn.start()
	mn.joined(s.in)
	mn2.joined(s.in)
	asn.joined(mn2)
	await(t, "the IN-CSE knows the ASN-CSE", func() bool { return s.in.plain.Get(t, "CAdmin", "/cse-in/id-mn2").Attribute("dcse") != nil })
	body := `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"],"trps":true}}`
	const stem = "Srover1"
	creds := s.authority.AE(stem)
	ae := func(b *box) *harness.Client {
		trust := s.authority.Client(creds)
		trust.InsecureSkipVerify = true // the certificate of the CSE names that, not the host
		return harness.NewClient(t, b.url(), trust, 1)
	}
	register := func(b *box) {
		t.Helper()
		ae(b).Create(t, stem, "/"+b.name, 2, body).Expect(t, 2001, 201)
	}
	register(mn)
	asn.plain.Create(t, "CAdmin", "/cse-asn", 9, `{"m2m:grp":{"rn":"g","mnm":3,"mid":["/id-mn/`+stem+`"]}}`).Expect(t, 2001, 201)
	await(t, "the ASN-CSE is listed", func() bool {
		a := s.in.plain.Get(t, "CAdmin", "/cse-in/AEContactList")
		return fmt.Sprint(a.Attribute("nic")) == "1"
	})
	ae(mn).Delete(t, stem, "/cse-mn/"+stem).Expect(t, 2002, 200)
	await(t, "it has left", func() bool { return s.in.plain.Get(t, "CAdmin", "/cse-in/"+stem).Text("lnk") == "INACTIVE" })
	register(mn2)
	await(t, "the group follows", func() bool {
		return fmt.Sprint(asn.plain.Get(t, "CAdmin", "/cse-asn/g").Attribute("mid")) == "[/id-mn2/"+stem+"]"
	})
	await(t, "so does the list", func() bool {
		a := s.in.plain.Get(t, "CAdmin", "/cse-in/AEContactList?rcn=8")
		return strings.Contains(a.Body, "/id-mn2/"+stem) && !strings.Contains(a.Body, "/id-mn/"+stem)
	})
}
