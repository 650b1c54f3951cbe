package cse

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"bulwark/internal/identity"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// tie is a subscription of another CSE that has been made to notify a
// <crossResourceSubscription> of this one (C-319).
type tie struct {
	member string // its resourceID, valid everywhere
	debt   debt   // to undo it
}

// tieFar has the subscriptions among the targets that other CSEs host notify the
// resource that is being made: each is retrieved, and updated with one target
// more, on behalf of the originator (TS-0004 clause 7.4.58.2.1). What is changed is
// owed its undoing until the resource is stored, as in subscribeFar.
func (k *call) tieFar(ctx context.Context, s *subject) error {
	subscriptions, _ := s.attrs.Texts("srat")
	s.farTied = nil
	for i, to := range subscriptions {
		if _, far := k.c.farAddress(to); !far {
			continue
		}
		if err := k.tieTo(ctx, s, to); err != nil {
			if onem2m.AsError(err).Code == onem2m.BadRequest && onem2m.AsError(err).Subject == "srat" {
				return err
			}
			return crossFailure("srat", i, err)
		}
	}
	return nil
}

func (k *call) tieTo(ctx context.Context, s *subject, to string) error {
	address, _ := k.c.farAddress(to)
	if address.CSE == "" || address.Attribute != "" {
		return onem2m.Errorf(onem2m.BadRequest, "to", "not a resource identifier")
	}
	as := farParty{c: k.c, from: k.from, assoc: k.assoc, expires: k.expires}
	attrs, err := as.subscription(ctx, to)
	if err != nil {
		return err
	}
	if notify.Blocks(attrs.Get("enc")) {
		return onem2m.Errorf(onem2m.BadRequest, "enc", "a blocking subscription has one target")
	}
	ri, _ := attrs.Text("ri")
	if ri, err = k.c.there(ri, address.Host(k.c.Home)); err != nil {
		return err
	}
	whole, err := onem2m.ParseAddress(ri)
	if err != nil {
		return err
	}
	member := k.c.foreignKey(whole)
	if slices.ContainsFunc(s.farTied, func(one tie) bool { return one.member == member }) {
		return nil
	}
	who, err := k.witness()
	if err != nil {
		return err
	}
	one := tie{member: member, debt: debt{Address: ri, Cross: s.ri, Who: who, Due: k.expires}}
	if err := k.c.owe(ctx, one.debt); err != nil {
		return err
	}
	k.c.awaited.begin(s.ri, k.from.ID)
	k.c.awaited.tie(s.ri, address.Host(k.c.Home))
	defer k.c.awaited.end(s.ri)
	self := k.c.crossReference(s.ri, whole)
	var change onem2m.Object
	for _, name := range []string{"nu", "acrs"} {
		list, _ := attrs.Texts(name)
		change.Set(name, onem2m.TextsValue(append(slices.Clip(list), self)))
	}
	if err := as.update(ctx, ri, change); err != nil {
		return err
	}
	s.farTied = append(s.farTied, one)
	return nil
}

// crossReference is how a <crossResourceSubscription> of this CSE is called at
// another address.
func (c *CSE) crossReference(ri string, at onem2m.Address) string {
	if at.SP != "" && at.SP != c.Home.SP {
		return c.Home.SP + c.reference(ri)
	}
	return c.reference(ri)
}

// takeTied makes members of what tieFar has tied, in the transaction that stores
// the resource, and returns the debts that are settled.
func (s *subject) takeTied(x *crossing) (settled []string) {
	for _, one := range s.farTied {
		x.Members = append(x.Members, one.member)
		settled = append(settled, one.debt.key())
	}
	return settled
}

// severFar has the subscriptions that were made on other CSEs deleted, and the
// resource taken out of those that it was added to (C-327).
func (k *call) severFar(tx store.Tx, rec *store.Record, far []string) error {
	if len(far) == 0 {
		return nil
	}
	who, err := k.witness()
	if err != nil {
		return err
	}
	made, _ := attributes(rec).Texts("rrats")
	for i, text := range made {
		if a, err := onem2m.ParseAddress(text); err == nil {
			made[i] = k.c.foreignKey(a)
		}
	}
	list := make([]debt, 0, len(far))
	for _, address := range far {
		one := debt{Address: address, Who: who, Due: k.now}
		if !slices.Contains(made, address) {
			one.Cross = rec.RI
		}
		list = append(list, one)
	}
	err = k.c.addDebts(tx, list)
	if _, refused := errors.AsType[*onem2m.Error](err); refused {
		k.c.Log.Warn("subscriptions on other CSEs outlive their cross-resource subscription", "subscriptions", far, "err", err)
		return nil
	}
	return err
}

// owedFar has the subscriptions that were made on other CSEs live as long as the
// resource does.
func (k *call) owedFar(tx store.Tx, s *subject, far []string) error {
	if len(far) == 0 {
		return nil
	}
	who, err := k.witness()
	if err != nil {
		return err
	}
	list := make([]debt, 0, len(far))
	for _, address := range far {
		list = append(list, debt{Address: address, Extend: s.et, Who: who, Due: k.now})
	}
	err = k.c.addDebts(tx, list)
	if _, refused := errors.AsType[*onem2m.Error](err); refused {
		k.c.Log.Warn("subscriptions on other CSEs keep their expiration time", "subscriptions", far, "err", err)
		return nil
	}
	return err
}

// extendFar tries to give a subscription of another CSE a new expirationTime, and
// reports whether there is no point in trying again.
func (c *CSE) extendFar(ctx context.Context, one debt) (gone bool, err error) {
	as, err := c.debtor(one)
	if err != nil {
		return false, err
	}
	as.expires = c.instant() + micros(debtTime)
	if as.update(ctx, one.Address, onem2m.Object{{Name: "et", Value: onem2m.TimeValue(one.Extend)}}) == nil {
		return true, nil
	}
	return c.pastHelp(one, as.last), nil
}

// untieFar tries to take a <crossResourceSubscription> out of a subscription of
// another CSE, and reports whether there is no point in trying again.
func (c *CSE) untieFar(ctx context.Context, one debt) (gone bool, err error) {
	as, err := c.debtor(one)
	if err != nil {
		return false, err
	}
	as.expires = c.instant() + micros(debtTime)
	attrs, err := as.subscription(ctx, one.Address)
	if err != nil {
		return as.last.Code == onem2m.OK || c.pastHelp(one, as.last), nil
	}
	at, err := onem2m.ParseAddress(one.Address)
	if err != nil {
		return true, nil //nolint:nilerr // nothing stands there
	}
	self := c.crossReference(one.Cross, at)
	var change onem2m.Object
	for _, name := range []string{"nu", "acrs"} {
		list, _ := attrs.Texts(name)
		rest := slices.DeleteFunc(slices.Clone(list), func(to string) bool { return c.sameCross(to, self) })
		switch {
		case len(rest) == len(list):
		case len(rest) > 0:
			change.Set(name, onem2m.TextsValue(rest))
		case name == "acrs": // a subscription keeps a target
			change.Set(name, onem2m.NullValue())
		}
	}
	if len(change) == 0 {
		return true, nil
	}
	if as.update(ctx, one.Address, change) == nil {
		return true, nil
	}
	return c.pastHelp(one, as.last), nil
}

// sameCross compares two addresses of a <crossResourceSubscription>: the other CSE
// may have written it in another form.
func (c *CSE) sameCross(text, self string) bool {
	a, err := onem2m.ParseAddress(text)
	if err != nil {
		return false
	}
	b, err := onem2m.ParseAddress(self)
	return err == nil && c.foreignKey(a) == c.foreignKey(b)
}

// farParty sends requests to subscriptions of other CSEs in somebody's name.
type farParty struct {
	c       *CSE
	from    identity.Originator
	assoc   *identity.Association
	expires onem2m.Timestamp
	apart   bool // long after the request that it comes of, which it needn't follow back
	last    *onem2m.Response
}

// debtor is who a debt is paid for.
func (c *CSE) debtor(one debt) (*farParty, error) {
	var w witness
	if err := json.Unmarshal(one.Who, &w); err != nil {
		return nil, fmt.Errorf("on whose behalf %s is changed: %w", one.Address, err)
	}
	from := identity.Originator{ID: w.ID, Authenticated: w.Authenticated, Forwarded: w.Forwarded}
	return &farParty{c: c, from: from, assoc: w.association()}, nil
}

// subscription retrieves one. Anything else is 4000, which TS-0004 leaves to the
// CSE (C-321).
func (p *farParty) subscription(ctx context.Context, to string) (onem2m.Object, error) {
	res := p.perform(ctx, &onem2m.Request{Operation: onem2m.Retrieve, To: to})
	if res.Code != onem2m.OK || res.Content == nil {
		return nil, onem2m.Errorf(res.Code, "to", "the other CSE refuses the subscription")
	}
	if res.Content.Name != "m2m:sub" {
		return nil, onem2m.Errorf(onem2m.BadRequest, "srat", "an entry is no subscription")
	}
	return onem2m.ParseObject(res.Content.Value)
}

func (p *farParty) update(ctx context.Context, to string, change onem2m.Object) error {
	res := p.perform(ctx, &onem2m.Request{Operation: onem2m.Update, To: to, Content: &onem2m.Content{Name: "m2m:sub", Value: change.Append(nil)}})
	if res.Code != onem2m.Updated {
		return onem2m.Errorf(res.Code, "to", "the other CSE refuses the change of the subscription")
	}
	return nil
}

func (p *farParty) perform(ctx context.Context, req *onem2m.Request) *onem2m.Response {
	req.From, req.HasFrom, req.Release = p.from.ID.In(p.c.Home), true, "3"
	req.RequestID = string(p.c.names.appendTail([]byte("x-"), 12))
	req.RequestExpiration = p.expires.String()
	if a, err := onem2m.ParseAddress(req.To); err == nil {
		req.To = p.c.widely(a)
	}
	if !p.apart {
		p.last = p.c.perform(ctx, p.from, p.assoc, req)
		return p.last
	}
	k := &call{c: p.c, req: req, assoc: p.assoc, now: p.c.instant(), from: p.from, vouched: true, nesting: 1, expires: p.expires}
	res, err := k.run(ctx)
	if err != nil {
		res = k.fail(ctx, err)
	}
	p.last = k.finish(res)
	return p.last
}
