package rdf

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const base = "http://example.com/a/b"

// lines parses a document and writes it as sorted N-Triples, shortened for reading.
func lines(t testing.TB, format Format, text string) []string {
	t.Helper()
	g, err := Parse(format, base, []byte(text), Limits{})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	out, err := g.Write(NTriples)
	if err != nil {
		t.Fatal(err)
	}
	short := strings.NewReplacer("http://example.com/", "ex:", "<"+RDF, "<rdf:", "<"+XSD, "<xsd:").Replace(string(out))
	all := strings.Split(strings.TrimSpace(short), "\n")
	slices.Sort(all)
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

func TestTurtle_C432(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", " # only a comment", []string{}},
		{"IRIs are resolved against the base", `<c> <#p> <../d>, <//host/x>, <?q>, <>, </y/./z/..>.`, []string{
			`<ex:a/c> <ex:a/b#p> <ex:a/b> .`, `<ex:a/c> <ex:a/b#p> <ex:a/b?q> .`, `<ex:a/c> <ex:a/b#p> <ex:d> .`,
			`<ex:a/c> <ex:a/b#p> <ex:y/> .`, `<ex:a/c> <ex:a/b#p> <http://host/x> .`,
		}},
		{"@base and BASE", "@base <http://example.com/x/> . <a> <p> <b> .\nbase <y/>\n<a> <p> <b> .", []string{
			`<ex:x/a> <ex:x/p> <ex:x/b> .`, `<ex:x/y/a> <ex:x/y/p> <ex:x/y/b> .`,
		}},
		{"prefixes, also empty, also declared again", "@prefix : <#> . PREFIX x: <http://example.com/x#>\n:a x:b : . @prefix x: <http://example.com/z#> . :a x:b :c .", []string{
			`<ex:a/b#a> <ex:x#b> <ex:a/b#> .`, `<ex:a/b#a> <ex:z#b> <ex:a/b#c> .`,
		}},
		{"names with dots, colons, escapes and percent", `@prefix e: <http://example.com/> . e:a.b e:c:d e:f%20g, e:h\,i, e:7, e:\~j.`, []string{
			`<ex:a.b> <ex:c:d> <ex:7> .`, `<ex:a.b> <ex:c:d> <ex:f%20g> .`, `<ex:a.b> <ex:c:d> <ex:h,i> .`, `<ex:a.b> <ex:c:d> <ex:~j> .`,
		}},
		{"numbers and truth values", `<s> a 1, -2, +3.5, .5, 1e3, -1.E-2, true, 7.`, []string{
			`<ex:a/s> <rdf:type> "+3.5"^^<xsd:decimal> .`, `<ex:a/s> <rdf:type> "-1.E-2"^^<xsd:double> .`, `<ex:a/s> <rdf:type> "-2"^^<xsd:integer> .`,
			`<ex:a/s> <rdf:type> ".5"^^<xsd:decimal> .`, `<ex:a/s> <rdf:type> "1"^^<xsd:integer> .`, `<ex:a/s> <rdf:type> "1e3"^^<xsd:double> .`,
			`<ex:a/s> <rdf:type> "7"^^<xsd:integer> .`, `<ex:a/s> <rdf:type> "true"^^<xsd:boolean> .`,
		}},
		{"strings of four kinds", `<s> <p> "a\"b", 'c"d', """e
"f""", '''g''h'''.`, []string{
			`<ex:a/s> <ex:a/p> "a\"b" .`, `<ex:a/s> <ex:a/p> "c\"d" .`, `<ex:a/s> <ex:a/p> "e\n\"f" .`, `<ex:a/s> <ex:a/p> "g''h" .`,
		}},
		{"escapes", `<\u0073> <p> "\u00e9\U0001F600\t\\" .`, []string{`<ex:a/s> <ex:a/p> "é😀\t\\" .`}},
		{"languages and datatypes", `@prefix x: <http://www.w3.org/2001/XMLSchema#> . <s> <p> "a"@EN-gb, "b"^^x:token, "c"^^<#t>, "d"^^x:string .`, []string{
			`<ex:a/s> <ex:a/p> "a"@en-gb .`, `<ex:a/s> <ex:a/p> "b"^^<xsd:token> .`, `<ex:a/s> <ex:a/p> "c"^^<ex:a/b#t> .`, `<ex:a/s> <ex:a/p> "d" .`,
		}},
		{"labels of blank nodes", `_:x <p> _:y . _:x <p> _:x-1.2 .`, []string{`_:b0 <ex:a/p> _:b1 .`, `_:b0 <ex:a/p> _:b2 .`}},
		{"nested blank nodes", `[ <p> [ <q> 1 ; ] ; <r> [] ] . [ <p> 2 ] <q> 3 .`, []string{
			`_:b0 <ex:a/q> "1"^^<xsd:integer> .`, `_:b1 <ex:a/p> _:b0 .`, `_:b1 <ex:a/r> _:b2 .`,
			`_:b3 <ex:a/p> "2"^^<xsd:integer> .`, `_:b3 <ex:a/q> "3"^^<xsd:integer> .`,
		}},
		{"collections", `<s> <p> (1 (<x>) ()) .`, []string{
			`<ex:a/s> <ex:a/p> _:b0 .`, `_:b0 <rdf:first> "1"^^<xsd:integer> .`, `_:b0 <rdf:rest> _:b2 .`, `_:b1 <rdf:first> <ex:a/x> .`,
			`_:b1 <rdf:rest> <rdf:nil> .`, `_:b2 <rdf:first> _:b1 .`, `_:b2 <rdf:rest> _:b3 .`, `_:b3 <rdf:first> <rdf:nil> .`, `_:b3 <rdf:rest> <rdf:nil> .`,
		}},
		{"a collection as subject", `(1) <p> () .`, []string{
			`_:b0 <ex:a/p> <rdf:nil> .`, `_:b0 <rdf:first> "1"^^<xsd:integer> .`, `_:b0 <rdf:rest> <rdf:nil> .`,
		}},
		{"the same triple twice", `<s> <p> 1, 1 . <s> <p> 1 .`, []string{`<ex:a/s> <ex:a/p> "1"^^<xsd:integer> .`}},
		{"empty parts between semicolons", `<s> <p> 1 ;; <q> 2 ; .`, []string{
			`<ex:a/s> <ex:a/p> "1"^^<xsd:integer> .`, `<ex:a/s> <ex:a/q> "2"^^<xsd:integer> .`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := lines(t, Turtle, test.text)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s\n%s", test.text, diff)
			}
		})
	}
}

func TestTurtleErrorsNameTheLine_C432(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		line       int
	}{
		{"no end", "<s> <p> 1", 1},
		{"a literal as subject", "\n\"s\" <p> 1 .", 2},
		{"a number as subject", "1 <p> 1 .", 1},
		{"a literal as predicate", "<s>\n\n'p' 1 .", 3},
		{"a blank node as predicate", "<s> _:p 1 .", 1},
		{"a verb that is no name", "<s> is 1 .", 1},
		{"a prefix that is not declared", "<s> <p> x:y .", 1},
		{"an IRI with a space", "<s> <p> <a b> .", 1},
		{"an IRI with an escaped space", `<s> <p> <a\u0020b> .`, 1},
		{"a string over the line end", "<s> <p> \"a\nb\" .", 1},
		{"a string that is not closed", "<s> <p> '''a\n\n", 1},
		{"an unknown escape", `<s> <p> "\x" .`, 1},
		{"a surrogate", `<s> <p> "\ud800" .`, 1},
		{"an escape that is cut off", `<s> <p> "\u12" .`, 1},
		{"brackets that are not closed", "<s> <p> [ <q> 1 .", 1},
		{"a collection that is not closed", "<s> <p> ( 1 .", 1},
		{"a sign alone", "<s> <p> - 1 .", 1},
		{"a language without a string", "<s> <p> @en .", 1},
		{"SPARQL's variables", "<s> <p> ?x .", 1},
		{"empty brackets alone", "[] .", 1},
		{"PREFIX with a dot", "PREFIX x: <y> .", 1},
		{"@prefix without a dot", "@prefix x: <y>\n<s> <p> 1 .", 2},
		{"a name with a bad percent", "@prefix x: <y> . x:%2 <p> 1 .", 1},
		{"nested too deep", "<s> <p> " + strings.Repeat("[ <p> ", 100), 1},
		{"collections nested too deep", "<s> <p> " + strings.Repeat("( ", 100), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(Turtle, base, []byte(test.text), Limits{})
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Line != test.line {
				t.Errorf("got %v, want an error of line %d", err, test.line)
			}
		})
	}
}
