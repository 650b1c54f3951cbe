package cse

import (
	"sync"

	"bulwark/onem2m"
)

// pending remembers the request identifiers that aren't answered yet (C-007,
// core section 32 row 7): a second request with the same identifier is refused
// as long as the first is being worked on, and no longer.
type pending struct {
	mu    sync.Mutex // guards open and count
	open  map[exchange]struct{}
	count map[onem2m.ID]int // unanswered requests, never 0
	limit int               // of one originator
}

// exchange is what makes a request one of its kind.
type exchange struct {
	who onem2m.ID
	rqi string
}

func (p *pending) init(limit int) {
	p.open, p.count = make(map[exchange]struct{}), make(map[onem2m.ID]int)
	p.limit = limit
}

// enter reports false if the identifier is pending or the originator has too
// many unanswered requests.
func (p *pending) enter(who onem2m.ID, rqi string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.count[who]
	if _, taken := p.open[exchange{who, rqi}]; taken || n >= p.limit {
		return false
	}
	p.open[exchange{who, rqi}] = struct{}{}
	p.count[who] = n + 1
	return true
}

func (p *pending) leave(who onem2m.ID, rqi string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, exchange{who, rqi})
	if n := p.count[who]; n > 1 {
		p.count[who] = n - 1
	} else {
		delete(p.count, who)
	}
}
