package notify

import (
	"container/heap"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

const (
	maxBatchEvents = 1000      // a batch that is larger is sent before its time, so that it stays one message
	maxBatchOctets = 512 << 10 // as above; well below what receivers take
	shelfRefresh   = 250       // deliveries that join a closed box before it is gone through for what is superfluous
	shelfTurn      = 32        // boxes gone through in one transaction
	shelfPause     = time.Second
	never          = onem2m.Timestamp(1<<63 - 1)
)

// box is what memory holds of the deliveries of one subscription that are held
// back: when to look at them next. What they are is in the outbox.
type box struct {
	subscription string
	due          onem2m.Timestamp // when to go through it
	index        int              // in the heap; -1 while a turn has it

	blocked  onem2m.Timestamp // nothing but a batch goes on before that
	fresh    int              // joined since the last turn
	batchDue onem2m.Timestamp // end of the batch being collected; 0: none
	events   int              // in that batch
	octets   int
	last     int64 // latest event in it
}

// shelf says which subscriptions have deliveries held back. All fields but
// count are guarded by mu.
type shelf struct {
	count atomic.Int64 // of boxes
	mu    sync.Mutex
	boxes map[string]*box
	heap  boxes
	wake  chan struct{}
	now   func() time.Time
}

func (h *shelf) init(now func() time.Time) {
	h.boxes, h.wake, h.now = map[string]*box{}, make(chan struct{}, 1), now
}

// holding reports whether something of a subscription is held back: what
// follows must not overtake it (C-311).
func (h *shelf) holding(subscription string) bool {
	if h.count.Load() == 0 {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.boxes[subscription] != nil
}

// put adds a committed delivery to the box of its subscription, s at the time
// of the event.
func (h *shelf) put(d *store.Delivery, s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.box(d.Subscription)
	if d.Held == heldBatch && s.batch != nil {
		if d.Event != b.last {
			b.last = d.Event
			b.events++
		}
		b.octets += len(d.Payload)
		if b.batchDue == 0 {
			b.batchDue = end(s.batch.duration, d.Created)
		}
		b.batchDue = sooner(b.batchDue, d)
		if s.batch.full(b.events, b.octets) {
			b.batchDue = d.Created
		}
		h.plan(b, min(b.due, b.batchDue))
		return
	}
	b.fresh++
	if b.blocked <= d.Created || b.fresh >= shelfRefresh || s.pending == pendingLatest {
		h.plan(b, d.Created)
		return
	}
	h.plan(b, min(b.due, b.blocked))
}

// full reports whether a batch goes before its time.
func (b *batching) full(events, octets int) bool {
	return b.number > 0 && events >= b.number || events >= maxBatchEvents || octets >= maxBatchOctets
}

// box returns the box of a subscription, made if necessary.
func (h *shelf) box(subscription string) *box {
	b := h.boxes[subscription]
	if b == nil {
		b = &box{subscription: subscription, due: never, index: -1}
		h.boxes[subscription] = b
		h.count.Store(int64(len(h.boxes)))
	}
	return b
}

// look makes the box of a subscription due, for what an earlier life left.
func (h *shelf) look(subscription string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.plan(h.box(subscription), onem2m.TimestampOf(h.now()))
}

// plan says when to go through a box.
func (h *shelf) plan(b *box, due onem2m.Timestamp) {
	b.due = due
	if b.index < 0 {
		heap.Push(&h.heap, b)
	} else {
		heap.Fix(&h.heap, b.index)
	}
	if h.heap[0] == b {
		h.nudge()
	}
}

func (h *shelf) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// reconsider makes every box due: a schedule has changed.
func (h *shelf) reconsider() {
	if h.count.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := onem2m.TimestampOf(h.now())
	for _, b := range h.boxes {
		if b.blocked > now {
			h.plan(b, now)
		}
	}
}

// put back what a turn has found out about a box.
func (h *shelf) settle(subscription string, f *findings) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.boxes[subscription]
	if f.rows == 0 {
		if b != nil {
			if b.index >= 0 {
				heap.Remove(&h.heap, b.index)
			}
			delete(h.boxes, subscription)
			h.count.Store(int64(len(h.boxes)))
		}
		return
	}
	b = h.box(subscription)
	b.fresh, b.blocked = 0, f.blocked
	b.batchDue, b.events, b.octets, b.last = f.batchDue, f.events, f.octets, f.last
	due := never
	for _, at := range [...]onem2m.Timestamp{f.blocked, f.batchDue} {
		if at != 0 {
			due = min(due, at)
		}
	}
	h.plan(b, due)
}

// turn takes boxes that are due, and returns the time until the next if none is.
func (h *shelf) turn() (due []string, wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	for len(h.heap) > 0 && len(due) < shelfTurn {
		b := h.heap[0]
		if b.due > onem2m.TimestampOf(now) {
			if len(due) == 0 && b.due != never {
				return nil, min(until(b.due, now), time.Hour)
			}
			break
		}
		heap.Remove(&h.heap, 0)
		due = append(due, b.subscription)
	}
	return due, time.Hour
}

// again puts boxes back that a turn couldn't go through.
func (h *shelf) again(subscriptions []string, at onem2m.Timestamp) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ri := range subscriptions {
		if b := h.boxes[ri]; b != nil {
			h.plan(b, at)
		}
	}
}

// mind goes through the boxes that are due until ctx ends.
func (e *Engine) mind(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		due, wait := e.shelf.turn()
		if len(due) == 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
			case <-e.shelf.wake:
			case <-timer.C:
			}
			continue
		}
		err := e.store.Update(ctx, func(tx store.Tx) error {
			for _, ri := range due {
				if err := e.goThrough(tx, ri); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			if ctx.Err() == nil {
				e.log.Error("notifications held back were not gone through", "error", err)
			}
			e.shelf.again(due, onem2m.TimestampOf(e.now().Add(shelfPause)))
		}
	}
}

// boxes is a heap of boxes, the earliest due first.
type boxes []*box

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (h boxes) Len() int           { return len(h) }
func (h boxes) Less(i, j int) bool { return h[i].due < h[j].due }
func (h boxes) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push adds a *box.
func (h *boxes) Push(x any) {
	if b, ok := x.(*box); ok {
		b.index = len(*h)
		*h = append(*h, b)
	}
}

// Pop removes the last *box.
func (h *boxes) Pop() any {
	old := *h
	b := old[len(old)-1]
	old[len(old)-1] = nil
	b.index = -1
	*h = old[:len(old)-1]
	return b
}
