package sparql

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"bulwark/internal/rdf"
)

// Result is the answer to a query. What it has depends on the form of the query.
type Result struct {
	Form  Form
	Vars  []string     // of SELECT, in order
	Rows  [][]rdf.Term // of SELECT: one term for each of Vars, the zero term where a variable is unbound
	Truth bool         // of ASK
	Graph *rdf.Graph   // of CONSTRUCT and DESCRIBE
}

// Run answers the query over a graph, which must not change meanwhile. An error wraps ErrLimit when a limit has been met, otherwise it is that of the
// context: a query that has been parsed has no other way to fail.
func (q *Query) Run(ctx context.Context, g *rdf.Graph, limits Limits) (*Result, error) {
	r := newRun(ctx, g, limits, len(q.variables))
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	result := &Result{Form: q.form, Vars: q.Variables()}
	var err error
	switch q.form {
	case Ask:
		err = r.solve(q.body, func(row) error { return errStop })
		result.Truth = err == errStop //nolint:errorlint // the very value, which nothing wraps
		if result.Truth {
			err = nil
		}
	case Construct:
		result.Graph = rdf.NewGraph()
		err = r.construct(q, result.Graph)
	case Describe:
		result.Graph = rdf.NewGraph()
		err = r.describe(q, result.Graph)
	default:
		err = r.collect(q, result)
	}
	if err != nil {
		return nil, err
	}
	return result, nil
}

// collect gathers the rows of a SELECT.
func (r *run) collect(q *Query, result *Result) error {
	octets := 0
	return r.solve(q.body, func(in row) error {
		if len(result.Rows) >= r.limits.Rows {
			return fmt.Errorf("%w: %d rows", ErrLimit, r.limits.Rows)
		}
		out := make([]rdf.Term, len(q.body.items))
		for i, item := range q.body.items {
			if id := in[item.slot]; id != 0 {
				out[i] = r.term(id)
				octets += len(out[i].Value)
			}
		}
		result.Rows = append(result.Rows, out)
		r.cells += 8 * len(out) // a term has some words
		if r.cells > r.limits.Cells {
			return fmt.Errorf("%w: %d terms held", ErrLimit, r.limits.Cells)
		}
		return r.fits(octets)
	})
}

// construct fills the template once for every solution (section 16.2). Its blank nodes are new each time; triples that RDF does not allow are left out.
func (r *run) construct(q *Query, into *rdf.Graph) error {
	scope := rand.Text()[:12]
	return r.solve(q.body, func(in row) error {
		blanks := make(map[string]rdf.Term)
		for _, t := range q.template {
			if err := r.tick(1); err != nil {
				return err
			}
			if made, ok := r.instance(t, in, scope, blanks); ok {
				if err := r.put(into, made); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (r *run) put(into *rdf.Graph, t rdf.Triple) error {
	if into.Add(t) && into.Len() > r.limits.Rows {
		return fmt.Errorf("%w: %d triples", ErrLimit, r.limits.Rows)
	}
	return nil
}

// instance fills a triple of a template.
func (r *run) instance(t triple, in row, scope string, blanks map[string]rdf.Term) (rdf.Triple, bool) {
	var terms [3]rdf.Term
	for i, n := range t.nodes() {
		switch {
		case n.isVariable():
			if in[n.slot] == 0 {
				return rdf.Triple{}, false
			}
			terms[i] = r.term(in[n.slot])
		case n.term.Kind == rdf.Blank:
			node, ok := blanks[n.term.Value]
			if !ok {
				node = r.freshBlank(scope)
				blanks[n.term.Value] = node
			}
			terms[i] = node
		default:
			terms[i] = n.term
		}
	}
	made := rdf.Triple{S: terms[0], P: terms[1], O: terms[2]}
	return made, made.Valid()
}

// describe collects what the graph says about the resources, following blank nodes (section 16.4 leaves the choice).
func (r *run) describe(q *Query, into *rdf.Graph) error {
	seen := make(map[rdf.ID]bool)
	about := func(id rdf.ID) error {
		if id == 0 || seen[id] {
			return nil
		}
		seen[id] = true
		queue := []rdf.ID{id}
		for len(queue) > 0 {
			at := queue[0]
			queue = queue[1:]
			err := r.lookUp(at, 0, 0, func(t [3]rdf.ID) error {
				object := r.term(t[2])
				if object.Kind == rdf.Blank && !seen[t[2]] {
					seen[t[2]] = true
					queue = append(queue, t[2])
				}
				return r.put(into, rdf.Triple{S: r.term(t[0]), P: r.term(t[1]), O: object})
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	constants := true
	for _, n := range q.resources {
		constants = constants && !n.isVariable()
	}
	if constants {
		for _, n := range q.resources {
			if err := about(r.id(n.term)); err != nil {
				return err
			}
		}
		return nil
	}
	return r.solve(q.body, func(in row) error {
		for _, n := range q.resources {
			id := r.id(n.term)
			if n.isVariable() {
				id = in[n.slot]
			}
			if err := about(id); err != nil {
				return err
			}
		}
		return nil
	})
}

// labels names the blank nodes of a result in the order in which they come.
type names map[string]string

func (n names) of(t rdf.Term) string {
	name, ok := n[t.Value]
	if !ok {
		name = fmt.Sprintf("b%d", len(n))
		n[t.Value] = name
	}
	return name
}

// xmlText escapes text for XML. What XML cannot contain at all becomes the replacement character.
func xmlText(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\r", "&#xD;", "\n", "&#xA;", "\t", "&#x9;").Replace(
		strings.Map(func(c rune) rune {
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0xFFFE || c == 0xFFFF {
				return 0xFFFD
			}
			return c
		}, text))
}
