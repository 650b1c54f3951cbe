package cse

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"bulwark/access"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/token"
)

// Bounds of what one request may bring; the text has none.
const (
	maxClaimedRoles = 100
	maxTokens       = 16
	maxSignature    = 4096 // octets of one signature
)

// grants are what a request brings for the decision beyond its originator. They
// are read on the snapshot of the decision, so that a role that is removed and a
// token that is deleted or expires count no more from then on.
type grants struct {
	read  bool           // roles have been read
	roles access.RoleSet // that were claimed and are held
	local []heldToken    // tokens that Local-Token-IDs were assigned to
}

// checkGrants holds rids, tkns, tids and ltids against their types and against
// what this CSE has been told about: without anybody whose roles or tokens count
// it doesn't support them.
func (k *call) checkGrants() error {
	req := k.req
	no := func(name, who string) error {
		return onem2m.Errorf(onem2m.NotImplemented, name, "this CSE trusts no %s", who)
	}
	switch {
	case len(req.RoleIDs) > 0 && len(k.c.Authorities) == 0:
		return no("rids", "Authorization Authority")
	case len(req.Tokens) > 0 && k.c.Verifier == nil:
		return no("tkns", "Token Issuer")
	case len(req.TokenIDs) > 0 && k.c.Verifier == nil:
		return no("tids", "Token Issuer")
	case len(req.LocalTokenIDs) > 0 && k.c.Verifier == nil:
		return no("ltids", "Token Issuer")
	case len(req.AuthorSigns) > 0 && k.c.Verifier == nil:
		return no("aus", "Token Issuer")
	case len(req.RoleIDs) > maxClaimedRoles:
		return onem2m.Errorf(onem2m.BadRequest, "rids", "more than %d roles", maxClaimedRoles)
	case len(req.Tokens)+len(req.TokenIDs)+len(req.LocalTokenIDs) > maxTokens:
		return onem2m.Errorf(onem2m.BadRequest, "tkns", "more than %d tokens", maxTokens)
	}
	for _, list := range []struct {
		name, attribute string
		of              onem2m.ResourceType
		values          []string
	}{
		{"rids", "rlid", onem2m.TypeRole, req.RoleIDs},
		{"tkns", "tkob", onem2m.TypeToken, req.Tokens},
		{"tids", "tkid", onem2m.TypeToken, req.TokenIDs},
	} {
		kind := onem2m.TypeByNumber(list.of).Attribute(list.attribute)
		for _, value := range list.values {
			if kind.CheckValue(onem2m.TextValue(value)) != nil { // its text may repeat a token
				return onem2m.Errorf(onem2m.BadRequest, list.name, "not of its type")
			}
		}
	}
	for _, local := range req.LocalTokenIDs {
		if local == "" || strings.ContainsAny(local, ": \t+@/") {
			return onem2m.Errorf(onem2m.BadRequest, "ltids", "not of its type")
		}
	}
	for _, sign := range req.AuthorSigns {
		if len(sign) > maxSignature || !onem2m.ValidSignature(sign) {
			return onem2m.Errorf(onem2m.BadRequest, "aus", "not of its type")
		}
	}
	return nil
}

// readRoles finds out which of the claimed roles the originator holds. What it
// doesn't hold is ignored; what its service subscription doesn't allow is
// an error.
func (k *call) readRoles(r store.Reader) error {
	k.grants.read, k.grants.roles = true, nil
	if len(k.req.RoleIDs) == 0 {
		return nil
	}
	if err := k.checkSubscribedRoles(r); err != nil {
		return err
	}
	roles := make(access.RoleSet, len(k.req.RoleIDs))
	for _, id := range k.req.RoleIDs {
		if k.c.holds(r, k.from.ID, id, k.now) || k.holdsElsewhere(id) {
			roles[id] = struct{}{}
		}
	}
	k.grants.roles = roles
	return nil
}

// bringsTokens reports whether the request has tokens to look at.
func (k *call) bringsTokens() bool {
	return len(k.req.Tokens)+len(k.req.TokenIDs)+len(k.req.LocalTokenIDs) > 0
}

// refusal is a token that is not accepted, with which one it was.
type refusal struct {
	which string // for the audit: never the token itself
	cause error
}

func (e *refusal) Error() string { return e.which + ": " + e.cause.Error() }
func (e *refusal) Unwrap() error { return e.cause }

var (
	errUnproven   = errors.New("tokens are for authenticated originators")
	errUnknownID  = errors.New("no token of this CSE has the Token-ID")
	errOtherToken = errors.New("the resource holds another token")
)

// readTokens verifies the tokens of the request. One that fails fails them all
// (A-130, TS-0003 clause 7.3.2.3 step 7.1.4).
func (k *call) readTokens(r store.Reader, rec *store.Record) ([]access.Token, error) {
	if !k.proven() { // decision 12: who holds it isn't proven
		return nil, &refusal{which: k.namesTokens(), cause: errUnproven}
	}
	out := make([]access.Token, 0, len(k.req.Tokens)+len(k.req.TokenIDs)+len(k.req.LocalTokenIDs))
	add := func(which string, n int, a heldToken, err error) error {
		if err == nil {
			which, err = "token "+a.cached.ID, k.checkToken(&a, n)
		}
		if err == nil {
			err = k.confirm(r, rec, &a.cached)
		}
		if err != nil {
			return &refusal{which: which, cause: err}
		}
		grant, err := k.grantOf(r, a.cached)
		if err != nil {
			return &refusal{which: which, cause: err}
		}
		if a.text != "" && k.nesting == 0 && !k.rehearsal && !k.deputy() { // who isn't answered is told no name
			k.assignLocal(a)
		}
		out = append(out, grant)
		return nil
	}
	for i, text := range k.req.Tokens {
		cached, err := k.c.verifyToken(text, k.now)
		which := "" // a good one says itself which it is
		if err != nil {
			which = tokenNumber(i, text)
		}
		if err := add(which, i, heldToken{cached: cached, text: text}, err); err != nil {
			return nil, err
		}
	}
	for i, id := range k.req.TokenIDs {
		a, err := k.fetchToken(r, rec, id)
		if err := add("token "+id, len(k.req.Tokens)+i, a, err); err != nil {
			return nil, err
		}
	}
	for i, local := range k.req.LocalTokenIDs {
		cached, err := k.c.localToken(r, local, k.from.ID, k.now)
		if err := add(fmt.Sprintf("local token %d of the request", i+1), -1, heldToken{cached: cached}, err); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// tokenSet are the tokens of a request as they are good for one originator on
// one state of the store.
type tokenSet struct {
	r    store.Reader
	who  onem2m.ID
	list []access.Token
}

// allTokens returns the tokens that count for resources beyond the target: those
// of the request, if none fails, and those that servers have handed over. What is
// only named by its Token-ID is retrieved from its server or repository, once for
// the whole request (F-3).
func (k *call) allTokens(r store.Reader, rec *store.Record) []access.Token {
	e := k.escalating()
	if e.set.r == r && e.set.who == k.from.ID {
		return e.set.list
	}
	list, err := k.readTokens(r, rec)
	if err != nil {
		list = nil
	}
	e.set = tokenSet{r: r, who: k.from.ID, list: append(list, k.directTokens(r, rec)...)}
	return e.set.list
}

// tokenNumber says which token of the request it is that nobody has vouched for.
func tokenNumber(i int, text string) string {
	which := fmt.Sprintf("token %d of the request", i+1)
	if id := token.ClaimedID(text); id != "" {
		which += ", which says that it is " + id
	}
	return which
}

// namesTokens says in the audit which tokens weren't looked at.
func (k *call) namesTokens() string {
	if len(k.req.TokenIDs) > 0 {
		return "tokens " + strings.Join(k.req.TokenIDs, ", ")
	}
	return "the tokens of the request"
}

// checkToken compares a token with the request. n is its place
// among those that the originator may have signed, -1 for none.
func (k *call) checkToken(a *heldToken, n int) error {
	self := k.c.Home.ID()
	if k.deputy() {
		self = k.remote.asker // who enforces the decision
	}
	on := token.Conditions{Originator: k.from.ID, Self: self, Now: k.now, Leeway: k.c.Leeway, Holder: a.cached.Holder}
	err := a.cached.Check(on)
	if err == nil || n < 0 || a.cached.Holder == k.from.ID || k.deputy() {
		return err
	}
	on.Originator = a.cached.Holder
	if a.cached.Check(on) != nil {
		return err // it fails in more than the holder
	}
	return k.relate(a, n, err)
}

// fetchToken finds the token with a Token-ID among the <token>s of this CSE (A-106,
// A-126), or else what its server has handed over for this request. The first
// that its issuer made counts: others may be anybody's. It isn't looked for in the
// cache: when the <token> is deleted its name is gone.
func (k *call) fetchToken(r store.Reader, rec *store.Record, id string) (heldToken, error) {
	failed := errUnknownID
	for _, stored := range k.c.storedTokens(r, id, k.now) {
		cached, err := k.c.verifyToken(stored.text, k.now)
		switch {
		case err != nil:
			failed = err
		case cached.ID != id:
			failed = errOtherToken
		default:
			return heldToken{cached: cached, text: stored.text, record: stored.record}, nil
		}
	}
	if errors.Is(failed, errUnknownID) {
		a, asked, err := k.tokenElsewhere(id)
		if !errors.Is(err, errUnknownID) || !asked {
			return a, err
		}
	}
	if text := k.retrieved(id); text != "" {
		cached, err := k.c.verifyToken(text, k.now)
		if err == nil && cached.ID != id {
			err = errOtherToken
		}
		return heldToken{cached: cached, text: text, served: true}, err
	}
	if errors.Is(failed, errUnknownID) {
		for _, id := range k.req.TokenIDs { // all at once
			if len(k.c.storedTokens(r, id, k.now)) == 0 {
				k.wantToken(r, rec, id)
			}
		}
	}
	return heldToken{}, failed
}

// assignLocal gives a token a Local-Token-ID and keeps it for the answer.
// Without one nothing is lost: the originator goes on with what it has.
func (k *call) assignLocal(a heldToken) {
	local, fresh, err := k.c.tokens.Assign(a.cached.Digest, k.from.ID, k.now)
	if err == nil {
		a.local, a.tell = local, fresh
	}
	if a.direct || err == nil && fresh {
		k.grants.local = append(k.grants.local, a)
	}
}

// tellLocal puts the assigned Local-Token-IDs into the answer.
func (k *call) tellLocal(res *onem2m.Response) {
	var list onem2m.TokenAssignments
	for _, a := range k.grants.local {
		if a.tell {
			list = append(list, onem2m.TokenAssignment{Local: a.local, TokenID: a.cached.ID})
		}
	}
	if len(list) > 0 {
		res.AssignedTokenIDs = list.Value()
	}
}

// grantOf makes of a verified token what the decision takes. A rule that can't be
// enforced makes the token unusable.
func (k *call) grantOf(r store.Reader, cached token.Cached) (access.Token, error) {
	out := access.Token{Name: cached.ID}
	policies, err := k.c.rules.of(k.c.Home, cached.Verified)
	if err != nil {
		return out, err
	}
	for i, p := range cached.Permissions {
		permission := access.Permission{Roles: p.Roles, Privileges: policies[i]}
		if p.Resources != nil {
			permission.Resources = make([]string, 0, len(p.Resources))
			for _, name := range p.Resources {
				if id, ok := k.c.resourceNamed(r, name, k.now); ok || k.remote.isTarget(name, &id) {
					permission.Resources = append(permission.Resources, id)
				}
			}
		}
		out.Permissions = append(out.Permissions, permission)
	}
	return out, nil
}

// resourceNamed turns the name of a resource in a token, in any form, into that
// which the decision compares. What doesn't exist here is nothing.
func (c *CSE) resourceNamed(r store.Reader, name string, now onem2m.Timestamp) (string, bool) {
	address, err := onem2m.ParseAddress(name)
	if err != nil || address.Attribute != "" || !address.Local(c.Home) {
		return "", false
	}
	t, err := c.resolve(r, address.Path, now)
	if err != nil || t.virtual != "" {
		return "", false
	}
	return nameOf(t.rec), true
}

// nameOf is the name of a resource in a decision: unlike an address there is one.
func nameOf(rec *store.Record) string { return strconv.FormatInt(rec.ID, 10) }

// governing returns the resource that the policies of rec come from (C-41).
func (c *CSE) governing(r store.Reader, rec *store.Record) (*store.Record, error) {
	for rec.Type != onem2m.TypeCSEBase && rec.Type != onem2m.TypeAccessControlPolicy && rec.Type != onem2m.TypePollingChannel {
		if info := c.infoOf(rec); info != nil && info.Has("acpi") {
			break
		}
		parent, err := r.ByID(rec.Parent)
		if err != nil {
			return nil, missing(err)
		}
		rec = parent
	}
	return rec, nil
}
