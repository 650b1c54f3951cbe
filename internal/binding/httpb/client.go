package httpb

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"bulwark/internal/identity"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// ClientOptions describe how requests are sent.
type ClientOptions struct {
	Policy         Policy
	ConnectTimeout time.Duration // resolving, connecting, and again for the handshake; 0 means DefaultConnectTimeout
	Timeout        time.Duration // a whole exchange; 0 means DefaultTimeout, negative leaves it to the context
	MaxResponse    int64         // octets of an answer; 0 means DefaultMaxResponse
	MaxAge         time.Duration // of a connection that is used again; 0 means identity.MaxAssociationAge

	// TLSFor returns the configuration for an entity that has to be at the other
	// end (S-014), or for "" that for plain URLs (decision 27). A nil
	// function or configuration refuses https.
	TLSFor func(who onem2m.ID) *tls.Config

	// Resolve finds the addresses of a host name; nil asks the system.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)

	Codec wire.Codec   // writes and reads bodies
	Log   *slog.Logger // nil discards
}

// Defaults of ClientOptions, and bounds of a Client.
const (
	DefaultConnectTimeout = 5 * time.Second
	DefaultTimeout        = 30 * time.Second
	DefaultMaxResponse    = 4 << 20 // an answer may aggregate several resources of the size that a request may have

	maxResponseHeader = 64 << 10
	maxTransports     = 256 // connection pools, one per entity that has to be at the other end
	idlePerHost       = 128 // as many requests as are on their way to one CSE at a time: fewer, and each further one pays for a handshake
	idleConnections   = 512
	idleTimeout       = 90 * time.Second
)

// Client sends request primitives. It implements notify.Sender. Connections
// are kept and used again for the same entity only, since the identity was
// checked for that one (S-014).
type Client struct {
	o   ClientOptions
	log *slog.Logger

	mu         sync.Mutex // guards what follows
	transports map[onem2m.ID]*pool
	clock      int64 // order of use
}

// NewClient returns a client. Close releases its connections.
func NewClient(o ClientOptions) *Client {
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, DefaultConnectTimeout)
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	o.MaxResponse = cmp.Or(o.MaxResponse, DefaultMaxResponse)
	o.MaxAge = cmp.Or(o.MaxAge, identity.MaxAssociationAge)
	if o.Resolve == nil {
		o.Resolve = systemResolve
	}
	c := &Client{o: o, log: o.Log, transports: map[onem2m.ID]*pool{}}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Close closes the idle connections and forgets all; later requests connect
// anew. It is also the thing to call after trust or credentials have changed.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.transports {
		p.close()
	}
	clear(c.transports)
}

// Send carries req to target and returns the answer. With who it goes to
// target, a point of access, followed by the path of To, and over TLS who has
// to be there (B-43, B-44). Without, it is a POST to exactly that URL, where
// any success of HTTP counts (B-42), except that security information is a
// question, whose answer is read. An entity that answers a notification with
// a success of HTTP alone, without a response status code, gives Code 0.
// Redirections are not followed. An error is an *onem2m.Error: 5103 if nobody
// could be asked, 4008 without an answer in time. If the receiver may have got
// the request all the same, an error in its chain has a method Sent() bool that
// returns true.
func (c *Client) Send(ctx context.Context, target string, who onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	switch {
	case who == "" && req.Content != nil && req.Content.Name == onem2m.SecurityInfoName:
		return c.exchange(ctx, target, "", req, c.encodePlain, c.decodeAgreed) // a question, whose answer counts
	case who == "":
		return c.exchange(ctx, target, "", req, c.encodePlain, c.decodePlain)
	case req.Operation == onem2m.Notify:
		return c.exchange(ctx, target, who, req, c.encodeAt, c.decodeAgreed)
	}
	return c.Ask(ctx, target, who, req)
}

// Ask carries req to the point of access base as Send does, also without a
// known identity at the other end: over TLS the configuration for plain URLs
// decides then.
func (c *Client) Ask(ctx context.Context, base string, who onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	return c.exchange(ctx, base, who, req, c.encodeAt, c.decodeOfCSE)
}

// Dial connects to a host and port for another protocol than HTTP, under the
// same rules: a permitted address and, if secure, TLS with who at the other end.
// stands tells later whether its certificate still counts; nil without TLS. An
// error is an *onem2m.Error, 5103.
func (c *Client) Dial(ctx context.Context, secure bool, address string, who onem2m.ID) (conn net.Conn, stands func() error, err error) {
	u := &url.URL{Scheme: "http", Host: address}
	if secure {
		u.Scheme = "https"
	}
	p, err := c.transport(u, who)
	if err != nil {
		return nil, nil, err
	}
	l, err := p.connect(ctx, dialed(u))
	if err != nil {
		return nil, nil, c.unreachable(ctx, u, err)
	}
	over, ok := l.conn.(*tls.Conn)
	if !ok || p.config.VerifyConnection == nil {
		return l.conn, nil, nil
	}
	return over, func() error { return p.config.VerifyConnection(over.ConnectionState()) }, nil
}

// exchange sends one request and reads the answer.
func (c *Client) exchange(ctx context.Context, target string, who onem2m.ID, req *onem2m.Request,
	encode func(context.Context, *url.URL, *onem2m.Request) (*http.Request, error),
	decode func(*http.Response, int64) (*onem2m.Response, error),
) (*onem2m.Response, error) {
	u, err := parseTarget(target)
	if err != nil {
		return nil, err
	}
	transport, err := c.transport(u, who)
	if err != nil {
		return nil, err
	}
	if c.o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.o.Timeout)
		defer cancel()
	}
	hr, err := encode(ctx, u, req)
	if err != nil {
		return nil, err
	}
	answer, left, err := transport.roundTrip(ctx, hr)
	if err != nil {
		if left {
			err = sentError{err}
		}
		return nil, c.unreachable(ctx, u, err)
	}
	defer answer.Body.Close() //nolint:errcheck // the answer has been read or is given up
	resp, err := decode(answer, c.o.MaxResponse)
	if err != nil {
		return nil, c.unreachable(ctx, u, sentError{unusable(err)})
	}
	if err := matched(answer, resp, who, req); err != nil {
		return nil, c.unreachable(ctx, u, sentError{err})
	}
	return resp, nil
}

// matched checks that the answer of a CSE is one to the request (C-008), and that
// no connection is used again whose other end has lost count: the next one to ask
// would get what is for somebody else. Entities that know little of oneM2M answer
// notifications with any identifier, or none.
func matched(answer *http.Response, resp *onem2m.Response, who onem2m.ID, req *onem2m.Request) error {
	got := resp.RequestID
	resp.RequestID = req.RequestID
	if got == "" || got == req.RequestID {
		return nil
	}
	if b, ok := answer.Body.(*body); ok {
		b.last = true
	}
	if who != "" && who.Stem() == "" {
		return errors.New("the answer is to another request")
	}
	return nil
}

// unusable hides what is wrong with an answer behind a cause: the request was not
// the one that is malformed.
func unusable(err error) error {
	if _, ok := errors.AsType[*onem2m.Error](err); !ok {
		return err
	}
	return &onem2m.Error{Code: onem2m.TargetNotReachable, Text: "the answer of the target can't be read", Cause: err}
}

func success(status int) bool { return status >= 200 && status < 300 }

// parseTarget reads a point of access or notification URI of this binding (B-04).
func parseTarget(target string) (*url.URL, error) {
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return nil, &onem2m.Error{Code: onem2m.TargetNotReachable, Text: "the URI of the target is malformed"}
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "the URI of the target is not one of HTTP")
	case u.Hostname() == "" || u.User != nil:
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "the URI of the target has no host, or credentials")
	}
	u.Fragment = ""
	return u, nil
}

// unreachable makes the error of a failed exchange. The cause is for the log.
func (c *Client) unreachable(ctx context.Context, u *url.URL, err error) error {
	c.log.Debug("request not delivered", "host", u.Host, "error", err)
	if known, ok := errors.AsType[*onem2m.Error](err); ok {
		var left sentError
		if !errors.As(err, &left) {
			return known
		}
		once := *known
		once.Cause = left
		return &once
	}
	var timeout interface{ Timeout() bool }
	if ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
		return &onem2m.Error{Code: onem2m.RequestTimeout, Text: "the target did not answer in time", Cause: err}
	}
	return &onem2m.Error{Code: onem2m.TargetNotReachable, Text: "the target can't be reached", Cause: err}
}

// transport returns the connection pool for who. Plain connections carry no
// identity, so they share one.
func (c *Client) transport(u *url.URL, who onem2m.ID) (*pool, error) {
	var config *tls.Config
	if u.Scheme == "http" {
		who = ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	p := c.transports[who]
	if p != nil && time.Since(p.made) >= c.o.MaxAge {
		p.close()
		delete(c.transports, who)
		p = nil
	}
	if p == nil || u.Scheme == "https" && p.config == nil {
		if c.o.TLSFor != nil {
			config = c.o.TLSFor(who)
		}
		if config == nil && u.Scheme == "https" {
			return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "no trust is configured for https")
		}
		if p != nil {
			p.close()
		}
		c.makeRoom()
		p = &pool{client: c, config: config, made: time.Now()}
		c.transports[who] = p
	}
	p.used = c.clock
	return p, nil
}

// makeRoom drops the pool that was not used for the longest time. The lock is held.
func (c *Client) makeRoom() {
	if len(c.transports) < maxTransports {
		return
	}
	var oldest onem2m.ID
	first := true
	for who, p := range c.transports {
		if first || p.used < c.transports[oldest].used {
			oldest, first = who, false
		}
	}
	c.transports[oldest].close()
	delete(c.transports, oldest)
}

// sentError marks an error after which the receiver may have the request.
type sentError struct{ error }

// Unwrap returns the error itself.
func (e sentError) Unwrap() error { return e.error }

// Sent reports that the request has left, at least in part.
func (sentError) Sent() bool { return true }

var errTooMuch = errors.New("the answer is too large")

// describe wraps err with what was being done.
func describe(doing string, err error) error { return fmt.Errorf("%s: %w", doing, err) }
