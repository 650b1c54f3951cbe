package cse

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

const (
	square       = `{"type":"Polygon","coordinates":[[[0,0],[10,0],[10,10],[0,10]]]}`
	here, there  = `{"type":"Point","coordinates":[5,5]}`, `{"type":"Point","coordinates":[50,5]}`
	squareQuoted = `"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[10,0],[10,10],[0,10],[0,0]]]}"`
)

func TestLocationPolicy_Rules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "taken", "")
	c := func(body string) ask {
		return ask{op: "C10", to: "cse-in/app", from: "Capp01", body: `{"m2m:lcp":` + body + `}`}
	}
	u := func(body string) ask {
		return ask{op: "U", to: "cse-in/app/p", from: "Capp01", body: `{"m2m:lcp":` + body + `}`}
	}
	w.follow(t, []step{
		{name: "C-424 no source", ask: c(`{"lou":["PT5S"]}`), code: 4000},
		{name: "C-425 network with a period and no target", ask: c(`{"los":1,"lou":["PT5S"]}`), code: 4000},
		{name: "C-425 network without a server", ask: c(`{"los":1,"luec":0,"lot":"x"}`), code: 4000},
		{name: "C-425 there is no location server", ask: c(`{"los":1,"lou":["PT5S"],"lot":"x","lor":"http://m2m.example/"}`), code: 5001},
		{name: "C-425 nor without a period", ask: c(`{"los":1}`), code: 5001},
		{name: "C-425 lot of a device", ask: c(`{"los":2,"lot":"x"}`), code: 4000},
		{name: "C-425 aid of a device", ask: c(`{"los":2,"aid":"x"}`), code: 4000},
		{name: "C-425 lor of a device", ask: c(`{"los":2,"lor":"x"}`), code: 4000},
		{name: "C-425 rlkl of a device", ask: c(`{"los":3,"rlkl":true}`), code: 4000},
		{name: "C-425 luec of a device", ask: c(`{"los":2,"luec":0}`), code: 4000},
		{name: "C-426 zero beside a period", ask: c(`{"los":2,"lou":["PT0S","PT5S"]}`), code: 4000},
		{name: "C-424 the container named like the policy", ask: c(`{"rn":"p","los":2,"lon":"p"}`), code: 4000},
		{name: "C-424 no name", ask: c(`{"rn":"p","los":2,"lon":"a/b"}`), code: 4000},
		{name: "C-424 a name that is taken", ask: c(`{"rn":"p","los":2,"lon":"taken"}`), code: 4105},
		{name: "C-428 no area", ask: c(`{"los":2,"gta":"wrong"}`), code: 4000},
		{name: "C-428 a point is no area", ask: c(`{"los":2,"gta":` + here + `}`), code: 4000},
		{name: "C-428 two corners", ask: c(`{"los":2,"gta":[[1,1],[2,2]]}`), code: 4000},
		{name: "C-428 an area in a string", ask: c(`{"los":3,"gta":` + squareQuoted + `}`), code: 2001},
		{name: "C-428 an area of corners", ask: c(`{"los":2,"gta":[[0,0],[1,0],[1,1]]}`), code: 2001},
		{name: "C-424 minimal", ask: c(`{"rn":"p","los":2,"lon":"positions"}`), code: 2001, show: map[string]string{"lost": `""`, "lit": "1", "loi": "*"}},
		{name: "C-428 a bad area in an UPDATE", ask: u(`{"gta":"wrong"}`), code: 4000},
		{name: "C-425 luec in an UPDATE", ask: u(`{"luec":0}`), code: 4000},
		{name: "C-427 the status is the CSE's", ask: u(`{"lost":"x"}`), code: 4000},
		{name: "C-428 an area in an UPDATE", ask: u(`{"lit":2,"gta":` + square + `}`), code: 2004},
	})
}

func TestLocationPolicy_C424_TheContainerIsASiblingThatIsLinked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.policy("Capp01", "cse-in/app", "acp", `{"acor":["Capp02"],"acop":2}`)
	acp := w.ri("cse-in/app/acp")
	made := w.must(onem2m.Created, ask{op: "C10", to: "cse-in/app", from: "Capp01", body: `{"m2m:lcp":{"los":2,"lon":"positions","acpi":["` + acp + `"]}}`})
	loi, _ := made.Text("loi")
	ri, _ := made.Text("ri")
	container := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/positions", from: "CAdmin"})
	got := [3]string{}
	got[0], _ = container.Text("ri")
	got[1], _ = container.Text("li")
	got[2] = string(container.Get("acpi"))
	if diff := cmp.Diff([3]string{loi, ri, `["` + acp + `"]`}, got); diff != "" {
		t.Error(diff)
	}
}

func TestLocationPolicy_C429_TheContainerGoesWithIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	policy := func(more string) {
		t.Helper()
		w.must(onem2m.Created, ask{op: "C10", to: "cse-in/app", from: "Capp01", body: `{"m2m:lcp":{"rn":"p","los":2,"lon":"positions"` + more + `}}`})
		w.instance("Capp01", "cse-in/app/positions", "i", "x")
	}
	gone := func() {
		t.Helper()
		w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/positions", from: "CAdmin"})
	}
	policy("")
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/p", from: "Capp01"})
	gone()
	policy(`,"et":"20260304T103100"`)
	w.advance(2 * time.Minute)
	if err := w.c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone()
	policy("")
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/positions", from: "Capp01"}) // it may go before
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/p", from: "Capp01"})
	policy("")
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app", from: "Capp01"})
	if err := w.c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone()
}

// Both expire together with their parent, which is then given a longer life.
func TestLocationPolicy_C429_BothExpireAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Capp01", body: `{"m2m:ae":{"rn":"app","api":"Ntest","rr":false,"srv":["3"],"et":"20260304T103100"}}`})
	w.must(onem2m.Created, ask{op: "C10", to: "cse-in/app", from: "Capp01", body: `{"m2m:lcp":{"rn":"p","los":2,"lon":"positions"}}`})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"et":"20260404T103100"}}`})
	w.advance(2 * time.Minute)
	if err := w.c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"cse-in/app/p", "cse-in/app/positions"} {
		w.must(onem2m.NotFound, ask{op: "R", to: to, from: "CAdmin"})
	}
}

func TestGeofence_C428_Events(t *testing.T) {
	t.Parallel()
	path := []string{here, here, there, there, here, `"no position"`, `{"typ":1,"crd":"[5,6]"}`}
	for _, tt := range []struct {
		name, event string
		want        []string // what <latest> has behind each step; "" for the position itself
	}{
		{"C-428 entering", "1", []string{"", "", "", "", "1", "", ""}},
		{"C-428 leaving", "2", []string{"", "", "2", "", "", "", ""}},
		{"C-428 inside", "3", []string{"3", "3", "", "", "", "", "3"}},
		{"C-428 outside", "4", []string{"", "", "", "4", "", "", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.register("Capp01", "app")
			w.must(onem2m.Created, ask{op: "C10", to: "cse-in/app", from: "Capp01", body: `{"m2m:lcp":{"los":2,"lit":2,"lon":"positions","gta":` + square + `,"gec":` + tt.event + `}}`})
			for i, position := range path {
				w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/positions", from: "Capp01", body: `{"m2m:cin":{"con":` + position + `}}`})
				want := tt.want[i]
				if want == "" {
					want = position
				}
				latest := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/positions/la", from: "Capp01"})
				if got := string(latest.Get("con")); got != want {
					t.Errorf("step %d: the latest instance has %s, want %s", i, got, want)
				}
			}
		})
	}
}

func TestGeofence_C428_CountsAndANewArea(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.must(onem2m.Created, ask{op: "C10", to: "cse-in/app", from: "Capp01", body: `{"m2m:lcp":{"rn":"p","los":2,"lit":2,"lon":"positions","gta":` + square + `,"gec":2}}`})
	put := func(position, cni string) {
		t.Helper()
		w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/positions", from: "Capp01", body: `{"m2m:cin":{"con":` + position + `}}`})
		if got := w.attribute("cse-in/app/positions", "cni"); got != cni {
			t.Errorf("cni is %s, want %s", got, cni)
		}
	}
	put(there, "2")
	put(there, "3")
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/p", from: "Capp01", body: `{"m2m:lcp":{"gta":` + square + `}}`})
	put(there, "5")
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/p", from: "Capp01", body: `{"m2m:lcp":{"gta":null}}`})
	put(here, "6")
	put(there, "7")
}
