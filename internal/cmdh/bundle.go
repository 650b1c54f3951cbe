package cmdh

import (
	"context"
	"slices"
	"time"

	"bulwark/onem2m"
)

// MaxBundle bounds the requests in one <delivery>: as many as this CSE takes in
// one itself.
const MaxBundle = 100

// maxLoad bounds the octets of the requests in one <delivery>, so that it is no
// longer than what any CSE takes. A longer request goes in one by itself.
const maxLoad = 256 << 10

// refusalTime is how long a CSE that takes no <delivery> isn't offered one again.
const refusalTime = 10 * time.Minute

// Outcome is what became of a bundle.
type Outcome int

// The outcomes.
const (
	Accepted    Outcome = iota // the next CSE has it
	Lost                       // it may have it: nobody has said so
	Unreachable                // it hasn't got it
	Declined                   // it doesn't want this one
	Refused                    // it takes no <delivery>
)

// Bundle are requests that leave for the next CSE in one <delivery> (C-193).
type Bundle struct {
	// Hop is the next CSE, Target the one that hosts the targets, and Category the
	// Event Category of all requests. They don't change.
	Hop, Target onem2m.ID
	Category    int64
	// Lifespan is the end of the request that ends first; it doesn't change once
	// the bundle has left.
	Lifespan onem2m.Timestamp

	depot *Depot
	trip  trip

	// The lock of the Depot guards what follows.
	members []*Ticket // until they let go, in the order of their coming
	octets  int64     // of those that it was made of
	missing int       // members that have not come on board
	left    bool
	over    bool
	load    []*onem2m.Request
	done    chan struct{} // closed when outcome is set
	outcome Outcome
	cancel  context.CancelFunc // while it is being carried
}

func newBundle(d *Depot, e trip) *Bundle {
	return &Bundle{
		Hop: e.hop, Target: e.target, Category: e.category, Lifespan: Infinite,
		depot: d, trip: e, done: make(chan struct{}),
	}
}

// Requests are what is in the bundle, once it has left.
func (b *Bundle) Requests() []*onem2m.Request { return b.load }

// Board puts the request of a ticket into its bundle, as it is to arrive, and
// returns what has become of the bundle: it leaves when all who belong to it are
// there. Board fails with 4008 if ctx ends before.
func (b *Bundle) Board(ctx context.Context, t *Ticket, req *onem2m.Request) (Outcome, error) {
	d := b.depot
	d.mu.Lock()
	if t.bundle == b {
		t.request = req
		b.missing--
		b.depart()
	}
	d.mu.Unlock()
	select {
	case <-b.done:
		return b.outcome, nil
	case <-ctx.Done():
		return Lost, over()
	}
}

// depart hands the bundle to Run if everybody is there. The lock is held.
func (b *Bundle) depart() {
	if b.missing > 0 || b.left {
		return
	}
	b.left = true
	for _, t := range b.members {
		b.load = append(b.load, t.request)
	}
	if len(b.load) == 0 {
		b.end(Declined)
		return
	}
	b.depot.departing = append(b.depot.departing, b)
	b.depot.nudge()
}

// drop lets go of a member, which stays in the bundle if that has left. One that
// nobody waits for any more is broken off. The lock is held.
func (b *Bundle) drop(t *Ticket) {
	b.members = slices.DeleteFunc(b.members, func(other *Ticket) bool { return other == t })
	if t.request == nil {
		b.missing--
	}
	t.request = nil
	b.depart()
	if len(b.members) == 0 && b.cancel != nil {
		b.cancel()
	}
}

// end says what has become of the bundle. The lock is held.
func (b *Bundle) end(o Outcome) {
	if b.over {
		return
	}
	b.over, b.outcome = true, o
	close(b.done)
	d := b.depot
	if d.busy[b.trip] == b {
		delete(d.busy, b.trip)
	}
	r := d.route(b.Hop)
	r.underway--
	if o == Refused && b.octets <= maxLoad { // else it may have been too long
		r.refuses = onem2m.TimestampOf(d.o.Now().Add(refusalTime))
	}
}

// depart takes the bundles that are to leave.
func (d *Depot) depart() []*Bundle {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.departing
	d.departing = nil
	return list
}

// carry has a bundle carried, as long as somebody waits for it.
func (d *Depot) carry(ctx context.Context, b *Bundle) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.mu.Lock()
	b.cancel = cancel
	deserted := len(b.members) == 0
	d.mu.Unlock()
	outcome := Declined
	if !deserted {
		outcome = d.o.Carry(ctx, b)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	b.end(outcome)
	d.evaluate()
}
