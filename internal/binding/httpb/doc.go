// Package httpb is the HTTP binding of TS-0009: one HTTP request becomes one
// request primitive, one response primitive one HTTP response, on the server
// side and on the client side.
//
// It knows the syntax of HTTP and of the parameters, and nothing of resources:
// access, existence and routing are the business of the Handler (B-01). Who is
// at the other end of a connection is established once per connection and
// handed over as an Association (B-10).
package httpb
