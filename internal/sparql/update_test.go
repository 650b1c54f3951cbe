package sparql

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUpdate_C432(t *testing.T) {
	t.Parallel()
	const data = "@prefix : <http://example.com/> . :a :p 1 . :b :p 2 . :c :q :a ."
	for _, test := range []struct {
		name, update string
		want         []string
	}{
		{"nothing", ``, []string{`:a :p "1"^integer`, `:b :p "2"^integer`, `:c :q :a`}},
		{"INSERT DATA", `INSERT DATA { :d :p 3, 4 . :a :p 1 }`, []string{
			`:a :p "1"^integer`, `:b :p "2"^integer`, `:c :q :a`, `:d :p "3"^integer`, `:d :p "4"^integer`,
		}},
		{"DELETE DATA", `DELETE DATA { :a :p 1 . :a :p 9 }`, []string{`:b :p "2"^integer`, `:c :q :a`}},
		{"DELETE WHERE", `DELETE WHERE { ?x :p ?v }`, []string{`:c :q :a`}},
		{"DELETE and INSERT", `DELETE { ?x :p ?v } INSERT { ?x :p ?w } WHERE { ?x :p ?v BIND(?v + 1 AS ?w) }`, []string{
			`:a :p "2"^integer`, `:b :p "3"^integer`, `:c :q :a`,
		}},
		{"what is put in stays although it is also taken out", `DELETE { :a :p 1 } INSERT { :a :p 1 } WHERE {}`, []string{
			`:a :p "1"^integer`, `:b :p "2"^integer`, `:c :q :a`,
		}},
		{"INSERT WHERE with new blank nodes", `INSERT { ?x :r _:n . _:n :of ?v } WHERE { ?x :p ?v }`, []string{
			`:a :p "1"^integer`, `:a :r _`, `:b :p "2"^integer`, `:b :r _`, `:c :q :a`, `_ :of "1"^integer`, `_ :of "2"^integer`,
		}},
		{"several operations see each other", `INSERT DATA { :d :p 5 } ; PREFIX e: <http://example.com/> DELETE { ?x e:p ?v } WHERE { ?x e:p ?v FILTER(?v > 1) } ;`, []string{
			`:a :p "1"^integer`, `:c :q :a`,
		}},
		{"CLEAR DEFAULT", `CLEAR SILENT DEFAULT ; INSERT DATA { :z :z :z }`, []string{`:z :z :z`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := graphOf(t, data)
			u, err := ParseUpdate(prefix + test.update)
			if err != nil {
				t.Fatal(err)
			}
			if err := u.Apply(context.Background(), g, Limits{}); err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for triple := range g.Match(nil, nil, nil) {
				got = append(got, short(triple.S)+" "+short(triple.P)+" "+short(triple.O))
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUpdateIsRefused_C432(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`LOAD <http://example.com/x>`, `LOAD <http://example.com/x> INTO GRAPH :g`, `CLEAR GRAPH :g`, `CLEAR ALL`, `DROP DEFAULT`, `CREATE GRAPH :g`,
		`COPY :a TO :b`, `MOVE :a TO :b`, `ADD :a TO :b`, `WITH :g DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }`, `INSERT { } USING :g WHERE { }`,
		`INSERT DATA { GRAPH :g { :a :p 1 } }`, `INSERT { :a :p 1 } WHERE { GRAPH :g { :a :p 1 } }`, `DELETE WHERE { SERVICE :s { :a :p 1 } }`,
		`INSERT DATA { ?x :p 1 }`, `DELETE DATA { _:x :p 1 }`, `DELETE { [] :p 1 } WHERE {}`, `DELETE WHERE { _:x :p 1 }`, `INSERT { :a :p+ 1 } WHERE {}`,
		`SELECT * {}`, `INSERT { :a :p 1 }`, `INSERT DATA { :a :p 1 } INSERT DATA { :a :p 2 }`,
	} {
		_, err := ParseUpdate(prefix + text)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Line != 2 {
			t.Errorf("%s: got %v, want an error of line 2", text, err)
		}
	}
}

func TestUpdateChangesAllOrNothing_C432(t *testing.T) {
	t.Parallel()
	g := graphOf(t, rooms)
	before, err := g.Write("ntriples")
	if err != nil {
		t.Fatal(err)
	}
	u, err := ParseUpdate(prefix + `DELETE WHERE { ?s ?p ?o } ; INSERT DATA { :a :p 1 } ; INSERT { ?a ?b ?c . ?d ?e :x } WHERE { VALUES ?a { :b :c } VALUES ?b { :b :c }
		VALUES ?c { :b :c } VALUES ?d { :b :c } VALUES ?e { :b :c } }`)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Apply(context.Background(), g, Limits{Graph: 10}); !errors.Is(err, ErrLimit) {
		t.Fatalf("got %v", err)
	}
	after, err := g.Write("ntriples")
	if err != nil {
		t.Fatal(err)
	}
	sorted := func(text []byte) []string {
		lines := strings.Split(string(text), "\n")
		for i, l := range lines { // labels follow the order, which an undone change may change
			lines[i] = strings.TrimPrefix(l, "_:b0")
		}
		slices.Sort(lines)
		return lines
	}
	if diff := cmp.Diff(sorted(before), sorted(after)); diff != "" {
		t.Error(diff)
	}
}
