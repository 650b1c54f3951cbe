package cse

import (
	"context"
	"slices"

	"bulwark/access"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// walk visits descendants depth-first in creation order, parents before
// children (C-156), and hands over those that match the filter and that the
// originator has the privilege for.
type walk struct {
	k         *call
	r         store.Reader
	op        onem2m.Operation
	privilege access.Privilege
	prune     bool // what isn't permitted hides what is below it (results, not discovery: C-148)
	skip      onem2m.ResourceType
	matcher   *onem2m.Matcher // nil: everything matches
	levels    int             // lvl; 0: all
	from, to  int             // positions of the page, 1-based, to included

	examined int
	position int    // of the last match
	more     bool   // there is a match behind the page
	stopped  string // where, if there is: the address of what comes next
	found    func(rec *store.Record, path string) error
}

func (k *call) newWalk(r store.Reader, op onem2m.Operation, privilege access.Privilege) (*walk, error) {
	w := &walk{k: k, r: r, op: op, privilege: privilege, from: 1, to: k.c.Limits.Results}
	f := k.req.Filter
	if f == nil {
		return w, nil
	}
	if f.HasConditions() {
		var err error
		if w.matcher, err = f.Compile(); err != nil {
			return nil, err
		}
	}
	// Positions never come near the edge of an int: Examined bounds them.
	if f.Offset != nil {
		w.from = int(min(*f.Offset, int64(k.c.Limits.Examined)))
	}
	w.to = w.from + k.c.Limits.Results - 1
	if f.Limit != nil {
		w.to = w.from + int(min(*f.Limit, int64(k.c.Limits.Results))) - 1
	}
	if f.Level != nil {
		w.levels = int(min(*f.Level, onem2m.MaxSegments))
	}
	w.skip = unwanted(f)
	return w, nil
}

// unwanted tells a type whose resources can be passed over unread: instances,
// when an AND filter asks for other types only. They are most of a big tree.
func unwanted(f *onem2m.FilterCriteria) onem2m.ResourceType {
	if len(f.Types) == 0 || f.FilterOperation != nil && *f.FilterOperation != 1 {
		return 0
	}
	if slices.Contains(f.Types, onem2m.TypeContentInstance) {
		return 0
	}
	return onem2m.TypeContentInstance
}

// below visits everything below rec, whose structured address is path.
func (w *walk) below(ctx context.Context, rec *store.Record, path string, level int) error {
	if w.levels > 0 && level > w.levels {
		return nil
	}
	return eachPage(w.r, rec.ID, w.hidden(rec), func(page []*store.Record) (bool, error) {
		parents, err := parentsAmong(w.r, page)
		if err != nil {
			return false, err
		}
		for _, child := range page {
			if expired(child, w.k.now) {
				continue
			}
			w.examined++
			if w.examined > w.k.c.Limits.Examined {
				w.stop(path + "/" + child.RN)
				return false, nil
			}
			if w.examined%256 == 0 && ctx.Err() != nil {
				return false, timedOut()
			}
			if !w.prune && inactive(child) {
				continue // with all below it (C-149)
			}
			address := path + "/" + child.RN
			visible, err := w.visit(child, address)
			w.examined += w.k.meaning.taken()
			if err != nil || w.more {
				return false, err
			}
			if (visible || !w.prune) && parents.may(child) {
				if err := w.below(ctx, child, address, level+1); err != nil || w.more {
					return false, err
				}
			}
		}
		return true, nil
	})
}

// hidden is the type of the children of rec that are passed over.
func (w *walk) hidden(rec *store.Record) onem2m.ResourceType {
	if p := w.k.c.types[rec.Type]; p != nil && p.instances != 0 && retrievalDisabled(rec) {
		return p.instances // C-241
	}
	return w.skip
}

// Whether instances have children is asked for a whole page at once, unless its
// IDs lie so far apart that there may be many others in between.
const (
	fewInstances = 8
	farApart     = 64 // IDs for each record of the page
)

// parents are the instances of a page that have children; nil if nobody has
// asked.
type parents []int64

// may reports whether rec can have children.
func (p parents) may(rec *store.Record) bool {
	if p == nil || !store.Bulk(rec.Type) {
		return true
	}
	_, found := slices.BinarySearch(p, rec.ID)
	return found
}

// parentsAmong finds out which instances of a page have children: hardly any,
// and asking each of them is most of what a walk over many takes.
func parentsAmong(r store.Reader, page []*store.Record) (parents, error) {
	first, last, n := int64(0), int64(0), int64(0)
	for _, rec := range page {
		if store.Bulk(rec.Type) {
			if n == 0 {
				first = rec.ID
			}
			last = rec.ID
			n++
		}
	}
	if n < fewInstances || last-first > n*farApart {
		return nil, nil
	}
	ids, err := r.Parents(first, last)
	if err != nil {
		return nil, err
	}
	return append(parents{}, ids...), nil
}

// visit hands child over if it matches and is permitted, and reports whether
// the originator may see it.
func (w *walk) visit(child *store.Record, address string) (bool, error) {
	matches := true
	if w.matcher != nil {
		var err error
		matches, err = w.matcher.Match(&candidate{k: w.k, r: w.r, rec: child, privilege: w.privilege})
		if err != nil {
			return false, err
		}
	}
	if !matches && !w.prune {
		return true, nil
	}
	permitted, err := w.k.permitted(w.r, child, w.op, w.privilege)
	if err != nil || !permitted || !matches {
		return permitted, err
	}
	if w.position >= w.to {
		w.stop(address)
		return true, nil
	}
	w.position++
	if w.position < w.from {
		return true, nil
	}
	return true, w.found(child, address)
}

// itself visits the root of a semantic discovery where a description of its own
// matches: that lies below the root as well (TS-0004 clause 7.3.3.18).
func (w *walk) itself(rec *store.Record, address string) error {
	if w.k.meaning.filter == nil {
		return nil
	}
	described, err := w.k.described(w.r, rec, w.privilege)
	if err == nil && described {
		_, err = w.visit(rec, address)
	}
	return err
}

// stop ends the walk before the resource at an address.
func (w *walk) stop(address string) { w.more, w.stopped = true, address }

// status tells the originator that a result is cut, and where to go on (C-139).
func (w *walk) status(res *onem2m.Response) {
	if w.more {
		res.ContentStatus, res.ContentOffset = 1, w.position+1
	}
}

// registrationInactive is the value of m2m:AERegistrationStatus of an <AE> whose
// AE is registered elsewhere.
const registrationInactive = 2

// inactive reports whether rec is an <AE> with registrationStatus INACTIVE.
func inactive(rec *store.Record) bool {
	if rec.Type != onem2m.TypeAE {
		return false
	}
	status, ok := attributes(rec).Int("regs")
	return ok && status == registrationInactive
}

// discover is the Discovery of core section 12: addresses of the descendants
// that match and that the originator has DISCOVERY for. It asks nothing of the
// root, and finding nothing is a success (C-146, C-147).
// It returns nil where nothing is found and an IPE is to be asked.
func (k *call) discover(ctx context.Context, r store.Reader, rec *store.Record) (*onem2m.Response, error) {
	if err := k.checkIPE(r, rec); err != nil {
		return nil, err
	}
	nothing := false
	res, err := k.discovered(r, rec, func(w *walk, path string) error {
		if err := w.itself(rec, path); err != nil {
			return err
		}
		err := w.search(ctx, rec, path)
		nothing = w.position == 0 && !w.more
		return err
	})
	if err == nil && nothing && k.onDemand() {
		res = nil
	}
	return res, err
}

// discovered makes the result of a discovery of what search comes by.
func (k *call) discovered(r store.Reader, rec *store.Record, search func(w *walk, path string) error) (*onem2m.Response, error) {
	path, err := Structured(r, rec)
	if err != nil {
		return nil, err
	}
	w, err := k.newWalk(r, onem2m.Retrieve, access.Discover)
	if err != nil {
		return nil, err
	}
	list := newReferences(k)
	w.found = func(rec *store.Record, address string) error {
		list.add(rec, address)
		return nil
	}
	w.onward(r, access.Discover)
	if err := search(w, path); err != nil {
		return nil, err
	}
	k.audit("discovery", "", 0, "")
	res := &onem2m.Response{Code: onem2m.OK}
	w.status(res)
	if k.rcn == 6 {
		res.Content = list.content()
	} else {
		res.Content = list.addresses()
	}
	return res, nil
}

// onward applies applyRelativePath to what the walk finds: the resource at that
// path below each match takes its place, and what isn't there or isn't permitted
// vanishes (TS-0004 clause 7.3.3.17.17, C-167).
func (w *walk) onward(r store.Reader, privilege access.Privilege) {
	if w.k.req.Filter == nil || w.k.req.Filter.RelativePath == "" {
		return
	}
	found, path := w.found, splitPath(w.k.req.Filter.RelativePath)
	w.found = func(match *store.Record, _ string) error {
		rec, err := w.k.relative(r, match, path, privilege)
		if err != nil || rec == nil {
			return err
		}
		address, err := Structured(r, rec)
		if err != nil {
			return err
		}
		return found(rec, address)
	}
}

// relative returns the resource at a path below another, or nil if it isn't
// there for this originator.
func (k *call) relative(r store.Reader, rec *store.Record, path []string, privilege access.Privilege) (*store.Record, error) {
	t, err := k.c.resolve(r, append([]string{rec.RI}, path...), k.now)
	if err == nil {
		rec, err = k.reached(r, t)
	}
	if err != nil {
		return nil, unlessMissing(err)
	}
	permitted, err := k.permitted(r, rec, onem2m.Retrieve, privilege)
	if err != nil || !permitted || k.hidden(r, rec) {
		return nil, err
	}
	return rec, nil
}

// hidden reports whether the type keeps rec from being retrieved, whatever the
// privileges (C-241).
func (k *call) hidden(r store.Reader, rec *store.Record) bool {
	p := k.c.types[rec.Type]
	return p != nil && p.retrievable != nil && p.retrievable(k, r, rec) != nil
}
