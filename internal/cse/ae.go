package cse

import (
	"errors"
	"strings"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

func aeProcedures() *procedures {
	return &procedures{register: registerAE, check: checkAE, create: createAE, visible: visibleAE}
}

// registerAE takes the place of the access decision in a CREATE of <AE>
// (A-79, C-196): who may register as whom.
func registerAE(k *call, r store.Reader, _ *store.Record) error {
	_, err := k.assignment(r)
	if err != nil {
		e := onem2m.AsError(err)
		k.audit("registration", "", e.Code, e.Debug())
	}
	return err
}

func (k *call) assignment(r store.Reader) (identity.Assignment, error) {
	var allow func(string) bool
	if len(k.c.Allowed) > 0 {
		allow = func(stem string) bool { return matchesAny(k.c.Allowed, stem) }
	}
	return identity.DecideRegistration(k.c.Home, k.c.admin, k.assoc, k.req, k.c.registry(r, k.now), allow)
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
func checkAE(k *call, _ store.Reader, s *subject) error {
	if s.old == nil || k.draft.attrs.Has("api") {
		api, _ := s.attrs.Text("api")
		if err := k.checkAppID(api); err != nil {
			return err
		}
	}
	if s.old == nil && k.req.Release != "" && k.req.Release != "1" && !s.attrs.Has("srv") {
		return onem2m.Errorf(onem2m.BadRequest, "srv", "mandatory from Release 2 on") // C-200
	}
	if k.draft.attrs.Has("nl") && !k.draft.attrs.IsNull("nl") {
		return onem2m.Errorf(onem2m.BadRequest, "nl", "no such node") // C-202
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
	given, err := k.assignment(tx)
	if err != nil {
		return err
	}
	if given.Class == 'S' && k.c.Type != IN {
		return onem2m.Errorf(onem2m.NotImplemented, "fr", "an SP-assigned AE-ID needs the IN-CSE, and this CSE isn't registered with one")
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
		s.rn = given.Stem
	}
	s.ri, s.origin = given.Stem, id
	s.set("aei", onem2m.TextValue(given.Stem))
	if given.Credential != "" {
		if err := tx.Bind(store.Binding{ID: id, Credential: given.Credential, Since: k.now}); err != nil {
			return err
		}
	}
	k.decision.Originator = id
	k.audit("registration", "", 0, "registered as "+given.Stem)
	return nil
}

// clearIdentity removes an expired <AE> of the same AE-ID that the sweep hasn't
// come to yet; an active one was refused before.
func (k *call) clearIdentity(tx store.Tx, stem string) error {
	old, err := tx.ByRI(stem)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if !expired(old, k.now) {
		return onem2m.Errorf(onem2m.OriginatorHasAlreadyRegistered, "fr", "this AE-ID is registered")
	}
	return k.c.removeTree(tx, old, k.c.Home.ID())
}

// visibleAE hides the point of access from everybody but the AE.
func visibleAE(k *call, rec *store.Record, attrs onem2m.Object) onem2m.Object {
	if !k.owns(rec) {
		attrs.Delete("poa")
	}
	return attrs
}
