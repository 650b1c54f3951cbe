package cse

import (
	"context"
	"errors"
	"slices"
	"strings"

	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// crossScheme begins the point of access that stands for a
// <crossResourceSubscription> of this CSE; the rest is its resourceID. What is
// sent there never leaves the CSE.
const crossScheme = "crs:"

// reachCross returns how a <crossResourceSubscription> of this CSE is notified.
func (c *CSE) reachCross(ri string) notify.Reach {
	return notify.Reach{ID: c.Home.ID(), Points: []string{crossScheme + ri}, Release: "3"}
}

// wasCross reports whether an address that leads nowhere is that of a
// <crossResourceSubscription>, which is gone then: resourceIDs are the CSE's own.
func wasCross(path []string) bool {
	short := strings.TrimPrefix(onem2m.TypeByNumber(onem2m.TypeCrossResourceSubscription).Root, "m2m:")
	return len(path) == 1 && strings.HasPrefix(path[0], short) && strings.Contains(path[0], "-")
}

// crossed serves a notification to a <crossResourceSubscription> that comes
// from this CSE itself, the host of all subscriptions that it waits for (C-323).
// An AE can write anything into its point of access, but isn't who the CSE is.
func (c *CSE) crossed(ctx context.Context, ri string, who onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	if who != c.Home.ID() {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "no such point of access")
	}
	notices, err := crossNotices(req.Content)
	if err == nil {
		err = c.Store.Update(ctx, func(tx store.Tx) error { return c.takeNotices(tx, ri, req.RequestID, who, notices) })
	}
	if e, ok := errors.AsType[*onem2m.Error](err); ok && e.Code != onem2m.InternalServerError {
		return &onem2m.Response{Code: e.Code}, nil
	}
	if err != nil {
		return nil, err
	}
	return &onem2m.Response{Code: onem2m.OK}, nil
}

// crossNotices returns the notifications in a Content, one or several.
func crossNotices(content *onem2m.Content) ([]onem2m.Object, error) {
	bad := onem2m.Errorf(onem2m.BadRequest, "pc", "no notification of a subscription")
	if content == nil {
		return nil, bad
	}
	o, err := onem2m.ParseObject(content.Value)
	if err != nil {
		return nil, bad
	}
	switch content.Name {
	case "m2m:sgn":
		return []onem2m.Object{o}, nil
	case "m2m:agn":
		items, err := onem2m.ParseList(o.Get("m2m:sgn"))
		if err != nil || len(items) == 0 { // of none nobody could say whose it is
			return nil, bad
		}
		list := make([]onem2m.Object, 0, len(items))
		for _, item := range items {
			one, err := onem2m.ParseObject(item)
			if err != nil {
				return nil, bad
			}
			list = append(list, one)
		}
		return list, nil
	}
	return nil, bad
}

// takeNotices takes notifications in: the end of a member, a question for
// agreement, or something that happened (TS-0004 clauses 7.5.1.2.3, 7.5.1.2.4
// and 7.5.1.2.18).
func (c *CSE) takeNotices(tx store.Tx, ri, rqi string, from onem2m.ID, notices []onem2m.Object) error {
	now := onem2m.TimestampOf(c.Now())
	ends := func(o onem2m.Object) bool { end, _ := o.Bool("sud"); return end }
	t, err := c.resolve(tx, []string{ri}, now)
	if err != nil {
		if onem2m.AsError(err).Code == onem2m.NotFound && len(notices) == 1 && ends(notices[0]) {
			return nil // the deletion that caused it is over (C-328)
		}
		return err
	}
	x, err := loadCrossing(tx, t.rec.ID)
	if err != nil {
		return err
	}
	m, fires := windowRulesOf(attributes(t.rec)), 0
	again := x != nil && x.Last == rqi
	for _, notice := range notices {
		member := c.memberOf(x, from, notice)
		if member == "" {
			return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "sur", "no subscription that is waited for")
		}
		if ends(notice) {
			x.Members = slices.DeleteFunc(x.Members, func(one string) bool { return one == member }) // it is past help
			if err := c.saveCrossing(tx, t.rec.ID, m, x); err != nil {
				return err
			}
			return c.removeTree(tx, t.rec, c.Home.ID())
		}
		if asks, _ := notice.Bool("vrq"); asks || again {
			continue
		}
		for _, fired := range []bool{x.pass(m, now), x.hear(m, member, now)} {
			if fired {
				fires++
			}
		}
	}
	for range fires {
		if err := c.Notifier.Cross(tx, t.rec); err != nil {
			return err
		}
	}
	x.Last = rqi
	return c.saveCrossing(tx, t.rec.ID, m, x)
}

// memberOf returns the member that a notification of a CSE comes from, or "".
func (c *CSE) memberOf(x *crossing, from onem2m.ID, notice onem2m.Object) string {
	sur, _ := notice.Text("sur")
	address, err := onem2m.ParseAddress(sur)
	if x == nil || err != nil || len(address.Path) != 1 || address.Host(c.Home) != from {
		return ""
	}
	member := address.Path[0]
	if !address.Local(c.Home) {
		member = c.foreignKey(address)
	}
	if !slices.Contains(x.Members, member) {
		return ""
	}
	return member
}

// strangeNotice refuses a NOTIFY to a <crossResourceSubscription> that comes from
// anybody but the host of a subscription that it waits for (C-323).
func (k *call) strangeNotice() error {
	k.audit("special", "", onem2m.OriginatorHasNoPrivilege, "not from the host of a subscription that is waited for")
	return k.denied(onem2m.Notify)
}
