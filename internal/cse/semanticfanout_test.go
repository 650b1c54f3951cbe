package cse

import (
	"testing"

	"bulwark/onem2m"
)

func TestSemanticFanOut_C363_C437(t *testing.T) {
	t.Parallel()
	w := house(t)
	const seen = `"acpi":["cse-in/home/seen"]`
	w.container("Chome01", "cse-in/home", "data", seen)
	w.must(onem2m.Created, ask{op: "C4", to: "cse-in/home/data", from: "Chome01", body: `{"m2m:cin":{"cnf":"text/turtle:1","con":"` + wrapped("ex:l9 ex:power 90 .") + `"}}`})
	w.policy("Chome01", "cse-in/home", "ask", `{"acor":["Cguest1"],"acop":34},{"acor":["Chome01"],"acop":63}`)
	group := func(rn, mid, members string) {
		w.must(onem2m.Created, ask{op: "C9", to: "cse-in/home", from: "Chome01", body: `{"m2m:grp":{"rn":"` + rn + `","mnm":9,"mid":[` + mid + `]` + members + `}}`})
	}
	group("sub", `"cse-in/home/lamp2"`, `,"macp":["cse-in/home/ask"]`)
	group("g", `"cse-in/home/lamp1/d","cse-in/home/lamp3","cse-in/home/data/la","cse-in/home/sub/fopt","cse-in/home/lamp1","/id-other/x"`, `,"macp":["cse-in/home/ask"]`)
	group("own", `"cse-in/home/lamp1/d"`, "")
	const powers = "SELECT ?p WHERE { ?x ex:power ?p } ORDER BY ?p"
	query := func(from string) ask {
		return ask{op: "R", to: "cse-in/home/g/sfop?sqi=true&rcn=10", from: from, edit: meant(0, powers)}
	}
	if got := rows(t, w.do(query("Chome01")), "p"); got != "12 20 40 90" {
		t.Errorf("all members: %q", got)
	}
	if got := rows(t, w.do(query("Cguest1")), "p"); got != "12 40 90" {
		t.Errorf("what a guest may retrieve: %q", got)
	}
	l1, l2, l3 := "cse-in/home/lamp1", "cse-in/home/lamp2", "cse-in/home/lamp3"
	find := func(from, q string) ask { return ask{op: "R", to: "cse-in/home/g/sfop", from: from, edit: meant(1, q)} }
	own := query("Cguest1")
	own.to = "cse-in/home/own/sfop?sqi=true&rcn=10"
	without := query("Chome01")
	without.edit = nil
	w.follow(t, []step{
		{name: "C-437 discovery of what the solutions name", ask: find("Chome01", "SELECT ?x WHERE { ?x a ex:Lamp ; ex:power ?p FILTER(?p > 15) }"), code: 2000, body: uril(l3, l2)},
		{name: "C-437 over several descriptions", ask: find("Chome01", "SELECT ?x WHERE { ?x ex:power ?p . ?y ex:power ?q FILTER(?q = ?p + 50) }"), code: 2000, body: uril(l3)},
		{name: "C-437 where solutions name nothing", ask: find("Chome01", "SELECT ?p WHERE { ?x ex:power ?p FILTER(?p < 15) }"), code: 2000, body: uril(l1)},
		{name: "C-437 nothing is found", ask: find("Chome01", "ASK { ?x a ex:Door }"), code: 2000, body: uril()},
		{name: "C-437 no leak to who may only discover", ask: find("Cguest1", "ASK { ?x ex:power 20 }"), code: 2000, body: uril()},
		{name: "C-437 a resource out of sight isn't listed", ask: find("Cguest1", "SELECT ?x WHERE { ?x a ex:Lamp }"), code: 2000, body: uril(l1)},
		{name: "C-027 membersAccessControlPolicyIDs", ask: query("Cthird1"), code: 4103},
		{name: "C-027 else the policies of the group", ask: own, code: 4103},
		{name: "C-363 no filter", ask: without, code: 4000},
		{name: "C-435 no query", ask: find("Chome01", "SELECT"), code: 4143},
		{name: "C-363 C", ask: ask{op: "C3", to: "cse-in/home/g/sfop", from: "Chome01", body: `{"m2m:cnt":{}}`}, code: 4005},
		{name: "C-363 U", ask: ask{op: "U", to: "cse-in/home/g/sfop", from: "Chome01", body: `{"m2m:cnt":{}}`}, code: 4005},
		{name: "C-363 D", ask: ask{op: "D", to: "cse-in/home/g/sfop", from: "Chome01"}, code: 4005},
		{name: "C-363 the group says that it can", ask: ask{op: "R", to: "cse-in/home/g", from: "Chome01"}, code: 2000, show: map[string]string{"ssi": "true"}},
		{name: "C-363 nobody else says it", ask: ask{op: "U", to: "cse-in/home/g", from: "Chome01", body: `{"m2m:grp":{"ssi":false}}`}, code: 4000},
	})
}
