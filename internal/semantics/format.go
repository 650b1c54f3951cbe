package semantics

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"bulwark/internal/rdf"
)

// Format is a value of m2m:semanticFormat (TS-0004 clause 6.3.4.2.48).
type Format int64

// The formats.
const (
	FormatIRI        Format = 1 + iota // the address of a document
	FormatFunctional                   // OWL functional-style syntax
	FormatOWLXML
	FormatRDFXML
	FormatTurtle
	FormatManchester
	FormatJSONLD
)

// What is wrong with a representation.
var (
	// ErrFormat says that this version doesn't read documents of the format.
	ErrFormat = errors.New("semantics: format not supported")
	// ErrSyntax says that the text isn't a document of its format.
	ErrSyntax = errors.New("semantics: not a document of the format")
	// ErrTooLarge says that a document or a graph is beyond its bounds.
	ErrTooLarge = errors.New("semantics: too large")
)

// MaxDocument bounds a document in octets, before base64: as much as one may
// send with a request of ordinary size, and little enough to be read in some
// ten milliseconds.
const MaxDocument = 1 << 20

// syntax is the format by which the engine reads it.
func (f Format) syntax() (rdf.Format, error) {
	switch f {
	case FormatRDFXML:
		return rdf.RDFXML, nil
	case FormatTurtle:
		return rdf.Turtle, nil
	case FormatJSONLD:
		return rdf.JSONLD, nil
	case FormatIRI, FormatFunctional, FormatOWLXML, FormatManchester:
	}
	return "", ErrFormat
}

// Supported returns nil, or ErrFormat for a format that can't be read.
func (f Format) Supported() error {
	_, err := f.syntax()
	return err
}

// FormatOfMedia returns the format of a media type, as in the contentInfo of
// a <contentInstance>; ok is false for what is no RDF.
func FormatOfMedia(media string) (f Format, ok bool) {
	switch strings.ToLower(strings.TrimSpace(media)) {
	case "application/rdf+xml":
		return FormatRDFXML, true
	case "text/turtle", "application/n-triples":
		return FormatTurtle, true
	case "application/ld+json":
		return FormatJSONLD, true
	}
	return 0, false
}

// Unwrap takes the base64 off a representation (xs:base64Binary).
func Unwrap(text string) ([]byte, error) {
	if len(text) > base64.StdEncoding.EncodedLen(MaxDocument) {
		return nil, ErrTooLarge
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: not base64", ErrSyntax)
	}
	return data, nil
}

// Parse reads a document. Relative references in it count from base.
func Parse(f Format, base string, data []byte) (*rdf.Graph, error) {
	syntax, err := f.syntax()
	if err != nil {
		return nil, err
	}
	if len(data) > MaxDocument {
		return nil, ErrTooLarge
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrSyntax)
	}
	g, err := rdf.Parse(syntax, base, data, limits)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return g, nil
}

// Decode reads a representation in base64.
func Decode(f Format, base, text string) (*rdf.Graph, error) {
	if err := f.Supported(); err != nil {
		return nil, err
	}
	data, err := Unwrap(text)
	if err != nil {
		return nil, err
	}
	return Parse(f, base, data)
}

// Encode writes a graph as a representation in base64.
func Encode(f Format, g *rdf.Graph) (string, error) {
	syntax, err := f.syntax()
	if err != nil {
		return "", err
	}
	data, err := g.Write(syntax)
	if err != nil {
		return "", fmt.Errorf("write a description: %w", err)
	}
	if len(data) > MaxDocument {
		return "", ErrTooLarge
	}
	return base64.StdEncoding.EncodeToString(data), nil
}
