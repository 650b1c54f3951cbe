package notify

import (
	"errors"
	"fmt"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// maxHeld bounds the entries of one subscription that a turn reads; what is
// behind them waits for the next.
const maxHeld = 20_000

// findings are what going through a box leaves.
type findings struct {
	rows     int // entries still held back
	blocked  onem2m.Timestamp
	batchDue onem2m.Timestamp
	events   int
	octets   int
	last     int64
}

// letter is one delivery on its way through the stages: the entry it is now,
// or a new one made of several.
type letter struct {
	*store.Delivery
	from []int64 // entries that it stands for; its own ID alone if it is one of them
}

// moved reports whether a letter isn't in the outbox in this form.
func (l *letter) moved() bool { return len(l.from) != 1 || l.from[0] != l.ID }

// unit is one notification, to all its targets.
type unit struct {
	event   int64
	letters []letter
}

// passage goes through what is held back of one subscription, in the
// transaction tx.
type passage struct {
	e      *Engine
	tx     store.Tx
	ri     string
	s      *subscription
	now    onem2m.Timestamp
	ending bool // the subscription goes: what isn't sent now never is

	rate    *store.Delivery // note of the rate window
	queued  []arrival
	lost    []arrival
	kept    int
	blocked onem2m.Timestamp // first instant at which something more may go; 0: nothing waits
	left    findings
}

// goThrough lets go what may go of a subscription.
func (e *Engine) goThrough(tx store.Tx, ri string) error {
	if isGathering(ri) {
		return e.goThroughGathering(tx, ri)
	}
	sub, err := tx.ByRI(ri)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err != nil { // removed without a word, or by an earlier program
		return e.discard(tx, ri)
	}
	return e.pass(tx, ri, compiled(sub), false)
}

// pass runs the stages for a subscription that is to be read as s.
func (e *Engine) pass(tx store.Tx, ri string, s *subscription, ending bool) error {
	rows, err := tx.Held(ri, 0, maxHeld)
	if err != nil {
		return fmt.Errorf("notify: held back of %s: %w", ri, err)
	}
	p := &passage{e: e, tx: tx, ri: ri, s: s, now: e.clock(), ending: ending}
	var batch, back, pending []*store.Delivery
	for _, d := range rows {
		switch d.Held {
		case heldBatch:
			batch = append(batch, d)
		case heldBack:
			back = append(back, d)
		case heldPending:
			pending = append(pending, d)
		case noteRate:
			p.rate = d
		}
		if ending && (d.Held == noteRate || d.Held == noteGaps) {
			if err := known(tx.Settle(d.ID)); err != nil {
				return err
			}
		}
	}
	units := asUnits(back)
	batched, err := p.collect(batch)
	if err != nil {
		return err
	}
	going, err := p.limit(append(units, batched...))
	if err != nil {
		return err
	}
	if err := p.schedule(pending, going); err != nil {
		return err
	}
	if len(rows) == maxHeld {
		p.wait(p.now)
	}
	left := p.left
	left.rows, left.blocked = p.kept+left.rows, p.blocked
	tx.OnCommit(func() {
		e.ledger.drop(append(e.line.add(p.queued), p.lost...))
		e.shelf.settle(ri, &left)
	})
	return nil
}

// asUnits puts entries together that tell the same event.
func asUnits(rows []*store.Delivery) []unit {
	var units []unit
	for _, d := range rows {
		if n := len(units); n == 0 || units[n-1].event != d.Event {
			units = append(units, unit{event: d.Event})
		}
		u := &units[len(units)-1]
		u.letters = append(u.letters, letter{Delivery: d, from: []int64{d.ID}})
	}
	return units
}

// collect makes batches of what has been collected (C-301, C-302).
func (p *passage) collect(rows []*store.Delivery) ([]unit, error) {
	events := asUnits(rows)
	if p.s.batch == nil {
		return events, nil // the policy was removed
	}
	var out []unit
	for len(events) > 0 {
		n, octets := 0, 0
		for n < len(events) && !p.s.batch.full(n, octets) {
			for _, l := range events[n].letters {
				octets += len(l.Payload)
			}
			n++
		}
		due := end(p.s.batch.duration, events[0].letters[0].Created)
		for _, u := range events {
			due = sooner(due, u.letters[0].Delivery)
		}
		if !p.s.batch.full(n, octets) && due > p.now && !p.ending {
			for _, u := range events {
				p.left.rows += len(u.letters)
			}
			p.left.batchDue, p.left.events, p.left.octets = due, len(events), octets
			p.left.last = events[len(events)-1].event
			break
		}
		out = append(out, p.bundle(events[:n]))
		events = events[n:]
	}
	return out, nil
}

// bundle makes one notification of several events: of all of them, or of the
// newest where only that is wanted.
func (p *passage) bundle(events []unit) unit {
	out := unit{event: events[len(events)-1].event}
	at := map[string]int{}
	var rows [][]*store.Delivery
	for _, u := range events {
		for _, l := range u.letters {
			i, seen := at[l.Target]
			if !seen {
				i = len(rows)
				at[l.Target] = i
				rows = append(rows, nil)
			}
			rows[i] = append(rows[i], l.Delivery)
		}
	}
	for _, list := range rows {
		d := *list[len(list)-1]
		l := letter{Delivery: &d}
		for _, one := range list {
			l.from = append(l.from, one.ID)
		}
		// It is made now, by what holds at the time of sending (TS-0001 clause 10.2.10.7).
		d.ID, d.Event, d.Category, d.Created, d.NotBefore = 0, out.event, p.s.eventCategory(), p.now, 0
		if !p.s.latest {
			d.Payload, d.Events = aggregate(list), eventsIn(list)
		}
		out.letters = append(out.letters, l)
	}
	return out
}

// limit lets through as many events as the rate allows and keeps the others
// for later windows (C-303).
func (p *passage) limit(units []unit) ([]unit, error) {
	r := p.s.rate
	if r == nil && p.rate != nil && !p.ending {
		if err := known(p.tx.Settle(p.rate.ID)); err != nil {
			return nil, err
		}
	}
	if r == nil || p.ending || len(units) == 0 {
		return units, nil
	}
	if p.s.latest { // of what waited only the newest is wanted (C-300)
		if err := p.lose(units[:len(units)-1], Superseded); err != nil {
			return nil, err
		}
		units = units[len(units)-1:]
	}
	from, sent := p.now, 0
	if p.rate != nil {
		from, sent = p.rate.NotBefore, p.rate.Attempts
	}
	start, next := r.windowAt(from, p.now)
	if start != from {
		sent = 0
	}
	n := 0
	for n < len(units) && sent < r.number {
		sent += units[n].letters[0].Events
		n++
	}
	if err := p.note(start, sent); err != nil {
		return nil, err
	}
	rest := units[n:]
	if len(rest) > 0 {
		p.wait(next)
	}
	if over := len(rest) - p.e.limits.Queue; over > 0 {
		if err := p.lose(rest[:over], Overflowed); err != nil {
			return nil, err
		}
		rest = rest[over:]
	}
	for _, u := range rest {
		for _, l := range u.letters {
			if err := p.keep(l, heldBack); err != nil {
				return nil, err
			}
		}
	}
	return units[:n], nil
}

// note stores the rate window.
func (p *passage) note(start onem2m.Timestamp, sent int) error {
	if p.rate != nil {
		return p.tx.Postpone(p.rate.ID, sent, start)
	}
	return p.tx.Enqueue(&store.Delivery{
		Subscription: p.ri, Held: noteRate, NotBefore: start, Attempts: sent, Created: p.now,
	})
}
