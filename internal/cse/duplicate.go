package cse

import (
	"context"
	"hash/maphash"
	"strings"
	"sync"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// maxHeard bounds the memory of group requests. When it is full the entries
// that are over go first and then any: a request that comes twice is a nuisance
// then, and a loop of groups ends at maxNesting all the same.
const maxHeard = 100_000

// groupRequests remembers which group request has reached which resource
// (TS-0004 clause 7.3.3.2), until the request expires.
type groupRequests struct {
	once sync.Once
	seed maphash.Seed
	mu   sync.Mutex // guards seen
	seen map[[2]uint64]onem2m.Timestamp
}

// first notes a group request at a target and reports whether it is new there.
func (g *groupRequests) first(gid, target string, until, now onem2m.Timestamp) bool {
	g.once.Do(func() { g.seed = maphash.MakeSeed() })
	key := [2]uint64{maphash.String(g.seed, gid+"\x00"+target), maphash.String(g.seed, target+"\x01"+gid)}
	g.mu.Lock()
	defer g.mu.Unlock()
	if old, ok := g.seen[key]; ok && old > now {
		return false
	}
	if g.seen == nil {
		g.seen = make(map[[2]uint64]onem2m.Timestamp)
	}
	if len(g.seen) >= maxHeard {
		g.forget(now)
	}
	g.seen[key] = until
	return true
}

// forget makes room: at least a quarter is free afterwards.
func (g *groupRequests) forget(now onem2m.Timestamp) {
	for key, until := range g.seen {
		if until <= now {
			delete(g.seen, key)
		}
	}
	for key := range g.seen {
		if len(g.seen) <= maxHeard*3/4 {
			return
		}
		delete(g.seen, key)
	}
}

// checkDuplicate refuses a group request that this target has had already
// (row 19, C-348, C-359).
func (k *call) checkDuplicate(ctx context.Context) error {
	gid := k.req.GroupRequestID
	if gid == "" {
		return nil
	}
	if len(gid) > MaxRequestID {
		return onem2m.Errorf(onem2m.BadRequest, "gid", "the group request identifier is longer than %d octets", MaxRequestID)
	}
	var key string
	err := k.c.Store.Read(ctx, func(r store.Reader) error {
		t, err := k.c.resolve(r, k.address.Path, k.now)
		if err == nil {
			key = t.rec.RI + "/" + t.virtual + "/" + strings.Join(t.rest, "/")
		}
		return err
	})
	if err != nil {
		return err
	}
	if !k.c.heard.first(gid, key, k.expires, k.now) {
		return onem2m.Errorf(onem2m.GroupRequestIdentifierExists, "gid", "this group request has been here")
	}
	return nil
}
