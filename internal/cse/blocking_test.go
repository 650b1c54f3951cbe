package cse

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// blocked is a world with a container that somebody decides about.
func blocked(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/c1", from: "Capp01", body: sub(`"rn":"s1","nu":["Capp01"],"enc":{"net":[7]}`)})
	return w
}

func change(label string) ask {
	return ask{op: "U", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cnt":{"lbl":["` + label + `"]}}`}
}

func TestBlocking_C314_Checks(t *testing.T) {
	t.Parallel()
	w := blocked(t)
	w.follow(t, []step{
		{name: "C-314 row 29: a second one", ask: ask{op: "C23", to: "cse-in/app/c1", from: "Capp01", body: sub(`"nu":["Capp01"],"enc":{"net":[7]}`)}, code: 4124},
		{name: "C-314 on another resource", ask: ask{op: "C23", to: "cse-in/app", from: "Capp01", body: sub(`"rn":"s2","nu":["Capp01"],"enc":{"net":[7],"atr":["lbl"]}`)}, code: 2001, show: map[string]string{"nct": "2"}},
		{name: "C-314 by UPDATE", ask: ask{op: "U", to: "cse-in/app/s2", from: "Capp01", body: sub(`"enc":{"net":[7]}`)}, code: 4000},
		{name: "C-314 an UPDATE of something else", ask: ask{op: "U", to: "cse-in/app/s2", from: "Capp01", body: sub(`"lbl":["x"]`)}, code: 2004},
	})
}

func TestBlocking_C315_TheAnswerDecides(t *testing.T) {
	t.Parallel()
	w := blocked(t)
	answer := func(code onem2m.StatusCode, err error) func(context.Context) (onem2m.StatusCode, error) {
		return func(context.Context) (onem2m.StatusCode, error) { return code, err }
	}
	for _, tt := range []struct {
		name   string
		answer func(context.Context) (onem2m.StatusCode, error)
		code   onem2m.StatusCode
		want   string
	}{
		{"yes", answer(onem2m.OK, nil), onem2m.Updated, `["yes"]`},
		{"no", answer(onem2m.OperationNotAllowed, nil), onem2m.OperationDeniedByRemoteEntity, `["yes"]`},
		{"unreachable", answer(onem2m.TargetNotReachable, nil), onem2m.RemoteEntityNotReachable, `["yes"]`},
		{"nothing", answer(0, context.Canceled), onem2m.RemoteEntityNotReachable, `["yes"]`},
		{"nonsense", answer(onem2m.InternalServerError, nil), onem2m.OperationDeniedByRemoteEntity, `["yes"]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.consult = tt.answer
			w.must(tt.code, change(tt.name))
			if got := w.attribute("cse-in/app/c1", "lbl"); got != tt.want {
				t.Errorf("lbl is %s, want %s", got, tt.want)
			}
		})
	}
	w.must(onem2m.BadRequest, ask{op: "U", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cnt":{"mni":-1}}`})
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "U", to: "cse-in/app/c1", from: "Cother", body: `{"m2m:cnt":{"lbl":["x"]}}`})
	if want := `s1 {"lbl":["yes"]}`; len(w.consulted) != 5 || w.consulted[0] != want {
		t.Errorf("C-314: asked %q: what fails anyway bothers nobody", w.consulted)
	}
}

func TestBlocking_C317_TheRequestExpires(t *testing.T) {
	t.Parallel()
	w := blocked(t)
	w.consult = func(ctx context.Context) (onem2m.StatusCode, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	q := change("late")
	q.edit = func(r *onem2m.Request) { r.RequestExpiration = "50" }
	w.must(onem2m.RequestTimeout, q)
	if got := w.attribute("cse-in/app/c1", "lbl"); got != "" {
		t.Errorf("lbl is %s", got)
	}
}

func TestBlocking_C314_OthersWaitAndTheWriterDoesNot(t *testing.T) {
	t.Parallel()
	w := blocked(t)
	asked, decide := make(chan struct{}, 3), make(chan struct{})
	w.consult = func(context.Context) (onem2m.StatusCode, error) {
		asked <- struct{}{}
		<-decide
		return onem2m.OK, nil
	}
	var group sync.WaitGroup
	group.Go(func() { w.must(onem2m.Updated, change("first")) })
	<-asked
	ended := make(chan string, 2)
	group.Go(func() { w.do(change("second")); ended <- "update" })
	group.Go(func() { w.do(ask{op: "D", to: "cse-in/app/c1", from: "Capp01"}); ended <- "delete" })
	w.container("Capp01", "cse-in/app", "c2", "") // the writer is free
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c1", from: "Capp01"})
	select {
	case name := <-ended:
		t.Errorf("the %s didn't wait", name)
	case <-time.After(50 * time.Millisecond):
	}
	close(decide)
	group.Wait()
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/c1", from: "Capp01"})
	if len(w.c.turns.busy) != 0 {
		t.Errorf("turns left: %v", w.c.turns.busy)
	}
}

func TestMonitor_C291_EveryAttemptIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	attempts := func() (list []string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, ev := range w.events {
			if ev.Type == notify.Operation {
				list = append(list, ev.Operation.String()+" "+string(ev.Originator[len("//m2m.example/id-in/"):]))
			}
		}
		w.events = nil
		return list
	}
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c1", from: "Capp01"})
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/c1", from: "Capp01", body: sub(`"rn":"s1","nu":["Capp01"],"enc":{"om":[{"ops":63}]}`)})
	if made := w.events[len(w.events)-1]; made.Type == notify.Operation && (made.Child == nil || made.Child.RN != "s1") {
		t.Error("a subscription is told of its own creation")
	}
	attempts()
	for _, q := range []ask{
		{op: "R", to: "cse-in/app/c1", from: "Capp01"},
		{op: "R", to: "cse-in/app/c1", from: "Cother"},      // refused
		{op: "C4", to: "cse-in/app/c1", from: "Capp01"},     // no content
		{op: "R", to: "cse-in/app/c1/s1", from: "Capp01"},   // not the resource itself
		{op: "R", to: "cse-in/app/c1?fu=1", from: "Capp01"}, // a Discovery
		{op: "U", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cnt":{"mni":-1}}`},
		{op: "N", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:sgn":{}}`},
		{op: "D", to: "cse-in/app/c1", from: "Cother"},
		{op: "D", to: "cse-in/app/c1", from: "Capp01"},
	} {
		w.do(q)
	}
	got := attempts()
	want := []string{"RETRIEVE Capp01", "RETRIEVE Cother", "CREATE Capp01", "RETRIEVE Capp01", "UPDATE Capp01", "NOTIFY Capp01", "DELETE Cother", "DELETE Capp01"}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	again, err := New(t.Context(), w.c.Options)
	if err != nil || !again.watching.Load() {
		t.Errorf("forgotten at a start: %v", err)
	}
}

func TestMonitor_C292_Row35_TheReadingIsThatOfTheRelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	size := func(name string) int64 {
		return record(t, w, "cse-in/app/"+name).Size
	}
	om := `"nu":["Capp01"],"enc":{"om":[{"ops":3,"org":"Capp01"}]}`
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app", from: "Capp01", body: sub(`"rn":"s3",` + om)})
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app", from: "Capp01", rvi: "4", body: sub(`"rn":"s4",` + om)})
	if size("s3") != notify.ReadingBits || size("s4") != notify.ReadingOperation {
		t.Errorf("read as %d and %d", size("s3"), size("s4"))
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/s4", from: "Capp01", body: sub(`"lbl":["x"]`)})
	if size("s4") != notify.ReadingOperation {
		t.Error("lost by an UPDATE of something else")
	}
	if got := w.attribute("cse-in/app/s4", "enc"); got != `{"om":[{"ops":3,"org":"Capp01"}]}` {
		t.Errorf("stored as %s", got)
	}
}

func TestEmpty_C289_AContainerWithoutInstances(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/c1", from: "Capp01", body: sub(`"nu":["Capp01"],"enc":{"net":[5]}`)})
	w.told()
	for _, tt := range []struct {
		to   string
		want []string
	}{
		{"cse-in/app/c1", nil},
		{"cse-in/app/c1?rcn=4", []string{"5 c1"}},
		{"cse-in/app/c1?rcn=8", []string{"5 c1"}},
		{"cse-in/app/c1?rcn=6", nil},
		{"cse-in/app?rcn=4", nil},
	} {
		w.must(onem2m.OK, ask{op: "R", to: tt.to, from: "Capp01"})
		if got := w.told(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: told %v, want %v", tt.to, got, tt.want)
		}
	}
	w.instance("Capp01", "cse-in/app/c1", "i1", "x")
	w.told()
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c1?rcn=4", from: "Capp01"})
	if got := w.told(); len(got) != 0 {
		t.Errorf("with an instance: told %v", got)
	}
}

func TestSubscription_C283_Statistics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.must(onem2m.BadRequest, ask{op: "C23", to: "cse-in/app", from: "Capp01", body: sub(`"nu":["Capp01"],"nsi":[]`)})
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app", from: "Capp01", body: sub(`"rn":"s1","nu":["Capp01"],"nse":true`)})
	for _, tt := range []struct{ name, body, want string }{
		{"false keeps them", `"nse":false`, `[{"tg":"Capp01","rqs":1,"rsr":1,"noec":1}]`},
		{"something else too", `"lbl":["x"]`, `[{"tg":"Capp01","rqs":1,"rsr":1,"noec":1}]`},
		{"true begins anew", `"nse":true`, ``},
		{"null removes them", `"nse":null`, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			count(t, w, "cse-in/app/s1", `[{"tg":"Capp01","rqs":1,"rsr":1,"noec":1}]`)
			w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/s1", from: "Capp01", body: sub(tt.body)})
			if got := w.attribute("cse-in/app/s1", "nsi"); got != tt.want {
				t.Errorf("nsi is %s, want %s", got, tt.want)
			}
		})
	}
}

func TestSubscription_C279_C304_TheNotifierHearsOfChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app", from: "Capp01", body: sub(`"rn":"s1","nu":["Capp01"],"psn":5,"bn":{"num":3},"pn":2,"acrs":["/id-a/x"]`)})
	if got := w.attribute("cse-in/app/s1", "psn"); got != "5" {
		t.Errorf("C-304: psn is %s", got)
	}
	if got := w.attribute("cse-in/app/s1", "bn"); got != `{"num":3,"dur":"PT1M"}` {
		t.Errorf("C-272: bn is %s", got)
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/s1", from: "Capp01", body: sub(`"pn":null,"bn":{"num":4}`)})
	if len(w.changed) != 1 {
		t.Fatalf("told %d times", len(w.changed))
	}
	before, after := attributes(w.changed[0][0]), attributes(w.changed[0][1])
	if !before.Has("pn") || after.Has("pn") || string(after.Get("bn")) != `{"num":4,"dur":"PT1M"}` {
		t.Errorf("from %s to %s", before.Append(nil), after.Append(nil))
	}
}

// record returns the record behind an address.
func record(t *testing.T, w *world, address string) (rec *store.Record) {
	t.Helper()
	err := w.store.Read(t.Context(), func(r store.Reader) error {
		target, err := w.c.resolve(r, splitPath(address), onem2m.TimestampOf(w.now()))
		rec = target.rec
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// count gives a subscription statistics, as the notification engine does.
func count(t *testing.T, w *world, address, nsi string) {
	t.Helper()
	rec := record(t, w, address)
	attrs := attributes(rec).Clone()
	attrs.Set("nsi", []byte(nsi))
	err := w.store.Update(t.Context(), func(tx store.Tx) error { return tx.Replace(revised(rec, rec.Modified, attrs)) })
	if err != nil {
		t.Fatal(err)
	}
}

func TestBlocking_C316_TheTargetItselfIsAskedToo(t *testing.T) {
	t.Parallel()
	w := blocked(t)
	w.must(onem2m.Updated, change("own"))
	if len(w.consulted) != 1 {
		t.Errorf("asked %v", w.consulted)
	}
}
