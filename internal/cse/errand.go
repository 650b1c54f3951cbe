package cse

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/internal/identity"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// An errand is a non-blocking request on its way. Everything about it stands in
// its <request>, so that it goes on after a crash: the result of CREATE, UPDATE
// and DELETE is stored in the transaction that carries it out, and what is
// PENDING at a start hasn't been done. Only what leaves the CSE can be done
// twice, like any notification; a fan-out is marked PARTIALLY_COMPLETED before
// it begins and becomes FAILED if a crash interrupts it, because its members
// may have been changed; so is what goes to another CSE, as FORWARDED.

// witnessName is the attribute that holds who vouched for the originator; no
// short name can be spelt like this, and it is never shown.
const witnessName = "~"

// witness is what the procedures need of originator and association.
type witness struct {
	ID            onem2m.ID     `json:"id"`
	Authenticated bool          `json:"authn,omitzero"`
	Forwarded     bool          `json:"fwd,omitzero"`
	Kind          identity.Kind `json:"kind,omitzero"`
	Framework     string        `json:"fw,omitzero"`
	Credential    string        `json:"cred,omitzero"`
	IDs           []onem2m.ID   `json:"ids,omitzero"`
	Upstream      bool          `json:"up,omitzero"`
	Trusted       bool          `json:"tr,omitzero"`
	Required      bool          `json:"rq,omitzero"`
	Binding       string        `json:"b,omitzero"`
	Source        netip.Addr    `json:"src,omitzero"`

	Result jsontext.Value `json:"res,omitzero"` // of the operation, while what it has made is being announced
}

func (k *call) witness() (jsontext.Value, error) {
	a := k.assoc
	data, err := json.Marshal(witness{
		ID: k.from.ID, Authenticated: k.from.Authenticated, Forwarded: k.from.Forwarded,
		Kind: a.Kind, Framework: a.Framework, Credential: a.CredentialID, IDs: a.IDs,
		Upstream: a.Upstream, Trusted: a.Trusted, Required: a.Required, Binding: a.Binding, Source: a.Source,
	})
	if err != nil {
		return nil, fmt.Errorf("keep the association of a request: %w", err)
	}
	return data, nil
}

// association is the one that the witness was made from.
func (w *witness) association() *identity.Association {
	return &identity.Association{
		Kind: w.Kind, Framework: w.Framework, CredentialID: w.Credential, IDs: w.IDs, Upstream: w.Upstream,
		Trusted: w.Trusted, Required: w.Required, Binding: w.Binding, Source: w.Source,
	}
}

// resume makes the call again that a <request> stands for.
func (c *CSE) resume(ctx context.Context, e *errand) (*call, error) {
	var rec *store.Record
	err := c.Store.Read(ctx, func(r store.Reader) (err error) {
		rec, err = r.ByID(e.id)
		return err
	})
	if err != nil {
		return nil, err
	}
	attrs := attributes(rec)
	var w witness
	if err := json.Unmarshal(attrs.Get(witnessName), &w); err != nil {
		return nil, fmt.Errorf("read the request %s: %w", rec.RI, err)
	}
	if e.done, err = w.keptResult(); err != nil {
		return nil, err
	}
	meta, _ := attrs.Object("mi")
	all := meta.Clone()
	for name, kept := range map[string]string{"op": "op", "to": "tg", "fr": "org", "rqi": "rid", "pc": "pc"} {
		if v := attrs.Get(kept); v != nil {
			all.Set(name, v)
		}
	}
	req, err := wire.DecodeRequest(all.Append(nil), wire.Limits{})
	if err != nil {
		return nil, fmt.Errorf("read the request %s: %w", rec.RI, err)
	}
	k := &call{
		c: c, req: req, now: onem2m.TimestampOf(c.Now()), since: rec.Created, vouched: true, errand: e,
		from:  identity.Originator{ID: w.ID, Authenticated: w.Authenticated, Forwarded: w.Forwarded},
		assoc: w.association(),
	}
	// Relative times count from the reception, at the earliest from ot.
	k.expires = k.now + onem2m.Timestamp(c.Timing.RequestExpiration.Microseconds())
	if req.RequestExpiration != "" {
		from := rec.Created
		if t, err := onem2m.ParseTimestamp(req.OriginatingTimestamp); err == nil {
			from = t
		}
		if t, err := onem2m.ParseAbsRel(req.RequestExpiration, from); err == nil {
			k.expires = t
		}
	}
	k.expires = min(k.expires, rec.Expires)
	return k, nil
}

// carryOut does the operation of one errand and keeps its result.
func (c *CSE) carryOut(ctx context.Context, e *errand) {
	again := false
	defer func() { c.backlog.end(e, again) }()
	k, err := c.resume(ctx, e)
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) && ctx.Err() == nil {
			c.Log.ErrorContext(ctx, "non-blocking request not readable", "request", e.ri, "err", err)
		}
		return
	}
	var res *onem2m.Response
	if e.done != nil {
		res = e.done
	} else if e.interrupted {
		res = k.fail(ctx, &onem2m.Error{Code: onem2m.InternalServerError, Text: "interrupted; others may have carried it out"})
	} else if res, err = k.safely(ctx); err != nil {
		if errors.Is(err, errRecalled) || ctx.Err() != nil {
			return // gone; or the process stops, and the next one begins anew
		}
		res = k.fail(ctx, err)
	}
	if e.settled == nil {
		// Whatever happened is kept, also while the process stops.
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		defer cancel()
		err := c.Store.Update(late, func(tx store.Tx) error { return k.settle(tx, res) })
		if err != nil {
			if again = !errors.Is(err, errRecalled); again {
				c.Log.ErrorContext(ctx, "result of a non-blocking request not kept", "request", e.ri, "err", err)
			}
			return
		}
	}
	if e.waiting.Load() == waiterAnswered {
		e.answer <- e.settled
	}
}

// settleTime bounds the storing of a result while the process stops.
const settleTime = 5 * time.Second

// safely runs the call; a panic costs this request only.
func (k *call) safely(ctx context.Context) (res *onem2m.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			k.c.Log.ErrorContext(ctx, "panic in a non-blocking request", "panic", p, "stack", string(debug.Stack()))
			err = onem2m.Errorf(onem2m.InternalServerError, "", "internal error")
		}
	}()
	return k.run(ctx)
}

// begin makes sure that the <request> is still there, before something happens
// that no rollback undoes. A fan-out can't be repeated: it is marked.
func (k *call) begin(ctx context.Context, fan bool) error {
	if k.req.Operation == onem2m.Retrieve {
		return nil
	}
	status := int64(0)
	if fan {
		status = statusPartial
	}
	return k.mark(ctx, status)
}

// mark makes sure that the <request> is still there and, with a status, says
// in it how far its operation has come: it isn't begun again then. For a
// blocking request it does nothing.
func (k *call) mark(ctx context.Context, status int64) error {
	e := k.errand
	if e == nil {
		return nil
	}
	return k.c.Store.Update(ctx, func(tx store.Tx) error {
		rec, err := tx.ByID(e.id)
		if errors.Is(err, store.ErrNotFound) {
			return errRecalled
		}
		if err != nil || status == 0 {
			return err
		}
		e.begun = true
		return k.c.amend(tx, rec, k.c.Home.ID(), onem2m.Object{{Name: "rs", Value: onem2m.IntValue(status)}})
	})
}

// settle keeps the result of a non-blocking request, as part of the transaction
// that carries it out where there is one (C-178, C-179), and tells it to whom
// it is for (C-183). For a blocking request it does nothing.
func (k *call) settle(tx store.Tx, res *onem2m.Response) error {
	e := k.errand
	if e == nil {
		return nil
	}
	rec, err := tx.ByID(e.id)
	if errors.Is(err, store.ErrNotFound) {
		return errRecalled
	}
	if err != nil {
		return err
	}
	final := *res
	k.finish(&final)
	status := int64(statusCompleted)
	if e.interrupted || !k.address.Local(k.c.Home) && k.strayed(final.Code) { // an AE-ID of the whole SP is local by now if the AE is here
		status = statusFailed
	}
	err = k.c.amend(tx, rec, k.c.Home.ID(), onem2m.Object{
		{Name: "rs", Value: onem2m.IntValue(status)},
		{Name: "ors", Value: operationResult(&final)},
	})
	if err != nil {
		return err
	}
	tx.OnCommit(func() { e.settled = &final })
	if e.waiting.CompareAndSwap(waiterWaits, waiterAnswered) || e.waiting.Load() == waiterAnswered {
		return nil // the originator gets it as the answer
	}
	response := wire.EncodeResponse(&final)
	for _, target := range k.resultTargets() {
		if !k.mayTell(tx, target) {
			k.audit("special", "", onem2m.OriginatorHasNoPrivilege, "no NOTIFY privilege on "+target)
			continue
		}
		if err := k.c.Notifier.Tell(tx, target, response, k.useful(rec)); err != nil {
			return err
		}
	}
	return nil
}

// useful is until when the result may be sent: until rset, where that is given
// (C-184); 0: as long as any notification.
func (k *call) useful(request *store.Record) onem2m.Timestamp {
	if k.req.ResultExpiration == "" {
		return 0
	}
	from := request.Created
	if t, err := onem2m.ParseTimestamp(k.req.OriginatingTimestamp); err == nil {
		from = t
	}
	until, err := onem2m.ParseAbsRel(k.req.ResultExpiration, from)
	if err != nil {
		return 0
	}
	return until
}

// resultTargets are the addresses that the result is sent to (C-037).
func (k *call) resultTargets() []string {
	switch {
	case k.req.HasNotifyURIs:
		return k.req.NotificationURIs
	case k.req.ResponseType != nil && *k.req.ResponseType == responseNonBlockingAsync:
		return []string{k.from.ID.In(k.c.Home)}
	}
	return nil
}

// mayTell reports whether the originator may have the CSE notify a target: one
// registered here must admit its notifications, as in a subscription.
func (k *call) mayTell(r store.Reader, nu string) bool {
	address, err := onem2m.ParseAddress(notify.TargetAddress(nu))
	if err != nil {
		return true // a URL
	}
	path, ok := k.c.hosted(address)
	if !ok {
		return true // an entity of another CSE, which answers for itself
	}
	t, err := k.c.resolve(r, path, k.now)
	if err != nil || t.virtual != "" {
		return false
	}
	if t.rec.Origin == k.from.ID {
		return true
	}
	ok, err = k.permitted(r, t.rec, onem2m.Notify, access.Notify)
	return err == nil && ok
}
