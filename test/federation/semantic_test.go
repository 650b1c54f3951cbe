package federation

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

// smd is a description in Turtle.
func smd(rn, turtle, members string) string {
	text := "@prefix ex: <https://ontology.example/home#> . @prefix owl: <http://www.w3.org/2002/07/owl#> . " +
		"@prefix m2m: <https://git.onem2m.org/MAS/BaseOntology/raw/master/base_ontology.owl#> . " + turtle
	return `{"m2m:smd":{"rn":"` + rn + `","dcrp":5,"dsp":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"` + members + `}}`
}

// meant is a semantics filter in the query of a URL.
func meant(query string) string {
	return "smf=" + strings.ReplaceAll(url.QueryEscape("PREFIX ex: <https://ontology.example/home#> "+query), "+", "%20")
}

func TestSemantics_C435_C437_DescriptionsOnOtherCSEs(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	in := tr.in.plain
	in.Make(t, "Cvisitor", "/cse-in", 2, `{"m2m:ae":{"rn":"visitor","api":"N.example.test","rr":false,"srv":["3"]}}`)
	tr.mn.open(t, "far", "/id-in/Cvisitor")
	tr.asn.open(t, "farther", "/id-in/Cvisitor")
	tr.asn.open(t, "shut", "/id-in/Cnobody")
	const link = ` ; m2m:resourceDescriptorLink `
	in.Make(t, "Cvisitor", "/cse-in/visitor", 3, `{"m2m:cnt":{"rn":"lamp"}}`)
	in.Make(t, "Cvisitor", "/cse-in/visitor/lamp", 24, smd("d", `ex:lamp ex:locatedIn ex:attic`+link+`"/id-mn/cse-mn/far/d" .`, ""))
	in.Make(t, "Cvisitor", "/cse-in/visitor", 3, `{"m2m:cnt":{"rn":"other"}}`)
	in.Make(t, "Cvisitor", "/cse-in/visitor/other", 24, smd("d", `ex:other ex:locatedIn ex:cellar`+link+`"/id-asn/cse-asn/shut/d" .`, ""))
	tr.mn.plain.Make(t, "CAdmin", "/cse-mn/far", 24, smd("d", `ex:attic ex:partOf ex:house`+link+`"/id-asn/cse-asn/farther/d" .`, `,"acpi":["cse-mn/acp-far"]`))
	tr.asn.plain.Make(t, "CAdmin", "/cse-asn/farther", 24, smd("d", `ex:house ex:floors 3 . ex:attic ex:floor 3 .`, `,"acpi":["cse-asn/acp-farther"]`))
	tr.asn.plain.Make(t, "CAdmin", "/cse-asn/shut", 24, smd("d", `ex:cellar ex:floor 3 .`, `,"acpi":["cse-asn/acp-shut"]`))
	find := "/cse-in/visitor?fu=1&" + meant("SELECT ?x WHERE { ?x ex:locatedIn ?r . ?r ex:floor 3 }")
	a := in.Get(t, "Cvisitor", find)
	if list, _ := a.List(); len(list) != 1 || list[0] != "cse-in/visitor/lamp" {
		t.Errorf("C-435 over two other CSEs, and without what its CSE denies: %s", a)
	}
	in.Make(t, "Cvisitor", "/cse-in/visitor", 9, `{"m2m:grp":{"rn":"g","mnm":9,"mid":["cse-in/visitor/lamp","/id-mn/cse-mn/far","/id-asn/cse-asn/farther","/id-asn/cse-asn/shut"]}}`)
	query := "/cse-in/visitor/g/sfop?sqi=true&rcn=10&" + meant("SELECT ?x ?f WHERE { ?x ex:floor ?f }")
	a = in.Get(t, "Cvisitor", query)
	if a.RSC != 2000 || strings.Count(a.Body, `home#attic`) != 1 || strings.Contains(a.Body, `home#cellar`) {
		t.Errorf("C-437: %s", a)
	}
	tr.asn.halt()
	if a = in.Get(t, "Cvisitor", find); a.RSC != 2000 || strings.Contains(a.Body, "lamp") {
		t.Errorf("C-435 while one is away: %s", a)
	}
	tr.mn.plain.Make(t, "CAdmin", "/cse-mn", 38, `{"m2m:ontr":{"rn":"repo"}}`)
	ontology := base64.StdEncoding.EncodeToString([]byte("@prefix ex: <https://ontology.example/home#> . @prefix owl: <http://www.w3.org/2002/07/owl#> . ex:Lamp a owl:Class ."))
	tr.mn.plain.Make(t, "CAdmin", "/cse-mn/repo", 39, `{"m2m:ont":{"rn":"ont","ontf":5,"ontc":"`+ontology+`","acpi":["cse-mn/acp-far"]}}`)
	valid := `,"vlde":true,"or":"/id-mn/cse-mn/repo/ont"`
	in.Create(t, "Cvisitor", "/cse-in/visitor/lamp", 24, smd("ok", `ex:l a ex:Lamp .`, valid)).Expect(t, 2001, 201)
	in.Create(t, "Cvisitor", "/cse-in/visitor/lamp", 24, smd("bad", `ex:l a ex:Door .`, valid)).Expect(t, 4120, 400)
	tr.mn.halt()
	in.Create(t, "Cvisitor", "/cse-in/visitor/lamp", 24, smd("later", `ex:l a ex:Lamp .`, valid)).Expect(t, 4118, 404)
}
