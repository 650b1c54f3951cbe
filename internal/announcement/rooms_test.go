package announcement

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/onem2m"
)

// above is the neighbour in front of the slash: a/x and a/y come by a.
func above(id onem2m.ID) onem2m.ID {
	by, _, _ := strings.Cut(string(id), "/")
	return onem2m.ID(by)
}

// fill takes places below a root until there are no more.
func fill(r *Rooms, id int64, of onem2m.ID) int {
	n := 0
	for ; r.Free(id, of); n++ {
		r.Come(id, 1)
	}
	return n
}

func TestRooms_ACSEHasItsPlacesAndLeavesSomeToOthers(t *testing.T) {
	t.Parallel()
	r := NewRooms(10, 40, above)
	var got []int
	for id, of := range []onem2m.ID{"a/1", "a/2", "a/3", "b/1", "b/2", "c/1", "d/1"} {
		got = append(got, fill(r, int64(id), of))
	}
	// a has half of all, b half of the rest, and so on.
	if diff := cmp.Diff([]int{10, 10, 0, 10, 0, 5, 3}, got); diff != "" {
		t.Error(diff)
	}
	r.Close(0)
	if n := fill(r, 7, "e/1"); n != 6 {
		t.Errorf("of twelve free places a newcomer gets %d", n)
	}
}

func TestRooms_WhatGoesMakesRoom(t *testing.T) {
	t.Parallel()
	r := NewRooms(3, 100, above)
	r.Find(1, "a")
	if diff := cmp.Diff([]int64{1}, r.Due()); diff != "" {
		t.Errorf("what is found is counted: %s", diff)
	}
	r.Begin(1)
	r.Come(1, 1)
	r.Go(1, 1) // perhaps it was seen, perhaps not
	r.Settle(1, 1)
	if n := fill(r, 1, "a"); n != 1 {
		t.Errorf("%d more", n)
	}
	if diff := cmp.Diff([]int64{1}, r.Due()); diff != "" {
		t.Errorf("what is full is counted: %s", diff)
	}
	r.Begin(1)
	r.Settle(1, 2)
	r.Go(1, 1)
	if n := fill(r, 1, "a"); n != 2 {
		t.Errorf("%d more after two have gone", n)
	}
}

func TestRooms_ARootThatMovesTakesItsPlacesAlong(t *testing.T) {
	t.Parallel()
	r := NewRooms(3, 100, above)
	fill(r, 1, "a")
	r.Find(1, "b")
	if r.Free(2, "b") || !r.Free(3, "a") {
		t.Error("the places stayed")
	}
	r.Find(1, "") // of an AE that has left
	if r.Free(2, "b") {
		t.Error("the places are nobody's")
	}
}

func TestRooms_CountNeverLessThanThereIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := NewRooms(1000, 100_000, above)
		have, seen := map[int64]int{}, map[int64]int{}
		counting := map[int64]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			id := rapid.Int64Range(1, 3).Draw(t, "root")
			switch rapid.SampledFrom([]string{"come", "go", "unseen", "begin", "settle", "close"}).Draw(t, "step") {
			case "come":
				r.Free(id, "a")
				r.Come(id, 1)
				have[id]++
			case "go":
				if have[id] > 0 {
					if seen[id] > 0 && (have[id] == seen[id] || rapid.Bool().Draw(t, "old")) {
						seen[id]-- // it was there when the count began, and has not been reached
					}
					have[id]--
					r.Go(id, 1)
				}
			case "unseen":
				if have[id] > seen[id] {
					have[id]--
				}
			case "begin":
				if !counting[id] && r.Begin(id) {
					counting[id], seen[id] = true, have[id]
				}
			case "settle":
				if counting[id] {
					r.Settle(id, seen[id])
					counting[id], seen[id] = false, 0
				}
			case "close":
				r.Close(id)
				counting[id] = false
				delete(have, id)
				delete(seen, id)
			}
			sum := 0
			for id, n := range have {
				sum += n
				if one := r.roots[id]; one != nil && one.held < n {
					t.Fatalf("root %d holds %d and counts %d", id, n, one.held)
				}
			}
			if r.total < sum || r.total != r.holding("a").held || r.total != r.brought["a"] {
				t.Fatalf("%d in all, counted %d, of the one CSE %d, by it %d", sum, r.total, r.holding("a").held, r.brought["a"])
			}
		}
	})
}

func TestRooms_ACSEThatMovesTakesItsPlacesToItsNewNeighbour(t *testing.T) {
	t.Parallel()
	by := onem2m.ID("west")
	r := NewRooms(10, 20, func(of onem2m.ID) onem2m.ID {
		if of == "mover" {
			return by
		}
		return "west"
	})
	got := []int{fill(r, 1, "mover"), fill(r, 2, "stays")}
	by = "east"
	got = append(got, fill(r, 3, "mover"), fill(r, 2, "stays"))
	if diff := cmp.Diff([]int{10, 0, 0, 5}, got); diff != "" {
		t.Error(diff)
	}
	for _, want := range []int{3, 0} {
		due := r.Due()
		for _, id := range due {
			r.Begin(id)
			r.Settle(id, 0)
		}
		if len(due) != want {
			t.Errorf("%d roots are to be counted, want %d", len(due), want)
		}
	}
}
