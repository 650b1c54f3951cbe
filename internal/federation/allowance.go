package federation

import (
	"sync"
	"time"

	"bulwark/onem2m"
)

// Allowance bounds what each of those who cause a cost may cause in a time, so that
// one of them leaves the others theirs. Costs are counted in units that its user
// chooses. It is kept in memory alone: a restart forgives. It is safe for concurrent
// use.
type Allowance struct {
	each onem2m.Timestamp // how long a unit takes to come back, in the unit of Timestamp
	all  onem2m.Timestamp // how long all take
	most int              // those who are remembered

	mu  sync.Mutex                     // guards what follows
	due map[onem2m.ID]onem2m.Timestamp // when they have all back
}

// NewAllowance gives everybody units, each of which comes back after a time. Who
// has spent some is remembered until they are back, most at the same time: while
// there are so many, others get none.
func NewAllowance(units int, each time.Duration, most int) *Allowance {
	unit := onem2m.Timestamp(each.Microseconds())
	return &Allowance{each: unit, all: unit * onem2m.Timestamp(units), most: most, due: map[onem2m.ID]onem2m.Timestamp{}}
}

// Left reports whether somebody has a unit left.
func (a *Allowance) Left(who onem2m.ID, now onem2m.Timestamp) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.spent(who, now)+a.each <= a.all && a.room(who, now)
}

// Take takes units of somebody who has one left, if need be more than those: what
// something costs may show only when it is done. It reports false where none are.
func (a *Allowance) Take(who onem2m.ID, units int, now onem2m.Timestamp) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	spent := a.spent(who, now)
	if spent+a.each > a.all || !a.room(who, now) {
		return false
	}
	a.due[who] = now + spent + a.each*onem2m.Timestamp(units)
	return true
}

// Charge takes units of somebody, whether there are any left or not; fewer than
// none gives back.
func (a *Allowance) Charge(who onem2m.ID, units int, now onem2m.Timestamp) {
	a.mu.Lock()
	defer a.mu.Unlock()
	spent := a.spent(who, now) + a.each*onem2m.Timestamp(units)
	switch {
	case spent <= 0:
		delete(a.due, who)
	case a.room(who, now):
		a.due[who] = now + spent
	}
}

// spent is what somebody hasn't got back. A clock that was set back makes nobody
// wait longer than twice the time for all. The lock is held.
func (a *Allowance) spent(who onem2m.ID, now onem2m.Timestamp) onem2m.Timestamp {
	return min(max(0, a.due[who]-now), 2*a.all)
}

// room reports whether somebody can be remembered. The lock is held.
func (a *Allowance) room(who onem2m.ID, now onem2m.Timestamp) bool {
	if _, known := a.due[who]; known || len(a.due) < a.most {
		return true
	}
	for other, due := range a.due {
		if due <= now {
			delete(a.due, other)
		}
	}
	return len(a.due) < a.most
}
