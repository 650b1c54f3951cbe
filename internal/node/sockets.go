package node

import (
	"context"
	"slices"
	"strings"
	"time"

	"bulwark/internal/binding/httpb"
	"bulwark/internal/binding/wsb"
	"bulwark/internal/federation"
	"bulwark/internal/identity"
	"bulwark/internal/ops/config"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// entrance hands requests to the gate, which is made after the bindings.
type entrance struct{ n *Node }

// Handle implements wsb.Handler.
func (e entrance) Handle(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response {
	return e.n.gate.Handle(ctx, a, req)
}

// openSockets makes the server of all WebSocket listeners.
func (n *Node) openSockets() {
	if slices.ContainsFunc(n.cfg.Listen, func(l config.Listener) bool { return l.Binding.Sockets() }) {
		n.sockets = wsb.NewServer(n.socketOptions())
	}
}

func (n *Node) socketOptions() wsb.Options {
	return wsb.Options{
		Handler: entrance{n}, Codec: wire.Codec{Types: n.definitions.Type},
		Speaker: n.speaker, Message: int(n.cfg.Limits.Body), Depth: n.cfg.Limits.Depth, Ping: n.cfg.Limits.IdleTimeout.Duration / 4, Now: n.o.Now, Log: n.log,
		Observe: func(ctx context.Context, x wsb.Exchange) {
			n.exchanged(ctx, x.Binding)(httpb.Exchange{
				RequestID: x.RequestID, From: x.From, To: x.To, Operation: x.Operation, Type: x.Type, Code: x.Code, Duration: x.Duration,
			})
		},
	}
}

// newSocketClient makes what opens WebSocket connections to registrars. They
// are under the rules for connections of the HTTP client.
func (n *Node) newSocketClient() *wsb.Client {
	return wsb.NewClient(wsb.ClientOptions{
		Options: n.socketOptions(),
		Dial: func(ctx context.Context, secure bool, address string, who onem2m.ID) (wsb.Dialed, error) {
			conn, stands, err := n.peers.client.Dial(ctx, secure, address, who)
			return wsb.Dialed{Conn: conn, Stands: stands}, err
		},
		Peer: n.opened,
		Closed: func(who onem2m.ID) {
			if r := n.peers.registree; r != nil && who == n.cfg.RegistrarID() {
				r.Changed() // which opens it again: the registrar may have something to send
			}
		},
	})
}

// opened is the association under which requests come over a connection that this
// CSE has opened to another one.
func (n *Node) opened(who onem2m.ID, secure bool) *identity.Association {
	switch {
	case secure:
		return n.called(who, string(config.BindingWSS))
	case who == n.cfg.RegistrarID():
		return n.called(who, string(config.BindingWS)) // the operator says who that is
	}
	// Whoever is there has proved nothing, and its requests are nobody's.
	return &identity.Association{Framework: identity.FrameworkNone, Required: true, Binding: string(config.BindingWS)}
}

// outward sends what the CSE has for entities that aren't CSEs: over the
// connection that an AE has opened, or to a point of access.
type outward struct{ n *Node }

// Send implements notify.Sender.
func (o outward) Send(ctx context.Context, point string, who onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	credential, since, socket := federation.ParseSocket(point)
	if !socket {
		return o.n.client.Send(ctx, point, who, req)
	}
	if o.n.sockets == nil || who == "" {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "the target has no connection here")
	}
	return o.n.sockets.Send(ctx, who, ofAE(credential, since), req)
}

// ofAE fits the connections of an AE that is bound to a credential, or to none,
// "", and was registered at the instant since. What only requests have shown counts
// no longer than the registration under which they came: whoever had the AE-ID
// before may still be there.
func ofAE(credential string, since onem2m.Timestamp) wsb.Fits {
	return func(a *identity.Association, named time.Time) bool {
		switch {
		case a.Kind == identity.KindCSE:
			return false
		case credential != "":
			return a.CredentialID == credential
		}
		return len(a.IDs) > 0 || onem2m.TimestampOf(named) >= since
	}
}

// ofCSE fits the connections of a CSE that was registered at the instant since, 0
// for one that isn't. What speaks for it without a credential counts no longer
// than that registration: who was the CSE before may still be there.
func ofCSE(since onem2m.Timestamp) wsb.Fits {
	return func(a *identity.Association, named time.Time) bool {
		return a.Kind == identity.KindCSE || a.Trusted && since != 0 && onem2m.TimestampOf(named) >= since
	}
}

// proved fits the connections of a CSE that its certificate names.
func proved(a *identity.Association, _ time.Time) bool { return a.Kind == identity.KindCSE }

// registrations tells when CSEs have registered here, for connections that speak
// for them without a credential; nil where no listener takes such.
func (n *Node) registrations() func(onem2m.ID) onem2m.Timestamp {
	if !slices.ContainsFunc(n.cfg.Listen, func(l config.Listener) bool { return l.TrustPlain && l.Binding.Sockets() }) {
		return nil
	}
	return func(id onem2m.ID) onem2m.Timestamp { return n.cse.RegisteredAt(id) }
}

// speaker is who a connection speaks for whose credential names nobody, as its
// requests show that were granted: the AE that registers over it, or that sends
// something (B-92). Whoever may open a trusted connection is believed anyway, and
// with a certificate of a node or device From has been held against what is bound
// to it.
func (n *Node) speaker(a *identity.Association, req *onem2m.Request, res *onem2m.Response) onem2m.ID {
	if !a.Trusted && a.CredentialID == "" || !res.Code.Success() {
		return ""
	}
	from := req.From
	if req.Operation == onem2m.Create && req.Type != nil && onem2m.ResourceType(*req.Type) == onem2m.TypeAE && res.Content != nil {
		if attrs, err := onem2m.ParseObject(res.Content.Value); err == nil {
			if aei, ok := attrs.Text("aei"); ok {
				from = aei
			}
		}
	}
	id, _, err := n.cfg.Home().ParseID(from)
	if err != nil || len(id.Stem()) == 1 || id.Registrar() != "" && id.Registrar() != n.cfg.Home().ID() {
		return "" // or somebody whose request was only passed on
	}
	return id
}

// connected reports whether a registree has a WebSocket connection here.
func (n *Node) connected(id onem2m.ID, kind identity.Kind, credential string, since onem2m.Timestamp) bool {
	fits := ofAE(credential, since)
	if kind == identity.KindCSE {
		fits = ofCSE(since)
	}
	return n.sockets != nil && n.sockets.Connected(id, fits)
}

// sockets are the WebSocket connections with other CSEs, of either end. The
// registree opens them, never the registrar (TS-0020 clause 5.2).
type sockets struct {
	client    *wsb.Client
	server    *wsb.Server // nil without a listener
	registrar onem2m.ID
	sp        string

	registered func(onem2m.ID) onem2m.Timestamp // when a CSE has; nil: only certificates tell who a CSE is
}

// fits tells which connections are those of a CSE.
func (s sockets) fits(who onem2m.ID) wsb.Fits {
	if s.registered == nil {
		return proved
	}
	return ofCSE(s.registered(who))
}

// send sends a request over WebSocket, if the entity has a connection here
// (B-96) or the point of access is one of that kind. With taken false it is one
// for another binding.
func (s sockets) send(ctx context.Context, point string, who onem2m.ID, req *onem2m.Request) (res *onem2m.Response, taken bool, err error) {
	var fits wsb.Fits
	if s.server != nil && who != "" {
		fits = s.fits(who)
	}
	switch {
	case fits != nil && s.server.Connected(who, fits):
		res, err = s.server.Send(ctx, who, fits, req)
	case strings.HasPrefix(point, federation.SocketPoint):
		err = onem2m.Errorf(onem2m.TargetNotReachable, "", "the target has closed its connection")
	case !strings.HasPrefix(point, "wss:") && !strings.HasPrefix(point, "ws:"):
		return nil, false, nil
	case s.client == nil, who != s.registrar && who.SP() == s.sp:
		err = onem2m.Errorf(onem2m.TargetNotReachable, "", "a registree opens its WebSocket itself")
	default:
		res, err = s.client.Send(ctx, point, who, req)
	}
	return res, true, err
}

func (s sockets) drop() {
	if s.client != nil {
		s.client.Drop()
	}
}
