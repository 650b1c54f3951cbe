// Package escertke is End-to-End Certificate-based Key Establishment (TS-0003
// clause 8.7): two end-points that know each other's certificates make a
// symmetric key over a transport that carries messages, such as notifications,
// through entities that neither of them trusts.
//
// The messages are the four flights of a TLS 1.2 handshake with certificates on
// both sides, each as whole TLS records. Nothing is sent through the session:
// both ends export 48 octets from it, the identifier of a key and the key, and
// drop it. Initiate is the one end, a Terminator the other.
//
// TLS is that of crypto/tls, over a connection in memory. What this package adds
// is the profile around it: the form of each message, the versions and suites
// that there are, extended master secret, no session tickets, the check that
// certificate, configuration and sender name one entity, and bounds on what a
// stranger can cost.
//
// The package sends nothing, stores nothing, and decides nobody's trust: that
// comes in as an interface.
package escertke
