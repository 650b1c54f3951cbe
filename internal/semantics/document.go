package semantics

import (
	"strings"

	"bulwark/internal/rdf"
)

// Document is one description or ontology, read.
type Document struct {
	Key     string     // the same for two addresses of one resource
	Graph   *rdf.Graph // shared: nobody changes it
	Links   []string   // what its resourceDescriptorLink annotations point to
	Related []string   // relatedSemantics; nil if there is none
	Weight  int        // estimate of the memory it takes, in octets
}

// linkName is the last part of the IRI of the annotation property. The text
// writes m2m:resourceDescriptorLink, and the namespace of the base ontology
// has changed over the years.
const linkName = "resourceDescriptorLink"

// perTriple is what a triple takes in memory besides its text, roughly.
const perTriple = 400

// NewDocument looks through a graph for links. octets is the size of the text
// that it was read from.
func NewDocument(key string, g *rdf.Graph, octets int) *Document {
	d := &Document{Key: key, Graph: g, Weight: perTriple*g.Len() + 2*octets}
	for t := range g.Match(nil, nil, nil) {
		if !isLink(iriOf(t.P)) {
			continue
		}
		if target := linkTarget(t.O); target != "" && len(d.Links) < MaxLinks {
			d.Links = append(d.Links, target)
		}
	}
	return d
}

// MaxLinks bounds the links of one document that are looked at; more than
// MaxDescriptors can't be followed anyway.
const MaxLinks = 2 * MaxDescriptors

func isLink(property string) bool {
	return strings.HasSuffix(property, "#"+linkName) || strings.HasSuffix(property, "/"+linkName)
}

// Scheme is what the absolute address of a resource has in front as an IRI. The
// base IRI of a description is its own address in this form, so that a relative
// reference in it is an address beside it.
const Scheme = "m2m:"

// linkTarget is the address of a resource that a link names, as an IRI or as a
// literal.
func linkTarget(t rdf.Term) string {
	if iri := iriOf(t); iri != "" {
		return strings.TrimPrefix(iri, Scheme)
	}
	return strings.TrimSpace(textOf(t))
}
