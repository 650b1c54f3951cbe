package cse

import (
	"context"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// retrieve is the generic RETRIEVE procedure (core section 7), Discovery
// included (core section 12).
func (k *call) retrieve(ctx context.Context) (*onem2m.Response, error) {
	if k.semanticQuery() {
		return k.queryBelow(ctx)
	}
	res, err := k.retrieveCounting(ctx)
	if err == nil && k.original != "" {
		return k.beyond(ctx)
	}
	if err == nil && res == nil {
		return k.discoverOutside(ctx, k.start)
	}
	if err == nil && (k.rcn == 4 || k.rcn == 8) {
		err = k.tellEmpty(ctx, k.target, res)
	}
	return res, err
}

// retrieveOnce decides and makes the result on one state of the store.
func (k *call) retrieveOnce(ctx context.Context, r store.Reader) (*onem2m.Response, error) {
	t, err := k.c.resolve(r, k.address.Path, k.now)
	if err != nil {
		return nil, err
	}
	rec, err := k.reached(r, t)
	if err != nil {
		return nil, err
	}
	if k.discovery() { // asks no privilege on the root (C-147)
		if err := k.checkLocks(r, t, rec); err != nil {
			return nil, err
		}
		k.start = rec
		return k.discover(ctx, r, rec)
	}
	if err := k.matchTarget(r, rec); err != nil {
		return nil, err
	}
	if err := k.authorizeNaming(r, rec, onem2m.Retrieve, access.Retrieve, k.shownNames()); err != nil {
		return nil, k.concealed(err)
	}
	if err := k.checkLocks(r, t, rec); err != nil {
		return nil, err
	}
	if p := k.c.types[rec.Type]; p != nil && p.retrievable != nil {
		if err := p.retrievable(k, r, rec); err != nil {
			return nil, k.concealed(err)
		}
	}
	k.target = rec
	return k.result(ctx, r, rec)
}

// matchTarget holds filter conditions against the target itself: a conditional
// RETRIEVE without children, UPDATE or DELETE (C-106, C-125).
func (k *call) matchTarget(r store.Reader, rec *store.Record) error {
	if !k.conditional() {
		return nil
	}
	ok, err := k.req.Filter.Match(&candidate{k: k, r: r, rec: rec, privilege: access.Retrieve})
	if err != nil {
		return err
	}
	if !ok {
		return unmatched()
	}
	return nil
}

// conditional reports whether the target has to meet conditions. In a RETRIEVE
// of children the conditions select descendants instead.
func (k *call) conditional() bool {
	f := k.req.Filter
	return f != nil && f.HasConditions() && (k.req.Operation != onem2m.Retrieve || k.rcn == 1)
}

func unmatched() error {
	return onem2m.Errorf(onem2m.NotFound, "fc", "the resource doesn't meet the filter criteria")
}

// concealed is what the refusal of a target that met the conditions is answered
// with: as if it didn't. Conditions come before privileges (C-061), so that any
// other answer would tell everybody, condition by condition, what it holds.
func (k *call) concealed(refusal error) error {
	if refusal == nil || !k.conditional() {
		return refusal
	}
	return unmatched()
}

// result shapes the Content of a RETRIEVE, or of a DELETE that asks for what
// was there, by rcn.
func (k *call) result(ctx context.Context, r store.Reader, rec *store.Record) (*onem2m.Response, error) {
	both := &struct { // one allocation: most requests end here
		res     onem2m.Response
		content onem2m.Content
	}{res: onem2m.Response{Code: onem2m.OK}}
	res := &both.res
	switch k.rcn {
	case 1:
		k.show(rec)
		value, err := k.attributes(rec)
		if err != nil {
			return nil, err
		}
		both.content = onem2m.Content{Name: rec.Root, Value: value}
		res.Content = &both.content
		return res, nil
	case 7:
		if k.c.copied(rec) {
			var err error
			k.original, err = linkOf(rec)
			return nil, err
		}
		return nil, onem2m.Errorf(onem2m.BadRequest, "rcn", "only an announced resource has an original") // C-142
	}
	return res, k.children(ctx, r, rec, res)
}

// attributes returns the representation, or the part of it that an attribute
// list asks for (C-040, C-105).
func (k *call) attributes(rec *store.Record) (jsontext.Value, error) {
	names := k.req.Attributes
	if k.address.Attribute != "" {
		names = append(slices.Clip(names), k.address.Attribute)
	}
	if len(names) == 0 {
		return k.shown(rec)
	}
	info := k.c.infoOf(rec)
	for _, name := range names {
		if info == nil || !info.Has(name) {
			return nil, onem2m.Errorf(onem2m.BadRequest, name, "the type has no such attribute")
		}
	}
	all, err := k.shownObject(rec)
	if err != nil {
		return nil, err
	}
	var some onem2m.Object
	for _, name := range names {
		if value := all.Get(name); value != nil {
			some.Set(name, value)
		}
	}
	return some.Append(nil), nil
}

// shown returns the representation as this originator may see it: the stored
// bytes where nothing has to be cut.
func (k *call) shown(rec *store.Record) (jsontext.Value, error) {
	p := k.c.types[rec.Type]
	if p == nil || p.visible == nil {
		return rec.Representation(), nil
	}
	o, err := k.shownObject(rec)
	if err != nil {
		return nil, err
	}
	return o.Append(nil), nil
}

func (k *call) shownObject(rec *store.Record) (onem2m.Object, error) {
	o, err := representation(rec)
	if err != nil {
		return nil, err
	}
	if p := k.c.types[rec.Type]; p != nil && p.visible != nil {
		o = p.visible(k, rec, o)
	}
	return o, nil
}

// representation returns all attributes of a record, counters included.
func representation(rec *store.Record) (onem2m.Object, error) {
	if !rec.Counted {
		return attributes(rec).Clone(), nil
	}
	return onem2m.ParseObject(rec.Representation())
}

// candidate lets filter criteria look at a record, and at those relatives of it
// that the originator has the privilege for: a condition on them tells what
// they hold (C-163).
type candidate struct {
	k         *call
	r         store.Reader
	rec       *store.Record
	privilege access.Privilege
}

// relative returns another record as a candidate, or nil if it is out of sight.
func (x *candidate) relative(rec *store.Record) (*candidate, error) {
	ok, err := x.k.permitted(x.r, rec, onem2m.Retrieve, x.privilege)
	if err != nil || !ok {
		return nil, err
	}
	return &candidate{k: x.k, r: x.r, rec: rec, privilege: x.privilege}, nil
}

func (x *candidate) Created() onem2m.Timestamp  { return x.rec.Created }
func (x *candidate) Modified() onem2m.Timestamp { return x.rec.Modified }
func (x *candidate) Expires() onem2m.Timestamp  { return x.rec.Expires }
func (x *candidate) Type() onem2m.ResourceType  { return x.rec.Type }

func (x *candidate) StateTag() (int64, bool) {
	if x.rec.Counted {
		return x.rec.Counters.State, x.rec.Type != onem2m.TypeTimeSeries
	}
	return attributes(x.rec).Int("st")
}

// Size is contentSize: only instances have it (C-159).
func (x *candidate) Size() (int64, bool) {
	return x.rec.Size, x.rec.Type == onem2m.TypeContentInstance
}

func (x *candidate) Labels() []string {
	return x.k.labelsOf(x.rec)
}

// ContentType is the media type part of contentInfo.
func (x *candidate) ContentType() (string, bool) {
	info, ok := attributes(x.rec).Text("cnf")
	for i := range len(info) {
		if info[i] == ':' {
			info = info[:i]
			break
		}
	}
	return info, ok
}

func (x *candidate) Attribute(name string) jsontext.Value {
	if x.k.hides(x.rec, name) {
		return nil
	}
	if name == "lbl" && x.rec.Type == onem2m.TypeAEAnnc {
		if list := x.k.labelsOf(x.rec); len(list) > 0 {
			return onem2m.TextsValue(list)
		}
		return nil
	}
	if x.rec.Counted {
		switch name {
		case "st":
			if x.rec.Type == onem2m.TypeTimeSeries {
				return nil
			}
			return strconv.AppendInt(nil, x.rec.Counters.State, 10)
		case "cni":
			return strconv.AppendInt(nil, x.rec.Counters.Count, 10)
		case "cbs":
			return strconv.AppendInt(nil, x.rec.Counters.Bytes, 10)
		}
	}
	return attributes(x.rec).Get(name)
}

// Described tries the semanticsFilter of the request on the descriptions of the
// resource that are in sight (C-435).
func (x *candidate) Described([]string) (bool, error) { return x.k.described(x.r, x.rec, x.privilege) }

// Parent returns the parent; nil above the CSEBase and if it is out of sight.
func (x *candidate) Parent() onem2m.Candidate {
	if x.rec.ID == baseID {
		return nil
	}
	parent, err := x.r.ByID(x.rec.Parent)
	if err != nil {
		return nil
	}
	seen, err := x.relative(parent)
	if err != nil || seen == nil {
		return nil
	}
	return seen
}

// EachChild calls fn for every child in sight until it returns false.
func (x *candidate) EachChild(fn func(onem2m.Candidate) bool) error {
	hidden := onem2m.ResourceType(0)
	if p := x.k.c.types[x.rec.Type]; p != nil && p.instances != 0 && retrievalDisabled(x.rec) {
		hidden = p.instances // C-241
	}
	return x.k.c.eachChild(x.r, x.rec.ID, hidden, x.k.now, func(child *store.Record) (bool, error) {
		seen, err := x.relative(child)
		if err != nil || seen == nil {
			return err == nil, err
		}
		return fn(seen), nil
	})
}

// eachChild calls fn for the unexpired children in creation order until it
// returns false; not leaves one type out.
func (c *CSE) eachChild(r store.Reader, parent int64, not onem2m.ResourceType, now onem2m.Timestamp, fn func(*store.Record) (bool, error)) error {
	return eachPage(r, parent, not, func(list []*store.Record) (bool, error) {
		for _, child := range list {
			if expired(child, now) {
				continue
			}
			if more, err := fn(child); err != nil || !more {
				return false, err
			}
		}
		return true, nil
	})
}

// eachPage calls fn with one page of children after the other, expired ones
// included, until it returns false.
func eachPage(r store.Reader, parent int64, not onem2m.ResourceType, fn func([]*store.Record) (bool, error)) error {
	page := store.Page{Limit: 200, Not: not}
	for {
		list, err := r.Children(parent, page)
		if err != nil {
			return err
		}
		if more, err := fn(list); err != nil || !more {
			return err
		}
		if len(list) < page.Limit {
			return nil
		}
		page.After = list[len(list)-1].ID
	}
}
