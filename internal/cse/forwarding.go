package cse

import (
	"context"
	"slices"
	"strings"

	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// forward prepares a fan-out that creates subscriptions with
// notificationForwardingURI: they notify the group, which passes on what comes
// (TS-0004 clause 7.4.14.2.3, C-356). done is called when the members have been
// asked, with whether other CSEs have something that uses the gathering: nobody
// tells when that goes, so that it stays as long as the group.
func (k *call) forward(ctx context.Context, group *store.Record) (done func(elsewhere bool) error, err error) {
	done = func(bool) error { return nil }
	if k.req.Operation != onem2m.Create || k.ty != onem2m.TypeSubscription || !k.draft.raw.Has("nfu") || k.draft.raw.IsNull("nfu") {
		return done, nil
	}
	want, err := k.checkForwarding(ctx, group)
	if err != nil {
		return done, err
	}
	to := &gathered{Group: group.ID}
	err = k.c.Store.Update(ctx, func(tx store.Tx) error { return k.openGathering(tx, group, want, to) })
	if err != nil {
		return done, err
	}
	attrs := k.draft.raw.Clone()
	attrs.Set("nu", onem2m.TextsValue([]string{to.Address}))
	attrs.Set("gpi", onem2m.TextValue(k.c.reference(group.RI)))
	req := *k.req
	req.Content = &onem2m.Content{Name: k.req.Content.Name, Value: attrs.Append(nil)}
	k.req, k.gathers = &req, to
	return func(elsewhere bool) error {
		if elsewhere {
			return nil
		}
		return k.c.Store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error { return k.c.release(tx, to) })
	}, nil
}

// keptElsewhere reports whether a member on another CSE may have done what it
// was asked: also where no answer has come.
func keptElsewhere(orders []order, answers []*onem2m.Response) bool {
	for i, res := range answers {
		if orders[i].member.path == nil && (res == nil || res.Code.Success() || res.Code == onem2m.RequestTimeout) {
			return true
		}
	}
	return false
}

// checkForwarding reads and verifies whom the notifications are for. A group
// below another one passes them on to that.
func (k *call) checkForwarding(ctx context.Context, group *store.Record) (gathering, error) {
	want := gathering{Creator: k.from.ID, Uses: 1}
	var ok bool
	if want.Forwarding, ok = k.draft.raw.Text("nfu"); !ok {
		return want, onem2m.Errorf(onem2m.BadRequest, "nfu", "a string is needed")
	}
	want.Targets, _ = k.draft.raw.Texts("nu")
	if len(want.Targets) == 0 || len(want.Targets) > maxResultTargets {
		return want, onem2m.Errorf(onem2m.BadRequest, "nu", "between 1 and %d notification targets are needed", maxResultTargets)
	}
	if k.gathers != nil {
		return want, nil // the group above has looked
	}
	if !slices.Contains(want.Targets, want.Forwarding) {
		return want, onem2m.Errorf(onem2m.BadRequest, "nfu", "it is one of the notification targets") // TS-0001 clause 9.6.8
	}
	for _, target := range want.Targets {
		if err := notify.CheckTarget(target); err != nil {
			return want, err
		}
	}
	err := k.c.Store.Read(ctx, func(r store.Reader) error { return k.mayNotify(r, want.Targets) })
	if err != nil {
		return want, err
	}
	return want, k.c.Notifier.Verify(ctx, group.RI, k.from.ID, k.from.ID, want.Targets)
}

// openGathering finds the gathering for a subscriber, or makes one, and keeps
// it while the members are asked.
func (k *call) openGathering(tx store.Tx, group *store.Record, want gathering, to *gathered) error {
	if _, err := tx.ByID(group.ID); err != nil {
		return missing(err)
	}
	list, err := loadGatherings(tx, group.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(one gathering) bool {
		return one.Forwarding == want.Forwarding && one.Creator == want.Creator && slices.Equal(one.Targets, want.Targets)
	})
	if i >= 0 {
		list[i].Uses++
		to.Address = k.c.reference(group.RI) + "/" + list[i].Token
		return saveGatherings(tx, group.ID, list)
	}
	if len(list) >= maxGatherings {
		return onem2m.Errorf(onem2m.NotAcceptable, "nfu", "the group gathers notifications for %d subscribers already", len(list))
	}
	want.Token = notify.GatheringPrefix + string(k.c.names.appendTail(nil, 16))
	to.Address = k.c.reference(group.RI) + "/" + want.Token
	if err := saveGatherings(tx, group.ID, append(list, want)); err != nil || k.gathers == nil {
		return err
	}
	return k.gathers.bind(tx, group.RI+"/"+want.Token)
}

// joinGathering ties a subscription that was made through a group to what
// gathers its notifications.
func joinGathering(k *call, tx store.Tx, s *subject) error {
	if k.gathers == nil {
		return nil
	}
	return k.gathers.bind(tx, s.ri)
}

// gatherHere takes a notification that another CSE sends to a gathering of a
// group of this one, and answers what the subscriber answers (TS-0004 clause
// 7.5.1.2.6). What comes from members on this CSE takes a shorter way, see
// notify.Gatherings.
func (k *call) gatherHere(ctx context.Context) (*onem2m.Response, error) {
	address := k.c.Home.CSE + "/" + strings.Join(k.address.Path, "/")
	notices, err := crossNotices(k.req.Content)
	if err != nil {
		return nil, err
	}
	var one *gathering
	err = k.c.Store.Read(ctx, func(r store.Reader) error {
		var group *store.Record
		if group, one, err = k.c.gatheringOf(r, address); err != nil {
			return err
		}
		return k.fromMember(group, one, notices)
	})
	if err != nil {
		return nil, err
	}
	if asks, _ := notices[0].Bool("vrq"); asks {
		if cr, _ := notices[0].Text("cr"); !k.names(cr, one.Creator) {
			return nil, onem2m.Errorf(onem2m.SubscriptionCreatorHasNoPrivilege, "cr", "not who subscribed through the group") // C-275
		}
		return &onem2m.Response{Code: onem2m.OK}, nil
	}
	if ends, _ := notices[0].Bool("sud"); ends {
		return &onem2m.Response{Code: onem2m.OK}, nil
	}
	before := k.now + (k.expires-k.now)/2 // the other half is for the delivery
	code, err := k.c.Notifier.Gather(ctx, address, k.req.RequestID, k.req.Content.Append(nil), before)
	if err != nil {
		return nil, err
	}
	return &onem2m.Response{Code: code}, nil
}

// fromMember: the notifications come from the CSE of a member, about
// subscriptions of that CSE, and say whom they are for.
func (k *call) fromMember(group *store.Record, one *gathering, notices []onem2m.Object) error {
	hosted, passesOn := false, false
	for _, m := range k.c.rosterOf(group).members {
		if m.path == nil && k.hostedBy(m.address) {
			hosted = true
			passesOn = passesOn || slices.Contains(m.address.Path, fanOutPoint) // what it gathers comes from anywhere
		}
	}
	if !hosted {
		return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "", "not from a member of the group")
	}
	for _, notice := range notices {
		sur, _ := notice.Text("sur")
		a, err := onem2m.ParseAddress(sur)
		if err != nil || !passesOn && !k.hostedBy(a) {
			return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "sur", "not a subscription of a member of the group")
		}
		if plain, _ := notice.Bool("vrq"); plain || notice.Has("sud") {
			continue
		}
		if nfu, _ := notice.Text("nfu"); nfu != one.Forwarding {
			return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "nfu", "the notification isn't forwarded")
		}
	}
	return nil
}

// hostedBy reports whether the originator is the CSE of an address.
func (k *call) hostedBy(a onem2m.Address) bool { return a.CSE != "" && a.Host(k.c.Home) == k.from.ID }

// names reports whether a text is an identifier of an entity.
func (k *call) names(text string, id onem2m.ID) bool {
	got, _, err := k.c.Home.ParseID(text)
	return err == nil && got == id
}
