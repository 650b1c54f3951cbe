package cse

import "bulwark/onem2m"

// bringer is whose a request is as far as limits go: the originator that it
// names, and the CSE that has brought it, "" for none. A CSE may name whom it
// likes as originator; it uses up nothing of what one of the same name has that
// comes another way.
type bringer struct {
	who, peer onem2m.ID
}

// shares counts how many places of a bounded number each takes. The zero shares
// have no place. The user guards them.
type shares struct {
	each, all int // places of one bringer, and of all
	count     map[bringer]int
	via       map[onem2m.ID]int // by the CSE that has brought them
	total     int
}

func newShares(each, all int) shares {
	return shares{each: each, all: all, count: map[bringer]int{}, via: map[onem2m.ID]int{}}
}

// take takes a place if there is one. What one CSE brings takes no more places
// than it leaves free: half of all if it is the only one, a second one half of the
// rest, and so on. So it takes many that flood together to leave nothing to others
// and to the entities of this CSE.
func (s *shares) take(b bringer) bool {
	if !s.has(b) {
		return false
	}
	s.occupy(b)
	return true
}

// has reports whether there is a place.
func (s *shares) has(b bringer) bool {
	return s.total < s.all && s.count[b] < s.each && (b.peer == "" || s.via[b.peer] < s.all-s.total)
}

// occupy takes a place even if there is none.
func (s *shares) occupy(b bringer) {
	s.total++
	s.count[b]++
	if b.peer != "" {
		s.via[b.peer]++
	}
}

// give gives a place back.
func (s *shares) give(b bringer) {
	s.total--
	lower(s.count, b)
	if b.peer != "" {
		lower(s.via, b.peer)
	}
}

// lower takes one off a count that is kept only above 0.
func lower[K comparable](count map[K]int, key K) {
	if count[key]--; count[key] <= 0 {
		delete(count, key)
	}
}

// bringer is whose the request is.
func (k *call) bringer() bringer { return bringer{k.from.ID, k.arrival().Peer} }
