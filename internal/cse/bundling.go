package cse

import (
	"context"
	"time"

	"bulwark/internal/cmdh"
	"bulwark/internal/federation"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// bundles reports whether a request may go in a <delivery>. The answer to one
// comes as a notification, which makes no other; and a <delivery> is itself asked
// for by a blocking request (TS-0004 clause 7.4.11.2).
func bundles(req *onem2m.Request) bool {
	if req.Content == nil {
		return true
	}
	return req.Content.Name != "m2m:rsp" && req.Content.Name != "m2m:dlv"
}

// goBundled sends a request in a <delivery> at the next CSE, together with
// others, and waits for the answer, which comes as a notification (C-193).
func (k *call) goBundled(ctx context.Context, ticket *cmdh.Ticket, b *cmdh.Bundle, t federation.Transit, hop federation.Hop) (res *onem2m.Response, again bool, err error) {
	answer := k.c.answers.Expect(t.RequestID, hop.ID, t.Target)
	defer answer.Forget()
	outcome, err := b.Board(ctx, ticket, k.bundled(&t, hop.ID))
	if err != nil {
		return nil, false, err
	}
	switch outcome {
	case cmdh.Accepted, cmdh.Lost:
		ticket.Sent()
	case cmdh.Unreachable:
		err = ticket.Retry(onem2m.Errorf(onem2m.TargetNotReachable, "", "the next CSE can't be reached"))
		return nil, err == nil, err
	default:
		ticket.Alone()
		return nil, true, nil
	}
	if rt := k.req.ResponseType; rt != nil && *rt == responseNone {
		return &onem2m.Response{Code: onem2m.OK}, false, nil // nobody waits
	}
	if res, err = answer.Wait(ctx); err != nil {
		return nil, false, err
	}
	return k.brought(res), false, nil
}

// bundled is the request as it stands in a <delivery>: it is answered to this
// CSE by a notification, and not begun when nobody waits any more.
func (k *call) bundled(t *federation.Transit, hop onem2m.ID) *onem2m.Request {
	out := t.Request(k.req)
	if t.RequestExpiration == 0 && (t.ResultExpiration == 0 || k.expires < t.ResultExpiration) {
		out.RequestExpiration = k.expires.String()
	}
	if rt := k.req.ResponseType; rt != nil && *rt == responseNone {
		return out
	}
	out.ResponseType = new(int64(responseNonBlockingAsync))
	out.NotificationURIs, out.HasNotifyURIs = []string{federation.Widened(k.c.Home.ID(), k.c.Home, hop) + "/-"}, true
	out.ResultPersistence = ""
	if k.req.Operation != onem2m.Notify { // else its <request> would stay for long
		out.ResultPersistence = k.expires.String()
	}
	return out
}

// deliver creates a <delivery> at the next CSE. What that doesn't take is sent as
// it is, each by itself.
func (c *CSE) deliver(ctx context.Context, b *cmdh.Bundle) cmdh.Outcome {
	now := onem2m.TimestampOf(c.Now())
	next, err := c.peers.Next(b.Target, federation.Arrival{}, now)
	if err != nil || next.ID != b.Hop {
		return cmdh.Declined // the way has changed
	}
	hop := federation.Hop{ID: next.ID, Points: next.Ways(now), Blocking: true}
	req := c.deliveryRequest(b)
	if req.Release = speak(next.Releases); req.Release == "1" {
		req.Release = ""
	}
	res, err := c.Carrier.Carry(ctx, hop, req)
	switch {
	case err == nil && res.Code.Success():
		return cmdh.Accepted
	case err == nil:
		c.Log.InfoContext(ctx, "the next CSE takes no delivery", "hop", b.Hop, "requests", len(b.Requests()), "rsc", int(res.Code))
		if refusesDelivery(res.Code) && b.Lifespan > now+onem2m.Timestamp(deliveryHaste.Microseconds()) {
			return cmdh.Refused
		}
		return cmdh.Declined
	}
	switch code := onem2m.AsError(err).Code; {
	case unreached(err):
		return cmdh.Unreachable
	case code == onem2m.TargetNotReachable, code == onem2m.RequestTimeout:
		return cmdh.Lost
	}
	return cmdh.Declined // it can't even be sent
}

// deliveryHaste is how close to its end a <delivery> may have been refused because
// of that end.
const deliveryHaste = 5 * time.Second

// refusesDelivery reports whether a code says that a CSE takes no <delivery>, now
// and later.
func refusesDelivery(code onem2m.StatusCode) bool {
	switch code {
	case onem2m.NotImplemented, onem2m.OperationNotAllowed, onem2m.BadRequest, onem2m.NotFound, onem2m.InvalidChildResourceType,
		onem2m.ContentsUnacceptable, onem2m.OriginatorHasNoPrivilege, onem2m.OriginatorNotAuthenticated, onem2m.ReleaseVersionNotSupported:
		return true
	}
	return false
}

// deliveryRequest is the request for a <delivery> that carries a bundle (TS-0004
// clause 7.4.11.2.1). It ends when the first of its requests does (TS-0001 clause
// 9.6.11), and is of no use afterwards.
func (c *CSE) deliveryRequest(b *cmdh.Bundle) *onem2m.Request {
	self := federation.Widened(c.Home.ID(), c.Home, b.Hop)
	list := []byte{'['}
	for i, req := range b.Requests() {
		if i > 0 {
			list = append(list, ',')
		}
		list = inDelivery(req).Append(list)
	}
	aggregate := onem2m.Object{{Name: "req", Value: append(list, ']')}}
	end := onem2m.TextValue(b.Lifespan.String())
	attrs := onem2m.Object{
		{Name: "et", Value: end},
		{Name: "sr", Value: onem2m.TextValue(self)},
		{Name: "tg", Value: onem2m.TextValue(federation.Widened(b.Target, c.Home, b.Hop))},
		{Name: "ls", Value: end},
		{Name: "ec", Value: onem2m.IntValue(b.Category)},
		{Name: "dmd", Value: []byte(`{"tcop":false}`)},
		{Name: "arq", Value: aggregate.Append(nil)},
	}
	return &onem2m.Request{
		Operation: onem2m.Create, Type: new(int64(onem2m.TypeDelivery)), To: federation.Widened(b.Hop, c.Home, b.Hop) + "/-",
		From: self, HasFrom: true, RequestID: c.trail.Onward(""), RequestExpiration: b.Lifespan.String(),
		EventCategory: &b.Category, Content: &onem2m.Content{Name: "m2m:dlv", Value: attrs.Append(nil)},
	}
}

// inDelivery writes a request as an element of aggregatedRequest: what isn't a
// member of its own there is meta information.
func inDelivery(req *onem2m.Request) onem2m.Object {
	all, err := onem2m.ParseObject(wire.EncodeRequest(req))
	if err != nil {
		return nil // it has been written by this process
	}
	var out, meta onem2m.Object
	for _, m := range all {
		switch m.Name {
		case "op", "to", "fr", "rqi", "pc":
			out.Set(m.Name, m.Value)
		default:
			meta.Set(m.Name, m.Value)
		}
	}
	if !meta.Has("rvi") { // it isn't optional there
		meta.Set("rvi", onem2m.TextValue("1"))
	}
	out.Set("mi", meta.Append(nil))
	return out
}

// deliveredAnswer takes a notification that brings the answer to a request that
// has left in a <delivery>. done is false if it is another one: its sender is
// neither the next CSE nor the one that hosts the target, or nobody waits for it.
func (k *call) deliveredAnswer() (res *onem2m.Response, done bool, err error) {
	if k.req.Content.Name != "m2m:rsp" || !k.onBase() {
		return nil, false, nil
	}
	answer, err := decodeAnswer(k.req.Content)
	if err != nil {
		return nil, true, err
	}
	if !k.c.answers.Take(k.from.ID, answer) {
		return nil, false, nil
	}
	k.audit("special", "answer to a delivered request", 0, "")
	return &onem2m.Response{Code: onem2m.OK}, true, nil
}
