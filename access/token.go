package access

import (
	"fmt"
	"maps"
	"slices"
)

// Token is what a verified token brings into one decision. Whether it is good
// for the request (holder, audience, time) has been checked before.
type Token struct {
	Name        string // by which a person can find it, such as its Token-ID
	Permissions []Permission
}

// Permission is one m2m:tokenPermission (TS-0004 clause 6.3.5.41): rules, roles
// or both, on some resources.
type Permission struct {
	// Resources are names as in Query.Target; nil stands for every resource, which
	// rules don't allow.
	Resources  []string
	Privileges *Policy // additional rules; nil for none
	Roles      []string
}

// appliesTo reports whether the target of the query is among the resources: it
// itself, or the ancestor that its policies come from (C-41).
func (p *Permission) appliesTo(q *Query) bool {
	if p.Resources == nil {
		return true
	}
	return slices.ContainsFunc(p.Resources, func(name string) bool {
		return name != "" && (name == q.Target || name == q.Governing)
	})
}

// rules returns the rules that the permission adds to the decision:
// none where it names no resource, and none on a policy, which its own
// selfPrivileges alone open.
func (p *Permission) rules(q *Query) *Policy {
	if p.Resources == nil || q.TargetType == policyType {
		return nil
	}
	return p.Privileges
}

// policyType is that of <accessControlPolicy>.
const policyType = 1

// DecideWithTokens asks the permissions of the tokens in order, and stops at the
// first that permits: by its rules, or by the sources for an originator that has
// its roles too (TS-0003 clause 7.3.2.5, A-131 to A-134). It is for a query that
// the sources alone deny.
func DecideWithTokens(q *Query, sources []Source, tokens []Token) Decision {
	for _, t := range tokens {
		for n, p := range t.Permissions {
			if !p.appliesTo(q) {
				continue
			}
			if k := p.rules(q).find(q); k >= 0 {
				return Decision{Permit: true, Source: permissionName(&t, n), Rule: k}
			}
			if len(p.Roles) == 0 {
				continue
			}
			if d := Decide(q.with(p.Roles), sources); d.Permit {
				d.Source += " by a role of " + permissionName(&t, n)
				return d
			}
		}
	}
	return Decision{Rule: -1}
}

// DecideByTokenRoles is DecideWithTokens without the rules of tokens: for a
// change of accessControlPolicyIDs, which selfPrivileges alone permit.
func DecideByTokenRoles(q *Query, sources []Source, tokens []Token) Decision {
	self := *q
	self.TargetType = policyType
	return DecideWithTokens(&self, sources, tokens)
}

// with returns the query of an originator that has these roles too.
func (q *Query) with(roles []string) *Query {
	more := *q
	more.Roles = make(RoleSet, len(q.Roles)+len(roles))
	maps.Copy(more.Roles, q.Roles)
	for _, id := range roles {
		more.Roles[id] = struct{}{}
	}
	return &more
}

func permissionName(t *Token, n int) string {
	return fmt.Sprintf("token %s permission %d", t.Name, n+1)
}

// PartResources is the part of a token's permission that names resources.
const PartResources = "resources"

// ExplainTokens gives the reasons of every permission of the tokens, as Explain
// does for the sources.
func ExplainTokens(q *Query, sources []Source, tokens []Token) []Reason {
	var out []Reason
	for _, t := range tokens {
		for n, p := range t.Permissions {
			name := permissionName(&t, n)
			if !p.appliesTo(q) {
				out = append(out, Reason{Source: name, Rule: -1, Part: PartResources, Text: "the target is not among its resources"})
				continue
			}
			if rules := p.rules(q); rules != nil {
				out = append(out, Explain(q, []Source{{Name: name, Policy: rules}})...)
			} else if p.Privileges != nil {
				out = append(out, Reason{Source: name, Rule: -1, Part: PartPolicy, Text: "rules of a token don't open a policy"})
			}
			if len(p.Roles) == 0 {
				continue
			}
			for _, r := range Explain(q.with(p.Roles), sources) {
				r.Source += " by a role of " + name
				out = append(out, r)
			}
		}
	}
	return out
}
