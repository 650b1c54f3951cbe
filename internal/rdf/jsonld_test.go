package rdf

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJSONLD_C432(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", `{}`, []string{}},
		{"a node with terms", `{"@context":{"p":"http://example.com/p","C":"http://example.com/C"},"@id":"x","@type":"C","p":["v",{"@id":"../y"}]}`, []string{
			`<ex:a/x> <ex:p> "v" .`, `<ex:a/x> <ex:p> <ex:y> .`, `<ex:a/x> <rdf:type> <ex:C> .`,
		}},
		{"a vocabulary and coercion", `{"@context":{"@vocab":"http://example.com/","n":{"@type":"http://www.w3.org/2001/XMLSchema#short"},"r":{"@type":"@id"}},"@id":"x","n":"5","r":"y"}`, []string{
			`<ex:a/x> <ex:n> "5"^^<xsd:short> .`, `<ex:a/x> <ex:r> <ex:a/y> .`,
		}},
		{"native values", `{"@context":{"@vocab":"http://example.com/"},"@id":"x","p":[true,5,-0.5,1e30,{"@value":5,"@type":"http://www.w3.org/2001/XMLSchema#double"},null]}`, []string{
			`<ex:a/x> <ex:p> "-5.0E-1"^^<xsd:double> .`, `<ex:a/x> <ex:p> "1.0E30"^^<xsd:double> .`, `<ex:a/x> <ex:p> "5"^^<xsd:integer> .`,
			`<ex:a/x> <ex:p> "5.0E0"^^<xsd:double> .`, `<ex:a/x> <ex:p> "true"^^<xsd:boolean> .`,
		}},
		{"languages", `{"@context":{"@vocab":"http://example.com/","@language":"de","m":{"@container":"@language"}},"@id":"x","p":"a","m":{"en":"b","fr":["c"]}}`, []string{
			`<ex:a/x> <ex:m> "b"@en .`, `<ex:a/x> <ex:m> "c"@fr .`, `<ex:a/x> <ex:p> "a"@de .`,
		}},
		{"lists", `{"@context":{"@vocab":"http://example.com/","l":{"@container":"@list"}},"@id":"x","l":[1,[]],"p":{"@list":[]}}`, []string{
			`<ex:a/x> <ex:l> _:b0 .`, `<ex:a/x> <ex:p> <rdf:nil> .`, `_:b0 <rdf:first> "1"^^<xsd:integer> .`, `_:b0 <rdf:rest> _:b1 .`,
			`_:b1 <rdf:first> <rdf:nil> .`, `_:b1 <rdf:rest> <rdf:nil> .`,
		}},
		{"reverse properties", `{"@context":{"@vocab":"http://example.com/","in":{"@reverse":"http://example.com/has"}},"@id":"x","in":{"@id":"y"},"@reverse":{"of":{"@id":"z"}}}`, []string{
			`<ex:a/y> <ex:has> <ex:a/x> .`, `<ex:a/z> <ex:of> <ex:a/x> .`,
		}},
		{"nodes inside of nodes and labels", `[{"@id":"_:n","http://example.com/p":{"http://example.com/q":{"@id":"_:n"}}}]`, []string{
			`_:b0 <ex:q> _:b1 .`, `_:b1 <ex:p> _:b0 .`,
		}},
		{"the graph on top", `{"@context":{"@vocab":"http://example.com/"},"@graph":[{"@id":"x","p":1},{"@id":"y","p":2}]}`, []string{
			`<ex:a/x> <ex:p> "1"^^<xsd:integer> .`, `<ex:a/y> <ex:p> "2"^^<xsd:integer> .`,
		}},
		{"JSON literals", `{"@id":"x","http://example.com/p":{"@type":"@json","@value":{"b":[1.0,null],"a":"é"}}}`, []string{
			`<ex:a/x> <ex:p> "{\"a\":\"é\",\"b\":[1,null]}"^^<rdf:JSON> .`,
		}},
		{"included nodes and nested properties", `{"@context":{"@vocab":"http://example.com/","n":"@nest"},"@id":"x","n":{"p":1},"@included":{"@id":"y","p":2}}`, []string{
			`<ex:a/x> <ex:p> "1"^^<xsd:integer> .`, `<ex:a/y> <ex:p> "2"^^<xsd:integer> .`,
		}},
		{"scoped contexts", `{"@context":{"@vocab":"http://example.com/","C":{"@context":{"p":"http://example.com/scoped"}}},"@id":"x","@type":"C","p":{"@id":"y","p":1}}`, []string{
			`<ex:a/x> <ex:scoped> <ex:a/y> .`, `<ex:a/x> <rdf:type> <ex:C> .`, `<ex:a/y> <ex:p> "1"^^<xsd:integer> .`,
		}},
		{"what has no IRI is left out", `{"@id":"x","p":1,"http://example.com/q":2}`, []string{`<ex:a/x> <ex:q> "2"^^<xsd:integer> .`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, lines(t, JSONLD, test.text)); diff != "" {
				t.Errorf("%s\n%s", test.text, diff)
			}
		})
	}
}

func TestJSONLDErrors_C432(t *testing.T) {
	t.Parallel()
	many := func(n int, write func(i int) string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = write(i)
		}
		return strings.Join(all, ",")
	}
	term := func(i int) string { return fmt.Sprintf(`"t%d":"http://example.com/%d"`, i, i) }
	for _, test := range []struct {
		name, text, reason string
		line               int
	}{
		{"no JSON", "{\n\"a\":}", "", 2},
		{"a name twice", "{\"a\":1,\n\"a\":2}", "duplicate", 2},
		{"two documents", "{}\n{}", "", 2},
		{"a string, which would be an address", `"http://example.com/x"`, "object or an array", 1},
		{"a remote context", `{"@context":"http://example.com/context"}`, "refused", 0},
		{"a remote context among others", `{"@context":[{},"context.jsonld"]}`, "refused", 0},
		{"an import", `{"@context":{"@import":"http://example.com/context"}}`, "refused", 0},
		{"a file as context", `{"@context":"file:///etc/passwd"}`, "refused", 0},
		{"a remote context of a term", `{"@context":{"t":{"@id":"http://example.com/t","@context":"http://example.com/c"}},"t":{}}`, "", 0},
		{"a named graph", `{"@id":"http://example.com/g","@graph":[{"@id":"x","http://example.com/p":1}]}`, "named graphs", 0},
		{"a wrong identifier", `{"@id":1}`, "", 0},
		{"a wrong IRI", `{"@id":"http://example.com/a b","http://example.com/p":1}`, "contains", 0},
		{"a wrong language", `{"http://example.com/p":{"@value":"a","@language":"e n"}}`, "language", 0},
		{"a wrong term", `{"@context":{"t":1}}`, "", 0},
		{"nested too deep", strings.Repeat(`{"http://example.com/p":`, 200) + "1" + strings.Repeat("}", 200), "deeper", 1},
		{"contexts that are copied too often", `{"@context":{` + many(3000, term) + `},"t1":[` + many(1000, func(int) string { return `{"@context":{"x":"http://example.com/x"},"x":1}` }) + `]}`, "contexts", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(JSONLD, base, []byte(test.text), Limits{})
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Line != test.line || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("got %v, want an error of line %d with %q", err, test.line, test.reason)
			}
		})
	}
}
