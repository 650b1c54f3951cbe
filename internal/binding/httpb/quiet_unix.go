//go:build unix

package httpb

import (
	"errors"
	"net"
	"syscall"
)

// quiet reports whether a connection that is idle is still open and the other
// side has said nothing: it looks and takes nothing.
func quiet(conn net.Conn) bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	var said error
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, said = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	})
	return err == nil && (errors.Is(said, syscall.EAGAIN) || errors.Is(said, syscall.EWOULDBLOCK))
}
