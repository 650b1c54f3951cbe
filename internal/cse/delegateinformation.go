package cse

import (
	"maps"
	"slices"

	"bulwark/access"
	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// takeHeld keeps of what an information point gave the roles that count
// and the tokens, which are verified where they are used: a point's
// word for them is worth nothing.
func (k *call) takeHeld(one *delegation, h distributed.Held) {
	there := k.c.homeOf(one.from)
	one.roles = access.RoleSet{}
	for _, attrs := range h.Roles {
		id, _ := attrs.Text("rlid")
		if claimed := one.question.RoleIDs; len(claimed) > 0 && !slices.Contains(claimed, id) {
			continue
		}
		if k.c.assigns(there, attrs, id, k.from.ID, k.now) {
			one.roles[id] = struct{}{}
		}
	}
	for _, attrs := range h.Tokens {
		if text, ok := attrs.Text("tkob"); ok && len(one.tokens) < maxTokens {
			one.tokens = append(one.tokens, text)
		}
	}
}

// assigns reports whether a <role> of another CSE gives somebody a role: of a
// trusted authority, made out to it, in force.
func (c *CSE) assigns(there onem2m.Home, attrs onem2m.Object, role string, who onem2m.ID, now onem2m.Timestamp) bool {
	read := func(name string) onem2m.ID {
		text, _ := attrs.Text(name)
		id, _, err := there.ParseID(text)
		if err != nil {
			return ""
		}
		return id
	}
	if id, ok := attrs.Text("rlid"); !ok || id != role {
		return false
	}
	if issuer := read("tkis"); issuer == "" || !c.Authorities.Trusts(issuer, role) {
		return false
	}
	begins, ends := validity(attrs)
	return read("tkhd") == who && begins <= now && now < ends
}

// grantedByInformation decides by the rules of the policy that named the point,
// with the roles and tokens that it gave.
func (k *call) grantedByInformation(r store.Reader, rec *store.Record, one *delegation, source []access.Source) (rule string, ok bool) {
	by := " with what the information point " + one.from + " gives"
	q := k.question
	q.Roles = maps.Clone(one.roles)
	allowed, bound, err := k.allowedRoles(r)
	if err != nil {
		return "", false
	}
	if bound { // by its service subscription
		maps.DeleteFunc(q.Roles, func(id string, _ struct{}) bool { return !slices.Contains(allowed, id) })
	}
	for id := range k.question.Roles {
		if q.Roles == nil {
			q.Roles = access.RoleSet{}
		}
		q.Roles[id] = struct{}{}
	}
	if d := access.Decide(&q, source); d.Permit {
		return d.Source + by, true
	}
	tokens := k.givenTokens(r, rec, one.tokens)
	if len(tokens) == 0 || k.nameTarget(r, rec) != nil {
		return "", false
	}
	q.Target, q.Governing = k.question.Target, k.question.Governing
	if d := access.DecideWithTokens(&q, source, tokens); d.Permit {
		return d.Source + by, true
	}
	return "", false
}

// givenTokens verifies tokens that the originator hasn't brought itself: one
// that fails is left out (A-127 … A-129), and so is for now one whose server is to
// be asked for it again.
func (k *call) givenTokens(r store.Reader, rec *store.Record, texts []string) (out []access.Token) {
	if k.c.tokens == nil || !k.proven() {
		return nil
	}
	for _, text := range texts {
		cached, err := k.c.verifyToken(text, k.now)
		if err != nil || k.checkToken(&heldToken{cached: cached}, -1) != nil || k.confirm(r, rec, &cached) != nil {
			continue
		}
		if grant, err := k.grantOf(r, cached); err == nil {
			out = append(out, grant)
		}
	}
	return out
}

// deputy reports whether the decision is made for another CSE, which enforces it
// and deals with the originator.
func (k *call) deputy() bool { return k.remote != nil && k.remote.asker != "" }

// proven reports whether it is certain who brings tokens (decision 12).
func (k *call) proven() bool {
	return k.from.Authenticated || k.remote != nil && k.remote.vouch
}
