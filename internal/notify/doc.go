// Package notify turns events into notifications and delivers them (TS-0001
// clauses 9.6.8 and 10.2.10, TS-0004 clauses 7.4.8 and 7.5.1).
//
// What a subscription must be told is decided in the transaction that causes
// the event and put into the outbox; workers deliver from the outbox in order
// per target, with back-off and bounds, and go on after a crash. It knows no
// transport: a Sender is passed in.
package notify
