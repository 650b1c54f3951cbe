package cse

import (
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// A <token> keeps a token where its holder, and the CSE that is told its
// Token-ID, can fetch it. What counts is the token alone; the attributes that
// repeat its claims are for people.

func tokenProcedures() *procedures {
	return &procedures{check: checkToken, created: createdToken, update: updateToken, remove: removeToken, public: publicToken}
}

// publicToken leaves the token itself out of notifications: it is for who may
// retrieve the resource.
func publicToken(attrs onem2m.Object) onem2m.Object {
	attrs.Delete("tkob")
	return attrs
}

// checkToken: a time that is stated makes sense. The token itself may be of an
// issuer that only other CSEs know.
func checkToken(k *call, _ store.Reader, s *subject) error {
	if s.old == nil {
		if err := k.checkKeeper(s); err != nil {
			return err
		}
	}
	if s.old != nil || !s.attrs.Has("tknb") || !s.attrs.Has("tkna") {
		return nil
	}
	if begins, ends := validity(s.attrs); ends <= begins {
		return onem2m.Errorf(onem2m.BadRequest, "tkna", "not behind notBefore")
	}
	return nil
}

func createdToken(k *call, tx store.Tx, s *subject) error {
	rec := s.record()
	tx.OnCommit(func() { k.c.assigned.set(rec.ID, tokenKey(k.c, rec)) })
	return nil
}

func removeToken(c *CSE, tx store.Tx, rec *store.Record) error {
	tx.OnCommit(func() { c.assigned.drop(rec.ID) })
	one := c.kept.of(rec.ID)
	if one == nil {
		return nil
	}
	tx.OnCommit(func() {
		c.kept.drop(rec.ID)
		if c.tokens == nil {
			return
		}
		c.tokens.Forget(one.id) // it counts no more from now on, whatever name it is called by
	})
	return tx.SetSetting(keptName(rec.ID), nil)
}

// tokenKey is the Token-ID, which no key of a role is: that has a blank.
func tokenKey(_ *CSE, rec *store.Record) string {
	id, _ := attributes(rec).Text("tkid")
	return id
}

// maxStored bounds the <token>s with one Token-ID that are tried: there should
// be one.
const maxStored = 8

// storedToken is a token in a <token> of this CSE.
type storedToken struct {
	text   string
	record int64
}

// storedTokens returns the tokens that <token>s of this CSE hold under a
// Token-ID (TS-0003 clause 7.3.2.3 step 6).
func (c *CSE) storedTokens(r store.Reader, id string, now onem2m.Timestamp) []storedToken {
	var out []storedToken
	for _, n := range c.assigned.find(id) {
		rec, err := r.ByID(n)
		if err != nil || rec.Type != onem2m.TypeToken || c.alive(r, rec, now) != nil {
			continue
		}
		if one := c.kept.of(n); one != nil && one.own && !one.Served {
			continue // what an originator has brought is nothing to be named
		}
		if text, ok := attributes(rec).Text("tkob"); ok && len(out) < maxStored {
			out = append(out, storedToken{text: text, record: rec.ID})
		}
	}
	return out
}
