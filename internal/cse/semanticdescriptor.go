package cse

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"bulwark/internal/rdf"
	"bulwark/internal/semantics"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

func descriptorProcedures() *procedures {
	return &procedures{check: checkDescriptor, verify: drafts}
}

// drafts makes CREATE and UPDATE run their checks on a snapshot first: reading,
// changing and validating a document takes time that the writer hasn't got.
func drafts(context.Context, *call, *subject) error { return nil }

// writerBudget is how long semantics may keep the writer from others. They do
// only where the resource has changed since the draft was made.
const writerBudget = 100 * time.Millisecond

// drafting waits for the right to evaluate semantics. In the writer nothing is
// waited for, and little time given.
func (k *call) drafting() (release func(), err error) {
	if k.rehearsal {
		return k.c.ponder(k.meaning.ctx)
	}
	before := k.meaning.ctx
	ctx, cancel := context.WithTimeout(before, writerBudget)
	k.meaning.ctx = ctx
	return func() { cancel(); k.meaning.ctx = before }, nil
}

// drafted is what a request makes of a document: worked out once, and used in
// the writer if the resource is still what it was.
type drafted struct {
	old       *store.Record // nil for a CREATE
	graph     *rdf.Graph
	text      string // in base64
	changed   bool   // text is new: a SPARQL update has made it
	validated bool
	mashup    *mashup // of a <semanticMashupInstance>; nil if it stays as it is
}

// current reports whether the draft still holds for what is stored.
func (d *drafted) current(s *subject) bool {
	if d == nil || (d.old == nil) != (s.old == nil) {
		return false
	}
	return d.old == nil || d.old.ID == s.old.ID && d.old.Modified == s.old.Modified
}

// fields are the attributes that hold a document in one resource type.
type fields struct{ format, text string }

var (
	descriptorFields = fields{format: "dcrp", text: "dsp"}
	ontologyFields   = fields{format: "ontf", text: "ontc"}
)

// checkDescriptor runs the rules of TS-0004 clause 7.4.34 (C-432, C-433).
func checkDescriptor(k *call, r store.Reader, s *subject) error {
	if s.drafted.current(s) {
		descriptorFields.settle(s)
		s.settleValidation()
		return nil
	}
	release, err := k.drafting()
	if err != nil {
		return err
	}
	defer release()
	d := &drafted{old: s.old}
	if err := descriptorFields.draft(k, s, d); err != nil {
		return err
	}
	if enabled, _ := s.attrs.Bool("vlde"); enabled {
		if d.validated, err = k.validate(r, s, d.graph); err != nil {
			return err
		}
	}
	s.drafted = d
	descriptorFields.settle(s)
	s.settleValidation()
	return nil
}

// draft reads the document of a request, or changes the stored one by the SPARQL
// update that the request has.
func (f fields) draft(k *call, s *subject, d *drafted) error {
	given := k.draft.attrs
	update, changes := given.Text("soe")
	if changes && given.Has(f.text) {
		return onem2m.Errorf(onem2m.BadRequest, "soe", "not together with %s", f.text)
	}
	n, _ := s.attrs.Int(f.format)
	format := semantics.Format(n)
	if format == semantics.FormatIRI {
		return onem2m.Errorf(onem2m.BadRequest, f.format, "an IRI is no representation")
	}
	if format.Supported() != nil {
		return onem2m.Errorf(onem2m.NotImplemented, f.format, "this version reads RDF/XML (4), Turtle (5) and JSON-LD (7)")
	}
	if changes {
		return f.execute(k, s, d, format, update)
	}
	text, _ := s.attrs.Text(f.text)
	g, err := semantics.Decode(format, k.c.documentBase(s.ri), text)
	if err != nil {
		return &onem2m.Error{Code: onem2m.BadRequest, Subject: f.text, Text: reason(err), Cause: err}
	}
	d.graph = g
	return nil
}

// execute carries out semanticOpExec.
func (f fields) execute(k *call, s *subject, d *drafted, format semantics.Format, text string) error {
	u, err := semantics.ParseUpdate(text)
	if err != nil {
		return invalidQuery("soe", err)
	}
	failed := func(err error) error {
		return &onem2m.Error{Code: onem2m.SPARQLUpdateError, Subject: "soe", Text: reason(err), Cause: err}
	}
	stored := k.c.document(s.old)
	if stored == nil {
		return failed(semantics.ErrSyntax)
	}
	if d.graph, err = semantics.Update(k.meaning.ctx, u, stored.Graph, k.now.Time()); err != nil {
		return failed(err)
	}
	if d.text, err = semantics.Encode(format, d.graph); err != nil {
		return failed(err)
	}
	d.changed = true
	return nil
}

// settle puts the outcome of a draft into the subject. semanticOpExec is carried
// out and not kept.
func (f fields) settle(s *subject) {
	s.attrs.Delete("soe")
	if s.old != nil {
		s.touched = slices.DeleteFunc(slices.Clone(s.touched), func(name string) bool { return name == "soe" })
	}
	if s.drafted.changed {
		s.set(f.text, onem2m.TextValue(s.drafted.text))
		s.touched = append(s.touched, f.text)
	}
}

// settleValidation keeps semanticValidated in step with validationEnable
// (TS-0004 clauses 7.4.34.2.1 step k and 7.4.34.2.3 step d).
func (s *subject) settleValidation() {
	enabled, _ := s.attrs.Bool("vlde")
	was := false
	if s.old != nil {
		was, _ = attributes(s.old).Bool("vlde")
	}
	if !enabled && !was {
		return
	}
	s.set("svd", onem2m.BoolValue(enabled && s.drafted.validated))
	if s.old != nil && !slices.Contains(s.touched, "svd") {
		s.touched = append(s.touched, "svd")
	}
}

// validate holds a description, with all that it is linked to, against the
// ontologies that these refer to. Where nothing refers to an ontology there is
// nothing to hold it against, and it doesn't count as validated.
func (k *call) validate(r store.Reader, s *subject, g *rdf.Graph) (bool, error) {
	own := semantics.NewDocument(k.ownKey(s), g, 0)
	own.Related, _ = s.attrs.Texts("rels")
	ref, ok := s.attrs.Text("or")
	if !ok {
		ref, _ = attributes(s.parent).Text("or")
	}
	return k.validateLinked(r, own, ref)
}

// ownKey is the key of the document of a subject, which may not be stored yet.
func (k *call) ownKey(s *subject) string {
	if s.old != nil {
		return documentKey(s.old)
	}
	return "?"
}

// validateLinked is validation proper. ref is the ontologyRef of the document
// itself, "" if it has none.
func (k *call) validateLinked(r store.Reader, own *semantics.Document, ref string) (bool, error) {
	d := k.descriptions(r, privilegeRetrieve)
	d.strict = true
	documents, err := semantics.Linked(k.meaning.ctx, own, d.fetch)
	if err != nil {
		return false, k.unlinked(err, ref)
	}
	refs := []string{ref}
	for _, document := range documents[1:] {
		refs = append(refs, d.reference(document))
	}
	ontologies, err := k.ontologies(r, refs)
	if err != nil || len(ontologies) == 0 {
		return false, err
	}
	schema, err := semantics.Union(ontologies)
	if err != nil {
		return false, unavailableOntology("the ontologies are too large together")
	}
	data, err := semantics.Union(documents)
	if err != nil {
		return false, k.unlinked(err, ref)
	}
	err = semantics.NewOntology(schema).Validate(k.meaning.ctx, data)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, semantics.ErrInconsistent), errors.Is(err, semantics.ErrTooLarge):
		return false, &onem2m.Error{Code: onem2m.InvalidSemantics, Text: reason(err), Cause: err}
	case k.meaning.ctx.Err() != nil:
		return false, timedOut()
	}
	return false, err
}

// reference is the ontologyRef of a linked description, or of its parent.
func (d *descriptions) reference(document *semantics.Document) string {
	if d.k.meaning.heard != nil {
		for _, h := range d.k.meaning.heard.told {
			if h != nil && h.refs[document.Key] != "" {
				return h.refs[document.Key]
			}
		}
	}
	rec := d.records[document.Key]
	if rec == nil || rec.Type != onem2m.TypeSemanticDescriptor {
		return ""
	}
	if ref, ok := attributes(rec).Text("or"); ok {
		return ref
	}
	parent, err := d.r.ByID(rec.Parent)
	if err != nil {
		return ""
	}
	ref, _ := attributes(parent).Text("or")
	return ref
}

// unlinked is what a link that leads nowhere is answered with. Links to other
// CSEs make the ontology's CSE validate: where that is another one, it can't be
// asked (5103); this one can't reach what is linked (4119).
func (k *call) unlinked(err error, ref string) error {
	switch {
	case errors.Is(err, semantics.ErrElsewhere) && k.elsewhere(ref):
		return onem2m.Errorf(onem2m.TargetNotReachable, "or", "the CSE that hosts the ontology isn't reached")
	case errors.Is(err, semantics.ErrElsewhere), errors.Is(err, semantics.ErrUnavailable), errors.Is(err, semantics.ErrTooLarge):
		return onem2m.Errorf(onem2m.LinkedSemanticsNotAvailable, "", "a linked description isn't available")
	}
	return err
}

// elsewhere reports whether a reference names a resource of another CSE.
func (k *call) elsewhere(ref string) bool {
	a, err := onem2m.ParseAddress(ref)
	if err != nil || strings.Contains(ref, "://") {
		return false
	}
	_, hosted := k.c.hosted(a)
	return ref != "" && !hosted
}
