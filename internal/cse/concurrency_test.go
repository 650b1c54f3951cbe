package cse

import (
	"fmt"
	"sync"
	"testing"

	"bulwark/onem2m"
)

// together sends requests at the same time and counts the answers by code.
func (w *world) together(n int, make func(i int) ask) map[onem2m.StatusCode]int {
	w.t.Helper()
	codes := map[onem2m.StatusCode]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range n {
		req := w.request(make(i))
		wg.Go(func() {
			res := w.c.Handle(w.t.Context(), trusted(), req)
			mu.Lock()
			defer mu.Unlock()
			codes[res.Code]++
		})
	}
	wg.Wait()
	return codes
}

func TestConcurrency_C066_C482_OneNameOneResource(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	codes := w.together(40, func(int) ask {
		return ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"same"}}`}
	})
	if codes[onem2m.Created] != 1 || codes[onem2m.Conflict] != 39 {
		t.Errorf("got %v", codes)
	}
	codes = w.together(20, func(i int) ask {
		return ask{op: "C2", to: "cse-in", from: "Csame01", body: ae(fmt.Sprintf(`,"rn":"ae%d"`, i))}
	})
	if codes[onem2m.Created] != 1 || codes[onem2m.OriginatorHasAlreadyRegistered] != 19 {
		t.Errorf("C-198: got %v", codes)
	}
}

func TestConcurrency_C482_InstancesCountExactly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", `"mni":30`)
	codes := w.together(100, func(i int) ask {
		return ask{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: fmt.Sprintf(`{"m2m:cin":{"con":"%03d"}}`, i)}
	})
	if codes[onem2m.Created] != 100 {
		t.Fatalf("got %v", codes)
	}
	o := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c1?rcn=4", from: "Capp01"})
	list, _ := o.Objects("m2m:cin")
	if string(o.Get("st")) != "100" || string(o.Get("cni")) != "30" || string(o.Get("cbs")) != "90" || len(list) != 30 {
		t.Errorf("st %s cni %s cbs %s, %d instances", o.Get("st"), o.Get("cni"), o.Get("cbs"), len(list))
	}
	for i, instance := range list {
		if st, _ := instance.Int("st"); st != int64(71+i) {
			t.Errorf("instance %d has st %d", i, st)
		}
	}
}

func TestConcurrency_C481_UpdatesAgainstDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Limits.Removals = 5 })
	w.register("Capp01", "app")
	for round := range 5 {
		w.container("Capp01", "cse-in/app", "c1", "")
		codes := w.together(40, func(i int) ask {
			switch {
			case i == 20:
				return ask{op: "D", to: "cse-in/app/c1", from: "Capp01"}
			case i%3 == 0:
				return ask{op: "U", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cnt":{"lbl":["x"]}}`}
			case i%3 == 1:
				return ask{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cin":{"con":"x"}}`}
			}
			return ask{op: "R", to: "cse-in/app/c1?rcn=4", from: "Capp01"}
		})
		for code := range codes {
			switch code {
			case onem2m.OK, onem2m.Created, onem2m.Updated, onem2m.Deleted, onem2m.NotFound:
			default:
				t.Errorf("round %d: got %v", round, codes)
			}
		}
		if codes[onem2m.Deleted] != 1 {
			t.Errorf("round %d: got %v", round, codes)
		}
		w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/c1", from: "Capp01"})
	}
	w.sweep()
	if got := w.left(); got != 2 {
		t.Errorf("C-481: %d resources are left, want 2", got)
	}
}
