package cse

import (
	"encoding/base64"
	"strings"
	"testing"

	"bulwark/onem2m"
)

const homePrefixes = "@prefix ex: <https://ontology.example/home#> . @prefix owl: <http://www.w3.org/2002/07/owl#> . " +
	"@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . " +
	"@prefix m2m: <https://git.onem2m.org/MAS/BaseOntology/raw/master/base_ontology.owl#> . "

const homeQuery = "PREFIX ex: <https://ontology.example/home#> "

// wrapped is Turtle in base64, as it stands in dsp.
func wrapped(turtle string) string {
	return base64.StdEncoding.EncodeToString([]byte(homePrefixes + turtle))
}

// unwrapped is the text of dsp or ontc.
func unwrapped(t *testing.T, value string) string {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(strings.Trim(value, `"`))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// smd is the Content of a description in Turtle.
func smd(rn, turtle, members string) string {
	if members != "" {
		members = "," + members
	}
	return `{"m2m:smd":{"rn":"` + rn + `","dcrp":5,"dsp":"` + wrapped(turtle) + `"` + members + `}}`
}

// describe makes a description below a resource.
func (w *world) describe(from, parent, rn, turtle, members string) {
	w.t.Helper()
	w.must(onem2m.Created, ask{op: "C24", to: parent, from: from, body: smd(rn, turtle, members)})
}

// meant sets the semantics filter of a request, and what else goes with it.
func meant(usage int64, queries ...string) func(*onem2m.Request) {
	return func(r *onem2m.Request) {
		if r.Filter == nil {
			r.Filter = &onem2m.FilterCriteria{}
		}
		if usage != 0 {
			r.Filter.FilterUsage = &usage
		}
		for _, q := range queries {
			r.Filter.SemanticsFilter = append(r.Filter.SemanticsFilter, homeQuery+q)
		}
	}
}

func TestSemanticDescriptor_C432_Representations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Chome01", "home")
	good := wrapped("ex:l a ex:Lamp .")
	body := func(members string) string { return `{"m2m:smd":{"rn":"d",` + members + `}}` }
	create := func(members string) ask {
		return ask{op: "C24", to: "cse-in/home", from: "Chome01", body: body(members)}
	}
	update := func(members string) ask {
		return ask{op: "U", to: "cse-in/home/d", from: "Chome01", body: `{"m2m:smd":{` + members + `}}`}
	}
	w.follow(t, []step{
		{name: "C-432 an IRI is no representation", ask: create(`"dcrp":1,"dsp":"` + good + `"`), code: 4000},
		{name: "C-432 without a descriptor", ask: create(`"dcrp":1`), code: 4000},
		{name: "C-432 not base64", ask: create(`"dcrp":2,"dsp":"wrong"`), code: 4000},
		{name: "C-432 a format that isn't read", ask: create(`"dcrp":2,"dsp":"` + good + `"`), code: 5001},
		{name: "C-432 of another format", ask: create(`"dcrp":4,"dsp":"` + good + `"`), code: 4000},
		{name: "C-432 semanticOpExec in a CREATE", ask: create(`"dcrp":5,"dsp":"` + good + `","soe":"CLEAR ALL"`), code: 4000},
		{name: "C-432 semanticValidated in a CREATE", ask: create(`"dcrp":5,"dsp":"` + good + `","svd":true`), code: 4000},
		{name: "C-432 Turtle", ask: create(`"dcrp":5,"dsp":"` + good + `"`), code: 2001, show: map[string]string{"dsp": `"` + good + `"`, "svd": "", "vlde": ""}},
		{name: "C-432 it isn't for everybody", ask: ask{op: "R", to: "cse-in/home/d", from: "Cother1"}, code: 4103},
		{name: "C-432 soe and dsp", ask: update(`"soe":"x","dsp":"` + good + `"`), code: 4000},
		{name: "C-432 soe that is no update", ask: update(`"soe":"x"`), code: 4143},
		{name: "C-432 soe that is a query", ask: update(`"soe":"SELECT * WHERE { ?s ?p ?o }"`), code: 4143},
		{name: "C-439 soe that loads", ask: update(`"soe":"LOAD <https://example.com/x>"`), code: 4143},
		{name: "C-432 dcrp that the text doesn't have", ask: update(`"dcrp":4`), code: 4000},
		{name: "C-432 dcrp IRI", ask: update(`"dcrp":1`), code: 4000},
		{name: "C-432 dsp is no Turtle", ask: update(`"dsp":"eA=="`), code: 4000},
		{name: "C-432 labels alone", ask: update(`"lbl":["a"]`), code: 2004, show: map[string]string{"dsp": `"` + good + `"`, "lbl": `["a"]`}},
	})
}

func TestSemanticDescriptor_C432_IsChangedByAnUpdateInSPARQL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Chome01", "home")
	w.describe("Chome01", "cse-in/home", "d", `ex:l a ex:Lamp ; ex:power 12 .`, "")
	change := func(text string, rcn string) ask {
		return ask{op: "U", to: "cse-in/home/d" + rcn, from: "Chome01", body: `{"m2m:smd":{"soe":` + string(onem2m.TextValue(homeQuery+text)) + `}}`}
	}
	got := w.must(onem2m.Updated, change("DELETE { ?l ex:power ?p } INSERT { ?l ex:power 20 } WHERE { ?l ex:power ?p }", ""))
	if text := unwrapped(t, string(got.Get("dsp"))); !strings.Contains(text, "20") || strings.Contains(text, "12") {
		t.Errorf("the description is %s", text)
	}
	if got.Has("soe") || w.attribute("cse-in/home/d", "soe") != "" {
		t.Error("semanticOpExec is returned")
	}
	ev := w.events[len(w.events)-1]
	if strings.Contains(string(ev.Modified), "soe") || !strings.Contains(string(ev.Modified), "dsp") {
		t.Errorf("subscribers are told %s", ev.Modified)
	}
	nine := w.must(onem2m.Updated, change("INSERT DATA { ex:l ex:locatedIn ex:hall }", "?rcn=9"))
	if !nine.Has("dsp") || nine.Has("soe") {
		t.Errorf("rcn 9 shows %s", nine.Append(nil))
	}
	all := w.must(onem2m.Updated, change("DELETE WHERE { ?s ?p ?o }", ""))
	if text := unwrapped(t, string(all.Get("dsp"))); strings.Contains(text, "Lamp") {
		t.Errorf("an update that removes everything leaves %s", text)
	}
}

const ontology = `<https://ontology.example/home> a owl:Ontology . ex:Lamp a owl:Class . ex:Room a owl:Class ; owl:disjointWith ex:Lamp . ` +
	`ex:locatedIn a owl:ObjectProperty ; rdfs:range ex:Room . ex:power a owl:DatatypeProperty .`

// library is a world with an ontology that everybody may read, and one that
// nobody may.
func library(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.register("Chome01", "home")
	w.register("Cother1", "other")
	w.policy("CAdmin", "cse-in", "open", `{"acor":["all"],"acop":38}`)
	w.must(onem2m.Created, ask{op: "C38", to: "cse-in", from: "CAdmin", body: `{"m2m:ontr":{"rn":"lib","acpi":["cse-in/open"]}}`})
	put := func(rn, acpi, turtle string) {
		w.must(onem2m.Created, ask{op: "C39", to: "cse-in/lib", from: "CAdmin", body: `{"m2m:ont":{"rn":"` + rn + `","ontf":5,"ontc":"` + wrapped(turtle) + `"` + acpi + `}}`})
	}
	put("home", `,"acpi":["cse-in/open"]`, ontology)
	put("secret", "", `<https://ontology.example/secret> a owl:Ontology . ex:Lamp a owl:Class .`)
	return w
}

func TestSemanticDescriptor_C433_Validation(t *testing.T) {
	t.Parallel()
	w := library(t)
	w.describe("Chome01", "cse-in/home", "kitchen", "ex:k a ex:Room .", "")
	w.describe("Cother1", "cse-in/other", "hidden", "ex:k a ex:Lamp .", "")
	w.describe("Chome01", "cse-in/home", "chain", `ex:c m2m:resourceDescriptorLink "cse-in/other/hidden" .`, "")
	w.must(onem2m.Created, ask{op: "C9", to: "cse-in/home", from: "Chome01", body: `{"m2m:grp":{"rn":"both","mnm":5,"mid":["cse-in/home/kitchen","cse-in/other/hidden"]}}`})
	const lamp = "ex:l a ex:Lamp ; ex:locatedIn ex:k ."
	create := func(turtle, members string) ask {
		return ask{op: "C24", to: "cse-in/home", from: "Chome01", body: smd("d", turtle, `"vlde":true,`+members)}
	}
	const here = `"or":"cse-in/lib/home"`
	update := func(members string) ask {
		return ask{op: "U", to: "cse-in/home/d", from: "Chome01", body: `{"m2m:smd":{` + members + `}}`}
	}
	w.follow(t, []step{
		{name: "C-433 no such ontology", ask: create(lamp, `"or":"cse-in/lib/none"`), code: 4118},
		{name: "C-433 an ontology that may not be retrieved", ask: create(lamp, `"or":"cse-in/lib/secret"`), code: 4118},
		{name: "C-433 nor by its name", ask: create(lamp, `"or":"https://ontology.example/secret"`), code: 4118},
		{name: "C-433 no ontology but another resource", ask: create(lamp, `"or":"cse-in/home"`), code: 4118},
		{name: "C-433 an ontology of the web", ask: create(lamp, `"or":"https://ontology.example/other"`), code: 4118},
		{name: "C-433 a class that isn't declared", ask: create("ex:l a ex:Lampp .", here), code: 4120},
		{name: "C-433 a linked description that isn't there", ask: create(lamp, here+`,"rels":["cse-in/home/none"]`), code: 4119},
		{name: "C-433 a linked description that may not be retrieved", ask: create(lamp, here+`,"rels":["cse-in/other/hidden"]`), code: 4119},
		{name: "C-433 the same over another", ask: create(lamp, here+`,"rels":["cse-in/home/chain"]`), code: 4119},
		{name: "C-433 a group with a member that may not be retrieved", ask: create(lamp, here+`,"rels":["cse-in/home/both"]`), code: 4119},
		{name: "C-433 one of another CSE, checked here", ask: create(lamp, here+`,"rels":["/id-other/d"]`), code: 4119},
		{name: "C-433 one of another CSE, checked there", ask: create(lamp, `"or":"/id-other/ont","rels":["/id-other/d"]`), code: 5103},
		{name: "C-433 what is linked contradicts", ask: create("ex:l a ex:Lamp ; ex:locatedIn ex:m . ex:k a ex:Lamp .", here+`,"rels":["cse-in/home/kitchen"]`), code: 4120},
		{name: "C-433 nothing was kept of all that", ask: ask{op: "R", to: "cse-in/home/d", from: "Chome01"}, code: 4004},
		{name: "C-433 it fits", ask: create(lamp, here+`,"rels":["cse-in/home/kitchen"]`), code: 2001, show: map[string]string{"svd": "true", "vlde": "true"}},
		{name: "C-433 by the name of the ontology", ask: update(`"or":"https://ontology.example/home#"`), code: 2004, show: map[string]string{"svd": "true"}},
		{name: "C-433 an UPDATE that doesn't fit", ask: update(`"soe":"INSERT DATA { <a:l> a <a:Lampp> }"`), code: 4120},
		{name: "C-433 an UPDATE that fits", ask: update(`"soe":"INSERT DATA { <a:l> a <https://ontology.example/home#Lamp> }"`), code: 2004, show: map[string]string{"svd": "true"}},
		{name: "C-433 switched off", ask: update(`"vlde":false`), code: 2004, show: map[string]string{"svd": "false", "vlde": "false"}},
		{name: "C-433 nothing is checked then", ask: update(`"dsp":"` + wrapped("ex:l a ex:Lampp .") + `"`), code: 2004, show: map[string]string{"svd": "false"}},
		{name: "C-433 switched on again", ask: update(`"vlde":true`), code: 4120},
		{name: "C-433 no ontology, nothing to check", ask: ask{op: "C24", to: "cse-in/other", from: "Cother1", body: smd("e", "ex:x a ex:Y .", `"vlde":true`)}, code: 2001, show: map[string]string{"svd": "false", "vlde": "true"}},
	})
}

func TestSemanticDescriptor_C433_TheParentsOntologyCounts(t *testing.T) {
	t.Parallel()
	w := library(t)
	w.container("Chome01", "cse-in/home", "c", `"or":"cse-in/lib/home"`)
	w.follow(t, []step{
		{name: "it fits", ask: ask{op: "C24", to: "cse-in/home/c", from: "Chome01", body: smd("d", "ex:l a ex:Lamp .", `"vlde":true`)}, code: 2001, show: map[string]string{"svd": "true"}},
		{name: "it doesn't", ask: ask{op: "C24", to: "cse-in/home/c", from: "Chome01", body: smd("e", "ex:l a ex:Lampp .", `"vlde":true`)}, code: 4120},
	})
}
