package cse

import (
	"errors"
	"slices"

	"bulwark/internal/federation"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

func remoteCSEProcedures() *procedures {
	return &procedures{
		content: withoutDescendants, register: registerCSE, check: checkRemoteCSE, create: claimCSE, created: createdRemoteCSE,
		update: updateRemoteCSE, remove: removeRemoteCSE, retrievable: remoteCSEDeletable,
	}
}

// withoutDescendants takes an empty descendantCSEs for none: a CSE that has
// nobody below it may say so.
func withoutDescendants(k *call, info *onem2m.TypeInfo) error {
	if k.draft.err == nil || string(k.draft.raw.Get("dcse")) != "[]" {
		return nil
	}
	raw := k.draft.raw.Clone()
	if k.req.Operation == onem2m.Create {
		raw.Delete("dcse")
		k.draft.attrs, k.draft.err = info.ValidateCreate(raw)
	} else {
		raw.Set("dcse", onem2m.NullValue())
		k.draft.attrs, k.draft.err = info.ValidateUpdate(raw)
	}
	k.draft.raw = raw
	return nil
}

// registerCSE takes the place of the access decision in a CREATE of <remoteCSE>
// (A-80, S-119 … S-122). Without an association, and for a CSE-ID that isn't the
// association's, the From check has answered before.
func registerCSE(k *call, _ store.Reader, _ *store.Record) error {
	err := k.mayRegisterCSE()
	if err != nil {
		e := onem2m.AsError(err)
		k.audit("registration", "", e.Code, e.Debug())
		return err
	}
	k.audit("registration", "", 0, "registered as "+string(k.from.ID))
	return nil
}

func (k *call) mayRegisterCSE() error {
	switch {
	case k.mirrors():
		return nil
	case !k.from.Authenticated: // the credential comes before everything else
		return onem2m.Errorf(onem2m.SecurityAssociationRequired, "fr", "a CSE registers over a security association of its own")
	case k.fromAE():
		return onem2m.Errorf(onem2m.OperationNotAllowed, "fr", "an AE doesn't register as a CSE")
	case k.c.Type == ASN:
		return onem2m.Errorf(onem2m.OperationNotAllowed, "to", "an ASN-CSE has no registrees")
	case !k.c.takes(k.from.ID):
		return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "fr", "no CSE of this CSE-ID is expected to register") // C-220
	case k.c.peers.Has(k.from.ID, k.now):
		return onem2m.Errorf(onem2m.OriginatorHasAlreadyRegistered, "fr", "this CSE-ID is registered")
	}
	return nil
}

// takes reports whether the operator lets a CSE be registered here.
func (c *CSE) takes(id onem2m.ID) bool {
	return len(c.Registrees) == 0 || slices.ContainsFunc(c.Registrees, func(p string) bool { return onem2m.MatchID(p, string(id)) })
}

// fromAE reports whether the originator is an AE. "/Sx" can be both: over the
// association of a CSE it is that CSE, else an AE (S-123).
func (k *call) fromAE() bool {
	if k.from.ID.Registrar() != "" {
		return true
	}
	return k.from.ID.Stem() != "" && (k.assoc.Kind != identity.KindCSE || k.from.Forwarded)
}

// checkRemoteCSE: csi is the originator's; AEs have no business here (C-213,
// C-218). Its node usually is a resource of its own, so that one that isn't
// here is no mistake.
func checkRemoteCSE(k *call, _ store.Reader, s *subject) error {
	if _, err := k.nodeLink(); err != nil {
		return err
	}
	if err := checkPoints(k.draft.attrs); err != nil {
		return err
	}
	if err := checkCapability(k.draft.attrs.Get("esi")); err != nil {
		return err
	}
	if list, _ := k.draft.attrs.Texts("dcse"); len(list) > federation.MaxClaims {
		return onem2m.Errorf(onem2m.BadRequest, "dcse", "more than %d descendants", federation.MaxClaims)
	}
	if s.old != nil {
		if err := k.refuseAE(); err != nil {
			return err
		}
		if !k.mirrors() && !k.c.takes(k.from.ID) && !k.isAdmin() { // taken off the list: what it has runs out
			return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "fr", "no CSE of this CSE-ID is expected to be registered")
		}
		return k.checkClaims(s, k.c.represents(s.old))
	}
	if k.mirrors() {
		return nil // csi is the registrar's
	}
	if err := k.checkClaims(s, k.from.ID); err != nil {
		return err
	}
	if csi, given := s.attrs.Text("csi"); given {
		id, _, err := k.c.Home.ParseID(csi)
		if err != nil || id != k.from.ID {
			return onem2m.Errorf(onem2m.BadRequest, "csi", "the CSE-ID isn't that of the originator")
		}
	} else {
		s.set("csi", onem2m.TextValue(k.from.ID.Across(k.c.Home)))
	}
	return nil
}

// refuseAE: an AE has no business with the registration of a CSE; the
// administrator has.
func (k *call) refuseAE() error {
	if k.fromAE() && !k.isAdmin() {
		return onem2m.Errorf(onem2m.OperationNotAllowed, "fr", "an AE doesn't change a <remoteCSE>")
	}
	return nil
}

// remoteCSEDeletable: de-registration isn't for AEs either (C-218).
func remoteCSEDeletable(k *call, _ store.Reader, _ *store.Record) error {
	if k.req.Operation != onem2m.Delete {
		return nil
	}
	return k.refuseAE()
}

// claimCSE looks again, in the writer: what registrees know is only what has
// been committed, and two registrations may share a commit.
func claimCSE(k *call, tx store.Tx, s *subject) error {
	csi, _ := s.attrs.Text("csi")
	id := k.c.custodian(csi)
	after := int64(0)
	for {
		list, err := tx.OfType(onem2m.TypeRemoteCSE, after, 500)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, rec := range list {
			after = rec.ID
			if k.c.represents(rec) == id && k.c.alive(tx, rec, k.now) == nil {
				return onem2m.Errorf(onem2m.OriginatorHasAlreadyRegistered, "fr", "this CSE-ID is registered")
			}
		}
	}
}

func createdRemoteCSE(k *call, tx store.Tx, s *subject) error {
	rec := s.record()
	id := k.c.represents(rec)
	claimants := k.c.peers.Claimants(id)
	if err := k.c.disown(tx, k.now, 0, id); err != nil { // it is here now, and below nobody
		return err
	}
	tx.OnCommit(func() {
		for _, of := range claimants {
			k.c.peers.Exposed(of, id, k.now)
		}
	})
	if err := k.c.unseat(tx, rec, k.now); err != nil {
		return err
	}
	st, err := k.c.keepStanding(tx, rec, k.secures(rec), k.now)
	if err != nil {
		return err
	}
	tx.OnCommit(func() { k.c.noteRegistree(rec, st) })
	return hostCreated(k, tx, s)
}

func updateRemoteCSE(k *call, tx store.Tx, s *subject) error {
	rec := s.version()
	if err := k.c.unseat(tx, rec, k.now); err != nil {
		return err
	}
	st, err := k.c.keepStanding(tx, rec, k.secures(rec), k.now)
	if err != nil {
		return err
	}
	tx.OnCommit(func() { k.c.noteRegistree(rec, st) })
	return hostUpdated(k, tx, s)
}

func removeRemoteCSE(c *CSE, tx store.Tx, rec *store.Record) error {
	id := rec.ID
	tx.OnCommit(func() { c.forgetRegistree(id) })
	if err := errors.Join(tx.SetSetting(claimsName(id), nil), tx.SetSetting(secureName(id), nil)); err != nil {
		return err
	}
	return hostRemoved(c, tx, rec)
}
