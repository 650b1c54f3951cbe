package cse

import (
	"context"
	"errors"
	"slices"
	"strings"

	"bulwark/access"
	"bulwark/internal/semantics"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// descriptions finds semantic descriptions for a request, those that its
// originator has a privilege for.
type descriptions struct {
	k         *call
	r         store.Reader
	privilege access.Privilege
	strict    bool                     // what isn't available of a group makes all of it unavailable
	records   map[string]*store.Record // by key of the document
}

func (k *call) descriptions(r store.Reader, privilege access.Privilege) *descriptions {
	return &descriptions{k: k, r: r, privilege: privilege}
}

// each calls fn for the <semanticDescriptor> children of rec in sight until it
// returns false.
func (d *descriptions) each(rec *store.Record, fn func(*store.Record) (bool, error)) error {
	info := d.k.c.infoOf(rec)
	if info == nil || !info.AllowsChild(onem2m.TypeSemanticDescriptor) {
		return nil
	}
	page := store.Page{Limit: 200, Only: onem2m.TypeSemanticDescriptor}
	for {
		list, err := d.r.Children(rec.ID, page)
		if err != nil {
			return err
		}
		for _, smd := range list {
			if expired(smd, d.k.now) {
				continue
			}
			d.k.meaning.read++
			seen, err := d.seen(smd)
			if err != nil {
				return err
			}
			if !seen {
				continue
			}
			if more, err := fn(smd); err != nil || !more {
				return err
			}
		}
		if len(list) < page.Limit {
			return nil
		}
		page.After = list[len(list)-1].ID
	}
}

// seen reports whether the originator may use what rec holds.
func (d *descriptions) seen(rec *store.Record) (bool, error) {
	ok, err := d.k.permitted(d.r, rec, onem2m.Retrieve, d.privilege)
	return ok && !d.k.hidden(d.r, rec), err
}

// read returns the document of a resource and remembers where it comes from.
func (d *descriptions) read(rec *store.Record) *semantics.Document {
	document := d.k.c.document(rec)
	if document != nil {
		if d.records == nil {
			d.records = map[string]*store.Record{}
		}
		d.records[document.Key] = rec
	}
	return document
}

// fetch is semantics.Fetch: what isn't there and what the originator may not use
// are the same to it.
func (d *descriptions) fetch(_ context.Context, address string) ([]*semantics.Document, error) {
	t, err := d.locate(address)
	if errors.Is(err, semantics.ErrElsewhere) {
		return d.hear(address)
	}
	if err != nil {
		return nil, err
	}
	if t.virtual == "" && t.rec.Type == onem2m.TypeGroup {
		return d.members(t.rec)
	}
	document, err := d.single(t)
	if err != nil {
		return nil, err
	}
	return []*semantics.Document{document}, nil
}

// hear is fetch for a resource of another CSE: what that has told, or
// semantics.ErrElsewhere as long as it hasn't been asked.
func (d *descriptions) hear(address string) ([]*semantics.Document, error) {
	distant, far := d.k.c.distant(address)
	if !far {
		return nil, semantics.ErrElsewhere
	}
	h, known := d.k.hearOf(distant, false)
	switch {
	case !known || h == nil:
		return nil, semantics.ErrElsewhere
	case len(h.documents)+len(h.members) == 0:
		return nil, semantics.ErrUnavailable
	}
	list := h.documents
	for _, member := range h.members {
		document, err := d.member(member)
		switch {
		case err == nil:
			list = append(slices.Clip(list), document)
		case d.strict || !unavailable(err):
			return nil, err
		}
	}
	return list, nil
}

// locate finds the resource that a link names.
func (d *descriptions) locate(address string) (target, error) {
	a, err := onem2m.ParseAddress(address)
	if err != nil {
		if strings.Contains(address, "://") {
			return target{}, semantics.ErrElsewhere
		}
		return target{}, semantics.ErrUnavailable
	}
	path, ok := d.k.c.hosted(a)
	if !ok {
		return target{}, semantics.ErrElsewhere
	}
	t, err := d.k.c.resolve(d.r, path, d.k.now)
	if err != nil {
		if err = unlessMissing(err); err == nil {
			err = semantics.ErrUnavailable
		}
		return target{}, err
	}
	return t, nil
}

// single returns the document of one resource: a description, or an instance
// with one in its content, also as the latest or oldest of a container.
func (d *descriptions) single(t target) (*semantics.Document, error) {
	d.k.meaning.read++
	if t.virtual != "" && t.virtual != "la" && t.virtual != "ol" {
		return nil, semantics.ErrUnavailable
	}
	rec, err := d.k.reached(d.r, t)
	if err != nil {
		if err = unlessMissing(err); err == nil {
			err = semantics.ErrUnavailable
		}
		return nil, err
	}
	if rec.Type != onem2m.TypeSemanticDescriptor && rec.Type != onem2m.TypeContentInstance {
		return nil, semantics.ErrUnavailable
	}
	seen, err := d.seen(rec)
	if err != nil {
		return nil, err
	}
	document := (*semantics.Document)(nil)
	if seen {
		document = d.read(rec)
	}
	if document == nil {
		return nil, semantics.ErrUnavailable
	}
	return document, nil
}

// members returns the documents of the members of a group that relatedSemantics
// names (TS-0001 table 9.6.30-2).
func (d *descriptions) members(group *store.Record) ([]*semantics.Document, error) {
	seen, err := d.seen(group)
	if err != nil {
		return nil, err
	}
	if !seen {
		return nil, semantics.ErrUnavailable
	}
	g := d.k.c.rosterOf(group)
	var list []*semantics.Document
	for i := range g.members {
		if len(list) > semantics.MaxDescriptors {
			break // already more than one graph takes
		}
		document, err := d.member(g.members[i].text)
		switch {
		case err == nil:
			list = append(list, document)
		case d.strict || !errors.Is(err, semantics.ErrUnavailable) && !errors.Is(err, semantics.ErrElsewhere):
			return nil, err
		}
	}
	return list, nil
}

func (d *descriptions) member(address string) (*semantics.Document, error) {
	t, err := d.locate(address)
	if distant, far := d.k.c.distant(address); far && errors.Is(err, semantics.ErrElsewhere) {
		h, known := d.k.hearOf(distant, false)
		switch {
		case !known:
			return nil, err
		case h == nil || len(h.documents) == 0: // a group in a group isn't followed
			return nil, semantics.ErrUnavailable
		}
		return h.documents[0], nil
	}
	if err != nil {
		return nil, err
	}
	return d.single(t)
}
