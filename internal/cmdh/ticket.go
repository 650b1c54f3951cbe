package cmdh

import (
	"context"
	"time"

	"bulwark/onem2m"
)

// state is where a ticket is.
type state int

const (
	waiting state = iota // for its turn
	leaving              // it had its turn
	gone
)

// Ticket stands for one request in a Depot.
type Ticket struct {
	depot *Depot
	item  Item
	turn  chan turn // capacity 1

	// The lock of the Depot guards what follows.
	state    state
	rule     *AccessRule     // by which it may go; nil without restrictions
	round    int             // of its route, when it had its turn
	granted  bool            // there was enough to send once
	spread   bool            // the time by which it is put off is over
	single   bool            // it isn't bundled (any more)
	alone    bool            // it is under way by itself
	outdated bool            // a later one has come while it was being sent
	bundle   *Bundle         // with which it goes
	request  *onem2m.Request // that it has put into it
}

// turn is what a ticket waits for.
type turn struct {
	bundle *Bundle
	err    error
}

func (t *Ticket) class() class { return class{t.item.Category, t.item.Network} }
func (t *Ticket) trip() trip   { return trip{t.item.Hop, t.item.Target, t.item.Category} }

// haste is the time before its end in which a request is bundled with no other:
// the lifespan of a <delivery> is that of the request that ends first (TS-0001
// clause 9.6.11).
const haste = onem2m.Timestamp(2 * int64(time.Second/time.Microsecond))

func (t *Ticket) hasty(now onem2m.Timestamp) bool { return t.item.Ends-now < haste }

// aggregates reports whether the request goes in a <delivery>. The lock is held.
func (t *Ticket) aggregates(now onem2m.Timestamp) bool {
	if !t.item.Aggregate || t.single {
		return false
	}
	r := t.depot.routes[t.item.Hop]
	return r == nil || r.refuses <= now
}

// Wait returns when the request may go: by itself, or if a bundle is returned
// with that, by its Board. It fails with 4008 if the request expires, 4105 if a
// later one takes its place, and 5207 if it gives way to another one.
func (t *Ticket) Wait(ctx context.Context) (*Bundle, error) {
	select {
	case got := <-t.turn:
		return got.bundle, got.err
	case <-ctx.Done():
		d := t.depot
		d.mu.Lock()
		defer d.mu.Unlock()
		if t.state != gone {
			t.leave(Expired)
		}
		return nil, over()
	}
}

// Retry lets a request wait again that had its turn, and whose next CSE was not
// reached. It returns cause if no rule says for how long (clause H.2.5): the
// request is out then.
func (t *Ticket) Retry(cause error) error {
	d := t.depot
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.state != leaving {
		return cause
	}
	r := d.route(t.item.Hop)
	rest, ok := d.rest(t.rule, r.failures+1)
	if !ok {
		t.leave(Given)
		return cause
	}
	if t.round == r.round {
		r.failures++
		r.round++
		r.rests = onem2m.TimestampOf(d.o.Now().Add(rest))
	}
	t.back()
	return nil
}

// rest is how long a CSE isn't tried again after so many failures in a row.
func (d *Depot) rest(rule *AccessRule, failures int) (time.Duration, bool) {
	if rule == nil {
		return 0, false
	}
	b, ok := rule.BackOffFor(ActionDefault)
	return max(minRest, b.Wait(failures, d.o.Random())), ok
}

// Alone lets a request wait for a turn by itself, whose next CSE takes no
// <delivery>.
func (t *Ticket) Alone() {
	d := t.depot
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.state == leaving {
		t.single = true
		t.back()
	}
}

// back lets a request wait again. The lock is held.
func (t *Ticket) back() {
	d := t.depot
	t.arrive()
	t.state = waiting
	d.buffer.Hold(t.item.ID, false)
	if t.outdated { // a later one came meanwhile
		d.end(t, Replaced, replaced())
	}
	d.evaluate()
}

// Sent takes a request out that the next CSE has got.
func (t *Ticket) Sent() {
	d := t.depot
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.state != leaving {
		return
	}
	d.reached(t.item.Hop)
	if t.alone {
		t.leave(Sent)
	} else {
		t.leave(Bundled)
	}
}

// reached notes that the way to a CSE is open. The lock is held.
func (d *Depot) reached(hop onem2m.ID) {
	r := d.route(hop)
	r.failures, r.rests = 0, 0
}

// Leave takes the request out, if it is still there.
func (t *Ticket) Leave() {
	d := t.depot
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.state != gone {
		t.leave(Given)
	}
}

// leave takes the ticket out and lets others go. The lock is held.
func (t *Ticket) leave(f Fate) {
	d := t.depot
	t.arrive()
	d.remove(t)
	d.o.Observe(f)
	d.evaluate()
}

// arrive: it isn't under way any more, by itself or in a bundle. The lock is held.
func (t *Ticket) arrive() {
	if t.alone {
		t.alone = false
		t.depot.route(t.item.Hop).underway--
	}
	if b := t.bundle; b != nil {
		t.bundle = nil
		b.drop(t)
	}
}
