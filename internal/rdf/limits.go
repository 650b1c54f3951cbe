package rdf

import (
	"crypto/rand"
	"fmt"
	"unicode/utf8"

	"bulwark/internal/rdf/scan"
)

// Format names a concrete syntax.
type Format string

// The formats that Parse reads and Write writes.
const (
	Turtle   Format = "turtle"
	NTriples Format = "ntriples"
	RDFXML   Format = "rdfxml"
	JSONLD   Format = "jsonld"
)

// Limits bounds a document. A field that is zero takes its value of DefaultLimits.
type Limits struct {
	Octets  int // of the document
	Triples int // that it states, duplicates not counted
	Depth   int // of nested blank nodes, collections, elements, objects
	Literal int // octets of one literal
}

// DefaultLimits is for documents of strangers: a description of a device has some tens of triples, a large public ontology some thousands.
func DefaultLimits() Limits {
	return Limits{Octets: 4 << 20, Triples: 100_000, Depth: 64, Literal: 64 << 10}
}

func (l Limits) orDefaults() Limits {
	d := DefaultLimits()
	for _, f := range []struct {
		value *int
		def   int
	}{{&l.Octets, d.Octets}, {&l.Triples, d.Triples}, {&l.Depth, d.Depth}, {&l.Literal, d.Literal}} {
		if *f.value <= 0 {
			*f.value = f.def
		}
	}
	l.Triples = min(l.Triples, MaxTriples)
	return l
}

// SyntaxError says in which line a document breaks the rules of its format, or a limit, and why.
type SyntaxError = scan.Error

// Parse reads a document. Relative IRIs are resolved against base, which may be empty when there are none. Blank nodes get labels that no other
// document has. An error is a *SyntaxError.
func Parse(format Format, base string, data []byte, limits Limits) (*Graph, error) {
	limits = limits.orDefaults()
	if len(data) > limits.Octets {
		return nil, scan.Fail(0, "the document is longer than %d octets", limits.Octets)
	}
	if !utf8.Valid(data) {
		return nil, scan.Fail(0, "the document is not UTF-8")
	}
	b := &builder{graph: NewGraph(), limits: limits, base: base, scope: rand.Text()[:12], labels: make(map[string]Term)}
	var err error
	switch format {
	case Turtle:
		err = parseTurtle(b, string(data))
	case NTriples:
		err = parseNTriples(b, string(data))
	case RDFXML:
		err = parseRDFXML(b, data)
	case JSONLD:
		err = parseJSONLD(b, data)
	default:
		err = scan.Fail(0, "no parser for the format %q", string(format))
	}
	if err != nil {
		return nil, err
	}
	return b.graph, nil
}

// builder is what the parsers fill.
type builder struct {
	graph  *Graph
	limits Limits
	base   string
	scope  string          // 60 random bits: begins every label of the document, so that the blank nodes of two documents differ
	labels map[string]Term // blank nodes by their label in the document
	blanks int
	text   int // octets of IRIs that have been put together
}

// expansion is how many times longer than the document may be, at most, its IRIs when they are written out. A short name can stand for a very long
// IRI; usual documents stay below five.
const expansion = 16

// spend counts the octets of an IRI that has been put together from a base or a namespace.
func (b *builder) spend(line, octets int) error {
	b.text += octets
	if b.text > expansion*b.limits.Octets {
		return scan.Fail(line, "the IRIs take more than %d octets when they are written out", expansion*b.limits.Octets)
	}
	return nil
}

// add states a triple.
func (b *builder) add(line int, s, p, o Term) error {
	b.graph.Add(Triple{S: s, P: p, O: o})
	if b.graph.Len() > b.limits.Triples {
		return scan.Fail(line, "more than %d triples", b.limits.Triples)
	}
	return nil
}

// fresh makes a blank node without a label in the document.
func (b *builder) fresh() Term {
	b.blanks++
	return NewBlank(fmt.Sprintf("%s-%d", b.scope, b.blanks))
}

// blank returns the blank node of a label.
func (b *builder) blank(label string) Term {
	t, ok := b.labels[label]
	if !ok {
		t = b.fresh()
		b.labels[label] = t
	}
	return t
}

// iri resolves a reference.
func (b *builder) iri(line int, reference string) (Term, error) {
	iri, err := Resolve(b.base, reference)
	if err != nil {
		return Term{}, scan.Fail(line, "%s", err.Error())
	}
	return NewIRI(iri), b.spend(line, len(iri))
}
