package cse

import (
	"errors"
	"slices"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// maxDependencies bounds the conditions of one action: each is looked at in
// every evaluation.
const maxDependencies = 16

func dependencyProcedures() *procedures {
	return &procedures{check: checkDependency, remove: removeDependency}
}

// checkDependency: the resource can be read and the criteria suit it (C-450).
func checkDependency(k *call, r store.Reader, s *subject) error {
	if s.old != nil && !k.draft.attrs.Has("rri") && !k.draft.attrs.Has("evc") {
		return nil
	}
	id, _ := s.attrs.Text("rri")
	rec, err := k.readable(r, id, "rri")
	if err != nil {
		return err
	}
	criteria, _ := s.attrs.Object("evc")
	return k.checkCriteria(rec, criteria)
}

// removeDependency takes a dependency out of the list of its action, which
// would never be performed otherwise.
func removeDependency(c *CSE, tx store.Tx, rec *store.Record) error {
	action, err := tx.ByID(rec.Parent)
	if errors.Is(err, store.ErrNotFound) {
		return nil // it goes as well
	}
	if err != nil {
		return err
	}
	if err := c.alive(tx, action, onem2m.TimestampOf(c.Now())); err != nil {
		return unlessMissing(err)
	}
	list, _ := attributes(action).Texts("dep")
	kept := slices.DeleteFunc(slices.Clone(list), func(id string) bool {
		found, err := c.dependency(tx, action, id)
		return err == nil && found.ID == rec.ID
	})
	if len(kept) == len(list) {
		return nil
	}
	change := onem2m.Object{{Name: "dep", Value: []byte("null")}}
	if len(kept) > 0 {
		change.Set("dep", onem2m.TextsValue(kept))
	}
	return c.amend(tx, action, c.Home.ID(), change)
}

// dependency finds the <dependency> below an action that an entry of its list names.
func (c *CSE) dependency(r store.Reader, action *store.Record, id string) (*store.Record, error) {
	address, err := onem2m.ParseAddress(id)
	if err != nil || address.Attribute != "" || !address.Local(c.Home) {
		return nil, notFound()
	}
	t, err := c.resolve(r, address.Path, onem2m.TimestampOf(c.Now()))
	if err != nil {
		return nil, err
	}
	if t.virtual != "" || t.rec.Type != onem2m.TypeDependency || t.rec.Parent != action.ID {
		return nil, notFound()
	}
	return t.rec, nil
}

// fulfilled reports whether the dependencies let an action be performed: one
// that is sufficient and satisfied is enough, else all that aren't sufficient
// have to be satisfied, and there has to be one (C-450). What can't be looked
// at, on behalf of the action's principal, isn't satisfied.
func (k *call) fulfilled(r store.Reader, action *store.Record) (bool, error) {
	list, _ := attributes(action).Texts("dep")
	if len(list) == 0 {
		return true, nil
	}
	necessary, all := false, true
	for _, id := range list {
		rec, err := k.c.dependency(r, action, id)
		if err != nil {
			if err = unlessMissing(err); err != nil {
				return false, err
			}
			all = false
			continue
		}
		met, err := k.meets(r, rec)
		if err != nil {
			return false, err
		}
		if enough, _ := attributes(rec).Bool("sfc"); enough {
			if met {
				return true, nil
			}
			continue
		}
		necessary, all = true, all && met
	}
	return necessary && all, nil
}

// meets reports whether one dependency is satisfied.
func (k *call) meets(r store.Reader, dependency *store.Record) (bool, error) {
	attrs := attributes(dependency)
	id, _ := attrs.Text("rri")
	rec, err := k.readable(r, id, "rri")
	if err != nil {
		return false, unlessRefused(err)
	}
	shown, err := k.shownObject(rec)
	if err != nil {
		return false, err
	}
	criteria, _ := attrs.Object("evc")
	return satisfied(shown, criteria), nil
}

// unlessRefused drops the error of a resource that can't be read.
func unlessRefused(err error) error {
	if onem2m.AsError(err).Code == onem2m.BadRequest {
		return nil
	}
	return err
}
