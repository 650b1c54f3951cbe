// Package esdata is End-to-End Security of Data (TS-0003 clause 8.5): it seals
// a payload into an envelope that everybody between the source and its targets
// may store and forward, and that only the targets can open.
//
// Seal makes an envelope of one of the three classes: encryption only,
// signature only, or signed and then encrypted. Parse reads one, compact or in
// the JSON serialization, and checks its form; Open gives the payload and tells
// which credentials it was opened with. Between the two, Headers names the
// credentials that would be needed, for a caller that has to fetch them.
//
// The rules that matter: algorithms are a closed list; each key is for one
// algorithm and one direction of use, and the algorithm of the key decides, not
// the one an envelope names; nothing in an envelope ever becomes a key or is
// fetched; compression, critical extensions and the algorithm "none" are
// refused; everything has a size.
//
// Cryptography is that of github.com/go-jose/go-jose. What this package adds is
// the profile in front of it: the strict reading of envelopes and headers, the
// classes, and the keys.
package esdata
