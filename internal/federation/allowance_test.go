package federation

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"bulwark/onem2m"
)

func TestAllowance_UnitsComeBackOneByOne(t *testing.T) {
	t.Parallel()
	const second = onem2m.Timestamp(1_000_000)
	a := NewAllowance(3, time.Second, 10)
	for range 3 {
		if !a.Take("/a", 1, 0) {
			t.Fatal("refused")
		}
	}
	for name, tt := range map[string]struct {
		who  onem2m.ID
		now  onem2m.Timestamp
		want bool
	}{
		"nothing is left":            {"/a", 0, false},
		"nor a moment before one is": {"/a", second - 1, false},
		"one is back":                {"/a", second, true},
		"others have their own":      {"/b", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := a.Left(tt.who, tt.now); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestAllowance_WhatIsGivenBackCanBeTakenAgain(t *testing.T) {
	t.Parallel()
	a := NewAllowance(1, time.Second, 10)
	for range 5 {
		if !a.Take("/a", 1, 0) {
			t.Fatal("refused")
		}
		a.Charge("/a", -1, 0)
	}
	a.Charge("/a", 10, 0)
	if a.Left("/a", 2_000_000) || !a.Left("/a", 20_000_000) {
		t.Error("who owes has its units after some time, and not before")
	}
}

func TestAllowance_AClockThatIsSetBackEndsNothingForever(t *testing.T) {
	t.Parallel()
	a := NewAllowance(2, time.Second, 10)
	a.Charge("/a", 2, 1<<50)
	a.Charge("/a", 0, 1_000_000)
	if !a.Left("/a", 6_000_000) {
		t.Error("nothing comes back")
	}
}

func TestAllowance_OnlySoManyAreRemembered(t *testing.T) {
	t.Parallel()
	a := NewAllowance(2, time.Second, 2)
	if !a.Take("/a", 1, 0) || !a.Take("/b", 1, 0) || a.Take("/c", 1, 0) || !a.Take("/a", 1, 0) {
		t.Error("a third one is remembered, or one of the two isn't")
	}
	if !a.Take("/c", 1, 3_000_000) {
		t.Error("who has everything back is remembered")
	}
}

// Over any time nobody gets more than it has at the beginning and what comes back.
func TestAllowance_NobodyGetsMore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := NewAllowance(5, time.Second, 3)
		now, got := onem2m.Timestamp(0), map[onem2m.ID]int{}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			now += onem2m.Timestamp(rapid.IntRange(0, 3_000_000).Draw(t, "pause"))
			who := rapid.SampledFrom([]onem2m.ID{"/a", "/b", "/c", "/d"}).Draw(t, "who")
			if a.Take(who, 1, now) {
				got[who]++
			}
			if most := 5 + int(now/1_000_000); got[who] > most {
				t.Fatalf("%s got %d, of %d", who, got[who], most)
			}
		}
	})
}
