package sparql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bulwark/internal/rdf"
)

// dense is a graph in which everything is connected with everything.
func dense(n int) *rdf.Graph {
	g := rdf.NewGraph()
	name := func(kind string, i int) rdf.Term { return rdf.NewIRI(fmt.Sprintf("http://example.com/%s%d", kind, i)) }
	for i := range n {
		for j := range n {
			g.Add(rdf.Triple{S: name("n", i), P: name("p", (i+j)%3), O: name("n", j)})
		}
		g.Add(rdf.Triple{S: name("n", i), P: name("v", 0), O: rdf.NewLiteral(fmt.Sprint(i), rdf.Integer)})
		g.Add(rdf.Triple{S: name("n", i), P: name("t", 0), O: rdf.NewString(strings.Repeat("ab", 2000))})
	}
	return g
}

// hostile are queries that would run for hours, or need gigabytes, if nothing stopped them.
func hostile() map[string]string {
	repeat := func(n int, format string) string {
		var out strings.Builder
		for i := range n {
			fmt.Fprintf(&out, format, i, i+1)
		}
		return out.String()
	}
	doubling := `BIND("0123456789abcdef" AS ?x0) ` + repeat(60, `BIND(CONCAT(?x%[1]d, ?x%[1]d) AS ?x%[2]d) `)
	return map[string]string{
		"a product":                          `SELECT (COUNT(*) AS ?n) { ` + repeat(8, `?a%[1]d ?b%[1]d ?c%[1]d . `) + `}`,
		"a product that matches nothing":     `SELECT * { ` + repeat(8, `?a%[1]d ?b%[1]d ?c%[1]d . `) + `FILTER(false) }`,
		"a product of groups":                `SELECT * { ` + repeat(8, `{ ?a%[1]d :p1 ?b%[1]d FILTER(!bound(?z)) } `) + `}`,
		"a product that is sorted":           `SELECT * { ?a ?b ?c . ?d ?e ?f . } ORDER BY ?c ?f`,
		"a product that is grouped":          `SELECT ?a ?d (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } GROUP BY ?a ?c ?d ?f ?b ?e`,
		"a product that is made distinct":    `SELECT DISTINCT * { ?a ?b ?c . ?d ?e ?f . }`,
		"a long way":                         `ASK { ` + repeat(40, `?x%[1]d :p1 ?x%[2]d . `) + `?x0 :none ?x1 }`,
		"a long way back to one place":       `ASK { ` + repeat(40, `?x%[1]d :p1 ?x%[2]d . `) + `FILTER(?x0 = ?x40 && ?x1 = 5) }`,
		"ways that multiply":                 `SELECT (COUNT(*) AS ?n) { ?s ` + strings.TrimSuffix(strings.Repeat("(:p0|:p1|:p2)/", 20), "/") + ` ?o }`,
		"closures in closures":               `ASK { ?s ((((:p0*/:p1)*/:p2)*/:p0)+/:none) ?o }`,
		"closures of everything":             `SELECT (COUNT(*) AS ?n) { ?a !()* ?b . ?c !()* ?d . ?e !()+ ?f }`,
		"text that doubles":                  `SELECT * { ` + doubling + `}`,
		"text that is joined":                `SELECT (GROUP_CONCAT(CONCAT(?t, ?u)) AS ?x) { ?a :t0 ?t . ?b :t0 ?u }`,
		"text that is replaced":              `SELECT (REPLACE(?t, "a", ?u) AS ?x) { ?a :t0 ?t . ?b :t0 ?u }`,
		"an expression with many states":     `ASK { ?a :t0 ?t . ?b :t0 ?u FILTER(REGEX(?t, "((a{0,30}){0,10}b?){0,3}c")) }`,
		"many expressions":                   `ASK { ?a :v0 ?v . ?b :v0 ?w . ?c :t0 ?t FILTER(REGEX(?t, CONCAT("(a?){50}(b?){50}z", STR(?v), "y", STR(?w)))) }`,
		"an expression too large to compile": `ASK { ?a :t0 ?t FILTER(REGEX(?t, "` + strings.Repeat("(a{1,1000})", 90) + `")) }`,
		"numbers that grow":                  `SELECT * { BIND(7 AS ?x0) ` + repeat(60, `BIND(?x%[1]d * ?x%[1]d AS ?x%[2]d) `) + `}`,
		"fractions that grow":                `SELECT * { BIND(1.000001 AS ?x0) ` + repeat(60, `BIND(?x%[1]d * ?x%[1]d / 3 AS ?x%[2]d) `) + `}`,
		"EXISTS in EXISTS":                   `SELECT * { ?a ?b ?c FILTER NOT EXISTS { ?d ?e ?f FILTER NOT EXISTS { ?g ?h ?i FILTER(?i = ?c && ?f = ?h) } } }`,
		"OPTIONAL after OPTIONAL":            `SELECT * { ` + repeat(10, `OPTIONAL { ?a%[1]d ?b%[1]d ?c%[1]d } `) + `}`,
		"MINUS of much":                      `SELECT * { ?a ?b ?c . ?d ?e ?f MINUS { ?a ?g ?h . ?x ?y ?z FILTER(?h = 0) } }`,
		"VALUES times VALUES":                `SELECT * { ` + repeat(4, `VALUES ?x%[1]d { `+strings.Repeat("1 2 3 ", 500)+`} `) + `}`,
		"selections in selections":           strings.Repeat(`SELECT * { ?a ?b ?c { `, 20) + `?d ?e ?f` + strings.Repeat(` } }`, 20),
		"a constructed product":              `CONSTRUCT { ?a ?b ?f . ?d ?e ?c } { ?a ?b ?c . ?d ?e ?f }`,
		"everything is described":            `DESCRIBE ?a ?c { ?a ?b ?c . ?d ?e ?f }`,
		"a pattern of very many triples":     `ASK { OPTIONAL { ?x :p1 :n5 } OPTIONAL { ?y :p1 ?x } ` + strings.Repeat("?x :p2 :n1 . ", 4000) + `}`,
		"a filter of very many parts":        `SELECT * { ?a ?b ?c . ?d ?e ?f FILTER(?a = 1` + strings.Repeat("||?a=1", 8000) + `) }`,
		"very many new terms":                `SELECT (COUNT(DISTINCT ?x) AS ?n) { ?a :v0 ?v . ?b :v0 ?w . ?c :v0 ?u . BIND(?v + 60 * ?w + 3600 * ?u AS ?x) }`,
		"groups inside of groups":            `SELECT * { ?a ?b ?c . ` + strings.Repeat("{ ", 60) + strings.Repeat("?d ?e ?f . ", 200) + strings.Repeat("} ", 60) + `}`,
		"rows of long text":                  `SELECT ?t ?u ?v { ?a :t0 ?t . ?b :t0 ?u . ?c :t0 ?v }`,
	}
}

// patience tells a query that doesn't end from a machine that has much to do. The
// bounds count steps, not time.
const patience = time.Minute

func TestHostileQueriesEnd_C439(t *testing.T) {
	t.Parallel()
	g := dense(60)
	for name, query := range hostile() {
		t.Run(name, func(t *testing.T) {
			q, err := Parse(prefix + query)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			_, err = q.Run(context.Background(), g, Limits{Steps: 1_000_000})
			if took := time.Since(start); took > patience {
				t.Errorf("took %s", took)
			} else {
				t.Logf("%s: %v", took, err)
			}
			if err != nil && !errors.Is(err, ErrLimit) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDeadlineEndsAQuery_C439(t *testing.T) {
	t.Parallel()
	g := dense(40)
	for name, query := range hostile() {
		q, err := Parse(prefix + query)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		start := time.Now()
		_, err = q.Run(ctx, g, Limits{Steps: 1 << 40, Rows: 1 << 30, Cells: 1 << 20, Octets: 16 << 20})
		cancel()
		if took := time.Since(start); took > patience {
			t.Errorf("%s: took %s after the deadline", name, took)
		}
		if err != nil && !errors.Is(err, ErrLimit) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	q, err := Parse("ASK {}")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Run(canceled, g, Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestLimits_C439(t *testing.T) {
	t.Parallel()
	g := dense(10)
	for _, test := range []struct {
		name, query string
		limits      Limits
	}{
		{"steps", `SELECT * { ?a ?b ?c }`, Limits{Steps: 50}},
		{"rows", `SELECT * { ?a ?b ?c }`, Limits{Rows: 50}},
		{"rows of a graph", `CONSTRUCT WHERE { ?a ?b ?c }`, Limits{Rows: 50}},
		{"cells of rows", `SELECT * { ?a ?b ?c }`, Limits{Cells: 100}},
		{"cells for sorting", `SELECT ?a { ?a ?b ?c } ORDER BY ?c LIMIT 1`, Limits{Cells: 100}},
		{"cells for grouping", `SELECT ?a (COUNT(*) AS ?n) { ?a ?b ?c } GROUP BY ?a ?c`, Limits{Cells: 100}},
		{"cells for joining", `ASK { ?a ?b ?c { SELECT ?a { ?a ?d ?e } } FILTER(false) }`, Limits{Cells: 100}},
		{"cells for distinct values", `SELECT (COUNT(DISTINCT ?c) AS ?n) { ?a ?b ?c }`, Limits{Cells: 30}},
		{"text", `SELECT (CONCAT(?t, ?t) AS ?x) { ?a :t0 ?t }`, Limits{Octets: 10_000}},
		{"text of the result", `SELECT ?t { ?a :t0 ?t }`, Limits{Octets: 10_000}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			q, err := Parse(prefix + test.query)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := q.Run(context.Background(), g, test.limits); !errors.Is(err, ErrLimit) {
				t.Errorf("got %v", err)
			}
			if _, err := q.Run(context.Background(), g, Limits{}); err != nil {
				t.Errorf("within the usual limits: %v", err)
			}
		})
	}
}
