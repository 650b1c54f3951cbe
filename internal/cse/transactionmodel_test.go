package cse

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// ledger is a plain model of boxes with labels, and of transactions on them.
type ledger struct {
	labels []string
	deals  []*modelDeal
}

type modelDeal struct {
	name    string
	targets []int
	label   string
	state   transaction.State
	control transaction.Control
	holds   bool
}

// locked reports whether a box is locked by any deal but one.
func (l *ledger) locked(box int, except *modelDeal) bool {
	for _, d := range l.deals {
		if d == except || !d.holds {
			continue
		}
		if slices.Contains(d.targets, box) {
			return true
		}
	}
	return false
}

// move is what a control does.
func (l *ledger) move(d *modelDeal, c transaction.Control) bool {
	if !d.state.Permits(c) {
		return false
	}
	d.control, d.state = c, c.Reached()
	switch c {
	case transaction.Lock:
		d.holds = true
		for _, target := range d.targets {
			if l.locked(target, d) {
				d.holds, d.state = false, transaction.Failed
			}
		}
	case transaction.Commit:
		for _, target := range d.targets {
			l.labels[target] = d.label
		}
		d.holds = false
	case transaction.Abort, transaction.Initial:
		d.holds = false
	default: // nobody sees that it was executed
	}
	return true
}

// TestTransaction_C442_AllOrNothingAcrossCrashes runs random transactions and
// ordinary requests against the model, and reopens the store in between.
func TestTransaction_C442_AllOrNothingAcrossCrashes(t *testing.T) {
	t.Parallel()
	const boxes = 3
	const rounds = 25 // of those of rapid: each reopens the store a few times
	dir := t.TempDir()
	w := &world{
		t: t, home: onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"},
		clock: time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC),
	}
	w.open(dir)
	w.register("Capp01", "app")
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		if round++; round > rounds {
			return
		}
		box := func(i int) string { return fmt.Sprintf("cse-in/app/b%d-%d", round, i) }
		l := &ledger{}
		for i := range boxes {
			w.container("Capp01", "cse-in/app", fmt.Sprintf("b%d-%d", round, i), `"lbl":["0"]`)
			l.labels = append(l.labels, "0")
		}
		made := 0
		control := func(d *modelDeal, c transaction.Control) {
			want := onem2m.IllegalTransactionStateTransitionAttempted
			if l.move(d, c) {
				want = onem2m.Updated
			}
			if code := w.do(ask{op: "U", to: "cse-in/app/" + d.name, from: "Capp01", body: fmt.Sprintf(`{"m2m:tram":{"tctl":%d}}`, c)}).Code; code != want {
				rt.Fatalf("%s to %d: %d, want %d", d.name, c, code, want)
			}
		}
		check := func(rt *rapid.T) {
			for i := range boxes {
				if got := labelOf(w, box(i)); got != `["`+l.labels[i]+`"]` {
					rt.Fatalf("box %d has %s, want %s", i, got, l.labels[i])
				}
			}
			for _, d := range l.deals {
				o := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/" + d.name, from: "Capp01"})
				if state, c := stateOf(o); state != d.state || c != d.control {
					rt.Fatalf("%s is %d by %d, want %d by %d", d.name, state, c, d.state, d.control)
				}
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"make": func(rt *rapid.T) {
				made++
				d := &modelDeal{name: fmt.Sprintf("t%d-%d", round, made), label: fmt.Sprint(made), state: transaction.Idle, control: transaction.Initial}
				d.targets = rapid.SliceOfNDistinct(rapid.IntRange(0, boxes-1), 1, boxes, rapid.ID).Draw(rt, "targets")
				var requests []string
				for _, i := range d.targets {
					requests = append(requests, tagged(box(i), d.label))
				}
				w.manage(d.name, `"tmd":2,"tmh":2,"tltp":2`, requests...)
				l.deals = append(l.deals, d)
			},
			"move": func(rt *rapid.T) {
				if len(l.deals) > 0 {
					control(rapid.SampledFrom(l.deals).Draw(rt, "deal"), transaction.Control(rapid.IntRange(1, 5).Draw(rt, "control")))
				}
			},
			"on": func(rt *rapid.T) { // the next step of the good case
				if len(l.deals) > 0 {
					d := rapid.SampledFrom(l.deals).Draw(rt, "deal")
					if c, ok := map[transaction.State]transaction.Control{1: 2, 2: 3, 3: 4}[d.state]; ok {
						control(d, c)
					}
				}
			},
			"write": func(rt *rapid.T) {
				i := rapid.IntRange(0, boxes-1).Draw(rt, "box")
				made++
				want := onem2m.Updated
				if l.locked(i, nil) {
					want = onem2m.RequestTimeout
				} else {
					l.labels[i] = fmt.Sprint(made)
				}
				res := w.do(ask{
					op: "U", to: box(i), from: "Capp01", body: fmt.Sprintf(`{"m2m:cnt":{"lbl":["%d"]}}`, made),
					edit: func(r *onem2m.Request) {
						if want == onem2m.RequestTimeout {
							r.RequestExpiration = "5"
						}
					},
				})
				if res.Code != want {
					rt.Fatalf("write to %d: %d, want %d", i, res.Code, want)
				}
			},
			"crash": func(*rapid.T) {
				w.store.Close()
				w.open(dir)
			},
			"": check,
		})
		for _, d := range l.deals {
			for !d.state.Over() {
				next := transaction.Abort
				if d.state == transaction.Idle {
					next = transaction.Lock
				}
				control(d, next)
			}
			w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/" + d.name, from: "Capp01"})
		}
		l.deals = nil
		check(rt)
		w.noLocks()
	})
}
