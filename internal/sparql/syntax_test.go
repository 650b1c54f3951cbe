package sparql

import (
	"errors"
	"strings"
	"testing"
)

func TestRefusedQueries_C439(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, query, reason string }{
		{"nothing", ``, "expected SELECT"},
		{"an update", `INSERT DATA { :a :p 1 }`, "expected SELECT"},
		{"FROM", `SELECT * FROM :g { ?s ?p ?o }`, "FROM is refused"},
		{"FROM NAMED", `ASK FROM NAMED :g { ?s ?p ?o }`, "FROM is refused"},
		{"FROM of CONSTRUCT WHERE", `CONSTRUCT FROM :g WHERE { ?s ?p ?o }`, "FROM is refused"},
		{"GRAPH", `SELECT * { GRAPH ?g { ?s ?p ?o } }`, "GRAPH is refused"},
		{"SERVICE", `SELECT * { SERVICE <http://example.com/sparql> { ?s ?p ?o } }`, "SERVICE is refused"},
		{"SERVICE inside", `SELECT * { ?a ?b ?c OPTIONAL { FILTER EXISTS { service silent ?s { ?s ?p ?o } } } }`, "service is refused"},
		{"braces that are not closed", `SELECT * { ?s ?p ?o`, "found the end"},
		{"something behind", `ASK {} }`, "the end of the query"},
		{"triples without a dot", `SELECT * { ?s ?p ?o ?x ?y ?z }`, ". or }"},
		{"a dot alone", `SELECT * { . }`, "a term"},
		{"a filter without brackets", `SELECT * { ?s ?p ?o FILTER ?o > 1 }`, "in brackets"},
		{"nothing selected", `SELECT { ?s ?p ?o }`, "a variable"},
		{"a prefix that is not declared", `SELECT * { ?s x:p ?o }`, "not declared"},
		{"a relative IRI without a base", `SELECT * { <a> ?p ?o }`, "relative"},
		{"an unknown function", `SELECT * { ?s ?p ?o FILTER(upper(?o)) }`, "unknown function"},
		{"too few arguments", `SELECT * { ?s ?p ?o FILTER(contains(?o)) }`, "1 arguments"},
		{"too many arguments", `SELECT * { ?s ?p ?o FILTER(str(?o, 1)) }`, "2 arguments"},
		{"an aggregate in a filter", `SELECT * { ?s ?p ?o FILTER(COUNT(?s) > 1) }`, "not allowed here"},
		{"an aggregate in an aggregate", `SELECT (SUM(COUNT(?s)) AS ?n) { ?s ?p ?o }`, "not allowed here"},
		{"an aggregate in a filter of EXISTS in HAVING", `SELECT ?s { ?s ?p ?o } GROUP BY ?s HAVING(EXISTS { FILTER(COUNT(?o) > 1) })`, "not allowed here"},
		{"a variable beside GROUP BY", `SELECT ?s ?o { ?s ?p ?o } GROUP BY ?s`, "?o is neither"},
		{"an expression beside GROUP BY", `SELECT (?o + 1 AS ?n) { ?s ?p ?o } GROUP BY ?s`, "?o is neither"},
		{"a star beside GROUP BY", `SELECT * { ?s ?p ?o } GROUP BY ?s`, "SELECT *"},
		{"AS a variable of the pattern", `SELECT (1 AS ?s) { ?s ?p ?o }`, "already in use"},
		{"AS a variable twice", `SELECT (1 AS ?n) (2 AS ?n) {}`, "already in use"},
		{"BIND to a variable in use", `SELECT * { ?s ?p ?o BIND(1 AS ?o) }`, "already in use"},
		{"a blank node in two patterns", `SELECT * { _:a ?p ?o OPTIONAL { _:a ?q ?r } }`, "two patterns"},
		{"a blank node before and after UNION", `SELECT * { _:a ?p ?o . {} UNION {} _:a ?q ?r }`, "two patterns"},
		{"a row of VALUES that is too short", `SELECT * { VALUES (?a ?b) { (1) } }`, "1 terms for 2"},
		{"a variable in VALUES", `SELECT * { VALUES ?a { ?b } }`, "a term"},
		{"a path in a template", `CONSTRUCT { ?s :p/:q ?o } { ?s ?p ?o }`, "expected"},
		{"a filter in CONSTRUCT WHERE", `CONSTRUCT WHERE { ?s ?p ?o FILTER(true) }`, "triples only"},
		{"a path in CONSTRUCT WHERE", `CONSTRUCT WHERE { ?s :p+ ?o }`, "triples only"},
		{"a negative LIMIT", `SELECT * {} LIMIT -1`, "number of rows"},
		{"a LIMIT beyond all", `SELECT * {} LIMIT 99999999999999999999`, "out of range"},
		{"a group for ASK", `ASK { ?s ?p ?o } GROUP BY ?s`, "belong to SELECT"},
		{"groups too deep", `SELECT * ` + strings.Repeat("{", 100), "deeper"},
		{"brackets too deep", `SELECT * { FILTER` + strings.Repeat("(", 100), "deeper"},
		{"signs too deep", `SELECT * { FILTER(` + strings.Repeat("!", 100), "deeper"},
		{"paths too deep", `SELECT * { ?s ` + strings.Repeat("(", 100), "deeper"},
		{"blank nodes too deep", `SELECT * { ?s ?p ` + strings.Repeat("[ ?p ", 100), "deeper"},
		{"too many variables", `SELECT * { ?s ?p ` + strings.Repeat("[], ", 300) + `1 }`, "variables"},
		{"too long", `SELECT * {` + strings.Repeat(" ", maxText) + `}`, "longer"},
		{"names for a long IRI", `PREFIX p: <x:` + strings.Repeat("x", 30_000) + `> SELECT * { ` + strings.Repeat("?x p:a p:b . ", 2000) + `}`, "written out"},
		{"no UTF-8", "SELECT * { ?s ?p \"\xff\" }", "UTF-8"},
		{"a string that is not closed", `SELECT * { ?s ?p "a }`, "not closed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(prefix + test.query)
			if _, ok := errors.AsType[*SyntaxError](err); !ok || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("%s: got %v, want %q", test.query, err, test.reason)
			}
		})
	}
}

func TestQueriesThatAreRight_C435(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		`BASE <http://example.com/> PREFIX e: <x#> SELECT DISTINCT * WHERE { <a> e:b/^e:c*|!e:d "x"@en , 'y'^^e:t ; a e:T . }`,
		`SELECT REDUCED ?s WHERE { ?s ?p ?o . FILTER(?o < 5&&?o>1||!bound(?s)) . OPTIONAL { ?s :p $x } . }`,
		`SELECT * { ?s :p+ 5 . ?s :q? ?o . ?s (:p)? ?z }`,
		"select ?s # comment\n where { ?s a [] ; . [] :p () . (1 2) :q [ :r 1 ] . [ :s 2 ] } order by asc(?s) ?s limit 5 offset 2",
		`SELECT (COUNT(*) AS ?n) (GROUP_CONCAT(DISTINCT ?o ; SEPARATOR = ', ') AS ?c) { ?s ?p ?o } GROUP BY (str(?s) AS ?k) strlen(?k) HAVING (?n > 1) (?n < 5) ORDER BY DESC(?n)`,
		`ASK { VALUES (?a ?b) { (1 UNDEF) (:x "y") } VALUES () { () } FILTER(?a IN (1, :x) && ?b NOT IN ()) }`,
		`ASK { FILTER NOT EXISTS { ?s ?p ?o FILTER EXISTS { ?o ?p ?s } } }`,
		`CONSTRUCT { ?s :p [ :q ( ?o ) ] . } WHERE { { SELECT ?s (MAX(?o) AS ?m) { ?s ?p ?o } GROUP BY ?s } ?s ?p ?o } LIMIT 1`,
		`DESCRIBE * { ?s a :T }`, `DESCRIBE :a ?b WHERE { ?b a :T } LIMIT 1`,
		`SELECT * { _:a :p ?x FILTER(?x > 1) _:a :q ?y }`,
		`SELECT * { { ?s :a "1" } UNION { SELECT ?s { ?s :b 2 } } MINUS { ?s :c -1.5 } BIND(-?s AS ?m) }`,
		`SELECT (IF(?a = 1, "x", 'y') AS ?z) { VALUES ?a { 1 2 } } VALUES ?a { 1 }`,
	} {
		if _, err := Parse(prefix + query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}
