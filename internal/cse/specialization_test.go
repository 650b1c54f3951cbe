package cse

import (
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// below lists the children of one type.
func (w *world) below(to string, ty onem2m.ResourceType) []*store.Record {
	w.t.Helper()
	var list []*store.Record
	err := w.store.Read(w.t.Context(), func(r store.Reader) error {
		t, err := w.c.resolve(r, splitPath(to), onem2m.TimestampOf(w.now()))
		if err == nil {
			list, err = r.Children(t.rec.ID, store.Page{Only: ty})
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *world) count(to string, ty onem2m.ResourceType) int {
	w.t.Helper()
	return len(w.below(to, ty))
}

// child returns the attributes of the one child of a type.
func (w *world) child(to string, ty onem2m.ResourceType) onem2m.Object {
	w.t.Helper()
	list := w.below(to, ty)
	if len(list) != 1 {
		w.t.Fatalf("%s has %d children of type %d, want 1", to, len(list), ty)
	}
	return attributes(list[0])
}
