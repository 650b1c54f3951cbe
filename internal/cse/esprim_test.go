package cse

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/e2e/esprim"
	"bulwark/e2e/keys"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// pairwise are the keys of a CSE under test.
type pairwise map[string]esprim.Key

func (p pairwise) ESPrimKey(_ context.Context, id string) (esprim.Key, error) {
	key, ok := p[id]
	if !ok {
		return key, errors.New("unknown")
	}
	return key, nil
}

func secretKey(t testing.TB, octet string) keys.Secret {
	t.Helper()
	s, err := keys.NewSecret([]byte(strings.Repeat(octet, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// protecting makes a CSE that takes protected requests of some entities. The
// identifier of a key is the identity with dots for slashes.
func protecting(t testing.TB, who ...onem2m.ID) func(*Options) {
	t.Helper()
	return func(o *Options) {
		ring := pairwise{}
		for _, id := range who {
			ring[keyOf(id)] = esprim.Key{ID: keyOf(id), Secret: secretKey(t, "k"), Peer: id}
		}
		r, err := esprim.NewReceiver(esprim.ReceiverOptions{Home: o.Home, Registers: true, Keys: ring, Now: o.Now})
		if err != nil {
			t.Fatal(err)
		}
		o.ESPrim = r
		o.Capable = func() Capabilities { return Capabilities{Features: []int64{13}} }
	}
}

func keyOf(id onem2m.ID) string { return strings.ReplaceAll(string(id)[2:], "/", ".") }

// farAsker is an originator of protected requests that is registered elsewhere.
type farAsker struct {
	t   testing.TB
	w   *world
	id  onem2m.ID
	out string // From of the outer requests
	g   *esprim.Originator
}

func (w *world) farAsker(t testing.TB, id onem2m.ID) *farAsker {
	t.Helper()
	g, err := esprim.NewOriginator(esprim.OriginatorOptions{Key: esprim.Key{ID: keyOf(id), Secret: secretKey(t, "k"), Peer: w.home.ID()}, Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	a := &farAsker{t: t, w: w, id: id, out: id.In(w.home), g: g}
	res := w.do(ask{op: "N", to: "/id-in/-", from: a.out, body: `{"m2m:seci":{"sit":3}}`})
	info, err := onem2m.SecurityInfoOf(res.Content)
	if err != nil || info.SIT != onem2m.SecurityRandResponse {
		t.Fatalf("E-41: asked for a rand object: %d %s", res.Code, text(res))
	}
	if err := g.Learn(info.RandObject); err != nil {
		t.Fatal(err)
	}
	return a
}

// do protects a request and returns the inner response.
func (a *farAsker) do(q ask) *onem2m.Response {
	a.t.Helper()
	req := a.w.request(q)
	object, call, err := a.g.Seal(req)
	if err != nil {
		a.t.Fatal(err)
	}
	res := a.send(object)
	info, err := onem2m.SecurityInfoOf(res.Content)
	if res.Code != onem2m.OK || err != nil || info.SIT != onem2m.SecurityESPrim {
		a.t.Fatalf("E-73: the outer response is %d %s", res.Code, text(res))
	}
	epo, err := info.ESPrim()
	if err != nil {
		a.t.Fatal(err)
	}
	inner, err := call.Open(epo)
	if err != nil {
		a.t.Fatal(err)
	}
	return inner
}

func (a *farAsker) send(object string) *onem2m.Response {
	return a.w.do(ask{op: "N", to: "/id-in/-", from: a.out, body: `{"m2m:seci":` + string(onem2m.NewESPrimInfo(object).Content().Value) + `}`})
}

const (
	farMeter  = onem2m.ID("//m2m.example/id-mn/Cmeter1")
	farMeterS = "/id-mn/Cmeter1"
)

// flagged makes a container that only an authenticated originator reads.
func flagged(w *world) {
	w.register("Capp01", "app")
	w.policy("Capp01", "cse-in/app", "p", `{"acor":["`+farMeterS+`"],"acop":63,"acaf":true},{"acor":["Capp01"],"acop":63}`)
	w.must(onem2m.Created, ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"data","acpi":["cse-in/app/p"]}}`})
}

func TestESPrim_E69_E70_E71_A21_A27_AFlaggedRuleOpensForWhoIsAuthenticated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting(t, farMeter))
	flagged(w)
	w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-mn", body: `{"m2m:csr":{"csi":"/id-mn","cb":"/id-mn/cse-mn","rr":true,"poa":["http://192.0.2.9/"],"srv":["3"]}}`})
	plain := ask{assoc: certificate(identity.KindCSE, "//m2m.example/id-mn")}
	plain.op, plain.to, plain.from = "R", "/id-in/cse-in/app/data", farMeterS
	w.must(onem2m.OriginatorHasNoPrivilege, plain) // over Mcc nothing vouches for the AE
	a := w.farAsker(t, farMeter)
	for _, tt := range []struct {
		name string
		ask
		code onem2m.StatusCode
		has  string
	}{
		{"RETRIEVE", ask{op: "R", to: "/id-in/cse-in/app/data", from: farMeterS}, onem2m.OK, `"m2m:cnt":{`},
		{"E-70 CREATE, whose creator is the inner From", ask{op: "C4", to: "/id-in/cse-in/app/data?rcn=1", from: farMeterS, body: `{"m2m:cin":{"con":"41","cr":null}}`}, onem2m.Created, `"cr":"` + farMeterS + `"`},
		{"UPDATE", ask{op: "U", to: "/id-in/cse-in/app/data", from: string(farMeter), body: `{"m2m:cnt":{"lbl":["x"]}}`}, onem2m.Updated, `"lbl":["x"]`},
		{"Discovery", ask{op: "R", to: "/id-in/cse-in/app/data?fu=1&ty=4", from: farMeterS}, onem2m.OK, `"m2m:uril"`},
		{"DELETE", ask{op: "D", to: "/id-in/cse-in/app/data/la", from: farMeterS}, onem2m.Deleted, ""},
		{"E-76 beyond the receiver", ask{op: "R", to: "/id-mn/cse-mn", from: farMeterS}, onem2m.NotFound, ""},
		{"E-76 another protected one inside", ask{op: "N", to: "/id-in/-", from: farMeterS, body: `{"m2m:seci":{"sit":5,"epo":"a..b.c.d"}}`}, onem2m.BadRequest, ""},
		{"a NOTIFY", ask{op: "N", to: "/id-in/-", from: farMeterS, body: `{"m2m:seci":{"sit":3}}`}, onem2m.OK, `"sit":4`},
		{"a registration", ask{op: "C2", to: "/id-in/-", from: farMeterS, body: `{"m2m:ae":{"api":"N","rr":false,"srv":["3"]}}`}, onem2m.BadRequest, ""},
		{"E-73 what isn't there", ask{op: "R", to: "/id-in/cse-in/nothing", from: farMeterS}, onem2m.NotFound, ""},
		{"E-70 no privilege of the inner From", ask{op: "D", to: "/id-in/cse-in/app", from: farMeterS}, onem2m.OriginatorHasNoPrivilege, ""},
		{"E-72 non-blocking", ask{op: "R", to: "/id-in/cse-in/app/data", from: farMeterS, edit: func(r *onem2m.Request) {
			rt := int64(1)
			r.ResponseType = &rt
		}}, onem2m.OK, `"m2m:cnt":{`},
		{"its time is over", ask{op: "R", to: "/id-in/cse-in/app/data", from: farMeterS, edit: func(r *onem2m.Request) {
			r.RequestExpiration = "20200101T000000"
		}}, onem2m.RequestTimeout, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := a.do(tt.ask)
			if res.Code != tt.code || !strings.Contains(text(res), tt.has) {
				t.Errorf("got %d %s", res.Code, text(res))
			}
		})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	found := false
	for _, d := range w.audits {
		found = found || d.Binding == "esprim" && d.Originator == farMeter && d.Authentic && d.Permit && d.Credential == "13-"+keyOf(farMeter)
	}
	if !found {
		t.Error("A-21: the audit has no decision about an authenticated originator")
	}
}

func TestESPrim_E71_TheOuterFromCountsForNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting(t, farMeter))
	flagged(w)
	a := w.farAsker(t, farMeter)
	a.out = "/id-mn/Cstranger" // a transit node that renames the originator gains nothing and takes nothing
	if res := a.do(ask{op: "R", to: "/id-in/cse-in/app/data", from: farMeterS}); res.Code != onem2m.OK {
		t.Errorf("E-70: got %d %s", res.Code, text(res))
	}
}

func TestESPrim_E67_E90_A20_Impersonation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting(t, farMeter))
	flagged(w)
	a := w.farAsker(t, farMeter)
	object, call, err := a.g.Seal(w.request(ask{op: "D", to: "/id-in/cse-in/app/data", from: "/id-mn/Cother1"}))
	if err != nil {
		t.Fatal(err)
	}
	res := a.send(object)
	info, err := onem2m.SecurityInfoOf(res.Content)
	if res.Code != onem2m.ESPrimImpersonationError || err != nil {
		t.Fatalf("A-20: got %d %s", res.Code, text(res))
	}
	epo, err := info.ESPrim()
	if err != nil {
		t.Fatal(err)
	}
	if inner, err := call.Open(epo); err != nil || inner.Code != onem2m.ESPrimImpersonationError {
		t.Errorf("E-91: got %v %v", inner, err)
	}
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data", from: "Capp01"})
	seen := false
	for _, d := range w.audits {
		seen = seen || d.Code == onem2m.ESPrimImpersonationError
	}
	if !seen {
		t.Error("the audit knows nothing of it")
	}
}

func TestESPrim_E90_E92_E94_Refusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting(t, farMeter))
	flagged(w)
	a := w.farAsker(t, farMeter)
	object, _, err := a.g.Seal(w.request(ask{op: "C4", to: "/id-in/cse-in/app/data", from: farMeterS, body: `{"m2m:cin":{"con":"once"}}`}))
	if err != nil {
		t.Fatal(err)
	}
	changed := object[:len(object)-1] + string("AQgw"[strings.IndexByte("AQgw", object[len(object)-1])^1])
	for _, tt := range []struct {
		name, object string
		code         onem2m.StatusCode
	}{
		{"E-90 no object", "x", onem2m.BadRequest},
		{"E-90 changed on the way", changed, onem2m.ESPrimBadMAC},
		{"as it was sealed", object, onem2m.OK},
		{"E-92 repeated", object, onem2m.ESPrimDecryptionError},
	} {
		res := a.send(tt.object)
		if res.Code != tt.code {
			t.Errorf("%s: got %d %s", tt.name, res.Code, text(res))
		}
		if res.Code != onem2m.OK && (res.Content == nil || res.Content.Name != "m2m:dbg" || strings.Contains(text(res), "once")) {
			t.Errorf("E-91 E-94 %s: the answer is %s", tt.name, text(res))
		}
	}
	if got := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data", from: "Capp01"}); string(got.Get("cni")) != "1" {
		t.Errorf("E-92: there are %s instances", got.Get("cni"))
	}
	w.advance(11 * time.Minute)
	if res := a.send(object); res.Code != onem2m.ESPrimUnknownRecvRandID {
		t.Errorf("got %d", res.Code)
	}
}

func TestESPrim_E47_AFloodOfRequestsForRandObjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting(t, farMeter))
	flagged(w)
	a := w.farAsker(t, farMeter)
	if res := a.do(ask{op: "R", to: "/id-in/cse-in/app/data", from: farMeterS}); res.Code != onem2m.OK {
		t.Fatal(res.Code)
	}
	refused := 0
	for range 1100 { // the clock stands still
		res := w.do(ask{op: "N", to: "/id-in/-", from: "/id-mn/Cflood", body: `{"m2m:seci":{"sit":3}}`})
		if res.Code == onem2m.InternalServerError && strings.Contains(text(res), "try again later") {
			refused++
		}
	}
	if refused < 90 {
		t.Errorf("%d were refused", refused)
	}
	if res := a.do(ask{op: "R", to: "/id-in/cse-in/app/data", from: farMeterS}); res.Code != onem2m.OK {
		t.Errorf("who is in a session: %d", res.Code)
	}
}

func TestESPrim_TheAdministratorNeedsItsCertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting(t, "//m2m.example/id-in/CAdmin"))
	a := w.farAsker(t, "//m2m.example/id-in/CAdmin")
	if res := a.do(ask{op: "R", to: "cse-in", from: "CAdmin"}); res.Code != onem2m.OriginatorNotAuthenticated {
		t.Errorf("got %d %s", res.Code, text(res))
	}
}

func TestESPrim_E80_WhoIsRegisteredHereIsToldShortNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting(t, "//m2m.example/id-in/Capp01", farMeter))
	flagged(w)
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app", from: "Capp01"}) // protection is possible, and not demanded
	near := w.farAsker(t, "//m2m.example/id-in/Capp01")
	if res := near.do(ask{op: "R", to: "cse-in/app", from: "Capp01"}); res.Code != onem2m.OK || !strings.Contains(text(res), `"ri":"Capp01"`) {
		t.Errorf("E-68: got %d %s", res.Code, text(res))
	}
	far := w.farAsker(t, farMeter)
	if res := far.do(ask{op: "R", to: "/id-in/cse-in/app/data", from: farMeterS}); !strings.Contains(text(res), `"pi":"/id-in/Capp01"`) {
		t.Errorf("C-020: got %d %s", res.Code, text(res))
	}
}

func TestESPrim_WhatIsNotEnabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(onem2m.NotImplemented, ask{op: "N", to: "/id-in/-", from: farMeterS, body: `{"m2m:seci":{"sit":3}}`})
	w.must(onem2m.NotImplemented, ask{op: "N", to: "/id-in/-", from: farMeterS, body: `{"m2m:seci":{"sit":5,"epo":"a..b.c.d"}}`})
	if w.c.EndToEnd() != nil || w.must(onem2m.OK, ask{op: "R", to: "cse-in", from: "CAdmin"}).Has("esi") {
		t.Error("E-18: something is advertised")
	}
	if w.must(onem2m.OK, ask{op: "R", to: "cse-in?atrl=esi", from: "CAdmin"}).Has("esi") {
		t.Error("E-22: it is still there")
	}
}

func TestCapability_E16_E17_E20_E21_E22_IsAdvertisedAndKeptUpToDate(t *testing.T) {
	t.Parallel()
	features := []int64{13}
	told := 0
	w := newWorld(t, protecting(t, farMeter), func(o *Options) {
		o.Capable = func() Capabilities { return Capabilities{Features: features, Certificates: [][]byte{{1, 2}}} }
		o.Neighbours = func() { told++ }
	})
	flagged(w)
	esi := func() onem2m.Object {
		t.Helper()
		o, err := onem2m.ParseObject(w.must(onem2m.OK, ask{op: "R", to: "cse-in?atrl=esi", from: "CAdmin"}).Get("esi"))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	first := esi()
	if string(first.Get("esf")) != "[13]" || string(first.Get("escert")) != `["AQI="]` || first.Get("esro") == nil {
		t.Fatalf("got %s", first.Append(nil))
	}
	w.must(onem2m.OperationNotAllowed, ask{op: "U", to: "cse-in", from: "CAdmin", body: `{"m2m:cb":{"esi":{"esf":[13]}}}`}) // E-17
	if again, err := w.c.Advertise(t.Context()); err != nil || told != 0 || again.Time() != w.now().Add(12*time.Hour) {
		t.Errorf("again in %s, told %d, %v", again, told, err)
	}
	w.advance(12 * time.Hour)
	if _, err := w.c.Advertise(t.Context()); err != nil || told != 1 {
		t.Errorf("E-21: told %d, %v", told, err)
	}
	second := esi()
	if string(second.Get("esro")) == string(first.Get("esro")) || string(w.c.EndToEnd()) != string(second.Append(nil)) {
		t.Errorf("E-21: still %s", second.Append(nil))
	}
	a := w.farAsker(t, farMeter)
	for _, o := range []onem2m.Object{first, second} { // the one before is good until it expires
		if err := a.g.Learn(o.Get("esro")); err != nil {
			t.Fatal(err)
		}
		a.g.Forget(onem2m.ESPrimUnknownOrigRandID)
		if res := a.do(ask{op: "R", to: "/id-in/cse-in/app/data", from: farMeterS}); res.Code != onem2m.OK {
			t.Errorf("E-40: got %d", res.Code)
		}
	}
	features = []int64{12}
	if _, err := w.c.Advertise(t.Context()); err != nil || esi().Has("esro") {
		t.Errorf("E-18: a rand object without ESPrim: %v", err)
	}
	features = nil
	if _, err := w.c.Advertise(t.Context()); err != nil || w.c.EndToEnd() != nil {
		t.Errorf("E-18: %v", err)
	}
	if w.must(onem2m.OK, ask{op: "R", to: "cse-in?atrl=esi", from: "CAdmin"}).Has("esi") {
		t.Error("E-22: it is still there")
	}
}

func TestCapability_E20_NothingIsPublishedWhereEachAsksForItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting(t, farMeter), func(o *Options) {
		o.Capable = func() Capabilities { return Capabilities{Features: []int64{13}, Unique: true} }
	})
	flagged(w)
	if string(w.c.EndToEnd()) != `{"esf":[13]}` {
		t.Errorf("published is %s", w.c.EndToEnd())
	}
	if res := w.farAsker(t, farMeter).do(ask{op: "R", to: "/id-in/cse-in/app/data", from: farMeterS}); res.Code != onem2m.OK {
		t.Errorf("got %d", res.Code)
	}
}

func TestCapability_E19_E38_OfOthers(t *testing.T) {
	t.Parallel()
	const rand = `{"esri":"S1","esrv":"x7fece4956241c27aafe297467667ae19","esrx":"20270715T125959","esks":[1],"espa":[12]}`
	w := newWorld(t)
	w.register("Capp01", "app")
	w.follow(t, []step{
		{name: "E-19 what an AE can do", ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"esi":{"esf":[13,43],"esro":` + rand + `}}}`}, code: 2004},
		{name: "E-22 is found", ask: ask{op: "R", to: "cse-in/app?atrl=esi", from: "Capp01"}, code: 2000, body: `{"m2m:ae":{"esi":{"esf":[13,43],"esro":` + rand + `}}}`},
		{name: "E-19 no features", ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"esi":{"esro":` + rand + `}}}`}, code: 4000},
		{name: "E-19 a feature that doesn't exist", ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"esi":{"esf":[99]}}}`}, code: 4000},
		{name: "E-38 a relative expiry", ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"esi":{"esf":[13],"esro":` + strings.Replace(rand, "20270715T125959", "60000", 1) + `}}}`}, code: 4000},
		{name: "E-22 taken back", ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"esi":null}}`}, code: 2004},
		{name: "E-22 and gone", ask: ask{op: "R", to: "cse-in/app?atrl=esi", from: "Capp01"}, code: 2000, body: `{"m2m:ae":{}}`},
	})
	if checkCapability(jsontext.Value(`[1]`)) == nil {
		t.Error("a list was taken")
	}
}

func TestESPrim_E159_AFanOutWorksOnInnerRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting(t, farMeter))
	flagged(w)
	w.must(onem2m.Created, ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"more","acpi":["cse-in/app/p"]}}`})
	w.must(onem2m.Created, ask{op: "C9", to: "cse-in/app", from: "Capp01", body: `{"m2m:grp":{"rn":"g","mt":3,"mnm":5,"mid":["cse-in/app/data","cse-in/app/more"],"macp":["cse-in/app/p"],"acpi":["cse-in/app/p"]}}`})
	a := w.farAsker(t, farMeter)
	res := a.do(ask{op: "R", to: "/id-in/cse-in/app/g/fopt", from: farMeterS})
	if res.Code != onem2m.OK || strings.Count(text(res), `"rsc":2000`) != 2 {
		t.Errorf("got %d %s", res.Code, text(res))
	}
}

func TestESPrim_E160_TheHopIsCheckedAsWell(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protecting(t, farMeter))
	flagged(w)
	w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-mn", body: `{"m2m:csr":{"csi":"/id-mn","cb":"/id-mn/cse-mn","rr":true,"poa":["http://192.0.2.9/"],"srv":["3"]}}`})
	mcc := certificate(identity.KindCSE, "//m2m.example/id-mn")
	for from, code := range map[string]onem2m.StatusCode{farMeterS: onem2m.OK, "/id-other/Cmeter1": onem2m.OriginatorNotAuthenticated, "/id-in/Capp01": onem2m.OriginatorNotAuthenticated} {
		w.must(code, ask{op: "N", to: "/id-in/-", from: from, assoc: mcc, body: `{"m2m:seci":{"sit":3}}`})
	}
}

func TestSecurityInfo_E04_E05_ByPollingChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.policy("Capp01", "cse-in/app", "open", `{"acor":["`+farMeterS+`"],"acop":16},{"acor":["Capp01"],"acop":63}`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"acpi":["cse-in/app/open"]}}`})
	w.must(onem2m.Created, ask{op: "C15", to: "cse-in/app", from: "Capp01", body: `{"m2m:pch":{"rn":"pc"}}`})
	const there, back = `{"sit":5,"epo":"a..b.c.d"}`, `{"sit":5,"epo":"e..f.g.h"}`
	answered := make(chan *onem2m.Response)
	go func() {
		answered <- w.do(ask{op: "N", to: "/id-in/Capp01", from: farMeterS, body: `{"m2m:seci":` + there + `}`})
	}()
	got := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/pc/pcu", from: "Capp01"})
	rqi, _ := got.Text("rqi")
	if content, ok := got.Object("pc"); !ok || string(content.Get("m2m:seci")) != there {
		t.Errorf("E-04: fetched %s", got.Append(nil))
	}
	w.must(onem2m.OK, ask{op: "N", to: "cse-in/app/pc/pcu", from: "Capp01", body: `{"m2m:rsp":{"rsc":2000,"rqi":"` + rqi + `","pc":{"m2m:seci":` + back + `}}}`})
	if res := <-answered; res.Code != onem2m.OK || text(res) != `{"m2m:seci":`+back+`}` {
		t.Errorf("E-05: got %d %s", res.Code, text(res))
	}
}

func TestESPrim_E73_InANonBlockingOuterRequest(t *testing.T) {
	t.Parallel()
	const app = onem2m.ID("//m2m.example/id-in/Capp01")
	w := newWorld(t, protecting(t, app))
	w.run()
	flagged(w)
	a := w.farAsker(t, app)
	object, call, err := a.g.Seal(w.request(ask{op: "R", to: "cse-in/app/data", from: "Capp01"}))
	if err != nil {
		t.Fatal(err)
	}
	address := w.nonblocking(onem2m.AcceptedForNonBlockingRequestSynch, ask{
		op: "N", to: "/id-in/-?rt=1", from: "Capp01", body: `{"m2m:seci":` + string(onem2m.NewESPrimInfo(object).Content().Value) + `}`,
	})
	var result onem2m.Object
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		o := w.outcome(address, "Capp01")
		result, _ = o.Object("ors")
		if rs, _ := o.Int("rs"); rs != statusPartial { // it is marked as begun before it runs
			break
		}
	}
	pc, _ := result.Object("pc")
	info, err := onem2m.SecurityInfoOf(&onem2m.Content{Name: onem2m.SecurityInfoName, Value: pc.Get(onem2m.SecurityInfoName)})
	if err != nil {
		t.Fatalf("the result is %s: %v", result.Append(nil), err)
	}
	epo, err := info.ESPrim()
	if err != nil {
		t.Fatal(err)
	}
	if res, err := call.Open(epo); err != nil || res.Code != onem2m.OK || res.Content.Name != "m2m:cnt" {
		t.Errorf("got %+v %v", res, err)
	}
}

func TestESPrim_C208_AKeyDoesNotOutliveTheRegistration(t *testing.T) {
	t.Parallel()
	const wide = onem2m.ID("//m2m.example/Swide1")
	w := newWorld(t, protecting(t, "//m2m.example/id-in/Capp01", farMeter, wide))
	flagged(w)
	w.policy("Capp01", "cse-in/app", "all", `{"acor":["all"],"acop":63},{"acor":["Capp01"],"acop":63}`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/data", from: "Capp01", body: `{"m2m:cnt":{"acpi":["cse-in/app/all"]}}`})
	near, far, sp := w.farAsker(t, "//m2m.example/id-in/Capp01"), w.farAsker(t, farMeter), w.farAsker(t, wide)
	asks := func(name string, a *farAsker, from string, want onem2m.StatusCode) {
		t.Helper()
		if res := a.do(ask{op: "R", to: "/id-in/cse-in/app/data", from: from}); res.Code != want {
			t.Errorf("%s: got %d %s", name, res.Code, text(res))
		}
	}
	asks("registered", near, "Capp01", onem2m.OK)
	asks("an AE of the whole SP that is registered elsewhere", sp, "/Swide1", onem2m.OK)
	if err := w.c.Store.Update(t.Context(), func(tx store.Tx) error {
		return tx.Bind(store.Binding{ID: wide, Credential: "10-swide", Since: onem2m.TimestampOf(w.now())})
	}); err != nil {
		t.Fatal(err)
	}
	asks("one that was registered here, and isn't", sp, "/Swide1", onem2m.OriginatorNotAuthenticated)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"regs":2}}`})
	asks("INACTIVE", near, "Capp01", onem2m.OriginatorNotAuthenticated)
	asks("one of another CSE", far, farMeterS, onem2m.OK)
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app", from: "CAdmin"})
	asks("deleted", near, "Capp01", onem2m.OriginatorNotAuthenticated)
	asks("one of another CSE, the target being gone", far, farMeterS, onem2m.NotFound)
}
