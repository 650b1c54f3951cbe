package rdf

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// inRDF puts elements into a document element with the usual prefixes.
func inRDF(text string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><!-- c --><r:RDF xmlns:r="` + RDF + `" xmlns:e="http://example.com/">` + text + `</r:RDF>`
}

func TestRDFXML_C432(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"a description", inRDF(`<r:Description r:about="x"><e:p>one</e:p><e:p r:resource="#y"/></r:Description>`), []string{
			`<ex:a/x> <ex:p> "one" .`, `<ex:a/x> <ex:p> <ex:a/b#y> .`,
		}},
		{"a typed node with attributes", inRDF(`<e:C r:ID="i" e:q="v" r:type="http://example.com/D" xml:lang="en"><e:p xml:lang="">x</e:p></e:C>`), []string{
			`<ex:a/b#i> <ex:p> "x" .`, `<ex:a/b#i> <ex:q> "v"@en .`, `<ex:a/b#i> <rdf:type> <ex:C> .`, `<ex:a/b#i> <rdf:type> <ex:D> .`,
		}},
		{"a node inside of a property", inRDF(`<r:Description r:about="x"><e:p> <e:C><e:q/></e:C> </e:p></r:Description>`), []string{
			`<ex:a/x> <ex:p> _:b0 .`, `_:b0 <ex:q> "" .`, `_:b0 <rdf:type> <ex:C> .`,
		}},
		{"a document of one node", `<e:C xmlns:e="http://example.com/" xmlns:r="` + RDF + `" r:nodeID="n"/>`, []string{`_:b0 <rdf:type> <ex:C> .`}},
		{"labels of blank nodes", inRDF(`<r:Description r:nodeID="n"><e:p r:nodeID="m"/><e:q r:nodeID="n"/></r:Description>`), []string{
			`_:b0 <ex:p> _:b1 .`, `_:b0 <ex:q> _:b0 .`,
		}},
		{"datatypes and languages", inRDF(`<r:Description r:about="x" xml:lang="DE"><e:p r:datatype="` + Integer + `">7</e:p><e:p>&lt;<![CDATA[<]]></e:p></r:Description>`), []string{
			`<ex:a/x> <ex:p> "7"^^<xsd:integer> .`, `<ex:a/x> <ex:p> "<<"@de .`,
		}},
		{"parseType Resource", inRDF(`<r:Description r:about="x"><e:p r:parseType="Resource"><e:q>1</e:q><r:li>2</r:li></e:p></r:Description>`), []string{
			`<ex:a/x> <ex:p> _:b0 .`, `_:b0 <ex:q> "1" .`, `_:b0 <rdf:_1> "2" .`,
		}},
		{"parseType Collection", inRDF(`<r:Description r:about="x"><e:p r:parseType="Collection"><e:C r:about="y"/><r:Description r:about="z"/></e:p><e:q r:parseType="Collection"/></r:Description>`), []string{
			`<ex:a/x> <ex:p> _:b0 .`, `<ex:a/x> <ex:q> <rdf:nil> .`, `<ex:a/y> <rdf:type> <ex:C> .`, `_:b0 <rdf:first> <ex:a/y> .`, `_:b0 <rdf:rest> _:b1 .`,
			`_:b1 <rdf:first> <ex:a/z> .`, `_:b1 <rdf:rest> <rdf:nil> .`,
		}},
		{"parseType Literal", inRDF(`<r:Description r:about="x"><e:p r:parseType="Literal">a <e:b c="1" a='"'>&lt;<d xmlns="urn:d"/></e:b><!-- n --></e:p></r:Description>`), []string{
			`<ex:a/x> <ex:p> "a <e:b xmlns:e=\"ex:\" a=\"&quot;\" c=\"1\">&lt;<d xmlns=\"urn:d\"></d></e:b><!-- n -->"^^<rdf:XMLLiteral> .`,
		}},
		{"containers", inRDF(`<r:Bag r:about="x"><r:li>1</r:li><r:_5>5</r:_5><r:li r:resource="y"/></r:Bag>`), []string{
			`<ex:a/x> <rdf:_1> "1" .`, `<ex:a/x> <rdf:_2> <ex:a/y> .`, `<ex:a/x> <rdf:_5> "5" .`, `<ex:a/x> <rdf:type> <rdf:Bag> .`,
		}},
		{"properties of an empty property", inRDF(`<r:Description r:about="x"><e:p e:q="1"/><e:r r:resource="y" e:q="2"></e:r></r:Description>`), []string{
			`<ex:a/x> <ex:p> _:b0 .`, `<ex:a/x> <ex:r> <ex:a/y> .`, `<ex:a/y> <ex:q> "2" .`, `_:b0 <ex:q> "1" .`,
		}},
		{"reification", inRDF(`<r:Description r:about="x"><e:p r:ID="s">1</e:p></r:Description>`), []string{
			`<ex:a/b#s> <rdf:object> "1" .`, `<ex:a/b#s> <rdf:predicate> <ex:p> .`, `<ex:a/b#s> <rdf:subject> <ex:a/x> .`, `<ex:a/b#s> <rdf:type> <rdf:Statement> .`,
			`<ex:a/x> <ex:p> "1" .`,
		}},
		{"xml:base", inRDF(`<r:Description xml:base="http://example.com/z/w#f" r:about="x"><e:p r:resource=""/><e:q xml:base="../v" r:resource="#u"/></r:Description>`), []string{
			`<ex:z/x> <ex:p> <ex:z/w> .`, `<ex:z/x> <ex:q> <ex:v#u> .`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, lines(t, RDFXML, test.text)); diff != "" {
				t.Errorf("%s\n%s", test.text, diff)
			}
		})
	}
}

func TestRDFXMLErrors_C432(t *testing.T) {
	t.Parallel()
	node := func(attributes, inside string) string {
		return inRDF("\n<r:Description " + attributes + ">" + inside + "</r:Description>")
	}
	for _, test := range []struct {
		name, text, reason string
		line               int
	}{
		{"no element", "<!-- c -->", "no element", 0},
		{"a document type definition", "<!DOCTYPE x [<!ENTITY a 'b'>]><x/>", "refused", 1},
		{"an entity", node(``, `<e:p>&a;</e:p>`), "entity", 2},
		{"an element that is not closed", "<a xmlns='urn:a'>\n<b>", "ends inside", 2},
		{"a wrong end tag", "<a xmlns='urn:a'>\n\n</b>", "out of place", 3},
		{"an undeclared prefix", "<x:a/>", "not declared", 1},
		{"no namespace", "<a/>", "no namespace", 1},
		{"an attribute without a namespace", node(`about="x"`, ``), "no namespace", 2},
		{"an attribute twice", node(`e:p="1" e:p="2"`, ``), "twice", 2},
		{"two names", node(`r:about="x" r:ID="y"`, ``), "two of", 2},
		{"an identifier twice", node(`r:ID="y"`, `<e:p r:ID="y"/>`), "twice", 2},
		{"an identifier that is no name", node(`r:ID="1"`, ``), "no name", 2},
		{"a label that is no name", node(`r:nodeID="a:b"`, ``), "no name", 2},
		{"an old attribute", node(`r:bagID="y"`, ``), "not allowed", 2},
		{"rdf:li as a node", inRDF(`<r:li/>`), "no node", 1},
		{"rdf:Description as a property", node(``, `<r:Description/>`), "no property", 2},
		{"text in a node", node(``, `x`), "text where", 2},
		{"text beside a node", node(``, `<e:p>x<e:C/></e:p>`), "beside", 2},
		{"two nodes in a property", node(``, `<e:p><e:C/><e:C/></e:p>`), "more than one", 2},
		{"resource and parseType", node(``, `<e:p r:resource="x" r:parseType="Resource"/>`), "exclude", 2},
		{"resource and content", node(``, `<e:p r:resource="x">y</e:p>`), "text where", 2},
		{"a second document element", "<a xmlns='urn:a'/>\n<b/>", "second", 2},
		{"text behind the document", "<a xmlns='urn:a'/>\nx", "outside", 2},
		{"a wrong language", node(`xml:lang="e n"`, ``), "no language", 2},
		{"a wrong IRI", node(`r:about="a b"`, ``), "contains", 2},
		{"another encoding", `<?xml version="1.0" encoding="ISO-8859-1"?><a xmlns='urn:a'/>`, "encoding", 1},
		{"nested too deep", strings.Repeat("<a xmlns='urn:a:'>", 200), "deeper", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(RDFXML, base, []byte(test.text), Limits{})
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Line != test.line || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("got %v, want an error of line %d with %q", err, test.line, test.reason)
			}
		})
	}
}
