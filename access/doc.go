// Package access is the access decision of TS-0003 clause 7.1: a pure function
// from a query, the policies that govern the target, and the context to permit
// or deny, with the reason of each rule when asked.
//
// It does no I/O. Policies are compiled once and may then be used by any
// number of goroutines; a decision allocates nothing.
package access
