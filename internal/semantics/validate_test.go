package semantics_test

import (
	"errors"
	"strings"
	"testing"

	"bulwark/internal/semantics"
)

const home = `<https://ontology.example/home> a owl:Ontology .
ex:Thing a owl:Class .
ex:Device rdfs:subClassOf ex:Thing .
ex:Room a rdfs:Class ; rdfs:subClassOf ex:Thing ; owl:disjointWith ex:Device .
ex:Lamp a owl:Class ; rdfs:subClassOf ex:Device ; owl:equivalentClass ex:Light .
ex:Light a owl:Class .
ex:Door a owl:Class .
ex:Window a owl:Class .
[] a owl:AllDisjointClasses ; owl:members ( ex:Lamp ex:Door ex:Window ) .
ex:locatedIn a owl:ObjectProperty ; rdfs:domain ex:Device ; rdfs:range ex:Room .
ex:hangsIn a owl:ObjectProperty ; rdfs:subPropertyOf ex:locatedIn .
ex:opensTo a owl:ObjectProperty ; rdfs:domain [ owl:unionOf ( ex:Door ex:Window ) ] .
ex:bounded a owl:ObjectProperty ; rdfs:domain [ a owl:Restriction ; owl:onProperty ex:locatedIn ; owl:someValuesFrom ex:Room ] .
ex:power a owl:DatatypeProperty ; rdfs:range xsd:decimal .
ex:serial a owl:DatatypeProperty, owl:FunctionalProperty ; rdfs:range xsd:string .
ex:note a owl:AnnotationProperty .
`

func TestValidate_C433_FindsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	schema := semantics.NewOntology(graph(t, home))
	for _, tt := range []struct{ name, text, fault string }{
		{"nothing at all", "", ""},
		{"a lamp in a room", "ex:l a ex:Lamp ; ex:locatedIn ex:k ; ex:power 12 . ex:k a ex:Room .", ""},
		{"an equivalent class", "ex:l a ex:Light ; ex:locatedIn ex:k .", ""},
		{"nobody says what it is", "ex:l ex:locatedIn ex:k .", ""},
		{"a class that isn't declared", "ex:l a ex:Lampp .", "Lampp> isn't declared"},
		{"a class of another vocabulary", "ex:l a <https://elsewhere.example/Lamp> .", "isn't declared"},
		{"a class of OWL", "ex:l a owl:NamedIndividual, ex:Lamp .", ""},
		{"a property that isn't declared", "ex:l ex:colour \"red\" .", "colour> isn't declared"},
		{"a property of RDFS", "ex:l rdfs:label \"lamp\" .", ""},
		{"a link", "ex:l ex:resourceDescriptorLink \"smd-1\" .", ""},
		{"not in the domain", "ex:k a ex:Room ; ex:locatedIn ex:h .", "domain"},
		{"not in the domain of a property above", "ex:k a ex:Room ; ex:hangsIn ex:h .", "domain"},
		{"not in the range", "ex:l a ex:Lamp ; ex:locatedIn ex:m . ex:m a ex:Lamp .", "range"},
		{"in a union", "ex:d a ex:Door ; ex:opensTo ex:h .", ""},
		{"not in a union", "ex:l a ex:Lamp ; ex:opensTo ex:h .", "domain"},
		{"a class expression that isn't understood", "ex:l a ex:Lamp ; ex:bounded ex:h .", ""},
		{"a literal for an object", "ex:l ex:locatedIn \"kitchen\" .", "literal"},
		{"an object for a literal", "ex:l ex:power ex:much .", "no literal"},
		{"an annotation may be anything", "ex:l ex:note ex:x, 1 .", ""},
		{"a data type derived from that of the range", "ex:l ex:power \"7\"^^xsd:byte .", ""},
		{"another data type than the range", "ex:l ex:power \"12\" .", "range"},
		{"no number", "ex:l ex:power \"twelve\"^^xsd:decimal .", "no decimal"},
		{"too large for its type", "ex:l ex:power \"128\"^^xsd:byte .", "no byte"},
		{"negative where it may not be", "ex:l ex:power \"-1\"^^xsd:unsignedInt .", "no unsignedInt"},
		{"a malformed value of RDFS", "ex:l rdfs:label \"x\"^^xsd:dateTime .", "no dateTime"},
		{"in disjoint classes", "ex:l a ex:Lamp, ex:Room .", "disjoint"},
		{"in two of a set of disjoint classes", "ex:l a ex:Light, ex:Window .", "disjoint"},
		{"two values of a functional property", "ex:l ex:serial \"1\", \"2\" .", "functional"},
		{"one value said twice", "ex:l ex:serial \"1\", \"1\" .", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := schema.Validate(t.Context(), graph(t, tt.text))
			switch {
			case tt.fault == "" && err != nil:
				t.Errorf("got %v, want it valid", err)
			case tt.fault != "" && (!errors.Is(err, semantics.ErrInconsistent) || !strings.Contains(err.Error(), tt.fault)):
				t.Errorf("got %v, want %q", err, tt.fault)
			}
		})
	}
}

func TestDeclares_AnOntologyIsFoundByItsName(t *testing.T) {
	t.Parallel()
	g := graph(t, home)
	for iri, want := range map[string]bool{
		"https://ontology.example/home": true, "https://ontology.example/home#": true,
		"https://ontology.example/": false, "https://ontology.example/home#Lamp": false,
	} {
		if semantics.Declares(g, iri) != want {
			t.Errorf("%s: %t", iri, !want)
		}
	}
}
