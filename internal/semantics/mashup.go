package semantics

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"bulwark/internal/rdf"
	"bulwark/internal/sparql"
)

// Mashup is the namespace in which a functionDescriptor says what the function
// is, and in which the function finds its data. The text leaves both to
// TS-0034, which names no way to write a function down, so these are ours.
const Mashup = "urn:bulwark:mashup#"

// The terms of Mashup.
const (
	mashupQuery     = Mashup + "query"     // literal, in a functionDescriptor: the function, a SPARQL query
	mashupValue     = Mashup + "value"     // of a member: its latest value
	mashupDescribed = Mashup + "describes" // of a member: a subject of one of its descriptions
)

// What is wrong with a mashup.
var (
	// ErrFunction says that a functionDescriptor has no function that can be
	// carried out.
	ErrFunction = errors.New("semantics: no function that can be carried out")
	// ErrInput says that an input parameter is missing.
	ErrInput = errors.New("semantics: an input parameter is missing")
)

// Member is one source of data.
type Member struct {
	IRI          string
	Value        float64
	HasValue     bool
	Descriptions []*Document
}

// Function is what a functionDescriptor describes.
type Function struct{ query *Query }

// ReadFunction finds the function in a functionDescriptor: one literal that the
// property query of the namespace Mashup has, a SELECT or an ASK.
func ReadFunction(g *rdf.Graph, now time.Time) (*Function, error) {
	p := rdf.NewIRI(mashupQuery)
	for t := range g.Match(nil, &p, nil) {
		q, err := ParseQuery(textOf(t.O), now)
		if err != nil || q.q.Form() != sparql.Select && q.q.Form() != sparql.Ask {
			return nil, ErrFunction
		}
		return &Function{query: q}, nil
	}
	return nil, ErrFunction
}

// Apply runs the function on the data of the members, their descriptions, and
// the input parameters, which may be nil.
func (f *Function) Apply(ctx context.Context, members []Member, input *rdf.Graph) (*sparql.Result, error) {
	g := rdf.NewGraph()
	if input != nil {
		g.Merge(input)
	}
	for _, m := range members {
		member := rdf.NewIRI(m.IRI)
		if m.HasValue {
			g.Add(rdf.Triple{S: member, P: rdf.NewIRI(mashupValue), O: rdf.NewLiteral(strconv.FormatFloat(m.Value, 'E', -1, 64), rdf.Double)})
		}
		for _, d := range m.Descriptions {
			if g.Len()+2*d.Graph.Len() > MaxTriples {
				return nil, ErrTooLarge
			}
			for t := range d.Graph.Match(nil, nil, nil) {
				g.Add(t)
				g.Add(rdf.Triple{S: member, P: rdf.NewIRI(mashupDescribed), O: t.S})
			}
		}
	}
	return f.query.Run(ctx, g)
}

// Provides holds input parameters against an inputDescriptor: for each class
// that this names as the type of something there is something of that class.
func Provides(input, descriptor *rdf.Graph) error {
	is := rdf.NewIRI(rdf.Type)
	for t := range descriptor.Match(nil, &is, nil) {
		if isBuiltin(t.O.Value) {
			continue
		}
		found := false
		for range input.Match(nil, &is, &t.O) {
			found = true
			break
		}
		if !found {
			return ErrInput
		}
	}
	return nil
}

// WantsXML reports whether an outputDescriptor asks for results in XML: a
// literal "application/xml" anywhere in it.
func WantsXML(descriptor *rdf.Graph) bool {
	for t := range descriptor.Match(nil, nil, nil) {
		if strings.EqualFold(textOf(t.O), "application/xml") {
			return true
		}
	}
	return false
}
