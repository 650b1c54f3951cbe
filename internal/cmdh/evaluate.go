package cmdh

import (
	"math"

	"bulwark/onem2m"
)

// class are the messages to which the same rules apply.
type class struct {
	category int64
	network  string
}

// opening is what the rules say of a class now.
type opening struct {
	rule *AccessRule
	from onem2m.Timestamp
	ok   bool
}

// survey is one look at everything that waits (clause H.2.4 step 2.2).
type survey struct {
	depot   *Depot
	now     onem2m.Timestamp
	volumes map[class]int64 // octets that could go by now
	first   map[class]opening
	again   map[class]opening // of those that had their turn: they needn't be enough any more
	bundles []*Bundle         // that are being made
}

// evaluate lets go what may go now, and notes when to look again. The lock is
// held.
func (d *Depot) evaluate() {
	before := d.look
	d.look = 0
	if len(d.line) > 0 {
		s := &survey{
			depot: d, now: onem2m.TimestampOf(d.o.Now()),
			volumes: map[class]int64{}, first: map[class]opening{}, again: map[class]opening{},
		}
		s.expire()
		for _, t := range d.line {
			if t.state == waiting && s.usable(t) && t.item.Category != Immediate {
				s.volumes[t.class()] += t.item.Size
			}
		}
		for _, t := range d.line {
			if t.state == waiting {
				d.later(t.item.Ends)
				if s.allowed(t) {
					s.release(t)
				}
			}
		}
		for _, b := range s.bundles {
			b.missing = len(b.members)
			for _, t := range b.members {
				t.turn <- turn{bundle: b}
			}
		}
		d.forget(s.now)
	}
	if d.look != 0 && (before == 0 || d.look < before) {
		d.nudge()
	}
}

// expire ends what is over (C-191).
func (s *survey) expire() {
	d := s.depot
	for i := 0; i < len(d.line); i++ {
		if t := d.line[i]; t.state == waiting && t.item.Ends <= s.now {
			d.end(t, Expired, over())
			i--
		}
	}
}

func over() error {
	return onem2m.Errorf(onem2m.RequestTimeout, "rqet", "the request has expired before it could be forwarded")
}

// usable reports whether the way to the next CSE may be tried.
func (s *survey) usable(t *Ticket) bool {
	r := s.depot.routes[t.item.Hop]
	if r == nil || r.rests <= s.now {
		return true
	}
	s.depot.later(r.rests)
	return false
}

// allowed reports whether a message may go now, by the rules for its network and
// by what is under way already.
func (s *survey) allowed(t *Ticket) bool {
	if !s.usable(t) {
		return false
	}
	if t.item.Category == Immediate {
		t.rule = s.depot.policy.attempts(Immediate, t.item.Network)
		return true // and waits for nobody
	}
	at := s.opening(t)
	if !at.ok {
		return false // until more comes
	}
	if at.from > s.now {
		s.depot.later(at.from)
		return false
	}
	t.rule, t.granted = at.rule, true
	return s.spreads(t) && s.free(t)
}

// opening looks up what the rules say of a message.
func (s *survey) opening(t *Ticket) opening {
	known, waiting := s.first, s.volumes[t.class()]
	if t.granted {
		known, waiting = s.again, math.MaxInt64
	}
	at, ok := known[t.class()]
	if !ok {
		at.rule, at.from, at.ok = s.depot.policy.Rule(t.item.Category, t.item.Network, waiting, s.now, Infinite)
		known[t.class()] = at
	}
	return at
}

// spreads reports whether the time is over by which the use of a network is put
// off at random (TS-0001 clause D.12.7).
func (s *survey) spreads(t *Ticket) bool {
	d := s.depot
	if t.spread || t.rule == nil || t.rule.Spreading <= 0 {
		return true
	}
	key := lot{t.item.Hop, t.item.Category}
	at, ok := d.spread[key]
	if !ok {
		at = s.now + onem2m.Timestamp(d.o.Random()*float64(t.rule.Spreading.Microseconds()))
		d.spread[key] = at
	}
	if at > s.now {
		d.later(at)
		return false
	}
	t.spread = true
	return true
}

// free reports whether the way has a place for a message.
func (s *survey) free(t *Ticket) bool {
	if t.aggregates(s.now) {
		return t.hasty(s.now) || s.depot.busy[t.trip()] == nil || s.open(t) != nil
	}
	r := s.depot.routes[t.item.Hop]
	return r == nil || r.underway < maxUnderWay
}

// release lets a message go: alone, or with others in a bundle.
func (s *survey) release(t *Ticket) {
	d := s.depot
	r := d.route(t.item.Hop)
	t.state, t.round = leaving, r.round
	d.buffer.Hold(t.item.ID, true)
	if !t.aggregates(s.now) {
		r.underway++
		t.alone = true
		t.turn <- turn{}
		return
	}
	b := s.open(t)
	if b == nil {
		b = newBundle(d, t.trip())
		r.underway++
		s.bundles = append(s.bundles, b)
		if t.item.Category != Immediate && !t.hasty(s.now) {
			d.busy[b.trip] = b
		}
	}
	b.members = append(b.members, t)
	b.octets += t.item.Size
	b.Lifespan = min(b.Lifespan, t.item.Ends)
	t.bundle = b
}

// open finds the bundle that is being made and has a place for a message. What is
// almost over goes by itself: its end is that of the whole bundle.
func (s *survey) open(t *Ticket) *Bundle {
	if t.item.Category == Immediate || t.hasty(s.now) {
		return nil
	}
	for _, b := range s.bundles {
		if b.trip == t.trip() && len(b.members) < MaxBundle && b.octets+t.item.Size <= maxLoad && !b.members[0].hasty(s.now) {
			return b
		}
	}
	return nil
}
