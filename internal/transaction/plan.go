package transaction

import "bulwark/onem2m"

// Plan says when the CSE takes the steps of a transaction by itself. Times that
// weren't given are 0.
type Plan struct {
	Lock, Execute, Commit onem2m.Timestamp
	Expire                onem2m.Timestamp // by when it has to be committed

	// Auto is CSE_CONTROLLED: a step without a time follows the one before it.
	Auto bool
}

// never stands for a time that doesn't come.
const never = onem2m.Timestamp(1<<63 - 1)

// Next returns the control that the CSE itself gives next to a transaction in
// state s, and from when on. A step without a time waits for the next that has
// one (TS-0001 clause 9.6.48: a resource that isn't locked at the time of its
// execution is locked then), which keeps the lock short. ok is false if nothing
// happens by itself.
func (p Plan) Next(s State) (c Control, at onem2m.Timestamp, ok bool) {
	c, at = p.step(s)
	if !s.Over() && p.Expire != 0 && p.Expire < at {
		return Abort, p.Expire, true
	}
	return c, at, at != never
}

func (p Plan) step(s State) (Control, onem2m.Timestamp) {
	last := never
	if p.Auto {
		last = 0
	}
	commit := first(p.Commit, last)
	execute := first(p.Execute, p.Commit, last)
	switch s {
	case Idle:
		return Lock, first(p.Lock, p.Execute, p.Commit, last)
	case Locked:
		return Execute, execute
	case Executed:
		return Commit, commit
	case Failed:
		if p.Auto {
			return Abort, 0 // nobody else could end it
		}
	case Committed, Aborted:
	}
	return 0, never
}

// first returns the first time that was given; the last one counts as such.
func first(times ...onem2m.Timestamp) onem2m.Timestamp {
	for _, t := range times[:len(times)-1] {
		if t != 0 {
			return t
		}
	}
	return times[len(times)-1]
}

// Latest is the latest of the times given for steps, or 0.
func (p Plan) Latest() onem2m.Timestamp { return max(p.Lock, p.Execute, p.Commit) }
