//go:build !unix

package httpb

import "net"

// quiet reports whether a connection that is idle is still open, as far as can be
// told.
func quiet(net.Conn) bool { return true }
