package rdf

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// growing writes terms of which each is a little longer than the next.
func growing(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`"t%d":"t%d:x/"`, i, i+1)
	}
	return strings.Join(all, ",")
}

func TestLimits_C432(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	for _, test := range []struct {
		name   string
		format Format
		limits Limits
		text   string
	}{
		{"octets", Turtle, Limits{Octets: 10}, "# " + long},
		{"triples", Turtle, Limits{Triples: 2}, "<a> <b> 1, 2, 3 ."},
		{"triples of a collection", Turtle, Limits{Triples: 4}, "<a> <b> (1 2) ."},
		{"triples, N-Triples", NTriples, Limits{Triples: 1}, "<x:a> <x:b> <x:c> .\n<x:a> <x:b> <x:d> ."},
		{"triples, RDF/XML", RDFXML, Limits{Triples: 1}, inRDF(`<e:C e:p="1"/>`)},
		{"triples, JSON-LD", JSONLD, Limits{Triples: 1}, `{"x:p":[1,2]}`},
		{"depth", Turtle, Limits{Depth: 2}, "<a> <b> [ <c> [ <d> [] ] ] ."},
		{"depth, RDF/XML", RDFXML, Limits{Depth: 1}, inRDF(`<e:C><e:p/></e:C>`)},
		{"depth, JSON-LD", JSONLD, Limits{Depth: 1}, `{"x:p":{"x:p":{}}}`},
		{"a literal", Turtle, Limits{Literal: 100}, `<a> <b> "` + long + `" .`},
		{"a long literal", Turtle, Limits{Literal: 10}, `<a> <b> """` + long + `""" .`},
		{"a literal of escapes", Turtle, Limits{Literal: 100}, `<a> <b> "` + strings.Repeat(`\n`, 101) + `" .`},
		{"a number", Turtle, Limits{Literal: 100}, `<a> <b> ` + strings.Repeat("1", 101) + ` .`},
		{"a literal, RDF/XML", RDFXML, Limits{Literal: 100}, inRDF(`<e:C><e:p>` + long + `</e:p></e:C>`)},
		{"a literal in parts, RDF/XML", RDFXML, Limits{Literal: 100}, inRDF(`<e:C><e:p>` + strings.Repeat(long[:60]+"<!-- -->", 2) + `</e:p></e:C>`)},
		{"an XML literal", RDFXML, Limits{Literal: 100}, inRDF(`<e:C><e:p r:parseType="Literal">` + strings.Repeat("<x/>", 30) + `</e:p></e:C>`)},
		{"an attribute", RDFXML, Limits{Literal: 100}, inRDF(`<e:C e:p="` + long + `"/>`)},
		{"a literal, JSON-LD", JSONLD, Limits{Literal: 100}, `{"x:p":"` + long + `"}`},
		{"values, JSON-LD", JSONLD, Limits{Triples: 1}, `[` + strings.Repeat("1,", 2000) + `1]`},
		{"names for a long IRI", Turtle, Limits{Octets: 1000}, "@prefix p: <x:" + long + "> . <x:a> <x:b> " + strings.Repeat("p:a, ", 100) + "p:b ."},
		{"references to a long base", Turtle, Limits{Octets: 1000}, "@base <x:" + long + "/> . <x:a> <x:b> " + strings.Repeat("<a>, ", 100) + "<b> ."},
		{"names for a long IRI, RDF/XML", RDFXML, Limits{Octets: 2000}, inRDF(`<e:C xmlns:p="x:` + strings.Repeat(long, 4) + `">` + strings.Repeat("<p:a/>", 100) + `</e:C>`)},
		{"names for a long IRI, JSON-LD", JSONLD, Limits{}, `{"@context":{"p":"x:` + strings.Repeat(long, 100) + `/"},"p:q":[` + strings.Repeat(`{"@id":"p:a"},`, 20_000) + `{}]}`},
		{"terms that grow, JSON-LD", JSONLD, Limits{}, `{"@context":{` + growing(20_000) + `},"t0":1}`},
		{"UTF-8", Turtle, Limits{}, "<a> <b> \"\xff\" ."},
		{"a format that there is not", "n3", Limits{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(test.format, base, []byte(test.text), test.limits)
			if _, ok := errors.AsType[*SyntaxError](err); !ok {
				t.Errorf("got %v", err)
			}
			if len(fmt.Sprint(err)) > 300 {
				t.Errorf("the error has %d octets", len(err.Error()))
			}
		})
	}
}

// TestLargeDocumentsTakeLinearTime holds documents against a generous bound that anything quadratic misses by far.
func TestLargeDocumentsTakeLinearTime_C432(t *testing.T) {
	t.Parallel()
	const n = 30_000
	repeat := func(format string) string {
		var out strings.Builder
		for i := range n {
			fmt.Fprintf(&out, format, i)
		}
		return out.String()
	}
	for _, test := range []struct {
		name   string
		format Format
		text   string
		want   int
	}{
		{"one subject with many values", Turtle, "<a> <b> " + repeat("%d, ") + "0 .", n},
		{"a long collection", Turtle, "<a> <b> (" + repeat("%d ") + ") .", 2*n + 1},
		{"many labels", Turtle, repeat("_:b%d <p> <o> . "), n},
		{"many prefixes", Turtle, repeat("@prefix p%d: <x:> . "), 0},
		{"many values, JSON-LD", JSONLD, `{"@id":"x:a","x:p":[` + repeat("%d,") + `0]}`, n},
		{"one node in many pieces, JSON-LD", JSONLD, `[` + repeat(`{"@id":"x:a","x:p":%d},`) + `{}]`, n},
		{"a large context, JSON-LD", JSONLD, `{"@context":{` + repeat(`"t%d":"http://example.com/t",`) + `"u":"x:u"},"u":1}`, 1},
		{"many properties, RDF/XML", RDFXML, inRDF("<e:C>" + repeat("<e:p>%d</e:p>") + "</e:C>"), n + 1},
		{"many members, RDF/XML", RDFXML, inRDF("<r:Bag>" + repeat("<r:li>%d</r:li>") + "</r:Bag>"), n + 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			start := time.Now()
			g, err := Parse(test.format, base, []byte(test.text), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if g.Len() != test.want {
				t.Errorf("%d triples, want %d", g.Len(), test.want)
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("took %s", took)
			}
		})
	}
}

// TestResolve has the examples of RFC 3986 section 5.4.
func TestResolve_C432(t *testing.T) {
	t.Parallel()
	for ref, want := range map[string]string{
		"g:h": "g:h", "g": "http://a/b/c/g", "./g": "http://a/b/c/g", "g/": "http://a/b/c/g/", "/g": "http://a/g", "//g": "http://g",
		"?y": "http://a/b/c/d;p?y", "g?y": "http://a/b/c/g?y", "#s": "http://a/b/c/d;p?q#s", "g#s": "http://a/b/c/g#s", "g?y#s": "http://a/b/c/g?y#s",
		";x": "http://a/b/c/;x", "": "http://a/b/c/d;p?q", ".": "http://a/b/c/", "./": "http://a/b/c/", "..": "http://a/b/", "../g": "http://a/b/g",
		"../..": "http://a/", "../../../g": "http://a/g", "/./g": "http://a/g", "/../g": "http://a/g", "g.": "http://a/b/c/g.", "..g": "http://a/b/c/..g",
		"./../g": "http://a/b/g", "g/./h": "http://a/b/c/g/h", "g/../h": "http://a/b/c/h", "g?y/../x": "http://a/b/c/g?y/../x", "g#s/../x": "http://a/b/c/g#s/../x",
	} {
		if got, err := Resolve("http://a/b/c/d;p?q", ref); err != nil || got != want {
			t.Errorf("%q: got %q (%v), want %q", ref, got, err, want)
		}
	}
	if got, err := Resolve("http://a", "b"); err != nil || got != "http://a/b" {
		t.Errorf("got %q (%v)", got, err)
	}
	for _, ref := range []string{"a b", "<", "a\\b", "{}"} {
		if _, err := Resolve("http://a/", ref); err == nil {
			t.Errorf("%q was taken", ref)
		}
	}
	if _, err := Resolve("/a", "b"); err == nil {
		t.Error("a relative base was taken")
	}
}

func TestNTriples_C432(t *testing.T) {
	t.Parallel()
	want := []string{`<x:a> <x:b> "c"@en .`, `<x:a> <x:b> <x:d> .`, `_:b0 <x:b> "e"^^<x:f> .`}
	got := lines(t, NTriples, "# c\n<x:a> <x:b> <x:d> . # d\n\n_:x <x:b> \"e\"^^<x:f> .\n<x:a>\t<x:b> \"c\"@en.")
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
	for _, text := range []string{
		"<x:a> a <x:b> .", "<x:a> <x:b> 1 .", "<x:a> <x:b> 'c' .", "<x:a> <x:b> <c> .", "@prefix x: <y:> .", "<x:a> <x:b> x:c .", "<x:a> <x:b> [] .",
		"<x:a> <x:b> \"\"\"c\"\"\" .", "<x:a> <x:b> <x:c>, <x:d> .", "<x:a> <x:b>\n<x:c> .", "<x:a> <x:b> <x:c> . <x:a> <x:b> <x:d> .", "<x:a> <x:b> \"c\"^^<d> .",
	} {
		if _, err := Parse(NTriples, base, []byte(text), Limits{}); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}
