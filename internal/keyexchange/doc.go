// Package keyexchange is the End-to-End Certificate-based Key Establishment of a
// CSE (TS-0003 clause 8.7): with whom it agrees on keys, as the end that answers
// and as the end that begins, and when it begins by itself.
//
// The handshake is that of package escertke. Notifications are sent, and keys
// are kept, by whoever makes an Exchanger.
package keyexchange
