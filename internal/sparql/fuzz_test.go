package sparql

import (
	"context"
	"errors"
	"testing"
	"time"

	"bulwark/internal/rdf"
)

// narrow are limits under which every run ends in some milliseconds.
func narrow() Limits {
	return Limits{Steps: 50_000, Rows: 100, Cells: 20_000, Octets: 100_000, Graph: 1000}
}

// allowed tells whether a run may end with this error.
func allowed(err error) bool {
	return err == nil || errors.Is(err, ErrLimit) || errors.Is(err, context.DeadlineExceeded)
}

func FuzzQuery(f *testing.F) {
	for _, query := range hostile() {
		f.Add(query)
	}
	for _, query := range []string{
		`SELECT ?r (COUNT(DISTINCT ?f) AS ?n) { ?r :floor ?f OPTIONAL { ?r :name ?x FILTER(lang(?x) IN ("en", "de")) } } GROUP BY ?r HAVING(?n > 1) ORDER BY DESC(?n) LIMIT 3`,
		`CONSTRUCT { ?a :b [ :c ?d ] } { ?a :next+/^:in|!(:p|^:q)* ?d MINUS { ?a :floor 1 } }`, `DESCRIBE ?s { ?s :model "T1"^^xsd:string }`,
		`SELECT * { VALUES (?a ?b) { (1 UNDEF) } BIND(REPLACE(STR(?a), "(1)", "$1", "i") AS ?c) FILTER NOT EXISTS { ?a ?b ?c } { SELECT ?a { ?a a [] } } }`,
	} {
		f.Add(query)
	}
	g := graphOf(f, rooms)
	f.Fuzz(func(t *testing.T, query string) {
		q, err := Parse(prefix + query)
		if err != nil {
			if _, ok := errors.AsType[*SyntaxError](err); !ok {
				t.Fatalf("an error of another type: %v", err)
			}
			return
		}
		start := time.Now()
		result, err := q.Run(context.Background(), g, narrow())
		if took := time.Since(start); took > patience {
			t.Fatalf("took %s", took)
		}
		if !allowed(err) {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		if len(result.Rows) > narrow().Rows || result.Graph != nil && result.Graph.Len() > narrow().Rows {
			t.Fatal("more rows than allowed")
		}
		result.XML()
		result.JSON()
	})
}

func FuzzUpdate(f *testing.F) {
	for _, update := range []string{
		`INSERT DATA { :a :p 1, [ :q ( 2 ) ] } ; DELETE DATA { :a :p 1 }`, `DELETE { ?s ?p ?o } INSERT { ?o ?p ?s . _:b :p ?o } WHERE { ?s ?p ?o OPTIONAL { ?o :x ?y } }`,
		`DELETE WHERE { ?s :next ?o } ; CLEAR DEFAULT`, `PREFIX x: <x:> INSERT { x:a x:b ?n } WHERE { SELECT (COUNT(*) AS ?n) { ?s ?p ?o } }`,
	} {
		f.Add(update)
	}
	f.Fuzz(func(t *testing.T, update string) {
		u, err := ParseUpdate(prefix + update)
		if err != nil {
			if _, ok := errors.AsType[*SyntaxError](err); !ok {
				t.Fatalf("an error of another type: %v", err)
			}
			return
		}
		g := graphOf(t, rooms)
		before := g.Len()
		if err := u.Apply(context.Background(), g, narrow()); !allowed(err) {
			t.Fatal(err)
		} else if err != nil && g.Len() != before {
			t.Fatalf("an update that failed has left %d triples of %d", g.Len(), before)
		}
		if _, err := g.Write(rdf.Turtle); err != nil {
			t.Fatal(err)
		}
	})
}
