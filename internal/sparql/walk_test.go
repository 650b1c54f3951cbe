package sparql

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/internal/rdf"
)

// TestPathsReachWhatStepsReach_C435 compares paths with sets of pairs, computed by steps over the whole graph.
func TestPathsReachWhatStepsReach_C435(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		text := drawPath(t, 3)
		q, err := Parse(prefix + "SELECT DISTINCT * { ?s " + text + " ?o }")
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		p, err := newParser(prefix + text)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.prologue(); err != nil {
			t.Fatal(err)
		}
		by, err := p.path()
		if err != nil {
			t.Fatal(err)
		}
		want := []string{}
		for pair := range reach(g, by) {
			want = append(want, short(pair[0])+" "+short(pair[1]))
		}
		slices.Sort(want)
		result, err := q.Run(context.Background(), g, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, row := range result.Rows {
			got = append(got, short(row[0])+" "+short(row[1]))
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s over %v\n%s", text, g.Triples(), diff)
		}
	})
}

func drawPath(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 7).Draw(t, "path")
	if depth == 0 {
		kind = 0
	}
	switch kind {
	case 1:
		return "(" + drawPath(t, depth-1) + "/" + drawPath(t, depth-1) + ")"
	case 2:
		return "(" + drawPath(t, depth-1) + "|" + drawPath(t, depth-1) + ")"
	case 3:
		return "^(" + drawPath(t, depth-1) + ")"
	case 4, 5:
		return "(" + drawPath(t, depth-1) + ")" + rapid.SampledFrom([]string{"*", "+", "?"}).Draw(t, "times")
	case 6:
		return rapid.SampledFrom([]string{"!:p", "!(:p|^:q)", "!(^:p)", "!()"}).Draw(t, "set")
	default:
		return rapid.SampledFrom([]string{":p", ":q"}).Draw(t, "link")
	}
}

type pairs map[[2]rdf.Term]bool

func reach(g *rdf.Graph, p *path) pairs {
	out := make(pairs)
	switch p.step {
	case link:
		for t := range g.Match(nil, &p.predicate, nil) {
			out[[2]rdf.Term{t.S, t.O}] = true
		}
	case inverse:
		for pair := range reach(g, p.parts[0]) {
			out[[2]rdf.Term{pair[1], pair[0]}] = true
		}
	case sequence:
		out = reach(g, p.parts[0])
		for _, part := range p.parts[1:] {
			out = composed(out, reach(g, part))
		}
	case alternative:
		for _, part := range p.parts {
			for pair := range reach(g, part) {
				out[pair] = true
			}
		}
	case negated:
		for t := range g.Match(nil, nil, nil) {
			if p.ahead && !slices.Contains(p.forward, t.P) {
				out[[2]rdf.Term{t.S, t.O}] = true
			}
			if p.reversed && !slices.Contains(p.backward, t.P) {
				out[[2]rdf.Term{t.O, t.S}] = true
			}
		}
	default:
		inner := reach(g, p.parts[0])
		if p.step != oneOrMore {
			for t := range g.Match(nil, nil, nil) {
				out[[2]rdf.Term{t.S, t.S}], out[[2]rdf.Term{t.O, t.O}] = true, true
			}
		}
		for pair := range inner {
			out[pair] = true
		}
		for size := -1; p.step != zeroOrOne && size != len(out); {
			size = len(out)
			for pair := range composed(out, inner) {
				out[pair] = true
			}
		}
	}
	return out
}

func composed(a, b pairs) pairs {
	out := make(pairs)
	for x := range a {
		for y := range b {
			if x[1] == y[0] {
				out[[2]rdf.Term{x[0], y[1]}] = true
			}
		}
	}
	return out
}
