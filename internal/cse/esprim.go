package cse

import (
	"context"
	"errors"

	"bulwark/e2e/esprim"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// esprimBinding is how the audit names the way on which an inner request came.
const esprimBinding = "esprim"

// offerRand answers a request for a receiver rand object (TS-0004 clause
// 7.5.1.2.11). Nothing vouches for the requester, and nothing has to.
func (k *call) offerRand() (*onem2m.Response, error) {
	if !k.c.protects() {
		return nil, unprotected()
	}
	rand, err := k.c.ESPrim.Offer(k.from.ID)
	if errors.Is(err, esprim.ErrBusy) { // no failure of the CSE: a stranger fills no log with it
		return &onem2m.Response{Code: onem2m.InternalServerError, Content: &onem2m.Content{Name: "m2m:dbg", Value: onem2m.TextValue(onem2m.AsError(err).Debug())}}, nil
	}
	if err != nil {
		return nil, err
	}
	value, err := rand.JSON()
	if err != nil {
		return nil, err
	}
	info := onem2m.SecurityInfo{SIT: onem2m.SecurityRandResponse, RandObject: value}
	return &onem2m.Response{Code: onem2m.OK, Content: info.Content()}, nil
}

func unprotected() error {
	return onem2m.Errorf(onem2m.NotImplemented, "sit", "this CSE takes no protected requests")
}

// openProtected carries out the inner request of an ESPrim Object and protects
// its response, good or bad (TS-0003 clause 8.4.2, TS-0004 clause 7.6.2). An
// error that is told in the outer response comes with a protected one where the
// originator has proven that it is one (E-91).
func (k *call) openProtected(ctx context.Context, info onem2m.SecurityInfo) (*onem2m.Response, error) {
	if !k.c.protects() {
		return nil, unprotected()
	}
	object, err := info.ESPrim()
	if err != nil {
		return nil, err
	}
	x, err := k.c.ESPrim.Open(ctx, object)
	if err != nil {
		e := onem2m.AsError(err)
		k.audit(esprimBinding, "", e.Code, e.Error())
		if x == nil {
			return nil, err
		}
		sealed, failed := x.Refuse(e.Code)
		if failed != nil {
			return nil, err
		}
		return &onem2m.Response{Code: e.Code, Content: onem2m.NewESPrimInfo(sealed).Content()}, nil
	}
	sealed, err := x.Seal(k.c.inner(ctx, x))
	if err != nil {
		k.c.Log.ErrorContext(ctx, "a protected request was carried out, and its response can't be protected", "req", k.req.RequestID, "err", err)
		return nil, err // E-75
	}
	return &onem2m.Response{Code: onem2m.OK, Content: onem2m.NewESPrimInfo(sealed).Content()}, nil
}

// inner carries out an inner request as any other of its originator, who is
// authenticated by the key alone: the outer request counts for nothing any more
// (E-69, E-70). It is blocking whatever it says (E-72).
func (c *CSE) inner(ctx context.Context, x *esprim.Exchange) *onem2m.Response {
	req := *x.Request
	req.ResponseType, req.NotificationURIs, req.HasNotifyURIs = nil, nil, false
	req.EventCategory, req.DeliveryAggregate = nil, nil
	a := &identity.Association{
		Framework: identity.FrameworkNone, CredentialID: x.CredentialID(), Required: true, Binding: esprimBinding,
	}
	k := &call{c: c, req: &req, assoc: a, now: onem2m.TimestampOf(c.Now()), vouched: true}
	k.from = identity.Originator{ID: x.Originator, Authenticated: true, Forwarded: true}
	res, err := k.runInner(ctx, x.Fault)
	if err != nil {
		res = k.fail(ctx, err)
	}
	return k.finish(res)
}

// runInner refuses what makes no sense inside, and runs the rest.
func (k *call) runInner(ctx context.Context, fault error) (*onem2m.Response, error) {
	if fault != nil {
		return nil, fault
	}
	if k.from.ID == k.c.admin { // decision 23: only over its certificate
		return nil, onem2m.Errorf(onem2m.OriginatorNotAuthenticated, "fr", "the administrator shows its certificate")
	}
	if ty := k.req.Type; ty != nil && k.req.Operation == onem2m.Create &&
		(onem2m.ResourceType(*ty) == onem2m.TypeAE || onem2m.ResourceType(*ty) == onem2m.TypeRemoteCSE) {
		return nil, onem2m.Errorf(onem2m.BadRequest, "ty", "a registration needs an association of its own")
	}
	if onem2m.PeekSecurityInfoType(k.req.Content) == onem2m.SecurityESPrim {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "a protected request inside a protected one") // E-76
	}
	address, err := onem2m.ParseAddress(k.req.To)
	if err != nil {
		return nil, err
	}
	if _, here := k.c.hosted(address); !here {
		return nil, onem2m.Errorf(onem2m.NotFound, "to", "the receiver of a protected request hosts its target") // E-76
	}
	err = k.c.Store.Read(ctx, func(r store.Reader) error { // who is known here is told the shorter names
		reg := entrants{snapshot{c: k.c, r: r, now: k.now}}
		if deregistered(reg, k.c.Home, k.from.ID) {
			return onem2m.Errorf(onem2m.OriginatorNotAuthenticated, "fr", "is not registered")
		}
		k.from.Forwarded = !reg.AERegistered(k.from.ID) && !reg.CSERegistered(k.from.ID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return k.run(ctx)
}

// deregistered reports whether id is an AE that this CSE answers for and that is
// not registered: its key doesn't outlive its registration. An AE of the whole SP
// is one of here while its AE-ID is bound here and no other CSE is known to have
// it.
func deregistered(reg entrants, home onem2m.Home, id onem2m.ID) bool {
	switch {
	case reg.AERegistered(id), reg.CSERegistered(id), id.SP() != home.SP:
		return false
	case id.Registrar() != "":
		return id.Registrar() == home.ID()
	}
	if at := reg.RegistrarOf(id); at != "" && at != home.ID() {
		return false
	}
	_, bound := reg.CredentialOf(id)
	return bound
}
