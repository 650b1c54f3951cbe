// Package cse is the hosting CSE: what happens to a request primitive from the
// moment a binding hands it over until its response (TS-0001 clause 10,
// TS-0004 clauses 7.2 to 7.4).
//
// Handle is the one door. It runs the checks of TS-0004 clause 7.2.2.2 in
// their order: admission (form, deadlines, From), routing, existence,
// privilege, and then the procedure of the operation. What is special about a
// resource type stands in a file named after it and is listed in types.go.
//
// The package knows a store, a notifier and an outgoing side by interface
// only; it knows no transport and no SQL.
package cse
