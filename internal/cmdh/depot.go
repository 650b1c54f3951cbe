package cmdh

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"bulwark/onem2m"
)

// Bounds of a Depot.
const (
	// maxStored are the octets of all messages that wait: they are kept in memory.
	maxStored = 16 << 20
	// maxStoredOfOne are those of one originator: nobody fills the memory alone.
	maxStoredOfOne = maxStored / 4
	// maxUnderWay are the requests that leave for one CSE at the same time, so that
	// what has waited for a network doesn't keep all others off the way to it.
	maxUnderWay = 32
	// minRest is the shortest time after which a CSE that was not reached is tried
	// again, whatever a policy says: it may say nothing.
	minRest = time.Second
	// refreshTime is how old a policy gets while messages wait under it.
	refreshTime = 20 * time.Second
)

// Fate is what becomes of a message in a Depot.
type Fate string

// The fates.
const (
	Sent     Fate = "sent"
	Bundled  Fate = "bundled" // sent in a <delivery>
	Replaced Fate = "replaced"
	Purged   Fate = "purged" // for one of a higher storage priority
	Full     Fate = "full"   // there was no room for it
	Expired  Fate = "expired"
	Given    Fate = "given-up" // not reached, or nobody waits for it
)

// Item is a request on its way to another CSE.
type Item struct {
	Entry
	Hop       onem2m.ID // the next CSE
	Network   string    // over which it is reached; "": not known
	Target    onem2m.ID // the CSE that hosts the target
	Aggregate bool      // it goes in a <delivery>
}

// DepotOptions are what a Depot is made from.
type DepotOptions struct {
	Now    func() time.Time
	Random func() float64 // from [0, 1)
	// Observe is told what becomes of each message; it must return quickly. It may
	// be nil.
	Observe func(Fate)
	// Policy reads the active policy for those that wait under an older one.
	Policy func(context.Context) (*Policy, error)
	// Carry creates a <delivery> from a bundle.
	Carry func(context.Context, *Bundle) Outcome
}

// Depot holds the requests that wait to be forwarded to other CSEs, each with
// the call that waits for its answer (clause H.2.4). It lets them go in the order
// of their coming: as soon as the policy allows it, and again after a while when
// the next CSE was not reached (clause H.2.5). Those that are to be aggregated
// and may go at the same time to the same CSE leave in a Bundle. It is safe for
// concurrent use.
type Depot struct {
	o    DepotOptions
	wake chan struct{} // capacity 1; there is something to do for Run

	changed chan struct{} // capacity 1; the policy is another one

	mu        sync.Mutex // guards what follows, tickets and bundles included
	policy    *Policy
	buffer    *Buffer
	line      []*Ticket // in the order of their coming
	routes    map[onem2m.ID]*route
	busy      map[trip]*Bundle // under way
	spread    map[lot]onem2m.Timestamp
	departing []*Bundle
	made      uint64           // tickets
	look      onem2m.Timestamp // when to look again; 0: never
}

// route is the way to one next CSE.
type route struct {
	underway int
	failures int              // in a row
	rests    onem2m.Timestamp // until when nothing is tried
	round    int              // of attempts: what began before a failure counts no second time
	refuses  onem2m.Timestamp // until when no <delivery> is tried
}

// trip is what the messages of one <delivery> have in common.
type trip struct {
	hop, target onem2m.ID
	category    int64
}

// lot are the messages that wait for one network to be used, and spread as one.
type lot struct {
	hop      onem2m.ID
	category int64
}

// NewDepot returns an empty Depot.
func NewDepot(o DepotOptions) *Depot {
	if o.Observe == nil {
		o.Observe = func(Fate) {}
	}
	return &Depot{
		o: o, wake: make(chan struct{}, 1), changed: make(chan struct{}, 1), buffer: NewBuffer(nil, maxStored), routes: map[onem2m.ID]*route{},
		busy: map[trip]*Bundle{}, spread: map[lot]onem2m.Timestamp{},
	}
}

// Len is the number of messages that are held.
func (d *Depot) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.line)
}

// Check reports whether there is room for a message under a policy. It fails with
// 4000 (clause H.2.3 step 3.3, TS-0004 clause 7.3.2.6).
func (d *Depot) Check(p *Policy, e Entry) error {
	if e.Category == Immediate {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.renew(p)
	if !d.buffer.Fits(e) || d.greedy(&e) {
		d.o.Observe(Full)
		return onem2m.Errorf(onem2m.BadRequest, "ec", "the CMDH buffer for this Event Category is full")
	}
	return nil
}

// Enter takes a request in, under the policy that is active now. What gives way
// to it is answered: 4105 if it is out of date by it, 5207 if it has the lower
// storage priority. Enter fails with 5207 if there is no room. Who has a Ticket
// has to call its Leave.
func (d *Depot) Enter(p *Policy, item Item) (*Ticket, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.renew(p)
	d.made++
	item.ID = strconv.FormatUint(d.made, 36)
	t := &Ticket{depot: d, item: item, turn: make(chan turn, 1)}
	if item.Category != Immediate {
		var gone []Entry
		ok := !d.greedy(&item.Entry)
		if ok {
			gone, ok = d.buffer.Put(item.Entry)
		}
		if !ok {
			d.o.Observe(Full)
			return nil, onem2m.Errorf(onem2m.NotAcceptable, "ec", "the CMDH buffer for this Event Category is full")
		}
		d.makeWay(&item.Entry, gone)
	}
	d.line = append(d.line, t)
	d.evaluate()
	return t, nil
}

// greedy reports whether a message would be too much of one originator, or too
// much that one CSE has brought: of the memory that gets no more than it leaves
// free, half of it if it is the only one; what would give way to the message
// counts as free. What it brings in the name of an originator takes nothing of
// what that has of its own. The lock is held.
func (d *Depot) greedy(e *Entry) bool {
	own, brought, all := e.Size, e.Size, int64(0)
	level := d.policy.priority(e.Category)
	for _, t := range d.line {
		old := &t.item.Entry
		if old.Category == Immediate || e.outdates(old) {
			continue
		}
		if d.policy.priority(old.Category) >= level {
			all += old.Size
		}
		if old.By != e.By {
			continue
		}
		brought += old.Size
		if old.From == e.From {
			own += old.Size
		}
	}
	return own > maxStoredOfOne || e.By != "" && brought > maxStored-all
}

// makeWay ends what gave way to a message, and notes what is being sent and out
// of date by it. The lock is held.
func (d *Depot) makeWay(e *Entry, gone []Entry) {
	for _, t := range slices.Clone(d.line) {
		outdated := e.outdates(&t.item.Entry)
		switch {
		case slices.ContainsFunc(gone, func(g Entry) bool { return g.ID == t.item.ID }):
			if outdated {
				d.end(t, Replaced, replaced())
			} else {
				d.end(t, Purged, onem2m.Errorf(onem2m.NotAcceptable, "ec", "the request gave way to one of a higher storage priority"))
			}
		case outdated && t.state == leaving && t.item.Category != Immediate:
			t.outdated = true
		}
	}
}

func replaced() error {
	return onem2m.Errorf(onem2m.Conflict, "ec", "a later request of category latest has taken its place")
}

// renew puts everything under another policy. The lock is held.
func (d *Depot) renew(p *Policy) {
	if p == d.policy {
		return
	}
	d.policy = p
	d.buffer.Renew(p)
}

// end takes a ticket out and tells whoever waits for its turn. The lock is held.
func (d *Depot) end(t *Ticket, f Fate, err error) {
	if t.state == waiting {
		t.turn <- turn{err: err}
	}
	d.remove(t)
	d.o.Observe(f)
}

// remove takes a ticket out. The lock is held.
func (d *Depot) remove(t *Ticket) {
	t.state = gone
	d.buffer.Remove(t.item.ID)
	d.line = slices.DeleteFunc(d.line, func(other *Ticket) bool { return other == t })
}

// route returns what is known of the way to a CSE. The lock is held.
func (d *Depot) route(hop onem2m.ID) *route {
	r := d.routes[hop]
	if r == nil {
		r = &route{}
		d.routes[hop] = r
	}
	return r
}

// Run lets messages go when their time comes, and bundles leave, until ctx ends.
func (d *Depot) Run(ctx context.Context) {
	var bundles sync.WaitGroup
	defer bundles.Wait()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(d.pause())
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-d.changed:
			d.refresh(ctx)
		case <-timer.C:
			d.refresh(ctx)
		}
		for _, b := range d.depart() { // each is waited for by a call, which bounds their number
			bundles.Go(func() { d.carry(ctx, b) })
		}
	}
}

// pause is how long Run has nothing to do.
func (d *Depot) pause() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.look == 0 {
		return time.Hour
	}
	return max(0, min(refreshTime, d.look.Time().Sub(d.o.Now())))
}

// refresh looks at what waits under the policy that is active now.
func (d *Depot) refresh(ctx context.Context) {
	if d.Len() == 0 {
		return
	}
	p, err := d.o.Policy(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil { // else the one that is known is as good as any
		d.renew(p)
	}
	d.evaluate()
}

// Changed tells that a part of the policy has changed: what waits under the one
// before is looked at again. It never waits.
func (d *Depot) Changed() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// nudge wakes Run.
func (d *Depot) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// later has Run look at an instant. The lock is held.
func (d *Depot) later(at onem2m.Timestamp) {
	if d.look == 0 || at < d.look {
		d.look = at
	}
}

// forget drops what isn't worth knowing of routes and lots. The lock is held.
func (d *Depot) forget(now onem2m.Timestamp) {
	maps.DeleteFunc(d.routes, func(_ onem2m.ID, r *route) bool {
		return r.underway == 0 && r.failures == 0 && r.refuses <= now
	})
	maps.DeleteFunc(d.spread, func(_ lot, at onem2m.Timestamp) bool { return at <= now })
}
