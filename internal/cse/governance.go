package cse

import (
	"slices"

	"bulwark/access"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// The consultations of an ancestor may apply to a resource below it (TS-0001
// table 9.6.1.3.2-1 leaves open when). Whoever is asked may grant anything, so
// they count in full only where whoever chose them could have chosen them for the
// resource itself: who decides about an ancestor has no say over what somebody
// else governs below it. Elsewhere only servers that the operator has named are
// asked, which grant by the operator's will.

// inherited cuts the consultations of an ancestor down to what counts for rec.
// One that is disabled counts like any other, so nobody who may not choose a
// server turns away those of the operator.
func (c *CSE) inherited(r store.Reader, list []*referral, ancestor, rec *store.Record, now onem2m.Timestamp) ([]*referral, error) {
	if len(list) == 0 {
		return nil, nil
	}
	alike, err := c.governedAlike(r, ancestor, rec, now)
	if alike || err != nil {
		return list, err
	}
	var out []*referral
	for _, u := range list {
		own := *u
		own.points = slices.DeleteFunc(slices.Clone(u.points), func(point string) bool { return c.Servers.At(c.Home, point) == nil })
		if len(own.points) > 0 {
			out = append(out, &own)
		}
	}
	return out, nil
}

// governedAlike reports whether whoever may choose the consultations of an
// ancestor of rec may choose those of rec. When in doubt it is not so.
func (c *CSE) governedAlike(r store.Reader, ancestor, rec *store.Record, now onem2m.Timestamp) (bool, error) {
	above, err := c.governed(r, ancestor)
	if err != nil {
		return false, err
	}
	below, err := c.governed(r, rec)
	if err != nil {
		return false, err
	}
	if above.ID == below.ID || above.Type == onem2m.TypeCSEBase {
		return true, nil
	}
	g := c.guard(above)
	if !g.linked {
		return c.decidesAbout(r, c.ownerOf(above), below, now)
	}
	if info := c.infoOf(above); info == nil || info.Kind.Announced() {
		return false, nil // the CSE of the original decides too
	}
	return c.linkedAlike(r, g, below, now)
}

// governed is the resource whose policies govern rec: itself, or where its type
// has no accessControlPolicyIDs an ancestor.
func (c *CSE) governed(r store.Reader, rec *store.Record) (*store.Record, error) {
	for rec.Type != onem2m.TypeCSEBase {
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

// decidesAbout reports whether who may change the links of a resource.
func (c *CSE) decidesAbout(r store.Reader, who onem2m.ID, rec *store.Record, now onem2m.Timestamp) (bool, error) {
	if who == "" {
		return false, nil
	}
	sources, err := c.policies(r, rec, who, true, now, nil)
	if err != nil {
		return false, err
	}
	q := access.Query{
		Home: c.Home, Groups: &groups{snapshot: snapshot{c: c, r: r, now: now}}, Originator: who, Authenticated: true,
		Operation: onem2m.Update, Privilege: access.Update, TargetType: rec.Type, Time: now.Time(), Location: c.Locate(who),
	}
	return access.Decide(&q, sources).Permit, nil
}

// linkedAlike reports whether each policy of g is one of rec's too, or is in the
// hands of the owner of rec alone where that links to none.
func (c *CSE) linkedAlike(r store.Reader, g *guard, rec *store.Record, now onem2m.Timestamp) (bool, error) {
	own := c.guard(rec)
	some := false
	for i := range g.links {
		l := &g.links[i]
		source, ok := c.linkedPolicy(r, l, true, now)
		if !ok {
			continue // nobody's
		}
		some = true
		switch {
		case own.linked && slices.ContainsFunc(own.links, func(o link) bool { return c.samePlace(r, l, &o, now) }):
		case !own.linked && source.Policy.Confined(c.ownerOf(rec)):
		default:
			return false, nil
		}
	}
	return some, nil
}

// samePlace reports whether two links lead to one resource.
func (c *CSE) samePlace(r store.Reader, a, b *link, now onem2m.Timestamp) bool {
	if !a.valid || !b.valid {
		return false
	}
	if !a.address.Local(c.Home) || !b.address.Local(c.Home) {
		return a.text == b.text
	}
	one, err1 := c.resolve(r, a.address.Path, now)
	two, err2 := c.resolve(r, b.address.Path, now)
	return err1 == nil && err2 == nil && one.rec.ID == two.rec.ID && b.leads(two.rec)
}
