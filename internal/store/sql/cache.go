package sql

import (
	"sync"
	"sync/atomic"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

const (
	// entryOverhead is what an entry costs beside its record: itself, its slot
	// and its places in three maps, in octets.
	entryOverhead = 256

	// firstClock is even, and leaves room for "before everything".
	firstClock = 2

	// bindingLimit bounds the cached bindings; beyond it all are forgotten.
	bindingLimit = 1 << 16
)

// cache holds committed records, bounded in octets. It is read under a shared
// lock, and a commit is shown in it under the exclusive one, so a reader finds
// either nothing or all of it. What is used again survives the clock hand.
//
// The clock counts commits: odd while one is under way, even otherwise. A
// version that a reader fetched may only be kept if no commit began or ended
// since before the fetch; otherwise it could hide a newer one.
type cache struct {
	clock atomic.Uint64

	mu       sync.RWMutex // guards all that follows
	limit    int
	weight   int
	records  map[int64]*entry
	byRI     map[string]*entry
	byName   map[name]*entry
	families map[int64]*entry
	ring     []*entry
	hand     int
	bound    map[onem2m.ID]string // "" for an AE-ID that isn't bound

	hits, misses, evictions atomic.Int64
}

// name is the place of a record below its parent.
type name struct {
	parent int64
	rn     string
}

// entry is one slot of the clock: a record, or what is known of the children of
// one parent.
type entry struct {
	record *store.Record
	family *family
	parent int64         // of a family
	since  atomic.Uint64 // clock at which this version was known to be current
	weight int
	slot   int
	used   atomic.Bool
}

// family is what is known of the children of one parent. It is immutable.
type family struct {
	subscribed    bool // subscriptions holds all of them
	subscriptions []*store.Record
	newest        []edge
}

// edge is the newest child of a type that was alive at a time.
type edge struct {
	record *store.Record
	from   onem2m.Timestamp
}

func newCache(limit int) *cache {
	c := &cache{
		limit: limit, records: map[int64]*entry{}, byRI: map[string]*entry{}, byName: map[name]*entry{},
		families: map[int64]*entry{}, bound: map[onem2m.ID]string{},
	}
	c.clock.Store(firstClock)
	return c
}

// now returns the clock, and whether it stands still.
func (c *cache) now() (clock uint64, still bool) {
	clock = c.clock.Load()
	return clock, clock%2 == 0
}

// found returns the record of an entry if the entry was current at the clock
// value limit. It takes the shared lock to be held.
func (c *cache) found(e *entry, limit uint64) *store.Record {
	if e == nil || e.since.Load() > limit {
		c.misses.Add(1)
		return nil
	}
	c.hits.Add(1)
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e.record
}

// lookID, lookRI and lookName return a record that was current at limit and is
// still, or nil.
func (c *cache) lookID(id int64, limit uint64) *store.Record {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.found(c.records[id], limit)
}

func (c *cache) lookRI(ri string, limit uint64) *store.Record {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.found(c.byRI[ri], limit)
}

func (c *cache) lookName(parent int64, rn string, limit uint64) *store.Record {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.found(c.byName[name{parent, rn}], limit)
}

// lookFamily returns what is known of the children of a parent, never nil.
func (c *cache) lookFamily(parent int64, limit uint64) *family {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e := c.families[parent]
	if e == nil || e.since.Load() > limit {
		return &family{}
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e.family
}

// lookBound returns the credential of an AE-ID, "" for none, if that is known
// and the clock stands at limit or before.
func (c *cache) lookBound(id onem2m.ID, limit uint64) (credential string, known bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.clock.Load() > limit {
		return "", false
	}
	credential, known = c.bound[id]
	return credential, known
}

// adopt puts cached versions, with what was derived from them, in the place of
// equal ones that were fetched.
func (c *cache) adopt(records []*store.Record, limit uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for i, r := range records {
		if e := c.records[r.ID]; e != nil && e.since.Load() <= limit {
			records[i] = e.record
		}
	}
}

// keep runs fill, which adds what was fetched when the clock stood at mark,
// unless a commit came in between.
func (c *cache) keep(mark uint64, fill func()) {
	if mark%2 != 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clock.Load() == mark {
		fill()
		c.shrink()
	}
}

// begin says that a commit is under way, abandon that it failed.
func (c *cache) begin()   { c.clock.Add(1) }
func (c *cache) abandon() { c.clock.Add(1) }

// publish runs show, which makes a commit visible, and ends it.
func (c *cache) publish(show func(clock uint64)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	show(c.clock.Load() + 1)
	c.clock.Add(1)
	c.shrink()
}

// put adds a version or replaces one. It takes the lock to be held, as do all
// that follow.
func (c *cache) put(r *store.Record, clock uint64) {
	w := r.Weight() + entryOverhead
	e := c.records[r.ID]
	if e == nil {
		e = &entry{}
		c.records[r.ID] = e
		c.byRI[r.RI] = e
		c.byName[name{r.Parent, r.RN}] = e
		c.join(e)
	}
	e.record = r
	e.since.Store(clock)
	c.weight += w - e.weight
	e.weight = w
}

// putFamily replaces what is known of the children of a parent.
func (c *cache) putFamily(parent int64, f *family, clock uint64) {
	w := entryOverhead + len(f.newest)*32
	for _, s := range f.subscriptions {
		w += s.Weight()
	}
	for _, n := range f.newest {
		w += n.record.Weight()
	}
	e := c.families[parent]
	if e == nil {
		e = &entry{parent: parent}
		c.families[parent] = e
		c.join(e)
	}
	e.family = f
	e.since.Store(clock)
	c.weight += w - e.weight
	e.weight = w
}

// familyOf returns what is known of the children of a parent, never nil.
func (c *cache) familyOf(parent int64) *family {
	if e := c.families[parent]; e != nil {
		return e.family
	}
	return &family{}
}

// drop forgets a record and what is known of its children.
func (c *cache) drop(id int64) {
	if e := c.records[id]; e != nil {
		c.leave(e)
	}
	if e := c.families[id]; e != nil {
		c.leave(e)
	}
}

// putBound remembers the credential of an AE-ID, "" for none.
func (c *cache) putBound(id onem2m.ID, credential string) {
	if len(c.bound) >= bindingLimit {
		clear(c.bound)
	}
	c.bound[id] = credential
}

// join gives an entry a slot of the clock.
func (c *cache) join(e *entry) {
	e.slot = len(c.ring)
	c.ring = append(c.ring, e)
}

// leave takes an entry out; the last one moves into its slot.
func (c *cache) leave(e *entry) {
	last := len(c.ring) - 1
	c.ring[e.slot] = c.ring[last]
	c.ring[e.slot].slot = e.slot
	c.ring[last] = nil
	c.ring = c.ring[:last]
	c.weight -= e.weight
	if e.family != nil {
		delete(c.families, e.parent)
		return
	}
	delete(c.records, e.record.ID)
	delete(c.byRI, e.record.RI)
	delete(c.byName, name{e.record.Parent, e.record.RN})
}

// shrink evicts what wasn't used since the hand came by, until the rest fits.
func (c *cache) shrink() {
	for c.weight > c.limit && len(c.ring) > 0 {
		if c.hand >= len(c.ring) {
			c.hand = 0
		}
		if e := c.ring[c.hand]; !e.used.Swap(false) {
			c.evictions.Add(1)
			c.leave(e)
			continue // another entry stands in the slot now
		}
		c.hand++
	}
}
