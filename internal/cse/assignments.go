package cse

import (
	"slices"
	"strings"
	"sync"

	"bulwark/onem2m"
)

// assignments find the <role>s of a holder and the <token>s with a Token-ID. It
// is a view of the committed store, which rules: what is found is read again.
type assignments struct {
	mu    sync.RWMutex // guards what follows
	byKey map[string][]int64
	keys  map[int64]string
}

func (a *assignments) init() { a.byKey, a.keys = map[string][]int64{}, map[int64]string{} }

// set notes a resource under its key.
func (a *assignments) set(id int64, key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.keys[id]; ok {
		return
	}
	a.keys[id] = key
	a.byKey[key] = append(a.byKey[key], id)
}

// drop forgets a resource.
func (a *assignments) drop(id int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key, ok := a.keys[id]
	if !ok {
		return
	}
	delete(a.keys, id)
	rest := slices.DeleteFunc(slices.Clone(a.byKey[key]), func(other int64) bool { return other == id })
	if len(rest) == 0 {
		delete(a.byKey, key)
		return
	}
	a.byKey[key] = rest
}

// find returns the resources under a key; the caller doesn't change the list.
func (a *assignments) find(key string) []int64 {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.Clip(a.byKey[key])
}

// heldBy returns at most limit roles of a holder: the keys of roles end in it.
func (a *assignments) heldBy(holder onem2m.ID, limit int) (out []int64) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for key, ids := range a.byKey {
		if strings.HasSuffix(key, " "+string(holder)) {
			out = append(out, ids...)
		}
	}
	slices.Sort(out)
	return out[:min(len(out), limit)]
}
