package cse

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// pair is an MN-CSE and the IN-CSE that it is registered with; what the one
// sends, the other serves, unless it is away.
type pair struct {
	mn, in *world
	c      *carrier
	away   atomic.Bool
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{c: &carrier{}}
	p.in = newWorld(t)
	p.in.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-mn", body: `{"m2m:csr":{"rn":"id-mn","cb":"/id-mn/cse-mn","rr":true,"poa":["https://mn.example"],"srv":["3"]}}`})
	over := certificate(identity.KindCSE, "//m2m.example/id-mn")
	p.c.answer = func(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
		if p.away.Load() {
			return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "away")
		}
		return p.in.c.Handle(ctx, over, req), nil
	}
	p.mn = newWorld(t, func(o *Options) {
		o.Home = onem2m.Home{SP: "//m2m.example", CSE: "/id-mn", Name: "cse-mn"}
		o.Type, o.Carrier, o.Registrar = MN, p.c, "//m2m.example/id-in"
	})
	p.upwards()
	return p
}

// upwards tells the MN-CSE of its registrar.
func (p *pair) upwards() {
	p.mn.t.Helper()
	err := p.mn.c.Mirror(p.mn.t.Context(), onem2m.Object{
		{Name: "csi", Value: []byte(`"/id-in"`)},
		{Name: "cb", Value: []byte(`"/id-in/cse-in"`)},
		{Name: "rr", Value: []byte("true")},
		{Name: "poa", Value: onem2m.TextsValue([]string{"https://in.example"})},
		{Name: "srv", Value: []byte(`["3"]`)},
	})
	if err != nil {
		p.mn.t.Fatal(err)
	}
}

// announced makes a resource on the MN-CSE and returns it with the address of
// its copy.
func (p *pair) announced(op, to, from, body string) (o onem2m.Object, address string) {
	p.mn.t.Helper()
	o = p.mn.must(onem2m.Created, ask{op: op, to: to, from: from, body: body})
	copies, _ := o.Texts("at")
	if len(copies) != 1 || !strings.HasPrefix(copies[0], "/id-in/") {
		p.mn.t.Fatalf("announced at %v", copies)
	}
	return o, copies[0]
}

// copied returns some attributes of a copy.
func (p *pair) copied(address string, names ...string) string {
	p.in.t.Helper()
	o := p.in.must(onem2m.OK, ask{op: "R", to: address, from: "CAdmin"})
	var some onem2m.Object
	for _, name := range names {
		if v := o.Get(name); v != nil {
			some.Set(name, v)
		}
	}
	return string(some.Append(nil))
}

const lamp = `{"m2m:ae":{"rn":"lamp","api":"Nlamp","rr":false,"srv":["3"],"lbl":["a"],"at":["/id-in"],"aa":["apn","lbl","ri"]}}`

func TestAnnounce_C391_C405_OfAnAE(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	o, address := p.announced("C2", "cse-mn", "Clamp", lamp)
	if aa := string(o.Get("aa")); aa != `["apn","lbl"]` {
		t.Errorf("C-393 C-397 aa is %s", aa)
	}
	if got := p.copied(address, "ty", "lnk", "lbl", "srv", "api", "rr"); got != `{"ty":10002,"lnk":"/id-mn/Clamp","lbl":["a"],"srv":["3"]}` {
		t.Errorf("C-392 C-405 the copy is %s", got)
	}
	first := p.c.sent[0]
	if first.From != "/id-mn" || first.To != "/id-in/-" || *first.Type != 10005 || first.Content.Name != "m2m:cbA" {
		t.Errorf("C-389 C-391 first came %+v", first)
	}
	parent := p.in.must(onem2m.OK, ask{op: "R", to: address + "?atrl=pi", from: "CAdmin"})
	pi, _ := parent.Text("pi")
	if got := p.copied(pi, "ty", "lnk"); got != `{"ty":10005,"lnk":"/id-mn/cse-mn"}` {
		t.Errorf("C-389 the parent of the copy is %s", got)
	}

	t.Run("C-395 an UPDATE of announced attributes", func(t *testing.T) {
		before := len(p.c.sent)
		p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:ae":{"lbl":["b"],"apn":"lamp"}}`})
		if got := p.copied(address, "lbl", "apn"); got != `{"lbl":["b"],"apn":"lamp"}` || len(p.c.sent) != before+1 {
			t.Errorf("the copy is %s after %d requests", got, len(p.c.sent)-before)
		}
		p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:ae":{"rr":true}}`})
		if len(p.c.sent) != before+1 {
			t.Errorf("rr is announced only if aa lists it: %d requests", len(p.c.sent)-before)
		}
		p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:ae":{"lbl":null}}`})
		if got := p.copied(address, "lbl"); got != `{}` {
			t.Errorf("the copy is %s", got)
		}
	})
	t.Run("C-395 C-397 names that come to aa, and go", func(t *testing.T) {
		p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:ae":{"aa":["api"]}}`})
		if got := p.copied(address, "api", "apn", "srv"); got != `{"api":"Nlamp","srv":["3"]}` {
			t.Errorf("the copy is %s", got)
		}
		p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:ae":{"aa":null}}`})
		if got := p.copied(address, "api", "srv"); got != `{"srv":["3"]}` {
			t.Errorf("the copy is %s", got)
		}
	})
	t.Run("C-389 a child below the copy of its parent", func(t *testing.T) {
		_, below := p.announced("C3", "cse-mn/lamp", "Clamp", `{"m2m:cnt":{"rn":"c","at":["/id-in"],"aa":["mni"],"mni":3}}`)
		o := p.in.must(onem2m.OK, ask{op: "R", to: below, from: "CAdmin"})
		if pi, _ := o.Text("pi"); "/id-in/"+pi != address {
			t.Errorf("below %s, not %s", pi, address)
		}
		_, instance := p.announced("C4", "cse-mn/lamp/c", "Clamp", `{"m2m:cin":{"con":"1","at":["/id-in"],"aa":["con"]}}`)
		if got := p.copied(instance, "con"); got != `{"con":"1"}` {
			t.Errorf("the copy is %s", got)
		}
	})
	t.Run("C-396 at null", func(t *testing.T) {
		o := p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:ae":{"at":null}}`})
		if o.Has("at") {
			t.Errorf("at is %s", o.Get("at"))
		}
		p.in.must(onem2m.NotFound, ask{op: "R", to: address, from: "CAdmin"})
	})
	t.Run("C-394 at again, in the answer", func(t *testing.T) {
		o := p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp?rcn=9", from: "Clamp", body: `{"m2m:ae":{"at":["/id-in"]}}`})
		if list, _ := o.Texts("at"); len(list) != 1 || list[0] == "/id-in" {
			t.Errorf("answered %s", o.Append(nil))
		} else {
			address = list[0]
		}
	})
	t.Run("C-126 C-396 the original goes", func(t *testing.T) {
		p.mn.must(onem2m.Deleted, ask{op: "D", to: "cse-mn/lamp", from: "Clamp"})
		p.in.must(onem2m.NotFound, ask{op: "R", to: address, from: "CAdmin"})
		if n := len(p.mn.c.arrears.open); n != 0 {
			t.Errorf("%d debts are left", n)
		}
	})
}

func TestAnnounce_C389_AnAnswerIsBelievedOfTheOtherCSEAlone(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for _, tt := range []struct{ ri, want string }{
		{"cbA1", "/id-in/cbA1"},
		{"/id-in/cbA1", "/id-in/cbA1"},
		{"//m2m.example/id-in/cbA1", "//m2m.example/id-in/cbA1"},
		{"/id-mn/Clamp", ""},
		{"/id-else/x", ""},
		{"/id-in", ""},
		{"/id-in/x#lbl", ""},
		{"", ""},
		{"//far.example/id-in/x", ""},
	} {
		got, err := p.mn.c.there(tt.ri, "//m2m.example/id-in")
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: %q %v", tt.ri, got, err)
		}
	}
}

func TestAnnounce_Specializations(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.announced("C2", "cse-mn", "Clamp", lamp)
	for name, tt := range map[string]struct {
		op, to, body, update, want string
		names                      []string
	}{
		"C-255 a <flexContainer>": {
			"C28", "cse-mn/lamp", `{"cod:tempe":{"rn":"t","cnd":"org.onem2m.common.moduleclass.temperature","curT0":21.5,"tarTe":20,"aa":["curT0"],"at":["/id-in"]}}`,
			`{"cod:tempe":{"curT0":22,"aa":["curT0","tarTe"]}}`, `{"ty":10028,"cnd":"org.onem2m.common.moduleclass.temperature","curT0":22,"tarTe":20}`,
			[]string{"ty", "cnd", "curT0", "tarTe"},
		},
		"C-389 a <node>": {"C14", "cse-mn", `{"m2m:nod":{"rn":"n","ni":"n1","at":["/id-in"]}}`, `{"m2m:nod":{"lbl":["x"]}}`, `{"ty":10014,"ni":"n1","lbl":["x"]}`, []string{"ty", "ni", "lbl"}},
	} {
		t.Run(name, func(t *testing.T) {
			from := "Clamp"
			if tt.op == "C14" {
				from = "CAdmin"
			}
			o, address := p.announced(tt.op, tt.to, from, tt.body)
			rn, _ := o.Text("rn")
			p.mn.must(onem2m.Updated, ask{op: "U", to: tt.to + "/" + rn, from: from, body: tt.update})
			if diff := cmp.Diff(tt.want, p.copied(address, tt.names...)); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, address := p.announced("C13", "cse-mn/n", "CAdmin", `{"m2m:bat":{"rn":"b","mgd":1006,"btl":23,"bts":1,"aa":["btl"],"at":["/id-in"]}}`)
	if diff := cmp.Diff(`{"ty":10013,"mgd":1006,"btl":23}`, p.copied(address, "ty", "mgd", "btl", "bts")); diff != "" {
		t.Error(diff)
	}
}

func TestAnnounce_WhatIsRefused(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.mn.must(onem2m.Created, ask{op: "C2", to: "cse-mn", from: "Clamp", body: `{"m2m:ae":{"rn":"lamp","api":"Nlamp","rr":false,"srv":["3"]}}`})
	p.mn.must(onem2m.Created, ask{op: "C3", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:cnt":{"rn":"c"}}`})
	for name, tt := range map[string]struct {
		op, to, body string
		code         onem2m.StatusCode
	}{
		"C-390 an instance whose parent isn't announced": {"C4", "cse-mn/lamp/c", `{"m2m:cin":{"con":"1","at":["/id-in"]}}`, 4005},
		"C-402 its own CSE":                       {"C3", "cse-mn/lamp", `{"m2m:cnt":{"at":["/id-mn"]}}`, 4000},
		"C-389 a relative address":                {"C3", "cse-mn/lamp", `{"m2m:cnt":{"at":["cse-in"]}}`, 4000},
		"C-393 a name that the type doesn't have": {"C3", "cse-mn/lamp", `{"m2m:cnt":{"at":["/id-in"],"aa":["rr"]}}`, 4000},
		"C-404 an unknown way of synchronization": {"C3", "cse-mn/lamp", `{"m2m:cnt":{"at":["/id-in"],"ast":3}}`, 4000},
	} {
		t.Run(name, func(t *testing.T) {
			p.mn.must(tt.code, ask{op: tt.op, to: tt.to, from: "Clamp", body: tt.body})
		})
	}
	if len(p.c.sent) != 0 {
		t.Errorf("%d requests were sent", len(p.c.sent))
	}
}

func TestAnnounce_C406_WhileTheOtherCSEIsAway(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	_, address := p.announced("C2", "cse-mn", "Clamp", lamp)
	p.away.Store(true)
	t.Run("C-394 a target that fails is left out", func(t *testing.T) {
		o := p.mn.must(onem2m.Created, ask{op: "C3", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:cnt":{"rn":"c","at":["/id-in"]}}`})
		if o.Has("at") {
			t.Errorf("at is %s", o.Get("at"))
		}
	})
	p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:ae":{"lbl":["x"]}}`})
	p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:ae":{"lbl":["y"],"apn":"z"}}`})
	p.mn.c.arrears.init() // as after a restart
	if err := p.mn.c.loadArrears(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.away.Store(false)
	p.mn.c.payOwn(t.Context(), allOwed)
	if got := p.copied(address, "lbl", "apn"); got != `{"lbl":["y"],"apn":"z"}` {
		t.Errorf("C-395 afterwards the copy is %s", got)
	}
	p.away.Store(true)
	p.mn.must(onem2m.Deleted, ask{op: "D", to: "cse-mn/lamp", from: "Clamp"})
	p.mn.c.arrears.init()
	if err := p.mn.c.loadArrears(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.away.Store(false)
	p.mn.c.payOwn(t.Context(), allOwed)
	p.in.must(onem2m.NotFound, ask{op: "R", to: address, from: "CAdmin"})
	t.Run("C-396 nothing is owed any more", func(t *testing.T) {
		err := p.mn.c.loadArrears(t.Context())
		if n := len(p.mn.c.arrears.open); err != nil || n != 0 {
			t.Errorf("%d debts, %v", n, err)
		}
	})
}

func TestAnnounce_C394_WhoTriesAgainAndAgainOwesOneSearch(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.announced("C2", "cse-mn", "Clamp", lamp)
	p.mn.must(onem2m.Created, ask{op: "C3", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:cnt":{"rn":"c"}}`})
	p.away.Store(true)
	for range 10 {
		p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp/c", from: "Clamp", body: `{"m2m:cnt":{"at":["/id-in"]}}`})
	}
	kept := func() (n int) {
		err := p.mn.c.Store.Read(t.Context(), func(r store.Reader) error {
			all, err := keptArrears(r)
			n = len(all)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := kept(); n != 1 {
		t.Errorf("%d debts are kept", n)
	}
	p.away.Store(false)
	p.mn.c.arrears.init() // as after a restart
	if err := p.mn.c.loadArrears(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.mn.c.payOwn(t.Context(), allOwed)
	if n := kept(); n != 0 {
		t.Errorf("afterwards %d are kept", n)
	}
}

func TestAnnounce_C403_PoliciesAndTheEndFollowTheOriginal(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.mn.must(onem2m.Created, ask{op: "C2", to: "cse-mn", from: "Clamp", body: `{"m2m:ae":{"rn":"lamp","api":"Nlamp","rr":false,"srv":["3"]}}`})
	p.mn.must(onem2m.Created, ask{op: "C1", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:acp":{"rn":"acp","pv":{"acr":[{"acor":["Clamp"],"acop":63}]},"pvs":{"acr":[{"acor":["Clamp"],"acop":63}]}}}`})
	p.mn.must(onem2m.Created, ask{op: "C3", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:cnt":{"rn":"c","acpi":["cse-mn/lamp/acp"]}}`})
	_, address := p.announced("C3", "cse-mn/lamp/c", "Clamp", `{"m2m:cnt":{"rn":"d","at":["/id-in"],"et":"20260501T000000"}}`)
	if got := p.copied(address, "acpi", "et"); got != `{"acpi":["/id-mn/cse-mn/lamp/acp"],"et":"20260501T000000,000000"}` {
		t.Errorf("C-021 C-392 the copy has %s", got)
	}
	p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp/c/d", from: "Clamp", body: `{"m2m:cnt":{"et":"20260601T000000"}}`})
	if got := p.copied(address, "et"); !strings.Contains(got, "20260601T000000") {
		t.Errorf("C-403 the copy ends %s", got)
	}
	p.mn.advance(100 * 24 * 3600e9)
	if err := p.mn.c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.mn.c.payOwn(t.Context(), allOwed)
	t.Run("C-396 C-407 the original has expired", func(t *testing.T) {
		p.in.must(onem2m.NotFound, ask{op: "R", to: address, from: "CAdmin"})
	})
}

func TestAnnounce_C389_TheBaseIsFoundAgainOrMadeAgain(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	_, address := p.announced("C2", "cse-mn", "Clamp", lamp)
	o := p.in.must(onem2m.OK, ask{op: "R", to: address, from: "CAdmin"})
	base, _ := o.Text("pi")
	announce := func(rn string) string {
		_, address := p.announced("C9", "cse-mn/lamp", "Clamp", `{"m2m:grp":{"rn":"`+rn+`","mnm":3,"mid":[],"at":["/id-in/`+base+`"]}}`)
		return address
	}
	announce("at-an-address")
	p.in.must(onem2m.Deleted, ask{op: "D", to: base, from: "CAdmin"})
	if _, kept, err := p.mn.c.baseAt(t.Context(), "//m2m.example/id-in"); !kept || err != nil {
		t.Fatal(kept, err)
	}
	_, again := p.announced("C2", "cse-mn", "Cother", strings.ReplaceAll(lamp, `"lamp"`, `"other"`))
	if o := p.in.must(onem2m.OK, ask{op: "R", to: again, from: "CAdmin"}); o.Has("pi") {
		now, _ := o.Text("pi")
		found, err := p.mn.c.findBase(t.Context(), "//m2m.example/id-in")
		if diff := cmp.Diff("/id-in/"+now, found); diff != "" || err != nil || now == base {
			t.Errorf("%s %v", diff, err)
		}
	}
	if ty := p.mn.c.srt; !slices.Contains(ty, 10002) {
		t.Errorf("supported types %v", ty)
	}
}

func TestAnnounce_C394_ACopyThatIsGoneThereIsForgottenHere(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	_, address := p.announced("C2", "cse-mn", "Clamp", lamp)
	p.in.must(onem2m.Deleted, ask{op: "D", to: address, from: "CAdmin"})
	p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:ae":{"lbl":["x"]}}`})
	if o := p.mn.must(onem2m.OK, ask{op: "R", to: "cse-mn/lamp", from: "Clamp"}); o.Has("at") {
		t.Errorf("at is %s", o.Get("at"))
	}
	o := p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:ae":{"at":["/id-in"]}}`})
	if list, _ := o.Texts("at"); len(list) != 1 || list[0] == address {
		t.Errorf("announced anew at %v", list)
	}
}

// allOwed are all debts that there may be.
var allOwed = arrearSpan{Next: 1 << 60} //nolint:gochecknoglobals // a constant

func TestAnnounce_C395_AfterADayAwayACopyIsTold(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	_, address := p.announced("C2", "cse-mn", "Clamp", lamp)
	p.away.Store(true)
	p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:ae":{"lbl":["x"]}}`})
	later := func() {
		t.Helper()
		p.mn.c.arrears.init()
		if err := p.mn.c.loadArrears(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.mn.c.payOwn(t.Context(), allOwed)
	}
	for range 29 {
		p.mn.advance(24 * time.Hour)
		later()
	}
	p.away.Store(false)
	later()
	if got := p.copied(address, "lbl"); got != `{"lbl":["x"]}` {
		t.Errorf("afterwards the copy is %s", got)
	}
	p.away.Store(true)
	p.mn.must(onem2m.Updated, ask{op: "U", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:ae":{"lbl":["y"]}}`})
	p.mn.advance(maxOwed + time.Hour)
	later()
	if n := len(p.mn.c.arrears.open); n != 0 {
		t.Errorf("%d debts are left to a CSE that has gone", n)
	}
}

func TestAnnounce_C389_ACopyOfTheParentThatIsGone(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	_, address := p.announced("C2", "cse-mn", "Clamp", lamp)
	p.mn.must(onem2m.Created, ask{op: "C3", to: "cse-mn/lamp", from: "Clamp", body: `{"m2m:cnt":{"rn":"c"}}`})
	p.in.must(onem2m.Deleted, ask{op: "D", to: address, from: "CAdmin"})
	_, below := p.announced("C3", "cse-mn/lamp", "Clamp", `{"m2m:cnt":{"rn":"d","at":["/id-in"]}}`)
	o := p.in.must(onem2m.OK, ask{op: "R", to: below, from: "CAdmin"})
	pi, _ := o.Text("pi")
	if got := p.copied(pi, "ty"); got != `{"ty":10005}` {
		t.Errorf("below %s", got)
	}
	if o := p.mn.must(onem2m.OK, ask{op: "R", to: "cse-mn/lamp", from: "Clamp"}); o.Has("at") {
		t.Errorf("C-394 the parent is still said to be at %s", o.Get("at"))
	}
	t.Run("C-390 an instance needs it", func(t *testing.T) {
		_, box := p.announced("C3", "cse-mn/lamp", "Clamp", `{"m2m:cnt":{"rn":"e","at":["/id-in"]}}`)
		p.in.must(onem2m.Deleted, ask{op: "D", to: box, from: "CAdmin"})
		o := p.mn.must(onem2m.Created, ask{op: "C4", to: "cse-mn/lamp/e", from: "Clamp", body: `{"m2m:cin":{"con":"1","at":["/id-in"]}}`})
		if o.Has("at") {
			t.Errorf("at is %s", o.Get("at"))
		}
		p.mn.must(onem2m.OperationNotAllowed, ask{op: "C4", to: "cse-mn/lamp/e", from: "Clamp", body: `{"m2m:cin":{"con":"2","at":["/id-in"]}}`})
	})
}

func TestAnnounce_C394_ATargetThatIsSlowKeepsNoOtherFromItsCopy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, c := crossroads(t)
		c.answer = func(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
			if strings.HasPrefix(req.To, "/id-deep") {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return &onem2m.Response{Code: onem2m.Created, From: "/id-open", Content: &onem2m.Content{Name: "m2m:cntA", Value: []byte(`{"ri":"cntA1"}`)}}, nil
		}
		o := w.must(onem2m.Created, ask{op: "C3", to: "cse-in/lamp", from: "Clamp", body: `{"m2m:cnt":{"at":["/id-deep/x","/id-open/y"]}}`, edit: func(r *onem2m.Request) { r.RequestExpiration = "300" }})
		if list, _ := o.Texts("at"); len(list) != 1 || list[0] != "/id-open/cntA1" {
			t.Errorf("announced at %v", list)
		}
	})
}

func TestArrears_ACSEThatRegistersAgainIsToldAtOnce(t *testing.T) {
	t.Parallel()
	w, _ := crossroads(t)
	w.c.arrears.add("//m2m.example/id-open", 1, arrear{Copy: "/id-open/x"})
	one, _ := w.c.arrears.take()
	w.c.arrears.end(one, false, true)
	if one, _ := w.c.arrears.take(); one != nil {
		t.Fatal("it isn't left alone")
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/id-open", from: "/id-open", body: `{"m2m:csr":{"poa":["https://there.example"]}}`})
	if one, _ := w.c.arrears.take(); one == nil {
		t.Error("it isn't asked")
	}
}
