package cse

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// run starts the CSE's own work and returns what stops it and waits.
func (w *world) run() (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// nonblocking sends a non-blocking request and returns the address of its <request>.
func (w *world) nonblocking(code onem2m.StatusCode, q ask) string {
	w.t.Helper()
	res := w.do(q)
	if res.Code != code || res.Content == nil || res.Content.Name != "m2m:uri" {
		w.t.Fatalf("%s %s: got %d %s, want %d and the address of a <request>", q.op, q.to, res.Code, text(res), code)
	}
	address, _ := onem2m.TextOf(res.Content.Value)
	return address
}

// outcome waits until a <request> isn't pending any more.
func (w *world) outcome(address, from string) onem2m.Object {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		o := w.must(onem2m.OK, ask{op: "R", to: address, from: from})
		if rs, _ := o.Int("rs"); rs != statusPending {
			return o
		}
	}
	w.t.Fatalf("%s stays pending", address)
	return nil
}

func rsc(o onem2m.Object) int64 {
	ors, _ := o.Object("ors")
	n, _ := ors.Int("rsc")
	return n
}

func TestRequest_C173_IsMadeForANonBlockingRequestAndHoldsItsResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	w.register("Capp01", "app")
	vendor := "v1"
	address := w.nonblocking(onem2m.AcceptedForNonBlockingRequestSynch, ask{
		op: "C3", to: "cse-in/app?rt=1&rp=60000", from: "Capp01", body: `{"m2m:cnt":{"rn":"c1"}}`,
		edit: func(r *onem2m.Request) { r.VendorInformation = &vendor },
	})
	if !strings.HasPrefix(address, "cse-in/") {
		t.Errorf("address %s", address)
	}
	o := w.outcome(address, "Capp01")
	for name, want := range map[string]string{
		"ty": "17", "op": "1", "tg": `"cse-in/app"`, "org": `"Capp01"`, "lbl": `["Capp01"]`, "rs": "1",
		"pc": `{"m2m:cnt":{"rn":"c1"}}`, "et": `"20260304T103100,000000"`, "pi": `"` + w.home.ResourceID() + `"`,
		"mi": `{"ty":3,"rt":{"rtv":1},"rp":"60000","rvi":"3","vsi":"v1"}`,
	} {
		if got := string(o.Get(name)); got != want {
			t.Errorf("C-176 %s: got %s, want %s", name, got, want)
		}
	}
	if o.Has("st") || o.Has(witnessName) {
		t.Errorf("shows too much: %s", o.Append(nil))
	}
	ors, _ := o.Object("ors")
	if rid, _ := o.Text("rid"); rsc(o) != 2001 || string(ors.Get("rqi")) != `"`+rid+`"` || !strings.Contains(string(ors.Get("pc")), `"rn":"c1"`) {
		t.Errorf("C-178 ors: %s", ors.Append(nil))
	}
	if w.attribute("cse-in/app/c1", "rn") != `"c1"` {
		t.Error("nothing was created")
	}
	o = w.outcome(w.nonblocking(1001, ask{op: "R", to: "cse-in/nothing?rt=1", from: "Capp01"}), "Capp01")
	if rsc(o) != 4004 || string(o.Get("rs")) != "1" || o.Has("pc") {
		t.Errorf("C-179 C-185 an operation that fails: %s", o.Append(nil))
	}
	o = w.outcome(w.nonblocking(1001, ask{op: "R", to: "/id-far/-/x?rt=1", from: "Capp01"}), "Capp01")
	if rsc(o) != 4004 || string(o.Get("rs")) != "2" {
		t.Errorf("C-178 no way to the target: %s", o.Append(nil))
	}
	o = w.outcome(w.nonblocking(1001, ask{op: "D", to: "cse-in/app/c1?rt=1&rcn=1", from: "Capp01"}), "Capp01")
	if rsc(o) != 2002 {
		t.Errorf("C-173 E7 deletion: %s", o.Append(nil))
	}
}

func TestRequest_A49_BelongsToItsOriginator(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	address := w.nonblocking(1001, ask{op: "R", to: "cse-in/app?rt=1", from: "Capp01"})
	w.outcome(address, "Capp01")
	w.follow(t, []step{
		{name: "C-177 A-49 another reads", ask: ask{op: "R", to: address, from: "Cother1"}, code: 4103},
		{name: "C-177 A-49 another deletes", ask: ask{op: "D", to: address, from: "Cother1"}, code: 4103},
		{name: "C-177 A-49 the originator makes a child", ask: ask{op: "C23", to: address, from: "Capp01", body: `{"m2m:sub":{"nu":["http://192.0.2.9/"]}}`}, code: 4103},
		{name: "C-182 the originator updates", ask: ask{op: "U", to: address, from: "Capp01", body: `{"m2m:req":{"acpi":[]}}`}, code: 4005},
		{name: "C-182 the administrator updates", ask: ask{op: "U", to: address, from: "CAdmin", body: `{"m2m:req":{"lbl":["x"]}}`}, code: 4005},
		{name: "C-173 nobody creates one", ask: ask{op: "C17", to: "cse-in", from: "Capp01", body: `{"m2m:req":{}}`}, code: 4005},
		{name: "C-174 read by rt 1", ask: ask{op: "R", to: address + "?rt=1", from: "Capp01"}, code: 4000},
		{name: "C-174 updated by rt 2", ask: ask{op: "U", to: address + "?rt=2", from: "Capp01", body: `{"m2m:req":{}}`}, code: 4000},
		{name: "C-174 deleted by rt 2", ask: ask{op: "D", to: address + "?rt=2", from: "Capp01"}, code: 4000},
		{name: "C-174 read by rt 4", ask: ask{op: "R", to: address + "?rt=4", from: "Capp01"}, code: 2000},
		{name: "C-181 deleted when done", ask: ask{op: "D", to: address, from: "Capp01"}, code: 2002},
		{name: "C-180 read afterwards", ask: ask{op: "R", to: address, from: "Capp01"}, code: 4004},
	})
}

func TestRequest_C180_LivesAsLongAsWasAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Timing.RequestLifetime = 30 * time.Second })
	w.register("Capp01", "app")
	tests := []struct {
		name, query string
		edit        func(*onem2m.Request)
		et          string
	}{
		{"C-059 neither rp nor rset", "", nil, "20260304T103030"},
		{"C-059 rp", "&rp=5000", nil, "20260304T103005"},
		{"C-176 rset", "&rp=5000", func(r *onem2m.Request) { r.ResultExpiration = "7000" }, "20260304T103007"},
		{"C-176 rp shorter than rqet", "&rp=5000", func(r *onem2m.Request) { r.RequestExpiration = "9000" }, "20260304T103009"},
		{"C-176 rp counts from oet", "&rp=5000", func(r *onem2m.Request) { r.ExecutionTime = "3000" }, "20260304T103008"},
	}
	for _, tt := range tests {
		address := w.nonblocking(1001, ask{op: "R", to: "cse-in/app?rt=1" + tt.query, from: "Capp01", edit: tt.edit})
		if et := w.attribute(address, "et"); et != `"`+tt.et+`,000000"` {
			t.Errorf("%s: et %s, want %s", tt.name, et, tt.et)
		}
	}
	w.follow(t, []step{
		{name: "C-059 rp is too long", ask: ask{op: "R", to: "cse-in/app?rt=1&rp=P1Y", from: "Capp01"}, code: 4000},
		{name: "C-059 rp is over", ask: ask{op: "R", to: "cse-in/app?rt=1&rp=-1", from: "Capp01"}, code: 4000},
		{name: "C-059 oet is too late", ask: ask{op: "R", to: "cse-in/app?rt=1", from: "Capp01", edit: func(r *onem2m.Request) { r.ExecutionTime = "20270101T000000" }}, code: 4000},
		{name: "C-037 too many addresses", ask: ask{op: "R", to: "cse-in/app?rt=2", from: "Capp01", edit: func(r *onem2m.Request) {
			r.HasNotifyURIs, r.NotificationURIs = true, strings.Fields(strings.Repeat("Capp01 ", maxResultTargets+1))
		}}, code: 4000},
		{name: "C-037 an address that is none", ask: ask{op: "R", to: "cse-in/app?rt=2", from: "Capp01", edit: func(r *onem2m.Request) {
			r.HasNotifyURIs, r.NotificationURIs = true, []string{"pcu:x"}
		}}, code: 4000},
		{name: "C-173 nobody could fetch the AE-ID", ask: ask{op: "C2", to: "cse-in?rt=1", from: "C", body: `{"m2m:ae":{"api":"N","rr":false,"srv":["3"]}}`}, code: 4000},
	})
	address := w.nonblocking(1001, ask{op: "R", to: "cse-in/app?rt=1&rp=5000", from: "Capp01"})
	w.advance(6 * time.Second)
	w.must(onem2m.NotFound, ask{op: "R", to: address, from: "Capp01"})
}

func TestRequest_C181_IsRecalledWhileItWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	address := w.nonblocking(1001, ask{op: "C3", to: "cse-in/app?rt=1", from: "Capp01", body: `{"m2m:cnt":{"rn":"c1"}}`})
	e := w.c.backlog.known[w.record(address).RI]
	e.running = true // a worker has it
	w.must(onem2m.UnableToRecallRequest, ask{op: "D", to: address, from: "Capp01"})
	e.running = false
	w.must(onem2m.Deleted, ask{op: "D", to: address, from: "Capp01"})
	if len(w.c.backlog.known) != 0 || w.c.backlog.shares.total != 0 {
		t.Errorf("backlog: %+v", w.c.backlog.known)
	}
	w.run()
	// A worker that took it a moment before finds it gone before it changes anything.
	late := w.nonblocking(1001, ask{op: "C3", to: "cse-in/app?rt=1", from: "Capp01", body: `{"m2m:cnt":{"rn":"c2"}}`, edit: func(r *onem2m.Request) { r.ExecutionTime = "60000" }})
	rec := w.record(late)
	k, err := w.c.resume(t.Context(), &errand{id: rec.ID, ri: rec.RI, whose: bringer{who: rec.Origin}, answer: make(chan *onem2m.Response, 1)})
	if err != nil {
		t.Fatal(err)
	}
	w.must(onem2m.Deleted, ask{op: "D", to: late, from: "Capp01"})
	if _, err := k.run(t.Context()); err == nil || err != errRecalled { //nolint:errorlint // exactly this one
		t.Errorf("got %v, want that it was recalled", err)
	}
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/c2", from: "Capp01"})
}

// record reads a resource from the store.
func (w *world) record(address string) *store.Record {
	w.t.Helper()
	var rec *store.Record
	err := w.store.Read(w.t.Context(), func(r store.Reader) error {
		t, err := w.c.resolve(r, splitPath(address), onem2m.TimestampOf(w.now()))
		rec = t.rec
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return rec
}

func TestRequest_C183_TellsTheResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	with := func(nu ...string) func(*onem2m.Request) {
		return func(r *onem2m.Request) { r.HasNotifyURIs, r.NotificationURIs = true, nu }
	}
	tests := []struct {
		name string
		edit func(*onem2m.Request)
		want []string
	}{
		{"C-037 without addresses the originator", nil, []string{"Capp01"}},
		{"C-037 B-22 with an empty list nobody", with(), nil},
		{"C-037 each address", with("http://192.0.2.9/a", "http://192.0.2.9/b"), []string{"http://192.0.2.9/a", "http://192.0.2.9/b"}},
		{"A-78 not an AE that doesn't admit it", with("Cother1", "Capp01", "cse-in/nothing"), []string{"Capp01"}},
	}
	for _, tt := range tests {
		w.mu.Lock()
		w.results = nil
		w.mu.Unlock()
		address := w.nonblocking(1002, ask{op: "R", to: "cse-in/app?rt=2", from: "Capp01", edit: tt.edit})
		o := w.outcome(address, "Capp01")
		rid, _ := o.Text("rid")
		var got []string
		w.mu.Lock()
		for _, result := range w.results {
			got = append(got, result.target)
			for _, part := range []string{`{"rsc":2000,"rqi":"` + rid + `"`, `"pc":{"m2m:ae":`, `"to":"Capp01"`, `"fr":"/id-in"`, `"rvi":"3"`} {
				if !strings.Contains(result.response, part) {
					t.Errorf("%s: %s lacks %s", tt.name, result.response, part)
				}
			}
		}
		w.mu.Unlock()
		if strings.Join(got, " ") != strings.Join(tt.want, " ") {
			t.Errorf("%s: told %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestRequest_C55_WaitsForItsExecutionTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	w.register("Capp01", "app")
	address := w.nonblocking(1001, ask{op: "C3", to: "cse-in/app?rt=1", from: "Capp01", body: `{"m2m:cnt":{"rn":"c1"}}`, edit: func(r *onem2m.Request) { r.ExecutionTime = "60000" }})
	w.c.backlog.nudge()
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/c1", from: "Capp01"})
	w.advance(61 * time.Second)
	w.c.backlog.nudge()
	if o := w.outcome(address, "Capp01"); rsc(o) != 2001 {
		t.Errorf("got %s", o.Append(nil))
	}
	address = w.nonblocking(1001, ask{op: "C3", to: "cse-in/app?rt=1&rp=PT1H", from: "Capp01", body: `{"m2m:cnt":{"rn":"c2"}}`, edit: func(r *onem2m.Request) {
		r.ExecutionTime, r.RequestExpiration = "60000", "61000"
	}})
	w.advance(5 * time.Minute)
	w.c.backlog.nudge()
	if o := w.outcome(address, "Capp01"); rsc(o) != 4008 {
		t.Errorf("C-053 got %s, want 4008", o.Append(nil))
	}
}
