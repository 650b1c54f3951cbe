// Package federation is what makes CSEs a system: the table of the CSEs that
// this one knows and the next hop to any other (TS-0001 clause 6.1, TS-0004
// clause 7.3.2.6), what becomes of a request that leaves for there, how it is
// carried without one hop harming another, and the registration of this CSE
// with its registrar (TS-0001 clause 10.2.2.7, TS-0004 clause 7.4.4).
//
// It knows the vocabulary only. Requests leave through a Sender, and what
// concerns resources of this CSE goes through the interface Local.
package federation
