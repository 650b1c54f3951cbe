package cse

import (
	"context"
	"errors"
	"slices"
	"time"

	"bulwark/access"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// call is one request on its way through the CSE.
type call struct {
	c     *CSE
	req   *onem2m.Request
	assoc *identity.Association
	now   onem2m.Timestamp // reception (rq_time)
	since onem2m.Timestamp // of a non-blocking request: when it was received

	from    identity.Originator
	vouched bool // from was established before; From isn't looked at
	nesting int  // fan-outs that this request came through
	spread  *spread
	gathers *gathered    // where a subscription that is made through a group is going to notify
	groups  groups       // of the decision that is being made; before it the state that From is held against
	missed  missed       // what decisions went without
	curious bool         // it is going to be asked for
	remote  *delegations // what points of other CSEs are asked; mostly nil
	further *escalation  // whom a request that is denied goes on to; mostly nil
	grants  grants       // roles and tokens of the request
	address onem2m.Address
	ty      onem2m.ResourceType // of a CREATE
	rcn     int
	expires onem2m.Timestamp // rqet, given or by default
	execute onem2m.Timestamp // oet, 0 if none
	handled *handling        // what CMDH does with it on its way to another CSE; nil: nothing
	draft   draft            // validated Content of CREATE and UPDATE

	meaning  meaning      // what is asked about semantic descriptions
	question access.Query // of the decision that is being made
	about    naming       // attributes that it is about, where single ones may be enough
	limits   []string     // attributes on which the request is permitted; nil: all

	later   bool             // it is answered with an acknowledgement (C-173)
	patient bool             // but not before a moment has passed (C-186)
	persist onem2m.Timestamp // et of its <request>
	errand  *errand          // the non-blocking request that this call carries out, or nil

	keep     func(store.Tx) error // is part of the transaction that makes the <request>; or nil
	carried  bool                 // the next CSE has answered
	anew     bool                 // a request of its own for somebody, which may go back the way that one came
	original string               // address of the original that is asked for in place of a copy

	under   *undertaking // transaction that the request is part of, or nil
	cleared *clearance   // to execute the requests of the transaction that it moves

	made   *store.Record    // by a CREATE
	target *store.Record    // of a RETRIEVE or DELETE
	answer *onem2m.Response // of a RETRIEVE, on the state of the store that is being read
	start  *store.Record    // where a Discovery begins

	counted []*store.Record // what the result shows and the retrieval is counted of

	aged      int64 // the last instance whose life has been shortened before the UPDATE (thin)
	rehearsal bool  // what is permitted is going to be decided again, in the writer
}

// process does everything in the order of TS-0004 clause 7.2.2.2.
func (k *call) process(ctx context.Context) (*onem2m.Response, error) {
	if err := k.admit(ctx); err != nil {
		return nil, err
	}
	if err := k.checkHours(); err != nil {
		return nil, err
	}
	k.checkClock()
	if k.from.ID != "" && !k.vouched { // the identifiers of requests of the CSE's own making are its own
		whose := k.bringer()
		if k.claims() {
			whose.who = "?" + whose.who // takes no place from whom it claims to be
		}
		if !k.c.pending.enter(whose, k.req.RequestID) {
			return nil, k.c.pending.refusal(whose, k.req.RequestID)
		}
		defer k.c.pending.leave(whose, k.req.RequestID)
	}
	if k.later {
		ctx, cancel := context.WithTimeout(ctx, k.c.Timing.RequestExpiration)
		defer cancel()
		return k.acknowledge(ctx)
	}
	path, here := k.c.hosted(k.address)
	if !here || k.req.Operation != onem2m.Retrieve || k.execute > k.now || k.rcn != 1 || k.meaning.filter != nil { // a plain RETRIEVE waits for nobody
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, k.deadline())
		defer cancel()
	}
	if here && !k.address.Local(k.c.Home) { // an AE-ID of the whole SP
		var elsewhere string
		var err error
		if elsewhere, here, err = k.whereabouts(ctx); err != nil {
			return nil, err
		}
		if elsewhere != "" {
			return k.retargeted(ctx, elsewhere)
		}
		if here {
			k.address.SP, k.address.CSE, k.address.Path = "", "", path
			if err := k.checkLocal(); err != nil {
				return nil, err
			}
		}
	}
	if !here {
		if within(ctx) != nil { // nobody waits for another CSE in the writer
			return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "a transaction reaches no other CSE")
		}
		return k.passOn(ctx)
	}
	k.address.Path = path
	k.meaning.ctx = ctx
	if err := k.await(ctx); err != nil {
		return nil, err
	}
	if err := k.checkDuplicate(ctx); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(path, k.c.mayBeVirtual) {
		if v, t, err := k.virtual(ctx); v != nil || err != nil {
			if err != nil {
				return nil, err
			}
			if err := k.begin(ctx, true); err != nil {
				return nil, err
			}
			return k.patiently(ctx, func(k *call, ctx context.Context) (*onem2m.Response, error) { return v.serve(ctx, k, t) })
		}
	}
	return k.patiently(ctx, (*call).operate)
}

// procedure serves a request. It is no closure for most requests, which costs
// them nothing then.
type procedure func(k *call, ctx context.Context) (*onem2m.Response, error)

// operate runs the procedure of the operation.
func (k *call) operate(ctx context.Context) (*onem2m.Response, error) {
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

// claims reports whether the originator is only what somebody says who wants to
// register as it: it may be anybody.
func (k *call) claims() bool {
	return k.req.Operation == onem2m.Create && k.ty == onem2m.TypeAE && !k.from.Authenticated
}

// mayBeVirtual reports whether a segment of an address is the name of a virtual
// child.
func (c *CSE) mayBeVirtual(segment string) bool { return c.virtualNames[segment] }

// virtual finds out whether the target is a virtual child that answers itself.
func (k *call) virtual(ctx context.Context) (v *virtual, t target, err error) {
	err = k.c.Store.Read(ctx, func(r store.Reader) (err error) {
		t, err = k.c.resolve(r, k.address.Path, k.now)
		return err
	})
	if err != nil || t.virtual == "" {
		return nil, t, err
	}
	return k.c.types[t.rec.Type].virtual[t.virtual], t, nil
}

// perform runs a request of the CSE's own making on behalf of an originator
// whose identity has been established before: a member of a fan-out, say. It
// passes every check but that of From.
func (c *CSE) perform(ctx context.Context, from identity.Originator, a *identity.Association, req *onem2m.Request) *onem2m.Response {
	k := &call{c: c, req: req, assoc: a, now: onem2m.TimestampOf(c.Now()), from: from, vouched: true}
	res, err := k.run(ctx)
	if err != nil {
		res = k.fail(ctx, err)
	}
	return k.finish(res)
}

// deadline is rqet as an instant of the machine's clock, which may differ from
// the CSE's.
func (k *call) deadline() time.Time {
	return time.Now().Add(k.expires.Time().Sub(k.now.Time()))
}

// Bounds of requests that are in work. Those that are held back until oet haven't
// been looked at yet: anybody can send some for hours ahead.
const (
	pendingOriginators = 64 // that may have all the requests in work that one may have
	maxHeldOfOne       = 32
	maxHeld            = 512
)

// await holds the operation back until oet (C-055, C-056).
func (k *call) await(ctx context.Context) error {
	if k.execute <= k.now {
		return nil
	}
	whose := k.bringer()
	if !k.c.held.enter(whose, k.req.RequestID) {
		return onem2m.Errorf(onem2m.NotAcceptable, "oet", "too many requests wait for their time")
	}
	defer k.c.held.leave(whose, k.req.RequestID)
	defer Yield(ctx)()
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
	k.widen(res)
	res.RequestID = k.req.RequestID
	res.Release = k.req.Release
	if res.Code == onem2m.ReleaseVersionNotSupported && k.req.Release != "" {
		res.Release = k.c.Releases[len(k.c.Releases)-1] // C-050
	}
	if k.nesting > 0 {
		return res // it becomes a part of another, which has the rest
	}
	if res.From == "" || !k.carried {
		res.From = k.c.Home.CSE
	}
	res.To = k.req.From
	k.tellLocal(res)
	k.tellFurther(res)
	res.OriginatingTimestamp = onem2m.TimestampOf(k.c.Now()).String()
	res.ResultExpiration = k.req.ResultExpiration // C-043
	res.EventCategory = k.req.EventCategory
	res.VendorInformation = k.req.VendorInformation // C-044
	if k.req.ResponseType != nil && *k.req.ResponseType == responseNone {
		res.NoResponse = true
	}
	return res
}
