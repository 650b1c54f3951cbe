package sparql

import (
	"context"
	"testing"
)

// TestResults has an example of every kind of term in both formats (SPARQL 1.1 Query Results JSON section 3, XML Format section 2).
func TestResults_C436(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, query, json, xml string }{
		{
			"ASK", `ASK {}`, `{"head":{},"boolean":true}`,
			`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<sparql xmlns="http://www.w3.org/2005/sparql-results#"><head></head><boolean>true</boolean></sparql>`,
		},
		{
			"no row", `SELECT ?a ?b { ?a :none ?b }`, `{"head":{"vars":["a","b"]},"results":{"bindings":[]}}`,
			`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<sparql xmlns="http://www.w3.org/2005/sparql-results#"><head><variable name="a"/><variable name="b"/></head><results></results></sparql>`,
		},
		{
			"every kind of term",
			`SELECT ?i ?b ?c ?s ?l ?d ?u { ?b :model ?m . ?b :in ?x BIND(?b AS ?c) BIND(:a AS ?i) BIND("<&>\n\"" AS ?s) BIND("x"@en AS ?l) BIND(1 AS ?d) }`,
			`{"head":{"vars":["i","b","c","s","l","d","u"]},"results":{"bindings":[{"i":{"type":"uri","value":"http://example.com/a"},` +
				`"b":{"type":"bnode","value":"b0"},"c":{"type":"bnode","value":"b0"},"s":{"type":"literal","value":"<&>\n\""},"l":{"type":"literal","value":"x","xml:lang":"en"},` +
				`"d":{"type":"literal","value":"1","datatype":"http://www.w3.org/2001/XMLSchema#integer"}}]}}`,
			`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<sparql xmlns="http://www.w3.org/2005/sparql-results#"><head><variable name="i"/><variable name="b"/><variable name="c"/>` +
				`<variable name="s"/><variable name="l"/><variable name="d"/><variable name="u"/></head><results><result><binding name="i"><uri>http://example.com/a</uri></binding>` +
				`<binding name="b"><bnode>b0</bnode></binding><binding name="c"><bnode>b0</bnode></binding><binding name="s"><literal>&lt;&amp;&gt;&#xA;&quot;</literal></binding>` +
				`<binding name="l"><literal xml:lang="en">x</literal></binding><binding name="d"><literal datatype="http://www.w3.org/2001/XMLSchema#integer">1</literal></binding>` +
				`</result></results></sparql>`,
		},
		{"a graph has neither", `CONSTRUCT { :a :p 1 } {}`, ``, ``},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			q, err := Parse(prefix + test.query)
			if err != nil {
				t.Fatal(err)
			}
			result, err := q.Run(context.Background(), graphOf(t, rooms), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got := string(result.JSON()); got != test.json {
				t.Errorf("got  %s\nwant %s", got, test.json)
			}
			if got := string(result.XML()); got != test.xml {
				t.Errorf("got  %s\nwant %s", got, test.xml)
			}
		})
	}
}
