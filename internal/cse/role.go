package cse

import (
	"context"
	"errors"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// A <role> says that somebody has a role for a time. What it says is the word of
// its issuer alone, so the issuer is who creates it, or the administrator does
// in its name: the text leaves open how an Authorization Authority proves itself
// to a Role Repository, and a role must not be anybody's claim.

func roleProcedures() *procedures {
	return &procedures{check: checkRole, created: createdRole, remove: removeRole}
}

// checkRole: the assignment is of whom it names as issuer, and could be in force
// at some time.
func checkRole(k *call, _ store.Reader, s *subject) error {
	if s.old != nil {
		return nil // only tokenLink and common attributes are updated
	}
	if err := k.checkKeeper(s); err != nil {
		return err
	}
	for _, name := range []string{"tkis", "tkhd"} {
		if _, ok := k.c.entity(s.attrs, name); !ok {
			return onem2m.Errorf(onem2m.BadRequest, name, "not an AE-ID or CSE-ID")
		}
	}
	if begins, ends := validity(s.attrs); ends <= begins {
		return onem2m.Errorf(onem2m.BadRequest, "tkna", "not behind notBefore")
	}
	issuer, _ := k.c.entity(s.attrs, "tkis")
	if k.isAdmin() || k.from.Authenticated && issuer == k.from.ID {
		return nil
	}
	return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "tkis", "a role is created by its issuer, authenticated")
}

func createdRole(k *call, tx store.Tx, s *subject) error {
	rec := s.record()
	tx.OnCommit(func() { k.c.assigned.set(rec.ID, roleKey(k.c, rec)) })
	return nil
}

func removeRole(c *CSE, tx store.Tx, rec *store.Record) error {
	tx.OnCommit(func() { c.assigned.drop(rec.ID) })
	return nil
}

// roleKey is what roles are looked for by.
func roleKey(c *CSE, rec *store.Record) string {
	attrs := attributes(rec)
	id, _ := attrs.Text("rlid")
	holder, _ := c.entity(attrs, "tkhd")
	return holderKey(id, holder)
}

func holderKey(role string, holder onem2m.ID) string { return role + " " + string(holder) }

// entity reads an attribute that names an AE or CSE, in any form.
func (c *CSE) entity(attrs onem2m.Object, name string) (onem2m.ID, bool) {
	text, ok := attrs.Text(name)
	if !ok {
		return "", false
	}
	id, _, err := c.Home.ParseID(text)
	return id, err == nil
}

// validity reads notBefore and notAfter. What can't be read is in force never.
func validity(attrs onem2m.Object) (begins, ends onem2m.Timestamp) {
	from, _ := attrs.Text("tknb")
	to, _ := attrs.Text("tkna")
	begins, err1 := onem2m.ParseTimestamp(from)
	ends, err2 := onem2m.ParseTimestamp(to)
	if errors.Join(err1, err2) != nil {
		return 0, 0
	}
	return begins, ends
}

// assignment is what a <role> says, read once per version.
type assignment struct {
	issuer       onem2m.ID // "" if it can't be read
	begins, ends onem2m.Timestamp
}

func (c *CSE) assignment(rec *store.Record) *assignment {
	return rec.Derive(store.FacetType, func(rec *store.Record) any {
		a, attrs := &assignment{}, attributes(rec)
		a.issuer, _ = c.entity(attrs, "tkis")
		a.begins, a.ends = validity(attrs)
		return a
	}).(*assignment)
}

// holds reports whether an entity has a role by a <role> of this CSE: of a
// trusted authority, made out to it, in force.
func (c *CSE) holds(r store.Reader, who onem2m.ID, role string, now onem2m.Timestamp) bool {
	for _, id := range c.assigned.find(holderKey(role, who)) {
		rec, err := r.ByID(id)
		if err != nil || rec.Type != onem2m.TypeRole || c.alive(r, rec, now) != nil {
			continue
		}
		a := c.assignment(rec)
		if a.issuer == "" || !c.Authorities.Trusts(a.issuer, role) || rec.Origin != a.issuer && rec.Origin != c.admin {
			continue
		}
		leeway := onem2m.Timestamp(c.Leeway.Microseconds())
		if a.begins-leeway <= now && now < a.ends+leeway {
			return true
		}
	}
	return false
}

// loadAssignments reads the <role>s, the <token>s and the dynamic policies of
// this CSE at start.
func (c *CSE) loadAssignments(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		for ty, load := range map[onem2m.ResourceType]func(store.Reader, *store.Record) error{
			onem2m.TypeRole: c.loadRole, onem2m.TypeToken: c.loadToken, onem2m.TypeAccessControlPolicy: c.loadDynamic,
		} {
			after := int64(0)
			for {
				list, err := r.OfType(ty, after, 500)
				if err != nil {
					return err
				}
				if len(list) == 0 {
					break
				}
				for _, rec := range list {
					after = rec.ID
					if err := load(r, rec); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

func (c *CSE) loadRole(_ store.Reader, rec *store.Record) error {
	c.assigned.set(rec.ID, roleKey(c, rec))
	return nil
}
