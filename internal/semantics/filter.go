package semantics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bulwark/internal/rdf"
	"bulwark/internal/sparql"
)

// Bounds of a semanticsFilter.
const (
	maxQueries = 16       // queries in one filter
	maxQuery   = 64 << 10 // octets of one query
	maxSteps   = 500_000  // what one alternative may cost on one graph; a description has some tens of triples
)

// Budget is how long one query or update may take: what takes longer is meant
// to be a burden (C-439).
const Budget = 2 * time.Second

// ErrQuery says that a text isn't a SPARQL query, or one that this version
// can't run.
var ErrQuery = errors.New("semantics: not a SPARQL query")

// ErrRun says that a query or an update could not be carried through.
var ErrRun = errors.New("semantics: the query can't be carried through")

// Query is one SPARQL query, ready to be run on many graphs.
type Query struct {
	q      *sparql.Query
	limits sparql.Limits
}

// ParseQuery reads a query; ErrQuery if it isn't one. now is what NOW() returns.
func ParseQuery(text string, now time.Time) (*Query, error) {
	if len(text) > maxQuery {
		return nil, fmt.Errorf("%w: longer than %d octets", ErrQuery, maxQuery)
	}
	q, err := sparql.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrQuery, err)
	}
	return &Query{q: q, limits: sparql.Limits{Now: now}}, nil
}

// Run runs the query.
func (q *Query) Run(ctx context.Context, g *rdf.Graph) (*sparql.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, Budget)
	defer cancel()
	res, err := q.q.Run(ctx, g, q.limits)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRun, err)
	}
	return res, nil
}

// Holds reports whether the query finds anything: a solution, a triple, or yes.
func (q *Query) Holds(ctx context.Context, g *rdf.Graph) (bool, error) {
	res, err := q.Run(ctx, g)
	if err != nil {
		return false, err
	}
	return Found(res), nil
}

// Filter is a semanticsFilter: alternatives (TS-0004 table 7.3.3.17.0-1).
type Filter struct{ queries []*Query }

// ParseFilter reads the queries of a filter, to be tried on one graph each of
// many.
func ParseFilter(texts []string, now time.Time) (*Filter, error) {
	if len(texts) > maxQueries {
		return nil, fmt.Errorf("%w: more than %d queries", ErrQuery, maxQueries)
	}
	f := &Filter{}
	for _, text := range texts {
		q, err := ParseQuery(text, now)
		if err != nil {
			return nil, err
		}
		q.limits.Steps, q.limits.Cells = maxSteps, maxSteps
		f.queries = append(f.queries, q)
	}
	return f, nil
}

// Queries returns the alternatives.
func (f *Filter) Queries() []*Query { return f.queries }

// Match reports whether one of the queries finds something in the graph.
func (f *Filter) Match(ctx context.Context, g *rdf.Graph) (bool, error) {
	for _, q := range f.queries {
		ok, err := q.Holds(ctx, g)
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// Update changes a representation by a SPARQL update and returns what it is
// afterwards. The graph that the text was read to is left alone.
func Update(ctx context.Context, u *sparql.Update, g *rdf.Graph, now time.Time) (*rdf.Graph, error) {
	ctx, cancel := context.WithTimeout(ctx, Budget)
	defer cancel()
	next := rdf.NewGraph()
	for t := range g.Match(nil, nil, nil) {
		next.Add(t)
	}
	if err := u.Apply(ctx, next, sparql.Limits{Graph: limits.Triples, Now: now}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRun, err)
	}
	return next, nil
}

// ParseUpdate reads a SPARQL update; ErrQuery if it isn't one.
func ParseUpdate(text string) (*sparql.Update, error) {
	if len(text) > maxQuery {
		return nil, fmt.Errorf("%w: longer than %d octets", ErrQuery, maxQuery)
	}
	u, err := sparql.ParseUpdate(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrQuery, err)
	}
	return u, nil
}
