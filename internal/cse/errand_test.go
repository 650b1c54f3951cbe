package cse

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func TestRequest_C186_AFlexibleRequestIsAnsweredIfItIsQuick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.Timing.FlexBlocking = 50 * time.Millisecond })
		w.register("Capp01", "app")
		w.must(onem2m.Created, ask{op: "C3", to: "cse-in/app?rt=4", from: "Capp01", body: `{"m2m:cnt":{"rn":"c1"}}`})
		subscription := ask{op: "C23", to: "cse-in/app/c1?rt=4", from: "Capp01", body: `{"m2m:sub":{"nu":["http://192.0.2.9/"]}}`}
		address := w.nonblocking(1001, subscription) // nobody works, so it takes long
		stop := w.run()
		if o := w.outcome(address, "Capp01"); rsc(o) != 2001 {
			t.Errorf("C-186 got %s", o.Append(nil))
		}
		w.c.Timing.FlexBlocking = 10 * time.Second
		subscription.edit = func(r *onem2m.Request) { r.HasNotifyURIs, r.NotificationURIs = true, []string{"http://192.0.2.9/"} }
		w.must(onem2m.Created, subscription)
		stop()
		if len(w.results) != 0 {
			t.Errorf("told %v, although it was answered", w.results)
		}
		n := 0
		err := w.store.Read(t.Context(), func(r store.Reader) error {
			list, err := r.OfType(onem2m.TypeRequest, 0, 100)
			n = len(list)
			return err
		})
		if err != nil || n != 1 {
			t.Errorf("%d <request>s are left, want the first one (%v)", n, err)
		}
		subscription.edit = func(r *onem2m.Request) {
			r.HasNotifyURIs, r.NotificationURIs, r.ExecutionTime, r.RequestExpiration = true, []string{"http://192.0.2.9/"}, "20000", "30000"
		}
		w.nonblocking(1002, subscription) // not worth waiting for
	})
}

func TestRequest_IsCarriedOutAfterARestartIfItHasNotBeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.policy("Capp01", "cse-in/app", "p", `{"acor":["Cfar01"],"acop":1,"acco":[{"acip":{"ipv4":["192.0.2.77"]}}]}`)
	w.must(onem2m.Created, ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"c1","acpi":["cse-in/app/p"]}}`})
	w.register("Cfar01", "far")
	create := func(name string) string {
		return w.nonblocking(1001, ask{op: "C4", to: "cse-in/app/c1?rt=1", from: "Cfar01", body: `{"m2m:cin":{"rn":"` + name + `","con":"1"}}`})
	}
	pending, fan := create("i1"), create("i2")
	rec := w.record(fan)
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		return w.c.amend(tx, rec, w.home.ID(), onem2m.Object{{Name: "rs", Value: onem2m.IntValue(statusPartial)}})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.must(onem2m.UnableToRecallRequest, ask{op: "D", to: fan, from: "Cfar01"}) // C-181
	before := w.c
	w.c, err = New(t.Context(), before.Options) // the process ended, and another begins
	if err != nil {
		t.Fatal(err)
	}
	w.run()
	if o := w.outcome(pending, "Cfar01"); rsc(o) != 2001 {
		t.Errorf("with the address of the originator still known: %s", o.Append(nil))
	}
	for end := time.Now().Add(time.Minute); w.attribute(fan, "rs") == "5" && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if o := w.outcome(fan, "Cfar01"); rsc(o) != 5000 || string(o.Get("rs")) != "2" {
		t.Errorf("what had begun fails: %s", o.Append(nil))
	}
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/c1/i2", from: "Capp01"})
}

func TestRequest_TheResultIsStoredWithWhatItIsTheResultOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	address := w.nonblocking(1001, ask{op: "C3", to: "cse-in/app?rt=1", from: "Capp01", body: `{"m2m:cnt":{"rn":"c1"}}`})
	rec := w.record(address)
	k, err := w.c.resume(t.Context(), &errand{id: rec.ID, ri: rec.RI, whose: bringer{who: rec.Origin}, answer: make(chan *onem2m.Response, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if k.assoc.Source != netip.MustParseAddr("192.0.2.77") || !k.assoc.Trusted || !k.from.Authenticated {
		t.Errorf("the association: %+v %+v", k.assoc, k.from)
	}
	if _, err := k.run(t.Context()); err != nil { // and there the process dies
		t.Fatal(err)
	}
	if o := w.must(onem2m.OK, ask{op: "R", to: address, from: "Capp01"}); rsc(o) != 2001 || string(o.Get("rs")) != "1" {
		t.Errorf("got %s", o.Append(nil))
	}
}

func TestRequest_NobodyFillsTheBacklogAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Limits.Backlog = 16 })
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	for range 2 {
		w.nonblocking(1001, ask{op: "R", to: "cse-in/app?rt=1", from: "Capp01"})
	}
	w.must(onem2m.RequestTimeout, ask{op: "R", to: "cse-in/app?rt=1", from: "Capp01"})
	w.nonblocking(1001, ask{op: "R", to: "cse-in/other?rt=1", from: "Cother1"})
}

func TestRequest_A200_CredentialsAreForTheOriginator(t *testing.T) {
	t.Parallel()
	o := onem2m.Object{
		{Name: "mi", Value: []byte(`{"tkns":["a"],"aus":["b"],"rvi":"3"}`)}, {Name: witnessName, Value: []byte(`{}`)},
	}
	if got := string(publicRequest(o.Clone()).Append(nil)); got != `{"mi":{"rvi":"3"}}` {
		t.Errorf("others: %s", got)
	}
	k, rec := &call{}, &store.Record{Origin: "//m2m.example/id-in/Capp01"}
	k.from.ID = rec.Origin
	if got := string(visibleRequest(k, rec, o.Clone()).Append(nil)); got != `{"mi":{"tkns":["a"],"aus":["b"],"rvi":"3"}}` {
		t.Errorf("the originator: %s", got)
	}
}

func TestRequest_C184_TheResultIsOfUseUntilRset(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	k := &call{c: w.c, req: &onem2m.Request{ResultExpiration: "5000"}}
	rec := w.record("cse-in/app")
	if got := k.useful(rec); got != rec.Created+onem2m.Timestamp((5*time.Second).Microseconds()) {
		t.Errorf("until %s", got)
	}
	if k.req.ResultExpiration = ""; k.useful(rec) != 0 {
		t.Error("bounded without rset")
	}
}
