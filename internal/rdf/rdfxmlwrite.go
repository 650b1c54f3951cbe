package rdf

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// writeRDFXML writes a description for each subject. RDF/XML cannot say everything: a predicate must end in a name, and a literal must consist of
// characters that XML has; otherwise it is an error.
func (g *Graph) writeRDFXML() ([]byte, error) {
	var out bytes.Buffer
	names := make(relabel)
	fmt.Fprintf(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rdf:RDF xmlns:rdf=\"%s\">\n", RDF)
	for _, subject := range g.subjects() {
		fmt.Fprintf(&out, "<rdf:Description %s>\n", xmlReference("about", subject, names))
		for _, p := range g.properties(subject) {
			namespace, local := splitName(p.predicate.Value)
			if local == "" || isSyntax(xmlName{space: namespace, local: local}) || namespace == RDF && (local == "li" || local == "Description") {
				return nil, fmt.Errorf("rdf: RDF/XML cannot write the predicate %s", p.predicate)
			}
			tag := fmt.Sprintf(`p:%s xmlns:p="%s"`, local, canonicalAttribute(namespace))
			for _, o := range p.objects {
				if o.Kind != Literal {
					fmt.Fprintf(&out, "<%s %s/>\n", tag, xmlReference("resource", o, names))
					continue
				}
				text, ok := xmlLiteralText(o.Value)
				if !ok {
					return nil, fmt.Errorf("rdf: RDF/XML cannot write a control character")
				}
				fmt.Fprintf(&out, "<%s%s>%s</p:%s>\n", tag, xmlType(o), text, local)
			}
		}
		out.WriteString("</rdf:Description>\n")
	}
	out.WriteString("</rdf:RDF>\n")
	return out.Bytes(), nil
}

func xmlReference(attribute string, t Term, names relabel) string {
	if t.Kind == Blank {
		return fmt.Sprintf(`rdf:nodeID="%s"`, names.label(t))
	}
	return fmt.Sprintf(`rdf:%s="%s"`, attribute, canonicalAttribute(t.Value))
}

func xmlType(t Term) string {
	switch {
	case t.Language != "":
		return fmt.Sprintf(` xml:lang="%s"`, canonicalAttribute(t.Language))
	case t.Datatype != String:
		return fmt.Sprintf(` rdf:datatype="%s"`, canonicalAttribute(t.Datatype))
	default:
		return ""
	}
}

// xmlLiteralText escapes a text, unless it has characters that XML has not.
func xmlLiteralText(text string) (string, bool) {
	for _, c := range text {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0xFFFE || c == 0xFFFF {
			return "", false
		}
	}
	return canonicalText(text), true
}

// splitName cuts an IRI before the longest name at its end.
func splitName(iri string) (namespace, local string) {
	at := len(iri)
	for i := len(iri); i > 0; {
		r, n := utf8.DecodeLastRuneInString(iri[:i])
		i -= n
		if r != '.' && !isNCName("a"+string(r)) {
			break
		}
		if isNCName(string(r)) { // a name may begin here
			at = i
		}
	}
	if at == 0 {
		return "", ""
	}
	return iri[:at], iri[at:]
}
