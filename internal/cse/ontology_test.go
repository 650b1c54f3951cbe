package cse

import (
	"strings"
	"testing"

	"bulwark/onem2m"
)

func TestOntology_C438_Representations(t *testing.T) {
	t.Parallel()
	w := library(t)
	create := func(members string) ask {
		return ask{op: "C39", to: "cse-in/lib", from: "CAdmin", body: `{"m2m:ont":{` + members + `}}`}
	}
	update := func(members string) ask {
		return ask{op: "U", to: "cse-in/lib/home", from: "CAdmin", body: `{"m2m:ont":{` + members + `}}`}
	}
	w.follow(t, []step{
		{name: "C-438 the format that it has", ask: create(`"ontf":5,"ontc":"` + wrapped(ontology) + `","dc":"at home"`), code: 2001, show: map[string]string{"dc": `"at home"`}},
		{name: "C-438 another format", ask: create(`"ontf":4,"ontc":"` + wrapped(ontology) + `"`), code: 4000},
		{name: "C-438 not base64", ask: create(`"ontf":5,"ontc":"wrong"`), code: 4000},
		{name: "C-438 no text", ask: create(`"ontf":5,"ontc":17`), code: 4000},
		{name: "C-438 a format that isn't read", ask: create(`"ontf":6,"ontc":"` + wrapped(ontology) + `"`), code: 5001},
		{name: "C-438 an IRI", ask: create(`"ontf":1,"ontc":"https://ontology.example/home"`), code: 2001},
		{name: "C-438 an IRI with a name", ask: create(`"rn":"web","ontf":1,"ontc":"https://ontology.example/home"`), code: 2001},
		{name: "C-438 what is hosted elsewhere isn't changed", ask: ask{op: "U", to: "cse-in/lib/web", from: "CAdmin", body: `{"m2m:ont":{"soe":"CLEAR ALL"}}`}, code: 5212},
		{name: "C-438 no IRI", ask: create(`"ontf":1,"ontc":"not an IRI"`), code: 4000},
		{name: "C-438 soe in a CREATE", ask: create(`"ontf":5,"ontc":"","soe":"CLEAR ALL"`), code: 4000},
		{name: "C-438 soe and ontc", ask: update(`"soe":"CLEAR ALL","ontc":""`), code: 4000},
		{name: "C-438 soe that is none", ask: update(`"soe":"x"`), code: 4143},
		{name: "C-438 a subscription", ask: ask{op: "C23", to: "cse-in/lib/home", from: "CAdmin", body: `{"m2m:sub":{"nu":["https://example.com/n"]}}`}, code: 2001},
		{name: "C-438 only in a repository", ask: ask{op: "C39", to: "cse-in/home", from: "Chome01", body: `{"m2m:ont":{"ontf":5,"ontc":""}}`}, code: 4108},
		{name: "C-438 a repository below the CSEBase only", ask: ask{op: "C38", to: "cse-in/home", from: "Chome01", body: `{"m2m:ontr":{}}`}, code: 4108},
	})
	got := w.must(onem2m.Updated, update(`"soe":"INSERT DATA { <a:Door> a <http://www.w3.org/2002/07/owl#Class> }"`))
	if text := unwrapped(t, string(got.Get("ontc"))); !strings.Contains(text, "a:Door") {
		t.Errorf("the ontology is %s", text)
	}
}

func TestSemanticValidation_C434(t *testing.T) {
	t.Parallel()
	w := library(t)
	w.policy("CAdmin", "cse-in", "check", `{"acor":["Chome01"],"acop":4}`)
	w.must(onem2m.Created, ask{op: "C38", to: "cse-in", from: "CAdmin", body: `{"m2m:ontr":{"rn":"closed","acpi":["cse-in/check"]}}`})
	send := func(turtle, members string) ask {
		return ask{op: "U", to: "cse-in/lib/smv", from: "Chome01", body: smd("d", turtle, members)}
	}
	const lamp, here = "ex:l a ex:Lamp .", `"or":"cse-in/lib/home"`
	whole := `"ri":"smd-7","ty":24,"pi":"cnt-1","ct":"20260101T000000","lt":"20260101T000000","svd":false,` + here
	closed := send(lamp, here)
	closed.to = "cse-in/closed/smv"
	stranger := closed
	stranger.from = "Cother1"
	w.follow(t, []step{
		{name: "C-434 it fits", ask: send(lamp, here), code: 2004, show: map[string]string{"svd": "true", "dcrp": "5"}},
		{name: "C-434 as another CSE sends it", ask: send(lamp, whole), code: 2004},
		{name: "C-434 without a result", ask: ask{op: "U", to: "cse-in/lib/smv?rcn=0", from: "Chome01", body: smd("d", lamp, here)}, code: 2004, body: "none"},
		{name: "C-434 without an ontology", ask: send(lamp, ""), code: 4102},
		{name: "C-434 an ontology that is none", ask: send(lamp, `"or":"a b"`), code: 4102},
		{name: "C-434 an ontology that isn't there", ask: send(lamp, `"or":"cse-in/lib/none"`), code: 4118},
		{name: "C-434 a link that leads nowhere", ask: send(lamp, here+`,"rels":["cse-in/none"]`), code: 4119},
		{name: "C-434 it doesn't fit", ask: send("ex:l a ex:Lampp .", here), code: 4120},
		{name: "C-434 no description", ask: ask{op: "U", to: "cse-in/lib/smv", from: "Chome01", body: `{"m2m:cnt":{}}`}, code: 4000},
		{name: "C-434 half a description", ask: ask{op: "U", to: "cse-in/lib/smv", from: "Chome01", body: `{"m2m:smd":{` + here + `}}`}, code: 4000},
		{name: "C-434 another format", ask: ask{op: "U", to: "cse-in/lib/smv", from: "Chome01", body: `{"m2m:smd":{"dcrp":4,"dsp":"` + wrapped(lamp) + `",` + here + `}}`}, code: 4000},
		{name: "C-434 C-027 the policies of the repository", ask: closed, code: 2004},
		{name: "C-434 C-027 admit nobody else", ask: stranger, code: 4103},
		{name: "C-434 R", ask: ask{op: "R", to: "cse-in/lib/smv", from: "CAdmin"}, code: 4005},
		{name: "C-434 D", ask: ask{op: "D", to: "cse-in/lib/smv", from: "CAdmin"}, code: 4005},
		{name: "C-434 C", ask: ask{op: "C24", to: "cse-in/lib/smv", from: "CAdmin", body: smd("d", lamp, "")}, code: 4005},
		{name: "C-434 nothing was stored", ask: ask{op: "R", to: "cse-in/lib?rcn=6", from: "CAdmin"}, code: 2000},
	})
}
