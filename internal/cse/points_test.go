package cse

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func newSeries(t *testing.T, members string) (w *world, put func(second, size int) onem2m.StatusCode) {
	w = newWorld(t)
	w.register("Capp01", "app")
	w.must(onem2m.Created, ask{op: "C29", to: "cse-in/app", from: "Capp01", body: `{"m2m:ts":{"rn":"s"` + members + `}}`})
	start := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	return w, func(second, size int) onem2m.StatusCode {
		dgt := onem2m.TimestampOf(start.Add(time.Duration(second) * time.Second))
		body := fmt.Sprintf(`{"m2m:tsi":{"dgt":"%s","con":"%0*d"}}`, dgt, size, 0)
		return w.do(ask{op: "C30", to: "cse-in/app/s", from: "Capp01", body: body}).Code
	}
}

func TestPoints_C376_OneOfATimeWhateverTheOrder(t *testing.T) {
	t.Parallel()
	w, put := newSeries(t, "")
	rapid.Check(t, func(t *rapid.T) {
		w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/s", from: "Capp01"})
		w.must(onem2m.Created, ask{op: "C29", to: "cse-in/app", from: "Capp01", body: `{"m2m:ts":{"rn":"s","mni":5,"mbs":20}}`})
		var held []int // times, in the order of creation
		t.Repeat(map[string]func(*rapid.T){"": func(*rapid.T) {}, "step": func(t *rapid.T) {
			switch second := rapid.IntRange(0, 12).Draw(t, "second"); rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				if len(held) > 0 {
					w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/s/la", from: "Capp01"})
					held = held[:len(held)-1]
				}
			case 1:
				w.c.points.drop(w.record("cse-in/app/s").ID)
			default:
				size, want := rapid.SampledFrom([]int{1, 2, 21}).Draw(t, "size"), onem2m.Created
				if size == 21 {
					want = onem2m.NotAcceptable
				}
				for _, other := range held {
					if other == second {
						want = onem2m.Conflict
					}
				}
				if got := put(second, size); got != want {
					t.Fatalf("%d among %v: got %d, want %d", second, held, got, want)
				}
				if want == onem2m.Created {
					held = append(held, second)
					held = held[max(0, len(held)-5):]
				}
			}
		}})
	})
}

func TestPoints_C376_BehindWhatIsAtHand(t *testing.T) {
	t.Parallel()
	w, put := newSeries(t, "")
	id := w.record("cse-in/app/s").ID
	for second := range 6 {
		if got := put(10*second, 1); got != onem2m.Created {
			t.Fatal(got)
		}
	}
	if read, _ := w.c.points.state(id); read {
		t.Error("read for points that come in order")
	}
	for _, tt := range []struct {
		name   string
		second int
		code   onem2m.StatusCode
	}{
		{"C-376 taken, before anything is at hand", 10, onem2m.Conflict},
		{"C-376 free, and now they count", 11, onem2m.Created},
		{"C-376 taken by one at hand", 11, onem2m.Conflict},
		{"C-376 taken by one behind the floor", 0, onem2m.Conflict},
		{"C-376 free behind the floor", 1, onem2m.Created},
		{"C-376 taken behind the floor since", 1, onem2m.Conflict},
		{"C-376 taken at the end", 50, onem2m.Conflict},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := put(tt.second, 1); got != tt.code {
				t.Errorf("got %d, want %d", got, tt.code)
			}
		})
		if tt.second == 11 && tt.code == onem2m.Created {
			if _, sound := w.c.points.state(id); !sound {
				t.Error("not at hand after a commit")
			}
			w.c.points.all[id].floor = onem2m.TimestampOf(time.Date(2026, 3, 4, 10, 0, 5, 0, time.UTC))
		}
	}
}

func TestPoints_C376_WhatWasUndoneIsStillThere(t *testing.T) {
	t.Parallel()
	w, put := newSeries(t, `,"mni":2`)
	for second := range 2 {
		put(second, 1)
	}
	put(1, 1) // a duplicate: points are read, and not confirmed
	parent, undone := w.record("cse-in/app/s"), errors.New("undone")
	if got := put(5, 1); got != onem2m.Created { // evicts second 0
		t.Fatal(got)
	}
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		old, err := tx.Edge(parent.ID, onem2m.TypeTimeSeriesInstance, false, 0)
		if err != nil {
			return err
		}
		at, err := generated(old)
		if err != nil {
			return err
		}
		if err := tx.Remove(old.ID); err != nil {
			return err
		}
		if taken, err := w.c.hasPoint(tx, parent.ID, at); taken || err != nil {
			t.Errorf("removed, and %t %v", taken, err)
		}
		w.c.points.add(parent.ID, point{at: at, id: tx.NextID()})
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	if got := put(1, 1); got != onem2m.Conflict {
		t.Errorf("got %d, want 4105", got)
	}
	if got := put(0, 1); got != onem2m.Created {
		t.Errorf("got %d for the time of what was evicted, want 2001", got)
	}
}

func TestPoints_C376_TheNextPointLetsWhatADuplicateReadCount(t *testing.T) {
	t.Parallel()
	w, put := newSeries(t, "")
	id := w.record("cse-in/app/s").ID
	for _, want := range []onem2m.StatusCode{onem2m.Created, onem2m.Conflict} {
		if got := put(0, 1); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	}
	if read, sound := w.c.points.state(id); !read || sound {
		t.Errorf("after a duplicate: read %t, sound %t", read, sound)
	}
	put(1, 1)
	if _, sound := w.c.points.state(id); !sound {
		t.Error("not sound after a point in order")
	}
	for range 3 { // the same time again and again
		w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/s/la", from: "Capp01"})
		if got := put(1, 1); got != onem2m.Created {
			t.Fatal(got)
		}
	}
	if n := len(w.c.points.all[id].list); n != 2 {
		t.Errorf("%d points are at hand, want 2", n)
	}
}

func TestRecent_KeepsTheLatestInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, highest := &recent{}, map[onem2m.Timestamp]int64{}
		step := rapid.Int64Range(1, 4999).Draw(t, "step")
		for id := int64(1); id <= 2500; id++ {
			at := onem2m.Timestamp(id * step % 5000)
			p.add(point{at: at, id: id})
			highest[at] = id
		}
		if len(p.list) >= 2*keptPoints {
			t.Fatalf("%d points are kept", len(p.list))
		}
		for at, id := range highest {
			if from, to := p.span(at); at >= p.floor && (from == to || p.list[to-1] != point{at: at, id: id}) {
				t.Fatalf("%d isn't kept", at)
			}
		}
	})
}

func TestGenerated_ReadsTheMemberOfTheInstance(t *testing.T) {
	t.Parallel()
	for name, attrs := range map[string]string{
		"plain":                           `{"rn":"x","dgt":"20260304T100000","con":"y"}`,
		"C-376 content is an object":      `{"con":{"dgt":"20200101T000000"},"dgt":"20260304T100000"}`,
		"C-376 content looks like it":     `{"con":"\"dgt\":\"20200101T000000\"","dgt":"20260304T100000"}`,
		"C-376 written in a strange way":  `{"dgt":"2\u0030260304T100000"}`,
		"C-376 content behind the member": `{"dgt":"20260304T100000","con":{"dgt":"20200101T000000"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := generated(&store.Record{Attributes: []byte(attrs)})
			if want := onem2m.TimestampOf(time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)); err != nil || got != want {
				t.Errorf("got %s %v, want %s", got, err, want)
			}
		})
	}
}
