package cse

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// A link to a policy by a path could come to lead to another one: its policy is
// deleted, or expires, and somebody else makes one of the same name, which every
// entity that is registered here may do. So a link by a path leads to a policy
// alone that is older than the resource which has the link, and that can't be a
// later one. A link to a younger policy is kept as resourceID, which is given only
// once. The same holds for links to a consultation, whose server may grant anything.

// bindLinks says whose the links are.
func bindLinks(links []link, rec *store.Record) {
	for i := range links {
		links[i].below = rec.ID
	}
}

// leads reports whether a link that is resolved to a policy is meant for it.
func (l *link) leads(policy *store.Record) bool {
	return l.below == 0 || policy.ID < l.below || namesOnly(l.address.Path, policy)
}

// namesOnly reports whether a path is the resourceID of a resource.
func namesOnly(path []string, rec *store.Record) bool { return len(path) == 1 && path[0] == rec.RI }

// boundLinks writes the links of a resource so that each leads to what it does now.
// changed is false where they do.
func (c *CSE) boundLinks(r store.Reader, rec *store.Record, list []string, now onem2m.Timestamp) (bound []string, changed bool) {
	links := linksTo(list)
	bindLinks(links, rec)
	bound = slices.Clone(list)
	for i := range links {
		l := &links[i]
		if !l.valid || !l.address.Local(c.Home) {
			continue
		}
		t, err := c.resolve(r, l.address.Path, now)
		linkable := err == nil && (t.rec.Type == onem2m.TypeAccessControlPolicy || t.rec.Type == onem2m.TypeDynamicAuthorizationConsultation)
		if linkable && t.virtual == "" && !l.leads(t.rec) {
			bound[i], changed = t.rec.RI, true
		}
	}
	return bound, changed
}

// passLinks leaves out of the links that s has of rec, which is older, what has come
// to lead to another policy.
func (c *CSE) passLinks(r store.Reader, rec *store.Record, s *subject, now onem2m.Timestamp) {
	list, linked := s.attrs.Texts("acpi")
	if !linked {
		return
	}
	links := linksTo(list)
	bindLinks(links, rec)
	var kept []string
	for i := range links {
		l := &links[i]
		if l.valid && l.address.Local(c.Home) {
			t, err := c.resolve(r, l.address.Path, now)
			if err == nil && !l.leads(t.rec) {
				continue
			}
		}
		kept = append(kept, l.text)
	}
	s.set("acpi", onem2m.TextsValue(kept))
}

// boundSetting says that the links of a store are bound, of which those that an
// earlier version has written weren't.
const boundSetting = "links/all-bound"

// linkNames are the attributes with such links.
var linkNames = [...]string{"acpi", "macp", "daci"}

// bindOlderLinks binds the links of a store that an earlier version has written.
func (c *CSE) bindOlderLinks(ctx context.Context) error {
	done := false
	err := c.Store.Read(ctx, func(r store.Reader) error {
		_, err := r.Setting(boundSetting)
		if done = err == nil; errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil || done {
		return err
	}
	for _, info := range onem2m.Types() {
		if !info.Has("acpi") || info.Kind.Announced() {
			continue
		}
		for after := int64(0); ; {
			if after, err = c.bindPage(ctx, info.Type, after); err != nil {
				return err
			}
			if after == 0 {
				break
			}
		}
	}
	return c.Store.Update(ctx, func(tx store.Tx) error { return tx.SetSetting(boundSetting, []byte("1")) })
}

// bindPage binds the links of some resources of a type, and returns behind which
// to go on; 0 when there are no more.
func (c *CSE) bindPage(ctx context.Context, ty onem2m.ResourceType, after int64) (next int64, err error) {
	var linked []int64
	err = c.Store.Read(ctx, func(r store.Reader) error {
		list, err := r.OfType(ty, after, 500)
		for _, rec := range list {
			next = rec.ID
			if slices.ContainsFunc(linkNames[:], func(name string) bool { return bytes.Contains(rec.Attributes, []byte(`"`+name+`"`)) }) {
				linked = append(linked, rec.ID)
			}
		}
		return err
	})
	if err != nil || len(linked) == 0 {
		return next, err
	}
	return next, c.Store.Update(ctx, func(tx store.Tx) error {
		for _, id := range linked {
			if err := c.bindRecord(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// bindRecord binds the links of one resource. Nobody is told: it says what it did.
func (c *CSE) bindRecord(tx store.Tx, id int64) error {
	rec, err := tx.ByID(id)
	if err != nil {
		return gone(err)
	}
	attrs, changed := attributes(rec).Clone(), false
	for _, name := range linkNames {
		list, _ := attrs.Texts(name)
		if bound, other := c.boundLinks(tx, rec, list, c.instant()); other {
			attrs.Set(name, onem2m.TextsValue(bound))
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return tx.Replace(revised(rec, rec.Modified, attrs))
}
