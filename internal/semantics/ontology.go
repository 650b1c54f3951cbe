package semantics

import (
	"strings"

	"bulwark/internal/rdf"
)

// The vocabularies that say what an ontology says.
const (
	rdfs = "http://www.w3.org/2000/01/rdf-schema#"
	owl  = "http://www.w3.org/2002/07/owl#"
)

// builtin are the namespaces whose terms need no declaration.
var builtin = [...]string{rdf.RDF, rdfs, owl, rdf.XSD}

func isBuiltin(iri string) bool {
	for _, space := range builtin {
		if strings.HasPrefix(iri, space) {
			return true
		}
	}
	return false
}

// kind is what a property may have as value.
type kind int

const (
	kindAny kind = iota // a plain rdf:Property, or an annotation
	kindObject
	kindData
)

// Ontology is a set of ontologies, ready to hold descriptions against.
type Ontology struct {
	g          *rdf.Graph
	classes    map[rdf.Term]bool
	properties map[rdf.Term]kind
	functional map[rdf.Term]bool
	above      map[rdf.Term][]rdf.Term // classes: direct superclasses
	broader    map[rdf.Term][]rdf.Term // properties: direct superproperties
	disjoint   map[rdf.Term][]rdf.Term
	exclusive  map[rdf.Term][]int // numbers of the sets of classes of which each excludes the others
	sets, left int                // sets so far, and members that more may have; below 0: too many
	domains    map[rdf.Term][]rdf.Term
	ranges     map[rdf.Term][]rdf.Term
}

// NewOntology reads what a graph declares.
func NewOntology(g *rdf.Graph) *Ontology {
	o := &Ontology{
		g: g, classes: map[rdf.Term]bool{}, properties: map[rdf.Term]kind{}, functional: map[rdf.Term]bool{},
		above: map[rdf.Term][]rdf.Term{}, broader: map[rdf.Term][]rdf.Term{}, disjoint: map[rdf.Term][]rdf.Term{},
		domains: map[rdf.Term][]rdf.Term{}, ranges: map[rdf.Term][]rdf.Term{},
		exclusive: map[rdf.Term][]int{}, left: maxExclusive,
	}
	for t := range g.Match(nil, nil, nil) {
		if name, ok := strings.CutPrefix(t.P.Value, rdfs); ok {
			o.schema(name, t)
		} else if name, ok := strings.CutPrefix(t.P.Value, owl); ok {
			o.axiom(name, t)
		} else if t.P.Value == rdf.Type {
			o.declare(t.S, t.O.Value)
		}
	}
	return o
}

// declare takes up what a term is said to be.
func (o *Ontology) declare(term rdf.Term, as string) {
	switch as {
	case owl + "Class", rdfs + "Class", rdfs + "Datatype":
		o.classes[term] = true
	case owl + "ObjectProperty", owl + "TransitiveProperty", owl + "SymmetricProperty", owl + "InverseFunctionalProperty":
		o.properties[term] = kindObject
	case owl + "DatatypeProperty":
		o.properties[term] = kindData
	case owl + "FunctionalProperty":
		o.functional[term] = true
		o.property(term)
	case rdf.RDF + "Property", owl + "AnnotationProperty":
		o.property(term)
	case owl + "AllDisjointClasses":
		o.allDisjoint(term)
	}
}

// property declares a property without saying more about it than is known.
func (o *Ontology) property(term rdf.Term) {
	if _, known := o.properties[term]; !known {
		o.properties[term] = kindAny
	}
}

// schema takes up a statement of the RDFS vocabulary.
func (o *Ontology) schema(name string, t rdf.Triple) {
	switch name {
	case "subClassOf":
		o.classes[t.S] = true
		o.above[t.S] = append(o.above[t.S], t.O)
	case "subPropertyOf":
		o.property(t.S)
		o.broader[t.S] = append(o.broader[t.S], t.O)
	case "domain":
		o.property(t.S)
		o.domains[t.S] = append(o.domains[t.S], t.O)
	case "range":
		o.property(t.S)
		o.ranges[t.S] = append(o.ranges[t.S], t.O)
	}
}

// axiom takes up a statement of the OWL vocabulary.
func (o *Ontology) axiom(name string, t rdf.Triple) {
	switch name {
	case "equivalentClass":
		o.above[t.S] = append(o.above[t.S], t.O)
		o.above[t.O] = append(o.above[t.O], t.S)
	case "equivalentProperty":
		o.broader[t.S] = append(o.broader[t.S], t.O)
		o.broader[t.O] = append(o.broader[t.O], t.S)
	case "disjointWith", "complementOf":
		o.disjoint[t.S] = append(o.disjoint[t.S], t.O)
		o.disjoint[t.O] = append(o.disjoint[t.O], t.S)
	}
}

// allDisjoint takes up a list of classes of which each excludes the others.
func (o *Ontology) allDisjoint(axiom rdf.Term) {
	members := rdf.NewIRI(owl + "members")
	for t := range o.g.Match(&axiom, &members, nil) {
		if o.left < 0 {
			return
		}
		list := o.list(t.O)
		o.left -= len(list) + 1
		o.sets++
		for _, class := range list {
			o.exclusive[class] = append(o.exclusive[class], o.sets)
		}
	}
}

// Bounds of lists in an ontology, which may share members and tails.
const (
	maxList      = 500    // members of one list
	maxExclusive = 50_000 // members of all sets of disjoint classes
)

// list returns the members of an RDF collection.
func (o *Ontology) list(head rdf.Term) []rdf.Term {
	first, rest := rdf.NewIRI(rdf.First), rdf.NewIRI(rdf.Rest)
	var members []rdf.Term
	for len(members) < maxList && head.Value != rdf.Nil {
		next := rdf.Term{}
		for t := range o.g.Match(&head, &first, nil) {
			members = append(members, t.O)
			break
		}
		for t := range o.g.Match(&head, &rest, nil) {
			next = t.O
			break
		}
		if next.IsZero() {
			break
		}
		head = next
	}
	return members
}

// union returns the classes of a union; nil for a class of another form.
func (o *Ontology) union(class rdf.Term) []rdf.Term {
	of := rdf.NewIRI(owl + "unionOf")
	for t := range o.g.Match(&class, &of, nil) {
		return o.list(t.O)
	}
	return nil
}

// Declares reports whether the ontology says of itself that it is iri.
func Declares(g *rdf.Graph, iri string) bool {
	is, class := rdf.NewIRI(rdf.Type), rdf.NewIRI(owl+"Ontology")
	for t := range g.Match(nil, &is, &class) {
		if t.S.Value == iri || strings.TrimRight(t.S.Value, "#/") == strings.TrimRight(iri, "#/") {
			return true
		}
	}
	return false
}
