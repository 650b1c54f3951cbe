package semantics_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/rdf"
	"bulwark/internal/semantics"
)

const prefixes = `@prefix ex: <https://ontology.example/home#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
`

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func graph(t testing.TB, turtle string) *rdf.Graph {
	t.Helper()
	g, err := semantics.Parse(semantics.FormatTurtle, "m2m://m2m.example/id-in/x", []byte(prefixes+turtle))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestDecode_C432_TheTextIsOneOfItsFormat(t *testing.T) {
	t.Parallel()
	wrap := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, tt := range []struct {
		name   string
		format semantics.Format
		text   string
		want   error
	}{
		{"Turtle", semantics.FormatTurtle, wrap("<a:b> <a:c> 1 ."), nil},
		{"RDF/XML", semantics.FormatRDFXML, wrap(`<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>`), nil},
		{"JSON-LD", semantics.FormatJSONLD, wrap(`{"@id":"a:b","a:c":1}`), nil},
		{"no base64", semantics.FormatTurtle, "wrong", semantics.ErrSyntax},
		{"of another format", semantics.FormatTurtle, wrap(`{"@id":"a:b"}`), semantics.ErrSyntax},
		{"not UTF-8", semantics.FormatTurtle, wrap("<a:b> <a:c> \"\xff\" ."), semantics.ErrSyntax},
		{"an IRI", semantics.FormatIRI, wrap("a:b"), semantics.ErrFormat},
		{"functional style", semantics.FormatFunctional, wrap("Ontology()"), semantics.ErrFormat},
		{"OWL/XML", semantics.FormatOWLXML, wrap("<Ontology/>"), semantics.ErrFormat},
		{"Manchester", semantics.FormatManchester, wrap("Ontology:"), semantics.ErrFormat},
		{"a format that there isn't", 99, wrap(""), semantics.ErrFormat},
		{"beyond its bound", semantics.FormatTurtle, strings.Repeat("AAAA", semantics.MaxDocument), semantics.ErrTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := semantics.Decode(tt.format, "m2m://m2m.example/id-in/x", tt.text); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestEncode_GivesTheSameTriplesAgain(t *testing.T) {
	t.Parallel()
	g := graph(t, `ex:lamp1 a ex:Lamp ; ex:power 12 ; ex:label "Lampe"@de ; ex:near [ ex:power 1.5 ] .`)
	for _, f := range []semantics.Format{semantics.FormatRDFXML, semantics.FormatTurtle, semantics.FormatJSONLD} {
		text, err := semantics.Encode(f, g)
		if err != nil {
			t.Fatal(f, err)
		}
		again, err := semantics.Decode(f, "m2m://m2m.example/id-in/x", text)
		if err != nil {
			t.Fatal(f, err)
		}
		if again.Len() != g.Len() {
			t.Errorf("format %d: %d triples, want %d", f, again.Len(), g.Len())
		}
	}
}

func TestDocument_KnowsItsLinks(t *testing.T) {
	t.Parallel()
	g := graph(t, `@prefix m2m: <https://git.onem2m.org/MAS/BaseOntology/raw/master/base_ontology.owl#> .
ex:a m2m:resourceDescriptorLink "cse-in/app/d1", <smd-2>, <m2m://m2m.example/id-in/smd-3>, <https://other.example/d4> ; ex:power 1 .`)
	want := []string{"cse-in/app/d1", "//m2m.example/id-in/smd-2", "//m2m.example/id-in/smd-3", "https://other.example/d4"}
	if diff := cmp.Diff(want, semantics.NewDocument("x", g, 10).Links); diff != "" {
		t.Error(diff)
	}
}

// web is a set of documents by address.
type web map[string]*semantics.Document

func (w web) fetch(_ context.Context, address string) ([]*semantics.Document, error) {
	if strings.HasPrefix(address, "/id-other/") {
		return nil, semantics.ErrElsewhere
	}
	if d := w[address]; d != nil {
		return []*semantics.Document{d}, nil
	}
	return nil, semantics.ErrUnavailable
}

// page makes a document that says one thing and has links.
func page(t testing.TB, key string, links ...string) *semantics.Document {
	var b strings.Builder
	fmt.Fprintf(&b, "ex:%s a ex:Page .\n", key)
	for _, link := range links {
		fmt.Fprintf(&b, "ex:%s <https://ontology.example/base#resourceDescriptorLink> %q .\n", key, link)
	}
	return semantics.NewDocument(key, graph(t, b.String()), b.Len())
}

func TestForDiscovery_C435_PutsTogetherWhatIsLinked(t *testing.T) {
	t.Parallel()
	w := web{"b": page(t, "b", "c"), "c": page(t, "c", "a", "gone", "/id-other/d"), "r": page(t, "r", "b")}
	a := page(t, "a", "b")
	related := page(t, "s", "b")
	related.Related = []string{"r", "gone"}
	empty := page(t, "e", "b")
	empty.Related = []string{}
	for _, tt := range []struct {
		name string
		of   *semantics.Document
		want []string
	}{
		{"by annotations, over several steps and in a circle", a, []string{"a", "b", "c"}},
		{"by relatedSemantics, and then by nothing else", related, []string{"s", "r"}},
		{"an empty relatedSemantics leads nowhere", empty, []string{"e"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, err := semantics.ForDiscovery(t.Context(), tt.of, w.fetch)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			is := rdf.NewIRI(rdf.Type)
			for triple := range g.Match(nil, &is, nil) {
				got = append(got, strings.TrimPrefix(triple.S.Value, "https://ontology.example/home#"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestForDiscovery_HasABound(t *testing.T) {
	t.Parallel()
	w := web{}
	for i := range 3 * semantics.MaxDescriptors {
		w[fmt.Sprint(i)] = page(t, fmt.Sprintf("p%d", i), fmt.Sprint(i+1))
	}
	g, err := semantics.ForDiscovery(t.Context(), w["0"], w.fetch)
	if err != nil {
		t.Fatal(err)
	}
	if n := g.Len(); n != 2*semantics.MaxDescriptors {
		t.Errorf("%d triples, want those of %d documents", n, semantics.MaxDescriptors)
	}
	if _, err := semantics.Linked(t.Context(), w["0"], w.fetch); !errors.Is(err, semantics.ErrTooLarge) {
		t.Errorf("validation goes on with a part: %v", err)
	}
}

func TestLinked_C433_WantsAllOfIt(t *testing.T) {
	t.Parallel()
	w := web{"b": page(t, "b", "c"), "c": page(t, "c"), "d": page(t, "d", "gone"), "e": page(t, "e", "/id-other/d")}
	a := page(t, "a", "b")
	a.Related = []string{"c"}
	list, err := semantics.Linked(t.Context(), a, w.fetch)
	if err != nil || len(list) != 3 {
		t.Errorf("got %d documents and %v", len(list), err)
	}
	for link, want := range map[string]error{"d": semantics.ErrUnavailable, "e": semantics.ErrElsewhere} {
		if _, err := semantics.Linked(t.Context(), page(t, "a", link), w.fetch); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", link, err, want)
		}
	}
}

func TestCache_KeepsWhatWasUsedLast(t *testing.T) {
	t.Parallel()
	c := semantics.NewCache(8000)
	version := func(i int) semantics.Version { return semantics.Version{ID: int64(i), Modified: 1} }
	for i := range 8 {
		c.Put(version(i), &semantics.Document{Weight: 1000})
	}
	c.Get(version(0))
	c.Put(version(8), &semantics.Document{Weight: 1000})
	c.Put(version(9), &semantics.Document{Weight: 1001})
	for i, want := range []bool{true, false, true, true, true, true, true, true, true, false} {
		if got := c.Get(version(i)) != nil; got != want {
			t.Errorf("%d is there: %t", i, got)
		}
	}
	if c.Get(semantics.Version{ID: 0, Modified: 2}) != nil {
		t.Error("another version is taken for this one")
	}
	if n := c.Weight(); n != 8000 {
		t.Errorf("weighs %d", n)
	}
}

// examples returns the fenced blocks of the user's page with this information string.
func examples(t testing.TB, info string) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/semantics.md")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	rest := string(page)
	for {
		_, after, ok := strings.Cut(rest, "\n```"+info+"\n")
		if !ok {
			break
		}
		var block string
		block, rest, _ = strings.Cut(after, "\n```")
		list = append(list, block)
	}
	if len(list) == 0 {
		t.Fatalf("no example %q", info)
	}
	return list
}

func TestDocs_TheExamplesDoWhatTheySay(t *testing.T) {
	t.Parallel()
	lamp := graph(t, examples(t, "turtle lamp")[0])
	schema := semantics.NewOntology(graph(t, examples(t, "turtle ontology")[0]))
	if err := schema.Validate(t.Context(), lamp); err != nil {
		t.Error(err)
	}
	invalid := examples(t, "turtle invalid")
	if len(invalid) != 3 {
		t.Errorf("%d invalid examples", len(invalid))
	}
	for _, text := range invalid {
		if err := schema.Validate(t.Context(), graph(t, text)); !errors.Is(err, semantics.ErrInconsistent) {
			t.Errorf("%s\nis valid: %v", text, err)
		}
	}
	if links := semantics.NewDocument("x", graph(t, examples(t, "turtle linked")[0]), 1).Links; len(links) != 1 {
		t.Errorf("links %q", links)
	}
	find, err := semantics.ParseFilter(examples(t, "sparql find"), noon)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := find.Match(t.Context(), lamp); !ok || err != nil {
		t.Errorf("the lamp isn't found: %v", err)
	}
	ask, err := semantics.ParseQuery(examples(t, "sparql ask")[0], noon)
	if err != nil {
		t.Fatal(err)
	}
	res, err := ask.Run(t.Context(), lamp)
	if err != nil || !strings.Contains(string(res.JSON()), `"12"`) {
		t.Errorf("got %v", err)
	}
	change, err := semantics.ParseUpdate(examples(t, "sparql change")[0])
	if err != nil {
		t.Fatal(err)
	}
	moved, err := semantics.Update(t.Context(), change, lamp, noon)
	if err != nil {
		t.Fatal(err)
	}
	hall := rdf.NewIRI("https://ontology.example/home#hall")
	if in := moved.Match(nil, nil, &hall); func() bool {
		for range in {
			return false
		}
		return true
	}() {
		t.Error("the lamp hasn't moved")
	}
	if ok, err := find.Match(t.Context(), lamp); !ok || err != nil {
		t.Error("the update has changed what is shared")
	}
}

func TestMashup_C438_TheFunctionOfTheDocsAverages(t *testing.T) {
	t.Parallel()
	g, err := semantics.Parse(semantics.FormatRDFXML, "m2m://m2m.example/id-in/x", []byte(examples(t, "xml function")[0]))
	if err != nil {
		t.Fatal(err)
	}
	f, err := semantics.ReadFunction(g, noon)
	if err != nil {
		t.Fatal(err)
	}
	members := []semantics.Member{{IRI: "m2m://m2m.example/id-in/a", Value: 1, HasValue: true}, {IRI: "m2m://m2m.example/id-in/b", Value: 4, HasValue: true}, {IRI: "m2m://m2m.example/id-in/c"}}
	res, err := f.Apply(t.Context(), members, nil)
	if err != nil || !strings.Contains(string(res.JSON()), `"2.5`) {
		t.Errorf("got %s, %v", res.JSON(), err)
	}
	for _, text := range []string{"", `ex:f <urn:bulwark:mashup#query> "FIND"`, `ex:f <urn:bulwark:mashup#query> "DESCRIBE <a:b>"`, `ex:f <urn:bulwark:mashup#query> ex:q`} {
		if text != "" {
			text += " ."
		}
		if _, err := semantics.ReadFunction(graph(t, text), noon); !errors.Is(err, semantics.ErrFunction) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestProvides_C438_WantsOneOfEachClass(t *testing.T) {
	t.Parallel()
	asked := graph(t, "[] a ex:Unit . [] a ex:Place, rdfs:Resource .")
	for text, want := range map[string]error{
		"ex:c a ex:Unit . ex:k a ex:Place .": nil, "ex:c a ex:Unit .": semantics.ErrInput, "": semantics.ErrInput,
	} {
		if err := semantics.Provides(graph(t, text), asked); !errors.Is(err, want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for i, text := range []string{"<a:b> <a:c> 1 .", `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="x"/></rdf:RDF>`, `{"@id":"a:b","a:c":[1,{"@list":[true]}]}`, "wrong"} {
		f.Add(int64(i+4), base64.StdEncoding.EncodeToString([]byte(text)))
		f.Add(int64(i+4), text)
	}
	f.Fuzz(func(t *testing.T, format int64, text string) {
		g, err := semantics.Decode(semantics.Format(format), "m2m://m2m.example/id-in/x", text)
		if err != nil {
			if !errors.Is(err, semantics.ErrSyntax) && !errors.Is(err, semantics.ErrFormat) && !errors.Is(err, semantics.ErrTooLarge) {
				t.Fatal(err)
			}
			return
		}
		semantics.NewDocument("x", g, len(text))
		if err := semantics.NewOntology(g).Validate(t.Context(), g); err != nil && !errors.Is(err, semantics.ErrInconsistent) {
			t.Fatal(err)
		}
	})
}
