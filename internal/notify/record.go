package notify

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Record puts what the subscriptions of the event's resource must be told into
// the outbox: one delivery per target of each subscription that the event
// fires. It is part of the transaction that causes the event, and for a
// Deleted event it has to come before the resource is detached.
func (e *Engine) Record(tx store.Tx, ev Event) error {
	if !ev.sound() {
		return fmt.Errorf("notify: event %d lacks its resource", ev.Type)
	}
	subs, err := tx.Subscriptions(ev.Resource.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("notify: subscriptions of %s: %w", ev.Resource.RI, err)
	}
	if len(subs) == 0 {
		return nil
	}
	now := e.clock()
	var queued []arrival
	for _, sub := range subs {
		if ev.Child != nil && sub.ID == ev.Child.ID {
			continue // it isn't told of its own beginning and end (C-287)
		}
		if sub.Expires != 0 && sub.Expires <= now {
			continue // hidden already, only not swept yet
		}
		s := compiled(sub)
		if s.err != nil {
			e.log.Error("subscription ignored", "subscription", sub.RI, "error", s.err)
			continue
		}
		if !s.wants(e.home, &ev) {
			continue
		}
		if ev.Type == MissingData {
			queued, err = e.fanMissed(tx, queued, sub, s, &ev, now)
		} else {
			queued, err = e.fan(tx, queued, sub, s, &ev, now)
		}
		if err != nil {
			return err
		}
	}
	e.afterCommit(tx, queued)
	return nil
}

// fan enqueues one delivery per target. The payload is built once per scope
// and shared.
func (e *Engine) fan(tx store.Tx, queued []arrival, sub *store.Record, s *subscription, ev *Event, now onem2m.Timestamp) ([]arrival, error) {
	stage, dropped := e.stage(sub, s, ev, now)
	if dropped {
		return queued, nil
	}
	event, err := e.number()
	if err != nil {
		return queued, err
	}
	var payloads [scopeForeign + 1][]byte
	for _, target := range s.targets {
		to := e.scopeOf(target)
		if payloads[to] == nil {
			payloads[to] = e.eventPayload(sub, s, ev, to)
		}
		d := &store.Delivery{
			Target: target, Subscription: sub.RI, Event: event, Priority: s.priority,
			Final: ev.ends(), Payload: payloads[to], Created: now,
			Held: stage, Category: s.eventCategory(),
		}
		if stage != 0 {
			err = e.hold(tx, d, s)
		} else {
			queued, err = e.enqueue(tx, queued, d)
		}
		if err != nil {
			return queued, err
		}
	}
	return queued, nil
}

// fanMissed counts missing points and tells of them where it is time to.
func (e *Engine) fanMissed(tx store.Tx, queued []arrival, sub *store.Record, s *subscription, ev *Event, now onem2m.Timestamp) ([]arrival, error) {
	tell, err := e.missed(tx, sub, s, ev, now)
	for i := range tell {
		if err == nil {
			queued, err = e.fan(tx, queued, sub, s, &tell[i], now)
		}
	}
	return queued, err
}

// hold stores a delivery that has to wait for a policy.
func (e *Engine) hold(tx store.Tx, d *store.Delivery, s *subscription) error {
	if err := tx.Enqueue(d); err != nil {
		return fmt.Errorf("notify: enqueue for %s: %w", d.Subscription, err)
	}
	tx.OnCommit(func() { e.shelf.put(d, s) })
	return nil
}

// Removed says that a subscription goes, by itself or with a resource above
// it: its subscriberURI is told (C-281), and what is still queued of it is
// discarded, but for the news that its resource was deleted, which comes first
// (C-282). It is part of the transaction that removes the subscription.
//
// Discarding is lazy: a delivery whose subscription doesn't exist any more is
// dropped when its turn comes, so that removal costs the same whatever is queued.
func (e *Engine) Removed(tx store.Tx, sub *store.Record) error {
	s := compiled(sub)
	own, others := e.timetable.of(sub.RI)
	if s.batch != nil || s.rate != nil || s.gaps != nil || len(own) > 0 || others || e.shelf.holding(sub.RI) {
		if err := e.pass(tx, sub.RI, s, true); err != nil {
			return err
		}
	}
	targets := s.crossed
	if s.subscriber != "" { // what can't be understood goes without a word
		targets = append([]string{s.subscriber}, targets...)
	}
	return e.leave(tx, sub, s, targets)
}

// leave tells targets that a subscription is nothing to them any more (TS-0004
// clause 7.5.1.2.4).
func (e *Engine) leave(tx store.Tx, sub *store.Record, s *subscription, targets []string) error {
	if len(targets) == 0 {
		return nil
	}
	event, err := e.number()
	if err != nil {
		return err
	}
	var queued []arrival
	for _, target := range targets {
		queued, err = e.enqueue(tx, queued, &store.Delivery{
			Target: target, Subscription: sub.RI, Event: event, Priority: s.priority,
			Final: true, Payload: e.deletionPayload(sub, s, e.scopeOf(target)), Created: e.clock(),
		})
		if err != nil {
			return err
		}
	}
	e.afterCommit(tx, queued)
	return nil
}

// enqueue puts one delivery into the outbox: for its target, or with others
// into the gathering of a group.
func (e *Engine) enqueue(tx store.Tx, queued []arrival, d *store.Delivery) ([]arrival, error) {
	if key, ok := e.gathers(d.Target); ok && !isDeletion(d.Payload) {
		return queued, e.gather(tx, d, key)
	}
	if d.RequestID == "" {
		var err error
		if d.RequestID, err = e.requestID(); err != nil {
			return queued, err
		}
	}
	if err := tx.Enqueue(d); err != nil {
		return queued, fmt.Errorf("notify: enqueue for %s: %w", d.Subscription, err)
	}
	return append(queued, arrival{target: d.Target, item: itemOf(d)}), nil
}

// afterCommit shows the deliveries to the workers once they are durable.
func (e *Engine) afterCommit(tx store.Tx, queued []arrival) {
	if len(queued) > 0 {
		tx.OnCommit(func() { e.ledger.drop(e.line.add(queued)) })
	}
}

// number returns a number for an event: random, so that it is unique across
// restarts and nodes without being kept.
func (e *Engine) number() (int64, error) {
	var b [8]byte
	if err := e.randomise(b[:]); err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b[:]) >> 1), nil // 63 bits are left
}

// requestID returns a globally unique request identifier (C-007).
func (e *Engine) requestID() (string, error) {
	var b [15]byte // 120 bits fill 24 characters
	if err := e.randomise(b[:]); err != nil {
		return "", err
	}
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:])), nil
}

// randomise fills b.
func (e *Engine) randomise(b []byte) error {
	e.randomness.Lock()
	defer e.randomness.Unlock()
	if _, err := io.ReadFull(e.random, b); err != nil {
		return fmt.Errorf("notify: random source: %w", err)
	}
	return nil
}
