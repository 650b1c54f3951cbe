package cse

import (
	"context"
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
