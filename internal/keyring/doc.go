// Package keyring keeps the symmetric keys that a CSE shares with others for
// end-to-end security: pairwiseESPrimKeys by identifier, each with the one
// identity that is bound to it, where it came from, and until when it is good
// (TS-0003 clause 8.4.2 step A).
//
// Keys come from the configuration, which alone keeps those, or were put here:
// by the operator, or by a procedure that agrees on keys. What is put here lies
// in the store, encrypted under the master key together with all that is said
// about it, so that nobody who writes to the store gives a key to another peer
// or another life.
package keyring
