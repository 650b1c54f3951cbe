package cse

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

func TestTimeSyncBeacon_Rules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Capp02", "other")
	c := func(body string) ask {
		return ask{op: "C60", to: "cse-in/app", from: "Capp01", body: `{"m2m:tsb":` + body + `}`}
	}
	u := func(to, body string) ask {
		return ask{op: "U", to: "cse-in/app/" + to, from: "Capp01", body: `{"m2m:tsb":` + body + `}`}
	}
	const nu = `"bcnu":["http://192.0.2.1/"]`
	w.follow(t, []step{
		{name: "C-269 no targets", ask: c(`{"bcnc":1}`), code: 4000},
		{name: "C-269 an empty list", ask: c(`{"bcnc":1,"bcnu":[]}`), code: 4000},
		{name: "C-269 no target", ask: c(`{"bcnu":["a b"]}`), code: 4000},
		{name: "C-269 an AE that doesn't admit it", ask: c(`{"bcnu":["cse-in/other"]}`), code: 5204},
		{name: "C-269 periodic with a threshold", ask: c(`{"bcnc":1,"bcnt":10,` + nu + `}`), code: 4000},
		{name: "C-269 periodic with a requester", ask: c(`{"bcnc":1,"bcnr":"Capp01",` + nu + `}`), code: 4000},
		{name: "C-269 too often", ask: c(`{"bcni":"PT0.5S",` + nu + `}`), code: 4000},
		{name: "C-269 loss with an interval", ask: c(`{"bcnc":2,"bcni":"PT10S","bcnr":"Capp01",` + nu + `}`), code: 4000},
		{name: "C-269 loss without requester", ask: c(`{"bcnc":2,"bcnt":10,` + nu + `}`), code: 4000},
		{name: "C-269 a threshold that is none", ask: c(`{"bcnc":2,"bcnr":"Capp01","bcnt":"soon",` + nu + `}`), code: 4000},
		{name: "C-269 a negative threshold", ask: c(`{"bcnc":2,"bcnr":"Capp01","bcnt":-1,` + nu + `}`), code: 4000},
		{name: "C-269 periodic by default", ask: c(`{"rn":"p",` + nu + `}`), code: 2001, show: map[string]string{"bcnc": "1", "bcni": `"PT1H"`, "bcnt": ""}},
		{name: "C-269 loss", ask: c(`{"rn":"l","bcnc":2,"bcnr":"Capp01",` + nu + `}`), code: 2001, show: map[string]string{"bcnt": "10", "bcni": ""}},
		{name: "C-269 a threshold as duration", ask: c(`{"bcnc":2,"bcnr":"Capp01","bcnt":"PT3S",` + nu + `}`), code: 2001},
		{name: "C-269 an interval at loss", ask: u("l", `{"bcni":"PT5S"}`), code: 4000},
		{name: "C-269 from loss to periodic", ask: u("l", `{"bcnc":1}`), code: 2004, show: map[string]string{"bcni": `"PT1H"`, "bcnt": "", "bcnr": ""}},
		{name: "C-269 to loss without requester", ask: u("p", `{"bcnc":2}`), code: 4000},
		{name: "C-269 the own AE", ask: u("p", `{"bcnu":["cse-in/app"]}`), code: 2004},
	})
}

// beats sends what is due and returns how many beacons that were.
func (w *world) beats() int {
	w.t.Helper()
	list, _, err := w.c.DueBeacons(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, rec := range list {
		w.c.sendBeacon(w.t.Context(), rec)
	}
	return len(list)
}

func (w *world) beacon(members string) {
	w.t.Helper()
	w.must(onem2m.Created, ask{op: "C60", to: "cse-in/app", from: "Capp01", body: `{"m2m:tsb":{"rn":"b","bcnu":["http://192.0.2.1/"],` + members + `}}`})
}

func TestTimeSyncBeacon_C269_Periodic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.beacon(`"bcni":"PT10S"`)
	got := []int{w.beats()}
	for _, d := range []time.Duration{9 * time.Second, 2 * time.Second, 8 * time.Second, 2 * time.Second, time.Minute} {
		w.advance(d)
		got = append(got, w.beats())
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/b", from: "Capp01", body: `{"m2m:tsb":{"bcni":"PT2S"}}`})
	w.advance(3 * time.Second)
	got = append(got, w.beats())
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/b", from: "Capp01"})
	w.advance(time.Minute)
	got = append(got, w.beats())
	if diff := cmp.Diff([]int{0, 0, 1, 0, 1, 1, 1, 0}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTimeSyncBeacon_C269_TheNotification(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.beacon(`"bcni":"PT10S"`)
	ri := w.ri("cse-in/app/b")
	w.advance(10500 * time.Millisecond)
	w.beats()
	want := `{"m2m:tsbn":{"tbr":"` + ri + `","ctm":"20260304T103010,500000"}}`
	if len(w.sent) != 1 || string(w.sent[0].Content.Append(nil)) != want || w.sent[0].Operation != onem2m.Notify {
		t.Errorf("sent %v, want %s", w.sent, want)
	}
}

func TestTimeSyncBeacon_C269_LossOfSynchronization(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Capp02", "other")
	w.beacon(`"bcnc":2,"bcnr":"Capp02","bcnt":5`)
	at := func(from string, off time.Duration) int {
		t.Helper()
		w.do(ask{op: "R", to: "cse-in/other", from: from, edit: func(req *onem2m.Request) {
			req.OriginatingTimestamp = onem2m.TimestampOf(w.now().Add(off)).String()
		}})
		return w.beats()
	}
	got := []int{
		at("Capp02", 5*time.Second),
		at("Capp01", time.Minute), // isn't watched
		at("Capp02", -6*time.Second),
		at("Capp02", 6*time.Second), // told a moment ago
	}
	w.advance(time.Second)
	got = append(got, w.beats())
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/b", from: "Capp01", body: `{"m2m:tsb":{"bcnt":"PT2H"}}`})
	w.advance(time.Minute)
	got = append(got, at("Capp02", time.Hour))
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/b", from: "Capp01"})
	if diff := cmp.Diff([]int{0, 0, 1, 0, 1, 0}, got); diff != "" {
		t.Error(diff)
	}
	if n := len(w.c.beacons.watched) + len(w.c.beacons.of) + len(w.c.beacons.sent); n != 0 {
		t.Errorf("%d entries are left", n)
	}
}

func TestTimeSyncBeacon_C269_AClaimIsNobodysClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.beacon(`"bcnc":2,"bcnr":"Cnew01"`)
	for from, want := range map[*identity.Association]int{{Framework: "none", Binding: "http"}: 0, trusted(): 1} {
		w.do(ask{
			op: "C2", to: "cse-in", from: "Cnew01", body: `{"m2m:ae":{"api":"Ntest","rr":false,"srv":["3"]}}`, assoc: from,
			edit: func(req *onem2m.Request) { req.OriginatingTimestamp = "20260304T100000" },
		})
		if got := w.beats(); got != want {
			t.Errorf("trusted %t: %d beacons, want %d", from.Trusted, got, want)
		}
		w.advance(time.Minute)
	}
}

func TestTimeSyncBeacon_C269_GoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := t.TempDir()
	w.restart(dir)
	w.register("Capp01", "app")
	w.beacon(`"bcni":"PT10S"`)
	w.restart(dir)
	if err := w.c.rearmBeacons(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.advance(9 * time.Second)
	before := w.beats()
	w.advance(2 * time.Second)
	if after := w.beats(); before != 0 || after != 1 {
		t.Errorf("%d beacons before it was due, %d when it was", before, after)
	}
}

func TestTimeSyncBeacon_C269_RunSendsByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.beacon(`"bcni":"PT10S"`)
	w.advance(10*time.Second + time.Millisecond)
	stop := w.run()
	defer stop()
	deadline := time.Now().Add(time.Minute)
	for {
		w.mu.Lock()
		n := len(w.sent)
		w.mu.Unlock()
		if n > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing was sent")
		}
		time.Sleep(time.Millisecond)
	}
}
