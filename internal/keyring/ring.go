package keyring

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"bulwark/e2e/esprim"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Sealer encrypts what lies in the store. Open fails unless purpose and name are
// those of Seal.
type Sealer interface {
	Seal(purpose, name string, plain []byte) ([]byte, error)
	Open(purpose, name string, sealed []byte) ([]byte, error)
}

// MaxKeys bounds the keys that are put here: all of them are in memory.
const MaxKeys = 10_000

// Ring holds the keys of a CSE. It is safe for concurrent use.
type Ring struct {
	store  store.Store
	sealer Sealer
	now    func() time.Time

	change sync.Mutex // one change of the store at a time

	mu      sync.RWMutex     // guards what follows
	entries map[string]Entry // by canonical identifier
	watch   func()           // told of changes
}

// Options of a Ring.
type Options struct {
	Store      store.Store // nil: nothing but what is configured
	Sealer     Sealer      // goes with Store
	Configured []Entry
	Now        func() time.Time // nil: time.Now
}

// Open reads the keys in the store. It fails for one that can't be decrypted:
// the master key is another one then.
func Open(ctx context.Context, o Options) (*Ring, error) {
	r := &Ring{store: o.Store, sealer: o.Sealer, now: o.Now, entries: map[string]Entry{}}
	if r.now == nil {
		r.now = time.Now
	}
	if r.store != nil {
		if err := r.load(ctx); err != nil {
			return nil, err
		}
	}
	for _, e := range o.Configured {
		e.Source = Configured
		if err := e.check(); err != nil {
			return nil, err
		}
		at := canonical(e.ID)
		if old, ok := r.entries[at]; ok && old.Source == Configured {
			return nil, fmt.Errorf("key %s is given twice", e.ID)
		}
		r.entries[at] = e
	}
	return r, nil
}

// ESPrimKey returns the key with an identifier, for use with ESPrim (E-27). It
// implements esprim.Keys.
func (r *Ring) ESPrimKey(_ context.Context, id string) (esprim.Key, error) {
	at := canonical(id)
	r.mu.RLock()
	e, ok := r.entries[at]
	r.mu.RUnlock()
	if !ok {
		return esprim.Key{}, ErrUnknown
	}
	return e.key(at), nil
}

// key is the entry as ESPrim uses it; at is its canonical identifier, one for
// all ways to write it.
func (e Entry) key(at string) esprim.Key {
	return esprim.Key{ID: at, Secret: e.Secret, Peer: e.Peer, Expires: e.Expires}
}

// For returns the key to use with a peer: of those that have not expired the one
// that came last.
func (r *Ring) For(peer onem2m.ID) (esprim.Key, bool) {
	now := onem2m.TimestampOf(r.now())
	r.mu.RLock()
	defer r.mu.RUnlock()
	var best Entry
	found := ""
	for at, e := range r.entries {
		if e.Peer != peer || e.Expires != 0 && e.Expires <= now {
			continue
		}
		if found == "" || e.Created > best.Created || e.Created == best.Created && at < found {
			best, found = e, at
		}
	}
	return best.key(found), found != ""
}

// List returns all keys by identifier.
func (r *Ring) List() []Entry {
	r.mu.RLock()
	defer r.mu.RUnlock()
	list := make([]Entry, 0, len(r.entries))
	for _, e := range r.entries {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Features lists the m2m:suid values of ESPrim that the keys stand for, in
// ascending order (E-18).
func (r *Ring) Features() []int64 {
	now := onem2m.TimestampOf(r.now())
	var list []int64
	for _, e := range r.List() {
		if f := e.Source.feature(); (e.Expires == 0 || e.Expires > now) && !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	slices.Sort(list)
	return list
}

// Watch lets f know of every change. It must return quickly.
func (r *Ring) Watch(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watch = f
}

// Put keeps a key, and is durable when it returns. A key with the same
// identifier gives way, but for a configured one, and a key that was agreed on by
// certificate takes the place of none of another peer: its identifier is of the
// making of both ends. Created is set if it is 0.
func (r *Ring) Put(ctx context.Context, e Entry) error {
	if err := e.check(); err != nil {
		return err
	}
	if e.Source == Configured {
		return ErrConfigured
	}
	if e.Created == 0 {
		e.Created = onem2m.TimestampOf(r.now())
	}
	return r.write(ctx, canonical(e.ID), &e)
}

// Remove forgets a key.
func (r *Ring) Remove(ctx context.Context, id string) error { return r.write(ctx, canonical(id), nil) }

// write puts an entry in its place, or removes it.
func (r *Ring) write(ctx context.Context, at string, e *Entry) error {
	r.change.Lock()
	defer r.change.Unlock()
	r.mu.RLock()
	old, had := r.entries[at]
	full := len(r.entries) >= MaxKeys
	r.mu.RUnlock()
	switch {
	case had && old.Source == Configured:
		return ErrConfigured
	case e != nil && had && e.Source == FromESCert && old.Peer != e.Peer:
		return ErrTaken
	case e == nil && !had:
		return ErrUnknown
	case e != nil && !had && full && !r.evict(ctx):
		return ErrFull
	}
	if err := r.save(ctx, at, e); err != nil {
		return err
	}
	r.mu.Lock()
	if e == nil {
		delete(r.entries, at)
	} else {
		r.entries[at] = *e
	}
	watch := r.watch
	r.mu.Unlock()
	if watch != nil {
		watch()
	}
	return nil
}

// evict removes keys that have expired; false if there are none.
func (r *Ring) evict(ctx context.Context) bool {
	now := onem2m.TimestampOf(r.now())
	r.mu.RLock()
	var gone []string
	for at, e := range r.entries {
		if e.Source != Configured && e.Expires != 0 && e.Expires <= now {
			gone = append(gone, at)
		}
	}
	r.mu.RUnlock()
	for _, at := range gone {
		if r.save(ctx, at, nil) != nil {
			return false
		}
		r.mu.Lock()
		delete(r.entries, at)
		r.mu.Unlock()
	}
	return len(gone) > 0
}

var _ esprim.Keys = (*Ring)(nil)
