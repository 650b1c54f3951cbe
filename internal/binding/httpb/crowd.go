package httpb

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
)

// ErrCrowded says that a peer has its share of the connections of a listener.
var ErrCrowded = errors.New("the peer has as many connections as one may have")

// minShare is what one peer may have of the connections of a listener at least: as
// many as one originator of another CSE may have requests on their way here.
const minShare = 64

// party is who a connection is counted for: a credential, or, as long as none is
// known, the address that it comes from. The zero party is the machine itself, or
// a proxy, behind which others are: it has no share of its own.
type party struct {
	credential string
	source     netip.Prefix
}

// sourceParty is the party of a connection without a credential. A host has many
// addresses of IPv6: those of one network count together.
func sourceParty(source netip.Addr, proxies []netip.Prefix) party {
	within := func(p netip.Prefix) bool { return p.Contains(source) }
	if !source.IsValid() || source.IsLoopback() || slices.ContainsFunc(proxies, within) {
		return party{}
	}
	bits := source.BitLen()
	if source.Is6() {
		bits = 64
	}
	prefix, err := source.Prefix(bits)
	if err != nil {
		return party{}
	}
	return party{source: prefix}
}

// crowd counts the connections of a listener by party. None takes more than half
// of what the others leave, beyond minShare: it takes many that flood together to
// leave nothing to the rest.
type crowd struct {
	most int // connections of the listener

	mu    sync.Mutex // guards what follows
	all   int
	count map[party]int
}

// enter takes a place for a party, and reports false if it has its share.
func (c *crowd) enter(p party) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.count[p]
	if p != (party{}) && own >= max(minShare, (c.most-(c.all-own))/2) {
		return false
	}
	if c.count == nil {
		c.count = make(map[party]int)
	}
	c.count[p]++
	c.all++
	return true
}

func (c *crowd) leave(p party) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.count[p]--; c.count[p] <= 0 {
		delete(c.count, p)
	}
}
