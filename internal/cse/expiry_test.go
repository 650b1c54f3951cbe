package cse

import (
	"testing"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// left counts the records of the whole store, without the system's default
// policy and the <AEContactList>, which no test made.
func (w *world) left() int {
	w.t.Helper()
	n := 0
	err := w.store.Read(w.t.Context(), func(r store.Reader) error {
		for ty := range w.c.types {
			list, err := r.OfType(ty, 0, 100000)
			if err != nil {
				return err
			}
			for _, rec := range list {
				if !w.c.systemPolicy(rec) && rec.Type != onem2m.TypeAEContactList {
					n++
				}
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) sweep() {
	w.t.Helper()
	if err := w.c.Sweep(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func TestExpiry_IsSeenAtOnceAndSweptLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", `"et":"20260304T103100"`)
	w.container("Capp01", "cse-in/app/c1", "inner", "")
	w.container("Capp01", "cse-in/app", "c2", "")
	w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/c2", from: "Capp01", body: `{"m2m:cin":{"rn":"i1","con":"12345","et":"20260304T103100"}}`})
	w.instance("Capp01", "cse-in/app/c2", "i2", "x")
	inner := w.ri("cse-in/app/c1/inner")
	w.policy("Capp01", "cse-in/app", "p", `{"acor":["Cother1"],"acop":2}`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c2", from: "Capp01", body: `{"m2m:cnt":{"acpi":["cse-in/app/p"]}}`})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/p", from: "Capp01", body: `{"m2m:acp":{"et":"20260304T103100"}}`})
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c2", from: "Cother1"})
	w.advance(time.Minute)
	w.follow(t, []step{
		{name: "C-408 the resource", ask: ask{op: "R", to: "cse-in/app/c1", from: "Capp01"}, code: 4004},
		{name: "C-408 what is below", ask: ask{op: "R", to: "cse-in/app/c1/inner", from: "Capp01"}, code: 4004},
		{name: "C-408 what is below, by resourceID", ask: ask{op: "R", to: inner, from: "Capp01"}, code: 4004},
		{name: "C-408 as a parent", ask: ask{op: "C3", to: inner, from: "Capp01", body: `{"m2m:cnt":{}}`}, code: 4004},
		{name: "C-408 discovery", ask: ask{op: "R", to: "cse-in/app?fu=1", from: "CAdmin"}, code: 2000, body: uril("cse-in/app/c2", "cse-in/app/c2/i2")},
		{name: "C-408 oldest", ask: ask{op: "R", to: "cse-in/app/c2/ol", from: "CAdmin"}, code: 2000, show: map[string]string{"rn": `"i2"`}},
		{name: "C-408 an expired policy grants nothing", ask: ask{op: "R", to: "cse-in/app/c2", from: "Cother1"}, code: 4103},
		{name: "C-408 the name is free", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"c1"}}`}, code: 2001},
		{name: "C-408 what stood below the old one isn't there", ask: ask{op: "R", to: "cse-in/app/c1/inner", from: "Capp01"}, code: 4004},
	})
	w.sweep()
	w.follow(t, []step{
		{name: "C-407 counters", ask: ask{op: "R", to: "cse-in/app/c2", from: "CAdmin"}, code: 2000, show: map[string]string{"cni": "1", "cbs": "1", "st": "3"}},
		{name: "C-407 the new one of the name", ask: ask{op: "R", to: "cse-in/app/c1", from: "Capp01"}, code: 2000},
	})
	if got := w.left(); got != 5 {
		t.Errorf("C-407: %d resources are left, want 5", got)
	}
}

func TestExpiry_C410_ExtensionLeavesTheChildrensTimers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(onem2m.Created, ask{op: "C2", to: "-", from: "Capp01", body: ae(`,"rn":"app","et":"20260304T113000"`)})
	w.container("Capp01", "cse-in/app", "c1", "") // as long as the AE
	w.container("Capp01", "cse-in/app/c1", "inner", "")
	extend := func(to, root, et string) {
		w.must(onem2m.Updated, ask{op: "U", to: to, from: "Capp01", body: `{"` + root + `":{"et":"` + et + `"}}`})
	}
	extend("cse-in/app", "m2m:ae", "20260304T123000")
	w.container("Capp01", "cse-in/app", "c2", "") // as long as the AE now
	extend("cse-in/app", "m2m:ae", "20260304T133000")
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"lbl":["x"]}}`})
	w.container("Capp01", "cse-in/app", "c3", "")
	extend("cse-in/app/c3", "m2m:cnt", "20260304T133000")
	for i := range 120 {
		if i == 60 {
			extend("cse-in/app", "m2m:ae", "20260304T143000")
		}
		w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/c3", from: "Capp01", body: `{"m2m:cin":{"con":"x"}}`})
	}
	extend("cse-in/app/c3", "m2m:cnt", "20260304T143000")
	w.instance("Capp01", "cse-in/app/c3", "last", "x")
	for _, tt := range []struct {
		at, count int
		cni       string
	}{
		{59, 2 + 4 + 121, "121"},
		{60, 2 + 2 + 121, "121"},
		{119, 2 + 2 + 121, "121"},
		{120, 2 + 1 + 121, "121"},
		{180, 2 + 1 + 1, "1"},
		{240, 1, ""},
	} {
		w.clock = time.Date(2026, 3, 4, 10, 30+tt.at, 0, 0, time.UTC)
		w.sweep()
		if got := w.left(); got != tt.count {
			t.Errorf("C-407 C-410 after %d minutes: %d resources, want %d", tt.at, got, tt.count)
		}
		if tt.cni != "" {
			if got := w.attribute("cse-in/app/c3", "cni"); got != tt.cni {
				t.Errorf("C-407 C-410 after %d minutes: cni %s, want %s", tt.at, got, tt.cni)
			}
		}
	}
}

func TestExpiry_C412_RestartForgetsNoTimer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := &world{t: t, home: onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}, clock: time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC)}
	w.open(dir)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", `"et":"20260304T113000"`)
	w.container("Capp01", "cse-in/app", "c2", `"et":"20260304T123000"`)
	w.restart(dir)
	w.advance(90 * time.Minute)
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/c1", from: "Capp01"})
	w.sweep()
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c2", from: "Capp01"})
	if got := w.left(); got != 3 {
		t.Errorf("C-412: %d resources are left, want 3", got)
	}
}

func TestRun_SweepsUntilItsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Timing.ExpiryCheck = time.Millisecond })
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", `"et":"20260304T113000"`)
	w.advance(2 * time.Hour)
	done := make(chan error)
	ctx, cancel := contextWithCancel(t)
	go func() { done <- w.c.Run(ctx) }()
	for w.left() != 2 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
