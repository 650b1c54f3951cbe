package cse

import (
	"strconv"
	"testing"

	"bulwark/onem2m"
)

// described makes a CSE with n containers that have a description of ten triples each.
func described(b *testing.B, n int) *CSE {
	b.Helper()
	c := benchCSE(b)
	make1 := func(ty int64, to, root, body string) {
		res := c.Handle(b.Context(), trusted(), &onem2m.Request{
			Operation: onem2m.Create, To: to, From: "Capp01", HasFrom: true, RequestID: "r", Release: "3",
			Type: &ty, Content: &onem2m.Content{Name: root, Value: []byte(body)},
		})
		if res.Code != onem2m.Created {
			b.Fatal(res.Code, text(res))
		}
	}
	for i := range n {
		name := "d" + strconv.Itoa(i)
		make1(3, "cse-in/app", "m2m:cnt", `{"rn":"`+name+`"}`)
		turtle := "ex:" + name + ` a ex:Sensor, ex:Device ; ex:power ` + strconv.Itoa(i) + ` ; ex:locatedIn ex:room` + strconv.Itoa(i%10) +
			` ; ex:label "sensor"@en, "Sensor"@de ; ex:observes [ a ex:Temperature ; ex:unit ex:Celsius ; ex:minimum -40 ; ex:maximum 85 ] .`
		make1(24, "cse-in/app/"+name, "m2m:smd", `{"dcrp":5,"dsp":"`+wrapped(turtle)+`"}`)
	}
	return c
}

// BenchmarkSemanticDiscovery finds 100 of 1,000 described resources;
// "unread" reads every description again, "types" is a
// discovery without semantics over the same tree.
func BenchmarkSemanticDiscovery(b *testing.B) {
	c := described(b, 1000)
	semantic := &onem2m.FilterCriteria{FilterUsage: new(int64(1)), SemanticsFilter: []string{
		homeQuery + "SELECT ?x WHERE { ?x a ex:Sensor ; ex:locatedIn ex:room3 ; ex:observes ?o . ?o a ex:Temperature }",
	}}
	for _, bb := range []struct {
		name   string
		filter *onem2m.FilterCriteria
		forget bool
	}{
		{"read", semantic, false},
		{"unread", semantic, true},
		{"types", &onem2m.FilterCriteria{FilterUsage: new(int64(1)), Types: []onem2m.ResourceType{onem2m.TypeAE}}, false},
	} {
		b.Run(bb.name, func(b *testing.B) {
			a := trusted()
			req := &onem2m.Request{Operation: onem2m.Retrieve, To: "cse-in/app", From: "Capp01", HasFrom: true, RequestID: "r1", Release: "3", Filter: bb.filter}
			b.ReportAllocs()
			for b.Loop() {
				if bb.forget {
					c.documents.Forget()
				}
				if res := c.Handle(b.Context(), a, req); res.Code != onem2m.OK {
					b.Fatal(res.Code, text(res))
				}
			}
		})
	}
}

// BenchmarkSemanticQuery asks 1,000 descriptions together.
func BenchmarkSemanticQuery(b *testing.B) {
	c, a := described(b, 1000), trusted()
	req := &onem2m.Request{
		Operation: onem2m.Retrieve, To: "cse-in/app", From: "Capp01", HasFrom: true, RequestID: "r1", Release: "3",
		SemanticQuery: new(true), ResultContent: new(int64(10)),
		Filter: &onem2m.FilterCriteria{SemanticsFilter: []string{homeQuery + "SELECT ?r (SUM(?p) AS ?s) WHERE { ?x ex:locatedIn ?r ; ex:power ?p } GROUP BY ?r"}},
	}
	b.ReportAllocs()
	for b.Loop() {
		if res := c.Handle(b.Context(), a, req); res.Code != onem2m.OK {
			b.Fatal(res.Code, text(res))
		}
	}
}
