package cse

import (
	"errors"
	"sync"

	"bulwark/internal/dynauth"
	"bulwark/internal/dynauth/consultation"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/token"
)

// A token says itself when it ends, and the standard has no word for its earlier
// end. An operator can have the server of a token asked for it again from time to
// time: a token that its server doesn't hand over any more counts no more.

// maxConfirmed bounds the tokens that are remembered to have been confirmed. When
// there are more all are asked for anew: it costs time and grants nothing.
const maxConfirmed = 10_000

var (
	errWithdrawn   = errors.New("its server doesn't hand it over any more")
	errUnconfirmed = errors.New("its server hasn't handed it over of late")
)

// standsBy reports whether a token that has come from a server at a point of access
// is confirmed by that: its own server has handed it over, and nobody else can
// have. A holder may have a server of its own, which hands over what it likes.
func (c *CSE) standsBy(server *dynauth.Server, point string, v *token.Verified) bool {
	return server != nil && server == c.serverOf(v) && consultation.Dependable(point)
}

// confirmations are when servers have handed over tokens last.
type confirmations struct {
	mu   sync.Mutex // guards what follows
	last map[token.Digest]onem2m.Timestamp
}

func (c *confirmations) note(digest token.Digest, now onem2m.Timestamp) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil || len(c.last) >= maxConfirmed {
		c.last = map[token.Digest]onem2m.Timestamp{}
	}
	c.last[digest] = now
}

// fresh reports whether a token was handed over not longer ago than life. A clock
// that was set back confirms nothing.
func (c *confirmations) fresh(digest token.Digest, now, life onem2m.Timestamp) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, ok := c.last[digest]
	return ok && last <= now && now < last+life
}

// confirm has the server of a token asked for it again where that is due: for now
// the token doesn't count. Without a server that is known, nobody is asked.
func (k *call) confirm(r store.Reader, rec *store.Record, cached *token.Cached) error {
	life := onem2m.Timestamp(k.c.Timing.TokenRecheck.Microseconds())
	if life <= 0 || k.c.serverOf(cached.Verified) == nil || k.c.confirmed.fresh(cached.Digest, k.now, life) {
		return nil
	}
	if k.deputy() { // who enforces deals with the servers; what isn't confirmed here is lacking
		return errUnconfirmed
	}
	if text := k.retrieved(cached.ID); text != "" && k.further.stood[cached.ID] && token.DigestOf(text) == cached.Digest {
		k.c.confirmed.note(cached.Digest, k.now)
		return nil
	}
	k.wantToken(r, rec, cached.ID)
	return errWithdrawn
}
