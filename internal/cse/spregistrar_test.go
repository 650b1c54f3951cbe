package cse

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

func TestSPRegistration_S111_S118_TheINCSEDecides(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.in.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-mn2", body: `{"m2m:csr":{"rn":"id-mn2","cb":"/id-mn2/cse","rr":false,"srv":["3"]}}`})
	p.in.register("Shere", "here")
	over := certificate(identity.KindCSE, "//m2m.example/id-mn")
	over2 := certificate(identity.KindCSE, "//m2m.example/id-mn2")
	sent := func(link, credential string) string {
		return `{"m2m:aeA":{"lnk":"` + link + `","api":"N.x","srv":["3"],"et":"20270101T000000","lbl":["Credential-ID:` + credential + `"]}}`
	}
	again := func(link, credential string) string {
		return `{"m2m:aeA":{"lnk":"` + link + `","lbl":["Credential-ID:` + credential + `"]}}`
	}
	for _, tt := range []struct {
		name string
		ask  ask
		code onem2m.StatusCode
	}{
		{"C-204 a stem that nobody has", ask{op: "C10002", to: "/id-in/-", from: "/id-mn/Sone", body: sent("/id-mn/Sone", "30-a"), assoc: over}, 2001},
		{"C-204 a second time", ask{op: "C10002", to: "/id-in/-", from: "/id-mn/Sone", body: sent("/id-mn/Sone", "30-a"), assoc: over}, 4117},
		{"C-198 one that is registered here", ask{op: "C10002", to: "/id-in/-", from: "/id-mn/Shere", body: sent("/id-mn/Shere", ""), assoc: over}, 4117},
		{"C-204 not below the <CSEBase>", ask{op: "C10002", to: "/id-in/cse-in/here", from: "/id-mn/Stwo", body: sent("/id-mn/Stwo", ""), assoc: over}, 4103},
		{"C-203 a link to another CSE", ask{op: "C10002", to: "/id-in/-", from: "/id-mn/S", body: sent("/id-mn2/S", ""), assoc: over}, 4000},
		{"C-203 without the label", ask{op: "C10002", to: "/id-in/-", from: "/id-mn/S", body: `{"m2m:aeA":{"lnk":"/id-mn/S","api":"N.x","srv":["3"],"et":"20270101T000000"}}`, assoc: over}, 4000},
		{"C-203 a link to another AE of the registrar", ask{op: "U", to: "/id-in/Sone", from: "/id-mn/Sone", body: again("/id-mn/Cother", "30-a"), assoc: over}, 4000},
		{"C-203 a link that asks for an AE-ID", ask{op: "U", to: "/id-in/Sone", from: "/id-mn/Sone", body: again("/id-mn/S", "30-a"), assoc: over}, 4000},
		{"C-204 again", ask{op: "U", to: "/id-in/Sone", from: "/id-mn/Sone", body: again("/id-mn/Sone", "30-a"), assoc: over}, 2004},
		{"S-118 over another credential", ask{op: "U", to: "/id-in/Sone", from: "/id-mn2/Sone", body: again("/id-mn2/Sone", "30-b"), assoc: over2}, 4106},
		{"S-118 over none", ask{op: "U", to: "/id-in/Sone", from: "/id-mn2/Sone", body: again("/id-mn2/Sone", ""), assoc: over2}, 4106},
		{"A-48 by the AE-ID of another one", ask{op: "U", to: "/id-in/Sone", from: "/id-mn2/Sother", body: again("/id-mn2/Sother", "30-a"), assoc: over2}, 4103},
		{"S-113 by a CSE that hasn't the AE", ask{op: "U", to: "/id-in/Sone", from: "/id-mn2", body: `{"m2m:aeA":{"lbl":["Credential-ID:30-b"]}}`, assoc: over2}, 4103},
		{"S-093 in the name of an AE of another CSE", ask{op: "R", to: "/id-in/-", from: "/Sone", assoc: over2}, 4106},
		{"C-204 at another CSE", ask{op: "U", to: "/id-in/Sone", from: "/id-mn2/Sone", body: again("/id-mn2/Sone", "30-a"), assoc: over2}, 2004},
		{"S-093 in the name of an AE that has gone", ask{op: "R", to: "/id-in/-", from: "/Sone", assoc: over}, 4106},
		{"C-206 left, says who hasn't it any more", ask{op: "U", to: "/id-in/Sone", from: "/id-mn", body: `{"m2m:aeA":{"lnk":"INACTIVE"}}`, assoc: over}, 4103},
		{"C-206 left", ask{op: "U", to: "/id-in/Sone", from: "/id-mn2", body: `{"m2m:aeA":{"lnk":"INACTIVE"}}`, assoc: over2}, 2004},
		{"C-206 nobody is there", ask{op: "N", to: "/Sone", from: "Capp01", body: `{"m2m:sgn":{"sur":"x"}}`}, 5103},
		{"S-118 a stem that was left, over another credential", ask{op: "U", to: "/id-in/Sone", from: "/id-mn/Sone", body: again("/id-mn/Sone", "30-b"), assoc: over}, 4106},
		{"C-204 and comes back", ask{op: "U", to: "/id-in/Sone", from: "/id-mn/Sone", body: again("/id-mn/Sone", "30-a"), assoc: over}, 2004},
		{"C-204 one without a credential", ask{op: "C10002", to: "/id-in/-", from: "/id-mn/Sbare", body: sent("/id-mn/Sbare", ""), assoc: over}, 2001},
		{"C-204 which its registrar renews", ask{op: "U", to: "/id-in/Sbare", from: "/id-mn/Sbare", body: again("/id-mn/Sbare", ""), assoc: over}, 2004},
		{"S-118 and no other CSE takes while it is there", ask{op: "U", to: "/id-in/Sbare", from: "/id-mn2/Sbare", body: again("/id-mn2/Sbare", ""), assoc: over2}, 4117},
		{"C-206 it leaves", ask{op: "U", to: "/id-in/Sbare", from: "/id-mn", body: `{"m2m:aeA":{"lnk":"INACTIVE"}}`, assoc: over}, 2004},
		{"C-204 and comes to another CSE", ask{op: "U", to: "/id-in/Sbare", from: "/id-mn2/Sbare", body: again("/id-mn2/Sbare", ""), assoc: over2}, 2004},
	} {
		if res := p.in.do(tt.ask); res.Code != tt.code {
			t.Errorf("%s: got %d %s, want %d", tt.name, res.Code, text(res), tt.code)
		}
	}
}

// The AE-IDs of this SP are those of its own CSEs' AEs: another provider, which needs
// no privilege here to be a neighbour, neither takes one nor makes one up.
func TestSPRegistration_S094_AnotherProviderRegistersNoAEHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	over := certificate(identity.KindCSE, "//other.example/id-in")
	w.must(onem2m.Created, ask{op: "C16", to: "//m2m.example/id-in/-", from: "//other.example/id-in", body: `{"m2m:csr":{"rn":"other","cb":"//other.example/id-in/cse","rr":false,"srv":["3"]}}`, assoc: over})
	own := certificate(identity.KindCSE, "//m2m.example/id-mn")
	w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-mn", body: `{"m2m:csr":{"rn":"id-mn","cb":"/id-mn/cse","rr":false,"srv":["3"]}}`, assoc: own})
	left := func(op, to, from, link string) ask {
		body := `{"m2m:aeA":{"lnk":"` + link + `","lbl":["Credential-ID:"],"et":"20270101T000000"`
		if op != "U" {
			body += `,"api":"N.x","srv":["3"]`
		}
		return ask{op: op, to: to, from: from, body: body + `}}`, assoc: over}
	}
	mine := left("C10002", "/id-in/-", "/id-mn/Sleft", "/id-mn/Sleft")
	mine.assoc = own
	w.must(onem2m.Created, mine)
	w.must(onem2m.Updated, ask{op: "U", to: "/id-in/Sleft", from: "/id-mn", body: `{"m2m:aeA":{"lnk":"INACTIVE"}}`, assoc: own})
	for name, q := range map[string]ask{
		"an AE-ID that nobody has":        left("C10002", "//m2m.example/id-in/-", "//other.example/id-in/Sone", "//other.example/id-in/Sone"),
		"one that is to be made":          left("C10002", "//m2m.example/id-in/-", "//other.example/id-in/S", "//other.example/id-in/S"),
		"that of an AE that has left":     left("U", "//m2m.example/id-in/Sleft", "//other.example/id-in/Sleft", "//other.example/id-in/Sleft"),
		"by the name of a CSE of this SP": left("U", "//m2m.example/id-in/Sleft", "/id-mn/Sleft", "/id-mn/Sleft"),
	} {
		want := onem2m.OriginatorHasNoPrivilege
		if q.from == "/id-mn/Sleft" {
			want = onem2m.OriginatorNotAuthenticated
		}
		if res := w.do(q); res.Code != want {
			t.Errorf("%s: got %d %s, want %d", name, res.Code, text(res), want)
		}
	}
}

func TestSPRegistration_C203_C206_S110_S112_OfARegistrar(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.mn.c.Central = "//m2m.example/id-in"
	o := p.mn.must(onem2m.Created, ask{op: "C2", to: "cse-mn", from: "S", body: ae("")})
	stem, _ := o.Text("ri")
	link := func() string { return p.copied("/id-in/"+stem, "lnk") }
	if want := `{"lnk":"/id-mn/` + stem + `"}`; len(stem) < 2 || stem[0] != 'S' || link() != want {
		t.Errorf("got %q at %s", stem, link())
	}
	p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/" + stem, from: stem, body: `{"m2m:ae":{"et":"20261231T000000","lbl":["rover","Credential-ID:forged"],"apn":"x"}}`})
	p.mn.c.payOwn(t.Context(), allOwed) // the copy of an AE that goes on being registered must not expire
	if got, want := p.copied("/id-in/"+stem, "et", "lbl"), `{"et":"20261231T000000,000000","lbl":["Credential-ID:","rover"]}`; got != want {
		t.Errorf("updated as %s, want %s", got, want)
	}
	p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/" + stem, from: stem, body: `{"m2m:ae":{"lbl":null}}`})
	p.mn.c.payOwn(t.Context(), allOwed)
	if got := p.copied("/id-in/"+stem, "lbl"); got != `{"lbl":["Credential-ID:"]}` {
		t.Errorf("without labels it has %s", got)
	}
	p.away.Store(true)
	p.mn.must(onem2m.TargetNotReachable, ask{op: "C2", to: "cse-mn", from: "S", body: ae("")})
	p.mn.must(onem2m.Deleted, ask{op: "D", to: "cse-mn/" + stem, from: stem})
	p.away.Store(false)
	p.mn.c.arrears.mu.Lock()
	for _, one := range p.mn.c.arrears.open {
		one.fresh, one.due = true, time.Time{}
	}
	p.mn.c.arrears.mu.Unlock()
	p.mn.c.payOwn(t.Context(), allOwed)
	if link() != `{"lnk":"INACTIVE"}` {
		t.Errorf("then %s", link())
	}
	p.mn.must(onem2m.Created, ask{op: "C2", to: "cse-mn", from: stem, body: ae("")})
	if want := `{"lnk":"/id-mn/` + stem + `"}`; link() != want {
		t.Errorf("and back %s", link())
	}
	p.in.must(onem2m.Created, ask{op: "C11", to: "cse-in", from: "CAdmin", body: `{"m2m:mssp":{"rn":"contract"}}`})
	p.in.must(onem2m.Created, ask{op: "C20", to: "cse-in/contract", from: "CAdmin", body: `{"m2m:svsn":{"rn":"mn","ni":"urn:oid:0.2.481.1.9.1.2","csi":"/id-mn","rlk":[]}}`})
	p.mn.must(onem2m.AppRuleValidationFailed, ask{op: "C2", to: "cse-mn", from: "S", body: ae("")})
}

func TestSPRegistration_C210_WhoRefersToAnAEThatMovesIsTold(t *testing.T) {
	t.Parallel()
	c := &carrier{}
	w := newWorld(t, notifiable, func(o *Options) { o.Carrier = c })
	for _, name := range []string{"id-mn", "id-mn2", "id-mn3"} {
		w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/" + name, assoc: mn(name), body: `{"m2m:csr":{"rn":"` + name + `","cb":"/` + name + `/cse","rr":true,"poa":["https://` + name + `.example"],"srv":["3"]}}`})
	}
	w.must(onem2m.OK, ask{op: "N", to: "cse-in", from: "/id-mn3", assoc: mn("id-mn3"), body: `{"m2m:sgn":{"aerid":true,"tid1":null,"tid2":"/id-mn/Sone"}}`})
	w.must(onem2m.Created, ask{op: "C1", to: "cse-in", from: "CAdmin", body: `{"m2m:acp":{"rn":"acp","pv":{"acr":[{"acor":["/id-mn/Sone"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`})
	at := func(name string) string {
		return `{"m2m:aeA":{"lnk":"/` + name + `/Sone","lbl":["Credential-ID:30-a"],"et":"20270101T000000","srv":["3"]`
	}
	w.must(onem2m.Created, ask{op: "C10002", to: "/id-in/-", from: "/id-mn/Sone", body: at("id-mn") + `,"api":"N.x"}}`, assoc: mn("id-mn")})
	w.must(onem2m.Updated, ask{op: "U", to: "/id-in/Sone", from: "/id-mn2/Sone", body: at("id-mn2") + `}}`, assoc: mn("id-mn2")})
	w.c.payOwn(t.Context(), allOwed)
	told := map[string]bool{}
	for _, req := range c.sent {
		if req.Operation == onem2m.Notify && string(req.Content.Value) == `{"aerp":true,"tid1":"/id-mn/Sone","tid2":"/id-mn2/Sone","sur":"/id-in"}` {
			told[req.To] = true
		}
	}
	if diff := cmp.Diff(map[string]bool{"/id-mn/-": true, "/id-mn3/-": true}, told); diff != "" {
		t.Error(diff)
	}
	policy := func(want string) {
		t.Helper()
		if o := w.must(onem2m.OK, ask{op: "R", to: "cse-in/acp", from: "CAdmin"}); !strings.Contains(string(o.Get("pv")), want) {
			t.Errorf("the policy is %s", o.Get("pv"))
		}
	}
	policy("/id-mn2/Sone")
	leave := func(name string) {
		t.Helper()
		w.must(onem2m.Updated, ask{op: "U", to: "/id-in/Sone", from: "/" + name, body: `{"m2m:aeA":{"lnk":"INACTIVE"}}`, assoc: mn(name)})
	}
	leave("id-mn2")
	w.must(onem2m.Updated, ask{op: "U", to: "/id-in/Sone", from: "/id-mn3/Sone", body: at("id-mn3") + `}}`, assoc: mn("id-mn3")})
	w.c.payOwn(t.Context(), allOwed)
	policy("/id-mn3/Sone") // also after it has left, and come back at another place
	leave("id-mn3")
	w.must(onem2m.Updated, ask{op: "U", to: "/id-in/Sone", from: "/id-mn3/Sone", body: at("id-mn3") + `}}`, assoc: mn("id-mn3")})
	w.must(onem2m.Deleted, ask{op: "D", to: "/id-in/Sone", from: "/id-mn3", assoc: mn("id-mn3")})
}

func TestSPRegistration_S118_TheCredentialIsReadByTheRegistrarAlone(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	w := p.in
	w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-mn2", body: `{"m2m:csr":{"rn":"id-mn2","cb":"/id-mn2/cse","rr":false,"srv":["3"]}}`})
	acp := w.must(onem2m.Created, ask{op: "C1", to: "cse-in", from: "CAdmin", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["all"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`})
	policy, _ := acp.Text("ri")
	w.must(onem2m.Created, ask{
		op: "C10002", to: "/id-in/-", from: "/id-mn/Sone", assoc: mn("id-mn"),
		body: `{"m2m:aeA":{"lnk":"/id-mn/Sone","api":"N.x","srv":["3"],"et":"20270101T000000","acpi":["` + policy + `"],"lbl":["rover","Credential-ID:30-a"]}}`,
	})
	for _, tt := range []struct {
		name string
		who  ask
		sees bool
	}{
		{"the registrar sees it", ask{from: "/id-mn", assoc: mn("id-mn")}, true},
		{"the administrator sees it", ask{from: "CAdmin"}, true},
		{"another CSE doesn't", ask{from: "/id-mn2", assoc: mn("id-mn2")}, false},
	} {
		tt.who.op = "R"
		tt.who.to = "/id-in/Sone"
		o := w.must(onem2m.OK, tt.who)
		labels, _ := o.Texts("lbl")
		if got := len(labels) == 2; got != tt.sees || len(labels) == 0 {
			t.Errorf("S-118 %s: labels %v", tt.name, labels)
		}
		tt.who.to = "cse-in?fu=1&lbl=Credential-ID:30-a"
		if res := w.do(tt.who); strings.Contains(text(res), "Sone") != tt.sees {
			t.Errorf("S-118 %s in discovery: %s", tt.name, text(res))
		}
	}
}

func TestSPRegistration_C389_TheAEIsAnnouncedAsWell(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.mn.c.Central = "//m2m.example/id-in"
	o, address := p.announced("C2", "cse-mn", "S", ae(`,"rn":"x","lbl":["a"],"at":["/id-in"]`))
	stem, _ := o.Text("ri")
	if address == "/id-in/"+stem {
		t.Error("what stands for the registration is taken for the copy")
	}
	for _, at := range []string{address, "/id-in/" + stem} {
		if got := p.copied(at, "ty", "lnk"); got != `{"ty":10002,"lnk":"/id-mn/`+stem+`"}` {
			t.Errorf("%s: %s", at, got)
		}
	}
	p.mn.must(onem2m.Deleted, ask{op: "D", to: "cse-mn/x", from: stem})
	p.in.must(onem2m.NotFound, ask{op: "R", to: address, from: "CAdmin"})
	if got := p.copied("/id-in/"+stem, "lnk"); got != `{"lnk":"INACTIVE"}` {
		t.Errorf("C-206 of the registration there is left %s", got)
	}
}

func TestSPRegistration_C203_RequestsToItsAEIDFromAnotherCSE(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Smeter", "meter")
	w.policy("Smeter", "cse-in/meter", "open", `{"acor":["/id-far"],"acop":63},{"acor":["Smeter"],"acop":63}`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/meter", from: "Smeter", body: `{"m2m:ae":{"acpi":["cse-in/meter/open"]}}`})
	over := certificate(identity.KindCSE, "//m2m.example/id-far")
	w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-far", assoc: over, body: `{"m2m:csr":{"rn":"far","cb":"/id-far/cse","rr":false,"srv":["3"]}}`})
	w.follow(t, []step{
		{name: "RETRIEVE", ask: ask{op: "R", to: "/Smeter", from: "/id-far", assoc: over}, code: 2000},
		{name: "UPDATE", ask: ask{op: "U", to: "/Smeter", from: "/id-far", assoc: over, body: `{"m2m:ae":{"lbl":["x"]}}`}, code: 2004},
		{name: "CREATE", ask: ask{op: "C3", to: "//m2m.example/Smeter", from: "/id-far", assoc: over, body: `{"m2m:cnt":{"rn":"made"}}`}, code: 2001},
		{name: "CREATE without content", ask: ask{op: "C3", to: "/Smeter", from: "/id-far", assoc: over}, code: 4000},
		{name: "C-173 what only the CSE makes", ask: ask{op: "C17", to: "/Smeter", from: "/id-far", assoc: over, body: `{"m2m:req":{}}`}, code: 4005},
		{name: "what is malformed", ask: ask{op: "C3", to: "/Smeter", from: "/id-far", assoc: over, body: `{"m2m:cnt":{"mni":-1}}`}, code: 4000},
	})
}

// What goes to where an AE of the whole SP is can't be called back, and isn't sent again
// after a crash.
func TestSPRegistration_C178_C181_ARequestThatHasGoneToTheAEIsNotSentAgain(t *testing.T) {
	t.Parallel()
	c := &carrier{}
	w := newWorld(t, func(o *Options) { o.Carrier = c })
	w.register("Capp01", "app")
	w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-mn", assoc: mn("id-mn"), body: `{"m2m:csr":{"rn":"id-mn","cb":"/id-mn/cse","rr":true,"poa":["https://mn.example"],"srv":["3"]}}`})
	w.must(onem2m.Created, ask{op: "C10002", to: "/id-in/-", from: "/id-mn/Sone", assoc: mn("id-mn"), body: `{"m2m:aeA":{"lnk":"/id-mn/Sone","lbl":["Credential-ID:"],"et":"20270101T000000","srv":["3"],"api":"N.x"}}`})
	flying := make(chan struct{}, 2)
	c.answer = func(ctx context.Context, _ *onem2m.Request) (*onem2m.Response, error) {
		flying <- struct{}{}
		<-ctx.Done()
		return nil, &onem2m.Error{Code: onem2m.RequestTimeout, Cause: ctx.Err()}
	}
	address := w.nonblocking(1001, ask{op: "C3", to: "/Sone?rt=1", from: "Capp01", body: `{"m2m:cnt":{}}`})
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { w.c.runErrands(ctx) })
	<-flying
	if o := w.must(onem2m.OK, ask{op: "R", to: address, from: "Capp01"}); string(o.Get("rs")) != "4" {
		t.Errorf("on its way: %s", o.Append(nil))
	}
	w.must(onem2m.UnableToRecallRequest, ask{op: "D", to: address, from: "Capp01"})
	stop() // as a crash does: nothing is kept
	group.Wait()
	w.c.backlog.init(100)
	ctx, stop = context.WithCancel(t.Context())
	group.Go(func() { w.c.runErrands(ctx) })
	w.awaits("its end, or that it is sent again", func() bool {
		return len(flying) > 0 || string(w.must(onem2m.OK, ask{op: "R", to: address, from: "Capp01"}).Get("rs")) == "2"
	})
	stop()
	group.Wait()
	if len(flying) > 0 {
		t.Error("it was sent again")
	}
}

func TestSPRegistration_C179_WhatDoesNotReachTheAEHasFailed(t *testing.T) {
	t.Parallel()
	c := &carrier{}
	w := newWorld(t, func(o *Options) { o.Carrier = c })
	w.register("Capp01", "app")
	w.register("Shere", "here")
	w.policy("Shere", "cse-in/here", "open", `{"acor":["Capp01"],"acop":63}`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/here", from: "Shere", body: `{"m2m:ae":{"acpi":["cse-in/here/open"]}}`})
	w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-mn", assoc: mn("id-mn"), body: `{"m2m:csr":{"rn":"id-mn","cb":"/id-mn/cse","rr":true,"poa":["https://mn.example"],"srv":["3"]}}`})
	w.must(onem2m.Created, ask{op: "C10002", to: "/id-in/-", from: "/id-mn/Sone", assoc: mn("id-mn"), body: `{"m2m:aeA":{"lnk":"/id-mn/Sone","lbl":["Credential-ID:"],"et":"20270101T000000","srv":["3"],"api":"N.x"}}`})
	defer w.run()()
	for _, tt := range []struct {
		name, to string
		answers  onem2m.StatusCode // 0: nobody is reached
		status   string
		code     int64
	}{
		{"the CSE of the AE isn't reached", "/Sone", 0, "2", 5103},
		{"it refuses", "/Sone", onem2m.OriginatorHasNoPrivilege, "1", 4103},
		{"it does it", "/Sone", onem2m.Created, "1", 2001},
		{"the AE is here", "/Shere", 0, "1", 2001},
		{"what is here refuses", "/Shere", 0, "1", 4105},
	} {
		c.answer = func(_ context.Context, req *onem2m.Request) (*onem2m.Response, error) {
			if tt.answers == 0 {
				return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "nobody")
			}
			return &onem2m.Response{Code: tt.answers, RequestID: req.RequestID}, nil
		}
		o := w.outcome(w.nonblocking(1001, ask{op: "C3", to: tt.to + "?rt=1", from: "Capp01", body: `{"m2m:cnt":{"rn":"c"}}`}), "Capp01")
		if string(o.Get("rs")) == "4" {
			address, _ := o.Text("ri")
			w.awaits("the end", func() bool {
				o = w.must(onem2m.OK, ask{op: "R", to: address, from: "Capp01"})
				return string(o.Get("rs")) != "4"
			})
		}
		if string(o.Get("rs")) != tt.status || rsc(o) != tt.code {
			t.Errorf("C-179 %s: %s", tt.name, o.Append(nil))
		}
	}
}
