package cmdh

import (
	"context"
	"slices"
	"sync"

	"bulwark/onem2m"
)

// Answers are the requests that have left in a <delivery> and wait for their
// answers, which come as notifications. The zero value waits for none. It is safe
// for concurrent use.
type Answers struct {
	mu   sync.Mutex // guards open
	open map[string]*Answer
}

// Answer is the one that a request waits for.
type Answer struct {
	of  *Answers
	rqi string
	who []onem2m.ID
	got chan *onem2m.Response // capacity 1
}

// Expect begins to wait for the answer to the request with this identifier, which
// has to be unique. It may come from the CSEs who and nobody else. The caller
// calls Forget at the end; no more wait than calls are in work.
func (a *Answers) Expect(rqi string, who ...onem2m.ID) *Answer {
	one := &Answer{of: a, rqi: rqi, who: who, got: make(chan *onem2m.Response, 1)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		a.open = map[string]*Answer{}
	}
	a.open[rqi] = one
	return one
}

// Take hands an answer to whom it is for, and reports false if nobody waits for
// it, or not from this sender. The first one counts.
func (a *Answers) Take(from onem2m.ID, res *onem2m.Response) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	one := a.open[res.RequestID]
	if one == nil || !slices.Contains(one.who, from) {
		return false
	}
	delete(a.open, res.RequestID)
	one.got <- res
	return true
}

// Wait returns the answer when it comes. It fails with 4008 if ctx ends before.
func (o *Answer) Wait(ctx context.Context) (*onem2m.Response, error) {
	select {
	case res := <-o.got:
		return res, nil
	case <-ctx.Done():
		return nil, &onem2m.Error{Code: onem2m.RequestTimeout, Text: "no answer has come to the delivered request in time", Cause: ctx.Err()}
	}
}

// Forget ends the wait.
func (o *Answer) Forget() {
	o.of.mu.Lock()
	defer o.of.mu.Unlock()
	if o.of.open[o.rqi] == o {
		delete(o.of.open, o.rqi)
	}
}
