package cse

import (
	"sync"

	"bulwark/onem2m"
)

// pending remembers the request identifiers that aren't answered yet (C-007,
// core section 32 row 7): a second request with the same identifier is refused
// as long as the first is being worked on, and no longer.
type pending struct {
	mu    sync.Mutex // guards what follows
	open  map[exchange]struct{}
	count map[onem2m.ID]int // unanswered requests by originator, never 0
	via   map[onem2m.ID]int // the same by the CSE that they came through
	limit int               // of one originator
	total int               // of all, half of it through one CSE
}

// exchange is what makes a request one of its kind.
type exchange struct {
	who onem2m.ID
	rqi string
}

func (p *pending) init(limit, total int) {
	p.open = make(map[exchange]struct{})
	p.count, p.via = make(map[onem2m.ID]int), make(map[onem2m.ID]int)
	p.limit, p.total = limit, total
}

// enter reports false if the identifier is pending, or there are too many
// unanswered requests: of the originator, through the CSE peer, which may name
// many originators, or in all. peer is "" for an entity of this CSE.
func (p *pending) enter(who, peer onem2m.ID, rqi string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, taken := p.open[exchange{who, rqi}]
	if taken || p.count[who] >= p.limit || len(p.open) >= p.total || peer != "" && p.via[peer] >= p.total/2 {
		return false
	}
	p.open[exchange{who, rqi}] = struct{}{}
	p.count[who]++
	if peer != "" {
		p.via[peer]++
	}
	return true
}

func (p *pending) leave(who, peer onem2m.ID, rqi string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, exchange{who, rqi})
	lower(p.count, who)
	if peer != "" {
		lower(p.via, peer)
	}
}

// lower takes one off a count that is kept only above 0.
func lower(count map[onem2m.ID]int, id onem2m.ID) {
	if count[id]--; count[id] <= 0 {
		delete(count, id)
	}
}
