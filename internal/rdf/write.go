package rdf

import (
	"fmt"
	"strings"
)

// Write writes the graph. Blank nodes get short labels, in the order in which they come.
func (g *Graph) Write(format Format) ([]byte, error) {
	switch format {
	case NTriples:
		return g.writeNTriples(), nil
	case Turtle:
		return g.writeTurtle(), nil
	case RDFXML:
		return g.writeRDFXML()
	case JSONLD:
		return g.writeJSONLD()
	default:
		return nil, fmt.Errorf("rdf: no writer for the format %q", string(format))
	}
}

// relabel gives blank nodes labels that are short and valid in every format.
type relabel map[string]string

func (r relabel) label(t Term) string {
	label, ok := r[t.Value]
	if !ok {
		label = fmt.Sprintf("b%d", len(r))
		r[t.Value] = label
	}
	return label
}

func (r relabel) term(t Term) Term {
	if t.Kind == Blank {
		t.Value = r.label(t)
	}
	return t
}

func (g *Graph) writeNTriples() []byte {
	var out []byte
	names := make(relabel)
	for t := range g.Match(nil, nil, nil) {
		t.S, t.O = names.term(t.S), names.term(t.O)
		out = append(out, t.String()...)
		out = append(out, '\n')
	}
	return out
}

// escape writes a string as N-Triples and Turtle do between double quotes.
func escape(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == 0x7F }) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		switch r {
		case '"', '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case '\n':
			out.WriteString(`\n`)
		case '\r':
			out.WriteString(`\r`)
		case '\t':
			out.WriteString(`\t`)
		default:
			if r < ' ' || r == 0x7F {
				fmt.Fprintf(&out, `\u%04X`, r)
			} else {
				out.WriteRune(r)
			}
		}
	}
	return out.String()
}

// escapeIRI keeps an IRI that no parser made from breaking out of its brackets.
func escapeIRI(iri string) string {
	bad := func(r rune) bool { return r <= ' ' || strings.ContainsRune("<>\"{}|^`\\", r) }
	if !strings.ContainsFunc(iri, bad) {
		return iri
	}
	var out strings.Builder
	for _, r := range iri {
		if bad(r) {
			fmt.Fprintf(&out, `%%%02X`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}
