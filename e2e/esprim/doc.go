// Package esprim protects whole primitives from end to end (TS-0003 clause 8.4,
// TS-0004 clause 7.6): an inner request or response becomes an ESPrim Object, a
// compact JWE that travels in the Content of an outer NOTIFY. CSEs on the way
// can neither read nor change it, and the receiver knows who asked.
//
// A Receiver makes receiver rand objects, opens requests and seals their
// responses. An Originator is the other side, for one receiver and one pairwise
// key. Both are pure of transport: texts go in and come out. Both are safe for
// concurrent use.
//
// The one form that ESPrim uses (direct encryption with AES-GCM, compact) is
// assembled here from the standard library; tests hold it against a JOSE
// library.
//
// Beyond the text, which bounds only the age of an object, a Receiver refuses an
// object that it has seen before. What it would have to forget for that is
// bounded by ending sessions, never by forgetting marks; and it keeps nothing
// across a restart, so that after one every session begins anew.
package esprim
