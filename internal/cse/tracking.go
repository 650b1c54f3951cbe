package cse

import (
	"context"
	"errors"

	"bulwark/internal/contact"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// tracked serves notifications about AEs that change their registrar, and about
// references to AEs (TS-0004 clauses 7.5.1.2.16 and 7.5.1.2.17). It reports
// false for any other notification. What such a message does is granted to the
// CSE alone that has it to tell, see entitled.
func (k *call) tracked(ctx context.Context) (res *onem2m.Response, ok bool, err error) {
	sgn, moved, ok := k.tracking()
	if !ok {
		return nil, false, nil
	}
	was, err := k.trackingID(sgn, "tid1")
	if err != nil {
		return nil, true, err
	}
	is, err := k.trackingID(sgn, "tid2")
	if err != nil {
		return nil, true, err
	}
	if moved {
		err = k.follow(ctx, was, is)
	} else {
		err = k.listReference(ctx, was, is)
	}
	return &onem2m.Response{Code: onem2m.OK}, true, err
}

// tracking reads a notification of an AE's new place, or else of a reference; ok is
// false for any other.
func (k *call) tracking() (sgn onem2m.Object, moved, ok bool) {
	if k.req.Content == nil || k.req.Content.Name != "m2m:sgn" {
		return nil, false, false
	}
	sgn, err := onem2m.ParseObject(k.req.Content.Value)
	if err != nil {
		return nil, false, false
	}
	moved, _ = sgn.Bool("aerp")
	referred, _ := sgn.Bool("aerid")
	return sgn, moved, moved != referred
}

// entitled reports whether no policy has to permit a notification about AEs,
// because the protocol itself gives its originator the task: the IN-CSE of the SP
// tells all other CSEs of the new place of an AE, and each of them tells it what
// it refers to (TS-0001 clause 10.2.16, TS-0004 clauses 7.5.1.2.16, 7.5.1.2.17).
// That an AE has moved, told to the IN-CSE, changes policies of others by the word
// of a registree: there the policy of <CSEBase> has to permit it too.
func (k *call) entitled() bool {
	_, moved, ok := k.tracking()
	switch {
	case !ok:
		return false
	case moved && k.c.Type != IN:
		return k.fromCentral()
	case moved:
		return false
	}
	return k.c.Type == IN && k.ofThisTree()
}

// ofThisTree reports whether the originator is a CSE that is registered here, or
// below one that is and that has brought the request. What it tells concerns
// itself alone, and the CSEs on the way could cut it off as well.
func (k *call) ofThisTree() bool {
	if k.fromCSE() {
		return k.c.peers.Has(k.from.ID, k.now)
	}
	return k.from.Forwarded && k.from.ID.Registrar() == "" && k.c.peers.Below(k.arrival().Peer, k.from.ID, k.now)
}

// fromCentral reports whether the originator is the IN-CSE of the SP: over its own
// association if it is the registrar, else through the registrar, which is the way
// of all that comes from it. A registrar that lies on the way could say it itself:
// what an AE here loses by it has its bounds in moves.
func (k *call) fromCentral() bool {
	from := k.arrival()
	if k.from.ID.SP() != k.c.Home.SP || !from.Above || !k.fromCSE() && !k.from.Forwarded {
		return false
	}
	central := k.c.central()
	return central != "" && central == k.from.ID
}

// trackingID reads one of the two: the SP-relative resourceID of an <AE>, or
// null for none.
func (k *call) trackingID(sgn onem2m.Object, name string) (contact.Name, error) {
	if !sgn.Has(name) || sgn.IsNull(name) {
		return "", nil
	}
	text, _ := sgn.Text(name)
	n := contact.Parse(k.c.Home, text, false)
	if n == "" || text[0] != '/' {
		return "", onem2m.Errorf(onem2m.BadRequest, name, "not the SP-relative identifier of an AE")
	}
	return n, nil
}

// fromCSE reports whether the originator is a CSE that speaks for itself, over
// an association of its own.
func (k *call) fromCSE() bool {
	return k.from.Authenticated && !k.from.Forwarded && !k.fromAE() && k.from.ID != ""
}

// strange refuses a notification from somebody who has no say in the matter.
func (k *call) strange(reason string) error {
	k.audit("special", "", onem2m.OriginatorHasNoPrivilege, reason)
	return k.denied(onem2m.Notify)
}

// listReference keeps what a CSE tells of its references (C-210).
func (k *call) listReference(ctx context.Context, gone, come contact.Name) error {
	switch {
	case !k.ofThisTree():
		return k.strange("references are told by the CSE that has them")
	case gone == "" && come == "":
		return onem2m.Errorf(onem2m.BadRequest, "tid2", "neither an old reference nor a new one")
	}
	return k.c.enterReference(ctx, k.arrival().Peer, k.from.ID, gone, come)
}

// follow lets everything here that refers to an AE refer to its new place
// (C-210). An IN-CSE hears of it from the new registrar. Who is registered
// elsewhere, and with whom, only the IN-CSE knows: any other CSE believes that
// alone.
func (k *call) follow(ctx context.Context, was, is contact.Name) error {
	switch {
	case was == "" || is == "" || was.Registrar() == "" || is.Registrar() == "":
		return onem2m.Errorf(onem2m.BadRequest, "tid1", "the AE as it was named, and as it is named now, with their CSEs")
	case !k.informed(is) || was.Stem() != is.Stem():
		return k.strange("the registration point of an AE is told by the IN-CSE, and there by the new registrar")
	case was == is:
		return nil
	}
	moves, err := k.moves(ctx, was, is)
	if err != nil {
		return err
	}
	if !moves {
		return k.strange("what this CSE knows of the AE doesn't let it move there")
	}
	if err := k.c.redirectReferences(ctx, was, is); err != nil {
		return err
	}
	if k.c.Type == IN {
		if err := k.c.Store.Update(ctx, func(tx store.Tx) error { return k.c.oweMove(tx, was, is, false) }); err != nil {
			return err
		}
	}
	return k.c.retire(ctx, was)
}

// redirectReferences lets what refers to an AE on this CSE refer to its new place.
func (c *CSE) redirectReferences(ctx context.Context, was, is contact.Name) error {
	for _, ty := range []onem2m.ResourceType{
		onem2m.TypeAccessControlPolicy, onem2m.TypeGroup, onem2m.TypeSubscription, onem2m.TypeCrossResourceSubscription,
	} {
		if err := c.redirect(ctx, ty, was, is); err != nil {
			return err
		}
	}
	return nil
}

// informed reports whether the originator is who has to tell of an AE's new
// place.
func (k *call) informed(is contact.Name) bool {
	if k.c.Type == IN {
		return k.fromCSE() && k.c.peers.Has(k.from.ID, k.now) && k.from.ID.Across(k.c.Home) == is.Registrar()
	}
	return k.fromCentral()
}

// redirectPage is how many resources one transaction looks at: the writer has
// others to serve.
const redirectPage = 200

// redirect replaces references in all resources of a type. What isn't done when
// a crash comes is done when the sender repeats its notification.
func (c *CSE) redirect(ctx context.Context, ty onem2m.ResourceType, was, is contact.Name) error {
	after := int64(0)
	for {
		var found []int64
		last := false
		err := c.Store.Read(ctx, func(r store.Reader) error {
			list, err := r.OfType(ty, after, redirectPage)
			for _, rec := range list {
				after = rec.ID
				if contact.Replace(c.Home, ty, attributes(rec), was, is) != nil {
					found = append(found, rec.ID)
				}
			}
			last = len(list) < redirectPage
			return err
		})
		if err != nil {
			return err
		}
		if len(found) > 0 {
			err = c.Store.Update(ctx, func(tx store.Tx) error { return c.redirectAll(tx, found, was, is) })
		}
		if err != nil || last {
			return err
		}
	}
}

func (c *CSE) redirectAll(tx store.Tx, ids []int64, was, is contact.Name) error {
	for _, id := range ids {
		rec, err := tx.ByID(id)
		if errors.Is(err, store.ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return err
		}
		changes := contact.Replace(c.Home, rec.Type, attributes(rec), was, is)
		if changes == nil {
			continue
		}
		if err := c.amend(tx, rec, c.Home.ID(), changes); err != nil {
			return err
		}
		if rec.Type != onem2m.TypeSubscription && rec.Type != onem2m.TypeCrossResourceSubscription {
			continue
		}
		next, err := tx.ByID(id)
		if err == nil {
			err = c.Notifier.Changed(tx, rec, next)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// retire marks the registration that an AE had here as INACTIVE.
func (c *CSE) retire(ctx context.Context, was contact.Name) error {
	if was.Registrar() != c.Home.CSE {
		return nil
	}
	return c.Store.Update(ctx, func(tx store.Tx) error {
		rec, err := tx.ByRI(was.Stem())
		if err != nil || rec.Type != onem2m.TypeAE {
			return unlessMissing(err)
		}
		if inactive(rec) {
			return nil
		}
		return c.amend(tx, rec, c.Home.ID(), onem2m.Object{{Name: "regs", Value: onem2m.IntValue(registrationInactive)}})
	})
}
