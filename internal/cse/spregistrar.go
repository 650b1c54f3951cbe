package cse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"bulwark/internal/contact"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// spRegistration is the CREATE or UPDATE of the <AEAnnc> of an AE whose AE-ID is
// valid in the whole SP, which belongs to its registration at another CSE. It
// comes in the name of that CSE and the AE, a form that nothing else has.
type spRegistration struct {
	registrar onem2m.ID
	stem      string // "": this CSE makes it
}

// spRegistration reads the originator; ok is false for any other request.
func (k *call) spRegistration() (reg spRegistration, ok bool) {
	reg = spRegistration{registrar: k.from.ID.Registrar(), stem: k.from.ID.Stem()}
	if reg.registrar == "" || reg.stem == "" || reg.stem[0] != 'S' || reg.registrar.SP() != k.c.Home.SP { // another provider has AE-IDs of its own
		return reg, false
	}
	if reg.stem == "S" {
		reg.stem = ""
	}
	return reg, true
}

// id is the AE-ID that is registered.
func (reg spRegistration) id(home onem2m.Home) onem2m.ID { return onem2m.ID(home.SP + "/" + reg.stem) }

// credentialIn is the Credential-ID in the labels of an <AEAnnc>.
func credentialIn(attrs onem2m.Object) (credential string, ok bool) {
	list, _ := attrs.Texts("lbl")
	for _, label := range list {
		if credential, ok = strings.CutPrefix(label, credentialLabel); ok {
			return credential, true
		}
	}
	return "", false
}

// mayRegisterSP takes the place of the access decision: only where such an
// <AEAnnc> belongs, on the IN-CSE and below its <CSEBase> (authorization C-55).
func (k *call) mayRegisterSP(reg spRegistration, parent int64, rec *store.Record) error {
	if k.c.Type != IN || parent != baseID || rec != nil && (rec.Type != onem2m.TypeAEAnnc || rec.RI != reg.stem) || rec == nil && k.ty != onem2m.TypeAEAnnc {
		k.audit("registration", "", onem2m.OriginatorHasNoPrivilege, "not the <AEAnnc> of an AE of the whole SP")
		return k.denied(k.req.Operation)
	}
	k.audit("registration", "", 0, "at "+string(reg.registrar))
	return nil
}

// checkSP decides about the registration of an AE of the whole SP with another
// CSE: the link leads there, the AE-ID is free or the AE's own by its credential,
// and the service subscription permits it (S-111, S-118). The registrar is
// believed as to what the credential is.
func (k *call) checkSP(r store.Reader, s *subject, reg spRegistration) error {
	asked := reg.stem
	if asked == "" {
		asked = "S"
	}
	link, _ := k.draft.attrs.Text("lnk")
	if a, err := onem2m.ParseAddress(link); err != nil || a.Host(k.c.Home) != reg.registrar || len(a.Path) != 1 || a.Path[0] != asked {
		return onem2m.Errorf(onem2m.BadRequest, "lnk", "not the <AE> at the registrar")
	}
	credential, ok := credentialIn(k.draft.attrs)
	if !ok {
		return onem2m.Errorf(onem2m.BadRequest, "lbl", "no label %s", credentialLabel)
	}
	api, _ := s.attrs.Text("api")
	if err := k.checkAppID(api); err != nil {
		return err
	}
	if err := k.freeSP(r, s, reg, credential); err != nil {
		return k.noteRefusal(err)
	}
	enforced, err := k.c.subscribed(r)
	if err != nil || !enforced {
		return err
	}
	given, err := k.admittedAs(r, asked, credential, api, reg.registrar)
	s.assigned = given.stem
	return k.noteRefusal(err)
}

// freeSP: nobody else has the AE-ID.
func (k *call) freeSP(r store.Reader, s *subject, reg spRegistration, credential string) error {
	if reg.stem == "" {
		return nil
	}
	id, here := reg.id(k.c.Home), k.c.registry(r, k.now)
	taken := onem2m.Errorf(onem2m.OriginatorHasAlreadyRegistered, "fr", "this AE-ID is registered already")
	if id == k.c.admin || here.AERegistered(id) || here.CSERegistered(id) {
		return taken
	}
	bound, known := here.CredentialOf(id)
	if !known && s.old != nil {
		bound, known = credentialIn(attributes(s.old))
	}
	if known && bound != credential {
		return onem2m.Errorf(onem2m.OriginatorNotAuthenticated, "fr", "this AE-ID belongs to another credential")
	}
	if s.old != nil {
		// Without a credential nothing shows that it is the same AE, while it is
		// registered elsewhere (S-118).
		at := k.c.announcer(attributes(s.old))
		if credential == "" && at != "" && at != reg.registrar && !expired(s.old, k.now) {
			return taken
		}
		return nil
	}
	switch rec, err := r.ByRI(reg.stem); {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return err
	case rec.Type != onem2m.TypeAEAnnc || !expired(rec, k.now):
		return taken // there it is updated
	}
	return nil
}

// createSP gives the <AEAnnc> the AE-ID-Stem as its resourceID, and binds that to
// the credential.
func (k *call) createSP(tx store.Tx, s *subject, reg spRegistration) error {
	if reg.stem == "" {
		if reg.stem = s.assigned; reg.stem == "" {
			reg.stem = k.c.names.stem('S')
		}
	}
	if old, err := tx.ByRI(reg.stem); err == nil {
		if err := k.c.removeTree(tx, old, k.c.Home.ID()); err != nil { // expired
			return err
		}
	}
	if s.rn == s.ri {
		switch _, err := tx.Child(s.parent.ID, reg.stem); {
		case errors.Is(err, store.ErrNotFound):
			s.rn = reg.stem
		case err != nil:
			return err
		}
	}
	s.ri, s.origin = reg.stem, reg.registrar
	s.set("lnk", onem2m.TextValue(reg.registrar.Across(k.c.Home)+"/"+reg.stem))
	return k.keepSP(tx, s, reg)
}

// keepSP binds the AE-ID to the credential of the AE.
func (k *call) keepSP(tx store.Tx, s *subject, reg spRegistration) error {
	credential, _ := credentialIn(s.attrs)
	k.audit("registration", "", 0, "registered as "+reg.stem+" at "+string(reg.registrar))
	if err := k.movedSP(tx, s, reg); err != nil {
		return err
	}
	return k.bind(tx, reg.id(k.c.Home), credential)
}

// movedSP tells of an AE that was registered with another CSE until now.
func (k *call) movedSP(tx store.Tx, s *subject, reg spRegistration) error {
	if s.old == nil {
		return nil
	}
	was, _ := attributes(s.old).Text("lnk")
	is, _ := s.attrs.Text("lnk")
	if was == inactiveLink {
		var err error
		if was, err = placeOf(tx, s.old); err != nil {
			return err
		}
		if credential, _ := credentialIn(s.attrs); credential == "" {
			was = "" // nothing shows that it is the same AE
		}
		if err := tx.SetSetting(placeName(s.old.ID), nil); err != nil {
			return err
		}
	}
	from, to := contact.Parse(k.c.Home, was, false), contact.Parse(k.c.Home, is, false)
	if from == "" || to == "" || from == to {
		return nil
	}
	return k.c.oweMove(tx, from, to, true)
}

// placeName is the setting that holds where an AE was that has left: it may come
// back at another place, and what refers to it follows then.
func placeName(id int64) string { return fmt.Sprintf("place/%d", id) }

// keepPlace notes where an AE was that leaves.
func keepPlace(tx store.Tx, s *subject) error {
	was, _ := attributes(s.old).Text("lnk")
	if is, _ := s.attrs.Text("lnk"); s.info.Type != onem2m.TypeAEAnnc || is != inactiveLink || was == inactiveLink {
		return nil
	}
	return tx.SetSetting(placeName(s.old.ID), []byte(was))
}

// placeOf is where an AE was that has left, "" if that isn't known.
func placeOf(r store.Reader, rec *store.Record) (string, error) {
	was, err := r.Setting(placeName(rec.ID))
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return string(was), err
}

// forgetPlace ends what keepPlace began.
func forgetPlace(_ *CSE, tx store.Tx, rec *store.Record) error {
	return tx.SetSetting(placeName(rec.ID), nil)
}

// RegistrarOf is the CSE that an AE of the whole SP is registered with, as the
// IN-CSE knows, or on another CSE the registree that it is below of; "" if it
// isn't known.
func (s snapshot) RegistrarOf(id onem2m.ID) onem2m.ID {
	if id.Registrar() != "" || id.SP() != s.c.Home.SP {
		return ""
	}
	if s.c.Type != IN {
		return s.c.spBelow.registree(id.Stem())
	}
	rec, err := s.r.ByRI(id.Stem())
	if err != nil || rec.Type != onem2m.TypeAEAnnc || expired(rec, s.now) {
		return ""
	}
	return s.c.announcer(attributes(rec))
}

// whereabouts finds out where a request leads that is addressed to an AE-ID of the
// whole SP, "/Sabc": to the <AE> here, to the one that the <AEAnnc> of the IN-CSE
// links to, or, where nothing is known, up. It returns the address of an <AE>
// elsewhere, or "".
func (k *call) whereabouts(ctx context.Context) (elsewhere string, here bool, err error) {
	err = k.c.Store.Read(ctx, func(r store.Reader) error {
		rec, err := r.ByRI(k.address.CSE[1:])
		switch {
		case errors.Is(err, store.ErrNotFound):
			here = k.c.Type == IN // nobody else could know better
			return nil
		case err != nil:
			return err
		case rec.Type != onem2m.TypeAEAnnc || k.c.Type != IN:
			here = true
			return nil
		}
		elsewhere, err = linkOf(rec)
		return err
	})
	return elsewhere, here, err
}

// retargeted carries out a request for an AE of the whole SP where the AE is. The
// CSE there decides about access: this one is a transit.
func (k *call) retargeted(ctx context.Context, to string) (*onem2m.Response, error) {
	if within(ctx) != nil {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "a transaction reaches no other CSE")
	}
	if err := k.mark(ctx, statusForwarded); err != nil {
		return nil, err
	}
	req := *k.req
	req.To, req.RequestID = to, k.c.ownRequestID()
	return k.instead(ctx, &req)
}
