package cse

import (
	"testing"
	"time"

	"bulwark/onem2m"
)

func TestCross_C322_C324_Windows(t *testing.T) {
	t.Parallel()
	second := func(n int) func(*world, onem2m.Object) {
		return func(w *world, _ onem2m.Object) { w.passes(time.Duration(n) * time.Second) }
	}
	hear := func(members ...int) func(*world, onem2m.Object) {
		return func(w *world, o onem2m.Object) { w.happens(o, members...) }
	}
	for _, tt := range []struct {
		name  string
		attrs string
		steps []func(*world, onem2m.Object)
		want  []int // how often it had fired after each step
	}{
		{"C-322 periodic: all in one window", `"twt":1`, []func(*world, onem2m.Object){second(3), hear(1), hear(1), hear(2), second(9)}, []int{0, 0, 0, 1, 1}},
		{"C-322 periodic: in two windows", `"twt":1`, []func(*world, onem2m.Object){second(3), hear(1), second(1), hear(2), second(9)}, []int{0, 0, 0, 0, 0}},
		{"C-322 periodic: a new cycle", `"twt":1`, []func(*world, onem2m.Object){hear(2, 1), hear(1), hear(2)}, []int{1, 1, 2}},
		{"C-322 sliding: it begins with the first", `"twt":2`, []func(*world, onem2m.Object){second(3), hear(1), second(3), hear(2)}, []int{0, 0, 0, 1}},
		{"C-322 sliding: too late", `"twt":2`, []func(*world, onem2m.Object){hear(1), second(4), hear(2), second(3), hear(1)}, []int{0, 0, 0, 0, 1}},
		{"C-324 mode 2: all", `"twt":1,"eem":2`, []func(*world, onem2m.Object){hear(1, 2), second(4), second(4)}, []int{0, 1, 1}},
		{"C-324 mode 2: some, sliding", `"twt":2,"eem":2`, []func(*world, onem2m.Object){second(9), hear(2), second(4), second(9)}, []int{0, 0, 1, 1}},
		{"C-324 mode 3: all", `"twt":1,"eem":3`, []func(*world, onem2m.Object){hear(1, 2), second(4)}, []int{0, 0}},
		{"C-324 mode 3: some, then none", `"twt":1,"eem":3`, []func(*world, onem2m.Object){hear(1), second(4), second(4)}, []int{0, 1, 2}},
		{"C-324 mode 4: some, then none", `"twt":1,"eem":4`, []func(*world, onem2m.Object){hear(1), second(4), second(4)}, []int{0, 0, 1}},
		{"C-324 mode 5: all", `"twt":1,"eem":5`, []func(*world, onem2m.Object){hear(1, 2), second(4)}, []int{0, 0}},
		{"C-324 mode 5: some, then none", `"twt":1,"eem":5`, []func(*world, onem2m.Object){hear(1), second(4), second(4)}, []int{0, 1, 1}},
		{"C-324 mode 5: some, sliding", `"twt":2,"eem":5`, []func(*world, onem2m.Object){second(9), hear(1), second(4)}, []int{0, 0, 1}},
		{"C-322 what comes before the alarm finds the end", `"twt":1,"eem":4`, []func(*world, onem2m.Object){
			func(w *world, _ onem2m.Object) { w.advance(5 * time.Second) }, hear(1), second(3), second(4),
		}, []int{0, 1, 1, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := crossWorld(t)
			o := w.cross(tt.attrs + `,` + crossOfTwo)
			n := 0
			for i, step := range tt.steps {
				step(w, o)
				if n += w.fired(); n != tt.want[i] {
					t.Fatalf("step %d: fired %d times, want %d", i+1, n, tt.want[i])
				}
			}
		})
	}
}

func TestCross_C325_AnUpdateOfTheWindowStartsItAgain(t *testing.T) {
	t.Parallel()
	w := crossWorld(t)
	o := w.cross(`"twt":1,` + crossOfTwo)
	w.happens(o, 1)
	w.passes(3 * time.Second)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/x", from: "Capp01", body: crs(`"tws":"PT10S"`)})
	w.happens(o, 2)
	w.passes(9 * time.Second)
	if w.fired() != 0 {
		t.Error("what was heard before counts")
	}
	w.happens(o, 1)
	if w.fired() != 1 {
		t.Error("the new window isn't as long as it is to be")
	}
}

func TestCross_C322_GoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := t.TempDir()
	w.restart(dir)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	w.container("Capp01", "cse-in/app", "c2", "")
	o := w.cross(`"twt":1,"eem":5,` + crossOfTwo)
	w.happens(o, 1)
	w.restart(dir)
	if err := w.c.rearmWindows(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.passes(time.Hour) // it fires for the window in which something was heard, and for no other
	if n := w.fired(); n != 1 {
		t.Errorf("fired %d times", n)
	}
	w.happens(o, 2)
	stop := w.run() // it does so by itself
	defer stop()
	w.advance(4 * time.Second)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/x", from: "Capp01", body: crs(`"eem":4`)})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/x", from: "Capp01", body: crs(`"tws":"PT0.1S"`)})
	w.advance(time.Second)
	for deadline := time.Now().Add(time.Minute); w.fired() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no window was closed")
		}
	}
}

func TestCross_C325_AnUpdateOfTheModeCountsFromNowOn(t *testing.T) {
	t.Parallel()
	w := crossWorld(t)
	w.cross(`"twt":1,` + crossOfTwo)
	w.passes(time.Hour)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/x", from: "Capp01", body: crs(`"eem":4`)})
	w.passes(0)
	if w.fired() != 0 {
		t.Error("windows of the time before are told")
	}
	w.passes(4 * time.Second)
	if w.fired() != 1 {
		t.Error("the first window by the new mode isn't told")
	}
}
