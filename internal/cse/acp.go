package cse

import (
	"slices"
	"strings"

	"bulwark/access"
	"bulwark/internal/announcement"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

func acpProcedures() *procedures {
	return &procedures{content: contentACP, check: checkACP, remove: removeACP}
}

// contentACP: selfPrivileges holds a rule, on CREATE and after UPDATE. The text
// puts this before existence and privilege (A-32, A-33, C-228).
func contentACP(k *call, _ *onem2m.TypeInfo) error {
	pvs := k.draft.raw.Get("pvs")
	if pvs == nil && k.req.Operation == onem2m.Update {
		return nil
	}
	if set, err := onem2m.ParseObject(pvs); err == nil {
		if acr := string(set.Get("acr")); acr != "" && acr != "[]" && acr != "null" {
			return nil
		}
	}
	return onem2m.Errorf(onem2m.BadRequest, "pvs", "selfPrivileges needs at least one rule")
}

// checkACP: every rule of both sets can be enforced; nothing is stored that
// would not be.
func checkACP(k *call, r store.Reader, s *subject) error {
	if err := k.checkReserved(r, s, k.c.Bindings.governing()); err != nil {
		return err
	}
	if err := k.c.checkDelegates(s.attrs); err != nil {
		return err
	}
	for _, name := range []string{"pv", "pvs"} {
		if _, err := access.Compile(k.c.Home, s.attrs.Get(name), name); err != nil {
			return err
		}
		if s.old == nil || k.draft.attrs.Has(name) {
			k.bindGroups(r, s, name)
		}
	}
	return nil
}

// bindGroups writes groups that rules name by a path as their resourceIDs: one that
// is made later under the path, by whomever, is another group (compare leads).
func (k *call) bindGroups(r store.Reader, s *subject, name string) {
	changed := false
	bound, err := announcement.Rules(s.attrs.Get(name), func(list []string) []string {
		list = slices.Clone(list)
		for i, entry := range list {
			if ri, ok := k.c.groupAt(r, entry, k.now); ok {
				list[i], changed = ri, true
			}
		}
		return list
	})
	if err == nil && changed {
		s.attrs.Set(name, bound)
	}
}

// groupAt returns the resourceID of the group of this CSE that an entry of a rule
// names by a path.
func (c *CSE) groupAt(r store.Reader, entry string, now onem2m.Timestamp) (string, bool) {
	if !strings.Contains(entry, "/") || strings.ContainsAny(entry, "*@") {
		return "", false
	}
	address, err := onem2m.ParseAddress(strings.TrimSuffix(entry, "/"+fanOutPoint))
	if err != nil || address.Attribute != "" || address.Entity(c.Home).Stem() != "" {
		return "", false
	}
	path, here := c.hosted(address)
	if !here || len(path) < 2 {
		return "", false
	}
	t, err := c.resolve(r, path, now)
	if err != nil || t.virtual != "" || t.rec.Type != onem2m.TypeGroup {
		return "", false
	}
	return t.rec.RI, true
}
