package keyexchange

import (
	"context"
	"time"

	"bulwark/e2e/escertke"
	"bulwark/onem2m"
)

const (
	// every is how often Run looks: often enough that an abandoned handshake is
	// not kept much longer than it may be.
	every = 5 * time.Second
	// first and last are how long Run waits after a failure, doubled each time.
	first, last = 4 * time.Second, time.Hour
	// answerWithin bounds one procedure that Run begins: two notifications.
	answerWithin = 30 * time.Second
)

// attempt is what Run remembers of its last procedure with a peer.
type attempt struct {
	next time.Time     // when it looks again
	wait time.Duration // after the last of several failures
}

// Run drops handshakes that are abandoned, and keeps keys with the peers that
// the configuration tells to begin with, until ctx ends. A new key comes when
// three quarters of the life of the old one are over.
func (x *Exchanger) Run(ctx context.Context) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		x.Round(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// Round is one look of Run.
func (x *Exchanger) Round(ctx context.Context) {
	x.term.Sweep()
	for _, peer := range x.begins() {
		if ctx.Err() != nil {
			return
		}
		now := x.o.Now()
		if a, tried := x.tried[peer]; tried && now.Before(a.next) && a.next.Sub(now) <= escertke.MaxLifetime {
			continue
		}
		if _, tried := x.tried[peer]; tried || !x.good(ctx, peer, now) {
			x.begin(ctx, peer)
		}
	}
}

// good reports whether the key of an earlier process will do for a while: for a
// quarter of the time that a new one is good for.
func (x *Exchanger) good(ctx context.Context, peer onem2m.ID, now time.Time) bool {
	expires, found, err := x.o.Keys.Latest(ctx, peer)
	if err != nil {
		x.o.Log.ErrorContext(ctx, "the keys can't be read", "peer", string(peer), "err", err)
		return true // nothing can be kept either
	}
	return found && expires.Sub(now) > x.end.Life()/4
}

// begin runs one procedure, and settles when to try again after a failure.
func (x *Exchanger) begin(ctx context.Context, peer onem2m.ID) {
	limited, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	key, err := x.Establish(limited, peer)
	now := x.o.Now()
	if err == nil {
		x.tried[peer] = attempt{next: now.Add(max(key.Expires.Sub(now)*3/4, first))}
		return
	}
	wait := min(max(first, 2*x.tried[peer].wait), last)
	x.tried[peer] = attempt{next: now.Add(wait), wait: wait}
	x.o.Log.WarnContext(ctx, "no key could be established", "peer", string(peer), "again_in", wait, "err", err)
}
