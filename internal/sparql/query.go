// Package sparql answers SPARQL 1.1 queries over one graph and applies SPARQL 1.1 updates to it (W3C recommendations of 21 March 2013).
//
// There is one graph, the default graph: FROM, GRAPH, SERVICE, LOAD and everything else that names another graph or another server is refused when
// the text is parsed. Queries come from strangers, so that every run has limits on steps, rows, cells and text, besides the deadline of its context.
package sparql

import (
	"errors"
	"time"

	"bulwark/internal/rdf"
	"bulwark/internal/rdf/scan"
)

// Form is what a query asks for.
type Form uint8

// The four forms of SPARQL 1.1 Query section 16.
const (
	Select Form = iota + 1
	Ask
	Construct
	Describe
)

// Bounds of a text. They keep parsing cheap; what it costs to run is in Limits.
const (
	maxText      = 64 << 10 // octets of a query or update
	maxDepth     = 64       // nested groups, expressions, paths, lists
	maxVariables = 256      // named or not
	maxExpanded  = 4 << 20  // octets of its IRIs, written out
)

// SyntaxError says in which line a query or update breaks the grammar, or asks for what is refused, and why.
type SyntaxError = scan.Error

// ErrLimit is wrapped by the error of a run that has met one of its limits.
var ErrLimit = errors.New("limit of a query reached")

// Limits bounds a run. A field that is zero takes its value of DefaultLimits.
type Limits struct {
	Steps  int // triples looked at, rows made, and the like: a measure of time that does not depend on the machine
	Rows   int // rows of the result, or triples of a constructed graph
	Cells  int // terms of rows held at one time for joining, sorting, grouping
	Octets int // of text that functions make, over the whole run
	Graph  int // triples that the graph may have after an update

	// Now is what NOW() returns. With the zero time NOW() is an error of the expression.
	Now time.Time
}

// DefaultLimits suits a query by a stranger: some seconds of one processor at worst, and some tens of megabytes.
func DefaultLimits() Limits {
	return Limits{Steps: 5_000_000, Rows: 10_000, Cells: 2_000_000, Octets: 8 << 20, Graph: 100_000}
}

func (l Limits) orDefaults() Limits {
	d := DefaultLimits()
	for _, f := range []struct {
		value *int
		def   int
	}{{&l.Steps, d.Steps}, {&l.Rows, d.Rows}, {&l.Cells, d.Cells}, {&l.Octets, d.Octets}, {&l.Graph, d.Graph}} {
		if *f.value <= 0 {
			*f.value = f.def
		}
	}
	return l
}

// Query is a parsed query. It can be run any number of times, also at the same time.
type Query struct {
	form      Form
	variables []string // by slot; a name that is empty belongs to a blank node or an aggregate
	body      *selection
	template  []triple // of CONSTRUCT
	resources []node   // of DESCRIBE
}

// Form returns what the query asks for.
func (q *Query) Form() Form { return q.form }

// Variables returns the names of the variables that a SELECT returns, without question mark.
func (q *Query) Variables() []string {
	if q.form != Select {
		return nil
	}
	names := make([]string, 0, len(q.body.items))
	for _, item := range q.body.items {
		names = append(names, q.variables[item.slot])
	}
	return names
}

// node is a term or a variable of a pattern.
type node struct {
	term rdf.Term
	slot int // of the variable, when the term is zero
}

func (n node) isVariable() bool { return n.term.IsZero() }

// triple is a triple pattern, or a triple of a template. A path stands for the predicate when it is more than one.
type triple struct {
	s, p, o node
	path    *path
}

// pattern is one part of a group graph pattern.
type pattern interface{ pattern() }

type (
	// basic is a basic graph pattern.
	basic struct{ triples []triple }
	// group is a group graph pattern: its parts joined, then its filters.
	group struct {
		parts   []pattern
		filters []expression
	}
	union    struct{ branches []*group }
	optional struct{ group *group }
	minus    struct{ group *group }
	bind     struct {
		value expression
		slot  int
	}
	values struct {
		slots []int
		rows  [][]rdf.Term // a zero term is UNDEF
	}
)

func (*basic) pattern()     {}
func (*group) pattern()     {}
func (*union) pattern()     {}
func (*optional) pattern()  {}
func (*minus) pattern()     {}
func (*bind) pattern()      {}
func (*values) pattern()    {}
func (*selection) pattern() {}

// selection is a SELECT, on top or nested; the other forms use its WHERE and its modifiers.
type selection struct {
	where      *group
	items      []item
	distinct   bool
	grouped    bool
	by         []item
	aggregates []*aggregate
	having     []expression
	order      []order
	offset     int
	limit      int // -1 for none
}

// item is a variable with, possibly, the expression that it is for.
type item struct {
	slot  int
	value *expression
}

type order struct {
	by         expression
	descending bool
}

// expression computes a term from a row. Its errors are errType, or what ends the run.
type expression struct {
	eval  func(r *run, row row) (rdf.Term, error)
	size  int   // in tokens: what it costs to evaluate
	slots []int // the variables that it uses, outside of aggregates
	inner bool  // whether it has a pattern of its own: EXISTS
}
