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

// semanticValidation is the name of the virtual child of an
// <ontologyRepository> that validates.
const semanticValidation = "smv"

// Bounds of ontologies.
const (
	maxRepositories = 8   // looked through for an ontology by its IRI
	maxOntologies   = 500 // in one repository, looked through
)

const privilegeRetrieve = access.Retrieve

func repositoryProcedures() *procedures {
	return &procedures{virtual: map[string]*virtual{semanticValidation: {serve: serveValidation}}}
}

func ontologyProcedures() *procedures {
	return &procedures{check: checkOntology, verify: drafts}
}

// checkOntology runs the rules of TS-0004 clause 7.4.47 (C-438). An ontology
// may be nothing but the address of one.
func checkOntology(k *call, _ store.Reader, s *subject) error {
	format, _ := s.attrs.Int("ontf")
	if semantics.Format(format) == semantics.FormatIRI {
		return checkOntologyAddress(k, s)
	}
	if _, ok := s.attrs.Text("ontc"); !ok {
		return onem2m.Errorf(onem2m.BadRequest, "ontc", "a text in base64")
	}
	if !s.drafted.current(s) {
		release, err := k.drafting()
		if err != nil {
			return err
		}
		defer release()
		d := &drafted{old: s.old}
		if err := ontologyFields.draft(k, s, d); err != nil {
			return err
		}
		s.drafted = d
	}
	ontologyFields.settle(s)
	return nil
}

func checkOntologyAddress(k *call, s *subject) error {
	if k.draft.attrs.Has("soe") && !k.draft.attrs.IsNull("soe") {
		return onem2m.Errorf(onem2m.SPARQLUpdateError, "soe", "the ontology is hosted elsewhere")
	}
	address, ok := s.attrs.Text("ontc")
	if !ok || !isIRI(address) {
		return onem2m.Errorf(onem2m.BadRequest, "ontc", "not an IRI")
	}
	s.drafted = &drafted{old: s.old}
	ontologyFields.settle(s)
	return nil
}

// isIRI reports whether a text has the form of an absolute IRI.
func isIRI(text string) bool {
	scheme, rest, ok := strings.Cut(text, ":")
	return ok && rest != "" && scheme != "" && !strings.ContainsAny(text, " <>\"{}|\\^`\n\t") && !strings.Contains(scheme, "/")
}

func unavailableOntology(text string) error {
	return onem2m.Errorf(onem2m.OntologyNotAvailable, "or", "%s", text)
}

// ontologies finds the ontologies that references name, each once.
func (k *call) ontologies(r store.Reader, refs []string) ([]*semantics.Document, error) {
	var list []*semantics.Document
	for i, ref := range refs {
		if ref == "" || slices.Contains(refs[:i], ref) {
			continue
		}
		document, err := k.ontology(r, ref)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, func(d *semantics.Document) bool { return d.Key == document.Key }) {
			list = append(list, document)
		}
	}
	return list, nil
}

// ontology finds an <ontology>: by its address, also on another CSE, or by the IRI
// that an ontology here has. None is fetched from the web, so all others are not
// available; and neither is one that the originator may not RETRIEVE, for else
// validation would tell what it says.
func (k *call) ontology(r store.Reader, ref string) (*semantics.Document, error) {
	d := k.descriptions(r, access.Retrieve)
	missing := unavailableOntology("no ontology that the originator may retrieve")
	if strings.Contains(ref, "://") || strings.HasPrefix(ref, "urn:") {
		return d.ontologyByName(ref, missing)
	}
	t, err := d.locate(ref)
	if errors.Is(err, semantics.ErrElsewhere) {
		return d.distantOntology(ref, missing)
	}
	if err != nil {
		if unavailable(err) {
			err = missing
		}
		return nil, err
	}
	if t.virtual != "" || t.rec.Type != onem2m.TypeOntology {
		return nil, missing
	}
	seen, err := d.seen(t.rec)
	if err != nil {
		return nil, err
	}
	if !seen {
		return nil, missing
	}
	if format, _ := attributes(t.rec).Int("ontf"); semantics.Format(format) == semantics.FormatIRI {
		iri, _ := attributes(t.rec).Text("ontc")
		return d.ontologyByName(iri, missing)
	}
	document := d.read(t.rec)
	if document == nil {
		return nil, missing
	}
	return document, nil
}

// distantOntology is an <ontology> of another CSE, which that lets the originator
// read. One that is only the name of another is looked for here.
func (d *descriptions) distantOntology(ref string, missing error) (*semantics.Document, error) {
	distant, far := d.k.c.distant(ref)
	if !far {
		return nil, missing
	}
	h, known := d.k.hearOf(distant, false)
	switch {
	case !known || h == nil:
		return nil, missing
	case h.alias != "":
		return d.ontologyByName(h.alias, missing)
	case len(h.documents) != 1:
		return nil, missing
	}
	return h.documents[0], nil
}

// ontologyByName looks through the repositories for an ontology that has been
// imported, by its IRI.
func (d *descriptions) ontologyByName(iri string, missing error) (*semantics.Document, error) {
	repositories, err := d.r.Children(baseID, store.Page{Only: onem2m.TypeOntologyRepository, Limit: maxRepositories})
	if err != nil {
		return nil, err
	}
	for _, repository := range repositories {
		if expired(repository, d.k.now) {
			continue
		}
		list, err := d.r.Children(repository.ID, store.Page{Only: onem2m.TypeOntology, Limit: maxOntologies})
		if err != nil {
			return nil, err
		}
		for _, rec := range list {
			if expired(rec, d.k.now) {
				continue
			}
			seen, err := d.seen(rec)
			if err != nil {
				return nil, err
			}
			if !seen {
				continue
			}
			if document := d.read(rec); document != nil && semantics.Declares(document.Graph, iri) {
				return document, nil
			}
		}
	}
	return nil, missing
}

// serveValidation answers requests to <semanticValidation> (TS-0004 clause
// 7.4.48, C-434).
func serveValidation(ctx context.Context, k *call, t target) (*onem2m.Response, error) {
	if k.req.Operation != onem2m.Update {
		return nil, onem2m.Errorf(onem2m.OperationNotAllowed, "to", "a validation is asked for by an UPDATE")
	}
	release, err := k.c.ponder(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	var res *onem2m.Response
	err = k.c.Store.Read(ctx, func(r store.Reader) error {
		if err := k.authorize(r, t.rec, onem2m.Update, access.Update); err != nil { // C-027
			return err
		}
		if err := k.checkLock(r, t.rec); err != nil {
			return err
		}
		attrs, err := k.submitted()
		if err != nil {
			return err
		}
		if err := k.validateSubmitted(r, attrs); err != nil {
			return err
		}
		attrs.Set("svd", onem2m.BoolValue(true))
		res = &onem2m.Response{Code: onem2m.Updated}
		if k.rcn == 1 {
			res.Content = &onem2m.Content{Name: k.req.Content.Name, Value: attrs.Append(nil)}
		}
		return nil
	})
	return res, err
}

// assigned are the attributes that a CSE writes itself: a description that one
// CSE sends another for validation has them.
var assigned = [...]string{"ty", "ri", "pi", "ct", "lt", "cr", "svd"}

// submitted is the <semanticDescriptor> that is to be validated.
func (k *call) submitted() (onem2m.Object, error) {
	info := k.contentType()
	if info == nil || info.Type != onem2m.TypeSemanticDescriptor {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "not a <semanticDescriptor>")
	}
	attrs, err := onem2m.ParseObject(k.req.Content.Value)
	if err != nil {
		return nil, err
	}
	for _, name := range assigned {
		attrs.Delete(name)
	}
	ref := attrs.Get("or") // held against its own rule, with its own answer
	attrs.Delete("or")
	if attrs, err = info.ValidateCreate(attrs); err == nil && ref != nil {
		attrs.Set("or", ref)
	}
	return attrs, err
}

func (k *call) validateSubmitted(r store.Reader, attrs onem2m.Object) error {
	ref, ok := attrs.Text("or")
	if !ok {
		return onem2m.Errorf(onem2m.ContentsUnacceptable, "or", "the reference to an ontology is missing")
	}
	if _, err := onem2m.ParseAddress(ref); err != nil && !isIRI(ref) {
		return onem2m.Errorf(onem2m.ContentsUnacceptable, "or", "not the address of an ontology")
	}
	s, d := &subject{attrs: attrs}, &drafted{}
	k.draft.attrs = attrs
	if err := descriptorFields.draft(k, s, d); err != nil {
		return err
	}
	own := semantics.NewDocument("?", d.graph, 0)
	own.Related, _ = attrs.Texts("rels")
	_, err := k.validateLinked(r, own, ref)
	return err
}
