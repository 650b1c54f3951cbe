package semantic

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"bulwark/test/harness"
)

const (
	formatRDFXML = 4
	formatTurtle = 5
	formatJSONLD = 7
)

// device is one device with its description, each in a format of its own.
type device struct {
	name        string
	format      int
	description string
}

var devices = []device{
	{"washer", formatRDFXML, `<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:ex="https://ontology.example/plant#">
  <ex:Washer rdf:about="https://example.com/devices/washer">
    <ex:locatedIn rdf:resource="https://example.com/rooms/cellar"/>
    <ex:power rdf:datatype="http://www.w3.org/2001/XMLSchema#integer">2200</ex:power>
  </ex:Washer>
</rdf:RDF>`},
	{"pump", formatTurtle, `@prefix ex: <https://ontology.example/plant#> .
<https://example.com/devices/pump> a ex:Pump ; ex:locatedIn <https://example.com/rooms/cellar> ; ex:power 400 .`},
	{"lamp", formatJSONLD, `{"@context":{"ex":"https://ontology.example/plant#"},"@id":"https://example.com/devices/lamp","@type":"ex:Lamp",
"ex:locatedIn":{"@id":"https://example.com/rooms/attic"},"ex:power":12}`},
}

func (d device) body(acpi string) string {
	return fmt.Sprintf(`{"m2m:smd":{"rn":"meaning","dcrp":%d,"dsp":%q%s}}`, d.format, base64.StdEncoding.EncodeToString([]byte(d.description)), acpi)
}

const prefix = "PREFIX ex: <https://ontology.example/plant#> "

// filter is a query as a part of a URL.
func filter(query string) string {
	return "smf=" + strings.ReplaceAll(url.QueryEscape(prefix+query), "+", "%20")
}

// plant starts a CSE with all devices. Creader01 may discover and retrieve their
// descriptions; the pump is hidden from it.
func plant(t *testing.T) *harness.Client {
	t.Helper()
	p := harness.Start(t, "", "--https", "off", "--http", "127.0.0.1:0", "--trust-plain")
	c := harness.NewClient(t, p.HTTP, nil, 1)
	c.Register(t, "Cplant01", "plant")
	c.Register(t, "Creader01", "reader")
	c.Make(t, "Cplant01", "/cse-in/plant", 1, `{"m2m:acp":{"rn":"read","pv":{"acr":[{"acor":["Creader01"],"acop":34},{"acor":["Cplant01"],"acop":63}]},"pvs":{"acr":[{"acor":["Cplant01"],"acop":63}]}}}`)
	for _, d := range devices {
		acpi := `,"acpi":["cse-in/plant/read"]`
		if d.name == "pump" {
			acpi = ""
		}
		c.Make(t, "Cplant01", "/cse-in/plant", 3, `{"m2m:cnt":{"rn":"`+d.name+`"`+acpi+`}}`)
		c.Make(t, "Cplant01", "/cse-in/plant/"+d.name, 24, d.body(acpi))
	}
	return c
}

func TestSemantic_C435_DevicesAreFoundByWhatTheyAre(t *testing.T) {
	t.Parallel()
	c := plant(t)
	const inCellar = "SELECT ?d WHERE { ?d ex:locatedIn <https://example.com/rooms/cellar> }"
	for _, tt := range []struct {
		name, from, target string
		want               []string
	}{
		{"in any format", "Cplant01", "/cse-in/plant?fu=1&" + filter(inCellar), []string{"cse-in/plant/washer", "cse-in/plant/pump"}},
		{"those in sight", "Creader01", "/cse-in/plant?fu=1&" + filter(inCellar), []string{"cse-in/plant/washer"}},
		{"alternatives", "Cplant01", "/cse-in?fu=1&" + filter("ASK { ?d a ex:Lamp }") + "&" + filter("ASK { ?d a ex:Pump }"), []string{"cse-in/plant/pump", "cse-in/plant/lamp"}},
		{"a comparison", "Creader01", "/cse-in?" + filter("ASK { ?d ex:power ?p FILTER(?p > 1000) }"), []string{"cse-in/plant/washer"}},
		{"nothing", "Cplant01", "/cse-in?fu=1&" + filter("ASK { ?d a ex:Lift }"), nil},
	} {
		a := c.Get(t, tt.from, tt.target)
		a.Expect(t, 2000, 200)
		if list, ok := a.List(); !ok || !slices.Equal(list, tt.want) {
			t.Errorf("%s: got %s, want %v", tt.name, a, tt.want)
		}
	}
	c.Get(t, "Cplant01", "/cse-in/plant?fu=1&"+filter("SELECT WHERE")).Expect(t, 4143, 400)
}

// results is the SPARQL results format for JSON.
type results struct {
	Results struct {
		Bindings []map[string]struct {
			Value string `json:"value"`
		} `json:"bindings"`
	} `json:"results"`
}

func TestSemantic_C436_TheDescriptionsAnswerQueries(t *testing.T) {
	t.Parallel()
	c := plant(t)
	ask := func(from, query string) results {
		t.Helper()
		a := c.Get(t, from, "/cse-in/plant?sqi=true&rcn=10&"+filter(query))
		a.Expect(t, 2000, 200)
		var content struct {
			Result string `json:"m2m:qres"`
		}
		var r results
		if err := json.Unmarshal([]byte(a.Body), &content); err != nil {
			t.Fatalf("%v in %s", err, a.Body)
		}
		if err := json.Unmarshal([]byte(content.Result), &r); err != nil {
			t.Fatalf("%v in %s", err, content.Result)
		}
		return r
	}
	const perRoom = "SELECT ?room (SUM(?p) AS ?total) WHERE { ?d ex:locatedIn ?room ; ex:power ?p } GROUP BY ?room ORDER BY DESC(?total)"
	for from, want := range map[string][]string{"Cplant01": {"2600", "12"}, "Creader01": {"2200", "12"}, "Cnobody01": nil} {
		var got []string
		for _, binding := range ask(from, perRoom).Results.Bindings {
			got = append(got, binding["total"].Value)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", from, got, want)
		}
	}
	c.Get(t, "Cplant01", "/cse-in/plant?sqi=true&"+filter(perRoom)).Expect(t, 4000, 400)
	c.Get(t, "Cplant01", "/cse-in/plant?rcn=10&"+filter(perRoom)).Expect(t, 4000, 400)
}

func TestSemantic_C432_ADeviceMovesToAnotherRoom(t *testing.T) {
	t.Parallel()
	c := plant(t)
	move := prefix + "DELETE { ?d ex:locatedIn ?room } INSERT { ?d ex:locatedIn <https://example.com/rooms/hall> } WHERE { ?d ex:locatedIn ?room }"
	for _, d := range devices {
		c.Update(t, "Cplant01", "/cse-in/plant/"+d.name+"/meaning", `{"m2m:smd":{"soe":"`+move+`"}}`).Expect(t, 2004, 200)
	}
	a := c.Get(t, "Cplant01", "/cse-in/plant?fu=1&"+filter("ASK { ?d ex:locatedIn <https://example.com/rooms/hall> }"))
	if list, _ := a.List(); len(list) != len(devices) {
		t.Errorf("got %s", a)
	}
	c.Update(t, "Cplant01", "/cse-in/plant/lamp/meaning", `{"m2m:smd":{"soe":"MOVE"}}`).Expect(t, 4143, 400)
}
