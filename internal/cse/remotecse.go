package cse

import (
	"bulwark/internal/store"
	"bulwark/onem2m"
)

func remoteCSEProcedures() *procedures {
	return &procedures{
		register: registerCSE, check: checkRemoteCSE, created: createdRemoteCSE,
		update: updateRemoteCSE, remove: removeRemoteCSE,
	}
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
	case k.from.ID.Registrar() != "" || k.from.ID == k.c.admin && k.from.Authenticated:
		return onem2m.Errorf(onem2m.OperationNotAllowed, "fr", "an AE doesn't register as a CSE")
	case k.c.Type == ASN:
		return onem2m.Errorf(onem2m.OperationNotAllowed, "to", "an ASN-CSE has no registrees")
	case !k.from.Authenticated:
		return onem2m.Errorf(onem2m.SecurityAssociationRequired, "fr", "a CSE registers over a security association of its own")
	case k.c.peers.has(k.from.ID, k.now):
		return onem2m.Errorf(onem2m.OriginatorHasAlreadyRegistered, "fr", "this CSE-ID is registered")
	}
	return nil
}

// checkRemoteCSE: csi is the originator's; AEs have no business here (C-213,
// C-218).
func checkRemoteCSE(k *call, _ store.Reader, s *subject) error {
	if s.old != nil {
		if k.from.ID.Registrar() != "" && !k.isAdmin() {
			return onem2m.Errorf(onem2m.OperationNotAllowed, "fr", "an AE doesn't change a <remoteCSE>")
		}
		return nil
	}
	if csi, given := s.attrs.Text("csi"); given {
		id, _, err := k.c.Home.ParseID(csi)
		if err != nil || id != k.from.ID {
			return onem2m.Errorf(onem2m.BadRequest, "csi", "the CSE-ID isn't that of the originator")
		}
	} else {
		s.set("csi", onem2m.TextValue(k.from.ID.Across(k.c.Home)))
	}
	if k.draft.attrs.Has("nl") {
		return onem2m.Errorf(onem2m.BadRequest, "nl", "no such node")
	}
	return nil
}

func createdRemoteCSE(k *call, tx store.Tx, s *subject) error {
	rec := s.record()
	tx.OnCommit(func() { k.c.noteRegistree(rec) })
	return nil
}

func updateRemoteCSE(k *call, tx store.Tx, s *subject) error {
	rec := s.version()
	tx.OnCommit(func() { k.c.noteRegistree(rec) })
	return nil
}

func removeRemoteCSE(c *CSE, tx store.Tx, rec *store.Record) error {
	id := rec.ID
	tx.OnCommit(func() { c.peers.remove(id) })
	return nil
}
