package cse

import (
	"context"
	"errors"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// terminator is an ESCertKE of one peer.
type terminator struct{}

func (terminator) Exchange(_ context.Context, from onem2m.ID, message []byte) ([]byte, error) {
	switch {
	case from != "//m2m.example/id-far/Cpeer1":
		return nil, onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "", "this CSE agrees on no key with the originator")
	case message[0] != 22:
		return nil, errors.New("broken")
	}
	return append([]byte{20}, message...), nil
}

func TestSecurityInfo_ForTheCSE(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.KeyExchange = terminator{} })
	w.register("Capp01", "app")
	seci := func(s string) string { return `{"m2m:seci":` + s + `}` }
	w.follow(t, []step{
		{name: "E-03 E-14 a message of an ESCertKE is answered by one", ask: ask{op: "N", to: "/id-in/-", from: "/id-far/Cpeer1", body: seci(`{"sit":6,"eckm":"FgMB"}`)}, code: 2000, body: `{"m2m:seci":{"sit":6,"eckm":"FBYDAQ=="}}`},
		{name: "E-83 the <CSEBase> as it was written before", ask: ask{op: "N", to: "/id-in/.", from: "/id-far/Cpeer1", body: seci(`{"sit":6,"eckm":"FgMB"}`)}, code: 2000, body: `{"m2m:seci":{"sit":6,"eckm":"FBYDAQ=="}}`},
		{name: "E-83 for nothing else", ask: ask{op: "N", to: "/id-in/.", from: "CAdmin", body: notification}, code: 4004},
		{name: "E-07 from somebody unknown here", ask: ask{op: "N", to: "cse-in", from: "/id-far/Cpeer2", body: seci(`{"sit":6,"eckm":"FgMB"}`)}, code: 4103},
		{name: "E-07 no other notification from them", ask: ask{op: "N", to: "cse-in", from: "/id-far/Cpeer1", body: notification}, code: 4103},
		{name: "E-07 no other type from them", ask: ask{op: "N", to: "cse-in", from: "/id-far/Cpeer1", body: seci(`{"sit":1,"dreq":{"or":"x"}}`)}, code: 4103},
		{name: "E-07 A-202 what isn't admitted is not looked at", ask: ask{op: "N", to: "cse-in", from: "Capp01", body: seci(`{"epo":"x"}`)}, code: 4103},
		{name: "E-01 a root that is no notification", ask: ask{op: "N", to: "cse-in", from: "/id-far/Cpeer1", body: `{"m2m:ae":{}}`}, code: 4000},
		{name: "E-08 no type", ask: ask{op: "N", to: "cse-in", from: "CAdmin", body: seci(`{"epo":"x"}`)}, code: 4000},
		{name: "E-09 a member of another type", ask: ask{op: "N", to: "cse-in", from: "/id-far/Cpeer1", body: seci(`{"sit":6,"epo":"x"}`)}, code: 4000},
		{name: "E-10 a type for responses", ask: ask{op: "N", to: "cse-in", from: "CAdmin", body: seci(`{"sit":4,"ero":{}}`)}, code: 4000},
		{name: "E-10 a type for a DAS", ask: ask{op: "N", to: "cse-in", from: "CAdmin", body: seci(`{"sit":1,"dreq":{"or":"x"}}`)}, code: 5001},
		{name: "E-14 not base64", ask: ask{op: "N", to: "cse-in", from: "/id-far/Cpeer1", body: seci(`{"sit":6,"eckm":"Fg_B"}`)}, code: 4000},
		{name: "E-109 an inner error", ask: ask{op: "N", to: "cse-in", from: "/id-far/Cpeer1", body: seci(`{"sit":6,"eckm":"AAAA"}`)}, code: 5000},
		{name: "E-02 a policy takes none", ask: ask{op: "N", to: "cse-in/app", from: "/id-far/Cpeer1", body: seci(`{"sit":3}`)}, code: 4103},
		{name: "A-202 type 7 where no server is known", ask: ask{op: "N", to: "cse-in", from: "CAdmin", body: seci(`{"sit":7,"darq":{"tids":["x"]}}`)}, code: 5001},
	})
}

func TestSecurityInfo_E10_WhatIsNotServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, body := range []string{`{"sit":6,"eckm":"FgMB"}`, `{"sit":7,"darq":{"tids":["x"]}}`} {
		w.must(onem2m.NotImplemented, ask{op: "N", to: "cse-in", from: "CAdmin", body: `{"m2m:seci":` + body + `}`})
	}
	narrow := newWorld(t, func(o *Options) {
		o.KeyExchange = terminator{}
		o.BasePolicy = jsontext.Value(`{"acr":[{"acor":["/id-far/Cpeer2"],"acop":16}]}`)
	})
	narrow.must(onem2m.OriginatorHasNoPrivilege, ask{op: "N", to: "cse-in", from: "/id-far/Cpeer1", body: `{"m2m:seci":{"sit":6,"eckm":"FgMB"}}`})
}

func TestSecurityInfo_E04_E05_E06_ForAnAE(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(onem2m.Created, ask{op: "C2", to: "-", from: "Capp01", body: `{"m2m:ae":{"rn":"app","api":"N","rr":true,"poa":["http://192.0.2.1/"],"srv":["3"]}}`})
	w.policy("Capp01", "cse-in/app", "open", `{"acor":["/id-far/Cpeer1"],"acop":16}`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"acpi":["cse-in/app/open"]}}`})
	answer := `{"sit":5,"epo":"b..c.d.e"}`
	w.answer = &onem2m.Response{Code: onem2m.OK, Content: &onem2m.Content{Name: "m2m:seci", Value: jsontext.Value(answer)}}
	for _, body := range []string{`{"sit":5,"epo":"a..b.c.d"}`, `{"sit":6,"eckm":"FgMB"}`, `{"sit":3}`} {
		res := w.do(ask{op: "N", to: "/id-in/Capp01", from: "/id-far/Cpeer1", body: `{"m2m:seci":` + body + `}`})
		if res.Code != onem2m.OK || text(res) != `{"m2m:seci":`+answer+`}` {
			t.Errorf("E-05: got %d %s", res.Code, text(res))
		}
		if sent := w.sent[len(w.sent)-1]; string(sent.Content.Value) != body || sent.From != "/id-far/Cpeer1" {
			t.Errorf("E-04 E-06: sent %+v", sent)
		}
	}
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "N", to: "/id-in/Capp01", from: "/id-far/Cpeer2", body: `{"m2m:seci":{"sit":3}}`})
}
