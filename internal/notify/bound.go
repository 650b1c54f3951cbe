package notify

import (
	"cmp"
	"container/heap"
	"slices"
)

// sweepAfter is how many queues may have lost everything to the bound of the
// outbox before the lists are cleared of them: a queue that is empty is else
// noticed when its turn comes, which may be late.
const sweepAfter = 1000

// mark stands for an item among those that may have to go.
type mark struct {
	id       int64
	priority int64
	last     bool
	queue    *queue
}

// compare orders marks by what goes first: the lowest priority, then the
// oldest, last words after everything else (C-309).
func (m mark) compare(o mark) int {
	if m.last != o.last {
		if o.last {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(m.priority, o.priority), cmp.Compare(m.id, o.id))
}

// marks is a heap, the first to go first. It is made when the line is full for
// the first time; marks of items that have gone by themselves stay in it until
// their turn.
type marks []mark

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (h marks) Len() int           { return len(h) }
func (h marks) Less(i, j int) bool { return h[i].compare(h[j]) < 0 }
func (h marks) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push adds a mark.
func (h *marks) Push(x any) {
	if m, ok := x.(mark); ok {
		*h = append(*h, m)
	}
}

// Pop removes the last mark.
func (h *marks) Pop() any {
	old := *h
	m := old[len(old)-1]
	old[len(old)-1] = mark{}
	*h = old[:len(old)-1]
	return m
}

// markOf returns the mark of an item.
func markOf(q *queue, it *item) mark {
	return mark{id: it.id, priority: it.priority, last: it.last, queue: q}
}

// note marks an item that has joined the line, if marks are kept. When most of
// them stand for nothing any more they are thrown away, to be made anew.
func (l *line) note(q *queue, it *item) {
	switch {
	case l.marks == nil:
	case len(l.marks) > 2*l.limits.Outbox:
		l.marks = nil
	default:
		heap.Push(&l.marks, markOf(q, it))
	}
}

// confine drops what the whole line has too much of. What is in flight stays.
func (l *line) confine(dropped []arrival) []arrival {
	for l.total > l.limits.Outbox {
		if len(l.marks) == 0 {
			l.markAll()
		}
		gone, ok := l.evict()
		if !ok {
			break
		}
		dropped = append(dropped, gone)
	}
	return dropped
}

// markAll makes the marks of everything that isn't in flight.
func (l *line) markAll() {
	l.marks = make(marks, 0, l.total)
	for _, q := range l.queues {
		for i := q.waiting(); i < len(q.items); i++ {
			l.marks = append(l.marks, markOf(q, &q.items[i]))
		}
	}
	heap.Init(&l.marks)
}

// evict removes the first item to go, or returns false if all are in flight.
func (l *line) evict() (arrival, bool) {
	for len(l.marks) > 0 {
		m, ok := heap.Pop(&l.marks).(mark)
		if !ok {
			break
		}
		q := m.queue
		i := slices.IndexFunc(q.items, func(it item) bool { return it.id == m.id })
		if i < q.waiting() {
			continue // gone, or in flight
		}
		gone := arrival{target: q.target, item: l.remove(q, i), full: true}
		if len(q.items) == 0 {
			if l.emptied++; l.emptied > sweepAfter {
				l.sweep()
			}
		}
		return gone, true
	}
	return arrival{}, false
}

// waiting returns the index of the first item that isn't in flight.
func (q *queue) waiting() int {
	if q.place == placeBusy {
		return 1
	}
	return 0
}

// sweep clears all lists of queues that are empty.
func (l *line) sweep() {
	l.emptied = 0
	empty := func(q *queue) bool { return len(q.items) == 0 }
	l.ready = slices.DeleteFunc(l.ready, empty)
	l.suspects = slices.DeleteFunc(l.suspects, empty)
	l.waiting = slices.DeleteFunc(l.waiting, empty)
	heap.Init(&l.waiting)
	for _, h := range l.hosts {
		h.held = slices.DeleteFunc(h.held, empty)
	}
	for subscription, list := range l.parked {
		l.parked[subscription] = slices.DeleteFunc(list, empty)
	}
	for _, q := range l.queues {
		if empty(q) {
			l.leave(q)
		}
	}
}
