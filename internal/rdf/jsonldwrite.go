package rdf

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// writeJSONLD writes the expanded form: an array of nodes with full IRIs and without a context.
func (g *Graph) writeJSONLD() ([]byte, error) {
	var out bytes.Buffer
	w := jsonWriter{e: jsontext.NewEncoder(&out), names: make(relabel)}
	w.put(jsontext.BeginArray)
	for _, subject := range g.subjects() {
		w.put(jsontext.BeginObject, jsontext.String("@id"), jsontext.String(w.id(subject)))
		for _, group := range g.properties(subject) {
			w.property(group)
		}
		w.put(jsontext.EndObject)
	}
	w.put(jsontext.EndArray)
	return bytes.TrimSpace(out.Bytes()), w.err
}

// jsonWriter keeps the first error.
type jsonWriter struct {
	e     *jsontext.Encoder
	names relabel
	err   error
}

func (w *jsonWriter) put(tokens ...jsontext.Token) {
	for _, t := range tokens {
		if w.err == nil {
			w.err = w.e.WriteToken(t)
		}
	}
}

func (w *jsonWriter) id(t Term) string {
	if t.Kind == Blank {
		return "_:" + w.names.label(t)
	}
	return t.Value
}

// property writes the values of one predicate. Classes have a member of their own.
func (w *jsonWriter) property(p property) {
	if types := p.predicate.Value == Type && !hasLiteral(p.objects); types {
		w.put(jsontext.String("@type"), jsontext.BeginArray)
		for _, o := range p.objects {
			w.put(jsontext.String(w.id(o)))
		}
		w.put(jsontext.EndArray)
		return
	}
	w.put(jsontext.String(p.predicate.Value), jsontext.BeginArray)
	for _, o := range p.objects {
		w.put(jsontext.BeginObject)
		if o.Kind != Literal {
			w.put(jsontext.String("@id"), jsontext.String(w.id(o)))
		} else {
			w.put(jsontext.String("@value"), jsontext.String(o.Value))
			if o.Language != "" {
				w.put(jsontext.String("@language"), jsontext.String(o.Language))
			} else if o.Datatype != String {
				w.put(jsontext.String("@type"), jsontext.String(o.Datatype))
			}
		}
		w.put(jsontext.EndObject)
	}
	w.put(jsontext.EndArray)
}

func hasLiteral(terms []Term) bool {
	for _, t := range terms {
		if t.Kind == Literal {
			return true
		}
	}
	return false
}

// property is one predicate of a subject with its objects.
type property struct {
	predicate Term
	objects   []Term
}

// subjects returns each subject once, in order of appearance.
func (g *Graph) subjects() []Term {
	seen := make(map[ID]bool)
	var all []Term
	for t := range g.MatchIDs(0, 0, 0) {
		if !seen[t[0]] {
			seen[t[0]] = true
			all = append(all, g.terms[t[0]])
		}
	}
	return all
}

// properties returns what is said about a subject, by predicate in order of appearance.
func (g *Graph) properties(subject Term) []property {
	place := make(map[ID]int)
	var all []property
	for t := range g.MatchIDs(g.ids[subject], 0, 0) {
		at, ok := place[t[1]]
		if !ok {
			at = len(all)
			place[t[1]] = at
			all = append(all, property{predicate: g.terms[t[1]]})
		}
		all[at].objects = append(all[at].objects, g.terms[t[2]])
	}
	return all
}
