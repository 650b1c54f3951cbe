// Package cmdh decides about Communication Management and Delivery Handling:
// which messages to other CSEs are accepted, how long and in which order they
// may wait, and when a network may be used for them (TS-0004 annex H, TS-0001
// clause D.12).
//
// A Policy is what the [cmdhPolicy] resources below a <node> say, read by Read…
// functions from their attributes. Its methods fill in the parameters that a
// message doesn't give, hold them against limits, and choose networks and
// buffers. A nil Policy stands for a CSE that none has been provisioned for.
//
// A Depot is where requests to other CSEs wait, in a Buffer: each call that
// forwards one has a Ticket, waits for its turn, and says what came of it. Those
// that are to be aggregated leave together, in a Bundle, and their Answers come
// one by one.
//
// The package does no I/O and knows no resource tree: the messages themselves,
// the clock and the networks are the caller's.
package cmdh
