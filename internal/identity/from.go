package identity

import (
	"slices"

	"bulwark/onem2m"
)

// Registry is what the From check has to know about a CSE. All methods answer
// from one consistent state; none of them fails, so what can't be read has to
// be answered as the stricter case (not registered, bound to somebody else).
type Registry interface {
	// AERegistered reports whether an <AE> with this AE-ID exists here and has
	// not expired.
	AERegistered(id onem2m.ID) bool
	// CSERegistered reports whether a CSE with this CSE-ID is registered here.
	CSERegistered(id onem2m.ID) bool
	// RegistrarOf returns the CSE that an AE of the whole SP is known to be
	// registered with, or the registree that it is below of; "" if neither is
	// known.
	RegistrarOf(id onem2m.ID) onem2m.ID
	// Descendant reports whether the CSE id is somewhere below the registree
	// of; with of = "" below any registree.
	Descendant(of, id onem2m.ID) bool
	// CredentialOf returns the Credential-ID that an AE-ID is bound to,
	// tombstones included (S-080).
	CredentialOf(id onem2m.ID) (string, bool)
	// BoundTo returns the AE-IDs bound to a Credential-ID.
	BoundTo(credentialID string) []onem2m.ID
}

// claim is From, read.
type claim struct {
	id   onem2m.ID // "" when the originator asks for an identity
	form onem2m.Form
	cse  bool // a CSE-ID; else an AE-ID
}

// check is one run of the From check.
type check struct {
	home   onem2m.Home
	admin  onem2m.ID
	a      *Association
	to     string
	reg    Registry
	enters bool // CREATE of <AE>
	claim
}

// Check holds From of a request against the association it arrived on (TS-0003
// clause 7.2.1, TS-0004 clause 7.3.2.1) and returns who the originator is. It
// runs before anything else looks at the request. admin is the AE-ID of
// the administrator, "" if there is none; a nil association is none.
//
// It fails with 4000 for a From of a wrong form, 4107 where an association is
// needed, and 4106 for an identity that isn't the peer's, in that order (S-087).
// A request for an AE-ID (CREATE of <AE> with From absent, empty, "C" or "S")
// passes with an empty ID: DecideRegistration has the say.
func Check(home onem2m.Home, admin onem2m.ID, a *Association, req *onem2m.Request, reg Registry) (Originator, error) {
	if a == nil {
		a = &Association{}
	}
	c := check{home: home, admin: admin, a: a, to: req.To, reg: reg, enters: createsAE(req)}
	var err error
	if c.claim, err = readFrom(home, req, reg); err != nil {
		return Originator{}, err
	}
	switch a.Kind {
	case KindNone:
		if a.Trusted {
			return c.trusted()
		}
		return c.unassociated()
	case KindAE:
		return c.fromAE()
	case KindCSE:
		return c.fromCSE()
	}
	return Originator{}, stranger()
}

// createsAE reports whether the request is a CREATE of <AE>.
func createsAE(req *onem2m.Request) bool {
	return req.Operation == onem2m.Create && req.Type != nil && *req.Type == int64(onem2m.TypeAE)
}

// readFrom reads From without regard to the association.
func readFrom(home onem2m.Home, req *onem2m.Request, reg Registry) (claim, error) {
	switch from := req.From; {
	case from == "", from == "C", from == "S":
		if createsAE(req) {
			return claim{}, nil
		}
		if from == "" {
			return claim{}, malformed("From is missing")
		}
		return claim{}, malformed("From asks for an identifier, which only the creation of an <AE> may")
	default:
		id, form, err := home.ParseID(from)
		if err != nil {
			return claim{}, malformed("From is not an AE-ID or CSE-ID")
		}
		c := claim{id: id, form: form, cse: form != onem2m.FormStem && isCSE(home, id, reg)}
		if !spWide(id, req) && (id.Registrar() != "" && (id.Stem()[0] != 'C' || id.Stem() == "C") || !c.cse && id.Stem() == "S") {
			// "/cse/Sx" is no identifier; it occurs in the announcement of an AE
			// between registrars alone.
			return claim{}, malformed("From is not an AE-ID or CSE-ID")
		}
		return c, nil
	}
}

// spWide reports whether a request is the CREATE or UPDATE of an <AEAnnc> that
// belongs to the registration of an AE of the whole SP: its registrar sends it in
// the name of both (TS-0004 clause 7.4.5.2.1).
func spWide(id onem2m.ID, req *onem2m.Request) bool {
	return id.Registrar() != "" && id.Stem()[0] == 'S' && req.Content != nil && req.Content.Name == "m2m:aeA" &&
		(req.Operation == onem2m.Update || req.Operation == onem2m.Create && req.Type != nil && *req.Type == int64(onem2m.TypeAEAnnc))
}

// isCSE tells a CSE-ID from an AE-ID. "/Sx" can be both: it is an AE unless a
// CSE of that name is known (S-123).
func isCSE(home onem2m.Home, id onem2m.ID, reg Registry) bool {
	return id.Registrar() == "" && (id.Stem() == "" || id == home.ID() || reg.CSERegistered(id))
}

// trusted decides on a listener with trust-plain: every well-formed From is
// taken as authenticated (decision 3).
func (c *check) trusted() (Originator, error) {
	switch {
	case c.id == "":
		return Originator{}, nil
	case c.id == c.home.ID():
		return Originator{}, unsecured()
	case c.form != onem2m.FormStem && c.id.Registrar() == c.home.ID():
		return Originator{}, malformed("an AE names itself by its AE-ID-Stem")
	}
	local := c.form == onem2m.FormStem || c.id.SP() == c.home.SP && c.id.Registrar() == ""
	return Originator{ID: c.id, Authenticated: true, Forwarded: !local && !c.cse}, nil
}

// unassociated decides without a security association (A-16, A-17, S-086).
func (c *check) unassociated() (Originator, error) {
	switch {
	case c.cse:
		return Originator{}, unsecured()
	case c.id != "" && c.form != onem2m.FormStem:
		return Originator{}, malformed("an AE names itself by its AE-ID-Stem")
	case c.a.Required:
		return Originator{}, unsecured()
	case c.enters:
		return Originator{ID: c.id}, nil
	case c.isAdmin() || !c.reg.AERegistered(c.id):
		return Originator{}, stranger()
	}
	if _, bound := c.reg.CredentialOf(c.id); bound {
		return Originator{}, stranger() // decision 3: believed only over its credential
	}
	return Originator{ID: c.id}, nil
}

// fromAE decides inside the association of an AE.
func (c *check) fromAE() (Originator, error) {
	switch {
	case c.id == "":
		return Originator{}, nil
	case c.cse && c.id != c.home.ID():
		return Originator{}, stranger()
	case c.form != onem2m.FormStem:
		return Originator{}, malformed("an AE names itself by its AE-ID-Stem")
	}
	ids, fixed := Names(c.a, c.reg)
	named := slices.Contains(ids, c.id)
	if c.enters {
		if !named && fixed && !c.isAdmin() {
			return Originator{}, stranger()
		}
		return Originator{ID: c.id, Authenticated: named && (!c.isAdmin() || c.certified())}, nil
	}
	if c.isAdmin() {
		// Only a certificate that names the administrator counts (decision 23).
		if !c.certified() {
			return Originator{}, stranger()
		}
		return Originator{ID: c.id, Authenticated: true}, nil
	}
	if !named || !c.reg.AERegistered(c.id) {
		return Originator{}, stranger() // decision 25
	}
	if bound, ok := c.reg.CredentialOf(c.id); ok && bound != c.a.CredentialID {
		return Originator{}, stranger() // S-118
	}
	return Originator{ID: c.id, Authenticated: true}, nil
}

// fromCSE decides inside the association of a CSE, which may speak for itself
// and forward for what is behind it (A-15, A-22, S-085, S-093).
func (c *check) fromCSE() (Originator, error) {
	if len(c.a.IDs) != 1 || c.a.IDs[0] == c.home.ID() {
		return Originator{}, stranger()
	}
	peer := c.a.IDs[0]
	switch {
	case c.id == "":
		return Originator{}, nil // DecideRegistration refuses it
	case c.id == peer && c.form != onem2m.FormStem:
		return Originator{ID: c.id, Authenticated: true}, nil
	case c.id == c.home.ID(), c.isAdmin():
		return Originator{}, stranger()
	case c.form == onem2m.FormStem && c.id.Registrar() != "":
		return Originator{}, stranger()
	case c.form == onem2m.FormStem:
		return Originator{}, malformed("a CSE forwards an AE-ID with its slash in front")
	}
	if !c.behind(peer) {
		return Originator{}, stranger()
	}
	return Originator{ID: c.id, Forwarded: true}, nil
}

// behind reports whether peer may forward for the claimed originator. The CSE
// that answers for the originator is the originator itself, or the CSE part of
// its AE-ID.
//
// The registrar is the transit of everybody, also of this CSE and what is below
// it: a group above fans out to members here for an AE of here, and its requests
// come down in that name (A-15 speaks of registrees alone). What it brings is
// never authenticated, and neither this CSE nor its administrator ever ask that
// way. A registree brings nothing but its own subtree.
func (c *check) behind(peer onem2m.ID) bool {
	answers := c.id.Registrar()
	if c.cse {
		answers = c.id
	}
	if answers == "" && !c.reg.AERegistered(c.id) {
		answers = c.reg.RegistrarOf(c.id) // S-093
	}
	switch {
	case c.id.SP() != peer.SP() && peer.SP() != c.home.SP:
		return false // S-094: another provider speaks for its own domain alone
	case c.id.SP() != c.home.SP && c.id.SP() != peer.SP() && !c.a.Upstream:
		return false // what is beyond the providers comes from the registrar, never from below
	case answers == "":
		// An S-type AE says nothing of its registrar; ours is known here.
		if c.reg.AERegistered(c.id) {
			return c.a.Upstream
		}
		if _, bound := c.reg.CredentialOf(c.id); bound {
			return false
		}
		return c.a.Upstream || c.id.SP() != c.home.SP || c.ascends()
	case answers == peer:
		return true
	case answers == c.home.ID():
		return c.a.Upstream && c.reg.AERegistered(c.id)
	case c.a.Upstream:
		return true
	case c.reg.CSERegistered(answers):
		return false
	case c.id.SP() != c.home.SP:
		return true // of the peer's provider
	}
	return c.reg.Descendant(peer, answers)
}

// ascends reports whether the request leads neither to this CSE nor to what is
// below it, but up, where more is known of the originator. Only so is an AE of
// the whole SP believed that nobody has told this CSE of (S-093).
func (c *check) ascends() bool {
	address, err := onem2m.ParseAddress(c.to)
	if err != nil || address.Local(c.home) {
		return false
	}
	host := address.Host(c.home) // or an AE of the whole SP
	return host != c.home.ID() && !c.reg.Descendant("", host) && !c.reg.AERegistered(host) && c.reg.RegistrarOf(host) == ""
}

// isAdmin reports whether the claimed originator is the administrator.
func (c *check) isAdmin() bool { return c.admin != "" && c.id == c.admin }

// certified reports whether the certificate itself names the claimed originator.
func (c *check) certified() bool {
	return c.a.Framework == FrameworkCertificate && slices.Contains(c.a.IDs, c.id)
}

// malformed is the refusal of a From of a wrong form.
func malformed(text string) error { return onem2m.Errorf(onem2m.BadRequest, "fr", "%s", text) }

// stranger is the refusal of an identity that isn't the peer's. The text is the
// same for every cause, so that nobody learns which identities exist.
func stranger() error {
	return onem2m.Errorf(onem2m.OriginatorNotAuthenticated, "fr", "From is not an identity of this association")
}

// unsecured is the refusal of what needs a security association.
func unsecured() error {
	return onem2m.Errorf(onem2m.SecurityAssociationRequired, "fr", "a security association is required")
}
