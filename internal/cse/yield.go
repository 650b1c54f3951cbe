package cse

import (
	"context"
	"sync"
)

// yieldKey is where a context holds what WithYield was given.
type yieldKey struct{}

// WithYield tells the CSE how to give up the caller's place while a request
// only waits for others: give lets others have it, and what it returns takes
// it back. A place that the context has already is given up as well.
func WithYield(ctx context.Context, give func() (resume func())) context.Context {
	if outer, ok := ctx.Value(yieldKey{}).(func() func()); ok {
		inner := give
		give = func() func() {
			back, backOuter := inner(), outer()
			return func() {
				backOuter() // the outer place was taken first
				back()
			}
		}
	}
	return context.WithValue(ctx, yieldKey{}, give)
}

// Yield gives up the caller's place until the returned function is called: what
// waits long for others, a poll above all, keeps nobody out.
func Yield(ctx context.Context) (resume func()) {
	give, ok := ctx.Value(yieldKey{}).(func() func())
	if !ok {
		return func() {}
	}
	return give()
}

// seat is one of a number of places, held by a request whose parts may wait for
// others at the same time: it is given up once.
type seat struct {
	places chan struct{} // one element per place that is taken
	mu     sync.Mutex    // guards away
	away   int           // parts that wait
}

func (s *seat) give() (resume func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away++; s.away == 1 {
		<-s.places
	}
	return s.take
}

func (s *seat) take() {
	s.mu.Lock()
	s.away--
	last := s.away == 0
	s.mu.Unlock()
	if last {
		s.places <- struct{}{}
	}
}
