package notify

import (
	"container/heap"
	"context"
	"time"

	"bulwark/onem2m"
)

// flight is the head of a queue in the hands of a worker.
type flight struct {
	queue *queue
	item  item
	probe bool // the target failed last time

	tellers []string // whose notifications it passes on for a group
}

// landing says how a flight ended.
type landing int

const (
	landed  landing = iota // the item is done with, the target answers
	spared                 // the item is done with, nothing was sent
	failed                 // not delivered, the target is in trouble
	aborted                // the engine stops; nothing is known
)

// take waits for a queue that may go on and returns its head, or false when
// the line stops. Hosts in trouble get at most half of the workers, so that
// many hanging ones never hold up those that work, and one host never gets more
// than its limit.
func (l *line) take() (flight, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		q, probe := l.pop()
		switch {
		case l.stopping:
			return flight{}, false
		case q == nil:
			l.changed.Wait()
			continue
		}
		head := q.items[0]
		if head.last && l.flights[head.subscription] > 0 {
			q.place = placeParked // nothing may arrive after the last word (C-480)
			l.parked[head.subscription] = append(l.parked[head.subscription], q)
			l.admit(q.host)
			continue
		}
		q.place = placeBusy
		l.flights[head.subscription]++
		q.host.flights++
		if probe {
			l.probing++
		}
		return flight{queue: q, item: head, probe: probe}, true
	}
}

// pop takes the next queue off the ready lists, or returns nil.
func (l *line) pop() (q *queue, probe bool) {
	if l.stopping {
		return nil, false
	}
	for {
		switch {
		case len(l.ready) > 0:
			q, l.ready[0] = l.ready[0], nil
			l.ready = l.ready[1:]
			if q.host.failed { // since it became ready
				l.suspects = append(l.suspects, q)
				continue
			}
			probe = false
		case len(l.suspects) > 0 && l.probing < max(1, l.limits.Workers/2):
			q, l.suspects[0] = l.suspects[0], nil
			l.suspects = l.suspects[1:]
			probe = true
		default:
			return nil, false
		}
		if l.fits(q) {
			return q, probe
		}
	}
}

// fits reports whether a queue can go now. One whose host has no room waits
// there, one that has lost everything to the bound of the outbox is forgotten.
func (l *line) fits(q *queue) bool {
	switch {
	case len(q.items) == 0:
		l.admit(q.host)
		l.leave(q)
	case q.host.flights >= l.limits.PerHost:
		q.host.held = append(q.host.held, q)
	default:
		return true
	}
	return false
}

// done puts the queue of a flight back in its place. After a failure it waits
// for pause, and what is older than the limit is dropped and returned, the
// head of the flight included.
func (l *line) done(f flight, how landing, attempts int, pause time.Duration) (expired []item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.land(f)
	q := f.queue
	l.rehost(q)
	switch how {
	case aborted:
		return nil
	case landed:
		q.failures, q.host.failed = 0, false
		l.remove(q, 0)
	case spared:
		l.remove(q, 0)
	case failed:
		q.failures++
		q.host.failed = true
		q.items[0].attempts = attempts
		limit := onem2m.TimestampOf(l.now().Add(-l.limits.GiveUp))
		for i := 0; i < len(q.items); {
			if q.items[i].created <= limit {
				expired = append(expired, l.remove(q, i))
			} else {
				i++
			}
		}
	}
	switch {
	case len(q.items) == 0:
		l.leave(q)
	case how == failed:
		l.wait(q, l.now().Add(pause))
	default:
		l.makeReady(q)
	}
	return expired
}

// land undoes what take noted and lets last words go that waited for it.
func (l *line) land(f flight) {
	if f.probe {
		l.probing--
		if len(l.suspects) > 0 {
			l.changed.Signal()
		}
	}
	f.queue.host.flights--
	l.admit(f.queue.host)
	sub := f.item.subscription
	if l.flights[sub]--; l.flights[sub] > 0 {
		return
	}
	delete(l.flights, sub)
	for _, q := range l.parked[sub] {
		l.makeReady(q)
	}
	delete(l.parked, sub)
}

// failures returns how often the target of a flight has failed in a row.
func (l *line) failures(f flight) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return f.queue.failures
}

// stop lets take return false from now on.
func (l *line) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
	l.changed.Broadcast()
}

// watch makes queues ready when their back-off is over, until ctx ends.
func (l *line) watch(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(l.wake())
		select {
		case <-ctx.Done():
			return
		case <-l.timer:
		case <-timer.C:
		}
	}
}

// wake makes ready what is due and returns the time until the next.
func (l *line) wake() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) > 0 {
		if left := l.waiting[0].due.Sub(l.now()); left > 0 {
			return left
		}
		if q, ok := heap.Pop(&l.waiting).(*queue); ok {
			l.makeReady(q)
		}
	}
	return time.Hour
}
