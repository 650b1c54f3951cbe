package semantics

import (
	"context"
	"errors"

	"bulwark/internal/rdf"
)

// Bounds of what is put together for one query.
const (
	// MaxDescriptors bounds the documents of one graph that links lead to.
	MaxDescriptors = 64
	// MaxTriples bounds a graph that is put together; a query looks at it as often
	// as it has patterns.
	MaxTriples = 200_000
)

// What a Fetch says about an address that leads to no document.
var (
	// ErrUnavailable says that there is nothing for this originator to use.
	ErrUnavailable = errors.New("semantics: not available")
	// ErrElsewhere says that another CSE, or a server of the web, hosts it.
	ErrElsewhere = errors.New("semantics: hosted elsewhere")
)

// Fetch finds the documents at an address: one for a description, several for a
// group of them. Any other error than the two above ends the assembly.
type Fetch func(ctx context.Context, address string) ([]*Document, error)

// ForDiscovery puts together the graph that a semantics filter is tried on
// (TS-0004 clause 7.3.3.18): the document, and what relatedSemantics lists
// where it is there, else what its links lead to, and the links of those. What
// isn't available is left out.
func ForDiscovery(ctx context.Context, d *Document, fetch Fetch) (*rdf.Graph, error) {
	if d.Related == nil && len(d.Links) == 0 {
		return d.Graph, nil
	}
	next := func(d *Document) []string { return d.Links }
	if d.Related != nil {
		next = func(of *Document) []string {
			if of == d {
				return d.Related
			}
			return nil
		}
	}
	documents, err := walk(ctx, d, fetch, next, func(error) bool { return true })
	if err != nil {
		return nil, err
	}
	return Union(documents)
}

// Linked returns the document and all that it is linked to, in any way and over
// any number of steps: what validation looks at (TS-0004 clause 7.4.34.2.1
// steps c and f). ErrElsewhere or ErrUnavailable if some of it can't be had.
func Linked(ctx context.Context, d *Document, fetch Fetch) ([]*Document, error) {
	next := func(d *Document) []string { return append(append([]string(nil), d.Related...), d.Links...) }
	return walk(ctx, d, fetch, next, func(error) bool { return false })
}

// walk follows links breadth first and returns each document once.
func walk(ctx context.Context, d *Document, fetch Fetch, next func(*Document) []string, pass func(error) bool) ([]*Document, error) {
	list := []*Document{d}
	seen := map[string]bool{d.Key: true}
	asked := map[string]bool{}
	var missing error
	for i := 0; i < len(list); i++ {
		for _, address := range next(list[i]) {
			if asked[address] {
				continue
			}
			if len(asked) >= MaxLinks {
				return list, tooMany(pass)
			}
			asked[address] = true
			found, err := fetch(ctx, address)
			switch {
			case err == nil:
			case errors.Is(err, ErrElsewhere) && !pass(err):
				missing = err // what else is elsewhere is asked for with it
				continue
			case (errors.Is(err, ErrUnavailable) || errors.Is(err, ErrElsewhere)) && pass(err):
				continue
			default:
				return nil, err
			}
			for _, one := range found {
				if seen[one.Key] {
					continue
				}
				if len(list) >= MaxDescriptors {
					return list, tooMany(pass)
				}
				seen[one.Key] = true
				list = append(list, one)
			}
		}
	}
	if missing != nil {
		return nil, missing
	}
	return list, nil
}

// tooMany is what more links than the bounds allow come to: a discovery goes on
// with what it has, a validation can't.
func tooMany(pass func(error) bool) error {
	if pass(ErrTooLarge) {
		return nil
	}
	return ErrTooLarge
}

// Union puts graphs together.
func Union(documents []*Document) (*rdf.Graph, error) {
	if len(documents) == 1 {
		return documents[0].Graph, nil
	}
	g := rdf.NewGraph()
	for _, d := range documents {
		if g.Len()+d.Graph.Len() > MaxTriples {
			return nil, ErrTooLarge
		}
		g.Merge(d.Graph)
	}
	return g, nil
}
