package cse

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/internal/semantics"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// maxDocuments is how many octets of descriptions and ontologies are kept read,
// by estimate: some thousands of descriptions of the usual size.
const maxDocuments = 32 << 20

// meaning is what a request asks about semantic descriptions.
type meaning struct {
	ctx    context.Context // of the request: filter conditions are tried where nobody passes one on
	filter *semantics.Filter
	read   int      // descriptions looked at since taken was called last
	heard  *hearsay // what other CSEs have told; nil: nothing was asked
}

// maxPondering bounds the requests that evaluate semantics at one time: each may keep
// a processor busy for as long as semantics.Budget, and others want theirs.
const maxPondering = 4

// ponder waits for the right to evaluate semantics.
func (c *CSE) ponder(ctx context.Context) (release func(), err error) {
	select {
	case c.pondering <- struct{}{}:
		return func() { <-c.pondering }, nil
	case <-ctx.Done():
		return nil, timedOut()
	}
}

// look reads the store. Where semantics are evaluated it waits for the right to.
func (k *call) look(ctx context.Context, fn func(store.Reader) error) error {
	if k.meaning.filter != nil {
		release, err := k.c.ponder(ctx)
		if err != nil {
			return err
		}
		defer release()
	}
	return k.c.Store.Read(ctx, fn)
}

// taken returns how many descriptions were looked at, and begins anew.
func (m *meaning) taken() int {
	n := m.read
	m.read = 0
	return n
}

// semanticQuery reports whether the request is a semantic query.
func (k *call) semanticQuery() bool { return k.req.SemanticQuery != nil && *k.req.SemanticQuery }

// checkSemanticQuery: a semantic query has result content 10 and one query,
// and nothing else has that result (C-039).
func (k *call) checkSemanticQuery() error {
	switch {
	case !k.semanticQuery():
		if k.rcn == 10 {
			return onem2m.Errorf(onem2m.BadRequest, "rcn", "only a semantic query has semantic content as result")
		}
		return nil
	case k.rcn != 10:
		return onem2m.Errorf(onem2m.BadRequest, "sqi", "a semantic query has result content 10")
	case k.req.Filter == nil || len(k.req.Filter.SemanticsFilter) != 1:
		return onem2m.Errorf(onem2m.BadRequest, "smf", "a semantic query has one semantics filter")
	}
	return nil
}

// checkSemantics reads the semanticsFilter. The text puts that behind Recv-1.0:
// before existence and privilege (C-435).
func (k *call) checkSemantics(context.Context) error {
	if k.req.Filter == nil || len(k.req.Filter.SemanticsFilter) == 0 {
		return nil
	}
	if _, here := k.c.hosted(k.address); !here {
		return nil // whoever hosts the target reads it
	}
	var err error
	if k.meaning.filter, err = semantics.ParseFilter(k.req.Filter.SemanticsFilter, k.now.Time()); err != nil {
		return invalidQuery("smf", err)
	}
	return nil
}

// invalidQuery refuses what is no SPARQL. The text says where, which is the
// originator's own.
func invalidQuery(name string, err error) error {
	return &onem2m.Error{Code: onem2m.InvalidSPARQLQuery, Subject: name, Text: reason(err), Cause: err}
}

// maxReason bounds what an originator is told about its own document or query.
const maxReason = 200

func reason(err error) string {
	text := err.Error()
	if _, after, ok := strings.Cut(text, "semantics: "); ok {
		text = after
	}
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}

// documentBase is the IRI that relative references in the document of a resource count
// from: its address.
func (c *CSE) documentBase(ri string) string {
	return semantics.Scheme + c.Home.SP + c.Home.CSE + "/" + ri
}

func documentKey(rec *store.Record) string { return strconv.FormatInt(rec.ID, 36) }

// document returns the description or ontology that a resource holds, read once
// for each version; nil for one that has none, or none that can be read.
func (c *CSE) document(rec *store.Record) *semantics.Document {
	version := semantics.Version{ID: rec.ID, Modified: int64(rec.Modified)}
	if d := c.documents.Get(version); d != nil {
		return d
	}
	format, data, ok := documentOf(rec)
	if !ok {
		return nil
	}
	g, err := semantics.Parse(format, c.documentBase(rec.RI), data)
	if err != nil {
		return nil // an instance whose content isn't what its contentInfo says
	}
	d := semantics.NewDocument(documentKey(rec), g, len(data))
	if rec.Type == onem2m.TypeSemanticDescriptor {
		d.Related, _ = attributes(rec).Texts("rels")
	}
	c.documents.Put(version, d)
	return d
}

// documentOf finds the document in the attributes of a resource.
func documentOf(rec *store.Record) (f semantics.Format, data []byte, ok bool) {
	attrs := attributes(rec)
	formatName, textName := "dcrp", "dsp"
	switch rec.Type {
	case onem2m.TypeContentInstance:
		return instanceDocument(attrs)
	case onem2m.TypeOntology:
		formatName, textName = "ontf", "ontc"
	case onem2m.TypeSemanticDescriptor:
	default:
		return 0, nil, false
	}
	format, _ := attrs.Int(formatName)
	text, _ := attrs.Text(textName)
	data, err := semantics.Unwrap(text)
	return semantics.Format(format), data, err == nil
}

// Values of m2m:contentInfo, behind the media type.
const (
	encodingPlain  = "0"
	encodingBase64 = "1"
	encodingBinary = "2"
)

// instanceDocument finds the document in a <contentInstance>, where contentInfo
// says that it is one (TS-0001 clauses 9.6.14a and 9.6.30).
func instanceDocument(attrs onem2m.Object) (f semantics.Format, data []byte, ok bool) {
	info, _ := attrs.Text("cnf")
	media, rest, _ := strings.Cut(info, ":")
	if f, ok = semantics.FormatOfMedia(media); !ok {
		return 0, nil, false
	}
	content := attrs.Get("con")
	text, isText := onem2m.TextOf(content)
	encoding, _, _ := strings.Cut(rest, ":")
	switch {
	case !isText:
		return f, []byte(content), content.Kind() == jsontext.KindBeginObject || content.Kind() == jsontext.KindBeginArray
	case encoding == encodingPlain || encoding == "":
		return f, []byte(text), true
	case encoding == encodingBase64 || encoding == encodingBinary:
		data, err := semantics.Unwrap(text)
		return f, data, err == nil
	}
	return 0, nil, false
}

// described reports whether a description of rec in sight satisfies the
// semanticsFilter of the request (C-435). What can't be evaluated doesn't: else
// one description could spoil the discovery of all others.
func (k *call) described(r store.Reader, rec *store.Record, privilege access.Privilege) (bool, error) {
	if k.meaning.filter == nil {
		return false, nil
	}
	found := false
	d := k.descriptions(r, privilege)
	err := d.each(rec, func(smd *store.Record) (bool, error) {
		document := d.read(smd)
		if document == nil {
			return true, nil
		}
		g, err := semantics.ForDiscovery(k.meaning.ctx, document, d.fetch)
		if err == nil {
			found, err = k.meaning.filter.Match(k.meaning.ctx, g)
		}
		if err != nil && unevaluated(err) && k.meaning.ctx.Err() == nil {
			err = nil
		}
		return !found, err
	})
	return found && err == nil, err
}

// unevaluated reports whether an error is about one graph and not about the
// store or the request.
func unevaluated(err error) bool {
	return errors.Is(err, semantics.ErrRun) || errors.Is(err, semantics.ErrTooLarge)
}
