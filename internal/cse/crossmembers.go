package cse

import (
	"errors"
	"slices"
	"strings"

	"bulwark/access"
	"bulwark/internal/identity"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// enlisted is a request of the CSE's own that ties one target to a
// <crossResourceSubscription>.
type enlisted struct {
	call *call
	p    *procedures
	s    *subject
}

// enlist holds the requests to all targets against everything that would
// refuse them: a CREATE of a subscription for each of rrat, an UPDATE for each
// of srat, on behalf of the originator (C-319).
func (k *call) enlist(r store.Reader, s *subject) ([]enlisted, error) {
	regular, _ := s.attrs.Texts("rrat")
	var list []enlisted
	for i, to := range regular {
		if _, far := k.c.farAddress(to); far {
			continue // see subscribeFar
		}
		one, err := k.enlistRegular(r, s, i, to)
		if err != nil {
			return nil, crossFailure("rrat", i, err)
		}
		list = append(list, one)
	}
	subscriptions, _ := s.attrs.Texts("srat")
	seen := map[string]bool{}
	for i, to := range subscriptions {
		if _, far := k.c.farAddress(to); far {
			continue // see tieFar
		}
		rec := k.crossTarget(r, to)
		if rec == nil {
			return nil, crossFailure("srat", i, notFound())
		}
		if seen[rec.RI] {
			continue
		}
		seen[rec.RI] = true
		one, err := k.enlistSubscription(r, s, rec)
		if err != nil {
			return nil, crossFailure("srat", i, err)
		}
		list = append(list, one)
	}
	return list, nil
}

func (k *call) enlistRegular(r store.Reader, s *subject, i int, to string) (one enlisted, err error) {
	o := regularSubscription(s, i, k.c.reference(s.ri))
	one.call, one.s = k.subordinate(onem2m.Create, to, o), &subject{}
	if err := one.call.aim(); err != nil {
		return one, err
	}
	one.p, err = one.call.vetCreate(r, one.s)
	return one, err
}

// regularSubscription is what is created for an entry of rrat.
func regularSubscription(s *subject, i int, cross string) onem2m.Object {
	criteria := criteriaSet(s.attrs)
	self := onem2m.TextsValue([]string{cross})
	o := onem2m.Object{
		{Name: "nu", Value: self},
		{Name: "acrs", Value: self},
		{Name: "enc", Value: criteria[min(i, len(criteria)-1)]},
		{Name: "et", Value: asSent(s.attrs, "et", s.et)},
	}
	if nec := s.attrs.Get("nec"); nec != nil {
		o.Set("nec", nec)
	}
	return o
}

func (k *call) enlistSubscription(r store.Reader, s *subject, rec *store.Record) (one enlisted, err error) {
	attrs := attributes(rec)
	if notify.Blocks(attrs.Get("enc")) {
		return one, onem2m.Errorf(onem2m.BadRequest, "enc", "a blocking subscription has one target")
	}
	self := k.c.reference(s.ri)
	var o onem2m.Object
	for _, name := range []string{"nu", "acrs"} {
		list, _ := attrs.Texts(name)
		o.Set(name, onem2m.TextsValue(append(slices.Clip(list), self)))
	}
	one.call, one.s = k.subordinate(onem2m.Update, rec.RI, o), &subject{}
	if err := one.call.aim(); err != nil {
		return one, err
	}
	one.p, err = one.call.vetUpdate(r, one.s)
	return one, err
}

// reference is the address of a resource of this CSE for everybody in its SP.
func (c *CSE) reference(ri string) string { return c.Home.CSE + "/" + ri }

// subordinate is a request to a subscription of this CSE that is part of
// another one, and is decided for the originator of that (C-319).
func (k *call) subordinate(op onem2m.Operation, to string, o onem2m.Object) *call {
	req := &onem2m.Request{
		Operation: op, To: to, From: k.req.From, HasFrom: true, RequestID: k.req.RequestID, Release: k.req.Release,
		Content: &onem2m.Content{Name: "m2m:sub", Value: o.Append(nil)},
	}
	sub := &call{c: k.c, req: req, assoc: k.assoc, now: k.now, from: k.from, vouched: true, expires: k.expires, rehearsal: k.rehearsal}
	if op == onem2m.Create {
		sub.ty = onem2m.TypeSubscription
	}
	return sub
}

// aim settles address and Content of a subordinate request to this CSE.
func (k *call) aim() error {
	var err error
	if k.address, err = onem2m.ParseAddress(k.req.To); err != nil {
		return err
	}
	path, ok := k.c.hosted(k.address)
	if !ok || k.address.Attribute != "" {
		return onem2m.Errorf(onem2m.TargetNotReachable, "to", "no route to the CSE of this address")
	}
	k.address.Path = path
	return k.prepare()
}

// createCross makes the subscriptions, ties the existing ones, and starts the
// time window, all in the transaction of the CREATE: either all of it is done
// or nothing (C-319, C-320, C-322).
func createCross(k *call, tx store.Tx, s *subject) error {
	list, err := k.enlist(tx, s)
	if err != nil {
		return err
	}
	x := &crossing{Authn: k.from.Authenticated}
	far, err := k.takeFar(tx, s, x)
	if err != nil {
		return err
	}
	var made []string
	for i, one := range list {
		name := "srat"
		var rec *store.Record
		if one.s.old == nil {
			name = "rrat"
			rec, err = one.call.performCreate(tx, one.p, one.s)
		} else {
			rec, err = one.call.performUpdate(tx, one.p, one.s)
		}
		if err != nil {
			return crossFailure(name, i, err)
		}
		x.Members = append(x.Members, rec.RI)
		if one.s.old == nil {
			made = append(made, k.c.reference(rec.RI))
		}
	}
	for i := range len(made) + len(far) { // by position
		if to := far[i]; to != "" {
			made = slices.Insert(made, i, to)
		}
	}
	if len(made) > 0 {
		s.set("rrats", onem2m.TextsValue(made))
	}
	m := windowRulesOf(s.attrs)
	x.begin(m, onem2m.TimestampOf(k.c.Now()))
	return k.c.saveCrossing(tx, s.id, m, x)
}

// updateCross starts the window again where it has changed (C-325), lets the
// subscriptions that were made live as long as the resource, and settles the
// statistics.
func updateCross(k *call, tx store.Tx, s *subject) error {
	k.resetStatistics(s)
	x, err := loadCrossing(tx, s.id)
	if err != nil {
		return err
	}
	if m := windowRulesOf(s.attrs); x != nil {
		now := onem2m.TimestampOf(k.c.Now())
		if x.pass(windowRulesOf(attributes(s.old)), now) { // it ended by the old rules
			if err := k.c.Notifier.Cross(tx, s.old); err != nil {
				return err
			}
		}
		if k.draft.attrs.Has("twt") || k.draft.attrs.Has("tws") {
			x.begin(m, now)
		}
		if err := k.c.saveCrossing(tx, s.id, m, x); err != nil {
			return err
		}
	}
	if s.et != s.old.Expires {
		if err := k.extendMembers(tx, s); err != nil {
			return err
		}
	}
	return k.c.Notifier.Changed(tx, s.old, s.version())
}

// extendMembers gives the subscriptions that were made the expirationTime that
// they would have got at the beginning. Those that the originator may not
// change keep theirs.
func (k *call) extendMembers(tx store.Tx, s *subject) error {
	made, _ := s.attrs.Texts("rrats")
	var far []string
	for _, to := range made {
		if _, away := k.c.farAddress(to); away {
			far = append(far, to)
			continue
		}
		one := k.subordinate(onem2m.Update, to, onem2m.Object{{Name: "et", Value: asSent(s.attrs, "et", s.et)}})
		if one.aim() != nil {
			continue
		}
		change := &subject{}
		p, err := one.vetUpdate(tx, change)
		if err == nil {
			_, err = one.performUpdate(tx, p, change)
		} else if _, refused := errors.AsType[*onem2m.Error](err); refused {
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return k.owedFar(tx, s, far)
}

// deleteCross ends what belongs to a <crossResourceSubscription> on behalf of
// the originator of its DELETE (C-327).
func deleteCross(k *call, tx store.Tx, rec *store.Record) error {
	return k.c.sever(tx, rec, k.from, k.assoc)
}

// removeCross does so on behalf of its creator where it goes for another
// reason, and tells the subscriberURI that it is gone.
func removeCross(c *CSE, tx store.Tx, rec *store.Record) error {
	creator := identity.Originator{ID: rec.Origin}
	x, err := loadCrossing(tx, rec.ID)
	if err != nil {
		return err
	}
	if x != nil {
		creator.Authenticated = x.Authn // no more than at the CREATE
	}
	if err := c.sever(tx, rec, creator, &identity.Association{}); err != nil {
		return err
	}
	return c.Notifier.Removed(tx, rec)
}

// sever stops the window, deletes the subscriptions that were made and takes
// the resource out of the others. What who may not do is left undone, and what
// is gone or going needs nothing. The state goes first, so that it is done once.
func (c *CSE) sever(tx store.Tx, rec *store.Record, who identity.Originator, a *identity.Association) error {
	x, err := loadCrossing(tx, rec.ID)
	if err != nil || x == nil {
		return err
	}
	if err := c.forgetCrossing(tx, rec.ID); err != nil {
		return err
	}
	made, _ := attributes(rec).Texts("rrats")
	k := &call{c: c, req: &onem2m.Request{}, assoc: a, now: onem2m.TimestampOf(c.Now()), from: who, vouched: true}
	var far []string
	for _, ri := range x.Members {
		if strings.HasPrefix(ri, "//") {
			far = append(far, ri)
			continue
		}
		t, err := c.resolve(tx, []string{ri}, k.now)
		if err != nil {
			if unlessMissing(err) != nil {
				return err
			}
			continue
		}
		op, privilege := onem2m.Update, access.Update
		if slices.Contains(made, c.reference(ri)) {
			op, privilege = onem2m.Delete, access.Delete
		}
		ok, err := k.permitted(tx, t.rec, op, privilege)
		switch {
		case err != nil:
			return err
		case !ok:
			c.Log.Info("a subscription outlives its cross-resource subscription", "subscription", ri, "cross", rec.RI, "who", who.ID)
		case op == onem2m.Delete:
			err = c.removeTree(tx, t.rec, who.ID)
		default:
			err = c.untie(tx, t.rec, rec.RI, who.ID)
		}
		if err != nil {
			return err
		}
	}
	return k.severFar(tx, rec, far)
}

// untie takes a <crossResourceSubscription> out of a subscription.
func (c *CSE) untie(tx store.Tx, subscription *store.Record, ri string, who onem2m.ID) error {
	attrs := attributes(subscription)
	var changes onem2m.Object
	for _, name := range []string{"nu", "acrs"} {
		list, had := attrs.Texts(name)
		if !had {
			continue
		}
		list = slices.DeleteFunc(list, func(one string) bool { return one == c.reference(ri) })
		changes.Set(name, onem2m.TextsValue(list))
		if name == "acrs" && len(list) == 0 {
			changes.Set(name, []byte("null"))
		}
	}
	return c.amend(tx, subscription, who, changes)
}
