package cse

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/internal/identity"
	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// Bounds of what a transaction waits for other CSEs: for all of a step together,
// and for one answer.
const (
	spanPatience = 30 * time.Second
	farTurn      = 5 * time.Second
)

// envoy asks other CSEs for one transaction, on behalf of who has made it: they
// decide for that originator, as for any request that is forwarded.
type envoy struct {
	c    *CSE
	m    *manager // what the requests are made of; no transaction of the store
	from identity.Originator
	over *identity.Association
	dead map[onem2m.ID]*onem2m.Response // CSEs that aren't asked any more in this step
	slow map[onem2m.ID]bool             // CSEs that have left one request without an answer
}

func (c *CSE) envoy(m *manager) (*envoy, error) {
	var w witness
	if err := json.Unmarshal(m.bargain.Span.Who, &w); err != nil {
		return nil, err
	}
	return &envoy{
		c: c, m: m, from: identity.Originator{ID: w.ID, Authenticated: w.Authenticated, Forwarded: w.Forwarded},
		over: w.association(), dead: map[onem2m.ID]*onem2m.Response{}, slow: map[onem2m.ID]bool{},
	}, nil
}

// send carries one request. unsent says that nobody has got it.
func (e *envoy) send(ctx context.Context, host onem2m.ID, req *onem2m.Request) (res *onem2m.Response, itself, unsent bool) {
	if res := e.dead[host]; res != nil {
		return res, false, true
	}
	ctx, cancel := context.WithTimeout(ctx, farTurn)
	defer cancel()
	req.From, req.HasFrom = e.from.ID.In(e.c.Home), true
	req.Release, req.RequestID = e.c.Releases[len(e.c.Releases)-1], e.c.ownRequestID()
	req.RequestExpiration = strconv.FormatInt(farTurn.Milliseconds(), 10)
	now := e.c.instant()
	k := &call{
		c: e.c, req: req, assoc: e.over, now: now, from: e.from, vouched: true, nesting: 1,
		expires: now + onem2m.Timestamp(farTurn.Microseconds()),
	}
	res, err := k.run(ctx)
	if err != nil {
		res = k.fail(ctx, err)
		var s interface{ Sent() bool }
		unsent = res.Code != onem2m.RequestTimeout && !(errors.As(err, &s) && s.Sent())
		if unsent || e.slow[host] {
			e.dead[host] = res
		}
		e.slow[host] = true
		return k.finish(res), false, unsent
	}
	e.slow[host] = false
	itself = k.carried && (e.c.answeredBy(res, host) || wholeSP(host) && succeeded(res))
	return k.finish(res), itself, false
}

// wholeSP reports whether what a target seems to be hosted by is an AE of the
// whole SP: only the answer tells by which CSE it is.
func wholeSP(host onem2m.ID) bool { return host.Registrar() == "" && host.Stem() != "" }

// step takes one step at one <transaction>.
func (e *envoy) step(ctx context.Context, step transaction.Control, i int, f *transaction.Far, fresh bool) (transaction.Outcome, *onem2m.Response) {
	host := e.c.hostOf(f.Target)
	req, err := e.request(step, i, f)
	if err != nil {
		return transaction.Refused, &onem2m.Response{Code: onem2m.InternalServerError}
	}
	res, itself, unsent := e.send(ctx, host, req)
	if unsent && fresh {
		return transaction.Held, res
	}
	f.Asked = true
	out := f.Tell(step, res, itself, fresh)
	if out == transaction.Reached && step == transaction.Lock && res.Content != nil {
		f.Address = e.c.addressOf(f, riOf(res.Content))
	}
	if out == transaction.Unknown {
		out = e.look(ctx, step, f)
	}
	return out, e.explained(step, out, f, res)
}

// request is what is sent for a step. A request that failed is executed again
// under a new lock (TS-0001 table 10.2.18.1-2).
func (e *envoy) request(step transaction.Control, i int, f *transaction.Far) (*onem2m.Request, error) {
	if step != transaction.Lock {
		o := onem2m.Object{{Name: "tctl", Value: onem2m.IntValue(int64(step))}}
		return &onem2m.Request{
			Operation: onem2m.Update, To: cmp.Or(f.Address, f.Target+"/"+f.Name),
			Content: &onem2m.Content{Name: "m2m:trac", Value: o.Append(nil)},
		}, nil
	}
	o, err := e.m.draft(i, f)
	if err != nil {
		return nil, err
	}
	ty := int64(onem2m.TypeTransaction)
	return &onem2m.Request{Operation: onem2m.Create, To: f.Target, Type: &ty, Content: &onem2m.Content{Name: "m2m:trac", Value: o.Append(nil)}}, nil
}

// look retrieves a <transaction> when the answer to a step doesn't tell how it
// went, or hasn't come.
func (e *envoy) look(ctx context.Context, step transaction.Control, f *transaction.Far) transaction.Outcome {
	res, itself, _ := e.send(ctx, e.c.hostOf(f.Target), e.retrieval(f))
	return f.Tell(step, res, itself, false)
}

func (e *envoy) retrieval(f *transaction.Far) *onem2m.Request {
	return &onem2m.Request{Operation: onem2m.Retrieve, To: cmp.Or(f.Address, f.Target+"/"+f.Name)}
}

// explained is the response that the step is judged by: what the CSE says, what
// its <transaction> says, or why nothing is known.
func (e *envoy) explained(step transaction.Control, out transaction.Outcome, f *transaction.Far, res *onem2m.Response) *onem2m.Response {
	code := res.Code
	switch {
	case out == transaction.Held && step == transaction.Lock && code/1000 == 2:
		return &onem2m.Response{Code: onem2m.TransactionProcessingIsIncomplete, From: res.From, RequestID: res.RequestID}
	case code/1000 != 2:
	case f.Code() != 0 && f.Code()/1000 != 2:
		code = f.Code()
	case out == transaction.Refused:
		code = onem2m.IllegalTransactionStateTransitionAttempted
	default:
		code = onem2m.RequestTimeout
	}
	return &onem2m.Response{Code: code, From: res.From, RequestID: res.RequestID}
}

func riOf(content *onem2m.Content) string {
	o, err := onem2m.ParseObject(content.Value)
	if err != nil {
		return ""
	}
	ri, _ := o.Text("ri")
	return ri
}
