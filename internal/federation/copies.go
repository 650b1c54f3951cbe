package federation

import (
	"context"
	"sync"
	"time"

	"bulwark/onem2m"
)

// Copies holds what a CSE has retrieved from others, for a while: a bounded
// number of things, each until its time is over. It is safe for
// concurrent use.
type Copies[T any] struct {
	limit int
	life  time.Duration // of what could be had
	pause time.Duration // until what could not be had is asked for again

	mu     sync.Mutex // guards what follows
	all    map[string]kept[T]
	flying map[string]chan struct{} // closed when the answer is there
}

// kept is what is known under one address; no value: it can't be had.
type kept[T any] struct {
	value *T
	from  onem2m.Timestamp
	until onem2m.Timestamp
}

// NewCopies returns an empty store of at most limit copies. A copy counts for
// life, and that something can't be had for pause.
func NewCopies[T any](limit int, life, pause time.Duration) *Copies[T] {
	return &Copies[T]{limit: limit, life: life, pause: pause, all: map[string]kept[T]{}, flying: map[string]chan struct{}{}}
}

// Get returns the copy of an address. Without one, known tells whether there is
// a point in asking for it: false if it wasn't asked for or its time is over. A
// clock that was set back makes a copy count for nothing.
func (c *Copies[T]) Get(address string, now onem2m.Timestamp) (value *T, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.get(address, now)
}

func (c *Copies[T]) get(address string, now onem2m.Timestamp) (value *T, known bool) {
	one, ok := c.all[address]
	if !ok || now >= one.until || now < one.from-onem2m.Timestamp(c.life.Microseconds()) {
		return nil, false
	}
	return one.value, true
}

// Fetch asks for what isn't known, once for all who want it at the same time.
// It returns when the answer is there or ctx ends; an error of fetch after the
// end of ctx says nothing about what was asked for.
func (c *Copies[T]) Fetch(ctx context.Context, address string, now func() onem2m.Timestamp, fetch func(context.Context) (*T, error)) {
	for ctx.Err() == nil {
		c.mu.Lock()
		if _, known := c.get(address, now()); known {
			c.mu.Unlock()
			return
		}
		landed, asked := c.flying[address]
		if asked {
			c.mu.Unlock()
			select {
			case <-landed:
			case <-ctx.Done():
			}
			continue
		}
		landed = make(chan struct{})
		c.flying[address] = landed
		c.mu.Unlock()
		c.land(ctx, address, now, fetch, landed)
		return
	}
}

func (c *Copies[T]) land(ctx context.Context, address string, now func() onem2m.Timestamp, fetch func(context.Context) (*T, error), landed chan struct{}) {
	var value *T
	err := context.Canceled // unless fetch returns
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.flying, address)
		close(landed)
		if err == nil || ctx.Err() == nil {
			c.keep(address, value, now())
		}
	}()
	if value, err = fetch(ctx); err != nil {
		value = nil
	}
}

// keep holds an answer. The one that ends first makes room. The lock is held.
func (c *Copies[T]) keep(address string, value *T, now onem2m.Timestamp) {
	if _, there := c.all[address]; !there && len(c.all) >= c.limit {
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
	c.all[address] = kept[T]{value: value, from: now, until: now + onem2m.Timestamp(life.Microseconds())}
}
