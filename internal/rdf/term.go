package rdf

import "strings"

// Kind tells what a term is.
type Kind uint8

// The kinds of terms. The zero Kind belongs to the zero Term, which stands for "no term".
const (
	IRI Kind = iota + 1
	Blank
	Literal
)

// The namespaces that the formats build on.
const (
	RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
	XSD = "http://www.w3.org/2001/XMLSchema#"
)

// The names of RDF itself that the formats build on.
const (
	Type       = RDF + "type"
	First      = RDF + "first"
	Rest       = RDF + "rest"
	Nil        = RDF + "nil"
	LangString = RDF + "langString"
	XMLLiteral = RDF + "XMLLiteral"
	JSON       = RDF + "JSON"
)

// The datatypes that the formats and SPARQL know by name.
const (
	String   = XSD + "string"
	Boolean  = XSD + "boolean"
	Integer  = XSD + "integer"
	Decimal  = XSD + "decimal"
	Float    = XSD + "float"
	Double   = XSD + "double"
	DateTime = XSD + "dateTime"
	Date     = XSD + "date"
)

// Term is an IRI, a blank node or a literal. Terms are values: == compares them as RDF 1.1 Concepts section 3 does, by their text.
type Term struct {
	Kind     Kind
	Value    string // the IRI, the label of the blank node, or the lexical form of the literal
	Datatype string // of a literal, never empty
	Language string // of a literal, in lower case
}

// NewIRI makes an IRI. It must be absolute; the parsers see to that.
func NewIRI(iri string) Term { return Term{Kind: IRI, Value: iri} }

// NewBlank makes a blank node. Two blank nodes are one when their labels are equal, so labels must be unique wherever graphs meet.
func NewBlank(label string) Term { return Term{Kind: Blank, Value: label} }

// NewString makes a plain literal, an xsd:string.
func NewString(text string) Term { return Term{Kind: Literal, Value: text, Datatype: String} }

// NewLiteral makes a literal of a datatype; without one it is an xsd:string.
func NewLiteral(lexical, datatype string) Term {
	if datatype == "" {
		datatype = String
	}
	return Term{Kind: Literal, Value: lexical, Datatype: datatype}
}

// NewLang makes a literal in a language.
func NewLang(text, language string) Term {
	return Term{Kind: Literal, Value: text, Datatype: LangString, Language: strings.ToLower(language)}
}

// IsLanguage tells whether a text is written as a language tag: letters, then parts of letters and digits (RFC 5646 section 2.1).
func IsLanguage(tag string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	allowed := letters
	for part := range strings.SplitSeq(tag, "-") {
		if part == "" || strings.Trim(part, allowed) != "" {
			return false
		}
		allowed = letters + "0123456789"
	}
	return true
}

// IsZero tells whether this is no term.
func (t Term) IsZero() bool { return t.Kind == 0 }

// String writes the term as N-Triples do.
func (t Term) String() string {
	switch t.Kind {
	case IRI:
		return "<" + escapeIRI(t.Value) + ">"
	case Blank:
		return "_:" + t.Value
	case Literal:
		text := `"` + escape(t.Value) + `"`
		switch {
		case t.Language != "":
			return text + "@" + t.Language
		case t.Datatype == String:
			return text
		default:
			return text + "^^<" + escapeIRI(t.Datatype) + ">"
		}
	default:
		return ""
	}
}

// Triple is one statement.
type Triple struct {
	S, P, O Term
}

// String writes the triple as a line of N-Triples, without the line end.
func (t Triple) String() string { return t.S.String() + " " + t.P.String() + " " + t.O.String() + " ." }

// Valid tells whether RDF 1.1 allows the triple: no literal subject, an IRI as predicate.
func (t Triple) Valid() bool {
	return (t.S.Kind == IRI || t.S.Kind == Blank) && t.P.Kind == IRI && t.O.Kind != 0
}
