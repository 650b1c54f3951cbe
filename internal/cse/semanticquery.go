package cse

import (
	"context"

	"bulwark/access"
	"bulwark/internal/semantics"
	"bulwark/internal/sparql"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// queryBelow is the semantic query with implicit scope (TS-0004 clause
// 7.3.3.19.1): over all descriptions below the target that the originator may
// RETRIEVE. It asks nothing of the target, and where there is nothing to query
// the result is empty (C-436).
func (k *call) queryBelow(ctx context.Context) (*onem2m.Response, error) {
	release, err := k.c.ponder(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	var documents []*semantics.Document
	err = k.c.Store.Read(ctx, func(r store.Reader) error {
		t, err := k.c.resolve(r, k.address.Path, k.now)
		if err != nil {
			return err
		}
		rec, err := k.reached(r, t)
		if err != nil {
			return err
		}
		if err := k.checkLocks(r, t, rec); err != nil {
			return err
		}
		documents, err = k.scope(ctx, r, rec)
		return err
	})
	if err != nil {
		return nil, err
	}
	k.audit("discovery", "", 0, "")
	return k.answerQuery(ctx, documents)
}

// scope collects the descriptions below rec. All other filter criteria are
// ignored (TS-0001 clause 8.1.2).
func (k *call) scope(ctx context.Context, r store.Reader, rec *store.Record) ([]*semantics.Document, error) {
	only := &onem2m.FilterCriteria{Types: []onem2m.ResourceType{onem2m.TypeSemanticDescriptor}}
	matcher, err := only.Compile()
	if err != nil {
		return nil, err
	}
	var documents []*semantics.Document
	triples := 0
	w := &walk{k: k, r: r, op: onem2m.Retrieve, privilege: access.Retrieve, matcher: matcher, from: 1, to: k.c.Limits.Results}
	w.found = func(smd *store.Record, _ string) error {
		document := k.c.document(smd)
		if document == nil || k.hidden(r, smd) {
			return nil
		}
		if triples += document.Graph.Len(); triples > semantics.MaxTriples {
			return tooWide()
		}
		documents = append(documents, document)
		return nil
	}
	if err := w.below(ctx, rec, "", 1); err != nil {
		return nil, err
	}
	if w.more {
		return nil, tooWide() // part of an answer would be taken for all of it
	}
	return documents, nil
}

func tooWide() error {
	return onem2m.Errorf(onem2m.BadRequest, "to", "more descriptions than one query can look at")
}

// answerQuery runs the query on what was collected and makes
// {"m2m:qres":"…"}, a text in the SPARQL results format for JSON.
func (k *call) answerQuery(ctx context.Context, documents []*semantics.Document) (*onem2m.Response, error) {
	g, err := semantics.Union(documents)
	if err != nil {
		return nil, tooWide()
	}
	query, err := semantics.ParseQuery(k.req.Filter.SemanticsFilter[0], k.now.Time())
	if err != nil {
		return nil, invalidQuery("smf", err)
	}
	res, err := query.Run(ctx, g)
	if err != nil {
		return nil, k.unfinished(ctx, err)
	}
	if res.Form != sparql.Select && res.Form != sparql.Ask {
		return nil, onem2m.Errorf(onem2m.BadRequest, "smf", "only SELECT and ASK have a result that a semantic query returns")
	}
	text, err := resultText(res)
	if err != nil {
		return nil, err
	}
	if len(text) > maxOctets {
		return nil, onem2m.Errorf(onem2m.BadRequest, "smf", "the result is larger than %d octets", maxOctets)
	}
	return &onem2m.Response{Code: onem2m.OK, Content: &onem2m.Content{Name: "m2m:qres", Value: onem2m.TextValue(text)}}, nil
}

// unfinished is what a query that met its bounds is answered with.
func (k *call) unfinished(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return timedOut()
	}
	return &onem2m.Error{Code: onem2m.BadRequest, Subject: "smf", Text: reason(err), Cause: err}
}

// resultText writes a result with its results first, which has no meaning, but
// is what clients meet elsewhere.
func resultText(res *sparql.Result) (string, error) {
	o, err := onem2m.ParseObject(res.JSON())
	if err != nil {
		return "", err
	}
	if i := len(o) - 1; i > 0 && o[i].Name == "results" {
		o[0], o[i] = o[i], o[0]
	}
	return string(o.Append(nil)), nil
}
