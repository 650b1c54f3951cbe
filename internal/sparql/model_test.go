package sparql

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/internal/rdf"
)

// model evaluates patterns as section 18.5 defines them: every part by itself, then joined row by row, without index, order or seed.
type model struct {
	*run
	triples []rdf.Triple
}

func (m model) group(g *group) []row {
	rows := m.joined(g.parts)
	return slices.DeleteFunc(rows, func(in row) bool {
		ok, err := m.passes(g.filters, in)
		return err != nil || !ok
	})
}

func (m model) joined(parts []pattern) []row {
	rows := []row{make(row, m.width)}
	for _, part := range parts {
		switch p := part.(type) {
		case *basic:
			rows = m.join(rows, m.basic(p))
		case *group:
			rows = m.join(rows, m.group(p))
		case *union:
			var all []row
			for _, b := range p.branches {
				all = append(all, m.group(b)...)
			}
			rows = m.join(rows, all)
		case *optional:
			rows = m.leftJoin(rows, m.joined(p.group.parts), p.group.filters)
		case *minus:
			right := m.group(p.group)
			rows = slices.DeleteFunc(rows, func(left row) bool {
				return slices.ContainsFunc(right, func(r row) bool { return compatible(left, r) && bound(left...)+bound(r...) > bound(merged(left, r)...) })
			})
		default:
			panic(fmt.Sprintf("the model has no %T", part))
		}
	}
	return rows
}

func merged(a, b row) row {
	out := slices.Clone(a)
	for i, id := range b {
		if id != 0 {
			out[i] = id
		}
	}
	return out
}

func (m model) join(left, right []row) []row {
	var out []row
	for _, a := range left {
		for _, b := range right {
			if compatible(a, b) {
				out = append(out, merged(a, b))
			}
		}
	}
	return out
}

func (m model) leftJoin(left, right []row, filters []expression) []row {
	var out []row
	for _, a := range left {
		found := false
		for _, b := range right {
			if !compatible(a, b) {
				continue
			}
			both := merged(a, b)
			if ok, err := m.passes(filters, both); err == nil && ok {
				out, found = append(out, both), true
			}
		}
		if !found {
			out = append(out, a)
		}
	}
	return out
}

func (m model) basic(b *basic) []row {
	rows := []row{make(row, m.width)}
	for _, pattern := range b.triples {
		var next []row
		for _, in := range rows {
			for _, t := range m.triples {
				out, fits := slices.Clone(in), true
				for i, term := range []rdf.Term{t.S, t.P, t.O} {
					n := pattern.nodes()[i]
					switch {
					case !n.isVariable():
						fits = fits && n.term == term
					case out[n.slot] == 0:
						out[n.slot] = m.id(term)
					default:
						fits = fits && out[n.slot] == m.id(term)
					}
				}
				if fits {
					next = append(next, out)
				}
			}
		}
		rows = next
	}
	return rows
}

func drawNode(t *rapid.T) string {
	return rapid.SampledFrom([]string{"?a", "?b", "?c", "?d", "?a", "?b", ":x", ":y"}).Draw(t, "node")
}

func drawTriples(t *rapid.T) string {
	var out strings.Builder
	for range rapid.IntRange(1, 2).Draw(t, "triples") {
		fmt.Fprintf(&out, "%s %s %s . ", drawNode(t), rapid.SampledFrom([]string{":p", ":q", "?a", "?p"}).Draw(t, "predicate"), drawNode(t))
	}
	return out.String()
}

func drawGroup(t *rapid.T, depth int) string {
	var out strings.Builder
	out.WriteString("{ ")
	for range rapid.IntRange(0, 3).Draw(t, "parts") {
		kind := rapid.IntRange(0, 6).Draw(t, "kind")
		if depth == 0 {
			kind = 0
		}
		switch kind {
		case 1:
			out.WriteString(drawGroup(t, depth-1))
		case 2:
			out.WriteString("OPTIONAL " + drawGroup(t, depth-1))
		case 3:
			out.WriteString(drawGroup(t, depth-1) + " UNION " + drawGroup(t, depth-1))
		case 4:
			out.WriteString("MINUS " + drawGroup(t, depth-1))
		case 5:
			fmt.Fprintf(&out, "FILTER(%s) ", rapid.SampledFrom([]string{"?a = ?b", "bound(?c)", "!bound(?d)", "?a != :x || ?c = :y", "?b IN (:x, :y)"}).Draw(t, "filter"))
		default:
			out.WriteString(drawTriples(t))
		}
		out.WriteString(" ")
	}
	return out.String() + "}"
}

func drawGraph(t *rapid.T) *rdf.Graph {
	g := rdf.NewGraph()
	name := func() rdf.Term {
		return rdf.NewIRI("http://example.com/" + rapid.SampledFrom([]string{"x", "y", "z", "p"}).Draw(t, "name"))
	}
	for range rapid.IntRange(0, 12).Draw(t, "size") {
		g.Add(rdf.Triple{S: name(), P: rdf.NewIRI("http://example.com/" + rapid.SampledFrom([]string{"p", "q"}).Draw(t, "predicate")), O: name()})
	}
	return g
}

// rendered writes rows as sorted texts.
func rendered(r *run, rows []row) []string {
	out := make([]string, 0, len(rows))
	for _, in := range rows {
		var line strings.Builder
		for _, id := range in {
			if id == 0 {
				line.WriteString("- ")
			} else {
				line.WriteString(short(r.term(id)) + " ")
			}
		}
		out = append(out, line.String())
	}
	slices.Sort(out)
	return out
}

func TestPatternsMeanWhatTheAlgebraSays_C435(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		text := "SELECT * " + drawGroup(t, 2)
		q, err := Parse(prefix + text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		m := model{run: newRun(context.Background(), g, Limits{Steps: 1 << 40}, len(q.variables)), triples: g.Triples()}
		want := m.group(q.body.where)
		if len(want) > 20_000 {
			t.Skip("too many rows")
		}
		r := newRun(context.Background(), g, Limits{Steps: 1 << 40, Cells: 1 << 30}, len(q.variables))
		var got []row
		start := make(row, r.width)
		if err := r.group(q.body.where, start, func(in row) error {
			got = append(got, slices.Clone(in))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if bound(start...) > 0 {
			t.Fatal("the start row is left changed")
		}
		if diff := cmp.Diff(rendered(m.run, want), rendered(r, got)); diff != "" {
			triples, _ := g.Write(rdf.NTriples)
			t.Fatalf("%s\n%s%s", text, triples, diff)
		}
	})
}
