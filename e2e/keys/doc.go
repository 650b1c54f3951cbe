// Package keys derives the keys of end-to-end security and of enrolment:
// every export and derivation of TS-0003 clause 10.3, and the identifiers that
// go with them (clauses 10.3.4, 10.3.5, 10.5 and 10.6).
//
// The functions are pure. All names and labels that go into an octet string
// stand in labels.go. Where the text leaves octets open (the form of a rand
// object, of a usage identifier, of a target's name), the choice is named in
// the comment of the function; both ends must make the same one.
//
// A derived key is a Secret: it cannot be printed, logged or serialized by
// accident. HMAC keys are used whole, and every derived key has 32 octets.
//
// The package does not decide when a key is used, nor does it store any.
package keys
