package federation

import (
	"slices"
	"sync"

	"bulwark/onem2m"
)

// Neighbour is a CSE that has a <remoteCSE> here: one that is registered here,
// or one that this CSE is registered with.
type Neighbour struct {
	ID       onem2m.ID
	Record   int64            // surrogate of the <remoteCSE>
	Created  onem2m.Timestamp // when it came into being
	Expires  onem2m.Timestamp // 0: never
	Upstream bool             // the registrar of this CSE inside its SP
	Claims   []onem2m.ID      // descendantCSEs, as it states them
	Points   []string         // points of access, empty while it says that it can't be called
	Releases []string         // that it speaks; empty: not known
	Central  onem2m.ID        // of the registrar: the IN-CSE, as it says; "": not known
	// Since says when it stated them first; where it doesn't, that is now.
	Since map[onem2m.ID]onem2m.Timestamp

	channel Channel // that it polls
}

// Channel is the <pollingChannel> of a neighbour.
type Channel struct {
	RI      string           // "": it has none
	Expires onem2m.Timestamp // 0: never
}

// Bounds of what is known about the CSEs below this one.
const (
	MaxClaims = 1000           // descendantCSEs of one registree
	maxBehind = 32 * MaxClaims // CSEs below all registrees: so many have to claim all they may to leave none to others
)

// stake is the claim of one neighbour.
type stake struct {
	of     onem2m.ID
	since  onem2m.Timestamp
	record int64
}

// before reports whether a claim is older than another.
func (s stake) before(other stake) bool {
	return s.since < other.since || s.since == other.since && s.record < other.record
}

func (n *Neighbour) alive(now onem2m.Timestamp) bool { return n.Expires == 0 || n.Expires > now }

// Ways are the points of access at which the neighbour is reached: its polling
// channel and no other way where it has one (C-078), else those that it states
// (C-077). There are none if it can't be reached.
func (n *Neighbour) Ways(now onem2m.Timestamp) []string {
	if c := n.channel; c.RI != "" && (c.Expires == 0 || c.Expires > now) {
		return []string{PollingScheme + c.RI}
	}
	return n.Points
}

// Arrival tells where a request came from.
type Arrival struct {
	Peer  onem2m.ID // the CSE that passed it on; "" for an entity of this CSE
	Above bool      // that CSE is the registrar
}

// Table holds the neighbours of a CSE and finds the next hop to any other. It
// is safe for concurrent use.
//
// A CSE is below one neighbour only: where two state the same descendant, the
// one that stated it first has it until it no longer does, and a neighbour is
// below nobody, nor is the registrar, whether it is a neighbour yet or not. So a
// neighbour that claims what isn't its own takes nothing from others, and a CSE
// that moves is found at its new place once the old one has let go.
//
// Where there is a registrar a claim counts only once the registrar has taken it
// for this CSE: who is above or beside this one is known there (S-093).
type Table struct {
	home      onem2m.Home
	registrar onem2m.ID

	mu      sync.RWMutex // guards what follows
	all     map[onem2m.ID]*Neighbour
	stakes  map[onem2m.ID][]stake            // by descendant
	behind  map[onem2m.ID]onem2m.ID          // descendant to the neighbour above it
	last    onem2m.Timestamp                 // the latest of all claims
	found   map[string]*Neighbour            // by SP: the IN-CSEs of other providers that are found without a registration
	vouched map[onem2m.ID]bool               // that the registrar has taken
	bars    map[onem2m.ID]map[onem2m.ID]*bar // by neighbour: what it has claimed wrongly; it outlives its registration
}

// NewTable returns an empty table of the CSE home, which registers with
// registrar; "" for none.
func NewTable(home onem2m.Home, registrar onem2m.ID) *Table {
	return &Table{
		home: home, registrar: registrar, all: map[onem2m.ID]*Neighbour{},
		stakes: map[onem2m.ID][]stake{}, behind: map[onem2m.ID]onem2m.ID{}, found: map[string]*Neighbour{}, bars: map[onem2m.ID]map[onem2m.ID]*bar{},
	}
}

// Set adds a neighbour or replaces what its <remoteCSE> says of it; it keeps the
// polling channel below that. Of the claims the first MaxClaims count.
func (t *Table) Set(n Neighbour) {
	n.Claims = slices.Clone(n.Claims[:min(len(n.Claims), MaxClaims)])
	t.mu.Lock()
	defer t.mu.Unlock()
	since := map[onem2m.ID]onem2m.Timestamp{}
	if old := t.all[n.ID]; old != nil {
		since = old.Since
		if old.Record == n.Record {
			n.channel = old.channel
		}
		defer t.settle(old.Claims)
		t.withdraw(old)
	}
	t.last++
	now := t.last
	own := make(map[onem2m.ID]onem2m.Timestamp, len(n.Claims))
	for _, below := range n.Claims {
		if _, twice := own[below]; twice {
			continue
		}
		at, known := n.Since[below]
		if !known {
			at, known = since[below]
		}
		if !known {
			at = now
		}
		own[below] = at
		t.last = max(t.last, at)
		t.stakes[below] = append(t.stakes[below], stake{of: n.ID, since: at, record: n.Record})
	}
	n.Since = own
	t.all[n.ID] = &n
	t.settle(n.Claims)
	t.settle([]onem2m.ID{n.ID})
}

// Find names the IN-CSE of another provider, to which requests for that provider
// go where no registration leads there (TS-0001 clause 8.2.1.2). It is no
// neighbour: nothing is deduced from it.
func (t *Table) Find(id onem2m.ID, points ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.found[id.SP()] = &Neighbour{ID: id, Points: points}
}

// Poll notes the polling channel of the neighbour that a record stands for, if it
// stands for one.
func (t *Table) Poll(record int64, c Channel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.all {
		if n.Record == record {
			n.channel = c
		}
	}
}

// Unpoll forgets a polling channel. Another one that the neighbour has by now
// stays.
func (t *Table) Unpoll(record int64, ri string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.all {
		if n.Record == record && n.channel.RI == ri {
			n.channel = Channel{}
		}
	}
}

// Remove forgets the neighbour that the record with this surrogate stands for.
func (t *Table) Remove(record int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, n := range t.all {
		if n.Record == record {
			t.withdraw(n)
			delete(t.all, id)
			t.settle(n.Claims)
			t.settle([]onem2m.ID{id})
		}
	}
}

// withdraw takes the claims of a neighbour back. The lock is held.
func (t *Table) withdraw(n *Neighbour) {
	for below := range n.Since {
		left := slices.DeleteFunc(t.stakes[below], func(s stake) bool { return s.of == n.ID })
		if t.stakes[below] = left; len(left) == 0 {
			delete(t.stakes, below)
		}
	}
}

// settle decides whom some CSEs are below. The lock is held.
func (t *Table) settle(ids []onem2m.ID) {
	for _, below := range ids {
		var first *stake
		for i, s := range t.stakes[below] {
			if n := t.all[s.of]; n != nil && t.claimable(n, below) && (first == nil || s.before(*first)) {
				first = &t.stakes[below][i]
			}
		}
		_, had := t.behind[below]
		switch {
		case first == nil:
			delete(t.behind, below)
		case had || len(t.behind) < maxBehind:
			t.behind[below] = first.of
		}
	}
}

// claimable reports whether a CSE can be below a neighbour at all. Across SPs
// no descendants are told (TS-0001 clause 6.5).
func (t *Table) claimable(n *Neighbour, below onem2m.ID) bool {
	return !n.Upstream && n.ID.SP() == t.home.SP && below.SP() == t.home.SP && below != t.home.ID() &&
		below != t.registrar && t.all[below] == nil
}

// Has reports whether a CSE is a neighbour.
func (t *Table) Has(id onem2m.ID, now onem2m.Timestamp) bool {
	_, ok := t.Neighbour(id, now)
	return ok
}

// Neighbour returns what is known of a neighbour whose registration has not
// expired.
func (t *Table) Neighbour(id onem2m.ID, now onem2m.Timestamp) (Neighbour, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := t.all[id]
	if n == nil || !n.alive(now) {
		return Neighbour{}, false
	}
	return *n, true
}

// Via returns the neighbour that a CSE is, or is below of: where requests of it
// come from.
func (t *Table) Via(id onem2m.ID, now onem2m.Timestamp) (Neighbour, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := t.all[id]
	if n == nil {
		n = t.all[t.above(id)]
	}
	if n == nil || !n.alive(now) {
		return Neighbour{}, false
	}
	return *n, true
}

// Below reports whether the CSE id is below the neighbour of; with of "" below
// any, or itself registered here.
func (t *Table) Below(of, id onem2m.ID, now onem2m.Timestamp) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if n := t.all[id]; of == "" && n != nil {
		return !n.Upstream && n.alive(now)
	}
	above := t.above(id)
	n := t.all[above]
	return n != nil && n.alive(now) && (of == "" || of == above)
}

// Next finds the next hop to the CSE target (TS-0004 clause 7.3.2.6): a
// neighbour, or the one above the target, or for another SP the neighbour of
// that SP, or the registrar. A request is never sent back to where it came from
// (C-079), and what comes from the registrar goes down or nowhere (C-068). It
// fails with 4004, or with 5000 if several CSEs would do (C-069).
func (t *Table) Next(target onem2m.ID, from Arrival, now onem2m.Timestamp) (Neighbour, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	hop, err := t.candidate(target, from, now)
	switch {
	case err != nil:
		return Neighbour{}, err
	case hop == nil:
		return Neighbour{}, onem2m.Errorf(onem2m.NotFound, "to", "no route to the CSE of this address")
	case hop.ID == from.Peer:
		return Neighbour{}, onem2m.Errorf(onem2m.NotFound, "to", "the way to the CSE of this address leads back to where the request came from")
	}
	return *hop, nil
}

func (t *Table) candidate(target onem2m.ID, from Arrival, now onem2m.Timestamp) (*Neighbour, error) {
	if n := t.all[target]; n != nil && n.alive(now) {
		return n, nil
	}
	if n := t.all[t.above(target)]; n != nil && n.alive(now) {
		return n, nil
	}
	var up, across *Neighbour
	for _, n := range t.all {
		switch {
		case !n.alive(now):
		case n.Upstream:
			up = n
		case n.ID.SP() != t.home.SP && n.ID.SP() == target.SP():
			if across != nil {
				return nil, onem2m.Errorf(onem2m.InternalServerError, "to", "several CSEs lead to the provider of this address")
			}
			across = n
		}
	}
	switch {
	case across != nil:
		return across, nil
	case from.Above:
		return nil, nil
	case up == nil && (from.Peer == "" || from.Peer.SP() == t.home.SP): // what comes from a provider goes to this one alone
		return t.found[target.SP()], nil
	}
	return up, nil
}
