package httpb

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"bulwark/internal/identity"
)

// listener hands connections to net/http once it is known who is at the other
// end. The handshake happens here, so that a peer without a valid credential
// is never heard (S-072).
type listener struct {
	net.Listener
	server *Server
	tls    *tls.Config
	ready  chan net.Conn
	slots  chan struct{} // one element per open connection
	crowd  crowd         // whose they are
	done   chan struct{}
	stop   sync.Once
	work   sync.WaitGroup // handshakes

	mu    sync.Mutex         // guards links
	links map[*link]struct{} // the connections with a known peer
}

func newListener(s *Server, l net.Listener) *listener {
	return &listener{
		Listener: l, server: s, tls: serverTLS(s.o.TLS, s.o.Sockets == nil),
		ready: make(chan net.Conn), slots: make(chan struct{}, s.o.Limits.MaxConns),
		done: make(chan struct{}), links: map[*link]struct{}{}, crowd: crowd{most: s.o.Limits.MaxConns},
	}
}

// serverTLS adds the ALPN names to a copy of c.
func serverTLS(c *tls.Config, h2 bool) *tls.Config {
	if c == nil {
		return nil
	}
	protocols := []string{"h2", "http/1.1"}
	if !h2 {
		protocols = protocols[1:]
	}
	c = c.Clone()
	c.NextProtos = protocols
	if choose := c.GetConfigForClient; choose != nil {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := choose(hello)
			if chosen == nil || err != nil || slices.Equal(chosen.NextProtos, protocols) {
				return chosen, err
			}
			chosen = chosen.Clone()
			chosen.NextProtos = protocols
			return chosen, nil
		}
	}
	return c
}

// Accept returns the next connection that is ready for requests.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close stops accepting. Handshakes in progress are broken off.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.stop.Do(func() { close(l.done) })
	return err
}

// run accepts until the listener is closed.
func (l *listener) run(ctx context.Context) {
	const pause = 50 * time.Millisecond // after an error such as "too many open files"
	ctx, cancel := context.WithCancel(ctx)
	defer l.work.Wait()
	defer cancel()
	for {
		select {
		case l.slots <- struct{}{}:
		case <-l.done:
			return
		}
		c, err := l.Listener.Accept()
		if err != nil {
			<-l.slots
			if errors.Is(err, net.ErrClosed) {
				return
			}
			l.server.log.Warn("accept", "error", err)
			select {
			case <-time.After(pause):
			case <-l.done:
				return
			}
			continue
		}
		k := &link{Conn: c, writeTimeout: l.server.o.Limits.WriteTimeout, release: l.forget, party: sourceParty(addressOf(c.RemoteAddr()), l.server.o.TrustedProxies)}
		if !l.crowd.enter(k.party) {
			l.crowded(k, "")
			_ = c.Close() // it was never heard
			<-l.slots
			continue
		}
		if l.tls == nil {
			l.identified(k, nil, &identity.Association{Framework: "none", Trusted: l.server.o.Trusted})
			l.offer(&plainStream{link: k})
			continue
		}
		l.work.Go(func() { l.handshake(ctx, k) })
	}
}

// identified notes who is at the other end of k.
func (l *listener) identified(k *link, state *tls.ConnectionState, a *identity.Association) {
	k.state, k.association = state, l.label(a, k.Conn)
	l.mu.Lock()
	l.links[k] = struct{}{}
	l.mu.Unlock()
}

func (l *listener) forget(k *link) {
	l.mu.Lock()
	delete(l.links, k)
	l.mu.Unlock()
	l.crowd.leave(k.party)
	<-l.slots
}

// counted counts a connection for the credential of its peer, once that is known,
// and reports false if it has its share already.
func (l *listener) counted(k *link, credential string) bool {
	if credential == "" {
		return true // as before, for the address
	}
	known := party{credential: credential}
	if !l.crowd.enter(known) {
		return false
	}
	l.crowd.leave(k.party)
	k.party = known
	return true
}

// crowded tells that a connection is refused because its peer has so many.
func (l *listener) crowded(k *link, credential string) {
	l.server.log.Warn("connection refused", "source", k.RemoteAddr().String(), "credential", credential, "error", ErrCrowded)
	l.failed(k, ErrCrowded)
}

// offer gives c to net/http, or closes it when nobody takes it any more.
func (l *listener) offer(c net.Conn) {
	select {
	case l.ready <- c:
	case <-l.done:
		_ = c.Close() // nothing was promised to this peer yet
	}
}

// handshake runs the TLS handshake and finds out who the peer is.
func (l *listener) handshake(ctx context.Context, k *link) {
	ctx, cancel := context.WithTimeout(ctx, l.server.o.Limits.ReadHeaderTimeout)
	defer cancel()
	c := tls.Server(k, l.tls)
	if err := c.HandshakeContext(ctx); err != nil {
		l.refuse(ctx, k, err)
		return
	}
	state := c.ConnectionState()
	a := &identity.Association{Framework: "none"}
	if l.server.o.Identify != nil {
		var err error
		if a, err = l.server.o.Identify(&state); err != nil {
			l.server.log.Info("peer not identified", "source", k.RemoteAddr().String(), "error", err)
			l.failed(k, err)
			_ = c.Close()
			return
		}
	}
	if !l.counted(k, a.CredentialID) {
		l.crowded(k, a.CredentialID)
		_ = c.Close()
		return
	}
	k.ends = l.server.now().Add(l.server.o.MaxAge)
	l.identified(k, &state, a)
	if err := c.SetDeadline(time.Time{}); err != nil {
		_ = c.Close()
		return
	}
	if state.NegotiatedProtocol == "h2" {
		l.offer(c)
		return
	}
	l.offer(&tlsStream{Conn: c, link: k})
}

// refuse ends a connection whose handshake failed. A client that speaks plain
// HTTP to this port is told so.
func (l *listener) refuse(ctx context.Context, k *link, err error) {
	l.server.log.LogAttrs(ctx, slog.LevelInfo, "handshake failed",
		slog.String("source", k.RemoteAddr().String()), slog.Any("error", err))
	l.failed(k, err)
	var record tls.RecordHeaderError
	if errors.As(err, &record) && record.Conn != nil && record.RecordHeader[0] >= 'A' && record.RecordHeader[0] <= 'Z' {
		_, _ = io.WriteString(k, "HTTP/1.0 400 Bad Request\r\n\r\nthis port speaks https only\n") // the peer may be gone
	}
	_ = k.Close()
}

// failed tells who wants to know that a handshake led to nothing.
func (l *listener) failed(k *link, err error) {
	if l.server.o.HandshakeFailed != nil {
		l.server.o.HandshakeFailed(addressOf(k.RemoteAddr()), err)
	}
}

// label returns a copy of a with what only the listener knows.
func (l *listener) label(a *identity.Association, c net.Conn) *identity.Association {
	labelled := *a
	labelled.Binding = "http"
	if l.server.o.Sockets != nil {
		labelled.Binding = "ws"
	}
	if l.tls != nil {
		labelled.Binding += "s"
	}
	labelled.Required = l.server.o.Required
	labelled.Listener = l.Addr().String()
	labelled.Source = addressOf(c.RemoteAddr())
	return &labelled
}

// recheck closes every TLS connection whose credential no longer counts (S-060).
func (l *listener) recheck(now time.Time) {
	l.mu.Lock()
	open := make([]*link, 0, len(l.links))
	for k := range l.links {
		open = append(open, k)
	}
	l.mu.Unlock()
	for _, k := range open {
		err := k.check(now, 0, l.server.o.Recheck)
		if err != nil {
			l.server.log.Warn("connection closed", "source", k.RemoteAddr().String(), "error", err)
			_ = k.Close()
		}
	}
}
