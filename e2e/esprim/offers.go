package esprim

import (
	"errors"
	"time"

	"bulwark/onem2m"
)

// offer is a receiver object that has been given out, with the sessions that
// use it.
type offer struct {
	rand     ReceiverRand
	shared   bool
	owner    onem2m.ID // who asked for a unique one
	bound    string    // kid that a unique one is used with; "" while unused (E-46)
	made     onem2m.Timestamp
	next     *offer // the one that has been announced to who uses this one
	sessions map[pair]*session
}

// ErrBusy is the cause of a refusal of Offer that time heals.
var ErrBusy = errors.New("a limit is reached")

func busy(text string) error {
	return &onem2m.Error{Code: onem2m.InternalServerError, Text: text, Cause: ErrBusy}
}

// Offer makes a receiver object that nobody else gets (E-41, E-42). It fails
// with 5000, for ErrBusy, when the requester, or everybody together, asks too
// often, and when all that there is room for is in use (E-47).
func (r *Receiver) Offer(requester onem2m.ID) (ReceiverRand, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if !r.askers.take(requester, now) || !r.rate.take(now) {
		return ReceiverRand{}, busy("too many requests for rand objects; try again later")
	}
	if !r.makeRoom(requester, now) {
		return ReceiverRand{}, busy("too many rand objects are in use; try again later")
	}
	o, err := r.issue(unshared, now, r.lives.Unique)
	if err != nil {
		return ReceiverRand{}, err
	}
	o.owner = requester
	return o.rand, nil
}

// Shared returns the receiver object that is published for everybody, and when
// to ask again: another takes its place at half of its life, and the one before
// stays good until it expires (E-40, E-48).
func (r *Receiver) Shared() (ReceiverRand, onem2m.Timestamp, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	life := micros(r.lives.Shared)
	if r.published == nil || r.published.rand.Expires <= now+life/2 {
		o, err := r.issue(shared, now, r.lives.Shared)
		if err != nil {
			return ReceiverRand{}, 0, err
		}
		o.shared, r.published = true, o
	}
	return r.published.rand, r.published.rand.Expires - life/2, nil
}

// issue makes a receiver object and remembers it. The lock is held.
func (r *Receiver) issue(kind string, now onem2m.Timestamp, life duration) (*offer, error) {
	for {
		rand, err := newReceiverRand(r.random, kind, now+micros(life), r.protections)
		if err != nil {
			return nil, err
		}
		if r.offers[rand.ID] != nil {
			continue // E-36
		}
		o := &offer{rand: rand, made: now, sessions: map[pair]*session{}}
		r.offers[rand.ID] = o
		return o, nil
	}
}

// makeRoom lets one more unique object of an owner in. The oldest unused one
// makes room, of the owner where it has too many, so that who asks for many has
// few (E-47). It reports false if everything is in use.
func (r *Receiver) makeRoom(owner onem2m.ID, now onem2m.Timestamp) bool {
	var mine, used, anybody *offer // the oldest of each kind
	count, total := 0, 0
	for id, o := range r.offers {
		if o.rand.Expires <= now {
			r.endOffer(id)
			continue
		}
		if o.shared {
			continue
		}
		total++
		if o.bound == "" {
			anybody = older(anybody, o)
		}
		if o.owner != owner {
			continue
		}
		count++
		if o.bound == "" {
			mine = older(mine, o)
		} else {
			used = older(used, o)
		}
	}
	var victim *offer
	switch {
	case count >= r.limits.Unique && mine != nil:
		victim = mine
	case count >= r.limits.Unique:
		victim = used
	case total >= r.limits.Offers:
		victim = anybody
	default:
		return true
	}
	if victim == nil {
		return false
	}
	r.endOffer(victim.rand.ID)
	return true
}

func older(a, b *offer) *offer {
	if a == nil || b.made < a.made {
		return b
	}
	return a
}

// endOffer takes a receiver object back, with the sessions under it.
func (r *Receiver) endOffer(id string) {
	o := r.offers[id]
	for at, s := range o.sessions {
		r.drop(o, at, s)
	}
	delete(r.offers, id)
}

// bucket bounds how often something that costs a stranger nothing is done.
type bucket struct {
	rate, burst float64 // per second, at once
	tokens      float64
	last        onem2m.Timestamp
}

// Bounds on how often one requester gets a unique object. A session needs one in
// five minutes.
const (
	ownRate   = 5    // per second
	ownBurst  = 16   // at once
	maxAskers = 4096 // requesters that are told apart, some 500 kB
)

// askers bounds how often each requester asks, so that one leaves something of
// what there is for all together.
type askers struct {
	of    map[onem2m.ID]*bucket
	swept onem2m.Timestamp
}

// take reports whether a requester may ask now. Where there are too many to be
// told apart, a new one has no bound but that of all.
func (a *askers) take(who onem2m.ID, now onem2m.Timestamp) bool {
	b := a.of[who]
	if b == nil {
		if len(a.of) >= maxAskers && !a.sweep(now) {
			return true
		}
		b = &bucket{rate: ownRate, burst: ownBurst, tokens: ownBurst, last: now}
		a.of[who] = b
	}
	return b.take(now)
}

// sweep forgets who hasn't asked for so long that it makes no difference, once a
// second at most. It reports whether there is room.
func (a *askers) sweep(now onem2m.Timestamp) bool {
	if now < a.swept+micros(time.Second) {
		return false
	}
	a.swept = now
	for who, b := range a.of {
		if now >= b.last+micros(ownBurst*time.Second/ownRate) {
			delete(a.of, who)
		}
	}
	return len(a.of) < maxAskers
}

func (b *bucket) take(now onem2m.Timestamp) bool {
	if now > b.last {
		b.tokens = min(b.burst, b.tokens+float64(now-b.last)/1e6*b.rate)
		b.last = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
