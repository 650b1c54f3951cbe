package cse

import (
	"errors"
	"slices"
	"strings"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

func aeProcedures() *procedures {
	return &procedures{
		register: registerAE, check: checkAE, create: createAE, created: hostCreated, update: hostUpdated,
		remove: removedAE, asks: spWide, verify: agreeSP, private: []string{"poa"}, visible: visibleAE,
	}
}

// registerAE takes the place of the access decision in a CREATE of <AE>
// (A-79, C-196): who may register as whom.
func registerAE(k *call, r store.Reader, _ *store.Record) error {
	_, _, err := k.assignment(r)
	if err != nil && onem2m.AsError(err).Code == onem2m.OriginatorHasAlreadyRegistered {
		return nil // found after the content was looked at (TS-0004 clause 7.4.5.2.1): checkAE comes to it
	}
	return k.noteRefusal(err)
}

// noteRefusal leaves a trace of a registration that is refused.
func (k *call) noteRefusal(err error) error {
	if err != nil && !k.uninformed() { // else it is decided again
		e := onem2m.AsError(err)
		k.audit("registration", "", e.Code, e.Debug())
	}
	return err
}

// assignment decides on the identity of a new <AE>: by the association and the
// bindings, and by the service subscription where there is one, else by the
// operator's list (associations section 5.5). It also returns the rule that
// admits the AE, or "".
func (k *call) assignment(r store.Reader) (identity.Assignment, string, error) {
	enforced, err := k.c.subscribed(r)
	if err != nil {
		return identity.Assignment{}, "", err
	}
	var given admission
	var refusal error
	var allow func(string) bool
	switch {
	case enforced:
		allow = func(asked string) bool {
			given, refusal = k.admitted(r, asked)
			return refusal == nil
		}
	case len(k.c.Allowed) > 0:
		allow = func(asked string) bool { return matchesAny(k.c.Allowed, asked) }
	}
	out, err := identity.DecideRegistration(k.c.Home, k.c.admin, k.assoc, k.req, entrants{snapshot{c: k.c, r: r, now: k.now}}, allow)
	switch {
	case refusal != nil:
		return identity.Assignment{}, "", refusal
	case err != nil:
		return identity.Assignment{}, "", err
	case out.Stem == "":
		out.Stem = given.stem
	}
	return out, given.rule, nil
}

// matchesAny compares a stem with the operator's patterns, in which * stands
// for any characters (C-196).
func matchesAny(patterns []string, s string) bool {
	for _, p := range patterns {
		head, rest, star := strings.Cut(p, "*")
		if !star {
			if p == s {
				return true
			}
			continue
		}
		tail, ok := strings.CutPrefix(s, head)
		for ok && star {
			var part string
			part, rest, star = strings.Cut(rest, "*")
			if !star {
				ok = strings.HasSuffix(tail, part)
				break
			}
			var at int
			if at = strings.Index(tail, part); at < 0 {
				ok = false
				break
			}
			tail = tail[at+len(part):]
		}
		if ok {
			return true
		}
	}
	return false
}

// checkAE: App-ID, and point of access for its owner alone.
func checkAE(k *call, r store.Reader, s *subject) error {
	if s.old == nil || k.draft.attrs.Has("api") {
		api, _ := s.attrs.Text("api")
		if err := k.checkAppID(api); err != nil {
			return err
		}
	}
	if s.old == nil {
		if _, _, err := k.assignment(r); err != nil {
			return k.noteRefusal(err) // C-198
		}
	}
	if s.old == nil && k.req.Release != "" && k.req.Release != "1" && !s.attrs.Has("srv") {
		return onem2m.Errorf(onem2m.BadRequest, "srv", "mandatory from Release 2 on") // C-200
	}
	if err := k.checkNodeLink(r); err != nil {
		return err
	}
	if err := checkPoints(k.draft.attrs); err != nil {
		return err
	}
	if err := checkCapability(k.draft.attrs.Get("esi")); err != nil {
		return err
	}
	if s.old != nil && k.draft.raw.Has("poa") && !k.owns(s.old) {
		k.audit("special", "", onem2m.OriginatorHasNoPrivilege, "the point of access belongs to the AE alone")
		return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "poa", "only the AE itself changes its point of access")
	}
	return nil
}

// checkAppID: an App-ID begins with R (registered) or N, or up to Release 3
// with r (C-010).
func (k *call) checkAppID(api string) error {
	switch {
	case strings.HasPrefix(api, "N"), strings.HasPrefix(api, "R"):
		return nil
	case strings.HasPrefix(api, "r") && k.req.Release < "4":
		return nil
	}
	return onem2m.Errorf(onem2m.BadRequest, "api", "an App-ID begins with N, or with R if it is registered")
}

// owns reports whether the originator is the AE of this <AE>, or the admin.
func (k *call) owns(ae *store.Record) bool { return k.from.ID == ae.Origin || k.isAdmin() }

// createAE gives the AE its identity and binds it to its credential for good
// (S-080, C-201).
func createAE(k *call, tx store.Tx, s *subject) error {
	given, rule, err := k.assignment(tx)
	if err != nil {
		return err
	}
	if given.Class == 'S' && k.c.Type != IN {
		if s.assigned == "" {
			return onem2m.Errorf(onem2m.TargetNotReachable, "fr", "the IN-CSE hasn't been asked for the AE-ID")
		}
		given.Stem = s.assigned
	}
	if given.Stem == "" {
		given.Stem = k.c.names.stem(given.Class)
	}
	id, _, err := k.c.Home.ParseID(given.Stem)
	if err != nil {
		return onem2m.Errorf(onem2m.BadRequest, "fr", "not an AE-ID-Stem")
	}
	if err := k.clearIdentity(tx, given.Stem); err != nil {
		return err
	}
	if s.rn == s.ri {
		// Where the stem is taken as a name, the made-up one stays (C-102).
		switch _, err := tx.Child(s.parent.ID, given.Stem); {
		case errors.Is(err, store.ErrNotFound):
			s.rn = given.Stem
		case err != nil:
			return err
		}
	}
	s.ri, s.origin = given.Stem, id
	s.set("aei", onem2m.TextValue(given.Stem))
	if err := k.bind(tx, id, given.Credential); err != nil {
		return err
	}
	k.auditOf(id, "registration", rule, 0, "registered as "+given.Stem)
	return nil
}

// bind binds a new AE-ID to its credential. One that comes back has its binding
// from before, and the registration has been held against that (C-199).
func (k *call) bind(tx store.Tx, id onem2m.ID, credential string) error {
	if credential == "" {
		return nil
	}
	if _, err := tx.CredentialOf(id); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return tx.Bind(store.Binding{ID: id, Credential: credential, Since: k.now})
}

// entrants is the registry as registrations see it: an <AE> that is INACTIVE
// has left, and its AE-ID is free for whom it belongs to (C-199).
type entrants struct{ snapshot }

// AERegistered reports whether an active <AE> with this AE-ID exists here.
func (e entrants) AERegistered(id onem2m.ID) bool {
	if !e.snapshot.AERegistered(id) {
		return false
	}
	rec, err := e.r.ByRI(id.Stem())
	return err != nil || !inactive(rec)
}

// returns reports whether rec is the INACTIVE <AE> of who registers again: the
// new one takes its place.
func (k *call) returns(rec *store.Record) bool {
	return k.req.Operation == onem2m.Create && k.ty == onem2m.TypeAE && rec.Origin == k.from.ID && inactive(rec)
}

// clearIdentity removes an <AE> of the same AE-ID that is INACTIVE, or has
// expired and the sweep hasn't come to yet; an active one was refused before.
func (k *call) clearIdentity(tx store.Tx, stem string) error {
	old, err := tx.ByRI(stem)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if !expired(old, k.now) && !inactive(old) {
		return onem2m.Errorf(onem2m.OriginatorHasAlreadyRegistered, "fr", "this AE-ID is registered")
	}
	return k.c.removeTree(tx, old, k.c.Home.ID())
}

// listens lets the notifications and the changes of copies go on that rest because
// an <AE> or <remoteCSE> couldn't be reached: it has registered again, or has said
// where it is now.
func (k *call) listens(tx store.Tx, s *subject) {
	targets := k.c.spellings(s.ri, s.rn)
	host := onem2m.ID("")
	if s.info.Type == onem2m.TypeRemoteCSE {
		csi, _ := s.attrs.Text("csi")
		host = k.c.custodian(csi)
	}
	tx.OnCommit(func() {
		k.c.Notifier.Hasten(targets...)
		k.c.arrears.back(host)
	})
}

// visibleAE hides the point of access from everybody but the AE.
func visibleAE(k *call, rec *store.Record, attrs onem2m.Object) onem2m.Object {
	if !k.owns(rec) {
		attrs.Delete("poa")
	}
	return attrs
}

// hides reports whether the originator may not see an attribute that everybody
// else with access to the resource sees, or use it in a filter.
func (k *call) hides(rec *store.Record, name string) bool {
	p := k.c.types[rec.Type]
	return p != nil && slices.Contains(p.private, name) && !k.owns(rec)
}

// publicRecord is rec as subscribers may be told of it: without what is
// private. A subscription says too little about who reads its notifications.
func (c *CSE) publicRecord(rec *store.Record) *store.Record {
	p := c.types[rec.Type]
	if p == nil || len(p.private) == 0 && p.public == nil {
		return rec
	}
	attrs, cut := attributes(rec).Clone(), false
	for _, name := range p.private {
		cut = attrs.Delete(name) || cut
	}
	if p.public != nil {
		attrs, cut = p.public(attrs), true
	}
	if !cut {
		return rec
	}
	return &store.Record{
		ID: rec.ID, Parent: rec.Parent, RI: rec.RI, RN: rec.RN, Type: rec.Type, Root: rec.Root,
		Created: rec.Created, Modified: rec.Modified, Expires: rec.Expires, Due: rec.Due, Origin: rec.Origin,
		Size: rec.Size, Attributes: attrs.Append(nil), Counted: rec.Counted, Counters: rec.Counters,
	}
}
