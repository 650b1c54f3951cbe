package contact

import (
	"maps"
	"sync"
)

// Entry is what a Book says of the list of one CSE.
type Entry struct {
	Record int64 // that holds it
	Names  int   // in it
}

// Book finds the list of a CSE among those of all, and how long they are, without
// reading any. It is a view of the committed store, which rules: what is found is
// read again. It is safe for concurrent use; the zero Book is empty.
type Book struct {
	mu sync.Mutex // guards what follows
	of map[string]Entry
}

// Find returns the entry of a CSE.
func (b *Book) Find(cse string) (Entry, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.of[cse]
	return e, ok
}

// Keep sets the entry of a CSE.
func (b *Book) Keep(cse string, e Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of == nil {
		b.of = map[string]Entry{}
	}
	b.of[cse] = e
}

// Drop takes out the entry of a CSE.
func (b *Book) Drop(cse string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.of, cse)
}

// Renew sets the entries of all CSEs.
func (b *Book) Renew(all map[string]Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.of = maps.Clone(all)
}

// Names is how many names the lists of some CSEs have together.
func (b *Book) Names(of func(cse string) bool) (sum int) {
	b.mu.Lock()
	all := maps.Clone(b.of)
	b.mu.Unlock()
	for cse, e := range all {
		if of(cse) {
			sum += e.Names
		}
	}
	return sum
}
