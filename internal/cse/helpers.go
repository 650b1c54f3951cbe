package cse

import "sync"

// maxHelpersEach is how many of all helpers are for one originator: as many as one
// fan-out uses. Whose members are slow keeps no other fan-out from having some.
const maxHelpersEach = maxHelpers / 4

// helpers are the goroutines that help with fan-outs.
type helpers struct {
	mu     sync.Mutex // guards shares
	shares shares
}

func (h *helpers) init() { h.shares = newShares(maxHelpersEach, maxHelpers) }

// help runs work in a goroutine of its own if one is left for whose request it is,
// and reports whether.
func (h *helpers) help(whose bringer, group *sync.WaitGroup, work func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.shares.take(whose) {
		return false
	}
	group.Go(func() {
		defer func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.shares.give(whose)
		}()
		work()
	})
	return true
}
