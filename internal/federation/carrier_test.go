package federation

import (
	"context"
	"errors"
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
