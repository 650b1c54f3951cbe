// Package semantics is what a CSE does with semantic descriptions, apart from
// finding them: it reads the representations of <semanticDescriptor> and
// <ontology> resources (TS-0004 clauses 7.4.34 and 7.4.47), puts the graph of a
// description together with the descriptions it is linked to (clause 7.3.3.18),
// tries SPARQL queries on graphs, changes a description by a SPARQL update, and
// holds descriptions against ontologies (clause 7.4.34.2.1 step j).
//
// It knows no resources and no privileges. Whoever calls it hands over a
// function that finds a document by its address, and decides there who may use
// it.
//
// # Validation
//
// TS-0004 leaves what is validated to TS-0034 clause 7.10.3. These are the
// checks, all on the union of the descriptions and the union of the ontologies:
//
//   - each class that an individual is said to belong to is declared in an
//     ontology, and so is each property that is used; the vocabularies of RDF,
//     RDFS, OWL and XML Schema, and resourceDescriptorLink, need no declaration;
//   - a property with a domain is used on individuals of that domain only, and
//     with a range only with values of it; classes and properties are followed
//     upwards through rdfs:subClassOf, owl:equivalentClass and
//     rdfs:subPropertyOf. Of an individual whose class nobody states, the domain
//     and the range tell the class, so nothing is wrong with it;
//   - an object property has no literal as value, a datatype property nothing
//     else; a literal is a valid one of its data type, and of the data type that
//     the range asks for;
//   - no individual belongs to two classes that are disjoint
//     (owl:disjointWith, owl:AllDisjointClasses, owl:complementOf);
//   - a functional property has one literal value at most.
//
// An anonymous class is understood where it is a union (owl:unionOf); other
// expressions, and cardinalities, are passed over: under the open-world reading
// of OWL a description that leaves something out isn't inconsistent.
package semantics
