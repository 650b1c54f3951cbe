package cse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

func TestRemoteCSE_S093_WhoStatedADescendantFirstHasItAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	change := func(o *Options) { o.Type = MN }
	w := newWorldIn(t, dir, change)
	for _, id := range []string{"/id-late", "/id-first"} { // the later one has the older <remoteCSE>
		w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: id, body: `{"m2m:csr":{"rn":"` + id[1:] + `","cb":"` + id + `/cse","srv":["3"],"rr":false}}`})
	}
	claim := func(id string, code onem2m.StatusCode) {
		t.Helper()
		w.must(code, ask{op: "U", to: "cse-in" + id, from: id, body: `{"m2m:csr":{"dcse":["/id-deep"]}}`})
	}
	claim("/id-first", onem2m.Updated)
	claim("/id-late", onem2m.SecurityAssociationRequired)
	via := func(want onem2m.ID) {
		t.Helper()
		if n, _ := w.c.peers.Via("//m2m.example/id-deep", 0); n.ID != want {
			t.Errorf("/id-deep is below %q, want %q", n.ID, want)
		}
	}
	via("//m2m.example/id-first")
	w.restart(dir, change)
	via("//m2m.example/id-first")
	claim("/id-late", onem2m.SecurityAssociationRequired)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/id-first", from: "/id-first", body: `{"m2m:csr":{"dcse":["/id-deep","/id-deeper"]}}`})
	via("//m2m.example/id-first")
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/id-first", from: "/id-first", body: `{"m2m:csr":{"dcse":null}}`})
	claim("/id-late", onem2m.Updated)
	via("//m2m.example/id-late")
}

func TestRemoteCSE_S093_WhatIsKnownFromElsewhereIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	change := func(o *Options) {
		o.Type, o.Registrar = MN, "//m2m.example/id-top"
		o.Expected = map[onem2m.ID][]string{"//m2m.example/id-shut": {"//m2m.example/id-home*"}}
	}
	w := newWorldIn(t, dir, change)
	if err := w.c.Mirror(t.Context(), mirrorOf("https://top.example")); err != nil {
		t.Fatal(err)
	}
	register := func(id, more string) *onem2m.Response {
		return w.do(ask{op: "C16", to: "cse-in", from: id, body: `{"m2m:csr":{"rn":"` + id[1:] + `","cb":"` + id + `/cse","srv":["3"],"rr":false` + more + `}}`})
	}
	for _, id := range []string{"/id-open", "/id-shut"} {
		if res := register(id, ""); res.Code != onem2m.Created {
			t.Fatal(text(res))
		}
	}
	for _, tt := range []struct {
		name, id, dcse string
		code           onem2m.StatusCode
	}{
		{"what nobody knows", "/id-open", `"/id-deep","/id-lie"`, 2004},
		{"the registrar", "/id-open", `"/id-deep","/id-lie","/id-top"`, 4107},
		{"this CSE", "/id-open", `"/id-in"`, 4107},
		{"another registree", "/id-open", `"/id-shut"`, 4107},
		{"a CSE of another provider", "/id-open", `"//far.example/id-x"`, 4107},
		{"what another registree has", "/id-shut", `"/id-deep"`, 4107},
		{"what the operator doesn't expect", "/id-shut", `"/id-x"`, 4103},
		{"what the operator expects", "/id-shut", `"/id-home7"`, 2004},
	} {
		w.must(tt.code, ask{op: "U", to: "cse-in" + tt.id, from: tt.id, body: `{"m2m:csr":{"dcse":[` + tt.dcse + `]}}`})
	}
	if res := register("/id-new", `,"dcse":["/id-top"]`); res.Code != onem2m.SecurityAssociationRequired {
		t.Errorf("a registration with a claim: %s", text(res))
	}
	via := func(id onem2m.ID) onem2m.ID { n, _ := w.c.peers.Via(id, w.c.instant()); return n.ID }
	has := func(id string) string {
		return string(w.must(onem2m.OK, ask{op: "R", to: "cse-in" + id, from: id}).Get("dcse"))
	}
	deep, lie := onem2m.ID("//m2m.example/id-deep"), onem2m.ID("//m2m.example/id-lie")
	if via(deep) != "" {
		t.Error("a claim counts before the registrar has taken it")
	}
	if err := w.c.Vouched(t.Context(), []onem2m.ID{deep}, []onem2m.ID{lie}); err != nil {
		t.Fatal(err)
	}
	if via(deep) != "//m2m.example/id-open" || via(lie) != "" || has("/id-open") != `["/id-deep"]` {
		t.Errorf("via %q, %q; left is %s", via(deep), via(lie), has("/id-open"))
	}
	w.must(onem2m.NotAcceptable, ask{op: "U", to: "cse-in/id-open", from: "/id-open", body: `{"m2m:csr":{"dcse":["/id-deep","/id-lie"]}}`})
	if res := register("/id-new", ""); res.Code != onem2m.Created {
		t.Error(text(res))
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/id-new", from: "/id-new", body: `{"m2m:csr":{"dcse":["/id-lie"]}}`}) // who was not wrong about it
	w.restart(dir, change)
	if via(deep) != "//m2m.example/id-open" {
		t.Error("a restart forgets what the registrar has taken")
	}
	if res := register("/id-deep", ""); res.Code != onem2m.Created || via(deep) != deep || has("/id-open") != "" {
		t.Errorf("one that registers here itself: %s, via %q, still claimed: %s", text(res), via(deep), has("/id-open"))
	}
}

// A registree says again and again that another CSE is below it. It keeps that one
// from nothing: neither from registering here nor from moving below another.
func TestRemoteCSE_S093_WhoShowsItselfWinsOverWhoClaimsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Type = MN })
	id, liar, honest := onem2m.ID("//m2m.example/id-a"), onem2m.ID("//m2m.example/id-liar"), onem2m.ID("//m2m.example/id-b")
	register := func(id onem2m.ID) {
		t.Helper()
		name := id.SPRelative()
		w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: name, assoc: certificate(identity.KindCSE, id), body: `{"m2m:csr":{"rn":"` + name[1:] + `","cb":"` + name + `/cse","srv":["3"],"rr":false}}`})
	}
	claim := func(by onem2m.ID, code onem2m.StatusCode) {
		t.Helper()
		w.must(code, ask{op: "U", to: "cse-in" + by.SPRelative(), from: by.SPRelative(), assoc: certificate(identity.KindCSE, by), body: `{"m2m:csr":{"dcse":["/id-a"]}}`})
	}
	via := func(want onem2m.ID) {
		t.Helper()
		if n, _ := w.c.peers.Via(id, w.c.instant()); n.ID != want {
			t.Errorf("via %q, want %q", n.ID, want)
		}
	}
	register(liar)
	register(honest)
	claim(liar, onem2m.Updated)
	via(liar)
	register(id)
	via(id)
	for range 5 {
		claim(liar, onem2m.SecurityAssociationRequired)
		w.advance(50 * time.Second)
	}
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/id-a", from: "/id-a", assoc: certificate(identity.KindCSE, id)})
	claim(liar, onem2m.NotAcceptable)
	claim(honest, onem2m.Updated)
	via(honest)
	w.advance(time.Hour)
	claim(liar, onem2m.SecurityAssociationRequired)
	via(honest)
}

// A CSE that moves registers with its new registrar, which is quicker here than its
// farewell: it is refused, and may try again at once.
func TestRemoteCSE_S093_ARegistrarThatIsTooQuickMayTryAgainSoon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Type = MN })
	as := func(name string, a ask) ask {
		a.from, a.assoc = name, certificate(identity.KindCSE, onem2m.ID("//m2m.example"+name))
		return a
	}
	claim := func(code onem2m.StatusCode) {
		t.Helper()
		w.must(code, as("/id-b", ask{op: "U", to: "cse-in/id-b", body: `{"m2m:csr":{"dcse":["/id-a"]}}`}))
	}
	for _, name := range []string{"/id-a", "/id-b"} {
		w.must(onem2m.Created, as(name, ask{op: "C16", to: "cse-in", body: `{"m2m:csr":{"rn":"` + name[1:] + `","cb":"` + name + `/cse","srv":["3"],"rr":false}}`}))
	}
	claim(onem2m.SecurityAssociationRequired)
	w.must(onem2m.Deleted, as("/id-a", ask{op: "D", to: "cse-in/id-a"}))
	claim(onem2m.NotAcceptable)
	w.advance(time.Second)
	claim(onem2m.Updated)
}

func TestRemoteCSE_S093_WhereTheOperatorSaysThatACSEIsItIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	change := func(o *Options) {
		o.Type = MN
		o.Expected = map[onem2m.ID][]string{"//m2m.example/id-b": {"//m2m.example/id-a"}}
	}
	w := newWorldIn(t, dir, change)
	for _, id := range []string{"/id-liar", "/id-b"} {
		w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: id, body: `{"m2m:csr":{"rn":"` + id[1:] + `","cb":"` + id + `/cse","srv":["3"],"rr":false}}`})
	}
	claim := func(id string, code onem2m.StatusCode) {
		t.Helper()
		w.must(code, ask{op: "U", to: "cse-in" + id, from: id, body: `{"m2m:csr":{"dcse":["/id-a"]}}`})
	}
	claim("/id-liar", onem2m.Updated)
	claim("/id-b", onem2m.Updated)
	claim("/id-liar", onem2m.SecurityAssociationRequired)
	w.restart(dir, change)
	if n, _ := w.c.peers.Via("//m2m.example/id-a", 0); n.ID != "//m2m.example/id-b" {
		t.Errorf("via %q", n.ID)
	}
	if res := w.must(onem2m.OK, ask{op: "R", to: "cse-in/id-liar", from: "/id-liar"}); res.Has("dcse") {
		t.Errorf("still claimed: %s", res.Get("dcse"))
	}
}

func TestRemoteCSE_C215_TheNumberOfDescendantsHasABound(t *testing.T) {
	t.Parallel()
	w, _ := crossroads(t)
	list := make([]string, 0, 1001)
	for i := range 1001 {
		list = append(list, fmt.Sprintf(`"/id-d%d"`, i))
	}
	dcse := func(n int) string { return `{"m2m:csr":{"dcse":[` + strings.Join(list[:n], ",") + `]}}` }
	w.must(onem2m.BadRequest, ask{op: "U", to: "cse-in/id-open", from: "/id-open", body: dcse(1001)})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/id-open", from: "/id-open", body: dcse(1000)})
}

func TestRemoteCSE_S014_WhoRegistersOverTLSIsNeverCalledWithout(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	change := func(o *Options) { o.Type = MN }
	w := newWorldIn(t, dir, change)
	far := onem2m.ID("//m2m.example/id-far")
	over := certificate(identity.KindCSE, far)
	points := func(when string, want ...string) {
		t.Helper()
		n, _ := w.c.peers.Neighbour(far, w.c.instant())
		if diff := cmp.Diff(want, n.Points, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	create := func(assoc *identity.Association, poa string) {
		t.Helper()
		w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-far", assoc: assoc, body: `{"m2m:csr":{"rn":"id-far","cb":"/id-far/cse","srv":["3"],"rr":true,"poa":[` + poa + `]}}`})
	}
	update := func(assoc *identity.Association, poa string) {
		t.Helper()
		w.must(onem2m.Updated, ask{op: "U", to: "cse-in/id-far", from: "/id-far", assoc: assoc, body: `{"m2m:csr":{"poa":[` + poa + `]}}`})
	}
	create(trusted(), `"http://far.example"`)
	points("without TLS", "http://far.example")
	update(over, `"http://far.example","https://far.example","HTTP://b.example"`)
	points("with both", "https://far.example")
	update(trusted(), `"http://far.example"`)
	points("over TLS before")
	w.restart(dir, change)
	points("over TLS before the restart")
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/id-far", from: "/id-far", assoc: over})
	create(over, `"http://far.example"`)
	points("over TLS")
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/id-far", from: "/id-far", assoc: over})
	create(trusted(), `"http://far.example"`)
	points("another registration, without TLS", "http://far.example")
}
