package node

import (
	"context"
	"slices"
	"strings"

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
	o := n.socketOptions()
	return wsb.NewClient(wsb.ClientOptions{
		Options: o,
		Dial: func(ctx context.Context, secure bool, address string, who onem2m.ID) (wsb.Dialed, error) {
			conn, stands, err := n.peers.client.Dial(ctx, secure, address, who)
			return wsb.Dialed{Conn: conn, Stands: stands}, err
		},
		Peer: func(who onem2m.ID, secure bool) *identity.Association {
			binding := config.BindingWS
			if secure {
				binding = config.BindingWSS
			}
			return n.called(who, string(binding))
		},
		Closed: func(who onem2m.ID) {
			if r := n.peers.registree; r != nil && who == n.cfg.RegistrarID() {
				r.Changed() // which opens it again: the registrar may have something to send
			}
		},
	})
}

// outward sends what the CSE has for entities that aren't CSEs: over the
// connection that an AE has opened, or to a point of access.
type outward struct{ n *Node }

// Send implements notify.Sender.
func (o outward) Send(ctx context.Context, point string, who onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	if point != federation.SocketPoint {
		return o.n.client.Send(ctx, point, who, req)
	}
	if o.n.sockets == nil || who == "" {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "the target has no connection here")
	}
	return o.n.sockets.Send(ctx, who, req)
}

// speaker is who a trusted connection without a certificate speaks for, as its
// requests show that were granted: the AE that registers over it, or that sends
// something (B-92). Whoever may open such a connection is believed anyway.
func (n *Node) speaker(a *identity.Association, req *onem2m.Request, res *onem2m.Response) onem2m.ID {
	if !a.Trusted || !res.Code.Success() {
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
	if err != nil || len(id.Stem()) < 2 {
		return ""
	}
	return id
}

// connected reports whether a registree has a WebSocket connection here.
func (n *Node) connected(id onem2m.ID) bool { return n.sockets != nil && n.sockets.Connected(id) }

// sockets are the WebSocket connections with other CSEs, of either end. The
// registree opens them, never the registrar (TS-0020 clause 5.2).
type sockets struct {
	client    *wsb.Client
	server    *wsb.Server // nil without a listener
	registrar onem2m.ID
	sp        string
}

// takes reports whether a request goes over WebSocket: the entity has a
// connection here (B-96), or the point of access is one of that kind.
func (s sockets) takes(point string, who onem2m.ID) bool {
	return s.server != nil && who != "" && s.server.Connected(who) || strings.HasPrefix(point, "wss:") || strings.HasPrefix(point, "ws:")
}

func (s sockets) send(ctx context.Context, point string, who onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	switch {
	case s.server != nil && s.server.Connected(who):
		return s.server.Send(ctx, who, req)
	case point == federation.SocketPoint:
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "the target has closed its connection")
	case s.client == nil, who != s.registrar && who.SP() == s.sp:
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "a registree opens its WebSocket itself")
	}
	return s.client.Send(ctx, point, who, req)
}

func (s sockets) drop(ctx context.Context) {
	if s.client != nil {
		s.client.Drop(ctx)
	}
}
