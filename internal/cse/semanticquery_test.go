package cse

import (
	"strings"
	"testing"

	"bulwark/onem2m"
)

// house has lamps in rooms, described in several ways. Cguest1 may discover and
// retrieve what "seen" governs, and only discover what "found" governs.
func house(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.register("Chome01", "home")
	w.register("Cguest1", "guest")
	w.policy("Chome01", "cse-in/home", "seen", `{"acor":["Cguest1"],"acop":34},{"acor":["Chome01"],"acop":63}`)
	w.policy("Chome01", "cse-in/home", "found", `{"acor":["Cguest1"],"acop":32},{"acor":["Chome01"],"acop":63}`)
	const seen, found = `"acpi":["cse-in/home/seen"]`, `"acpi":["cse-in/home/found"]`
	w.container("Chome01", "cse-in/home", "lamp1", seen+`,"lbl":["bright"]`)
	w.describe("Chome01", "cse-in/home/lamp1", "d", "ex:l1 a ex:Lamp ; ex:power 12 ; ex:locatedIn ex:kitchen .", seen)
	w.container("Chome01", "cse-in/home", "lamp2", seen)
	w.describe("Chome01", "cse-in/home/lamp2", "d", "ex:l2 a ex:Lamp ; ex:power 20 .", found)
	w.container("Chome01", "cse-in/home/lamp2", "switch", seen)
	w.describe("Chome01", "cse-in/home/lamp2/switch", "d", "ex:s2 a ex:Switch .", "")
	w.container("Chome01", "cse-in/home", "lamp3", "")
	w.describe("Chome01", "cse-in/home/lamp3", "d", "ex:l3 a ex:Lamp ; ex:power 40 .", seen)
	return w
}

func TestSemanticDiscovery_C435(t *testing.T) {
	t.Parallel()
	w := house(t)
	const lamps = "SELECT ?x WHERE { ?x a ex:Lamp }"
	l1, l2, l3, s2 := "cse-in/home/lamp1", "cse-in/home/lamp2", "cse-in/home/lamp3", "cse-in/home/lamp2/switch"
	for _, tt := range []struct {
		name, from, query string
		edit              func(*onem2m.Request)
		want              []string
	}{
		{"what has a matching description", "Chome01", "", meant(1, lamps), []string{l1, l2, l3}},
		{"without a usage", "Chome01", "", meant(0, lamps), []string{l1, l2, l3}},
		{"sqi false is a discovery", "Chome01", "sqi=false", meant(0, lamps), []string{l1, l2, l3}},
		{"nothing matches", "Chome01", "", meant(1, "SELECT ?x WHERE { ?x a ex:Door }"), nil},
		{"ASK", "Chome01", "", meant(1, "ASK { ?x ex:power ?p FILTER(?p > 15) }"), []string{l2, l3}},
		{"each description is tried alone", "Chome01", "", meant(1, "ASK { ?x ex:power 12 . ?y ex:power 20 }"), nil},
		{"several filters are alternatives", "Chome01", "", meant(1, "ASK { ?x ex:power 12 }", "ASK { ?x a ex:Switch }"), []string{l1, s2}},
		{"with a type", "Chome01", "fu=1&ty=24", meant(0, lamps), nil},
		{"with a label", "Chome01", "fu=1&lbl=bright", meant(0, lamps), []string{l1}},
		{"or a label", "Chome01", "fu=1&lbl=bright&fo=2", meant(0, "ASK { ?x a ex:Switch }"), []string{l1, s2}},
		{"a page", "Chome01", "fu=1&ofst=2&lim=1", meant(0, lamps), []string{l2}},
		{"one level", "Chome01", "fu=1&lvl=1", meant(0, "ASK { ?x a ?y }"), []string{l1, l2, l3}},
		{"relative path", "Chome01", "fu=1&arp=switch", meant(0, lamps), []string{s2}},
		{"who may discover description and resource", "Cguest1", "", meant(1, "ASK { ?x a ?y }"), []string{l1, l2}},
		{"who may discover nothing", "Cthird1", "", meant(1, lamps), nil},
	} {
		t.Run("C-435 "+tt.name, func(t *testing.T) {
			to := "cse-in/home"
			if tt.query != "" {
				to += "?" + tt.query
			}
			res := w.do(ask{op: "R", to: to, from: tt.from, edit: tt.edit})
			if res.Code != onem2m.OK || text(res) != uril(tt.want...) {
				t.Errorf("got %d %s, want %s", res.Code, text(res), uril(tt.want...))
			}
		})
	}
	w.follow(t, []step{
		{name: "C-435 the target's own description", ask: ask{op: "R", to: l1, from: "Chome01", edit: meant(1, lamps)}, code: 2000, body: uril(l1)},
		{name: "C-435 unstructured", ask: ask{op: "R", to: l1 + "?drt=2", from: "Chome01", edit: meant(1, lamps)}, code: 2000, body: uril(w.ri(l1))},
		{name: "C-435 references", ask: ask{op: "R", to: l1 + "?rcn=6", from: "Chome01", edit: meant(1, lamps)}, code: 2000, body: `{"m2m:rrl":{"rrf":[{"nm":"lamp1","typ":3,"val":"cse-in/home/lamp1"}]}}`},
		{name: "C-435 no query", ask: ask{op: "R", to: "cse-in/home", from: "Chome01", edit: meant(1, "SELECT")}, code: 4143},
		{name: "C-435 an update", ask: ask{op: "R", to: "cse-in/home", from: "Chome01", edit: meant(1, "DELETE WHERE { ?s ?p ?o }")}, code: 4143},
		{name: "C-435 the syntax comes before existence", ask: ask{op: "R", to: "cse-in/none", from: "Chome01", edit: meant(1, "SELECT")}, code: 4143},
		{name: "C-435 no target", ask: ask{op: "R", to: "cse-in/none", from: "Chome01", edit: meant(1, lamps)}, code: 4004},
		{name: "C-439 another server", ask: ask{op: "R", to: "cse-in/home", from: "Chome01", edit: meant(1, "ASK { SERVICE <https://example.com/> { ?s ?p ?o } }")}, code: 4143},
		{name: "C-435 rcn 4 isn't for discovery", ask: ask{op: "R", to: "cse-in/home?fu=1&rcn=4", from: "Chome01", edit: meant(0, lamps)}, code: 4000},
		{name: "C-106 a conditional RETRIEVE", ask: ask{op: "R", to: l1, from: "Chome01", edit: meant(2, lamps)}, code: 2000, show: map[string]string{"rn": `"lamp1"`}},
		{name: "C-106 that doesn't match", ask: ask{op: "R", to: s2, from: "Chome01", edit: meant(2, lamps)}, code: 4004},
		{name: "C-125 a conditional DELETE", ask: ask{op: "D", to: s2, from: "Chome01", edit: meant(0, lamps)}, code: 4004},
	})
}

func TestSemanticDiscovery_C435_LinkedDescriptions(t *testing.T) {
	t.Parallel()
	w := house(t)
	const seen = `"acpi":["cse-in/home/seen"]`
	w.container("Chome01", "cse-in/home", "plan", seen)
	w.describe("Chome01", "cse-in/home/plan", "rooms", "ex:kitchen ex:floor 0 . ex:attic ex:floor 3 .", seen)
	w.describe("Chome01", "cse-in/home/plan", "private", "ex:cellar ex:floor 4 .", "")
	w.must(onem2m.Created, ask{op: "C4", to: "cse-in/home/plan", from: "Chome01", body: `{"m2m:cin":{"cnf":"text/turtle:1","con":"` + wrapped("ex:roof ex:floor 5 .") + `"}}`})
	w.must(onem2m.Created, ask{op: "C9", to: "cse-in/home", from: "Chome01", body: `{"m2m:grp":{"rn":"plans","mnm":5,"mid":["cse-in/home/plan/rooms","cse-in/home/plan/la"],` + seen + `}}`})
	put := func(rn, turtle, members string) {
		w.container("Chome01", "cse-in/home", rn, seen)
		w.describe("Chome01", "cse-in/home/"+rn, "d", turtle, members)
	}
	const link = ` ; m2m:resourceDescriptorLink `
	put("a1", `ex:a1 ex:locatedIn ex:attic`+link+`"cse-in/home/plan/rooms" .`, seen)
	put("a2", `ex:a2 ex:locatedIn ex:attic .`, seen+`,"rels":["/id-in/cse-in/home/plan/rooms"]`)
	put("a3", `ex:a3 ex:locatedIn ex:cellar`+link+`"cse-in/home/plan/private" .`, seen)
	put("a4", `ex:a4 ex:locatedIn ex:attic`+link+`"cse-in/home/plan/rooms" .`, seen+`,"rels":["cse-in/home/none","/id-other/x"]`)
	put("a5", `ex:a5 ex:locatedIn ex:roof .`, seen+`,"rels":["cse-in/home/plan/la"]`)
	put("a6", `ex:a6 ex:locatedIn ex:roof .`, seen+`,"rels":["cse-in/home/plans"]`)
	put("a7", `ex:a7 ex:locatedIn ex:attic`+link+`<`+w.ri("cse-in/home/plan/rooms")+`> .`, seen)
	high := "SELECT ?x WHERE { ?x ex:locatedIn ?room . ?room ex:floor ?f FILTER(?f > 2) }"
	for _, tt := range []struct {
		name, from string
		want       []string
	}{
		{"all of the owner's", "Chome01", []string{"a1", "a2", "a3", "a5", "a6", "a7"}},
		{"what isn't in sight is left out", "Cguest1", []string{"a1", "a2", "a5", "a6", "a7"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := w.do(ask{op: "R", to: "cse-in/home", from: tt.from, edit: meant(1, high)})
			var want []string
			for _, rn := range tt.want {
				want = append(want, "cse-in/home/"+rn)
			}
			if text(res) != uril(want...) {
				t.Errorf("got %s, want %s", text(res), uril(want...))
			}
		})
	}
}

// rows returns the values of a variable in a result, in the order of the result.
func rows(t *testing.T, res *onem2m.Response, variable string) string {
	t.Helper()
	if res.Code != onem2m.OK || res.Content == nil || res.Content.Name != "m2m:qres" {
		t.Fatalf("got %d %s", res.Code, text(res))
	}
	result, _ := onem2m.TextOf(res.Content.Value)
	if !strings.HasPrefix(result, `{"results":`) || !strings.HasSuffix(result, "}}") {
		t.Errorf("the result is %s", result)
	}
	all, err := onem2m.ParseObject([]byte(result))
	if err != nil {
		t.Fatal(err)
	}
	results, _ := all.Object("results")
	bindings, _ := results.Objects("bindings")
	var list []string
	for _, binding := range bindings {
		value, _ := binding.Object(variable)
		s, _ := value.Text("value")
		list = append(list, s)
	}
	return strings.Join(list, " ")
}

func TestSemanticQuery_C436(t *testing.T) {
	t.Parallel()
	w := house(t)
	const powers = "SELECT ?p WHERE { ?x ex:power ?p } ORDER BY ?p"
	query := func(to, from, q string) ask {
		return ask{op: "R", to: to + "?sqi=true&rcn=10", from: from, edit: meant(0, q)}
	}
	for _, tt := range []struct{ name, from, to, query, want string }{
		{"all descriptions together", "Chome01", "cse-in/home", powers, "12 20 40"},
		{"one answer over several descriptions", "Chome01", "cse-in/home", "SELECT (SUM(?p) AS ?p1) WHERE { ?x ex:power ?p }", ""},
		{"below the target", "Chome01", "cse-in/home/lamp2", powers, "20"},
		{"what may be retrieved, whatever governs what is above", "Cguest1", "cse-in/home", powers, "12 40"},
		{"nothing", "Cthird1", "cse-in/home", powers, ""},
	} {
		t.Run("C-436 "+tt.name, func(t *testing.T) {
			got := rows(t, w.do(query(tt.to, tt.from, tt.query)), "p")
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	two := query("cse-in/home", "Chome01", powers)
	two.edit = meant(0, powers, powers)
	ignored := query("cse-in/home", "Chome01", powers)
	ignored.to += "&lbl=none&drt=2"
	discovery := query("cse-in/home", "Chome01", powers)
	discovery.edit = meant(1, powers)
	w.follow(t, []step{
		{name: "C-039 rcn 10 without sqi", ask: ask{op: "R", to: "cse-in/home?rcn=10", from: "Chome01", edit: meant(0, powers)}, code: 4000},
		{name: "C-039 rcn 10 alone", ask: ask{op: "R", to: "cse-in/home?rcn=10", from: "Chome01"}, code: 4000},
		{name: "C-039 sqi alone", ask: ask{op: "R", to: "cse-in/home?sqi=true", from: "Chome01"}, code: 4000},
		{name: "C-039 sqi without a filter", ask: ask{op: "R", to: "cse-in/home?sqi=true&rcn=10", from: "Chome01"}, code: 4000},
		{name: "C-039 as a discovery", ask: discovery, code: 4000},
		{name: "C-039 two queries", ask: two, code: 4000},
		{name: "C-436 other conditions are ignored", ask: ignored, code: 2000},
		{name: "C-436 no query", ask: query("cse-in/home", "Chome01", "SELECT"), code: 4143},
		{name: "C-436 no target", ask: query("cse-in/none", "Chome01", powers), code: 4004},
	})
}

func TestSemantics_C440_AreSupported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	types := "," + strings.Trim(w.attribute("cse-in", "srt"), "[]") + ","
	for _, ty := range []string{"24", "38", "39", "40", "41", "42"} {
		if !strings.Contains(types, ","+ty+",") {
			t.Errorf("type %s isn't among the supported ones: %s", ty, types)
		}
	}
}

func TestSemanticQuery_C439_HasBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Chome01", "home")
	var many strings.Builder
	for range 3000 {
		many.WriteString("[] ex:p 1 . ")
	}
	w.describe("Chome01", "cse-in/home", "d", many.String(), "")
	res := w.do(ask{op: "R", to: "cse-in/home?sqi=true&rcn=10", from: "Chome01", edit: meant(0, "SELECT * WHERE { ?a ex:p ?x . ?b ex:p ?x . ?c ex:p ?x }")})
	if res.Code != onem2m.BadRequest {
		t.Errorf("a query that explodes: %d", res.Code)
	}
	res = w.do(ask{op: "R", to: "cse-in/home", from: "Chome01", edit: meant(1, "SELECT * WHERE { ?a ex:p ?x . ?b ex:p ?x . ?c ex:p ?x }")})
	if text(res) != uril() {
		t.Errorf("a description on which the filter explodes spoils the discovery: %d %s", res.Code, text(res))
	}
}
