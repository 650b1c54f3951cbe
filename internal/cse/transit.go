package cse

import (
	"context"

	"bulwark/internal/federation"
	"bulwark/internal/identity"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Carrier takes requests to other CSEs. It fails with 5103 if the next hop
// isn't reached and 4008 if no answer comes before ctx ends (C-076).
type Carrier interface {
	Carry(ctx context.Context, hop federation.Hop, req *onem2m.Request) (*onem2m.Response, error)
}

// markLength is how many letters the mark of a process has in the identifiers
// of forwarded requests: as many as one random word gives.
const markLength = 12

// acrossPoint is the point of access that stands, inside the CSE, for the way to
// another one.
const acrossPoint = "mcc:"

// passOn passes a request on whose target another CSE hosts (TS-0004 clause
// 7.3.2.6). A transit CSE decides about no access.
func (k *call) passOn(ctx context.Context) (*onem2m.Response, error) {
	if k.req.Operation == onem2m.Create && (k.ty == onem2m.TypeAE || k.ty == onem2m.TypeRemoteCSE) {
		return nil, onem2m.Errorf(onem2m.BadRequest, "to", "a registration isn't forwarded") // C-074
	}
	if k.c.trail.Seen(k.req.RequestID) {
		return nil, onem2m.Errorf(onem2m.NotFound, "to", "the request has come round in a circle") // C-079
	}
	t, err := k.transit()
	if err != nil {
		return nil, err
	}
	hop, err := k.hop(ctx, &t, k.now)
	if err != nil {
		return nil, err
	}
	if k.c.Carrier == nil {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "nothing is sent from here")
	}
	if k.handled != nil {
		return k.handOver(ctx, t, hop)
	}
	if err := k.mark(ctx, statusForwarded); err != nil {
		return nil, err
	}
	k.audit("transit", "", 0, "next hop "+string(hop.ID))
	defer Yield(ctx)()
	res, err := k.carry(ctx, hop, &t)
	k.noteOutcome(hop.ID, res, err)
	if err != nil {
		return nil, err
	}
	k.learnSP(ctx, res)
	return k.brought(res), nil
}

// hop finds the CSE that a request goes to next, and how it is reached.
func (k *call) hop(ctx context.Context, t *federation.Transit, now onem2m.Timestamp) (federation.Hop, error) {
	next, err := k.c.peers.Next(t.Target, k.origin(ctx), now)
	if err != nil {
		return federation.Hop{}, err
	}
	hop := federation.Hop{ID: next.ID, Points: next.Ways(now), Peer: k.arrival().Peer, Blocking: k.errand == nil}
	if len(hop.Points) == 0 && k.c.Connected != nil && k.c.Connected(next.ID, identity.KindCSE, "", next.Created) {
		hop.Points = []string{federation.SocketPoint}
	}
	if len(hop.Points) == 0 {
		return hop, onem2m.Errorf(onem2m.TargetNotReachable, "to", "the next CSE can't be called, doesn't poll and isn't connected")
	}
	t.Releases = next.Releases
	return hop, nil
}

// brought makes the answer from that of the next CSE.
func (k *call) brought(res *onem2m.Response) *onem2m.Response {
	k.carried = true
	return &onem2m.Response{
		Code: res.Code, Content: res.Content, From: res.From, ContentStatus: res.ContentStatus, ContentOffset: res.ContentOffset,
		AssignedTokenIDs: res.AssignedTokenIDs, TokenRequestInfo: res.TokenRequestInfo, AuthorSignRequest: res.AuthorSignRequest,
	}
}

// transit settles what the request becomes. What is over already isn't sent,
// and an operation that is to begin in the past can't be passed on (C-072).
func (k *call) transit() (federation.Transit, error) {
	received := k.now
	if k.errand != nil {
		received = k.since
	}
	t := federation.Transit{Home: k.c.Home, From: k.from.ID, Target: k.address.Host(k.c.Home), RequestID: k.req.RequestID}
	var err error
	t.RequestExpiration, t.ResultExpiration, t.ExecutionTime, err = k.instants(received)
	if err != nil {
		return t, err
	}
	if late(&t, k.now) {
		return t, timedOut()
	}
	switch {
	case k.from.ID == k.c.Home.ID(): // of its own making, and unique (C-007)
	case k.nesting > 0:
		t.RequestID = k.c.trail.Onward("") // a member of a fan-out is a request of its own
	default:
		t.RequestID = k.c.trail.Onward(k.req.RequestID)
	}
	return t, nil
}

// late reports whether one of the times of a request is over.
func late(t *federation.Transit, now onem2m.Timestamp) bool {
	for _, at := range [...]onem2m.Timestamp{t.RequestExpiration, t.ResultExpiration, t.ExecutionTime} {
		if at != 0 && at <= now {
			return true
		}
	}
	return false
}

// arrival tells where the request came from. On a listener that trusts From
// there is no association to tell: From has to.
func (k *call) arrival() federation.Arrival {
	a := k.assoc
	switch {
	case k.anew, k.from.ID == k.c.Home.ID():
	case a.Kind == identity.KindCSE && len(a.IDs) == 1:
		return federation.Arrival{Peer: a.IDs[0], Above: a.Upstream}
	case a.Kind == identity.KindNone && a.Trusted:
		return k.c.deduced(k.from.ID, k.now)
	}
	return federation.Arrival{}
}

// origin is the arrival as far as it limits the way out. What a group asks of a
// member is a request of its own, which may lead to where that of its originator
// came from (C-079, C-349); but it goes up for nobody whom a registrar wouldn't
// take it from (C-068, A-15).
func (k *call) origin(ctx context.Context) federation.Arrival {
	a := k.arrival()
	if k.nesting == 0 || a.Peer == "" {
		return a
	}
	return federation.Arrival{Above: a.Above && !k.ofHere(ctx)}
}

// ofHere reports whether the originator is of this CSE, or of one below it.
func (k *call) ofHere(ctx context.Context) bool {
	answers := k.from.ID.Registrar()
	if answers == "" {
		answers = k.from.ID
	}
	if answers == k.c.Home.ID() || k.c.peers.Below("", answers, k.now) {
		return true
	}
	if answers.Stem() == "" || answers != k.from.ID { // no AE of the whole SP
		return false
	}
	here := k.c.spBelow.registree(answers.Stem()) != ""
	if !here {
		err := k.c.Store.Read(ctx, func(r store.Reader) error {
			here = k.c.registry(r, k.now).AERegistered(answers)
			return nil
		})
		if err != nil {
			return false
		}
	}
	return here
}

// deduced finds out from which neighbour requests of an originator come: of one
// that nobody below knows, from the registrar.
func (c *CSE) deduced(id onem2m.ID, now onem2m.Timestamp) federation.Arrival {
	answers := id.Registrar()
	if answers == "" && id.Stem() == "" {
		answers = id
	}
	if answers == "" || answers == c.Home.ID() {
		return federation.Arrival{}
	}
	if n, ok := c.peers.Via(answers, now); ok {
		return federation.Arrival{Peer: n.ID, Above: n.Upstream}
	}
	return federation.Arrival{Peer: c.Registrar, Above: c.Registrar != "" && c.Registrar.SP() == c.Home.SP}
}

// strayed reports whether a request for another CSE has, as far as can be told,
// not been carried out there (C-178, C-179).
func (k *call) strayed(code onem2m.StatusCode) bool {
	return !k.carried || code == onem2m.TargetNotReachable || code == onem2m.RequestTimeout
}

// reachAcross is how a notification target behind another CSE is reached: by a
// request of this CSE, which goes the way of all others.
func (c *CSE) reachAcross(address onem2m.Address) (notify.Reach, error) {
	host := address.Host(c.Home)
	if _, err := c.peers.Next(host, federation.Arrival{}, onem2m.TimestampOf(c.Now())); err != nil {
		return notify.Reach{}, &onem2m.Error{Code: onem2m.TargetNotReachable, Subject: "to", Text: "no route to the target", Cause: err}
	}
	return notify.Reach{ID: entityAt(c.Home, address), Points: []string{acrossPoint}}, nil
}

// entityAt is whom an address of another CSE belongs to: an AE of that CSE, or
// else the CSE.
func entityAt(home onem2m.Home, address onem2m.Address) onem2m.ID {
	if id := address.Entity(home); id != "" {
		return id
	}
	return address.Host(home)
}

// sendAcross relays to an entity of another CSE. What leads to one of this CSE
// would come back here for ever.
func (c *CSE) sendAcross(ctx context.Context, who onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	address, err := onem2m.ParseAddress(req.To)
	if err != nil || address.Local(c.Home) || entityAt(c.Home, address) != who {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "no such point of access")
	}
	res := c.relay(ctx, req)
	if c.astray(res, address.Host(c.Home)) {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "a CSE on the way knows no way")
	}
	return res, nil
}

// relay sends a request of this CSE to another one.
func (c *CSE) relay(ctx context.Context, req *onem2m.Request) *onem2m.Response {
	self := identity.Originator{ID: c.Home.ID(), Authenticated: true}
	return c.perform(ctx, self, &identity.Association{Framework: identity.FrameworkNone, Binding: "internal"}, req)
}

// explainTransit says where a request for another CSE would go.
func (c *CSE) explainTransit(address onem2m.Address) (Explanation, error) {
	next, err := c.peers.Next(address.Host(c.Home), federation.Arrival{}, onem2m.TimestampOf(c.Now()))
	if err != nil {
		return Explanation{}, err
	}
	return Explanation{
		Permit: true, Stage: "transit", Resource: address.String(),
		Governed: "the CSE that hosts it; this one passes the request on to " + string(next.ID),
	}, nil
}
