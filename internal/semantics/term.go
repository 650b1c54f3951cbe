package semantics

import (
	"bulwark/internal/rdf"
	"bulwark/internal/sparql"
)

// limits bound a document. It is read while somebody waits for it, so it is smaller
// than a public ontology may be.
var limits = rdf.Limits{Octets: MaxDocument, Triples: 50_000, Literal: 256 << 10}

// iriOf returns the IRI of a term; "" for a blank node or a literal.
func iriOf(t rdf.Term) string {
	if t.Kind != rdf.IRI {
		return ""
	}
	return t.Value
}

// textOf returns the text of a literal; "" for anything else.
func textOf(t rdf.Term) string {
	if t.Kind != rdf.Literal {
		return ""
	}
	return t.Value
}

// Found reports whether a result isn't empty: a solution, a triple, or yes.
func Found(res *sparql.Result) bool {
	return res.Truth || len(res.Rows) > 0 || res.Graph != nil && res.Graph.Len() > 0
}

// Things returns the IRIs and blank nodes that the solutions of a query name,
// each once.
func Things(res *sparql.Result) []rdf.Term {
	var list []rdf.Term
	seen := map[rdf.Term]bool{}
	for _, row := range res.Rows {
		for _, t := range row {
			if (t.Kind == rdf.IRI || t.Kind == rdf.Blank) && !seen[t] {
				seen[t] = true
				list = append(list, t)
			}
		}
	}
	return list
}
