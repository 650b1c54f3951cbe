package federation

import (
	"strings"
	"testing"
	"time"

	"bulwark/test/harness"
)

func TestGroup_C356_MembersOnOtherCSEsNotifyTogether(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	sink := harness.NewSink(t)
	in := tr.in.plain
	in.Make(t, "Cvisitor", "/cse-in", 2, `{"m2m:ae":{"rn":"visitor","api":"N.example.test","rr":false,"srv":["3"]}}`)
	tr.in.open(t, "near", "Cvisitor")
	tr.mn.open(t, "far", "/id-in/Cvisitor")
	tr.asn.open(t, "farther", "/id-in/Cvisitor")
	in.Make(t, "Cvisitor", "/cse-in/visitor", 9, `{"m2m:grp":{"rn":"g","mnm":3,"nar":{"num":3,"dur":"PT30S"},"mid":["cse-in/near","/id-mn/cse-mn/far","/id-asn/cse-asn/farther"]}}`)
	a := in.Create(t, "Cvisitor", "/cse-in/visitor/g/fopt", 23, `{"m2m:sub":{"rn":"watch","nu":["`+sink.URL+`"],"nfu":"`+sink.URL+`","enc":{"net":[3]}}}`)
	a.Expect(t, 2000, 200)
	if n := strings.Count(a.Body, `"rsc":2001`); n != 3 {
		t.Fatalf("%d members have a subscription: %s", n, a)
	}
	in.Make(t, "CAdmin", "/cse-in/near", 4, `{"m2m:cin":{"con":"one"}}`)
	tr.mn.plain.Make(t, "CAdmin", "/cse-mn/far", 4, `{"m2m:cin":{"con":"two"}}`)
	tr.asn.plain.Make(t, "CAdmin", "/cse-asn/farther", 4, `{"m2m:cin":{"con":"three"}}`)
	got := sink.Wait(patience, harness.AtLeast(1))
	if len(got) != 1 || strings.Count(got[0].Body, `"net":3`) != 3 || !strings.Contains(got[0].Body, `"m2m:agn"`) {
		t.Fatalf("got %+v", got)
	}
	for _, sur := range []string{`"sur":"/id-in/sub`, `"sur":"/id-mn/sub`, `"sur":"/id-asn/sub`} {
		if !strings.Contains(got[0].Body, sur) {
			t.Errorf("no %s in %s", sur, got[0].Body)
		}
	}
}

func TestGroup_C342_MembersThatAreAwayAreVerifiedLater(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn.start()
	mn.joined(s.in)
	in := s.in.plain
	in.Make(t, "Cvisitor", "/cse-in", 2, `{"m2m:ae":{"rn":"visitor","api":"N.example.test","rr":false,"srv":["3"]}}`)
	mn.open(t, "far", "/id-in/Cvisitor")
	mn.open(t, "shut", "/id-in/Cnobody")
	mn.plain.Make(t, "CAdmin", "/cse-mn", 9, `{"m2m:grp":{"rn":"sub","mnm":9,"mt":4,"mid":[],"acpi":["cse-mn/acp-far"]}}`)
	group := func(name, members string) *harness.Answer {
		return in.Create(t, "Cvisitor", "/cse-in/visitor", 9, `{"m2m:grp":{"rn":"`+name+`","mnm":9,"mt":3,"mid":[`+members+`]}}`)
	}
	a := group("now", `"/id-mn/cse-mn/far","/id-mn/cse-mn/sub/fopt"`)
	a.Expect(t, 2001, 201)
	if a.Attribute("mtv") != true || a.Number("cnm") != 1 {
		t.Errorf("C-340 C-341: got %s", a)
	}
	group("refused", `"/id-mn/cse-mn/shut"`).Expect(t, 5105, 403)
	group("missing", `"/id-mn/cse-mn/none"`).Expect(t, 4004, 404)
	mn.halt()
	a = group("later", `"/id-mn/cse-mn/far","/id-mn/cse-mn/sub/fopt"`)
	a.Expect(t, 2001, 201)
	if a.Attribute("mtv") != false || a.Number("cnm") != 2 {
		t.Errorf("while they are away: %s", a)
	}
	mn.start()
	await(t, "the members are verified", func() bool {
		a := in.Get(t, "Cvisitor", "/cse-in/visitor/later")
		return a.Attribute("mtv") == true && a.Number("cnm") == 1
	})
}

func TestCross_C319_TargetsOnOtherCSEs(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	sink := harness.NewSink(t)
	in := tr.in.plain
	in.Make(t, "Cvisitor", "/cse-in", 2, `{"m2m:ae":{"rn":"visitor","api":"N.example.test","rr":false,"srv":["3"]}}`)
	tr.in.open(t, "near", "Cvisitor")
	tr.mn.open(t, "far", "/id-in/Cvisitor")
	tr.asn.open(t, "farther", "/id-in/Cvisitor")
	cross := func(name, members string) *harness.Answer {
		return in.Create(t, "Cvisitor", "/cse-in/visitor", 48, `{"m2m:crs":{"rn":"`+name+`","nu":["`+sink.URL+`"],"twt":2,"tws":"PT1M","rrat":[`+members+`],"encs":{"encn":[{"net":[3]}]}}}`)
	}
	cross("x", `"/id-mn/cse-mn/far","cse-in/near","/id-asn/cse-asn/farther"`).Expect(t, 2001, 201)
	in.Make(t, "CAdmin", "/cse-in/near", 4, `{"m2m:cin":{"con":"1"}}`)
	tr.mn.plain.Make(t, "CAdmin", "/cse-mn/far", 4, `{"m2m:cin":{"con":"1"}}`)
	if got := sink.Wait(300*time.Millisecond, harness.AtLeast(1)); len(got) != 0 {
		t.Errorf("C-322: told before all have notified: %+v", got)
	}
	tr.asn.plain.Make(t, "CAdmin", "/cse-asn/farther", 4, `{"m2m:cin":{"con":"1"}}`)
	if got := sink.Wait(patience, harness.AtLeast(1)); len(got) != 1 || !strings.Contains(got[0].Body, `"sur"`) {
		t.Errorf("C-322: got %+v", got)
	}
	subscriptions := func(b *box, path string) string { return b.plain.Get(t, "CAdmin", path+"?fu=1&ty=23").Body }
	in.Delete(t, "Cvisitor", "/cse-in/visitor/x").Expect(t, 2002, 200)
	await(t, "C-327 the subscriptions elsewhere are gone", func() bool {
		return !strings.Contains(subscriptions(tr.mn, "/cse-mn/far"), "far/") && !strings.Contains(subscriptions(tr.asn, "/cse-asn/farther"), "farther/")
	})
	cross("none", `"/id-mn/cse-mn/far","/id-mn/cse-mn/none"`).Expect(t, 5221, 500)
}

// Subscriptions of other CSEs, whoever has made them, take part in a cross-resource
// subscription, and are again what they were when it is gone.
func TestCross_C319_SubscriptionsOnOtherCSEs(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	sink, theirs := harness.NewSink(t), harness.NewSink(t)
	in := tr.in.plain
	in.Make(t, "Cvisitor", "/cse-in", 2, `{"m2m:ae":{"rn":"visitor","api":"N.example.test","rr":false,"srv":["3"]}}`)
	for name, b := range map[string]*box{"far": tr.mn, "farther": tr.asn} {
		b.open(t, name, "/id-in/Cvisitor")
		b.plain.Make(t, "CAdmin", "/"+b.name+"/"+name, 23, `{"m2m:sub":{"rn":"s","nu":["`+theirs.URL+`"],"enc":{"net":[3]},"acpi":["`+b.name+`/acp-`+name+`"]}}`)
	}
	cross := func(name, members string) *harness.Answer {
		return in.Create(t, "Cvisitor", "/cse-in/visitor", 48, `{"m2m:crs":{"rn":"`+name+`","nu":["`+sink.URL+`"],"twt":2,"tws":"PT1M","srat":[`+members+`]}}`)
	}
	held := func(b *box, name string) string {
		a := b.plain.Get(t, "CAdmin", "/"+b.name+"/"+name+"/s")
		a.Expect(t, 2000, 200)
		return a.Body
	}
	a := cross("x", `"/id-mn/cse-mn/far/s","/id-asn/cse-asn/farther/s"`)
	a.Expect(t, 2001, 201)
	if ri := a.Text("ri"); !strings.Contains(held(tr.mn, "far"), `"acrs":["/id-in/`+ri) || !strings.Contains(held(tr.asn, "farther"), `"acrs":["/id-in/`+ri) {
		t.Errorf("they hold %s and %s", held(tr.mn, "far"), held(tr.asn, "farther"))
	}
	tr.mn.plain.Make(t, "CAdmin", "/cse-mn/far", 4, `{"m2m:cin":{"con":"1"}}`)
	if got := sink.Wait(300*time.Millisecond, harness.AtLeast(1)); len(got) != 0 {
		t.Errorf("C-322 told before all have notified: %+v", got)
	}
	tr.asn.plain.Make(t, "CAdmin", "/cse-asn/farther", 4, `{"m2m:cin":{"con":"1"}}`)
	if got := sink.Wait(patience, harness.AtLeast(1)); len(got) != 1 {
		t.Errorf("C-322 got %+v", got)
	}
	if got := theirs.Wait(patience, harness.AtLeast(2)); len(got) != 2 {
		t.Errorf("whom they notified before got %+v", got)
	}
	tr.asn.halt()
	in.Delete(t, "Cvisitor", "/cse-in/visitor/x").Expect(t, 2002, 200)
	await(t, "C-327 one is as it was", func() bool { return !strings.Contains(held(tr.mn, "far"), "/id-in/") })
	cross("none", `"/id-mn/cse-mn/far/s","/id-mn/cse-mn/none"`).Expect(t, 5221, 500)
	cross("odd", `"/id-mn/cse-mn/far"`).Expect(t, 4000, 400)
	in.Make(t, "Cvisitor", "/cse-in/visitor", 48, `{"m2m:crs":{"rn":"y","nu":["`+sink.URL+`"],"twt":2,"tws":"PT1M","srat":["/id-mn/cse-mn/far/s"]}}`)
	tr.mn.plain.Delete(t, "CAdmin", "/cse-mn/far/s").Expect(t, 2002, 200)
	await(t, "C-328 it ends with a member", func() bool { return in.Get(t, "Cvisitor", "/cse-in/visitor/y").RSC == 4004 })
}
