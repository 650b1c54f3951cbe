package rdf

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// turtleWriter writes Turtle with prefixes for the namespaces of predicates, classes and datatypes.
type turtleWriter struct {
	out      bytes.Buffer
	names    relabel
	prefixes map[string]string // by namespace
}

func (g *Graph) writeTurtle() []byte {
	w := turtleWriter{names: make(relabel), prefixes: map[string]string{RDF: "rdf", XSD: "xsd"}}
	used := make(map[string]bool)
	for t := range g.Match(nil, nil, nil) {
		for _, iri := range []string{t.P.Value, t.O.Datatype, classOf(t)} {
			if namespace, _ := splitIRI(iri); namespace != "" && iri != Type && iri != String && iri != LangString {
				used[namespace] = true
				if _, ok := w.prefixes[namespace]; !ok {
					w.prefixes[namespace] = fmt.Sprintf("n%d", len(w.prefixes)-1)
				}
			}
		}
	}
	maps.DeleteFunc(w.prefixes, func(namespace, _ string) bool { return !used[namespace] })
	for _, namespace := range slices.Sorted(maps.Keys(used)) {
		fmt.Fprintf(&w.out, "@prefix %s: <%s> .\n", w.prefixes[namespace], escapeIRI(namespace))
	}
	for _, subject := range g.subjects() {
		w.out.WriteString("\n" + w.term(subject))
		for i, p := range g.properties(subject) {
			if i > 0 {
				w.out.WriteString(" ;\n   ")
			}
			w.out.WriteString(" " + w.predicate(p.predicate))
			for j, o := range p.objects {
				if j > 0 {
					w.out.WriteString(",")
				}
				w.out.WriteString(" " + w.term(o))
			}
		}
		w.out.WriteString(" .\n")
	}
	return bytes.TrimPrefix(w.out.Bytes(), []byte("\n"))
}

func classOf(t Triple) string {
	if t.P.Value == Type && t.O.Kind == IRI {
		return t.O.Value
	}
	return ""
}

func (w *turtleWriter) predicate(t Term) string {
	if t.Value == Type {
		return "a"
	}
	return w.term(t)
}

func (w *turtleWriter) term(t Term) string {
	switch {
	case t.Kind == IRI:
		return w.iri(t.Value)
	case t.Kind == Literal && t.Datatype != String && t.Language == "":
		return `"` + escape(t.Value) + `"^^` + w.iri(t.Datatype)
	default:
		return w.names.term(t).String()
	}
}

func (w *turtleWriter) iri(iri string) string {
	if namespace, local := splitIRI(iri); namespace != "" {
		if prefix, ok := w.prefixes[namespace]; ok {
			return prefix + ":" + local
		}
	}
	return "<" + escapeIRI(iri) + ">"
}

// splitIRI cuts an IRI into a namespace, up to # or /, and a simple name; without such a name the namespace is empty.
func splitIRI(iri string) (namespace, local string) {
	at := strings.LastIndexAny(iri, "#/") + 1
	local = iri[at:]
	if at == 0 || local == "" || strings.Trim(local, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" ||
		'0' <= local[0] && local[0] <= '9' {
		return "", ""
	}
	return iri[:at], local
}
