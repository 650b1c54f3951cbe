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
// A CSE has its places. Of all places those who come by one neighbour have no more
// than it leaves free: half of them if there is no other, so that it takes many
// that flood together to leave nothing to others.
type Rooms struct {
	one, most int                       // places of one CSE, and of all
	via       func(onem2m.ID) onem2m.ID // the neighbour by which a CSE comes

	some atomic.Bool // whether there has been a root, so that who has none looks no further

	mu      sync.Mutex // guards what follows
	roots   map[int64]*root
	each    map[onem2m.ID]*holding // by the CSE of the originals
	brought map[onem2m.ID]int      // resources by the neighbour by which they have come
	total   int
	fresh   map[int64]bool     // roots that nobody has counted below yet
	full    map[onem2m.ID]bool // CSEs that have been refused since
}

// holding is what one CSE has.
type holding struct {
	held int
	by   onem2m.ID // the neighbour
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
func NewRooms(one, all int, via func(onem2m.ID) onem2m.ID) *Rooms {
	return &Rooms{
		one: one, most: all, via: via, roots: map[int64]*root{}, each: map[onem2m.ID]*holding{}, brought: map[onem2m.ID]int{},
		fresh: map[int64]bool{}, full: map[onem2m.ID]bool{},
	}
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
		r.roots[id], r.fresh[id] = one, true
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
	of = r.find(id, of).of
	h := r.holding(of)
	r.follow(h, r.via(of))
	if h.held < r.one && r.brought[h.by] < r.most-r.total {
		return true
	}
	r.full[of] = true
	return false
}

// holding is what a CSE has. The lock is held.
func (r *Rooms) holding(of onem2m.ID) *holding {
	h := r.each[of]
	if h == nil {
		h = &holding{by: r.via(of)}
		r.each[of] = h
	}
	return h
}

// follow takes all that a CSE has to another neighbour. The lock is held.
func (r *Rooms) follow(h *holding, by onem2m.ID) {
	if by != h.by {
		r.bring(h.by, -h.held)
		h.by = by
		r.bring(by, h.held)
	}
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
		delete(r.fresh, id)
	}
}

// Due lists the roots below which is to be counted: those of CSEs that have been
// refused since it was called last, and those that nobody has counted yet.
func (r *Rooms) Due() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.Collect(maps.Keys(r.fresh))
	if len(r.full) > 0 {
		for id, one := range r.roots {
			if r.full[one.of] && !r.fresh[id] {
				list = append(list, id)
			}
		}
		clear(r.full)
	}
	slices.Sort(list)
	return list
}

// Begin is called before what is below a root is counted. False: it has gone.
func (r *Rooms) Begin(id int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.fresh, id)
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
	h := r.holding(one.of)
	one.held += n
	h.held += n
	r.total += n
	r.bring(h.by, n)
	if h.held == 0 {
		delete(r.each, one.of)
	}
}

// bring changes what has come by a neighbour. The lock is held.
func (r *Rooms) bring(by onem2m.ID, n int) {
	if r.brought[by] += n; r.brought[by] == 0 {
		delete(r.brought, by)
	}
}
