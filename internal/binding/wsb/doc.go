// Package wsb carries primitives over WebSocket (TS-0020): each message is one
// primitive, in both directions of one connection, which the registree opens.
// Many requests share it, and what is written while the socket is busy leaves
// together, so that under load a request costs a fraction of a system call and
// of a TLS record.
//
// The package knows neither listeners nor TLS: package httpb accepts and makes
// the connections and knows who is at the other end.
package wsb
