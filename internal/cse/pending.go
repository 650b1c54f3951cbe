package cse

import (
	"sync"

	"bulwark/onem2m"
)

// pending remembers the request identifiers that aren't answered yet (C-007,
// core section 32 row 7): a second request with the same identifier is refused
// as long as the first is being worked on, and no longer.
type pending struct {
	mu     sync.Mutex // guards what follows
	open   map[exchange]struct{}
	shares shares
}

// exchange is what makes a request one of its kind. Whoever brings a request in
// the name of an originator takes no identifier from it.
type exchange struct {
	whose bringer
	rqi   string
}

// init says how many requests may be unanswered: of one originator, and of all.
func (p *pending) init(limit, total int) {
	p.open, p.shares = make(map[exchange]struct{}), newShares(limit, total)
}

// enter reports false if the identifier is pending, or there are too many
// unanswered requests.
func (p *pending) enter(whose bringer, rqi string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := exchange{whose, rqi}
	if _, taken := p.open[e]; taken || !p.shares.take(whose) {
		return false
	}
	p.open[e] = struct{}{}
	return true
}

// refusal says why a request may not enter: its identifier is the originator's fault,
// that there are too many is no reason to send it under another one.
func (p *pending) refusal(whose bringer, rqi string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, taken := p.open[exchange{whose, rqi}]; taken {
		return onem2m.Errorf(onem2m.BadRequest, "rqi", "a request with this identifier is still pending")
	}
	return onem2m.Errorf(onem2m.NotAcceptable, "", "too many requests of this originator are unanswered")
}

func (p *pending) leave(whose bringer, rqi string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, exchange{whose, rqi})
	p.shares.give(whose)
}
