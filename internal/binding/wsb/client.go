package wsb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coder/websocket"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// Dialed is a connection that leads to who was meant.
type Dialed struct {
	net.Conn

	// Stands returns why the credential of the other end no longer counts, or nil
	// (S-060). Nil for a connection without one.
	Stands func() error
}

// ClientOptions describe the registree's end.
type ClientOptions struct {
	Options

	// Dial connects to a host and port: over TLS if secure, where who has to be at
	// the other end.
	Dial func(ctx context.Context, secure bool, address string, who onem2m.ID) (Dialed, error)

	// Peer is the association under which who sends requests over a connection to
	// it.
	Peer func(who onem2m.ID, secure bool) *identity.Association

	// Closed is called when a connection that stood has ended. It returns quickly;
	// nil for none.
	Closed func(who onem2m.ID)

	MaxAge time.Duration // of a connection; 0 means identity.MaxAssociationAge
}

// Bounds of a Client.
const (
	maxSockets    = 256              // connections of one client
	handshakeTime = 10 * time.Second // for the opening handshake
	leaveTime     = time.Minute      // for the requests on a connection that is to be closed
	standsPause   = time.Second      // between two looks at the credential of the other end
)

// Client sends requests to points of access of the scheme ws or wss, each over
// one connection that stays open, and takes the requests that come over it. It
// is safe for concurrent use.
type Client struct {
	o    ClientOptions
	base *Options
	ctx  context.Context // of the connections; ends with Close
	stop context.CancelFunc
	work sync.WaitGroup

	mu     sync.Mutex // guards lines and closed
	lines  map[lineKey]*line
	closed bool
}

type lineKey struct {
	point string
	who   onem2m.ID
}

// line is the way to one point of access.
type line struct {
	dialing chan struct{} // one element while somebody connects, or looks

	mu     sync.Mutex // guards what follows
	socket *socket
	stands func() error
	looked time.Time
	made   time.Time
}

// NewClient returns a client. Close has to be called.
func NewClient(o ClientOptions) *Client {
	o.MaxAge = cmp.Or(o.MaxAge, identity.MaxAssociationAge)
	c := &Client{o: o, base: o.withDefaults(), lines: map[lineKey]*line{}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// Send carries req to a point of access where who has to be, and returns the
// answer. Errors are *onem2m.Error: 5103 if the request can't be delivered, 4008
// without an answer in time. If the receiver may have got it all the same, an
// error in its chain has a method Sent() bool that returns true.
func (c *Client) Send(ctx context.Context, point string, who onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	s, err := c.socket(ctx, point, who)
	if err != nil {
		return nil, err
	}
	return s.send(ctx, req)
}

// socket returns the open connection to a point, or makes one.
func (c *Client) socket(ctx context.Context, point string, who onem2m.ID) (*socket, error) {
	l, err := c.line(lineKey{point, who})
	if err != nil {
		return nil, err
	}
	if s := l.usable(c.base.Now(), c.o.MaxAge); s != nil {
		return s, nil
	}
	select {
	case l.dialing <- struct{}{}:
		defer func() { <-l.dialing }()
	case <-ctx.Done():
		return nil, late(ctx.Err())
	}
	if s := l.usable(c.base.Now(), c.o.MaxAge); s != nil {
		return s, nil // somebody else has made it
	}
	if s := l.renew(c.base.Now(), c.o.MaxAge); s != nil {
		return s, nil
	}
	s, err := c.open(ctx, l, point, who)
	if err == nil {
		return s, nil
	}
	c.base.Log.DebugContext(ctx, "WebSocket not opened", "point", point, "error", err)
	if known, ok := errors.AsType[*onem2m.Error](err); ok {
		return nil, known
	}
	if ctx.Err() != nil {
		return nil, late(err)
	}
	return nil, &onem2m.Error{Code: onem2m.TargetNotReachable, Text: "the target can't be reached", Cause: err}
}

func late(cause error) error {
	return &onem2m.Error{Code: onem2m.RequestTimeout, Text: "the target did not answer in time", Cause: cause}
}

func (c *Client) line(key lineKey) (*line, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, closedError()
	}
	l := c.lines[key]
	if l == nil {
		if len(c.lines) >= maxSockets {
			return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "there are too many WebSocket connections")
		}
		l = &line{dialing: make(chan struct{}, 1)}
		c.lines[key] = l
	}
	return l, nil
}

// usable returns the connection if nothing has to be looked at.
func (l *line) usable(now time.Time, age time.Duration) *socket {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.socket == nil || l.socket.ended() || now.Sub(l.made) >= age || l.stands != nil && now.Sub(l.looked) >= standsPause {
		return nil
	}
	return l.socket
}

// renew looks at the credential of the other end again and returns the
// connection if it stands. Else it is left to end when its requests are through.
func (l *line) renew(now time.Time, age time.Duration) *socket {
	l.mu.Lock()
	s, stands, made := l.socket, l.stands, l.made
	l.mu.Unlock()
	if s == nil || s.ended() {
		return nil
	}
	if now.Sub(made) < age && (stands == nil || stands() == nil) {
		l.mu.Lock()
		l.looked = now
		l.mu.Unlock()
		return s
	}
	_ = s.conn.CloseNow() // a credential that doesn't count is not talked to
	return nil
}

// open makes the connection.
func (c *Client) open(ctx context.Context, l *line, point string, who onem2m.ID) (*socket, error) {
	u, secure, err := parsePoint(point)
	if err != nil {
		return nil, err
	}
	d, err := c.o.Dial(ctx, secure, hostPort(u), who)
	if err != nil {
		return nil, err
	}
	ws, out, err := handshake(ctx, u, d.Conn)
	if err != nil {
		_ = d.Close()
		return nil, err
	}
	s, err := newSocket(ws, out, c.base, c.o.Peer(who, secure))
	if err != nil {
		_ = ws.Close(websocket.StatusProtocolError, "no common subprotocol") // the peer may be gone
		return nil, err
	}
	ws.SetReadLimit(int64(s.largest.answer))
	if !c.start(s, who) {
		_ = ws.CloseNow()
		return nil, closedError()
	}
	now := c.base.Now()
	l.mu.Lock()
	l.socket, l.stands, l.looked, l.made = s, d.Stands, now, now
	l.mu.Unlock()
	return s, nil
}

// handshake opens a WebSocket over a connection (TS-0020 clause 6.2.2).
func handshake(ctx context.Context, u *url.URL, conn net.Conn) (*websocket.Conn, *batch, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	var q *batch
	once := func(context.Context, string, string) (net.Conn, error) {
		if q != nil {
			return nil, errors.New("one connection only")
		}
		q = newBatch(conn)
		return q, nil
	}
	// The connection is there already, secure or not: to the library it is plain.
	plain := *u
	plain.Scheme = "ws"
	ws, answer, err := websocket.Dial(ctx, plain.String(), &websocket.DialOptions{ //nolint:bodyclose // there is none to close, says the library
		HTTPClient: &http.Client{
			Transport:     &http.Transport{DialContext: once, DisableKeepAlives: false, MaxResponseHeaderBytes: 64 << 10},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Host: u.Host, Subprotocols: subprotocols, CompressionMode: websocket.CompressionDisabled,
	})
	if err == nil {
		return ws, q, nil
	}
	if q != nil {
		_ = q.Close()
	}
	if answer != nil {
		return nil, nil, fmt.Errorf("the opening handshake was answered with %s: %w", answer.Status, err)
	}
	return nil, nil, err
}

// start runs a connection; false if the client is closed.
func (c *Client) start(s *socket, who onem2m.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.work.Go(func() {
		err := s.run(c.ctx)
		c.base.Log.Debug("WebSocket closed", "peer", string(who), "reason", err)
		if c.o.Closed != nil && c.ctx.Err() == nil {
			c.o.Closed(who)
		}
	})
	c.work.Go(func() { s.keepAlive(c.ctx) })
	return true
}

// Drop closes the connections when their requests are through; later requests
// make new ones. It is the thing to call after trust or credentials have
// changed.
func (c *Client) Drop(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, l := range c.lines {
		delete(c.lines, key)
		l.mu.Lock()
		if s := l.socket; s != nil && !c.closed {
			c.work.Go(func() {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
				defer cancel()
				s.leave(ctx, "the credentials have changed")
			})
		}
		l.mu.Unlock()
	}
}

// Close closes all connections and waits for their requests, whose contexts end.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.work.Wait()
}

// parsePoint reads a point of access of this binding (B-04).
func parsePoint(point string) (u *url.URL, secure bool, err error) {
	u, err = url.Parse(point)
	switch {
	case err != nil:
		return nil, false, &onem2m.Error{Code: onem2m.TargetNotReachable, Text: "the point of access is malformed"}
	case u.Scheme != "ws" && u.Scheme != "wss":
		return nil, false, onem2m.Errorf(onem2m.TargetNotReachable, "", "the point of access is not one of WebSocket")
	case u.Hostname() == "" || u.User != nil:
		return nil, false, onem2m.Errorf(onem2m.TargetNotReachable, "", "the point of access has no host, or credentials")
	}
	if u.Path == "" {
		u.Path = "/" // B-87
	}
	u.Fragment = ""
	return u, u.Scheme == "wss", nil
}

// hostPort is where a point leads; the ports are those of S-154.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "wss" {
			port = "443"
		}
	}
	return net.JoinHostPort(u.Hostname(), port)
}
