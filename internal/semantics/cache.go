package semantics

import (
	"container/list"
	"sync"
)

// Cache keeps documents that were read, the least recently used ones up to a
// number of octets, so that a discovery over many descriptions doesn't read
// each of them every time. It is safe for concurrent use. Its zero value keeps
// nothing.
type Cache struct {
	mu      sync.Mutex // guards what follows
	limit   int
	weight  int
	order   *list.List // of *cached, the most recently used in front
	entries map[Version]*list.Element
}

// Version names one version of one resource. A resource never has two versions
// of one time.
type Version struct {
	ID       int64
	Modified int64
}

type cached struct {
	version  Version
	document *Document
}

// NewCache returns a cache of so many octets.
func NewCache(limit int) *Cache {
	return &Cache{limit: limit, order: list.New(), entries: map[Version]*list.Element{}}
}

// Get returns a document; nil if it isn't there.
func (c *Cache) Get(v Version) *Document {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[v]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).document
}

// Put keeps a document. One that is larger than an eighth of the cache would
// push out too much and isn't kept.
func (c *Cache) Put(v Version, d *Document) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.Weight > c.limit/8 || c.entries[v] != nil {
		return
	}
	c.entries[v] = c.order.PushFront(&cached{version: v, document: d})
	c.weight += d.Weight
	for c.weight > c.limit {
		last := c.order.Back()
		old := c.order.Remove(last).(*cached)
		delete(c.entries, old.version)
		c.weight -= old.document.Weight
	}
}

// Weight returns the octets that are kept, by estimate.
func (c *Cache) Weight() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.weight
}

// Forget drops everything.
func (c *Cache) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order.Init()
	clear(c.entries)
	c.weight = 0
}
