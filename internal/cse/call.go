package cse

import (
	"context"
	"errors"
	"time"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// call is one request on its way through the CSE.
type call struct {
	c     *CSE
	req   *onem2m.Request
	assoc *identity.Association
	now   onem2m.Timestamp // reception (rq_time)

	from    identity.Originator
	address onem2m.Address
	ty      onem2m.ResourceType // of a CREATE
	rcn     int
	expires onem2m.Timestamp // rqet, given or by default
	execute onem2m.Timestamp // oet, 0 if none
	draft   draft            // validated Content of CREATE and UPDATE

	decision Audit // filled as the decision is made
}

// run does everything in the order of TS-0004 clause 7.2.2.2.
func (k *call) run(ctx context.Context) (*onem2m.Response, error) {
	if err := k.admit(ctx); err != nil {
		return nil, err
	}
	if k.from.ID != "" {
		if !k.c.pending.enter(k.from.ID, k.req.RequestID) {
			return nil, onem2m.Errorf(onem2m.BadRequest, "rqi", "a request with this identifier is still pending")
		}
		defer k.c.pending.leave(k.from.ID, k.req.RequestID)
	}
	ctx, cancel := context.WithDeadline(ctx, k.deadline())
	defer cancel()
	if err := k.await(ctx); err != nil {
		return nil, err
	}
	if err := k.route(); err != nil {
		return nil, err
	}
	switch k.req.Operation {
	case onem2m.Create:
		return k.create(ctx)
	case onem2m.Retrieve:
		return k.retrieve(ctx)
	case onem2m.Update:
		return k.update(ctx)
	case onem2m.Delete:
		return k.delete(ctx)
	case onem2m.Notify:
		return k.notify(ctx)
	}
	return nil, onem2m.Errorf(onem2m.BadRequest, "op", "unknown operation")
}

// deadline is rqet as an instant of the machine's clock, which may differ from
// the CSE's.
func (k *call) deadline() time.Time {
	return time.Now().Add(k.expires.Time().Sub(k.now.Time()))
}

// await holds the operation back until oet (C-055, C-056).
func (k *call) await(ctx context.Context) error {
	if k.execute <= k.now {
		return nil
	}
	timer := time.NewTimer(k.execute.Time().Sub(k.now.Time()))
	defer timer.Stop()
	select {
	case <-timer.C:
		k.now = onem2m.TimestampOf(k.c.Now())
		return nil
	case <-ctx.Done():
		return timedOut()
	}
}

// route tells whether this CSE hosts the target. There is no next hop yet, so
// everything else is 4004 (C-067).
func (k *call) route() error {
	if k.address.Local(k.c.Home) {
		return nil
	}
	if k.req.Operation == onem2m.Create && (k.ty == onem2m.TypeAE || k.ty == onem2m.TypeRemoteCSE) {
		return onem2m.Errorf(onem2m.BadRequest, "to", "a registration isn't forwarded") // C-074
	}
	// "/Sabc" reads as a CSE-ID and is an S-type AE of this CSE (S-123).
	if id := k.address.Entity(k.c.Home); id.Stem() != "" && id.SP() == k.c.Home.SP && len(k.address.Path) == 0 {
		k.address = onem2m.Address{Path: []string{id.Stem()}, Attribute: k.address.Attribute}
		return nil
	}
	return onem2m.Errorf(onem2m.NotFound, "to", "no route to the CSE of this address")
}

func timedOut() error {
	return onem2m.Errorf(onem2m.RequestTimeout, "rqet", "the request has expired")
}

// fail turns an error into a response (C-045) and logs its cause.
func (k *call) fail(ctx context.Context, err error) *onem2m.Response {
	var e *onem2m.Error
	switch {
	case errors.As(err, &e):
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		e = &onem2m.Error{Code: onem2m.RequestTimeout, Text: "the request has expired", Cause: err}
	default:
		e = onem2m.AsError(err)
	}
	if e.Code == onem2m.InternalServerError {
		k.c.Log.ErrorContext(ctx, "request failed", "req", k.req.RequestID, "fr", k.req.From, "to", k.req.To, "op", k.req.Operation.String(), "err", e)
	}
	res := &onem2m.Response{Code: e.Code}
	if text := e.Debug(); text != "" {
		res.Content = &onem2m.Content{Name: "m2m:dbg", Value: onem2m.TextValue(text)}
	}
	return res
}

// finish fills the parameters that every response has (core section 3.2).
func (k *call) finish(res *onem2m.Response) *onem2m.Response {
	res.RequestID = k.req.RequestID
	res.From = k.c.Home.CSE
	res.To = k.req.From
	res.OriginatingTimestamp = onem2m.TimestampOf(k.c.Now()).String()
	res.ResultExpiration = k.req.ResultExpiration // C-043
	res.EventCategory = k.req.EventCategory
	res.VendorInformation = k.req.VendorInformation // C-044
	res.Release = k.req.Release
	if res.Code == onem2m.ReleaseVersionNotSupported && k.req.Release != "" {
		res.Release = k.c.Releases[len(k.c.Releases)-1] // C-050
	}
	if k.req.ResponseType != nil && *k.req.ResponseType == responseNone {
		res.NoResponse = true
	}
	return res
}
