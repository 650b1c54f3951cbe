package httpb

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"bulwark/internal/identity"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// Handler answers request primitives: the CSE. It is called on many goroutines
// at once. The context ends when the client goes away or at the request
// expiration that the request states. A nil response counts as 5000.
type Handler interface {
	Handle(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response
}

// Options describe one listener.
type Options struct {
	Address string      // host:port to listen on
	TLS     *tls.Config // nil for a plain listener; ALPN names are added to a copy

	// Identify turns a completed handshake into an Association. An error closes
	// the connection before a request is read. It is not called on plain listeners.
	Identify func(*tls.ConnectionState) (*identity.Association, error)

	// Recheck judges the credential of an open TLS connection again (S-060): with
	// requests, at most once in recheckPause, and on idle connections each
	// RecheckEvery. An error closes the connection, as does the expiry that the
	// Association states.
	Recheck      func(state *tls.ConnectionState, now time.Time) error
	RecheckEvery time.Duration // 0 means DefaultRecheckEvery

	// MaxAge is the longest life of a TLS connection (S-139): an older one is
	// closed. Shortly before, answers tell the client to connect anew.
	// 0 means identity.MaxAssociationAge.
	MaxAge time.Duration

	// HandshakeFailed is called with each handshake that led to no association:
	// where it came from and why. The peer can choose much of the text of the
	// error. Nil for none.
	HandshakeFailed func(source netip.Addr, err error)

	Trusted  bool // plain listener with trust-plain (decision 3)
	Required bool // the listener demands an association

	Codec          wire.Codec     // reads and writes bodies
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	Limits         Limits

	Log     *slog.Logger     // nil discards
	Observe func(Exchange)   // called after each answer; nil for none
	Now     func() time.Time // nil for time.Now

	// Root is the target of requests to "/", which have none of their own: those
	// of a server that has nothing but itself, and is known by a URL. "" refuses
	// them.
	Root string

	// Sockets takes every request in the place of the Handler: those that open a
	// connection of another protocol over this one, which it has until
	// ServeSocket returns. Nil for none.
	Sockets Sockets

	// Extra are handlers outside oneM2M by exact path. They are reachable over
	// TLS only; AssociationOf tells them who asks.
	Extra map[string]http.Handler
}

// Sockets is another protocol over the connections of a listener.
type Sockets interface {
	// ServeSocket answers a request to change the protocol; w is an
	// http.Hijacker. The context ends with the server, and the connection at the
	// instant of ends, zero for never: before, it is to be closed in good order.
	ServeSocket(w http.ResponseWriter, r *http.Request, a *identity.Association, ends time.Time)
	// Shutdown closes what ServeSocket works on, when nothing is in progress or
	// ctx ends.
	Shutdown(ctx context.Context) error
}

// Exchange is one answered request, for metrics and the log. Its texts are the
// client's, of any length and content.
type Exchange struct {
	RequestID, From, To string

	Operation onem2m.Operation // 0 when the request has no mapping
	Type      int64            // of the resource to be created; 0 for none
	Status    int
	Code      onem2m.StatusCode // 0 when the answer carries none
	Duration  time.Duration
}

// Limits bound what one client can take. Zero fields get the default.
type Limits struct {
	Body                 int64         // octets of a request body
	Header               int           // octets of request line and header
	Query                int           // octets of a query string
	Depth                int           // nesting of a body
	ReadHeaderTimeout    time.Duration // handshake, request line and header
	ReadTimeout          time.Duration // body
	WriteTimeout         time.Duration // one write of an answer
	IdleTimeout          time.Duration // between requests
	MaxConns             int           // of the listener; one peer has half of what others leave, or minShare if that is more
	MaxConcurrentStreams int           // per HTTP/2 connection
}

// Defaults of Limits and Options.
const (
	DefaultBody                 = 1 << 20   // B-09
	DefaultHeader               = 256 << 10 // above the longest query that field clients try, so that they get an RSC
	DefaultQuery                = 8 << 10   // four times the longest address
	DefaultDepth                = 64        // no oneM2M type nests deeper than a quarter of this
	DefaultReadHeaderTimeout    = 10 * time.Second
	DefaultReadTimeout          = 30 * time.Second
	DefaultWriteTimeout         = 30 * time.Second
	DefaultIdleTimeout          = 120 * time.Second
	DefaultMaxConns             = 10_000
	DefaultMaxConcurrentStreams = 100
	DefaultRecheckEvery         = time.Minute // well inside the hour of S-060

	recheckPause = time.Second
)
