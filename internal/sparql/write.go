package sparql

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/rdf"
)

// JSON writes the answer of SELECT or ASK as SPARQL 1.1 Query Results JSON. A graph has no such form: it is nil.
func (r *Result) JSON() []byte {
	if r.Graph != nil {
		return nil
	}
	var out bytes.Buffer
	e := jsontext.NewEncoder(&out)
	// Writing to a buffer cannot fail, and the tokens are in the right order by construction; broken UTF-8 cannot come out of the parsers.
	put := func(tokens ...jsontext.Token) {
		for _, t := range tokens {
			_ = e.WriteToken(t)
		}
	}
	put(jsontext.BeginObject, jsontext.String("head"), jsontext.BeginObject)
	if r.Form == Ask {
		put(jsontext.EndObject, jsontext.String("boolean"), jsontext.Bool(r.Truth), jsontext.EndObject)
		return bytes.TrimSpace(out.Bytes())
	}
	put(jsontext.String("vars"), jsontext.BeginArray)
	for _, name := range r.Vars {
		put(jsontext.String(name))
	}
	put(jsontext.EndArray, jsontext.EndObject, jsontext.String("results"), jsontext.BeginObject, jsontext.String("bindings"), jsontext.BeginArray)
	blanks := make(names)
	for _, row := range r.Rows {
		put(jsontext.BeginObject)
		for i, t := range row {
			if t.IsZero() {
				continue
			}
			put(jsontext.String(r.Vars[i]), jsontext.BeginObject)
			for _, member := range jsonTerm(t, blanks) {
				put(jsontext.String(member[0]), jsontext.String(member[1]))
			}
			put(jsontext.EndObject)
		}
		put(jsontext.EndObject)
	}
	put(jsontext.EndArray, jsontext.EndObject, jsontext.EndObject)
	return bytes.TrimSpace(out.Bytes())
}

// jsonTerm returns the members of a term (SPARQL 1.1 Query Results JSON section 3.2.2).
func jsonTerm(t rdf.Term, blanks names) [][2]string {
	switch {
	case t.Kind == rdf.IRI:
		return [][2]string{{"type", "uri"}, {"value", t.Value}}
	case t.Kind == rdf.Blank:
		return [][2]string{{"type", "bnode"}, {"value", blanks.of(t)}}
	case t.Language != "":
		return [][2]string{{"type", "literal"}, {"value", t.Value}, {"xml:lang", t.Language}}
	case t.Datatype == rdf.String:
		return [][2]string{{"type", "literal"}, {"value", t.Value}}
	default:
		return [][2]string{{"type", "literal"}, {"value", t.Value}, {"datatype", t.Datatype}}
	}
}

// XML writes the answer of SELECT or ASK in the SPARQL Query Results XML Format. A graph has no such form: it is nil.
func (r *Result) XML() []byte {
	if r.Graph != nil {
		return nil
	}
	var out bytes.Buffer
	out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<sparql xmlns="http://www.w3.org/2005/sparql-results#"><head>`)
	for _, name := range r.Vars {
		fmt.Fprintf(&out, `<variable name="%s"/>`, xmlText(name))
	}
	out.WriteString("</head>")
	if r.Form == Ask {
		fmt.Fprintf(&out, "<boolean>%t</boolean></sparql>", r.Truth)
		return out.Bytes()
	}
	out.WriteString("<results>")
	blanks := make(names)
	for _, row := range r.Rows {
		out.WriteString("<result>")
		for i, t := range row {
			if !t.IsZero() {
				fmt.Fprintf(&out, `<binding name="%s">%s</binding>`, xmlText(r.Vars[i]), xmlTerm(t, blanks))
			}
		}
		out.WriteString("</result>")
	}
	out.WriteString("</results></sparql>")
	return out.Bytes()
}

func xmlTerm(t rdf.Term, blanks names) string {
	switch {
	case t.Kind == rdf.IRI:
		return "<uri>" + xmlText(t.Value) + "</uri>"
	case t.Kind == rdf.Blank:
		return "<bnode>" + blanks.of(t) + "</bnode>"
	case t.Language != "":
		return `<literal xml:lang="` + xmlText(t.Language) + `">` + xmlText(t.Value) + "</literal>"
	case t.Datatype == rdf.String:
		return "<literal>" + xmlText(t.Value) + "</literal>"
	default:
		return `<literal datatype="` + xmlText(t.Datatype) + `">` + xmlText(t.Value) + "</literal>"
	}
}
