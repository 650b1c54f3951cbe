package sparql

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/rdf"
)

// rooms is a small building: what most tests ask about.
const rooms = `
@prefix : <http://example.com/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
:kitchen a :Room ; :name "Kitchen"@en, "Küche"@de ; :temperature 21.5 ; :floor 0 ; :next :hall .
:hall    a :Room ; :name "Hall"@en ; :temperature 18 ; :floor 0 ; :next :stairs .
:stairs  a :Place ; :floor 1 ; :next :attic .
:attic   a :Room ; :name "Attic" ; :temperature 9.0e0 ; :floor 2 ; :seen "2026-01-02T03:04:05Z"^^xsd:dateTime .
_:sensor :in :attic ; :model "T1" .
`

const prefix = "PREFIX : <http://example.com/> PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>\n"

func graphOf(t testing.TB, turtle string) *rdf.Graph {
	t.Helper()
	g, err := rdf.Parse(rdf.Turtle, "http://example.com/doc", []byte(turtle), rdf.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// short writes a term without the namespaces of the tests.
func short(term rdf.Term) string {
	switch term.Kind {
	case 0:
		return "-"
	case rdf.Blank:
		return "_"
	default:
		return strings.NewReplacer("<http://example.com/", ":", "^^<"+rdf.XSD, "^", ">", "").Replace(term.String())
	}
}

// answer runs a query and writes a row a line: as they come when the query orders them, otherwise sorted.
func answer(t testing.TB, data, text string) []string {
	t.Helper()
	q, err := Parse(prefix + text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	result, err := q.Run(context.Background(), graphOf(t, data), Limits{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	rows := []string{}
	switch result.Form {
	case Ask:
		return []string{map[bool]string{true: "yes", false: "no"}[result.Truth]}
	case Select:
		for _, row := range result.Rows {
			cells := make([]string, 0, len(row))
			for _, term := range row {
				cells = append(cells, short(term))
			}
			rows = append(rows, strings.Join(cells, " "))
		}
	default:
		for triple := range result.Graph.Match(nil, nil, nil) {
			rows = append(rows, short(triple.S)+" "+short(triple.P)+" "+short(triple.O))
		}
	}
	if !strings.Contains(text, "ORDER BY") {
		slices.Sort(rows)
	}
	return rows
}

type asked struct {
	name, query string
	want        []string
}

func check(t *testing.T, data string, tests []asked) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, answer(t, data, test.query)); diff != "" {
				t.Errorf("%s\n%s", test.query, diff)
			}
		})
	}
}

func TestPatterns_C435(t *testing.T) {
	t.Parallel()
	check(t, rooms, []asked{
		{"one triple", `SELECT ?r { ?r a :Place }`, []string{":stairs"}},
		{"abbreviations with semicolon, comma and brackets", `SELECT ?r { ?r a :Room ; :floor 0 ; :name "Hall"@en, ?n . [] :next ?r }`, []string{":hall"}},
		{"a join over two triples", `SELECT ?a ?b { ?a :next ?b . ?b a :Room }`, []string{":kitchen :hall", ":stairs :attic"}},
		{"a variable twice in one triple", `SELECT ?a { ?a :next ?a }`, []string{}},
		{"a variable as predicate", `SELECT DISTINCT ?p { :stairs ?p ?o } ORDER BY ?p`, []string{":floor", ":next", "<" + rdf.Type}},
		{"a blank node is a variable that is not selected", `SELECT * { _:x :in ?place ; :model ?m }`, []string{`:attic "T1"`}},
		{"numbers match by their text", `SELECT ?r { ?r :floor 00 }`, []string{}},
		{"a filter compares numbers of different types", `SELECT ?r { ?r :temperature ?t FILTER(?t > 10) }`, []string{":hall", ":kitchen"}},
		{
			"OPTIONAL keeps rows without a match", `SELECT ?r ?t { ?r :floor ?f OPTIONAL { ?r :temperature ?t FILTER(?t < 20) } }`,
			[]string{`:attic "9.0e0"^double`, `:hall "18"^integer`, ":kitchen -", ":stairs -"},
		},
		{
			"OPTIONAL in OPTIONAL", `SELECT ?r ?n ?s { ?r a :Room OPTIONAL { ?r :name ?n OPTIONAL { ?r :seen ?s } FILTER(lang(?n) != "de") } }`,
			[]string{`:attic "Attic" "2026-01-02T03:04:05Z"^dateTime`, `:hall "Hall"@en -`, `:kitchen "Kitchen"@en -`},
		},
		{"UNION", `SELECT ?r { { ?r a :Place } UNION { ?r :floor 2 } UNION { ?r :none ?x } }`, []string{":attic", ":stairs"}},
		{"MINUS", `SELECT ?r { ?r :floor ?f MINUS { ?r a :Room } }`, []string{":stairs"}},
		{"MINUS without a common variable takes nothing out", `SELECT ?r { ?r a :Place MINUS { ?x a :Room } }`, []string{":stairs"}},
		{"NOT EXISTS", `SELECT ?r { ?r a :Room FILTER NOT EXISTS { ?r :next ?n } }`, []string{":attic"}},
		{"EXISTS with a filter on a variable outside", `SELECT ?r { ?r :floor ?f FILTER EXISTS { ?o :floor ?g FILTER(?g > ?f + 1) } }`, []string{":hall", ":kitchen"}},
		{"BIND", `SELECT ?r ?d { ?r :floor ?f BIND(?f * 2 AS ?d) FILTER(?d > 1) }`, []string{`:attic "4"^integer`, `:stairs "2"^integer`}},
		{"BIND with an error leaves the variable unbound", `SELECT ?d { :hall :name ?n BIND(?n + 1 AS ?d) }`, []string{"-"}},
		{"VALUES of one variable", `SELECT ?r ?f { VALUES ?r { :hall :attic :nowhere } ?r :floor ?f }`, []string{`:attic "2"^integer`, `:hall "0"^integer`}},
		{
			"VALUES with UNDEF after the query", `SELECT ?r ?f { ?r :floor ?f } VALUES (?r ?f) { (:hall UNDEF) (UNDEF 2) (:attic 0) }`,
			[]string{`:attic "2"^integer`, `:hall "0"^integer`},
		},
		{
			"a sub-select hides its variables", `SELECT ?r ?n { { SELECT ?r { ?r :next ?n } } ?r :floor ?n }`,
			[]string{`:hall "0"^integer`, `:kitchen "0"^integer`, `:stairs "1"^integer`},
		},
		{"a filter sees only its own group", `SELECT ?r { ?r :floor ?f { ?r a :Room FILTER(bound(?f)) } }`, []string{}},
		{"a nested OPTIONAL is evaluated by itself", `SELECT ?x ?y { ?x :floor 1 OPTIONAL { ?y :floor 2 OPTIONAL { ?x :floor 0 } } }`, []string{":stairs -"}},
		{"ASK", `ASK { ?r :floor 2 }`, []string{"yes"}},
		{"ASK without a match", `ASK { ?r :floor 3 }`, []string{"no"}},
		{
			"CONSTRUCT makes a blank node for each solution", `CONSTRUCT { ?r :at _:p . _:p :level ?f } { ?r a :Place ; :floor ?f }`,
			[]string{":stairs :at _", `_ :level "1"^integer`},
		},
		{"CONSTRUCT leaves out what RDF does not allow", `CONSTRUCT { ?f :of ?r } { ?r :floor ?f }`, []string{}},
		{"CONSTRUCT WHERE", `CONSTRUCT WHERE { ?r a :Place }`, []string{":stairs <" + rdf.Type + " :Place"}},
		{"DESCRIBE follows blank nodes", `DESCRIBE ?s { ?s :model ?m }`, []string{"_ :in :attic", `_ :model "T1"`}},
		{"DESCRIBE of an IRI", `DESCRIBE :nothing`, []string{}},
	})
}

func TestModifiers_C435(t *testing.T) {
	t.Parallel()
	check(t, rooms, []asked{
		{"ORDER BY number, descending", `SELECT ?r { ?r :temperature ?t } ORDER BY DESC(?t)`, []string{":kitchen", ":hall", ":attic"}},
		{"ORDER BY two keys", `SELECT ?r { ?r :floor ?f } ORDER BY ?f DESC(str(?r))`, []string{":kitchen", ":hall", ":stairs", ":attic"}},
		{"ORDER BY puts unbound first", `SELECT ?r { ?r :floor ?f OPTIONAL { ?r :temperature ?t } } ORDER BY ?t`, []string{":stairs", ":attic", ":hall", ":kitchen"}},
		{"LIMIT and OFFSET", `SELECT ?r { ?r :floor ?f } ORDER BY ?r LIMIT 2 OFFSET 1`, []string{":hall", ":kitchen"}},
		{"LIMIT 0", `SELECT ?r { ?r :floor ?f } LIMIT 0`, []string{}},
		{"DISTINCT", `SELECT DISTINCT ?f { ?r :floor ?f }`, []string{`"0"^integer`, `"1"^integer`, `"2"^integer`}},
		{"LIMIT counts distinct rows", `SELECT DISTINCT ?f { ?r :floor ?f } ORDER BY ?f LIMIT 2`, []string{`"0"^integer`, `"1"^integer`}},
		{"COUNT by group", `SELECT ?f (COUNT(?r) AS ?n) { ?r :floor ?f } GROUP BY ?f`, []string{`"0"^integer "2"^integer`, `"1"^integer "1"^integer`, `"2"^integer "1"^integer`}},
		{"COUNT of nothing", `SELECT (COUNT(*) AS ?n) { ?r :none ?f }`, []string{`"0"^integer`}},
		{"GROUP BY of nothing", `SELECT ?r (COUNT(*) AS ?n) { ?r :none ?f } GROUP BY ?r`, []string{}},
		{"COUNT DISTINCT", `SELECT (COUNT(DISTINCT ?f) AS ?n) { ?r :floor ?f }`, []string{`"3"^integer`}},
		{
			"SUM, AVG, MIN and MAX", `SELECT (SUM(?f) AS ?s) (AVG(?f) AS ?a) (MIN(?f) AS ?i) (MAX(?f) AS ?x) { ?r :floor ?f }`,
			[]string{`"3"^integer "0.75"^decimal "0"^integer "2"^integer`},
		},
		{"SUM promotes", `SELECT (SUM(?t) AS ?s) { ?r :temperature ?t }`, []string{`"4.85E1"^double`}},
		{"SUM of what is no number is an error", `SELECT (SUM(?n) AS ?s) { ?r :name ?n }`, []string{"-"}},
		{"GROUP_CONCAT", `SELECT (GROUP_CONCAT(?n; SEPARATOR="|") AS ?s) { { SELECT ?n { ?r :name ?n } ORDER BY ?n } }`, []string{`"Attic|Hall|Kitchen|Küche"`}},
		{"SAMPLE", `SELECT (SAMPLE(?f) AS ?s) { :hall :floor ?f }`, []string{`"0"^integer`}},
		{"HAVING", `SELECT ?f { ?r :floor ?f } GROUP BY ?f HAVING (COUNT(*) > 1)`, []string{`"0"^integer`}},
		{"GROUP BY an expression", `SELECT ?up (COUNT(*) AS ?n) { ?r :floor ?f } GROUP BY (?f > 0 AS ?up)`, []string{`"false"^boolean "2"^integer`, `"true"^boolean "2"^integer`}},
		{"an expression over aggregates", `SELECT (MAX(?f) - MIN(?f) + 1 AS ?span) { ?r :floor ?f }`, []string{`"3"^integer`}},
		{"an expression over another", `SELECT (1 + 1 AS ?a) (?a * 2 AS ?b) {}`, []string{`"2"^integer "4"^integer`}},
		{"ORDER BY an aggregate", `SELECT ?f { ?r :floor ?f } GROUP BY ?f ORDER BY DESC(COUNT(*)) ?f`, []string{`"0"^integer`, `"1"^integer`, `"2"^integer`}},
	})
}

func TestPaths_C435(t *testing.T) {
	t.Parallel()
	check(t, rooms, []asked{
		{"sequence", `SELECT ?e { :kitchen :next/:next ?e }`, []string{":stairs"}},
		{"inverse", `SELECT ?e { :hall ^:next ?e }`, []string{":kitchen"}},
		{"alternative", `SELECT ?e { :hall :next|:floor ?e }`, []string{`"0"^integer`, ":stairs"}},
		{"zero or more", `SELECT ?e { :hall :next* ?e }`, []string{":attic", ":hall", ":stairs"}},
		{"one or more", `SELECT ?e { :hall :next+ ?e }`, []string{":attic", ":stairs"}},
		{"one or more backwards", `SELECT ?s { ?s :next+ :attic }`, []string{":hall", ":kitchen", ":stairs"}},
		{"zero or one", `SELECT ?e { :hall :next? ?e }`, []string{":hall", ":stairs"}},
		{"both ends open", `SELECT ?s ?e { ?s :next+ ?e . ?s :floor 1 }`, []string{":stairs :attic"}},
		{"both ends given", `ASK { :kitchen :next+ :attic }`, []string{"yes"}},
		{"zero length of a term that is not in the graph", `SELECT ?e { :unknown :next* ?e }`, []string{":unknown"}},
		{"negated set", `SELECT ?e { :stairs !(a|:floor) ?e }`, []string{":attic"}},
		{"negated inverse", `SELECT ?e { :attic !(^:in) ?e }`, []string{":stairs"}},
		{"a group of paths", `SELECT ?e { :kitchen (:next/:floor)|:floor ?e }`, []string{`"0"^integer`, `"0"^integer`}},
		{"a closure of a sequence", `SELECT ?e { :kitchen (:next/:next)+ ?e }`, []string{":stairs"}},
		{"^ binds looser than *", `SELECT ?e { :stairs ^:next* ?e }`, []string{":hall", ":kitchen", ":stairs"}},
	})
	check(t, `@prefix : <http://example.com/> . :a :p :b . :b :p :a . :c :list (1 2 3) .`, []asked{
		{"a circle ends", `SELECT ?e { :a :p+ ?e }`, []string{":a", ":b"}},
		{"a circle to itself", `SELECT ?e { ?e :p+ ?e }`, []string{":a", ":b"}},
		{
			"the members of a list", `PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> SELECT ?m { :c :list/rdf:rest*/rdf:first ?m }`,
			[]string{`"1"^integer`, `"2"^integer`, `"3"^integer`},
		},
		{"a list as a pattern", `SELECT ?x { ?x :list (1 ?y 3) }`, []string{":c"}},
	})
}
