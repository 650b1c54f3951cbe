package cse

import (
	"context"

	"bulwark/access"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

func subscriptionProcedures() *procedures {
	return &procedures{
		register: permitSubscription, check: checkSubscription, verify: verifyTargets, remove: removeSubscription,
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

// checkSubscription runs the checks of core table 17.1 and settles defaults and
// creator (C-270 … C-273).
func checkSubscription(k *call, _ store.Reader, s *subject) error {
	parent := onem2m.TypeByNumber(s.parent.Type)
	given := k.draft.attrs
	if s.old != nil {
		given = s.attrs
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
	if s.old == nil && !s.attrs.Has("cr") {
		targets, _ := s.attrs.Texts("nu")
		for _, nu := range targets {
			if !k.isOriginator(nu) {
				s.attrs.Set("cr", onem2m.TextValue(k.from.ID.In(k.c.Home)))
				break
			}
		}
	}
	return nil
}

// isOriginator reports whether a notification target is the originator itself.
func (k *call) isOriginator(nu string) bool {
	id, _, err := k.c.Home.ParseID(nu)
	return err == nil && id == k.from.ID
}

// verifyTargets asks the targets that are new whether they agree (C-274,
// C-276), before anything is stored.
func verifyTargets(ctx context.Context, k *call, s *subject) error {
	targets, _ := s.attrs.Texts("nu")
	if s.old != nil {
		targets = added(s.old, targets)
	}
	if len(targets) == 0 {
		return nil
	}
	if s.old == nil {
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

func added(old *store.Record, targets []string) []string {
	had, _ := attributes(old).Texts("nu")
	known := make(map[string]bool, len(had))
	for _, nu := range had {
		known[nu] = true
	}
	var list []string
	for _, nu := range targets {
		if !known[nu] {
			list = append(list, nu)
		}
	}
	return list
}

// mayNotify is the part of the verification that this CSE answers for the AEs
// registered here: the subscription's creator needs NOTIFY on them.
func (k *call) mayNotify(r store.Reader, targets []string) error {
	for _, nu := range targets {
		address, err := onem2m.ParseAddress(nu)
		if err != nil || !address.Local(k.c.Home) || k.isOriginator(nu) {
			continue
		}
		t, err := k.c.resolve(r, address.Path, k.now)
		if err != nil || t.virtual != "" || t.rec.Origin == k.from.ID {
			continue // whoever can't be reached fails in the verification itself
		}
		ok, err := k.permitted(r, t.rec, onem2m.Notify, access.Notify)
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
	return c.Notifier.Removed(tx, rec)
}

// ExpireSubscription deletes a subscription whose expirationCounter has run
// out; the notification engine calls it (C-308).
func (c *CSE) ExpireSubscription(tx store.Tx, rec *store.Record) error {
	return c.removeTree(tx, rec, c.Home.ID())
}
