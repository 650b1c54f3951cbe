package notify

import (
	"bulwark/internal/store"
)

// Cross puts a cross-resource notification into the outbox: it names the
// <crossResourceSubscription> and nothing else, for every target of it (TS-0004
// clause 7.5.1.2.18). Counting, statistics and the notification schedule are
// those of a subscription (C-326). It is part of the transaction that decides
// that the events have come together.
func (e *Engine) Cross(tx store.Tx, sub *store.Record) error {
	s := compiled(sub)
	if s.err != nil {
		e.log.Error("cross-resource subscription ignored", "subscription", sub.RI, "error", s.err)
		return nil //nolint:nilerr // what makes no sense is passed over, as in Record
	}
	event, err := e.number()
	if err != nil {
		return err
	}
	now := e.clock()
	stage, _ := e.stage(sub, s, &Event{Type: Updated}, now)
	var queued []arrival
	for _, target := range s.targets {
		d := &store.Delivery{
			Target: target, Subscription: sub.RI, Event: event, Payload: e.crossPayload(sub.RI, e.scopeOf(target)),
			Created: now, Held: stage, Category: s.eventCategory(),
		}
		if stage != 0 {
			err = e.hold(tx, d, s)
		} else {
			queued, err = e.enqueue(tx, queued, d)
		}
		if err != nil {
			return err
		}
	}
	e.afterCommit(tx, queued)
	return nil
}

// crossPayload says which cross-resource subscription has fired.
func (e *Engine) crossPayload(ri string, to scope) []byte {
	return append(appendText([]byte(head+`{"sur":`), e.reference(ri, to)), '}', '}')
}
