package cse

import (
	"context"
	"encoding/binary"
	"errors"
	"io"

	"bulwark/internal/cmdh"
	"bulwark/internal/federation"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// handle describes a request for the depot. Where it goes next isn't known yet.
func (k *call) handle(p *cmdh.Policy, m cmdh.Message) {
	e := cmdh.Entry{
		From: string(k.from.ID), By: string(k.arrival().Peer), To: string(k.address.Host(k.c.Home)) + "/" + k.address.String(), Op: k.req.Operation,
		Category: m.Category, Size: int64(len(wire.EncodeRequest(k.req))), Ends: k.expires,
	}
	if ref := subscriptionOf(k.req); ref != "" {
		e.Subscription = e.From + " " + e.By + " " + ref // what others notify of is another matter
	}
	k.handled = &handling{policy: p, item: cmdh.Item{Entry: e, Aggregate: m.Aggregate != nil && *m.Aggregate && bundles(k.req)}}
}

// subscriptionOf is the reference of the subscription that a notification is for;
// "" for everything else.
func subscriptionOf(req *onem2m.Request) string {
	if req.Operation != onem2m.Notify || req.Content == nil || req.Content.Name != "m2m:sgn" {
		return ""
	}
	o, err := onem2m.ParseObject(req.Content.Value)
	if err != nil {
		return ""
	}
	sur, _ := o.Text("sur")
	return sur
}

// handOver passes a request on under the CMDH policy: through the depot, where it
// waits until it may leave, by itself or in a <delivery>, and again if the next
// CSE isn't reached (TS-0004 clause H.2.4, C-190). One that is answered with an
// acknowledgement can be recalled meanwhile.
func (k *call) handOver(ctx context.Context, t federation.Transit, hop federation.Hop) (*onem2m.Response, error) {
	ctx, rest, stop := k.recallable(ctx)
	defer stop()
	item := k.handled.item
	item.Hop, item.Network, item.Target, item.Ends = hop.ID, k.c.Networks[hop.ID], t.Target, k.expires
	ticket, err := k.c.depot.Enter(k.handled.policy, item)
	if err != nil {
		return nil, err
	}
	defer ticket.Leave()
	defer Yield(ctx)()
	for {
		rest(true)
		bundle, err := ticket.Wait(ctx)
		if err != nil {
			return nil, err
		}
		now := onem2m.TimestampOf(k.c.Now())
		if late(&t, now) {
			return nil, timedOut()
		}
		if hop, err = k.hop(ctx, &t, now); err != nil { // it may have moved
			return nil, err
		}
		if err := k.mark(ctx, statusForwarded); err != nil {
			return nil, err
		}
		rest(false)
		k.audit("transit", "", 0, "next hop "+string(hop.ID))
		res, again, err := k.leave(ctx, ticket, bundle, t, hop)
		if !again {
			k.noteOutcome(hop.ID, res, err)
			if err == nil {
				k.learnSP(ctx, res)
			}
			return res, err
		}
		if err := k.unmark(ctx); err != nil {
			return nil, err
		}
	}
}

// leave lets a request go that had its turn. It reports true if that has to be
// done again: the request is still here.
func (k *call) leave(ctx context.Context, ticket *cmdh.Ticket, b *cmdh.Bundle, t federation.Transit, hop federation.Hop) (res *onem2m.Response, again bool, err error) {
	if b != nil {
		return k.goBundled(ctx, ticket, b, t, hop)
	}
	res, err = k.carry(ctx, hop, &t)
	if err == nil {
		ticket.Sent()
		return k.brought(res), false, nil
	}
	if unreached(err) {
		failure := ticket.Retry(err)
		return nil, failure == nil, failure
	}
	return nil, false, err
}

// unreached reports whether a request is still here because the next CSE has not
// been reached.
func unreached(err error) bool {
	var s interface{ Sent() bool }
	return onem2m.AsError(err).Code == onem2m.TargetNotReachable && (!errors.As(err, &s) || !s.Sent())
}

// recallable lets the <request> of a call be deleted while the call rests: ctx
// ends then.
func (k *call) recallable(ctx context.Context) (_ context.Context, rest func(bool), stop func()) {
	if k.errand == nil {
		return ctx, func(bool) {}, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	return ctx, func(on bool) { k.c.backlog.rest(k.errand, on, cancel) }, func() {
		k.c.backlog.rest(k.errand, false, nil)
		cancel()
	}
}

// unmark takes back that a request has been forwarded: it hasn't left, so that it
// is begun again after a crash.
func (k *call) unmark(ctx context.Context) error {
	if err := k.mark(ctx, statusPending); err != nil {
		return err
	}
	if k.errand != nil {
		k.errand.begun = false
	}
	return nil
}

// activePolicy reads the CMDH policy for what waits under an older one.
func (c *CSE) activePolicy(ctx context.Context) (p *cmdh.Policy, err error) {
	now := onem2m.TimestampOf(c.Now())
	err = c.Store.Read(ctx, func(r store.Reader) error {
		p, err = c.deliveryPolicy(r, now)
		return err
	})
	return p, err
}

// Handling is the number of requests that CMDH holds.
func (c *CSE) Handling() int { return c.depot.Len() }

// fraction draws numbers from [0, 1).
func fraction(random io.Reader) float64 {
	var b [8]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return 0.5 // a pause that isn't random is still a pause
	}
	return float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
}
