package cse

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Bounds of a search by way of the index of labels: what is found has to be put
// into the order of the tree before the first page can be cut from it. A label
// that more resources have is common enough for the walk to fill its page soon.
const (
	maxSought       = 10_000
	maxSoughtLabels = 16
)

// seeker finds the descendants of one resource that have certain labels, and
// hands them over as a walk would: the same ones in the same order.
type seeker struct {
	w      *walk
	root   *store.Record
	places map[int64]*place
}

// place is where a resource stands below the root of the search.
type place struct {
	rec     *store.Record
	address string
	ids     []int64 // from below the root on; in this order a walk visits
	open    bool    // a walk goes on below it
}

// search visits what is below rec: by labels where the filter asks for some,
// else step by step.
func (w *walk) search(ctx context.Context, rec *store.Record, path string) error {
	found, ok, err := w.labelled()
	if err != nil {
		return err
	}
	if !ok {
		return w.below(ctx, rec, path, 1)
	}
	return w.among(ctx, rec, path, found)
}

// among visits those of the given resources that a walk below rec would come by,
// in the order of the walk.
func (w *walk) among(ctx context.Context, rec *store.Record, path string, found []*store.Record) error {
	s := seeker{w: w, root: rec, places: map[int64]*place{rec.ID: {rec: rec, address: path, open: true}}}
	var list []*place
	for _, candidate := range found {
		p, err := s.locate(candidate)
		if err != nil {
			return err
		}
		if p != nil && candidate.ID != rec.ID && (w.levels == 0 || len(p.ids) <= w.levels) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *place) int { return slices.Compare(a.ids, b.ids) })
	for _, p := range list {
		if ctx.Err() != nil {
			return timedOut()
		}
		if _, err := w.visit(p.rec, p.address); err != nil || w.more {
			return err
		}
	}
	return nil
}

// labelled returns every resource with one of the labels that the filter asks
// for; false if it doesn't ask for any, or they are too many.
func (w *walk) labelled() ([]*store.Record, bool, error) {
	f := w.k.req.Filter
	if f == nil || len(f.Labels) == 0 || len(f.Labels) > maxSoughtLabels || f.FilterOperation != nil && *f.FilterOperation != onem2m.FilterAnd {
		return nil, false, nil
	}
	var all []*store.Record
	for _, label := range f.Labels {
		found, err := w.r.Labelled(label, 0, maxSought+1-len(all))
		if err != nil {
			return nil, false, err
		}
		if all = append(all, found...); len(all) > maxSought {
			return nil, false, nil
		}
	}
	return unique(all), true, nil
}

// unique sorts records by number and leaves out what stands twice.
func unique(records []*store.Record) []*store.Record {
	slices.SortFunc(records, func(a, b *store.Record) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(records, func(a, b *store.Record) bool { return a.ID == b.ID })
}

// locate finds the place of a resource; nil if a walk wouldn't come by it.
func (s *seeker) locate(rec *store.Record) (*place, error) {
	if p, known := s.places[rec.ID]; known {
		return p, nil
	}
	if rec.ID == baseID { // above the root
		return nil, nil
	}
	parent, err := s.w.r.ByID(rec.Parent)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil // below a detached root
	}
	if err != nil {
		return nil, err
	}
	above, err := s.locate(parent)
	if err != nil {
		return nil, err
	}
	p, err := s.place(rec, above)
	if err == nil {
		s.places[rec.ID] = p
	}
	return p, err
}

// place finds the place of a resource below that of its parent, by the rules of
// walk.below.
func (s *seeker) place(rec *store.Record, above *place) (*place, error) {
	w := s.w
	if above == nil || !above.open || expired(rec, w.k.now) || !w.prune && inactive(rec) {
		return nil, nil
	}
	if rec.Type == w.hidden(above.rec) {
		return nil, nil
	}
	p := &place{rec: rec, address: above.address + "/" + rec.RN, ids: append(slices.Clip(above.ids), rec.ID), open: true}
	if w.prune {
		var err error
		p.open, err = w.k.permitted(w.r, rec, w.op, w.privilege)
		return p, err
	}
	return p, nil
}
