package notify

import (
	"container/heap"
	"sync"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// item is what memory holds of one delivery; the rest is read from the store
// when its turn comes.
type item struct {
	id           int64
	event        int64
	priority     int64
	created      onem2m.Timestamp
	notBefore    onem2m.Timestamp
	attempts     int
	subscription string
	final        bool            // its subscription is gone: nothing to ask, nothing to count
	latest       bool            // a newer one of its subscription takes its place while it waits
	events       int             // that it tells of
	last         bool            // final, and the last word: nothing of the subscription may follow
	delivery     *store.Delivery // kept while the memory budget lasts, else nil
}

// itemOf returns the item of a delivery that has its ID.
func itemOf(d *store.Delivery) item {
	return item{
		id: d.ID, event: d.Event, priority: d.Priority, created: d.Created,
		notBefore: d.NotBefore, attempts: d.Attempts, subscription: d.Subscription,
		final: d.Final, last: isDeletion(d.Payload), delivery: d,
		latest: d.Category == categoryLatest, events: max(d.Events, 1),
	}
}

// requestID returns the request identifier if it is in memory, else "".
func (it item) requestID() string {
	if it.delivery == nil {
		return ""
	}
	return it.delivery.RequestID
}

// arrival is an item on its way into the queue of its target.
type arrival struct {
	target string
	item   item
	why    OutcomeKind // of one that is dropped; 0: there was no room
	full   bool        // no room in the whole line, not in its queue
}

// place is where a queue stands; it is in one place at a time.
type place int

const (
	placeNone    place = iota // empty
	placeReady                // in one of the ready lists, or held at its host
	placeBusy                 // a worker has its head
	placeWaiting              // in the heap of back-offs
	placeParked               // its head waits for notifications in flight elsewhere
)

// queue holds the deliveries of one target in order. Only its head is ever
// sent, by one worker at a time.
type queue struct {
	target   string
	host     *host
	key      string // of host
	items    []item
	place    place
	failures int       // in a row
	due      time.Time // when waiting
}

// line is all queues and who may go next. All fields are guarded by mu.
type line struct {
	mu      sync.Mutex
	changed sync.Cond // a queue is ready, or stopping
	limits  Limits
	home    onem2m.Home
	now     func() time.Time

	queues   map[string]*queue
	hosts    map[string]*host
	homes    map[string]string // host of an entity, as far as it is known
	ready    []*queue          // of hosts that worked last time
	suspects []*queue          // of hosts or targets that failed last time
	probing  int               // suspects in flight
	waiting  backOffs
	flights  map[string]int      // notifications in flight, by subscription
	parked   map[string][]*queue // by subscription whose flights they wait for
	total    int
	memory   int64 // octets of kept payloads
	marks    marks // who goes first when there is no room
	emptied  int   // queues that lost everything since the last sweep

	loaded   bool  // the outbox has been read; until then arrivals are only noted
	newest   int64 // greatest ID that was noted before
	loadedTo int64 // greatest ID that was read
	stopping bool
	timer    chan struct{} // the earliest due has changed
}

func (l *line) init(limits Limits, home onem2m.Home, now func() time.Time) {
	l.changed.L = &l.mu
	l.limits, l.home, l.now = limits, home, now
	l.timer = make(chan struct{}, 1)
	l.reset()
}

// reset forgets everything, for a Run that reads the outbox anew.
func (l *line) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queues, l.flights, l.parked = map[string]*queue{}, map[string]int{}, map[string][]*queue{}
	l.hosts, l.homes = map[string]*host{}, map[string]string{}
	l.ready, l.suspects, l.waiting, l.marks = nil, nil, nil, nil
	l.probing, l.total, l.memory, l.emptied = 0, 0, 0, 0
	l.loaded, l.stopping, l.newest, l.loadedTo = false, false, 0, 0
}

func (l *line) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// add takes committed deliveries and returns what had to go because there
// was no room. While the outbox is being read they are only noted: the reader
// will come across them in their order.
func (l *line) add(arrivals []arrival) []arrival {
	l.mu.Lock()
	defer l.mu.Unlock()
	var dropped []arrival
	for _, a := range arrivals {
		if !l.loaded {
			l.newest = max(l.newest, a.item.id)
			continue
		}
		if a.item.id > l.loadedTo {
			dropped = l.append(dropped, a)
		}
	}
	return dropped
}

// load takes a page of the outbox; an empty page ends the reading, unless
// something was committed behind it in the meantime.
func (l *line) load(page []*store.Delivery) (dropped []arrival, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range page {
		l.loadedTo = max(l.loadedTo, d.ID)
		if d.Held != 0 {
			continue // not yet for its target
		}
		dropped = l.append(dropped, arrival{target: d.Target, item: itemOf(d)})
	}
	if len(page) > 0 || l.newest > l.loadedTo {
		return dropped, false
	}
	l.loaded = true
	return dropped, true
}

// append puts one item at the end of its queue.
func (l *line) append(dropped []arrival, a arrival) []arrival {
	q := l.queues[a.target]
	if q == nil {
		q = l.join(a.target)
	}
	if size := int64(len(a.item.delivery.Payload)); l.memory+size <= l.limits.PayloadMemory {
		l.memory += size
	} else {
		a.item.delivery = nil
	}
	if a.item.latest {
		dropped = l.supersede(dropped, q, a.item.subscription)
	}
	q.items = append(q.items, a.item)
	l.total++
	l.note(q, &a.item)
	if len(q.items) > l.limits.Queue {
		dropped = append(dropped, arrival{target: q.target, item: l.remove(q, q.victim())})
	}
	if q.place == placeNone {
		if first := q.items[0]; first.notBefore > onem2m.TimestampOf(l.now()) {
			q.failures = max(q.failures, first.attempts)
			l.wait(q, first.notBefore.Time())
		} else {
			l.makeReady(q)
		}
	}
	return l.confine(dropped)
}

// supersede removes what waits in q of a subscription of which only the latest
// is wanted (C-300).
func (l *line) supersede(dropped []arrival, q *queue, subscription string) []arrival {
	i := q.waiting()
	for i < len(q.items) {
		if it := &q.items[i]; !it.latest || it.subscription != subscription {
			i++
			continue
		}
		dropped = append(dropped, arrival{target: q.target, item: l.remove(q, i), why: Superseded})
	}
	return dropped
}

// victim chooses what a full queue loses: the oldest of the lowest priority,
// last words after everything else, never what is in flight (C-309).
func (q *queue) victim() int {
	from := q.waiting()
	best := from
	for i := from; i < len(q.items); i++ {
		a, b := &q.items[i], &q.items[best]
		if a.last != b.last {
			if b.last {
				best = i
			}
		} else if a.priority < b.priority {
			best = i
		}
		if q.items[best].priority == 0 && !q.items[best].last {
			break // nothing is lower
		}
	}
	return best
}

// remove takes item i out of q; items before it move, as they are few.
func (l *line) remove(q *queue, i int) item {
	gone := q.items[i]
	copy(q.items[1:i+1], q.items[:i])
	q.items[0] = item{}
	q.items = q.items[1:]
	l.total--
	if gone.delivery != nil {
		l.memory -= int64(len(gone.delivery.Payload))
	}
	return gone
}

// makeReady puts q at the end of its ready list and wakes a worker.
func (l *line) makeReady(q *queue) {
	q.place = placeReady
	if q.failures > 0 || q.host.failed {
		l.suspects = append(l.suspects, q)
	} else {
		l.ready = append(l.ready, q)
	}
	l.changed.Signal()
}

// wait puts q aside until due.
func (l *line) wait(q *queue, due time.Time) {
	q.place, q.due = placeWaiting, due
	heap.Push(&l.waiting, q)
	if l.waiting[0] == q {
		select {
		case l.timer <- struct{}{}:
		default:
		}
	}
}

// backOffs is a heap of queues, the earliest due first.
type backOffs []*queue

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (h backOffs) Len() int           { return len(h) }
func (h backOffs) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h backOffs) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push adds a *queue.
func (h *backOffs) Push(x any) {
	if q, ok := x.(*queue); ok {
		*h = append(*h, q)
	}
}

// Pop removes the last *queue.
func (h *backOffs) Pop() any {
	old := *h
	q := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return q
}
