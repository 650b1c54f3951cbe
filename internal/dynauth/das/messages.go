package das

import (
	"context"
	"slices"
	"strings"

	"bulwark/onem2m"
)

// Asker is who sent a message, as it was proven.
type Asker struct {
	ID         onem2m.ID // absolute
	CSE        bool      // a CSE; else an originator
	Credential string    // Credential-ID
}

// home is the place from which the identifiers of a CSE are read.
func home(cse onem2m.ID) onem2m.Home { return onem2m.Home{SP: cse.SP(), CSE: cse.SPRelative()} }

// absoluteTarget makes the address of a resource of a CSE absolute. It fails for
// a resource of another CSE and for a virtual address of none.
func absoluteTarget(cse onem2m.ID, address string) (string, bool) {
	switch {
	case address == "" || len(address) > onem2m.MaxAddress:
		return "", false
	case strings.HasPrefix(address, "//"):
	case strings.HasPrefix(address, "/"):
		address = cse.SP() + address
	default:
		address = string(cse) + "/" + address
	}
	rest, ok := strings.CutPrefix(address, string(cse)+"/")
	return address, ok && rest != "" && !slices.Contains(strings.Split(rest, "/"), "")
}

// Direct answers a CSE that asks on behalf of an originator (F-1), or for tokens
// by their IDs (F-3): securityInfo of type 1, answered with type 2. Nil for
// nothing. The error is an *onem2m.Error.
func (a *Authority) Direct(ctx context.Context, cse onem2m.ID, m *onem2m.DASRequest) (*onem2m.DASResponse, error) {
	q, err := a.question(cse, m)
	if err != nil {
		return nil, err
	}
	out := &onem2m.DASResponse{}
	if len(m.TokenIDs) > 0 {
		if out.Tokens, err = a.Hand(ctx, cse, q.Originator, m.TokenIDs); err != nil {
			return nil, onem2m.AsError(err)
		}
		if retrieves(m) {
			return nothing(out), nil
		}
	}
	award, err := a.Grant(ctx, "direct", cse, q)
	if err != nil {
		return nil, onem2m.AsError(err)
	}
	if award.Token != "" {
		if !slices.Contains(out.Tokens, award.Token) {
			out.Tokens = append(out.Tokens, award.Token)
		}
		if m.AuthorSign != nil && *m.AuthorSign {
			out.SignRequest = new(true)
		}
	}
	if award.Rules != nil {
		out.DynamicACP, out.Privileges, out.Lifetime = true, award.Rules, award.Until.String()
	}
	return nothing(out), nil
}

// nothing makes nil of a response that grants nothing.
func nothing(r *onem2m.DASResponse) *onem2m.DASResponse {
	if !r.Grants() {
		return nil
	}
	return r
}

// retrieves tells the question for tokens by their IDs (F-3) from the question
// whether a request may pass (F-1), which names the tokens that did not help: it
// has what a CSE adds to the latter alone.
func retrieves(m *onem2m.DASRequest) bool {
	return m.ProposedLifetime == "" && m.ACPRoles == nil && m.Roles == nil && m.AuthorSign == nil && !m.IP.IsValid()
}

// question reads the message of a CSE about a resource of its own.
func (a *Authority) question(cse onem2m.ID, m *onem2m.DASRequest) (Question, error) {
	originator, _, err := home(cse).ParseID(m.Originator)
	if err != nil {
		return Question{}, onem2m.Errorf(onem2m.BadRequest, "or", "not an AE-ID or CSE-ID")
	}
	target, ok := absoluteTarget(cse, m.Target)
	if !ok {
		return Question{}, onem2m.Errorf(onem2m.BadRequest, "trid", "not a resource of the CSE that asks")
	}
	q := Question{
		Originator: originator, CSE: cse, Target: target, Operation: m.Operation,
		Vouched: true, Roles: m.Roles, Type: m.TargetType, ACPRoles: m.ACPRoles,
	}
	q.Until, err = a.wanted(m)
	return q, err
}

// wanted returns the end of the proposed lifetime, 0 for none.
func (a *Authority) wanted(m *onem2m.DASRequest) (onem2m.Timestamp, error) {
	if m.ProposedLifetime == "" {
		return 0, nil
	}
	at, err := onem2m.ParseAbsRel(m.ProposedLifetime, a.o.Now())
	if err != nil {
		return 0, onem2m.Errorf(onem2m.BadRequest, "ppl", "not a time")
	}
	return at, nil
}

// Indirect answers an originator that comes itself with what a CSE gave it (F-2
// step 3). What the message says of the originator must be the originator that
// was proven; what only a CSE could vouch for counts for nothing.
func (a *Authority) Indirect(ctx context.Context, from Asker, m *onem2m.DASRequest) (Award, error) {
	id, form, err := (onem2m.Home{}).ParseID(m.Originator)
	switch {
	case err != nil || form != onem2m.FormAbsolute:
		return Award{}, onem2m.Errorf(onem2m.BadRequest, "or", "not an absolute AE-ID or CSE-ID")
	case id != from.ID:
		return Award{}, onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "or", "the request is that of somebody else")
	}
	cse, ok := hostOf(a.o.Self.ID.SP(), m.Target)
	target, whole := absoluteTarget(cse, m.Target)
	if !ok || !whole {
		return Award{}, onem2m.Errorf(onem2m.BadRequest, "trid", "neither an absolute nor an SP-relative address of a resource")
	}
	q := Question{Originator: from.ID, Credential: from.Credential, CSE: cse, Target: target, Operation: m.Operation}
	if q.Until, err = a.wanted(m); err != nil {
		return Award{}, err
	}
	award, err := a.Grant(ctx, "token", from.ID, q)
	if err != nil {
		return Award{}, onem2m.AsError(err)
	}
	return award, nil
}

// hostOf returns the CSE of an absolute or SP-relative address.
func hostOf(sp, address string) (onem2m.ID, bool) {
	if strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//") {
		address = sp + address
	}
	rest, ok := strings.CutPrefix(address, "//")
	fqdn, path, found := strings.Cut(rest, "/")
	name, _, _ := strings.Cut(path, "/")
	id, form, err := (onem2m.Home{}).ParseID("//" + fqdn + "/" + name)
	return id, ok && found && err == nil && form == onem2m.FormAbsolute
}
