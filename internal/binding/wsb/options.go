package wsb

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"bulwark/internal/identity"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// Handler answers request primitives: the CSE. It is called on many goroutines
// at once. The context ends with the connection, or at the request expiration
// that the request states. A nil response counts as 5000.
type Handler interface {
	Handle(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response
}

// Options describe one end.
type Options struct {
	Handler Handler    // of the requests that come
	Codec   wire.Codec // reads and writes messages
	Message int        // octets of a request; 0 means DefaultMessage
	Answer  int        // octets of an answer; 0 means DefaultAnswer
	Depth   int        // nesting of a message; 0 means DefaultDepth

	// Speaker returns who a connection without identifiers of its own speaks for,
	// after one of its requests; "" if that shows nobody. Nil for never.
	Speaker func(*identity.Association, *onem2m.Request, *onem2m.Response) onem2m.ID

	Ping time.Duration // between two pings (B-98); 0 means DefaultPing

	Observe func(context.Context, Exchange) // called after each request of the peer; nil for none
	Now     func() time.Time                // nil for time.Now
	Log     *slog.Logger                    // nil discards

	idle *atomic.Int64 // goroutines of all connections that wait for a request
}

// Defaults of Options.
const (
	DefaultMessage = 1 << 20 // as a request over HTTP
	DefaultAnswer  = 4 << 20 // as an answer over HTTP: it may hold several resources
	DefaultDepth   = 64

	DefaultPing = 30 * time.Second // below the minute after which home routers forget a connection
)

func (o Options) withDefaults() *Options {
	o.Message = cmp.Or(o.Message, DefaultMessage)
	o.Answer = max(cmp.Or(o.Answer, DefaultAnswer), o.Message)
	o.Depth = cmp.Or(o.Depth, DefaultDepth)
	o.Ping = cmp.Or(o.Ping, DefaultPing)
	o.idle = &atomic.Int64{}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &o
}

// Exchange is one request of the peer that was dealt with, for metrics and the
// log. Its texts are the peer's, of any length and content.
type Exchange struct {
	RequestID, From, To string

	Operation onem2m.Operation // 0 when the request couldn't be read
	Type      int64            // of the resource to be created; 0 for none
	Code      onem2m.StatusCode
	Binding   string // of the association of the connection
	Duration  time.Duration
}
