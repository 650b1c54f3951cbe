package das

import (
	"fmt"
	"slices"

	"bulwark/onem2m"
)

// Question is what the server is asked: may this originator do this there?
// Everything is absolute.
type Question struct {
	Originator onem2m.ID
	Credential string // Credential-ID of an originator that comes itself; "" when a CSE asks
	CSE        onem2m.ID
	Target     string
	Operation  onem2m.Operation

	// The word of a CSE, which nobody else can give. Vouched is set when a CSE
	// asks for a resource of its own.
	Vouched  bool
	Roles    []string // Role-IDs that the originator holds
	Type     onem2m.ResourceType
	ACPRoles []string         // Role-IDs of which one would be enough; nil when unknown
	Until    onem2m.Timestamp // longest lifetime that is wanted; 0 for none
}

// Outstanding is what has been granted and has neither ended nor been revoked.
type Outstanding struct {
	All, Each int              // of a grant: in total, and to one originator
	Revoked   onem2m.Timestamp // until when the originator does not get it again, since it was revoked; 0 for no
}

// Count returns what is outstanding of a grant.
type Count func(grant string, originator onem2m.ID) (Outstanding, error)

// Verdict is the outcome of a decision.
type Verdict struct {
	Grant  *Grant // nil for a refusal
	Until  onem2m.Timestamp
	Roles  []string // of the gift, those that help
	Reason string   // why nothing is granted, for the operator: of the grant that came closest
}

// Decide returns the first grant whose conditions all hold and of which there
// is one left. What cannot be counted is not granted. The error is that of
// count.
func (p *Policy) Decide(q Question, now onem2m.Timestamp, count Count) (Verdict, error) {
	best, reason := -1, "the policy has no grant"
	for i := range p.Grants {
		g := &p.Grants[i]
		v, passed, err := g.decide(q, now, count)
		if err != nil {
			return Verdict{Reason: "what is outstanding cannot be counted"}, err
		}
		if v.Grant != nil {
			return v, nil
		}
		if passed > best {
			best, reason = passed, fmt.Sprintf("grant %s: %s", g.Name, v.Reason)
		}
	}
	return Verdict{Reason: reason}, nil
}

// decide holds one grant against a question. passed counts the conditions that
// held before the one that did not.
func (g *Grant) decide(q Question, now onem2m.Timestamp, count Count) (v Verdict, passed int, err error) {
	if passed, v.Reason = g.applies(q); v.Reason != "" {
		return v, passed, nil
	}
	if v.Roles, v.Reason = g.roles(q); v.Reason != "" {
		return v, passed, nil
	}
	if v.Until, v.Reason = g.until(q, now); v.Reason != "" {
		return v, passed + 1, nil
	}
	out, err := count(g.Name, q.Originator)
	if err != nil {
		return v, passed, err
	}
	switch {
	case out.Revoked > now:
		v.Reason = "it was revoked"
	case out.All >= g.AtOnce:
		v.Reason = fmt.Sprintf("%d are outstanding, as many as there may be", out.All)
	case out.Each >= g.AtOnceEach:
		v.Reason = fmt.Sprintf("the originator has %d, as many as it may have", out.Each)
	default:
		v.Grant = g
	}
	return v, passed + 2, nil
}

// applies holds who, where and what against a grant. It returns how many
// conditions held, and why the next one did not, "" for all.
func (g *Grant) applies(q Question) (int, string) {
	conditions := []struct {
		holds  bool
		reason string
	}{
		{matchAny(g.CSEs, string(q.CSE)), "not for this CSE"},
		{slices.ContainsFunc(g.Resources, func(p string) bool { return matchResource(p, q.Target) }), "not for this resource"},
		{slices.Contains(g.Operations, q.Operation), "not for this operation"},
		{len(g.Types) == 0 || q.Vouched && slices.Contains(g.Types, q.Type), "not for this resource type, or no CSE vouches for it"},
		{len(g.Originators) == 0 || matchAny(g.Originators, string(q.Originator)), "not for this originator"},
		{len(g.Roles) == 0 || q.Vouched && slices.ContainsFunc(q.Roles, func(r string) bool { return slices.Contains(g.Roles, r) }), "the originator has none of the roles, or no CSE vouches for them"},
		{len(g.Credentials) == 0 || q.Credential != "" && slices.ContainsFunc(g.Credentials, func(p string) bool { return matchCredential(p, q.Credential) }), "not for this credential"},
		{g.Gift.Token || q.Vouched, "what it gives goes to a CSE only"},
		{q.Originator != "" && (len(g.Originators)+len(g.Roles)+len(g.Credentials) > 0), "it is for nobody"},
	}
	for i, c := range conditions {
		if !c.holds {
			return i, c.reason
		}
	}
	return len(conditions), ""
}

// roles returns the roles of the gift that can help: if the CSE has said which
// would, those among them.
func (g *Grant) roles(q Question) ([]string, string) {
	if !q.Vouched || len(q.ACPRoles) == 0 || len(g.Gift.Roles) == 0 {
		return g.Gift.Roles, ""
	}
	var out []string
	for _, r := range g.Gift.Roles {
		if slices.Contains(q.ACPRoles, r) {
			out = append(out, r)
		}
	}
	if out == nil && g.Gift.Operations == 0 && g.Gift.Rules == nil {
		return nil, "none of its roles would open the resource"
	}
	return out, ""
}

// until returns when what is granted now ends: after its lifetime, when its
// window closes, or when the asker wants it to, whatever comes first.
func (g *Grant) until(q Question, now onem2m.Timestamp) (onem2m.Timestamp, string) {
	end := now + onem2m.Timestamp(g.Lifetime.Microseconds())
	if q.Until != 0 && q.Until < end {
		end = q.Until
	}
	if len(g.Windows) > 0 {
		end = min(end, g.closes(now, end))
	}
	if end <= now {
		if q.Until != 0 && q.Until <= now {
			return 0, "the lifetime that is asked for has ended"
		}
		return 0, "outside its windows"
	}
	return end, ""
}

// closes returns the first second after now, and not behind end, that is in
// none of the windows; now itself when that is in none.
func (g *Grant) closes(now, end onem2m.Timestamp) onem2m.Timestamp {
	at := onem2m.TimestampOf(onem2m.Closing(g.Windows, now.Time(), end.Time()))
	return min(max(at, now), end)
}
