package cse

import (
	"sync"

	"bulwark/onem2m"
)

// pending remembers the request identifiers that aren't answered yet (C-007,
// core section 32 row 7): a second request with the same identifier is refused
// as long as the first is being worked on, and no longer.
type pending struct {
	mu    sync.Mutex // guards open
	open  map[onem2m.ID]map[string]struct{}
	limit int // of one originator
}

func (p *pending) init(limit int) {
	p.open = make(map[onem2m.ID]map[string]struct{})
	p.limit = limit
}

// enter reports false if the identifier is pending or the originator has too
// many unanswered requests.
func (p *pending) enter(who onem2m.ID, rqi string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	set := p.open[who]
	if set == nil {
		set = make(map[string]struct{}, 1)
		p.open[who] = set
	}
	if _, taken := set[rqi]; taken || len(set) >= p.limit {
		return false
	}
	set[rqi] = struct{}{}
	return true
}

func (p *pending) leave(who onem2m.ID, rqi string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	set := p.open[who]
	delete(set, rqi)
	if len(set) == 0 {
		delete(p.open, who)
	}
}
