// Package announcement says what a copy of a resource on another CSE holds, how
// it changes when its original does, and where copies are to come and go
// (TS-0001 clause 9.6.26, TS-0004 clauses 7.3.3.10 and 7.3.3.11), and how much of it
// a CSE holds for others. It sends and stores nothing.
package announcement
