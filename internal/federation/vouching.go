package federation

import (
	"slices"
	"time"

	"bulwark/onem2m"
)

// refusal is how long nobody may claim a CSE that the registrar has refused: long
// enough that a lie costs little, and short enough for a CSE that moves.
const refusal = time.Minute

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
// that it took before, and whose claims it refuses.
func (t *Table) Vouch(taken, refused []onem2m.ID, now onem2m.Timestamp) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.vouched = make(map[onem2m.ID]bool, len(taken))
	for _, id := range taken {
		t.vouched[id] = true
	}
	for id, until := range t.refused {
		if until <= now {
			delete(t.refused, id)
		}
	}
	for _, id := range refused {
		if len(t.refused) < maxBehind {
			t.refused[id] = now + onem2m.Timestamp(refusal.Microseconds())
		}
	}
}

// Elsewhere reports whether a CSE is known to be at another place than below the
// neighbour of: it is this CSE or its registrar, of another SP, a neighbour
// itself, below another one, or the registrar has just said so.
func (t *Table) Elsewhere(of, below onem2m.ID, now onem2m.Timestamp) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	switch n := t.all[below]; {
	case below == t.home.ID(), below == t.registrar, below.SP() != t.home.SP:
		return true
	case n != nil && n.ID != of && n.alive(now):
		return true
	case t.refused[below] > now:
		return true
	}
	n := t.all[t.behind[below]]
	return n != nil && n.ID != of && n.alive(now)
}

// Claimants lists the records of the neighbours that claim one of some CSEs.
func (t *Table) Claimants(ids ...onem2m.ID) []int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var records []int64
	for _, id := range ids {
		for _, s := range t.stakes[id] {
			records = append(records, s.record)
		}
	}
	slices.Sort(records)
	return slices.Compact(records)
}
