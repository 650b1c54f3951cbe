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
	Pause  time.Duration // before Closed is called for a connection that lasted no longer; 0 means DefaultPause
}

// DefaultPause is that of ClientOptions.
const DefaultPause = 5 * time.Second

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
	o.Pause = cmp.Or(o.Pause, DefaultPause)
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
	if s := c.renew(l); s != nil {
		return s, nil
	}
	s, err := c.open(ctx, l, lineKey{point, who})
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, errDropped):
		return c.socket(ctx, point, who)
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
		if len(c.lines) >= maxSockets && !c.tidy() {
			return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "there are too many WebSocket connections")
		}
		l = &line{dialing: make(chan struct{}, 1)}
		c.lines[key] = l
	}
	return l, nil
}

// tidy forgets the ways without a connection: their points of access are named by
// others, who may name new ones all the time. It reports whether there were any.
// The lock is held.
func (c *Client) tidy() bool {
	before := len(c.lines)
	for key, l := range c.lines {
		l.mu.Lock()
		if len(l.dialing) == 0 && (l.socket == nil || l.socket.ended()) {
			delete(c.lines, key)
		}
		l.mu.Unlock()
	}
	return len(c.lines) < before
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
// connection if it stands. One that is too old is left to end when its requests
// are through.
func (c *Client) renew(l *line) *socket {
	l.mu.Lock()
	s, now := l.socket, c.base.Now()
	old := false
	switch {
	case s == nil, s.ended():
	case l.stands != nil && l.stands() != nil:
		s.out.sever() // a credential that doesn't count is not talked to
	case now.Sub(l.made) < c.o.MaxAge:
		l.looked = now
		l.mu.Unlock()
		return s
	default:
		old = true
	}
	l.socket = nil
	l.mu.Unlock()
	if old {
		c.part(s, "the connection is old")
	}
	return nil
}

// part lets a connection end when its requests are through.
func (c *Client) part(s *socket, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.work.Go(func() { s.leave(c.ctx, why) })
	}
}

// open makes the connection of a line.
func (c *Client) open(ctx context.Context, l *line, key lineKey) (*socket, error) {
	u, secure, err := parsePoint(key.point)
	if err != nil {
		return nil, err
	}
	d, err := c.o.Dial(ctx, secure, hostPort(u), key.who)
	if err != nil {
		return nil, err
	}
	ws, out, err := handshake(ctx, u, d.Conn)
	if err != nil {
		_ = d.Close()
		return nil, err
	}
	s, err := newSocket(ws, out, c.base, c.o.Peer(key.who, secure))
	if err != nil {
		_ = ws.CloseNow()
		return nil, err
	}
	s.stands = d.Stands
	if err := c.start(s, l, key); err != nil {
		_ = ws.CloseNow()
		return nil, err
	}
	return s, nil
}

// errDropped tells that a connection was made with credentials that no longer
// count.
var errDropped = errors.New("the connections were dropped while this one was made")

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

// start runs a connection, unless the client is closed or the line was dropped
// while it was made.
func (c *Client) start(s *socket, l *line, key lineKey) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return closedError()
	case c.lines[key] != l:
		return errDropped
	}
	c.work.Go(func() {
		begun := time.Now()
		err := s.run(c.ctx)
		c.base.Log.Debug("WebSocket closed", "peer", string(key.who), "reason", err)
		c.closing(key.who, time.Since(begun))
	})
	now := c.base.Now()
	l.mu.Lock()
	l.socket, l.stands, l.looked, l.made = s, s.stands, now, now
	l.mu.Unlock()
	return nil
}

// closing tells that a connection has ended that stood for so long. Two clients
// with one credential, each of which drives out the other, don't do so all the
// time.
func (c *Client) closing(who onem2m.ID, stood time.Duration) {
	if c.o.Closed == nil {
		return
	}
	pause := c.o.Pause
	if stood > pause {
		pause = 0
	}
	wait := time.NewTimer(pause)
	defer wait.Stop()
	select {
	case <-wait.C:
		c.o.Closed(who)
	case <-c.ctx.Done():
	}
}

// Drop closes the connections when their requests are through; later requests
// make new ones. It is the thing to call after trust or credentials have
// changed.
func (c *Client) Drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, l := range c.lines {
		delete(c.lines, key)
		l.mu.Lock()
		if s := l.socket; s != nil && !c.closed {
			c.work.Go(func() { s.leave(c.ctx, "the credentials have changed") })
		}
		l.mu.Unlock()
	}
}

// Shutdown takes no further request, of either side, and closes the connections
// when the requests in progress are through or ctx ends. Close has to be called
// all the same.
func (c *Client) Shutdown(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	var leaving sync.WaitGroup
	for _, l := range c.lines {
		l.mu.Lock()
		if s := l.socket; s != nil {
			leaving.Go(func() { s.leave(ctx, "the client stops") })
		}
		l.mu.Unlock()
	}
	c.mu.Unlock()
	leaving.Wait()
	return ctx.Err()
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
