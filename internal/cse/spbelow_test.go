package cse

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"bulwark/onem2m"
)

func TestSPRegistration_S093_ARegistreeSpeaksForTheAEsBelowIt(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	w := p.mn
	w.c.Central = "//m2m.example/id-in"
	for _, name := range []string{"id-asn", "id-far"} {
		w.must(onem2m.Created, ask{op: "C16", to: "cse-mn", from: "/" + name, assoc: mn(name), body: `{"m2m:csr":{"rn":"` + name + `","cb":"/` + name + `/cse","rr":true,"poa":["https://` + name + `.example"],"srv":["3"]}}`})
	}
	p.c.answer = func(context.Context, *onem2m.Request) (*onem2m.Response, error) {
		return &onem2m.Response{Code: onem2m.Updated}, nil
	}
	says := func(via, link string) ask {
		from := "/" + via
		if link != inactiveLink {
			from += "/Sone"
		}
		return ask{op: "U", to: "/id-in/Sone", from: from, body: `{"m2m:aeA":{"lnk":"` + link + `","lbl":["Credential-ID:"]}}`, assoc: mn(via)}
	}
	asks := func(via, to string) ask { return ask{op: "R", to: to, from: "/Sone", assoc: mn(via)} }
	elsewhere := says("id-far", "/id-far/Sone")
	elsewhere.to = "/id-asn/Sone"
	w.follow(t, []step{
		{name: "S-093 one that isn't known to be below it", ask: asks("id-asn", "cse-mn"), code: 4106},
		{name: "S-093 nor towards another registree", ask: asks("id-asn", "/id-far/x"), code: 4106},
		{name: "S-093 up, where it is looked at", ask: asks("id-asn", "/id-in/x"), code: 2004},
		{name: "S-093 what another CSE agrees to", ask: elsewhere, code: 2004},
		{name: "S-093 counts for nothing", ask: asks("id-far", "cse-mn"), code: 4106},
		{name: "C-204 the IN-CSE agrees", ask: says("id-asn", "/id-asn/Sone"), code: 2004},
		{name: "S-093 one that is below it", ask: asks("id-asn", "cse-mn"), code: 4103},
		{name: "S-093 also towards another registree", ask: asks("id-asn", "/id-far/x"), code: 2004},
		{name: "S-093 one that is below another one", ask: asks("id-far", "cse-mn"), code: 4106},
		{name: "S-093 not even up", ask: asks("id-far", "/id-in/x"), code: 4106},
		{name: "C-206 it leaves", ask: says("id-asn", inactiveLink), code: 2004},
		{name: "S-093 and isn't below it any more", ask: asks("id-asn", "cse-mn"), code: 4106},
	})
}

// belowTheIN is an MN-CSE below the IN-CSE, with two registrees. Whatever it sends is
// agreed to.
func belowTheIN(t *testing.T, dir string) (*world, *carrier, func(*Options)) {
	t.Helper()
	c := &carrier{answer: func(_ context.Context, req *onem2m.Request) (*onem2m.Response, error) {
		return &onem2m.Response{Code: onem2m.Updated, RequestID: req.RequestID}, nil
	}}
	change := func(o *Options) {
		o.Type, o.Carrier, o.Registrar, o.Central = MN, c, "//m2m.example/id-top", "//m2m.example/id-top"
	}
	w := newWorldIn(t, dir, change)
	if err := w.c.Mirror(t.Context(), mirrorOf("https://top.example")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"id-asn", "id-far"} {
		w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/" + name, assoc: mn(name), body: `{"m2m:csr":{"rn":"` + name + `","cb":"/` + name + `/cse","rr":true,"poa":["https://` + name + `.example"],"srv":["3"]}}`})
	}
	return w, c, change
}

// agree has the IN-CSE agree to the registration of an AE, or hear that it left.
func agree(stem, via, link string) ask {
	from := "/" + via
	if link != inactiveLink {
		from += "/" + stem
	}
	return ask{op: "U", to: "/id-top/" + stem, from: from, body: `{"m2m:aeA":{"lnk":"` + link + `","lbl":["Credential-ID:"]}}`, assoc: mn(via)}
}

func TestSPRegistration_S093_WhatIsBelowIsKnownAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w, _, change := belowTheIN(t, dir)
	asks := func(stem, via string) ask { return ask{op: "R", to: "cse-in", from: "/" + stem, assoc: mn(via)} }
	for _, stem := range []string{"Sone", "Stwo", "Sthree"} {
		w.must(onem2m.Updated, agree(stem, "id-asn", "/id-asn/"+stem))
	}
	w.must(onem2m.Updated, agree("Stwo", "id-asn", inactiveLink))
	w.must(onem2m.Updated, agree("Sfour", "id-asn", "/id-asn/Sfour")) // in the place of the one that left
	w.must(onem2m.Updated, agree("Sthree", "id-far", "/id-far/Sthree"))
	w.restart(dir, change)
	w.follow(t, []step{
		{name: "S-093 one that is below it", ask: asks("Sone", "id-asn"), code: 4103},
		{name: "S-093 and below no other", ask: asks("Sone", "id-far"), code: 4106},
		{name: "C-206 one that has left", ask: asks("Stwo", "id-asn"), code: 4106},
		{name: "C-204 one that has moved", ask: asks("Sthree", "id-asn"), code: 4106},
		{name: "C-204 it is below the other", ask: asks("Sthree", "id-far"), code: 4103},
		{name: "S-093 the last one", ask: asks("Sfour", "id-asn"), code: 4103},
	})
	if b := &w.c.spBelow; len(b.at) != 3 || b.next != 3 || len(b.free) != 0 || b.count["//m2m.example/id-asn"] != 2 {
		t.Errorf("known: %v, %d numbers, free %v, counts %v", b.at, b.next, b.free, b.count)
	}
}

func TestSPRegistration_S093_C190_WhatGoesUnderADeliveryPolicyIsLearntAsWell(t *testing.T) {
	t.Parallel()
	w, _, _ := belowTheIN(t, t.TempDir())
	w.provision()
	asks := ask{op: "R", to: "cse-in", from: "/Sone", assoc: mn("id-asn")}
	w.must(onem2m.OriginatorNotAuthenticated, asks)
	agreed := func(link string) {
		q := agree("Sone", "id-asn", link)
		q.edit = ofCategory(100)
		w.must(onem2m.Updated, q)
	}
	agreed("/id-asn/Sone")
	w.must(onem2m.OriginatorHasNoPrivilege, asks)
	agreed(inactiveLink)
	w.must(onem2m.OriginatorNotAuthenticated, asks)
}

// The IN-CSE tells the registrar of an AE that it is elsewhere by now: who passes
// that on hears it.
func TestSPRegistration_S093_C210_AnAEThatHasMovedAwayIsBelowNobodyHere(t *testing.T) {
	t.Parallel()
	w, _, _ := belowTheIN(t, t.TempDir())
	asks := ask{op: "R", to: "cse-in", from: "/Sone", assoc: mn("id-asn")}
	top := mn("id-top")
	top.Upstream = true
	moved := func(from, was, is string) ask {
		return ask{op: "N", to: "/id-asn/-", from: from, body: `{"m2m:sgn":{"aerp":true,"tid1":"` + was + `","tid2":"` + is + `","sur":"/id-top"}}`, assoc: top}
	}
	w.must(onem2m.Updated, agree("Sone", "id-asn", "/id-asn/Sone"))
	w.follow(t, []step{
		{name: "S-093 another CSE says so", ask: moved("/id-else", "/id-asn/Sone", "/id-else/Sone"), code: 2004},
		{name: "S-093 and isn't heard", ask: asks, code: 4103},
		{name: "C-210 of another AE", ask: moved("/id-top", "/id-asn/Stwo", "/id-else/Stwo"), code: 2004},
		{name: "S-093 which says nothing of this one", ask: asks, code: 4103},
		{name: "C-210 to where it is already", ask: moved("/id-top", "/id-far/Sone", "/id-asn/Sone"), code: 2004},
		{name: "S-093 there it stays", ask: asks, code: 4103},
		{name: "C-210 away from here", ask: moved("/id-top", "/id-asn/Sone", "/id-else/Sone"), code: 2004},
		{name: "S-093 the old registrar doesn't speak for it any more", ask: asks, code: 4106},
	})
}

func TestSPRegistration_S093_OneRegistreeDoesNotFillWhatIsKnown(t *testing.T) {
	t.Parallel()
	var b spBelow
	b.init()
	taken := 0
	for i := range maxSPBelow {
		stem := fmt.Sprint("Sx", i)
		number, ok := b.number(stem, "liar")
		if !ok {
			break
		}
		b.put(spEntry{Stem: stem, Registree: "liar", number: number})
		taken++
	}
	if _, ok := b.number("Sone", "honest"); taken != maxSPBelow/2 || !ok {
		t.Errorf("one registree has %d of %d places; another one has one: %v", taken, maxSPBelow, ok)
	}
	if _, ok := b.number("Sx1", "liar"); !ok {
		t.Error("what is known already has no place")
	}
}

// A request of an AE of the whole SP that is registered here, or below, comes down
// to a group of this CSE. A member is up again: that is no way back (C-349).
func TestFanOut_C349_C079_AnAEOfTheWholeSPFromHereReachesMembersFurtherUp(t *testing.T) {
	t.Parallel()
	w, c, _ := belowTheIN(t, t.TempDir())
	w.must(onem2m.Updated, agree("Sone", "id-asn", "/id-asn/Sone"))
	c.answer = func(_ context.Context, req *onem2m.Request) (*onem2m.Response, error) {
		return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID, Content: &onem2m.Content{Name: "m2m:cnt", Value: []byte(`{"rn":"far"}`)}}, nil
	}
	w.must(onem2m.Created, ask{op: "C1", to: "cse-in", from: "CAdmin", body: `{"m2m:acp":{"rn":"open","pv":{"acr":[{"acor":["all"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`})
	w.must(onem2m.Created, ask{op: "C9", to: "cse-in", from: "CAdmin", body: `{"m2m:grp":{"rn":"g","mnm":3,"mid":["/id-else/cse/x"],"macp":["cse-in/open"],"acpi":["cse-in/open"]}}`})
	top := mn("id-top")
	top.Upstream = true
	for stem, want := range map[string]string{"Sone": "2000", "Sfar": "4004"} {
		res := w.do(ask{op: "R", to: "cse-in/g/fopt", from: "/" + stem, assoc: top})
		if got := text(res); res.Code != onem2m.OK || !strings.Contains(got, `"rsc":`+want) {
			t.Errorf("%s: %d %s, want %s", stem, res.Code, got, want)
		}
	}
}
