package cse

import (
	"container/heap"
	"sync"

	"bulwark/onem2m"
)

// alarms are resources at which something is to be done at a time: <timeSeries>,
// by when the next point counts as missing, or <crossResourceSubscription>, by
// when the time window is over. What is in the store rules; this is a view of it.
type alarms struct {
	mu   sync.Mutex
	due  map[int64]onem2m.Timestamp
	heap alarmHeap                  // may hold entries that aren't in force any more
	top  map[int64]onem2m.Timestamp // at or behind the latest point of a series

	wake chan struct{} // an alarm before all others was set; capacity 1
}

type alarm struct {
	id int64
	at onem2m.Timestamp
}

type alarmHeap []alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h alarmHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *alarmHeap) Push(x any)        { *h = append(*h, x.(alarm)) }
func (h *alarmHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

func newAlarms() *alarms {
	return &alarms{due: make(map[int64]onem2m.Timestamp), top: make(map[int64]onem2m.Timestamp), wake: make(chan struct{}, 1)}
}

// arm sets the alarm of a series.
func (a *alarms) arm(id int64, at onem2m.Timestamp) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if was, set := a.due[id]; set && was == at {
		return
	}
	a.due[id] = at
	if len(a.heap) > 2*len(a.due)+64 { // mostly entries of the past
		a.heap = a.heap[:0]
		for id, at := range a.due {
			a.heap = append(a.heap, alarm{id: id, at: at})
		}
		heap.Init(&a.heap)
	} else {
		heap.Push(&a.heap, alarm{id: id, at: at})
	}
	if a.heap[0].at == at {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

func (a *alarms) disarm(id int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.due, id)
}

// drop forgets a series that is gone.
func (a *alarms) drop(id int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.due, id)
	delete(a.top, id)
}

// first returns the series whose alarm is next; 0 if there is none.
func (a *alarms) first() (int64, onem2m.Timestamp) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.heap) > 0 {
		next := a.heap[0]
		if at, set := a.due[next.id]; set && at == next.at {
			return next.id, next.at
		}
		heap.Pop(&a.heap)
	}
	return 0, 0
}

// maxTops bounds the series whose latest point is remembered: one more costs a
// look through its points.
const maxTops = 100_000

// reach notes that a series has a point at t.
func (a *alarms) reach(id int64, t onem2m.Timestamp) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.top[id]; !known && len(a.top) >= maxTops {
		clear(a.top)
	}
	a.top[id] = max(a.top[id], t)
}

// latest returns a time at or behind all points of a series, if one is known.
func (a *alarms) latest(id int64) (onem2m.Timestamp, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, known := a.top[id]
	return t, known
}
