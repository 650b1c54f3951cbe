package node

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bulwark/internal/binding/httpb"
	"bulwark/internal/cse"
	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// gate lets a bounded number of requests through to the CSE at a time, over all
// listeners, so that many clients make each other wait instead of using up the
// memory and the store. It is a httpb.Handler before a httpb.Handler.
type gate struct {
	next     httpb.Handler
	slots    chan struct{} // one element per request in work
	waiting  atomic.Int64
	patience time.Duration // how long a request waits that states no deadline
	releases []string      // indicators that an answer may repeat
	now      func() time.Time
}

// newGate returns a gate for at most requests at a time.
func newGate(next httpb.Handler, requests int, patience time.Duration, releases []string, now func() time.Time) *gate {
	return &gate{next: next, slots: make(chan struct{}, requests), patience: patience, releases: releases, now: now}
}

// Handle waits for a place and hands the request on. One whose deadline passes
// before is answered 4008 (C-033), and nothing has happened to it.
func (g *gate) Handle(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response {
	if !g.enter(ctx) {
		return g.expired(req)
	}
	defer func() { <-g.slots }()
	// A request that only waits for others, a long poll above all, keeps nobody out.
	p := &place{slots: g.slots}
	return g.next.Handle(cse.WithYield(ctx, p.give), a, req)
}

// place is what one request holds of the gate. Parts of it may wait at the same
// time, the members of a fan-out: the place is given up once.
type place struct {
	slots chan struct{}
	mu    sync.Mutex // guards away
	away  int        // parts that wait
}

func (p *place) give() (resume func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away++; p.away == 1 {
		<-p.slots
	}
	return p.take
}

func (p *place) take() {
	p.mu.Lock()
	p.away--
	last := p.away == 0
	p.mu.Unlock()
	if last {
		p.slots <- struct{}{}
	}
}

// enter takes a place, or reports that there was none in time.
func (g *gate) enter(ctx context.Context) bool {
	select {
	case g.slots <- struct{}{}:
		return true
	default:
	}
	g.waiting.Add(1)
	defer g.waiting.Add(-1)
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, g.patience)
		defer cancel()
	}
	select {
	case g.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g *gate) expired(req *onem2m.Request) *onem2m.Response {
	resp := &onem2m.Response{
		Code: onem2m.RequestTimeout, RequestID: req.RequestID, OriginatingTimestamp: onem2m.TimestampOf(g.now()).String(),
		Content: &onem2m.Content{Name: "m2m:dbg", Value: []byte(`"the request expired while it waited for its turn"`)},
	}
	if slices.Contains(g.releases, req.Release) {
		resp.Release = req.Release
	}
	const responseNone = 5
	resp.NoResponse = req.ResponseType != nil && *req.ResponseType == responseNone // C-038
	return resp
}

// length is the number of requests that wait.
func (g *gate) length() int { return int(g.waiting.Load()) }
