package notify

import (
	"bytes"
	"sync"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// The stages at which a delivery is held back (store.Delivery.Held), in the
// order of TS-0004 clause 7.5.1.2.2, and the notes that the stages keep in the
// outbox so that they survive a crash.
const (
	heldBatch   = 1 // collected for a batch (step 2.4)
	heldBack    = 2 // waits for its turn: the rate limit comes next
	heldPending = 3 // waits for a schedule to open (step 4.0)
	noteRate    = 4 // not a delivery: NotBefore is the beginning of the rate window, Attempts what was sent in it
	noteGaps    = 5 // not a delivery: what is missing in the window that began at NotBefore
)

// timetable is what the engine knows of schedules without asking the store. It
// is empty in most CSEs, and then costs nothing.
type timetable struct {
	mu     sync.RWMutex
	own    map[string][]*onem2m.Schedule // notification schedules, by subscription
	others map[string]bool               // whatever else has a schedule: nodes
}

// Schedule says that a resource has got the schedule that entries make up, or
// with none that it has lost it: a subscription its notification schedule
// (C-305), anything else its reachability schedule (C-306). It holds from now
// on and lets go what may go (C-263). Call it for every schedule before Run, and
// later in the commit of the change; it is quick.
func (e *Engine) Schedule(owner string, ty onem2m.ResourceType, entries []*onem2m.Schedule) {
	e.timetable.set(owner, ty, entries)
	e.shelf.reconsider()
}

func (t *timetable) set(owner string, ty onem2m.ResourceType, entries []*onem2m.Schedule) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.own == nil {
		t.own, t.others = map[string][]*onem2m.Schedule{}, map[string]bool{}
	}
	subscription := ty == onem2m.TypeSubscription || ty == onem2m.TypeCrossResourceSubscription
	switch {
	case subscription && len(entries) > 0:
		t.own[owner] = entries
	case subscription:
		delete(t.own, owner)
	case len(entries) > 0:
		t.others[owner] = true
	default:
		delete(t.others, owner)
	}
}

// of returns the notification schedule of a subscription, and whether anything
// else has a schedule.
func (t *timetable) of(subscription string) (entries []*onem2m.Schedule, others bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.own[subscription], len(t.others) > 0
}

// opens returns when a schedule is open next, at or after an instant, and
// false if it never is again.
func opens(entries []*onem2m.Schedule, at onem2m.Timestamp) (onem2m.Timestamp, bool) {
	var first onem2m.Timestamp
	for _, s := range entries {
		if s.Contains(at.Time()) {
			return at, true
		}
		next, ok := s.Next(at.Time())
		if t := onem2m.TimestampOf(next); ok && (first == 0 || t < first) {
			first = t
		}
	}
	return first, first != 0
}

// Timetable is what a Directory may know besides: when an entity can be
// reached (C-306). It must answer from r alone.
type Timetable interface {
	// Opens returns the first instant at or after at at which the entity behind
	// a target can be reached by schedule, and false if there is none.
	Opens(r store.Reader, target string, at onem2m.Timestamp) (onem2m.Timestamp, bool)
}

// stage finds out whether an event of a subscription has to wait, and at which
// stage; 0 sends it on at once.
func (e *Engine) stage(sub *store.Record, s *subscription, ev *Event, now onem2m.Timestamp) (stage int, dropped bool) {
	own, others := e.timetable.of(sub.RI)
	if ev.ends() {
		// The cache of pending notifications goes with the subscription (C-281), so
		// what can't be sent now never will be.
		if at, ok := opens(own, now); len(own) > 0 && !s.urgent() && (!ok || at > now) {
			return 0, true
		}
	}
	switch {
	case s.batch != nil:
		return heldBatch, false
	case s.rate != nil, others, len(own) > 0, e.shelf.holding(sub.RI):
		return heldBack, false
	}
	return 0, false
}

// urgent reports whether notifications ignore their own schedule (C-305).
func (s *subscription) urgent() bool { return s.category != nil && *s.category == categoryImmediate }

// eventCategory is the Event Category of a notification (C-300); 0 is none.
func (s *subscription) eventCategory() int64 {
	switch {
	case s.latest:
		return categoryLatest
	case s.category != nil:
		return *s.category
	}
	return 0
}

// The frame of an aggregated notification (C-298).
const (
	batchRoot = "m2m:agn"
	batchHead = `{"` + batchRoot + `":{"` + root + `":[`
)

// aggregate makes one payload of several, in their order.
func aggregate(rows []*store.Delivery) []byte {
	size := len(batchHead) + 3
	for _, d := range rows {
		size += len(d.Payload)
	}
	b := append(make([]byte, 0, size), batchHead...)
	empty := len(b)
	for _, d := range rows {
		one := noticesIn(d.Payload)
		if len(one) == 0 {
			continue // it was made here, so this can't be
		}
		if len(b) > empty {
			b = append(b, ',')
		}
		b = append(b, one...)
	}
	return append(b, "]}}"...)
}

// noticesIn takes the frame off a notification, or off an aggregated one, which
// is never nested (C-298).
func noticesIn(payload []byte) []byte {
	if one, ok := bytes.CutPrefix(payload, []byte(head)); ok && len(one) > 0 {
		return one[:len(one)-1]
	}
	if many, ok := bytes.CutPrefix(payload, []byte(batchHead)); ok {
		many, _ = bytes.CutSuffix(many, []byte("]}}"))
		return many
	}
	return nil
}

// eventsIn counts the events that some deliveries tell of.
func eventsIn(rows []*store.Delivery) (n int) {
	for _, d := range rows {
		n += max(d.Events, 1)
	}
	return n
}
