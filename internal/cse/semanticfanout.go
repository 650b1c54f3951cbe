package cse

import (
	"context"
	"errors"
	"slices"
	"strings"

	"bulwark/access"
	"bulwark/internal/rdf"
	"bulwark/internal/semantics"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// semanticFanOutPoint is the name of the virtual child of a group that queries
// the descriptions of the members.
const semanticFanOutPoint = "sfop"

func unavailable(err error) bool {
	return errors.Is(err, semantics.ErrUnavailable) || errors.Is(err, semantics.ErrElsewhere)
}

// semanticFanOut serves a request to <semanticFanOutPoint> (TS-0004 clause
// 7.4.35, C-363, C-437): one query over the descriptions of all members.
func semanticFanOut(ctx context.Context, k *call, t target) (*onem2m.Response, error) {
	if k.req.Operation != onem2m.Retrieve {
		return nil, onem2m.Errorf(onem2m.OperationNotAllowed, "to", "a semantic fan-out point is only retrieved")
	}
	if k.meaning.filter == nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, "smf", "the semantics filter is missing")
	}
	release, err := k.c.ponder(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	g := survey{}
	var res *onem2m.Response
	err = k.c.Store.Read(ctx, func(r store.Reader) error {
		if supported, _ := attributes(t.rec).Bool("ssi"); !supported {
			return onem2m.Errorf(onem2m.OperationNotAllowed, "ssi", "the group doesn't support semantics")
		}
		if err := k.authorizeFanOut(r, t.rec); err != nil {
			return err
		}
		g.descriptions = k.descriptions(r, access.Retrieve)
		if err := g.group(ctx, t.rec); err != nil || k.semanticQuery() {
			return err
		}
		var err error
		res, err = g.discover(ctx)
		return err
	})
	if err != nil || res != nil {
		return res, err
	}
	return k.answerQuery(ctx, g.documents)
}

// survey collects the descriptions of the members of a group, and of those of
// the groups in it. Members on other CSEs are asked for on behalf of the
// originator; those that don't answer are left out.
type survey struct {
	*descriptions
	documents []*semantics.Document
	describes []*store.Record // what the document at the same place describes; nil: it is elsewhere
	elsewhere []string        // then its address
	keys      map[string]bool
	visited   []int64
	heard     map[string]bool // members on other CSEs that were looked at, by address
	triples   int
}

func (g *survey) group(ctx context.Context, group *store.Record) error {
	if slices.Contains(g.visited, group.ID) || len(g.visited) >= maxGroupVisit {
		return nil
	}
	g.visited = append(g.visited, group.ID)
	for _, m := range g.k.c.rosterOf(group).members {
		if ctx.Err() != nil {
			return timedOut()
		}
		t, err := g.locate(m.text)
		if err != nil && unavailable(err) {
			if err := g.distant(ctx, m.text); err != nil {
				return err
			}
			continue
		}
		if err == nil {
			err = g.take(ctx, t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// distant adds what a member on another CSE has, if that has told it: who may
// read it is up to that CSE. Of a group there its members are taken.
func (g *survey) distant(ctx context.Context, text string) error {
	for _, point := range [...]string{fanOutPoint, semanticFanOutPoint} {
		text = strings.TrimSuffix(text, "/"+point)
	}
	address, far := g.k.c.distant(text)
	if !far || g.heard[address] {
		return nil
	}
	if g.heard == nil {
		g.heard = map[string]bool{}
	}
	g.heard[address] = true
	h, known := g.k.hearOf(address, true)
	if !known || h == nil {
		return nil
	}
	for i, document := range h.documents {
		if err := g.put(document, nil, h.describes[i]); err != nil {
			return err
		}
	}
	for _, member := range h.members {
		t, err := g.locate(member)
		switch {
		case err == nil:
			err = g.take(ctx, t)
		case unavailable(err):
			err = g.distant(ctx, member)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// take adds what a member has: a description or an instance itself, of any other
// resource its descriptions, of a group in the group those of its members.
func (g *survey) take(ctx context.Context, t target) error {
	if (t.virtual == fanOutPoint || t.virtual == semanticFanOutPoint) && len(t.rest) == 0 {
		sources, err := g.k.c.fanOutPolicies(g.r, t.rec, g.k.from.ID, g.k.now, nil)
		if err != nil {
			return err
		}
		if !g.k.isAdmin() && !access.Decide(g.k.query(g.r, t.rec, onem2m.Retrieve, access.Retrieve), sources).Permit {
			return nil
		}
		return g.group(ctx, t.rec)
	}
	rec, err := g.k.reached(g.r, t)
	if err != nil {
		return unlessMissing(err)
	}
	switch rec.Type {
	case onem2m.TypeSemanticDescriptor:
		parent, err := g.r.ByID(rec.Parent)
		if err != nil {
			return missing(err)
		}
		return g.add(rec, parent)
	case onem2m.TypeContentInstance:
		if _, _, is := documentOf(rec); is {
			return g.add(rec, rec)
		}
	}
	return g.each(rec, func(smd *store.Record) (bool, error) { return true, g.add(smd, rec) })
}

// add adds one document, if the originator may RETRIEVE it.
func (g *survey) add(rec, describes *store.Record) error {
	seen, err := g.seen(rec)
	if err != nil || !seen {
		return err
	}
	document := g.read(rec)
	if document == nil {
		return nil
	}
	return g.put(document, describes, "")
}

// put adds a document that the originator may use, and what it describes: a
// resource of this CSE, or the address of one elsewhere.
func (g *survey) put(document *semantics.Document, describes *store.Record, elsewhere string) error {
	if g.keys[document.Key] {
		return nil
	}
	if g.keys == nil {
		g.keys = map[string]bool{}
	}
	g.keys[document.Key] = true
	if g.triples += document.Graph.Len(); g.triples > semantics.MaxTriples || len(g.documents) >= maxMembers {
		return tooWide()
	}
	g.documents = append(g.documents, document)
	g.describes = append(g.describes, describes)
	g.elsewhere = append(g.elsewhere, elsewhere)
	return nil
}

// discover finds which of the members the solutions are about: those whose
// description has a term of a solution as a subject. Where solutions name
// nothing, each description is tried alone.
func (g *survey) discover(ctx context.Context) (*onem2m.Response, error) {
	union, err := semantics.Union(g.documents)
	if err != nil {
		return nil, tooWide()
	}
	list := newReferences(g.k)
	listed := map[any]bool{}
	for _, q := range g.k.meaning.filter.Queries() {
		res, err := q.Run(ctx, union)
		if err != nil {
			return nil, g.k.unfinished(ctx, err)
		}
		things := semantics.Things(res)
		for i, document := range g.documents {
			rec, what := g.describes[i], any(g.elsewhere[i])
			if rec != nil {
				what = rec.ID
			}
			if listed[what] || !semantics.Found(res) {
				continue
			}
			hit := says(document, things)
			if len(things) == 0 {
				if hit, err = q.Holds(ctx, document.Graph); err != nil {
					return nil, g.k.unfinished(ctx, err)
				}
			}
			if !hit {
				continue
			}
			listed[what] = true
			if rec == nil { // its CSE has let the originator read it
				list.addFar(g.elsewhere[i])
				continue
			}
			visible, err := g.k.permitted(g.r, rec, onem2m.Retrieve, access.Discover)
			if err != nil {
				return nil, err
			}
			if !visible {
				continue
			}
			address, err := Structured(g.r, rec)
			if err != nil {
				return nil, err
			}
			list.add(rec, address)
		}
	}
	res := &onem2m.Response{Code: onem2m.OK, Content: list.addresses()}
	if g.k.rcn == 6 {
		res.Content = list.content()
	}
	return res, nil
}

// says reports whether a document says something of one of the things.
func says(d *semantics.Document, things []rdf.Term) bool {
	return slices.ContainsFunc(things, func(t rdf.Term) bool {
		for range d.Graph.Match(&t, nil, nil) {
			return true
		}
		return false
	})
}
