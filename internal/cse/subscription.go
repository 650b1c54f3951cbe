package cse

import (
	"context"
	"slices"

	"bulwark/access"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

func subscriptionProcedures() *procedures {
	return &procedures{
		register: permitSubscription, check: checkSubscription, verify: verifyTargets, remove: removeSubscription,
		create: createSubscription, created: joinGathering, update: updateSubscription,
		virtual: selfReference(),
	}
}

// permitSubscription: whoever subscribes needs RETRIEVE on the subscribed-to
// resource besides CREATE.
func permitSubscription(k *call, r store.Reader, parent *store.Record) error {
	if err := k.authorize(r, parent, onem2m.Create, access.Create); err != nil {
		return err
	}
	return k.authorize(r, parent, onem2m.Retrieve, access.Retrieve)
}

// maxSubscriptions bounds the subscriptions of one resource: every change of it
// looks at all of them in the writer.
const maxSubscriptions = 1000

// checkNumber refuses one subscription too many.
func checkNumber(r store.Reader, s *subject) error {
	if s.old != nil {
		return nil
	}
	have, err := r.Subscriptions(s.parent.ID)
	if err == nil && len(have) >= maxSubscriptions {
		err = onem2m.Errorf(onem2m.NotAcceptable, "to", "the resource has %d subscriptions already", len(have))
	}
	return err
}

// checkSubscription runs the checks of core table 17.1 and settles defaults and
// creator (C-270 … C-273).
func checkSubscription(k *call, r store.Reader, s *subject) error {
	parent := k.c.infoOf(s.parent)
	given := k.draft.attrs
	if s.old != nil {
		given = s.attrs
	}
	if err := checkNumber(r, s); err != nil {
		return err
	}
	if err := k.checkBlocking(r, s); err != nil {
		return err
	}
	checked, err := notify.CheckSubscription(k.c.Home, given, parent, s.old != nil)
	if err != nil {
		return err
	}
	for _, m := range checked {
		if m.Name != "cr" && !isUniversal(m.Name) {
			s.attrs.Set(m.Name, m.Value)
		}
	}
	if s.old == nil && !s.attrs.Has("cr") && notify.NotifiesOthers(k.c.Home, s.attrs, k.from.ID) {
		s.attrs.Set("cr", onem2m.TextValue(k.from.ID.In(k.c.Home)))
	}
	return nil
}

// checkBlocking: a resource has one subscription to blocking updates at most,
// and none becomes one (TS-0001 table 9.6.8-3, TS-0004 clause 7.4.8.2.3).
func (k *call) checkBlocking(r store.Reader, s *subject) error {
	if !notify.Blocks(k.draft.attrs.Get("enc")) {
		return nil
	}
	if s.old != nil {
		return onem2m.Errorf(onem2m.BadRequest, "net", "an UPDATE doesn't ask for blocking updates")
	}
	subscriptions, err := r.Subscriptions(s.parent.ID)
	if err != nil {
		return err
	}
	if other := notify.Listener(subscriptions, notify.Blocking); other != nil && !expired(other, k.now) {
		return onem2m.Errorf(onem2m.BlockingSubscriptionAlreadyExists, "net", "the resource has a blocking subscription already")
	}
	return nil
}

// createSubscription notes by which release operationMonitor is to be read,
// which the attributes don't say (row 35 of the open points): it takes the
// place of the contentSize that a subscription hasn't.
func createSubscription(k *call, tx store.Tx, s *subject) error {
	enc, given := k.draft.attrs.Object("enc")
	if !given {
		return nil
	}
	s.size = 0
	if !enc.Has("om") {
		return nil
	}
	s.size = notify.ReadingBits
	if k.req.Release >= "4" {
		s.size = notify.ReadingOperation
	}
	return k.c.watch(tx)
}

// updateSubscription settles the statistics (C-283) and lets the notification
// engine know what has changed.
func updateSubscription(k *call, tx store.Tx, s *subject) error {
	if err := createSubscription(k, tx, s); err != nil {
		return err
	}
	k.resetStatistics(s)
	return k.c.Notifier.Changed(tx, s.old, s.version())
}

// resetStatistics takes notificationStatsInfo away where an UPDATE begins a new
// count, or ends it.
func (k *call) resetStatistics(s *subject) {
	if on, given := k.draft.attrs.Bool("nse"); on || k.draft.attrs.IsNull("nse") && !given {
		if s.attrs.Delete("nsi") {
			s.dropped = append(s.dropped, "nsi")
		}
	}
}

// verifyTargets asks the targets that are new whether they agree (C-274,
// C-276), before anything is stored.
func verifyTargets(ctx context.Context, k *call, s *subject) error {
	var before onem2m.Object
	if s.old != nil {
		before = attributes(s.old)
	}
	targets := notify.AddedTargets(before, s.attrs)
	if k.gathers != nil { // the group asks those that it stands for
		targets = slices.DeleteFunc(targets, func(nu string) bool { return nu == k.gathers.Address })
	}
	if len(targets) == 0 {
		return nil
	}
	if s.old == nil && s.ri == "" {
		// The question names the resourceID that the subscription is going to have.
		s.ri = k.c.names.resourceID(s.info.Root, int64(k.now))
	}
	err := k.c.Store.Read(ctx, func(r store.Reader) error { return k.mayNotify(r, targets) })
	if err != nil {
		return err
	}
	creator := k.from.ID
	if s.old != nil {
		creator = s.old.Origin
	}
	return k.c.Notifier.Verify(ctx, s.ri, creator, k.from.ID, targets)
}

// mayNotify is the part of the verification that this CSE answers for the AEs
// registered here: the subscription's creator needs NOTIFY on them.
func (k *call) mayNotify(r store.Reader, targets []string) error {
	for _, nu := range targets {
		address, err := onem2m.ParseAddress(notify.TargetAddress(nu))
		if err != nil {
			continue // a URL
		}
		path, ok := k.c.hosted(address)
		if !ok {
			continue // an entity of another CSE, which answers for itself
		}
		t, err := k.c.resolve(r, path, k.now)
		if err != nil || t.virtual != "" || t.rec.Origin == k.from.ID {
			continue // what can't be reached fails in the verification itself
		}
		ok, err = k.permitted(r, t.rec, onem2m.Notify, access.Notify)
		if err != nil {
			return err
		}
		if !ok {
			k.audit("static", "", onem2m.SubscriptionVerificationInitiationFailed, "no NOTIFY privilege on "+nu)
			return onem2m.Errorf(onem2m.SubscriptionVerificationInitiationFailed, "nu", "a target doesn't admit notifications of this originator")
		}
	}
	return nil
}

// removeSubscription tells those who are to be told that it is gone (C-281).
func removeSubscription(c *CSE, tx store.Tx, rec *store.Record) error {
	if err := c.Notifier.Removed(tx, rec); err != nil {
		return err
	}
	return c.unbind(tx, rec.RI)
}

// ExpireSubscription deletes a subscription whose expirationCounter has run
// out; the notification engine calls it (C-308).
func (c *CSE) ExpireSubscription(tx store.Tx, rec *store.Record) error {
	return c.removeTree(tx, rec, c.Home.ID())
}
