package cse

import (
	"bulwark/access"
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
	}
	return nil
}
