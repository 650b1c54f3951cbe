package notify

import (
	"container/heap"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// answerHead begins the payload that carries a response (TS-0004 clause
// 7.5.1.2.5): what became of a non-blocking request.
const answerHead = `{"` + answerRoot + `":`

const answerRoot = "m2m:rsp"

// Tell puts the response of a non-blocking request into the outbox for one
// target, a URL or a resource identifier. It is delivered like a notification,
// but belongs to no subscription. response is the JSON object of the response
// primitive. Tell is part of the transaction that stores the result, so that
// the result is told if and only if it is kept (C-183). It isn't sent any more
// after until, if that isn't 0 (C-184).
func (e *Engine) Tell(tx store.Tx, target string, response []byte, until onem2m.Timestamp) error {
	event, err := e.number()
	if err != nil {
		return err
	}
	payload := make([]byte, 0, len(answerHead)+len(response)+1)
	payload = append(payload, answerHead...)
	payload = append(payload, response...)
	payload = append(payload, '}')
	d := &store.Delivery{Target: target, Event: event, Final: true, Payload: payload, Created: e.clock()}
	if until != 0 { // it counts as so old that it is given up in time
		d.Created = min(d.Created, until-onem2m.Timestamp(e.limits.GiveUp.Microseconds()))
	}
	queued, err := e.enqueue(tx, nil, d)
	if err != nil {
		return err
	}
	e.afterCommit(tx, queued)
	return nil
}

// CheckTarget refuses a notification address that can never be notified.
func CheckTarget(nu string) error { return checkTarget(nu, "nu") }

// Hasten lets deliveries go on now whose targets are resting after a failure:
// somebody has just learnt that these targets listen. Targets are spelt as in
// nu; unknown ones are passed over.
func (e *Engine) Hasten(targets ...string) {
	e.line.mu.Lock()
	defer e.line.mu.Unlock()
	for _, target := range targets {
		e.line.hasten(target)
	}
}

// hasten makes the queue of a target ready if it rests.
func (l *line) hasten(target string) {
	q := l.queues[target]
	if q == nil || q.place != placeWaiting {
		return
	}
	for i := range l.waiting {
		if l.waiting[i] == q {
			heap.Remove(&l.waiting, i)
			l.makeReady(q)
			return
		}
	}
}
