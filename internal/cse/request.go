package cse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// Values of m2m:requestStatus.
const (
	statusCompleted = 1
	statusFailed    = 2
	statusPending   = 3
	statusForwarded = 4
	statusPartial   = 5
)

// maxRequestLifetime bounds how long a <request> may be asked to stay (C-059):
// until it is executed it takes a place in the backlog.
const maxRequestLifetime = 7 * 24 * time.Hour

// maxResultTargets bounds the addresses that one result is sent to.
const maxResultTargets = 32

// <request> is made by the CSE alone (C-173). Its policy is built in, see
// authorize.go.
func requestProcedures() *procedures {
	return &procedures{
		noCreate: true, noUpdate: true, private: []string{witnessName},
		visible: visibleRequest, public: toldRequest, retrievable: recallable, remove: forgetRequest,
	}
}

// checkResponseType decides between a blocking answer and a <request> (row 14,
// C-174, C-185, C-186).
func (k *call) checkResponseType(ctx context.Context) error {
	rt := responseBlocking
	if k.req.ResponseType != nil {
		rt = int(*k.req.ResponseType)
	}
	if rt == responseBlocking || rt == responseNone || k.errand != nil {
		return nil
	}
	slow, refused, err := k.prospect(ctx)
	switch {
	case err != nil:
		return err
	case rt == responseFlex && (refused != "" || !slow):
		return nil
	case refused != "":
		return onem2m.Errorf(onem2m.BadRequest, "rt", "%s", refused)
	}
	if len(k.req.NotificationURIs) > maxResultTargets {
		return onem2m.Errorf(onem2m.BadRequest, "nu", "more than %d notification addresses", maxResultTargets)
	}
	for _, nu := range k.req.NotificationURIs {
		if err := notify.CheckTarget(nu); err != nil {
			return err
		}
	}
	if err := k.setPersistence(); err != nil {
		return err
	}
	k.later, k.patient = true, rt == responseFlex
	return nil
}

// prospect looks at what the request is for: whether its operation may have to
// wait for others, and why it can't be non-blocking, if so.
func (k *call) prospect(ctx context.Context) (slow bool, refused string, err error) {
	if k.from.ID == "" {
		return false, "a registration that asks for an AE-ID is answered at once: nobody could fetch the result", nil
	}
	if k.claims() { // its <request> would be another's, and take one of that one's places
		return false, "a registration without proof of the identity is answered at once", nil
	}
	slow = k.execute > k.now || k.req.Operation == onem2m.Notify
	if p := k.c.types[k.ty]; k.req.Operation == onem2m.Create && p != nil && p.verify != nil {
		slow = true
	}
	if info := k.contentType(); info != nil && k.req.Operation == onem2m.Update {
		if p := k.c.types[info.Type]; p != nil && p.verify != nil {
			slow = true
		}
	}
	path, ok := k.c.hosted(k.address)
	if !ok {
		return true, "", nil
	}
	err = k.c.Store.Read(ctx, func(r store.Reader) error {
		t, err := k.c.resolve(r, path, k.now)
		switch {
		case err != nil && onem2m.AsError(err).Code == onem2m.NotFound:
			return nil // told in the result (C-185)
		case err != nil:
			return err
		case t.virtual == pollingURI:
			refused = "a polling channel is polled by blocking requests" // C-365
		case t.virtual == "" && t.rec.Type == onem2m.TypeRequest:
			refused = "a <request> is accessed by blocking requests" // C-174
		case k.c.types[t.rec.Type] != nil && k.c.types[t.rec.Type].virtual[t.virtual] != nil:
			slow = true
		}
		return nil
	})
	return slow, refused, err
}

// setPersistence settles how long the <request> lives: until rset, or as long
// after the execution as rp says, or for the default lifetime, and never less
// than the request itself (C-059, C-176). An operation without rqet may begin
// as long as its <request> lives.
func (k *call) setPersistence() error {
	start := max(k.now, k.execute)
	until := start + onem2m.Timestamp(k.c.Timing.RequestLifetime.Microseconds())
	if s := k.req.ResultPersistence; s != "" {
		t, err := onem2m.ParseAbsRel(s, start)
		if err != nil || t <= start {
			return onem2m.Errorf(onem2m.BadRequest, "rp", "the result would be gone before it is there")
		}
		until = t
	}
	if s := k.req.ResultExpiration; s != "" {
		from := k.now
		if t, err := onem2m.ParseTimestamp(k.req.OriginatingTimestamp); err == nil {
			from = t
		}
		t, err := onem2m.ParseAbsRel(s, from)
		if err != nil {
			return onem2m.Errorf(onem2m.BadRequest, "rset", "neither a timestamp nor a number of milliseconds")
		}
		until = t
	}
	if k.req.RequestExpiration == "" {
		k.expires = until
	}
	k.persist = max(until, k.expires)
	if k.persist > k.now+onem2m.Timestamp(maxRequestLifetime.Microseconds()) {
		return onem2m.Errorf(onem2m.BadRequest, "rp", "a request is kept for %s at most", maxRequestLifetime)
	}
	return nil
}

// acknowledge makes the <request>, hands it to the workers and answers (C-173).
// A flexible one is waited for a moment (C-186).
func (k *call) acknowledge(ctx context.Context) (*onem2m.Response, error) {
	e := &errand{whose: k.bringer(), due: max(k.now, k.execute), answer: make(chan *onem2m.Response, 1)}
	if _, here := k.c.hosted(k.address); !here {
		e.due = k.now // the CSE that hosts the target waits for oet
	}
	if k.patient && e.due < k.now+onem2m.Timestamp(k.c.Timing.FlexBlocking.Microseconds()) {
		e.waiting.Store(waiterWaits)
	}
	if !k.c.backlog.reserve(e) {
		return nil, &onem2m.Error{
			Code: onem2m.RequestTimeout, Subject: "rt", Text: "too many non-blocking requests are waiting", Cause: errBacklogFull,
		}
	}
	var address string
	err := k.c.Store.Update(ctx, func(tx store.Tx) error {
		base, err := tx.ByID(baseID)
		if err != nil {
			return err
		}
		rec, err := k.requestRecord(tx)
		if err != nil {
			return err
		}
		if err := tx.Insert(rec); err != nil {
			return err
		}
		if k.keep != nil {
			if err := k.keep(tx); err != nil {
				return err
			}
		}
		e.id, e.ri, address = rec.ID, rec.RI, base.RN+"/"+rec.RN
		k.c.backlog.note(e)
		return k.c.Notifier.Record(tx, notify.Event{
			Type: notify.ChildCreated, Resource: base, Child: k.c.publicRecord(rec), Originator: k.c.Home.ID(),
		})
	})
	if err != nil {
		k.c.backlog.release(e)
		return nil, err
	}
	waits := e.waiting.Load() == waiterWaits
	k.c.backlog.add(e)
	if waits {
		if res := k.hear(ctx, e); res != nil {
			return res, nil
		}
	}
	ack := &onem2m.Response{Code: onem2m.AcceptedForNonBlockingRequestSynch}
	if *k.req.ResponseType == responseNonBlockingAsync || k.req.HasNotifyURIs {
		ack.Code = onem2m.AcceptedForNonBlockingRequestAsynch
	}
	ack.Content = uri(newReferences(k).prefix + address)
	return ack, nil
}

// hear waits for the result of a flexible request, for a moment; nil: it isn't
// there yet. A <request> that nobody knows of is removed.
func (k *call) hear(ctx context.Context, e *errand) *onem2m.Response {
	defer Yield(ctx)()
	timer := time.NewTimer(k.c.Timing.FlexBlocking)
	defer timer.Stop()
	var res *onem2m.Response
	select {
	case res = <-e.answer:
	case <-ctx.Done():
	case <-timer.C:
	}
	if res == nil {
		if e.waiting.CompareAndSwap(waiterWaits, waiterGone) {
			return nil // the result goes into the <request>
		}
		select {
		case res = <-e.answer: // it is being stored
		case <-ctx.Done():
		}
	}
	if res == nil {
		return nil
	}
	err := k.c.Store.Update(ctx, func(tx store.Tx) error {
		rec, err := tx.ByID(e.id)
		if err != nil {
			return err
		}
		return k.c.removeTree(tx, rec, k.c.Home.ID())
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		k.c.Log.WarnContext(ctx, "a <request> stays until it expires", "request", e.ri, "err", err)
	}
	return res
}

// requestRecord makes the stored <request> (C-176).
func (k *call) requestRecord(tx store.Tx) (*store.Record, error) {
	all, err := onem2m.ParseObject(wire.EncodeRequest(k.req))
	if err != nil {
		return nil, fmt.Errorf("keep a request: %w", err)
	}
	var attrs, meta onem2m.Object
	names := map[string]string{"op": "op", "to": "tg", "fr": "org", "rqi": "rid", "pc": "pc"}
	for _, m := range all {
		if name, ok := names[m.Name]; ok {
			attrs.Set(name, m.Value)
		} else {
			meta.Set(m.Name, m.Value)
		}
	}
	if !meta.Has("rvi") {
		meta.Set("rvi", onem2m.TextValue("1"))
	}
	witness, err := k.witness()
	if err != nil {
		return nil, err
	}
	attrs = append(onem2m.Object{{Name: "lbl", Value: onem2m.TextsValue([]string{k.req.From})}}, attrs...)
	attrs.Set("mi", meta.Append(nil))
	attrs.Set("rs", onem2m.IntValue(statusPending))
	attrs.Set("ors", operationResult(&onem2m.Response{Code: onem2m.Accepted, RequestID: k.req.RequestID}))
	attrs.Set(witnessName, witness)
	id, now := tx.NextID(), k.c.tick()
	ri := k.c.names.resourceID("m2m:req", id)
	u := universal{
		ty: onem2m.TypeRequest, ri: ri, rn: ri, pi: k.c.Home.ResourceID(), ct: now, lt: now, et: k.persist, after: attrs,
	}
	return &store.Record{
		ID: id, Parent: baseID, RI: ri, RN: ri, Type: onem2m.TypeRequest, Root: "m2m:req",
		Created: now, Modified: now, Expires: k.persist, Due: k.persist, Origin: k.from.ID, Attributes: u.encode(),
	}, nil
}

// operationResult makes the attribute of that name: the response without what
// m2m:operationResult has no place for.
func operationResult(res *onem2m.Response) jsontext.Value {
	kept := *res
	kept.Release, kept.VendorInformation = "", nil
	kept.AssignedTokenIDs, kept.TokenRequestInfo, kept.AuthorSignRequest = nil, nil, nil
	return wire.EncodeResponse(&kept)
}

// recallable refuses the DELETE of a <request> whose operation can't be called
// back any more (C-181).
func recallable(k *call, _ store.Reader, rec *store.Record) error {
	if k.req.Operation != onem2m.Delete {
		return nil
	}
	switch rs, _ := attributes(rec).Int("rs"); {
	case rs == statusForwarded, rs == statusPartial, rs == statusPending && k.c.backlog.busy(rec.RI):
		return onem2m.Errorf(onem2m.UnableToRecallRequest, "to", "the operation is being carried out")
	}
	return nil
}

// forgetRequest takes a removed <request> off the backlog. What has begun
// meanwhile finds it gone before it changes anything.
func forgetRequest(c *CSE, tx store.Tx, rec *store.Record) error {
	tx.OnCommit(func() { c.backlog.forget(rec.RI) })
	return nil
}

// visibleRequest leaves out what the CSE keeps for itself, and credentials for
// everybody but the originator.
func visibleRequest(k *call, rec *store.Record, attrs onem2m.Object) onem2m.Object {
	if k.from.ID == rec.Origin {
		attrs.Delete(witnessName)
		return attrs
	}
	return publicRequest(attrs)
}

// toldRequest is what subscribers may see of a <request>. Those of the <CSEBase>
// learn of everybody's, and the originator alone may RETRIEVE it: what it
// brings and what came of it are left out.
func toldRequest(attrs onem2m.Object) onem2m.Object {
	attrs.Delete("pc")
	attrs.Delete("ors")
	return publicRequest(attrs)
}

// publicRequest is a <request> without credentials.
func publicRequest(attrs onem2m.Object) onem2m.Object {
	attrs.Delete(witnessName)
	meta, ok := attrs.Object("mi")
	if !ok {
		return attrs
	}
	meta = meta.Clone()
	tokens, signs := meta.Delete("tkns"), meta.Delete("aus")
	if tokens || signs {
		attrs.Set("mi", meta.Append(nil))
	}
	return attrs
}

// requestPolicy is the policy of a <request> (A-49, C-177): the originator may
// RETRIEVE and DELETE it. What the hosting CSE does itself asks nobody, and an
// UPDATE is 4005 for everybody, so that selfPrivileges have nothing to grant.
func (c *CSE) requestPolicy(rec *store.Record) access.Source {
	rules := onem2m.Object{{Name: "acor", Value: onem2m.TextsValue([]string{string(rec.Origin)})}, {Name: "acop", Value: onem2m.IntValue(10)}}
	policy, err := access.Compile(c.Home, jsontext.Value(`{"acr":[`+string(rules.Append(nil))+`]}`), "privileges")
	if err != nil {
		return access.Source{} // nobody but the administrator
	}
	return access.Source{Name: "built-in policy of <request>", Policy: policy}
}

// errBacklogFull says that no more non-blocking requests are taken for now.
var errBacklogFull = errors.New("the backlog is full")

// errRecalled says that a <request> was deleted, or has expired, before its
// operation changed anything.
var errRecalled = errors.New("the request was recalled")
