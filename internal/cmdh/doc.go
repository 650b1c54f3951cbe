// Package cmdh decides about Communication Management and Delivery Handling:
// which messages to other CSEs are accepted, how long and in which order they
// may wait, and when a network may be used for them (TS-0004 annex H, TS-0001
// clause D.12).
//
// A Policy is what the [cmdhPolicy] resources below a <node> say, read by Read…
// functions from their attributes. Its methods fill in the parameters that a
// message doesn't give, hold them against limits, and choose networks and
// buffers. A nil Policy stands for a CSE that none has been provisioned for.
// A Buffer is the order of the messages that wait.
//
// The package does no I/O, keeps nothing, and knows no resource tree: the
// messages themselves, the clock and the networks are the caller's.
package cmdh
