package httpb

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"bulwark/internal/identity"
)

// link is one accepted socket and what is known about its peer. The fields
// besides once are set before the first request is read and then constant.
type link struct {
	net.Conn
	writeTimeout time.Duration
	release      func(*link)
	once         sync.Once
	party        party // whom it is counted for; the handshake settles it

	association *identity.Association
	state       *tls.ConnectionState // nil on a plain listener
	ends        time.Time            // when the connection is too old; zero for never
	checked     atomic.Int64         // when the credential was judged last, Unix nanoseconds
}

// Write gives each write its own deadline: one for the whole exchange would
// cut long polls (B-45), none would let a peer that doesn't read hold a goroutine.
func (l *link) Write(p []byte) (int, error) {
	if err := l.SetWriteDeadline(time.Now().Add(l.writeTimeout)); err != nil {
		return 0, err
	}
	return l.Conn.Write(p)
}

// Close closes the socket and gives its slot back.
func (l *link) Close() error {
	err := l.Conn.Close()
	l.once.Do(func() { l.release(l) })
	return err
}

// CloseWrite lets net/http end the stream so that the peer still reads an
// answer to a request whose body was refused.
func (l *link) CloseWrite() error {
	if c, ok := l.Conn.(*net.TCPConn); ok {
		return c.CloseWrite()
	}
	return nil
}

// check returns why the credential no longer counts, or nil (S-060). Within
// pause of the last judgement only the expiry is looked at.
func (l *link) check(now time.Time, pause time.Duration, recheck func(*tls.ConnectionState, time.Time) error) error {
	if l.state == nil {
		return nil
	}
	if e := l.association.Expires; !e.IsZero() && !now.Before(e) {
		return errors.New("the credential has expired")
	}
	if !l.ends.IsZero() && !now.Before(l.ends) {
		return errors.New("the association has reached its greatest age")
	}
	if recheck == nil || now.UnixNano()-l.checked.Load() < int64(pause) {
		return nil
	}
	l.checked.Store(now.UnixNano())
	return recheck(l.state, now)
}

// ending reports whether the connection is too old within the time given.
func (l *link) ending(now time.Time, within time.Duration) bool {
	return !l.ends.IsZero() && l.ends.Sub(now) <= within
}

// plainStream is an HTTP/1.1 connection as net/http sees it: without empty
// lines between the messages.
type plainStream struct {
	*link
	framing framing
}

// Read reads from the socket.
func (s *plainStream) Read(p []byte) (int, error) { return s.framing.read(s.link, p) }

// tlsStream is the same over TLS. HTTP/2 connections go to net/http as they
// are, because it wants a *tls.Conn there.
type tlsStream struct {
	*tls.Conn
	link    *link
	framing framing
}

// Read reads decrypted octets.
func (s *tlsStream) Read(p []byte) (int, error) { return s.framing.read(s.Conn, p) }

// linkOf finds the link below a connection that the listener handed out.
func linkOf(c net.Conn) *link {
	switch c := c.(type) {
	case *plainStream:
		return c.link
	case *tlsStream:
		return c.link
	case *tls.Conn:
		if l, ok := c.NetConn().(*link); ok {
			return l
		}
	}
	return nil
}

// addressOf returns the IP address of the peer, invalid if it has none.
func addressOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// upgradable gives away the connection of a request as it is: below net/http,
// and without what follows the messages of HTTP.
type upgradable struct {
	http.ResponseWriter
	link *link
}

// Hijack implements http.Hijacker.
func (u upgradable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	h, ok := u.ResponseWriter.(http.Hijacker)
	if !ok {
		return nil, nil, http.ErrNotSupported
	}
	c, rw, err := h.Hijack()
	if err != nil {
		return nil, nil, err
	}
	switch stream := c.(type) {
	case *plainStream:
		c = stream.link
	case *tlsStream:
		c = stream.Conn
	}
	if err := c.SetDeadline(time.Time{}); err != nil { // those of the request
		_ = c.Close()
		return nil, nil, err
	}
	return c, rw, nil
}
