package cse

import (
	"context"

	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// maxInformed bounds the roles in one answer of an information point.
const maxInformed = 100

// informationFor answers as an information point (TS-0004 clause 7.4.45.2.3):
// with the <role>s that somebody holds and the <token>s of it that are asked for.
// Without any of them further points are asked (mode f).
func (k *call) informationFor(ctx context.Context, q *distributed.InformationQuestion, trail distributed.Trail) (distributed.Held, error) {
	who, err := k.statedID(q.From)
	if err != nil {
		return distributed.Held{}, onem2m.Errorf(onem2m.BadRequest, "fr", "not an AE-ID or CSE-ID")
	}
	var h distributed.Held
	err = k.c.Store.Read(ctx, func(r store.Reader) error {
		h.Roles, h.Tokens = k.c.rolesOf(r, who, q.RoleIDs, k.now), k.c.tokensOf(r, who, q.TokenIDs, k.now)
		return nil
	})
	if err != nil {
		return distributed.Held{Status: distributed.ProcessingError}, nil //nolint:nilerr // it is the status that tells
	}
	if len(h.Roles)+len(h.Tokens) > 0 {
		h.Status = distributed.OK
		return h, nil
	}
	if k.c.Bindings == nil || len(k.c.Bindings.Further) == 0 {
		return distributed.Held{Status: distributed.NotApplicable}, nil
	}
	onward := *q
	onward.From = string(who)
	a := &distributed.Asker{Gate: k.c.gate, Now: k.c.instant, Send: k.c.pointSender(trail)}
	h, from, _ := a.Held(ctx, k.c.Bindings.Further, &onward)
	return k.c.handedOn(h, from), nil
}

// rolesOf returns the roles of somebody that are in force, all of them or those
// that are claimed, each on the word of its issuer.
func (c *CSE) rolesOf(r store.Reader, who onem2m.ID, claimed []string, now onem2m.Timestamp) (out []onem2m.Object) {
	var ids []int64
	if len(claimed) == 0 {
		ids = c.assigned.heldBy(who, maxInformed)
	}
	for _, role := range claimed {
		ids = append(ids, c.assigned.find(holderKey(role, who))...)
	}
	for _, id := range ids {
		rec, err := r.ByID(id)
		if err != nil || rec.Type != onem2m.TypeRole || c.alive(r, rec, now) != nil || len(out) >= maxInformed {
			continue
		}
		a := c.assignment(rec)
		if a.issuer == "" || rec.Origin != a.issuer && rec.Origin != c.admin || now < a.begins || now >= a.ends {
			continue
		}
		attrs := attributes(rec)
		one := onem2m.Object{
			{Name: "rn", Value: onem2m.TextValue(rec.RN)},
			{Name: "rlid", Value: attrs.Get("rlid")},
			{Name: "tkis", Value: onem2m.TextValue(string(a.issuer))},
			{Name: "tkhd", Value: onem2m.TextValue(string(who))},
			{Name: "tknb", Value: attrs.Get("tknb")},
			{Name: "tkna", Value: attrs.Get("tkna")},
		}
		out = append(out, one)
	}
	return out
}

// tokensOf returns the tokens with these Token-IDs that somebody holds by what
// their <token>s say: a token that is somebody else's is handed to nobody.
func (c *CSE) tokensOf(r store.Reader, who onem2m.ID, ids []string, now onem2m.Timestamp) (out []onem2m.Object) {
	for _, id := range ids {
		for _, n := range c.assigned.find(id) {
			rec, err := r.ByID(n)
			if err != nil || rec.Type != onem2m.TypeToken || c.alive(r, rec, now) != nil || len(out) >= maxTokens {
				continue
			}
			attrs := attributes(rec)
			text, _ := attrs.Text("tkob")
			if !c.isHolder(attrs, text, who, now) {
				continue
			}
			out = append(out, onem2m.Object{
				{Name: "rn", Value: onem2m.TextValue(rec.RN)},
				{Name: "tkid", Value: onem2m.TextValue(id)},
				{Name: "tkob", Value: onem2m.TextValue(text)},
			})
		}
	}
	return out
}

// isHolder reports whether a <token> is somebody's: by the token where this CSE
// knows its issuer, else by the attribute.
func (c *CSE) isHolder(attrs onem2m.Object, text string, who onem2m.ID, now onem2m.Timestamp) bool {
	if c.tokens != nil {
		if cached, err := c.tokens.Verify(text, false, now); err == nil {
			return cached.Holder == who
		}
	}
	holder, ok := c.entity(attrs, "tkhd")
	return ok && holder == who
}

// handedOn makes what another point has told valid for who asked here: names in
// it are relative to that.
func (c *CSE) handedOn(h distributed.Held, from string) distributed.Held {
	there := c.homeOf(from)
	var roles []onem2m.Object
	for _, attrs := range h.Roles {
		attrs = attrs.Clone()
		good := true
		for _, name := range []string{"tkis", "tkhd"} {
			text, _ := attrs.Text(name)
			id, _, err := there.ParseID(text)
			good = good && err == nil
			attrs.Set(name, onem2m.TextValue(string(id)))
		}
		if good {
			roles = append(roles, attrs)
		}
	}
	h.Roles = roles
	if h.Status == distributed.OK && len(h.Roles)+len(h.Tokens) == 0 {
		h.Status = distributed.NotApplicable
	}
	return h
}
