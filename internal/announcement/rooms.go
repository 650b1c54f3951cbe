package announcement

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"bulwark/onem2m"
)

// Rooms counts what other CSEs have below their copies on this one, so that no CSE
// fills it. It is an upper bound, kept in memory: what comes is counted one by one,
// what goes as far as whoever removes it tells. Where that makes a CSE's room look
// full its resources are counted anew. It is safe for concurrent use.
//
// A CSE has each places. Of all places those who come by one neighbour have no more
// than it leaves free: half of them if there is no other, so that it takes many
// that flood together to leave nothing to others.
type Rooms struct {
	each, all int
	via       func(onem2m.ID) onem2m.ID // the neighbour by which a CSE comes

	some atomic.Bool // whether there has been a root, so that who has none looks no further

	mu    sync.Mutex // guards what follows
	roots map[int64]*root
	held  map[onem2m.ID]int // by the CSE of the originals
	total int
	due   map[int64]bool // roots to be counted
}

// root is a copy that has no copy above it.
type root struct {
	of       onem2m.ID
	held     int  // resources below it
	counting bool // somebody counts: what goes may be seen by that or not, and stays
	came     int  // since that began
}

// NewRooms returns the rooms of a CSE where nobody has anything. via tells by which
// neighbour a CSE comes; it must return quickly.
func NewRooms(each, all int, via func(onem2m.ID) onem2m.ID) *Rooms {
	return &Rooms{each: each, all: all, via: via, roots: map[int64]*root{}, held: map[onem2m.ID]int{}, due: map[int64]bool{}}
}

// Empty reports whether there has never been a root.
func (r *Rooms) Empty() bool { return !r.some.Load() }

// Find notes a root and the CSE of its original, which may change; "" leaves it. What
// is below one that wasn't known is to be counted.
func (r *Rooms) Find(id int64, of onem2m.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.find(id, of)
}

func (r *Rooms) find(id int64, of onem2m.ID) *root {
	one := r.roots[id]
	switch {
	case one == nil:
		one = &root{of: of}
		r.roots[id], r.due[id] = one, true
		r.some.Store(true)
	case of != "" && of != one.of:
		n := one.held
		r.add(one, -n)
		one.of = of
		r.add(one, n)
	}
	return one
}

// Free reports whether one more resource may come below a root, whose original is
// of a CSE.
func (r *Rooms) Free(id int64, of onem2m.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.find(id, of)
	if r.held[one.of] < r.each && r.leaves(one.of) {
		return true
	}
	for other, o := range r.roots {
		if o.of == one.of {
			r.due[other] = true
		}
	}
	return false
}

// leaves reports whether the neighbour by which a CSE comes holds less than it leaves
// free. The lock is held.
func (r *Rooms) leaves(of onem2m.ID) bool {
	free := r.all - r.total
	if r.total < free {
		return true // whoever holds all of it
	}
	by, mine := r.via(of), 0
	for other, n := range r.held {
		if r.via(other) == by {
			mine += n
		}
	}
	return mine < free
}

// Come counts resources that have come below a root.
func (r *Rooms) Come(id int64, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.roots[id]; one != nil {
		r.add(one, n)
		one.came += n
	}
}

// Go counts resources that have gone.
func (r *Rooms) Go(id int64, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.roots[id]; one != nil && !one.counting {
		r.add(one, -min(n, one.held))
	}
}

// Close forgets a root that has gone, with all below it.
func (r *Rooms) Close(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.roots[id]; one != nil {
		r.add(one, -one.held)
		delete(r.roots, id)
		delete(r.due, id)
	}
}

// Due lists the roots below which is to be counted.
func (r *Rooms) Due() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.due))
}

// Begin is called before what is below a root is counted. False: it has gone.
func (r *Rooms) Begin(id int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.due, id)
	one := r.roots[id]
	if one != nil {
		one.counting, one.came = true, 0
	}
	return one != nil
}

// Settle ends what Begin began: so many were there, and what has come meanwhile may be
// among them or not.
func (r *Rooms) Settle(id int64, counted int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.roots[id]; one != nil {
		r.add(one, counted+one.came-one.held)
		one.counting = false
	}
}

// add changes what is held below a root. The lock is held.
func (r *Rooms) add(one *root, n int) {
	one.held += n
	r.total += n
	if r.held[one.of] += n; r.held[one.of] == 0 {
		delete(r.held, one.of)
	}
}
