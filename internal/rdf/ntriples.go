package rdf

import (
	"bulwark/internal/rdf/scan"
)

// parseNTriples reads N-Triples (RDF 1.1 N-Triples section 7): Turtle without its abbreviations.
func parseNTriples(b *builder, text string) error {
	t := &turtle{builder: b, scanner: scan.Turtle(text, b.limits.Literal)}
	t.base = ""
	if err := t.next(); err != nil {
		return err
	}
	for t.token.Kind != scan.End {
		line := t.token.Line
		s, err := t.plain(t.token.Kind == scan.IRI || t.token.Kind == scan.Blank, "a subject")
		if err != nil {
			return err
		}
		p, err := t.plain(t.token.Kind == scan.IRI, "a predicate")
		if err != nil {
			return err
		}
		o, err := t.plain(t.token.Kind == scan.IRI || t.token.Kind == scan.Blank || t.token.Kind == scan.String && t.token.Quote == `"`, "an object")
		if err != nil {
			return err
		}
		if t.token.Line != line {
			return scan.Fail(line, "a triple does not end in its line")
		}
		if err := t.add(line, s, p, o); err != nil {
			return err
		}
		if err := t.expect("."); err != nil {
			return err
		}
		if t.token.Kind != scan.End && t.token.Line == line {
			return scan.Fail(line, "two triples in one line")
		}
	}
	return nil
}

func (t *turtle) plain(allowed bool, what string) (Term, error) {
	if !allowed {
		return Term{}, scan.Fail(t.token.Line, "expected %s, found %s", what, t.token)
	}
	return t.object()
}
