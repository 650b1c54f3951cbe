package rdf

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/piprate/json-gold/ld"

	"bulwark/internal/rdf/scan"
)

// maxContextWork bounds terms of contexts times objects of a document with several contexts: every object may then take over the terms once more.
// The bound is about a second of work.
const maxContextWork = 2_000_000

// maxContextText bounds the octets of contexts times the names that may be short for an IRI as long as all of them: a term can stand for a namespace
// that begins with another term.
const maxContextText = 256 << 20

// refuser is the loader of remote documents: it loads none.
type refuser struct{}

func (refuser) LoadDocument(string) (*ld.RemoteDocument, error) {
	return nil, errors.New("remote contexts are refused")
}

// parseJSONLD reads JSON-LD. The library expands the document, which is linear in its size but for contexts; the triples are made here, because the
// library compares every value of a property with every other, and leaves out without a word what it takes for a wrong IRI.
func parseJSONLD(b *builder, data []byte) error {
	if err := measure(b, data); err != nil {
		return err
	}
	var document any
	if err := json.Unmarshal(data, &document); err != nil {
		return jsonError(data, err)
	}
	switch document.(type) {
	case map[string]any, []any:
	default: // a string would be taken for the address of a document
		return scan.Fail(1, "a JSON-LD document is an object or an array")
	}
	expanded, err := expand(b.base, document)
	if err != nil {
		return err
	}
	j := jsonld{b}
	for _, item := range expanded {
		if _, err := j.object(item); err != nil {
			return err
		}
	}
	return nil
}

// measure walks over the tokens before anything is built from them.
func measure(b *builder, data []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	var m measured
	for {
		kind, n := d.StackIndex(d.StackDepth())
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return jsonError(data, err)
		}
		text := ""
		if token.Kind() == jsontext.KindString {
			text = token.String()
		}
		m.count(token.Kind(), text, kind == jsontext.KindBeginObject && n%2 == 0, d.StackDepth())
		line := func() int { return lineOf(data, d.InputOffset()) }
		switch depth, values := 2*b.limits.Depth, 6*b.limits.Triples+1000; {
		case len(text) > b.limits.Literal:
			return scan.Fail(line(), "a string is longer than %d octets", b.limits.Literal)
		case d.StackDepth() > depth: // an object and an array for each level of nodes
			return scan.Fail(line(), "nested deeper than %d", depth)
		case m.values > values:
			return scan.Fail(line(), "more than %d JSON values", values)
		}
	}
	if m.contexts > 1 && m.terms*m.objects > maxContextWork || m.text*m.names > maxContextText {
		return scan.Fail(0, "the contexts are too large for so many objects")
	}
	return nil
}

// measured is what a document has so far.
type measured struct {
	values, objects, contexts, terms int
	text                             int // octets of strings in contexts
	names                            int // strings outside of contexts, and those inside that may be short for an IRI
	inside                           int // the depth of the member in whose context the token is, 0 outside
}

// count counts a token, which stands as the name of a member or not, at a depth.
func (m *measured) count(kind jsontext.Kind, text string, name bool, depth int) {
	m.values++
	if kind == jsontext.KindBeginObject {
		m.objects++
	}
	if m.inside > 0 {
		m.text += len(text)
	}
	if kind == jsontext.KindString && (m.inside == 0 || strings.Contains(text, ":") && !strings.Contains(text, "://")) {
		m.names++
	}
	if depth < m.inside || name && kind == jsontext.KindString && depth == m.inside {
		m.inside = 0
	}
	if !name || kind != jsontext.KindString {
		return
	}
	if m.inside > 0 {
		m.terms++
	}
	if text == "@context" {
		m.contexts++
		if m.inside == 0 {
			m.inside = depth
		}
	}
}

// jsonError names the line of a JSON error.
func jsonError(data []byte, err error) error {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return scan.Fail(lineOf(data, syntax.ByteOffset), "%s", syntax.Err.Error())
	}
	return scan.Fail(0, "%s", err.Error())
}

func lineOf(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n"))
}

// expand calls the library. It is known to assume types that a hostile document does not have: a panic of it is an error of the document.
func expand(base string, document any) (expanded []any, err error) {
	defer func() {
		if broken := recover(); broken != nil {
			expanded, err = nil, scan.Fail(0, "the document is not JSON-LD")
		}
	}()
	options := ld.NewJsonLdOptions(base)
	options.DocumentLoader = refuser{}
	expanded, err = ld.NewJsonLdProcessor().Expand(document, options)
	if err != nil {
		return nil, scan.Fail(0, "%s", shorten(err.Error()))
	}
	return expanded, nil
}

// shorten keeps a document from filling the error with itself.
func shorten(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// jsonld makes triples of the expanded form (JSON-LD 1.1 API section 8).
type jsonld struct{ *builder }

// object reads a node, a value or a list and returns its term; what is none gives the zero term.
func (j jsonld) object(item any) (Term, error) {
	o, ok := item.(map[string]any)
	if !ok {
		return Term{}, nil
	}
	if value, ok := o["@value"]; ok {
		return j.value(o, value)
	}
	if list, ok := o["@list"]; ok {
		return j.list(list)
	}
	return j.node(o)
}

func (j jsonld) node(o map[string]any) (Term, error) {
	var subject Term
	if id, ok := o["@id"].(string); ok {
		var err error
		if subject, err = j.named(id); err != nil {
			return Term{}, err
		}
	} else {
		subject = j.fresh()
	}
	if _, ok := o["@graph"]; ok {
		return Term{}, scan.Fail(0, "named graphs are not supported")
	}
	for _, key := range slices.Sorted(maps.Keys(o)) {
		if err := j.member(subject, key, o[key]); err != nil {
			return Term{}, err
		}
	}
	return subject, nil
}

// named makes an IRI or a blank node.
func (j jsonld) named(id string) (Term, error) {
	if label, ok := strings.CutPrefix(id, "_:"); ok {
		return j.blank(label), nil
	}
	return j.iri(0, id)
}

func (j jsonld) member(subject Term, key string, value any) error {
	switch key {
	case "@type":
		for _, t := range items(value) {
			name, _ := t.(string)
			class, err := j.named(name)
			if err != nil {
				return err
			}
			if err := j.add(0, subject, NewIRI(Type), class); err != nil {
				return err
			}
		}
		return nil
	case "@reverse":
		properties, _ := value.(map[string]any)
		for _, p := range slices.Sorted(maps.Keys(properties)) {
			if err := j.property(subject, p, properties[p], true); err != nil {
				return err
			}
		}
		return nil
	case "@included":
		for _, i := range items(value) {
			if _, err := j.object(i); err != nil {
				return err
			}
		}
		return nil
	default:
		if strings.HasPrefix(key, "@") {
			return nil
		}
		return j.property(subject, key, value, false)
	}
}

func (j jsonld) property(subject Term, name string, value any, reverse bool) error {
	predicate, err := j.named(name)
	if err != nil {
		return err
	}
	for _, i := range items(value) {
		object, err := j.object(i)
		if err != nil {
			return err
		}
		if predicate.Kind == Blank || object.IsZero() { // a blank node as predicate is not RDF, but JSON-LD allows it
			continue
		}
		s, o := subject, object
		if reverse {
			s, o = o, s
		}
		if err := j.add(0, s, predicate, o); err != nil {
			return err
		}
	}
	return nil
}

func items(value any) []any {
	if list, ok := value.([]any); ok {
		return list
	}
	return []any{value}
}

func (j jsonld) list(value any) (Term, error) {
	head, last := NewIRI(Nil), Term{}
	for _, i := range items(value) {
		object, err := j.object(i)
		if err != nil {
			return Term{}, err
		}
		if object.IsZero() {
			continue
		}
		cell := j.fresh()
		if last.IsZero() {
			head = cell
		} else if err := j.add(0, last, NewIRI(Rest), cell); err != nil {
			return Term{}, err
		}
		if err := j.add(0, cell, NewIRI(First), object); err != nil {
			return Term{}, err
		}
		last = cell
	}
	if last.IsZero() {
		return head, nil
	}
	return head, j.add(0, last, NewIRI(Rest), NewIRI(Nil))
}
