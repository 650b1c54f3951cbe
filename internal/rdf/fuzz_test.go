package rdf

import (
	"errors"
	"testing"
)

// fuzz holds what every parser promises: no panic, errors of one type, graphs within the limits that can be written and read again.
func fuzz(f *testing.F, format Format, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		limits := Limits{Octets: 2000, Triples: 200, Depth: 10, Literal: 500}
		g, err := Parse(format, base, data, limits)
		if err != nil {
			if _, ok := errors.AsType[*SyntaxError](err); !ok {
				t.Fatalf("an error of another type: %v", err)
			}
			return
		}
		if g.Len() > limits.Triples {
			t.Fatalf("%d triples", g.Len())
		}
		for _, out := range []Format{NTriples, Turtle, JSONLD, RDFXML} {
			text, err := g.Write(out)
			if err != nil {
				if out != RDFXML { // which cannot write everything
					t.Fatal(err)
				}
				continue
			}
			again, err := Parse(out, "", text, Limits{Depth: 1000})
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if len(blanksOf(g)) < 4 && !isomorphic(g, again) {
				t.Fatalf("%s changes the graph:\n%s", out, text)
			}
		}
	})
}

func FuzzTurtle(f *testing.F) {
	fuzz(f, Turtle, `@prefix : <#> . :a a :b ; :c (1 2.5 "x"@en) , [ :d '''e''' ] .`, `BASE <x:y> _:a <b> true .`)
}

func FuzzNTriples(f *testing.F) {
	fuzz(f, NTriples, "<x:a> <x:b> \"c\\u0041\"@en .\n_:a <x:b> \"1\"^^<x:c> .")
}

func FuzzRDFXML(f *testing.F) {
	fuzz(f, RDFXML, inRDF(`<e:C r:ID="x" e:p="1"><e:q r:parseType="Collection"><e:D/></e:q><e:r xml:lang="en">t</e:r></e:C>`),
		inRDF(`<r:Description xml:base="http://example.com/z"><r:li r:parseType="Literal"><a b="c"/></r:li></r:Description>`))
}

func FuzzJSONLD(f *testing.F) {
	fuzz(f, JSONLD, `{"@context":{"@vocab":"http://example.com/","l":{"@container":"@list"}},"@id":"x","l":[1,{"@id":"_:b"}],"@reverse":{"q":{}}}`,
		`[{"@type":["x:C"],"x:p":{"@value":{"a":1},"@type":"@json"}}]`)
}
