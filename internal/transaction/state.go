// Package transaction is what TS-0001 clause 10.2.18 says about transactions
// apart from any store: the states, which control leads from which to which,
// when a step is due, and how the primitives of a transaction are written.
package transaction

// Control is a value of m2m:transactionControl.
type Control int64

// The values of m2m:transactionControl.
const (
	Initial Control = iota + 1
	Lock
	Execute
	Commit
	Abort
)

// State is a value of m2m:transactionState.
type State int64

// The values of m2m:transactionState.
const (
	Idle State = iota + 1 // INITIAL
	Locked
	Executed
	Committed
	Failed // ERROR
	Aborted
)

// Reached is the state that a control leads to.
func (c Control) Reached() State {
	switch c {
	case Lock:
		return Locked
	case Execute:
		return Executed
	case Commit:
		return Committed
	case Abort:
		return Aborted
	default:
		return Idle
	}
}

// Shows reports whether the state is where the control leads to, or tells that
// it failed: no step is on its way.
func (s State) Shows(c Control) bool { return s == c.Reached() || s == Failed }

// Over reports whether the transaction has ended.
func (s State) Over() bool { return s == Committed || s == Aborted }

// Permits reports whether a <transactionMgmt> in this state may be given the
// control (TS-0001 table 10.2.18.1-1).
func (s State) Permits(c Control) bool {
	switch s {
	case Idle:
		return c == Lock
	case Failed:
		return c == Abort || c == Initial
	case Committed, Aborted:
		return c == Initial
	default:
		return s.proceeds(c)
	}
}

// PermitsPart is Permits for a <transaction>, which has no way back to INITIAL
// (TS-0001 table 10.2.18.1-2).
func (s State) PermitsPart(c Control) bool {
	switch s {
	case Idle:
		return false
	case Failed:
		return c == Abort || c == Lock
	case Committed, Aborted:
		return c == Lock
	default:
		return s.proceeds(c)
	}
}

func (s State) proceeds(c Control) bool {
	switch s {
	case Locked:
		return c == Execute || c == Abort
	case Executed:
		return c == Commit || c == Abort
	default:
		return false
	}
}

// Holds reports whether a <transaction> in this state, last given the control,
// keeps its target locked. One that failed to get the lock doesn't, though its
// state reads as that of one that failed later.
func (s State) Holds(c Control) bool {
	return s == Locked || s == Executed || s == Failed && (c == Execute || c == Commit)
}
