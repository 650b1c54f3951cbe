package identity

import (
	"slices"

	"bulwark/onem2m"
)

// Assignment is the outcome of a registration decision: which AE-ID-Stem the
// new <AE> gets, and to which credential it will be bound.
type Assignment struct {
	Stem       string // "": the CSE makes a stem that nobody has or had, and not the administrator's
	Class      byte   // 'C' or 'S', also when Stem is given
	Credential string // Credential-ID to bind the stem to; "" without one
}

// DecideRegistration decides whether a CREATE of <AE> may go on and which
// AE-ID-Stem it leads to, as far as the association, the bindings and the
// operator's list of originators say; service subscription data is the caller's
// (core C-195 to C-201, decision 2 and 23). allow, if not nil, is asked about
// the stem, or about "C" or "S" alone when the CSE is to make one.
//
// It fails with 4000 for a From of a wrong form, 4107 where an association is
// needed, 4117 for a stem that is active or reserved, 4106 for one that belongs
// to another credential or isn't the association's, 4126 for one that the list
// doesn't have.
func DecideRegistration(home onem2m.Home, admin onem2m.ID, a *Association, req *onem2m.Request, reg Registry, allow func(stem string) bool) (Assignment, error) {
	if a == nil {
		a = &Association{}
	}
	c, err := readFrom(home, req, reg)
	switch {
	case err != nil:
		return Assignment{}, err
	case c.id != "" && c.form != onem2m.FormStem && !c.cse:
		return Assignment{}, malformed("an AE names itself by its AE-ID-Stem")
	case a.Kind == KindNone && !a.Trusted && (a.Required || c.cse), a.Trusted && c.id == home.ID():
		return Assignment{}, unsecured()
	case admin != "" && c.id == admin && !c.cse:
		return Assignment{}, taken()
	case a.Kind == KindCSE && slices.Contains(a.IDs, c.id), a.Kind == KindNone && c.cse:
		return Assignment{}, taken() // a CSE doesn't become an AE (core section 32 row 60)
	case a.Kind == KindCSE, c.cse:
		return Assignment{}, stranger()
	}
	out := Assignment{Class: 'C', Credential: a.CredentialID}
	if req.From != "" {
		out.Class = req.From[0]
	}
	if a.Kind == KindAE {
		if c.id, err = amongNames(home, a, c.id, req.From, reg); err != nil {
			return Assignment{}, err
		}
	}
	asked := string(out.Class)
	if c.id != "" {
		out.Stem = c.id.Stem()
		out.Class = out.Stem[0]
		asked = out.Stem
	}
	if allow != nil && !allow(asked) {
		return Assignment{}, onem2m.Errorf(onem2m.AppRuleValidationFailed, "fr", "this AE-ID is not admitted here")
	}
	if err := Free(home, admin, c.id, out.Credential, reg); err != nil {
		return Assignment{}, err
	}
	return out, nil
}

// amongNames picks the AE-ID that an association with fixed identities gets:
// the claimed one if it is among them, else the first of the wanted class,
// before that the first that isn't registered (S-092). An association that may
// still come to stand for another AE gets what it claims.
func amongNames(home onem2m.Home, a *Association, claimed onem2m.ID, from string, reg Registry) (onem2m.ID, error) {
	ids, fixed := Names(a, reg)
	if !fixed {
		return claimed, nil
	}
	if claimed != "" {
		if !slices.Contains(ids, claimed) {
			return "", stranger()
		}
		return claimed, nil
	}
	var first onem2m.ID
	for _, id := range ids {
		if !residentAt(home, id) || from != "" && id.Stem()[0] != from[0] {
			continue
		}
		if !reg.AERegistered(id) {
			return id, nil
		}
		if first == "" {
			first = id
		}
	}
	if first == "" {
		return "", stranger()
	}
	return first, nil
}

// residentAt reports whether id is an AE-ID that an <AE> of this CSE can have.
func residentAt(home onem2m.Home, id onem2m.ID) bool {
	if id.Registrar() != "" {
		return id.Registrar() == home.ID()
	}
	return id.Stem() != "" && id.SP() == home.SP
}

// Free returns nil if an AE-ID may be given to a credential: no active <AE> has
// it, no CSE is called so (4117), and it isn't bound to another credential, also
// not as a tombstone (4106; S-080, S-118, S-123). "", for one that the CSE is
// going to make, is free.
func Free(home onem2m.Home, admin, id onem2m.ID, credential string, reg Registry) error {
	if id == "" {
		return nil
	}
	if id == admin || id == home.ID() || reg.AERegistered(id) || reg.CSERegistered(id) {
		return taken()
	}
	if bound, ok := reg.CredentialOf(id); ok && bound != credential {
		return onem2m.Errorf(onem2m.OriginatorNotAuthenticated, "fr", "this AE-ID belongs to another credential")
	}
	return nil
}

// taken is the refusal of an identity that is active or reserved.
func taken() error {
	return onem2m.Errorf(onem2m.OriginatorHasAlreadyRegistered, "fr", "this identity is registered already")
}
