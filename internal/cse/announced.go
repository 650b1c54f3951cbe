package cse

import (
	"context"
	"errors"

	"bulwark/access"
	"bulwark/internal/announcement"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// announcedProcedures serve the copies that other CSEs keep here of their
// resources (TS-0004 clause 7.4.26).
func announcedProcedures() *procedures {
	return &procedures{register: announceHere, governs: announcerOnly, check: checkAnnounced, create: createAnnounced, update: updateAnnounced}
}

// registerAnnounced adds the announced variants of the types that have
// procedures. Instances of a <flexContainer> aren't among them.
func (c *CSE) registerAnnounced() {
	for _, info := range onem2m.Types() {
		if info.Kind.Announced() && info.Instantiable && info.Root != "" && info.Original != onem2m.TypeFlexContainerInstance && c.types[info.Original] != nil {
			c.types[info.Type] = announcedProcedures()
		}
	}
	if c.types[onem2m.TypeAccessControlPolicyAnnc] != nil {
		c.types[onem2m.TypeAccessControlPolicyAnnc] = announcedPolicyProcedures()
	}
	if p := c.types[onem2m.TypeAEAnnc]; p != nil {
		p.visible, p.public, p.remove = visibleAEAnnc, publicAEAnnc, forgetPlace
	}
}

// copiesBelow reports whether a copy may stand below another where the tables say
// nothing of it, as they do of most types of later releases: where their originals
// may, and below the <CSEBaseAnnc> any but an instance (TS-0001 clause 9.6.26.1).
func copiesBelow(parent, child *onem2m.TypeInfo) bool {
	if !parent.Kind.Announced() || !child.Kind.Announced() || store.Bulk(child.Original) {
		return false
	}
	if parent.Type == onem2m.TypeCSEBaseAnnc {
		return child.Type != onem2m.TypeCSEBaseAnnc
	}
	above := onem2m.TypeByNumber(parent.Original)
	return above != nil && above.AllowsChild(child.Original)
}

// announcer is the CSE whose resource an announced one is a copy of: that in its
// link, or "".
func (c *CSE) announcer(attrs onem2m.Object) onem2m.ID {
	link, _ := attrs.Text("lnk")
	if link == inactiveLink {
		return ""
	}
	return announcement.Host(c.Home, link)
}

// announceHere takes the place of the access decision in the CREATE of a copy:
// only the CSE of the original makes one (C-398). Below its own copies it needs
// no privilege, nor for its <CSEBaseAnnc>, which every CSE of the SP may have
// while the built-in policy governs the <CSEBase>.
func announceHere(k *call, r store.Reader, parent *store.Record) error {
	if reg, ok := k.spRegistration(); ok {
		return k.mayRegisterSP(reg, parent.ID, nil)
	}
	if k.fromAE() || k.announcer() != k.from.ID {
		k.audit("registration", "", onem2m.OriginatorHasNoPrivilege, "not the CSE of the original resource")
		return k.denied(onem2m.Create)
	}
	own := k.c.copied(parent) && k.c.announcer(attributes(parent)) == k.from.ID
	first := parent.ID == baseID && k.ty == onem2m.TypeCSEBaseAnnc && k.c.basePolicy == nil && k.from.ID.SP() == k.c.Home.SP
	if own || first {
		k.audit("registration", "", 0, "announced by "+string(k.from.ID))
		return nil
	}
	return k.authorizeNaming(r, parent, onem2m.Create, access.Create, k.sentNames())
}

// announcer of the Content of the request.
func (k *call) announcer() onem2m.ID { return k.c.announcer(k.draft.raw) }

// copied reports whether a resource is an announced one.
func (c *CSE) copied(rec *store.Record) bool {
	info := c.infoOf(rec)
	return info != nil && info.Kind.Announced()
}

// announcerOnly takes the place of the access decision in UPDATE and DELETE of a
// copy: only the CSE of the original, whatever acpi says (A-48, C-398).
func announcerOnly(k *call, rec *store.Record) error {
	if reg, ok := k.spRegistration(); ok && k.req.Operation == onem2m.Update {
		return k.mayRegisterSP(reg, rec.Parent, rec)
	}
	switch {
	case k.isAdmin():
		k.audit("admin", "", 0, "")
		return nil
	case !k.fromAE() && k.c.announcer(attributes(rec)) == k.from.ID:
		k.audit("static", "the CSE of the original", 0, "")
		return nil
	}
	k.audit("static", "", onem2m.OriginatorHasNoPrivilege, "not the CSE of the original resource")
	return k.denied(k.req.Operation)
}

// checkAnnounced: a copy stays one of the same CSE, and a CSE has one
// <CSEBaseAnnc> (C-401).
func checkAnnounced(k *call, r store.Reader, s *subject) error {
	if reg, ok := k.spRegistration(); ok {
		return k.checkSP(r, s, reg)
	}
	who := k.c.announcer(s.attrs)
	if s.old != nil {
		if link, _ := s.attrs.Text("lnk"); s.info.Type == onem2m.TypeAEAnnc && link == inactiveLink {
			return nil // the AE has left (C-206)
		}
		if who != k.c.announcer(attributes(s.old)) {
			return onem2m.Errorf(onem2m.BadRequest, "lnk", "the original stays on its CSE")
		}
		return nil
	}
	if who == k.c.Home.ID() {
		return onem2m.Errorf(onem2m.BadRequest, "lnk", "the original is on this CSE")
	}
	if s.info.Type != onem2m.TypeCSEBaseAnnc {
		return nil
	}
	siblings, err := r.Children(s.parent.ID, store.Page{Only: onem2m.TypeCSEBaseAnnc})
	if err != nil {
		return err
	}
	for _, rec := range siblings {
		if k.c.announcer(attributes(rec)) == who && !expired(rec, k.now) {
			return onem2m.Errorf(onem2m.Conflict, "lnk", "this CSE has a <CSEBaseAnnc> already")
		}
	}
	return nil
}

func createAnnounced(k *call, tx store.Tx, s *subject) error {
	if reg, ok := k.spRegistration(); ok {
		return k.createSP(tx, s, reg)
	}
	return nil
}

func updateAnnounced(k *call, tx store.Tx, s *subject) error {
	if reg, ok := k.spRegistration(); ok {
		return k.keepSP(tx, s, reg)
	}
	return keepPlace(tx, s)
}

// beyond reads the original of a copy for the originator of the request, whom
// its CSE decides about (TS-0001 clause 10.2.13.3, C-142).
func (k *call) beyond(ctx context.Context) (*onem2m.Response, error) {
	if within(ctx) != nil {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "a transaction reaches no other CSE")
	}
	req := *k.req
	req.To, req.ResultContent, req.Filter = k.original, nil, nil
	req.RequestID = k.c.ownRequestID() // it may come by where this one has been
	return k.instead(ctx, &req)
}

// instead carries out a request in place of this one, for its originator.
func (k *call) instead(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
	req.ResponseType, req.NotificationURIs, req.HasNotifyURIs = nil, nil, false
	on := &call{c: k.c, req: req, assoc: k.assoc, now: onem2m.TimestampOf(k.c.Now()), from: k.from, vouched: true, anew: true}
	res, err := on.run(ctx)
	k.carried = on.carried
	return res, err
}

// linkOf returns the address of the original of a copy.
func linkOf(rec *store.Record) (string, error) {
	link, ok := attributes(rec).Text("lnk")
	if link == inactiveLink {
		return "", onem2m.Errorf(onem2m.TargetNotReachable, "to", "the AE isn't registered")
	}
	if !ok {
		return "", errors.New("an announced resource without link")
	}
	return link, nil
}
