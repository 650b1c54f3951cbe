package federation

import (
	"context"
	"sync"
	"time"

	"bulwark/onem2m"
)

// Copies holds what a CSE has retrieved from others, for a while: a bounded
// number of things, each until its time is over or somebody says that it has
// changed. It is safe for concurrent use.
type Copies[T any] struct {
	limit int
	life  time.Duration // of what could be had
	pause time.Duration // until what could not be had is asked for again

	mu     sync.Mutex // guards what follows
	all    map[string]*kept[T]
	flying map[string]*flight
}

// kept is what is known under one address; no value: it can't be had.
type kept[T any] struct {
	value *T
	from  onem2m.Timestamp
	until onem2m.Timestamp
	used  onem2m.Timestamp // when it was last asked for
}

// flight is a question on its way.
type flight struct {
	landed chan struct{} // closed when the answer is there
	stale  bool          // what it brings may be of before a change
}

// maxFlights bounds how often one caller asks because of changes meanwhile.
const maxFlights = 3

// NewCopies returns an empty store of at most limit copies. A copy counts for
// life, and that something can't be had for pause.
func NewCopies[T any](limit int, life, pause time.Duration) *Copies[T] {
	return &Copies[T]{limit: limit, life: life, pause: pause, all: map[string]*kept[T]{}, flying: map[string]*flight{}}
}

// Get returns the copy of an address. Without one, known tells whether there is
// a point in asking for it: false if it wasn't asked for or its time is over. A
// clock that was set back makes a copy count for nothing.
func (c *Copies[T]) Get(address string, now onem2m.Timestamp) (value *T, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one, ok := c.all[address]; ok {
		one.used = now
	}
	return c.get(address, now)
}

func (c *Copies[T]) get(address string, now onem2m.Timestamp) (value *T, known bool) {
	one, ok := c.all[address]
	if !ok || now >= one.until || now < one.from-onem2m.Timestamp(c.life.Microseconds()) {
		return nil, false
	}
	return one.value, true
}

// Used returns when a copy was last asked for, 0 if nothing is known of it.
func (c *Copies[T]) Used(address string) onem2m.Timestamp {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one, ok := c.all[address]; ok {
		return one.used
	}
	return 0
}

// Drop says that a copy isn't what its original is any more: it counts for
// nothing from now on, and neither does what is on its way.
func (c *Copies[T]) Drop(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one, ok := c.all[address]; ok {
		one.value, one.until = nil, 0
	}
	if f := c.flying[address]; f != nil {
		f.stale = true
	}
}

// Fetch asks for what isn't known, once for all who want it at the same time.
// It returns when the answer is there or ctx ends; an error of fetch after the
// end of ctx says nothing about what was asked for.
func (c *Copies[T]) Fetch(ctx context.Context, address string, now func() onem2m.Timestamp, fetch func(context.Context) (*T, error)) {
	for asked := 0; ctx.Err() == nil && asked < maxFlights; {
		c.mu.Lock()
		if _, known := c.get(address, now()); known {
			c.mu.Unlock()
			return
		}
		if f := c.flying[address]; f != nil {
			c.mu.Unlock()
			f.wait(ctx)
			continue
		}
		f := c.depart(address)
		c.mu.Unlock()
		asked++
		c.land(ctx, address, f, now, fetch, nil)
	}
}

// Renew asks for what is known already, so that it is what its original is from
// the call on. An error that excuses names says nothing about the original: the
// copy counts on until its time is over.
func (c *Copies[T]) Renew(ctx context.Context, address string, now func() onem2m.Timestamp, fetch func(context.Context) (*T, error), excuses func(error) bool) {
	for ctx.Err() == nil {
		c.mu.Lock()
		f := c.flying[address]
		if f == nil {
			f = c.depart(address)
			c.mu.Unlock()
			c.land(ctx, address, f, now, fetch, excuses)
			return
		}
		f.stale = true // it may have left before the call
		c.mu.Unlock()
		f.wait(ctx)
	}
}

func (f *flight) wait(ctx context.Context) {
	select {
	case <-f.landed:
	case <-ctx.Done():
	}
}

// depart begins a flight. The lock is held.
func (c *Copies[T]) depart(address string) *flight {
	f := &flight{landed: make(chan struct{})}
	c.flying[address] = f
	return f
}

func (c *Copies[T]) land(ctx context.Context, address string, f *flight, now func() onem2m.Timestamp, fetch func(context.Context) (*T, error), excuses func(error) bool) {
	var value *T
	err := context.Canceled // unless fetch returns
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.flying, address)
		close(f.landed)
		excused := err != nil && (ctx.Err() != nil || excuses != nil && excuses(err))
		if !f.stale && !excused {
			c.keep(address, value, now())
		}
	}()
	if value, err = fetch(ctx); err != nil {
		value = nil
	}
}

// keep holds an answer. The one that ends first makes room. The lock is held.
func (c *Copies[T]) keep(address string, value *T, now onem2m.Timestamp) {
	used := now
	if one, there := c.all[address]; there {
		used = one.used
	} else if len(c.all) >= c.limit {
		first := ""
		for a, one := range c.all {
			if first == "" || one.until < c.all[first].until {
				first = a
			}
		}
		delete(c.all, first)
	}
	life := c.life
	if value == nil {
		life = c.pause
	}
	c.all[address] = &kept[T]{value: value, from: now, until: now + onem2m.Timestamp(life.Microseconds()), used: used}
}
