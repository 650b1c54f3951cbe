package federation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

// sender answers by point of access.
type sender struct {
	mu    sync.Mutex
	asked []string
	ways  map[string]func(context.Context) (*onem2m.Response, error)
}

func (s *sender) Send(ctx context.Context, point string, who onem2m.ID, _ *onem2m.Request) (*onem2m.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, point+" "+string(who))
	s.mu.Unlock()
	return s.ways[point](ctx)
}

// leftError is an error after which the receiver may have the request.
type leftError struct{ error }

func (leftError) Sent() bool { return true }

func answering(c onem2m.StatusCode) func(context.Context) (*onem2m.Response, error) {
	return func(context.Context) (*onem2m.Response, error) { return &onem2m.Response{Code: c}, nil }
}

func dead(context.Context) (*onem2m.Response, error) {
	return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "nobody there")
}

func lost(context.Context) (*onem2m.Response, error) {
	return nil, &onem2m.Error{Code: onem2m.TargetNotReachable, Cause: leftError{errors.New("connection reset")}}
}

func silent(ctx context.Context) (*onem2m.Response, error) {
	<-ctx.Done()
	return nil, &onem2m.Error{Code: onem2m.RequestTimeout, Cause: ctx.Err()}
}

func carrier(s *sender, results *[]Result) *Carrier {
	var mu sync.Mutex
	return NewCarrier(s, func(_ onem2m.ID, r Result) {
		mu.Lock()
		defer mu.Unlock()
		*results = append(*results, r)
	}, time.Now, slog.New(slog.DiscardHandler))
}

func TestCarry_TriesThePointsOfAccessInTurn(t *testing.T) {
	t.Parallel()
	ways := map[string]func(context.Context) (*onem2m.Response, error){
		"dead": dead, "good": answering(2000), "bare": answering(0), "refuses": answering(4103), "lost": lost,
		"unfit": func(context.Context) (*onem2m.Response, error) {
			return nil, onem2m.Errorf(onem2m.NotImplemented, "rids", "the value can't be a header")
		},
		"mute": func(context.Context) (*onem2m.Response, error) { return nil, nil },
	}
	tests := []struct {
		name   string
		points []string
		asked  []string
		rsc    onem2m.StatusCode // of the answer
		code   onem2m.StatusCode // of the error
		result Result
	}{
		{"C-077 the first", []string{"good", "dead"}, []string{"good"}, 2000, 0, Answered},
		{"C-077 the next where nobody is", []string{"dead", "good"}, []string{"dead", "good"}, 2000, 0, Answered},
		{"C-077 a refusal is an answer", []string{"refuses", "good"}, []string{"refuses"}, 4103, 0, Answered},
		{"a notification is taken by a success alone", []string{"bare"}, []string{"bare"}, 2000, 0, Answered},
		{"C-076 nobody", []string{"dead", "dead"}, []string{"dead", "dead"}, 0, 5103, Unreachable},
		{"C-076 no point of access", nil, nil, 0, 5103, Unreachable},
		{"C-008 nothing is sent twice that may have been carried out", []string{"lost", "good"}, []string{"lost"}, 0, 5103, Unreachable},
		{"C-077 a request that can't be written goes to no other point", []string{"unfit", "good"}, []string{"unfit"}, 0, 5001, Unfit},
		{"no answer at all", []string{"mute"}, []string{"mute"}, 0, 5000, Unreachable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &sender{ways: ways}
			var results []Result
			res, err := carrier(s, &results).Carry(t.Context(), Hop{ID: in, Points: tt.points}, &onem2m.Request{})
			if code(err) != tt.code || err == nil && res.Code != tt.rsc {
				t.Errorf("got %+v %v", res, err)
			}
			var asked []string
			for _, p := range tt.asked {
				asked = append(asked, p+" "+string(in))
			}
			if diff := cmp.Diff(asked, s.asked); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]Result{tt.result}, results); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCarry_ADeadHopAnswersAtOnceAndIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sender{ways: map[string]func(context.Context) (*onem2m.Response, error){"a": dead, "b": answering(2000)}}
		var results []Result
		c := carrier(s, &results)
		ask := func(id onem2m.ID, point string) onem2m.StatusCode {
			_, err := c.Carry(t.Context(), Hop{ID: id, Points: []string{point}}, &onem2m.Request{})
			return code(err)
		}
		for range 3 {
			if got := ask(in, "a"); got != 5103 {
				t.Errorf("got %d", got)
			}
		}
		if len(s.asked) != 1 {
			t.Errorf("asked %v", s.asked)
		}
		if got := ask(mn2, "b"); got != 0 {
			t.Errorf("another hop is harmed: %d", got)
		}
		for range 20 { // however long it was away, it is found again soon
			time.Sleep(maxRest)
			ask(in, "a")
		}
		time.Sleep(maxRest)
		s.ways["a"] = answering(2000)
		if got := ask(in, "a"); got != 0 {
			t.Errorf("a hop that is back is refused: %d", got)
		}
		if !slices.Contains(results, Resting) {
			t.Errorf("%v", results)
		}
	})
}

func TestCarry_ARequestThatCannotBeWrittenHarmsNoHop(t *testing.T) {
	t.Parallel()
	s := &sender{ways: map[string]func(context.Context) (*onem2m.Response, error){
		"unfit": func(context.Context) (*onem2m.Response, error) {
			return nil, onem2m.Errorf(onem2m.BadRequest, "to", "the address can't be a path")
		},
		"good": answering(2000),
	}}
	var results []Result
	c := carrier(s, &results)
	for range 3 {
		if _, err := c.Carry(t.Context(), Hop{ID: in, Points: []string{"unfit"}}, &onem2m.Request{}); code(err) != 4000 {
			t.Errorf("got %v", err)
		}
	}
	if _, err := c.Carry(t.Context(), Hop{ID: in, Points: []string{"good"}}, &onem2m.Request{}); err != nil {
		t.Errorf("the hop rests: %v", err)
	}
}

func TestCarry_NobodyFillsALaneAlone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		hop  Hop
		from func(int) string
		all  int
	}{
		{"an originator", Hop{}, func(int) string { return "/id-mn/Cgreedy" }, originatorInAll},
		{"a CSE in the name of another's originator", Hop{Peer: mn2}, func(int) string { return "/id-mn/Cmodest" }, originatorInAll},
		{"a CSE that names many originators", Hop{Peer: mn2}, func(i int) string { return fmt.Sprint("/id-mn2/C", i) }, peerPart * (maxInFlight + maxQueued) / (peerPart + 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &sender{ways: map[string]func(context.Context) (*onem2m.Response, error){"slow": silent, "quick": answering(2000)}}
				var results []Result
				c := carrier(s, &results)
				hop := tt.hop
				hop.ID, hop.Points = in, []string{"slow"}
				ctx, cancel := context.WithCancel(t.Context())
				var group sync.WaitGroup
				for i := range tt.all {
					group.Go(func() { _, _ = c.Carry(ctx, hop, &onem2m.Request{From: tt.from(i)}) })
				}
				synctest.Wait()
				if _, err := c.Carry(t.Context(), hop, &onem2m.Request{From: tt.from(tt.all)}); code(err) != 5103 {
					t.Errorf("one too many: %v", err)
				}
				quick, end := context.WithTimeout(t.Context(), time.Second)
				defer end()
				if _, err := c.Carry(quick, Hop{ID: in, Points: []string{"quick"}}, &onem2m.Request{From: "/id-mn/Cmodest"}); err != nil {
					t.Errorf("another: %v", err)
				}
				cancel()
				group.Wait()
				if n, l := c.Waiting(), c.lanes[in]; n != 0 || len(l.shares) != 0 || len(l.places) != 0 {
					t.Errorf("%d wait, %d shares and %d places are left", n, len(l.shares), len(l.places))
				}
			})
		})
	}
}

func TestCarry_C076_WhoHoldsAConnectionWaitsAMinuteAtMost(t *testing.T) {
	t.Parallel()
	for _, blocking := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := &sender{ways: map[string]func(context.Context) (*onem2m.Response, error){"slow": silent}}
			var results []Result
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			begun, want := time.Now(), time.Hour
			if blocking {
				want = maxBlocking
			}
			_, err := carrier(s, &results).Carry(ctx, Hop{ID: in, Points: []string{"slow"}, Blocking: blocking}, &onem2m.Request{})
			if took := time.Since(begun); code(err) != 4008 || took != want {
				t.Errorf("blocking %v: %v after %v", blocking, err, took)
			}
		})
	}
}

func TestCarry_ASlowHopHarmsNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sender{ways: map[string]func(context.Context) (*onem2m.Response, error){"slow": silent, "quick": answering(2000)}}
		var results []Result
		c := carrier(s, &results)
		var group sync.WaitGroup
		for range maxInFlight + maxQueued {
			group.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := c.Carry(ctx, Hop{ID: in, Points: []string{"slow"}}, &onem2m.Request{}); code(err) != 4008 {
					t.Errorf("C-076: got %v", err)
				}
			})
		}
		synctest.Wait()
		if n := c.Waiting(); n != maxInFlight+maxQueued {
			t.Errorf("%d wait", n)
		}
		if _, err := c.Carry(t.Context(), Hop{ID: in, Points: []string{"slow"}}, &onem2m.Request{}); code(err) != 5103 {
			t.Errorf("one too many: %v", err)
		}
		if _, err := c.Carry(t.Context(), Hop{ID: mn2, Points: []string{"quick"}}, &onem2m.Request{}); err != nil {
			t.Errorf("another hop: %v", err)
		}
		group.Wait()
		if n := c.Waiting(); n != 0 {
			t.Errorf("%d still wait", n)
		}
		if _, err := c.Carry(t.Context(), Hop{ID: in, Points: []string{"quick"}}, &onem2m.Request{}); err != nil {
			t.Errorf("slowness counts as absence: %v", err)
		}
	})
}

func TestCarry_KeepsABoundedNumberOfLanes(t *testing.T) {
	t.Parallel()
	s := &sender{ways: map[string]func(context.Context) (*onem2m.Response, error){"a": answering(2000)}}
	var results []Result
	c := carrier(s, &results)
	for i := range 3 * maxLanes {
		id := onem2m.ID(sp + "/id-" + string(rune('a'+i%26)) + time.Duration(i).String())
		if _, err := c.Carry(t.Context(), Hop{ID: id, Points: []string{"a"}}, &onem2m.Request{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.lanes) > maxLanes+1 {
		t.Errorf("%d lanes", len(c.lanes))
	}
}

func TestSocketOf_B96_IsReadAsItWasMade(t *testing.T) {
	t.Parallel()
	for _, credential := range []string{"", "31-device", "32-//m2m.example/S:x"} {
		got, since, ok := ParseSocket(SocketOf(credential, 1_772_620_200_000_000))
		if !ok || got != credential || since != 1_772_620_200_000_000 {
			t.Errorf("%q: %q, %d, %t", credential, got, since, ok)
		}
	}
	for _, point := range []string{"", SocketPoint, SocketPoint + "x:31-device", "wss://ae.example:443"} {
		if _, _, ok := ParseSocket(point); ok {
			t.Errorf("%q is read", point)
		}
	}
}
