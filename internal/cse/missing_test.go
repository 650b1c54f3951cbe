package cse

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/internal/notify"
	"bulwark/onem2m"
)

// series makes a monitored time series: a point every 10 s, ±2 s, missing after 5 s.
func (w *world) series(attributes string) {
	w.t.Helper()
	w.register("Capp01", "app")
	w.must(onem2m.Created, ask{op: "C29", to: "cse-in/app", from: "Capp01", body: `{"m2m:ts":{"rn":"s","pei":10000,"peid":2000,"mdt":5000,"mdd":true` + attributes + `}}`})
}

// point puts a point whose generation time is so many seconds after 10:30:00.
func (w *world) point(seconds int) {
	w.t.Helper()
	at := time.Date(2026, 3, 4, 10, 30, seconds, 0, time.UTC)
	w.must(onem2m.Created, ask{op: "C30", to: "cse-in/app/s", from: "Capp01", body: `{"m2m:tsi":{"dgt":"` + onem2m.TimestampOf(at).String() + `","con":"x"}}`})
}

func (w *world) detect() {
	w.t.Helper()
	if _, err := w.c.DetectMissing(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// lost returns missingDataList as seconds after 10:30:00.
func (w *world) lost() []int {
	w.t.Helper()
	o := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/s", from: "Capp01"})
	list, _ := o.Texts("mdlt")
	start := onem2m.TimestampOf(time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC))
	var seconds []int
	for _, text := range list {
		t, err := onem2m.ParseTimestamp(text)
		if err != nil {
			w.t.Fatal(err)
		}
		seconds = append(seconds, int((t-start)/1e6))
	}
	if n, _ := o.Int("mdc"); int(n) != len(list) {
		w.t.Errorf("mdc is %d, mdlt has %d entries", n, len(list))
	}
	return seconds
}

func (w *world) expectLost(want ...int) {
	w.t.Helper()
	w.detect()
	if diff := cmp.Diff(want, w.lost()); diff != "" {
		w.t.Error(diff)
	}
}

func TestMissing_C382_DetectionStartsWithTheFirstPoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.series("")
	w.advance(time.Hour)
	w.expectLost()
	w.point(3600)
	w.advance(14 * time.Second)
	w.expectLost()
	w.advance(time.Second) // 10 s and 5 s after the first
	w.expectLost(3610)
}

func TestMissing_C383_ToleranceEarlyAndLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.series("")
	w.point(0)
	w.point(8)  // within the tolerance of 10
	w.point(30) // ahead of its time
	w.point(23) // outside of that of 20
	w.advance(45 * time.Second)
	w.expectLost(20, 40)
	w.point(20)
	w.expectLost(20, 40) // too late, it stays
	var missing []onem2m.Timestamp
	for _, ev := range w.events {
		if ev.Type == notify.MissingData {
			missing = append(missing, ev.Missing...)
		}
	}
	if len(missing) != 2 {
		t.Errorf("subscribers heard of %v", missing)
	}
}

func TestMissing_C383_TheListIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.series(`,"mdn":3`)
	w.point(0)
	w.advance(55 * time.Second)
	w.expectLost(30, 40, 50)
	w.advance(10 * time.Second)
	w.expectLost(40, 50, 60)
	w.advance(10_000 * time.Second)
	w.expectLost(10040, 10050, 10060)
}

func TestMissing_C381_StopAndStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.series("")
	set := func(body string) {
		w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/s", from: "Capp01", body: `{"m2m:ts":` + body + `}`})
	}
	w.point(0)
	w.advance(15 * time.Second)
	w.expectLost(10)
	set(`{"mdd":false}`)
	w.advance(time.Minute)
	w.expectLost(10) // kept
	set(`{"mdd":true}`)
	w.expectLost() // cleared, and nothing is expected before the next first point
	w.advance(time.Minute)
	w.expectLost()
	w.point(135)
	w.advance(15 * time.Second)
	w.expectLost(145)
	set(`{"mdd":false}`)
	set(`{"mdn":7}`)
	w.expectLost() // parameters changed while paused
}

func TestMissing_C387_DeletionStopsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.series("")
	w.point(0)
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/s", from: "Capp01"})
	w.advance(time.Hour)
	w.detect()
	if next, _ := w.c.DetectMissing(t.Context()); next != 0 {
		t.Errorf("an alarm is left: %s", next)
	}
}

func TestMissing_C382_GoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := t.TempDir()
	w.restart(dir)
	w.series("")
	w.point(0)
	w.point(20)
	w.restart(dir)
	w.advance(36 * time.Second)
	if err := w.c.rearm(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.expectLost(10, 30)
}

func TestMissing_C382_RunDetectsByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.series("")
	w.point(0)
	w.advance(15 * time.Second)
	stop := w.run()
	defer stop()
	deadline := time.Now().Add(time.Minute)
	for len(w.lost()) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("nothing was detected")
		}
		time.Sleep(time.Millisecond)
	}
}

// Points are missing exactly if none was within the tolerance in time, whatever
// the order in which they come.
func TestMissing_C383_Property(t *testing.T) {
	t.Parallel()
	m := rhythm{interval: 10e6, delta: 2e6, patience: 5e6, keep: maxMissing}
	rapid.Check(t, func(t *rapid.T) {
		w := &watch{First: 1000e6, Next: 1}
		now, there := w.First, map[int64]bool{}
		missing := map[int64]bool{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now += onem2m.Timestamp(rapid.Int64Range(0, 12e6).Draw(t, "passes"))
			for _, at := range w.overdue(m, now) {
				n := int64((at - w.First) / m.interval)
				if there[n] || missing[n] {
					t.Fatalf("point %d was there or missing before", n)
				}
				missing[n] = true
			}
			for n := int64(1); w.expected(m, n)+m.patience <= now; n++ {
				if there[n] == missing[n] {
					t.Fatalf("point %d: there %t, missing %t", n, there[n], missing[n])
				}
			}
			n := rapid.Int64Range(0, 40).Draw(t, "point")
			off := rapid.Int64Range(-4e6, 4e6).Draw(t, "off")
			w.note(m, w.expected(m, n)+onem2m.Timestamp(off))
			if n > 0 && off >= -2e6 && off <= 2e6 && !missing[n] {
				there[n] = true
			}
			if slices.Contains(w.Ahead, w.Next) {
				t.Fatal("the next point is ahead")
			}
		}
	})
}
