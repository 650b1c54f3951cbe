package federation

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bulwark/onem2m"
)

// shelf is a store of copies with a clock that the test moves.
type shelf struct {
	*Copies[string]
	clock atomic.Int64
	asked atomic.Int64
}

func newShelf() *shelf {
	s := &shelf{Copies: NewCopies[string](3, 30*time.Second, 5*time.Second)}
	s.clock.Store(1_000_000_000_000)
	return s
}

func (s *shelf) now() onem2m.Timestamp   { return onem2m.Timestamp(s.clock.Load()) }
func (s *shelf) advance(d time.Duration) { s.clock.Add(d.Microseconds()) }

func (s *shelf) fetch(ctx context.Context, address string, err error) {
	s.Fetch(ctx, address, s.now, func(context.Context) (*string, error) {
		s.asked.Add(1)
		return &address, err
	})
}

func TestCopies_A195_CountForABoundedTime(t *testing.T) {
	t.Parallel()
	s := newShelf()
	s.fetch(t.Context(), "a", nil)
	s.fetch(t.Context(), "gone", errors.New("4004"))
	look := func(when string, address string, value, known bool) {
		t.Helper()
		v, k := s.Get(address, s.now())
		if (v != nil) != value || k != known {
			t.Errorf("%s %s: %v %v", when, address, v != nil, k)
		}
	}
	look("at once", "a", true, true)
	look("at once", "gone", false, true)
	s.advance(5 * time.Second)
	look("after the pause", "a", true, true)
	look("after the pause", "gone", false, false)
	s.fetch(t.Context(), "a", nil)
	if n := s.asked.Load(); n != 2 {
		t.Errorf("asked %d times for what was there", n)
	}
	s.advance(25 * time.Second)
	look("after its life", "a", false, false)
	s.fetch(t.Context(), "a", nil)
	s.advance(-time.Hour)
	look("after the clock was set back", "a", false, false)
}

func TestCopies_A195_AreBoundedInNumber(t *testing.T) {
	t.Parallel()
	s := newShelf()
	for i := range 10 {
		s.fetch(t.Context(), strconv.Itoa(i), nil)
		s.advance(time.Millisecond)
	}
	if len(s.all) != 3 {
		t.Errorf("%d copies", len(s.all))
	}
	for _, address := range []string{"7", "8", "9"} {
		if v, _ := s.Get(address, s.now()); v == nil {
			t.Errorf("%s went before older ones", address)
		}
	}
}

func TestCopies_AreAskedForOnce(t *testing.T) {
	t.Parallel()
	s := newShelf()
	begin := make(chan struct{})
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			s.Fetch(t.Context(), "a", s.now, func(context.Context) (*string, error) {
				<-begin
				s.asked.Add(1)
				return new(string), nil
			})
			if v, _ := s.Get("a", s.now()); v == nil {
				t.Error("returned before it was there")
			}
		})
	}
	close(begin)
	group.Wait()
	if n := s.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestCopies_AnImpatientRequestSaysNothingAboutWhatItAskedFor(t *testing.T) {
	t.Parallel()
	s := newShelf()
	ctx, cancel := context.WithCancel(t.Context())
	s.Fetch(ctx, "a", s.now, func(ctx context.Context) (*string, error) {
		cancel()
		return nil, ctx.Err()
	})
	if _, known := s.Get("a", s.now()); known {
		t.Error("it is thought to be impossible to have")
	}
	s.fetch(t.Context(), "a", nil)
	if v, _ := s.Get("a", s.now()); v == nil {
		t.Error("nobody else gets it")
	}
}
