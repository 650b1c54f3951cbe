package distributed

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"bulwark/onem2m"
)

// oracle answers by the name of the point.
func oracle(asked *[]string) Sender {
	return func(ctx context.Context, address string, _ *onem2m.Content, _ time.Duration) *onem2m.Response {
		*asked = append(*asked, address)
		switch address {
		case "permit":
			return updated("m2m:auds", `{"dec":1,"sus":1}`)
		case "deny":
			return updated("m2m:auds", `{"dec":2,"sus":1}`)
		case "silent":
			<-ctx.Done()
			return &onem2m.Response{Code: onem2m.RequestTimeout}
		case "gone":
			return &onem2m.Response{Code: onem2m.TargetNotReachable}
		case "refuses":
			return &onem2m.Response{Code: onem2m.OriginatorHasNoPrivilege}
		case "garbage":
			return updated("m2m:auds", `{"dec":1}`)
		}
		n, _ := strconv.Atoi(address)
		return updated("m2m:auds", `{"sus":`+strconv.Itoa(n)+`}`)
	}
}

func TestDecide_A177_A178_TheFirstThatDecidesHasTheWord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		list   string
		permit bool
		asked  int
	}{
		{"permit", true, 1},
		{"deny", false, 1},
		{"deny permit", false, 1},
		{"2 permit", true, 2},
		{"2 2 deny permit", false, 3},
		{"2", false, 1},
		{"", false, 0},
		{"3 4 5 permit", true, 4},
		{"3", false, 1},
		{"refuses permit", true, 2},
		{"garbage", false, 1},
		{"garbage permit", true, 2},
		{"gone permit", true, 2},
		{"silent permit", true, 2},
		{"silent silent silent", false, 3},
		{"2 2 2 2 2 2 2 2 permit", false, MaxPoints},
	} {
		t.Run("A-177 "+tt.list, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var asked []string
				a := &Asker{Gate: NewGate(), Now: func() onem2m.Timestamp { return onem2m.TimestampOf(time.Now()) }, Send: oracle(&asked)}
				start := time.Now()
				v, _, steps := a.Decide(t.Context(), strings.Fields(tt.list), &Question{To: "a", From: "b", Operation: onem2m.Retrieve})
				if v.Permit != tt.permit || len(asked) > tt.asked || v.Permit && v.Status != OK {
					t.Errorf("%+v after asking %v", v, asked)
				}
				if !tt.permit && strings.Count(tt.list, "deny") == 0 && v.Status != NotApplicable {
					t.Errorf("decided: %+v", v)
				}
				if len(steps) != min(tt.asked, MaxPoints) {
					t.Errorf("A-193 steps %q", steps)
				}
				if took := time.Since(start); took > patience {
					t.Errorf("A-191 it took %s", took)
				}
			})
		})
	}
}

func TestAsker_A191_APointThatIsSilentRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		a := &Asker{Gate: NewGate(), Now: func() onem2m.Timestamp { return onem2m.TimestampOf(time.Now()) }, Send: oracle(&asked)}
		q := &Question{To: "a", From: "b", Operation: onem2m.Retrieve}
		for range 5 {
			a.Decide(t.Context(), []string{"silent"}, q)
		}
		if len(asked) != 1 {
			t.Errorf("asked %d times in a row", len(asked))
		}
		time.Sleep(restTime + time.Second)
		a.Decide(t.Context(), []string{"silent"}, q)
		if len(asked) != 2 {
			t.Errorf("asked %d times", len(asked))
		}
	})
}

func TestGate_A191_IsBoundedForEachPointAndInAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewGate()
		now := func() onem2m.Timestamp { return onem2m.TimestampOf(time.Now()) }
		ctx, cancel := context.WithCancel(t.Context())
		open := make(chan struct{})
		var group sync.WaitGroup
		var working, refused atomic.Int64
		enter := func(address string) {
			group.Go(func() {
				leave, err := g.Enter(ctx, address, now)
				if err != nil {
					refused.Add(1)
					return
				}
				working.Add(1)
				<-open
				working.Add(-1)
				leave(true)
			})
		}
		for range maxWaiting + 10 {
			enter("slow")
		}
		synctest.Wait()
		if working.Load() != maxAsking || refused.Load() != 10 {
			t.Errorf("%d are asked, %d refused", working.Load(), refused.Load())
		}
		enter("other")
		synctest.Wait()
		if working.Load() != maxAsking+1 {
			t.Error("a slow point keeps others out")
		}
		for i := range maxAll {
			enter(fmt.Sprint(i))
		}
		synctest.Wait()
		if n := refused.Load(); n != 10+maxWaiting+1 {
			t.Errorf("%d refused", n)
		}
		cancel() // who waits gives up
		synctest.Wait()
		close(open)
		group.Wait()
		if len(g.lanes) != 0 || g.all != 0 {
			t.Errorf("left behind: %v, %d", g.lanes, g.all)
		}
		for i := range maxResting + 10 {
			leave, err := g.Enter(t.Context(), fmt.Sprint(i), now)
			if err != nil {
				t.Fatal(err)
			}
			leave(false)
		}
		if len(g.rests) > maxResting {
			t.Errorf("%d rest", len(g.rests))
		}
	})
}

func TestGate_A191_WhoWaitsForASilentPointIsSentAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &Asker{Gate: NewGate(), Now: func() onem2m.Timestamp { return onem2m.TimestampOf(time.Now()) }}
		a.Send = func(ctx context.Context, _ string, _ *onem2m.Content, _ time.Duration) *onem2m.Response {
			<-ctx.Done()
			return &onem2m.Response{Code: onem2m.RequestTimeout}
		}
		var group sync.WaitGroup
		for range 3 * maxAsking {
			group.Go(func() {
				v, _, _ := a.Decide(t.Context(), []string{"silent"}, &Question{To: "a", From: "b", Operation: onem2m.Retrieve})
				if v.Status == OK {
					t.Error("decided")
				}
			})
		}
		begun := time.Now()
		group.Wait()
		if took := time.Since(begun); took > patience {
			t.Errorf("it took %s", took)
		}
	})
}

// TestTrail_A180_EndsEveryWalk hands a question on among a few points in any
// way, with CSEs on the way that put something in front of the identifier.
func TestTrail_A180_EndsEveryWalk(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		marks := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z2-7]{12}`), 1, 6, rapid.ID[string]).Draw(t, "marks")
		rqi := Trail(nil).RequestID("x1")
		been := map[string]int{}
		for hops := 0; ; hops++ {
			mark := rapid.SampledFrom(marks).Draw(t, "next")
			trail := TrailOf(rqi)
			if trail.Ended(mark) {
				return
			}
			if been[mark]++; been[mark] > 1 {
				t.Fatalf("handed on twice by %s: %s", mark, rqi)
			}
			if hops > MaxHops {
				t.Fatalf("%d hops: %s", hops, rqi)
			}
			rqi = rapid.StringMatching(`([a-z2-7]{14}\.){0,3}`).Draw(t, "transit") + trail.Onward(mark).RequestID("x"+strconv.Itoa(hops))
		}
	})
	if trail := TrailOf(Trail{"2222222222pt"}.RequestID("x0")); len(trail) != 1 {
		t.Errorf("a mark that ends like the beginning of a trail: read %v", trail)
	}
	if trail := TrailOf("somebody-else"); trail != nil {
		t.Errorf("read %v", trail)
	}
}

func TestAsker_A191_WhoHasNoTimeLetsNoPointRest(t *testing.T) {
	t.Parallel()
	for _, hasty := range []time.Duration{10 * time.Millisecond, 500 * time.Millisecond} {
		for _, list := range []string{"slow", "slow slow", "expired"} {
			t.Run("A-191 "+list+" after "+hasty.String(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					a := &Asker{Gate: NewGate(), Now: func() onem2m.Timestamp { return onem2m.TimestampOf(time.Now()) }, Send: func(ctx context.Context, address string, _ *onem2m.Content, patience time.Duration) *onem2m.Response {
						if address == "expired" && patience < time.Second { // it gives up before who asks does
							return &onem2m.Response{Code: onem2m.RequestTimeout}
						}
						select {
						case <-time.After(600 * time.Millisecond):
							return updated("m2m:auds", `{"dec":1,"sus":1}`)
						case <-ctx.Done():
							return &onem2m.Response{Code: onem2m.RequestTimeout}
						}
					}}
					q := &Question{To: "a", From: "b", Operation: onem2m.Retrieve}
					ctx, cancel := context.WithTimeout(t.Context(), hasty)
					defer cancel()
					if v, _, _ := a.Decide(ctx, strings.Fields(list), q); v.Permit {
						t.Error("permitted")
					}
					if v, _, steps := a.Decide(t.Context(), strings.Fields(list)[:1], q); !v.Permit {
						t.Errorf("others are refused: %s", steps)
					}
				})
			})
		}
	}
}
