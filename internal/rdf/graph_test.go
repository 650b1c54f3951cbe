package rdf

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// iris, words and blanks draw terms, with what is hard to write in one format or another.
func drawIRI(t *rapid.T) Term {
	return NewIRI(rapid.SampledFrom([]string{
		"http://example.com/a", "http://example.com/a#b", "http://example.com/é/ü", "urn:x:y", "http://example.com/q?a=b&c='d'", "http://example.com/a.b-c",
		"http://example.com/_x/1y", "http://example.com/%20/../x", "http://localhost/~/in-cse//b", "http://x_y/z", Type, Nil, "mailto:a@b.example",
	}).Draw(t, "iri"))
}

func drawPredicate(t *rapid.T) Term {
	return NewIRI(rapid.SampledFrom([]string{
		"http://example.com/p", "http://example.com/p#q", "urn:x:p", "http://example.com/1p", "http://example.com/é", Type, First, RDF + "_1",
	}).Draw(t, "predicate"))
}

func drawBlank(t *rapid.T) Term {
	return NewBlank(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "blank"))
}

func drawLiteral(t *rapid.T) Term {
	text := rapid.OneOf(rapid.SampledFrom([]string{
		"", "a", "1", "true", `"`, "'", "\\", "a\nb", "\r\n\t", " x ", "<&>]]>", "'''\"\"\"", "é😀", "\u00a0\u2028", "@id", "x\u007fy",
	}), rapid.StringMatching(`[ -~]{0,8}`)).Draw(t, "text")
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		return NewString(text)
	case 1:
		return NewLang(text, rapid.SampledFrom([]string{"en", "en-GB", "zh-Hant-TW"}).Draw(t, "language"))
	default:
		return NewLiteral(text, rapid.SampledFrom([]string{Integer, Double, Boolean, DateTime, XMLLiteral, JSON, "http://example.com/t#type", "urn:t"}).Draw(t, "datatype"))
	}
}

func drawTriple(t *rapid.T) Triple {
	s, o := drawIRI(t), drawIRI(t)
	if rapid.Bool().Draw(t, "blank subject") {
		s = drawBlank(t)
	}
	switch rapid.IntRange(0, 3).Draw(t, "object") {
	case 0:
		o = drawBlank(t)
	case 1, 2:
		o = drawLiteral(t)
	}
	return Triple{S: s, P: drawPredicate(t), O: o}
}

func TestWriteAndParseGiveTheSameGraph_C432(t *testing.T) {
	t.Parallel()
	for _, format := range []Format{Turtle, NTriples, RDFXML, JSONLD} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				g := NewGraph()
				for _, triple := range rapid.SliceOfN(rapid.Custom(drawTriple), 0, 8).Draw(t, "triples") {
					g.Add(triple)
				}
				text, err := g.Write(format)
				if err != nil {
					t.Fatal(err)
				}
				back, err := Parse(format, "", text, Limits{})
				if err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				if !isomorphic(g, back) {
					again, _ := back.Write(NTriples)
					first, _ := g.Write(NTriples)
					t.Fatalf("%s\nwas\n%sis\n%s", text, first, again)
				}
			})
		})
	}
}

// TestGraphIsASet compares the indexes with a plain list.
func TestGraphIsASet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := NewGraph()
		var model []Triple
		small := func(name string) Term { return NewIRI("x:" + rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, name)) }
		one := func() Triple { return Triple{S: small("s"), P: small("p"), O: small("o")} }
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "n") {
					triple := one()
					if g.Add(triple) == slices.Contains(model, triple) {
						t.Fatalf("Add(%v) is wrong about growth", triple)
					}
					if !slices.Contains(model, triple) {
						model = append(model, triple)
					}
				}
			},
			"remove": func(t *rapid.T) {
				triple := one()
				if g.Remove(triple) != slices.Contains(model, triple) {
					t.Fatalf("Remove(%v) is wrong", triple)
				}
				model = slices.DeleteFunc(model, func(other Triple) bool { return other == triple })
			},
			"churn": func(*rapid.T) {
				for i := range 200 {
					gone := Triple{S: NewIRI("x:gone"), P: NewIRI("x:p"), O: NewString(string(rune('a' + i)))}
					g.Add(gone)
					g.Remove(gone)
				}
			},
			"match": func(t *rapid.T) {
				var want []Triple
				s, p, o := small("s"), small("p"), small("o")
				key := [3]*Term{&s, &p, &o}
				for i := range key {
					if rapid.Bool().Draw(t, "open") {
						key[i] = nil
					}
				}
				for _, m := range model {
					if (key[0] == nil || m.S == s) && (key[1] == nil || m.P == p) && (key[2] == nil || m.O == o) {
						want = append(want, m)
					}
				}
				if diff := cmp.Diff(want, slices.Collect(g.Match(key[0], key[1], key[2]))); diff != "" {
					t.Fatal(diff)
				}
			},
			"": func(t *rapid.T) {
				if g.Len() != len(model) {
					t.Fatalf("%d triples, want %d", g.Len(), len(model))
				}
			},
		})
		if g.TermCount() > 600 {
			t.Fatalf("%d terms are kept for %d triples", g.TermCount(), g.Len())
		}
	})
}

func TestGraphTakesOnlyTriplesOfRDF(t *testing.T) {
	t.Parallel()
	g := NewGraph()
	iri, blank, literal := NewIRI("x:a"), NewBlank("b"), NewString("c")
	for _, triple := range []Triple{{}, {S: literal, P: iri, O: iri}, {S: iri, P: blank, O: iri}, {S: iri, P: literal, O: iri}, {S: iri, P: iri}} {
		if g.Add(triple) {
			t.Errorf("%v was taken", triple)
		}
	}
	if !g.Add(Triple{S: blank, P: iri, O: literal}) || g.Len() != 1 {
		t.Error("a triple was refused")
	}
}

func TestBlankNodesOfTwoDocumentsDiffer_C435(t *testing.T) {
	t.Parallel()
	merged := NewGraph()
	for format, text := range map[Format]string{
		Turtle: `_:b0 <http://example.com/p> 1 .`, NTriples: `_:b0 <http://example.com/p> "1"^^<http://www.w3.org/2001/XMLSchema#integer> .`,
		JSONLD: `{"@id":"_:b0","http://example.com/p":1}`,
		RDFXML: `<r:RDF xmlns:r="` + RDF + `" xmlns:e="http://example.com/"><r:Description r:nodeID="b0"><e:p r:datatype="` + Integer + `">1</e:p></r:Description></r:RDF>`,
	} {
		for range 2 {
			g, err := Parse(format, "", []byte(text), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // a graph that is merged again is still the same
				if !merged.Merge(g) {
					t.Error("there was no room")
				}
			}
		}
	}
	if merged.Len() != 8 {
		t.Errorf("%d triples of 8 documents", merged.Len())
	}
}
