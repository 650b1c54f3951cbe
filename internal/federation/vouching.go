package federation

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"bulwark/onem2m"
)

// Times of a refusal: of a claim that has turned out to be wrong.
const (
	// refusal is how long the same neighbour may not repeat it: long enough that a
	// lie costs little, and short enough for a CSE that moves.
	refusal = time.Minute
	// firstRefusal is the same of a claim that never counted. It doubles with each
	// repetition until it is refusal. The registrar of a CSE that moves is so refused
	// if it is quicker than the farewell of that one: it may soon try again.
	firstRefusal = time.Second
	// longestRefusal bounds the growth of that time: it doubles each time the claim
	// comes back.
	longestRefusal = 16 * time.Minute
	// grudge is how long a refusal is remembered after it is over, so that it grows.
	grudge = time.Hour
)

// maxLiars bounds the neighbours of which wrong claims are remembered. It takes a
// certificate, or a listener that trusts everybody, to be one.
const maxLiars = MaxClaims

// bar keeps a neighbour from claiming a CSE.
type bar struct {
	length time.Duration
	until  onem2m.Timestamp
}

// forgotten reports whether nothing is held against the neighbour any more.
func (b *bar) forgotten(now onem2m.Timestamp) bool {
	return b.until+onem2m.Timestamp(grudge.Microseconds()) <= now
}

// apex reports whether nobody above could say where a CSE is: this CSE has no
// registrar in its SP.
func (t *Table) apex() bool { return t.registrar == "" || t.registrar.SP() != t.home.SP }

// above is the neighbour that a CSE is below, as far as the registrar agrees. The
// lock is held.
func (t *Table) above(id onem2m.ID) onem2m.ID {
	if !t.apex() && !t.vouched[id] {
		return ""
	}
	return t.behind[id]
}

// Vouch says which CSEs the registrar takes to be below this one, in place of all
// that it took before, and whose claims it refuses: the neighbours that claim them
// may not for a while.
func (t *Table) Vouch(taken, refused []onem2m.ID, now onem2m.Timestamp) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.vouched = make(map[onem2m.ID]bool, len(taken))
	for _, id := range taken {
		t.vouched[id] = true
	}
	for _, id := range refused {
		for _, s := range t.stakes[id] {
			t.bar(s.of, id, firstRefusal, now)
		}
	}
}

// Caught says that a neighbour claims a CSE that has shown, over an association of
// its own, that it isn't below that one. It may not claim it for a while, and for
// longer each time it tries again, so that it doesn't get the CSE when that moves.
// Others may: it is not they who were wrong.
func (t *Table) Caught(of, below onem2m.ID, now onem2m.Timestamp) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bar(of, below, firstRefusal, now)
}

// Exposed is Caught of a claim that has counted until the CSE showed where it is.
func (t *Table) Exposed(of, below onem2m.ID, now onem2m.Timestamp) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bar(of, below, refusal, now)
}

// bar keeps a neighbour from a claim for so long at least. The lock is held.
func (t *Table) bar(of, below onem2m.ID, length time.Duration, now onem2m.Timestamp) {
	for who, all := range t.bars {
		maps.DeleteFunc(all, func(_ onem2m.ID, b *bar) bool { return b.forgotten(now) })
		if len(all) == 0 {
			delete(t.bars, who)
		}
	}
	mine := t.bars[of]
	b := mine[below]
	switch {
	case b != nil && b.length < refusal:
		b.length = max(length, min(2*b.length, refusal))
	case b != nil && b.until <= now:
		b.length = min(2*b.length, longestRefusal)
	case b != nil: // it goes on trying
	case len(mine) >= MaxClaims:
		return // of so many wrong claims it may make none any more (Barred)
	default:
		if mine == nil && len(t.bars) >= maxLiars {
			return
		}
		if mine == nil {
			mine = map[onem2m.ID]*bar{}
			t.bars[of] = mine
		}
		b = &bar{length: length}
		mine[below] = b
	}
	b.until = now + onem2m.Timestamp(b.length.Microseconds())
}

// Barred reports whether a neighbour may not claim a CSE for now, because it was
// wrong about it before.
func (t *Table) Barred(of, below onem2m.ID, now onem2m.Timestamp) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	mine := t.bars[of]
	if b := mine[below]; b != nil {
		return b.until > now
	}
	standing := 0
	for _, b := range mine {
		if !b.forgotten(now) {
			standing++
		}
	}
	return standing >= MaxClaims
}

// Elsewhere reports whether a CSE is known to be at another place than below the
// neighbour of: it is this CSE or its registrar, of another SP, a neighbour
// itself, or below another one.
func (t *Table) Elsewhere(of, below onem2m.ID, now onem2m.Timestamp) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	switch n := t.all[below]; {
	case below == t.home.ID(), below == t.registrar, below.SP() != t.home.SP:
		return true
	case n != nil && n.ID != of && n.alive(now):
		return true
	}
	n := t.all[t.behind[below]]
	return n != nil && n.ID != of && n.alive(now)
}

// Holder is the neighbour whose claim of a CSE counts among all that claim it; ""
// if there is none.
func (t *Table) Holder(below onem2m.ID) onem2m.ID {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.behind[below]
}

// Claimants are the neighbours that claim one of some CSEs, by their records.
func (t *Table) Claimants(ids ...onem2m.ID) map[int64]onem2m.ID {
	t.mu.RLock()
	defer t.mu.RUnlock()
	claimants := map[int64]onem2m.ID{}
	for _, id := range ids {
		for _, s := range t.stakes[id] {
			claimants[s.record] = s.of
		}
	}
	return claimants
}

// Descendants lists the CSEs of the own SP below this one, in order (C-215): also
// those that the registrar hasn't taken yet. It takes MaxClaims at most. If there
// are more, those that are registered here come first, then the claims of each
// registree in turn, the oldest of each first: a registree that claims very many
// costs others none.
func (t *Table) Descendants(now onem2m.Timestamp) []onem2m.ID {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var list []onem2m.ID
	for id, n := range t.all {
		if !n.Upstream && id.SP() == t.home.SP && n.alive(now) {
			list = append(list, id)
		}
	}
	claims := map[onem2m.ID][]onem2m.ID{}
	for id, of := range t.behind {
		if n := t.all[of]; n != nil && n.alive(now) {
			claims[of] = append(claims[of], id)
		}
	}
	list = append(list, t.inTurn(claims, MaxClaims-len(list))...)
	slices.Sort(list)
	return list[:min(len(list), MaxClaims)]
}

// inTurn picks some claims, one of each registree at a time. The lock is held.
func (t *Table) inTurn(claims map[onem2m.ID][]onem2m.ID, room int) (picked []onem2m.ID) {
	registrees := slices.Sorted(maps.Keys(claims))
	for _, of := range registrees {
		since := t.all[of].Since
		slices.SortFunc(claims[of], func(a, b onem2m.ID) int {
			return cmp.Or(cmp.Compare(since[a], since[b]), cmp.Compare(a, b))
		})
	}
	for turn := 0; len(picked) < room; turn++ {
		more := false
		for _, of := range registrees {
			if turn < len(claims[of]) && len(picked) < room {
				picked, more = append(picked, claims[of][turn]), true
			}
		}
		if !more {
			break
		}
	}
	return picked
}
