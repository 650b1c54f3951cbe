package cse

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

// rdfXML is a description in RDF/XML and base64 with the given statements.
func rdfXML(statements string) string {
	return base64.StdEncoding.EncodeToString([]byte(`<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" ` +
		`xmlns:ex="https://ontology.example/home#" xmlns:mu="urn:bulwark:mashup#">` + statements + `</rdf:RDF>`))
}

// smjp is the Content of a profile that averages the values of thermometers.
func smjp(rn string, members string) string {
	return `{"m2m:smjp":{"rn":"` + rn + `","mbft":"` + homeQuery + `SELECT ?x WHERE { ?x a ex:Thermometer }",` +
		`"uptd":"` + rdfXML("") + `",` + members + `}}`
}

const average = `<rdf:Description rdf:about="urn:f"><mu:query>PREFIX mu: &lt;urn:bulwark:mashup#&gt; SELECT (AVG(?v) AS ?average) WHERE { ?m mu:value ?v }</mu:query></rdf:Description>`

// weather has three thermometers with readings, one of them hidden from guests,
// and a profile for the average.
func weather(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.register("Chome01", "home")
	w.register("Cguest1", "guest")
	w.policy("Chome01", "cse-in/home", "seen", `{"acor":["Cguest1"],"acop":63},{"acor":["Chome01"],"acop":63}`)
	for i, reading := range []string{"20", "22.5", "24"} {
		name, acpi := "t"+string(rune('1'+i)), `"acpi":["cse-in/home/seen"]`
		if i == 2 {
			acpi = ""
		}
		w.container("Chome01", "cse-in/home", name, acpi)
		w.instance("Chome01", "cse-in/home/"+name, "old", "0")
		w.instance("Chome01", "cse-in/home/"+name, "new", reading)
		w.describe("Chome01", "cse-in/home/"+name, "d", "ex:"+name+" a ex:Thermometer .", acpi)
	}
	w.policy("CAdmin", "cse-in", "profiles", `{"acor":["Chome01","Cguest1"],"acop":63}`)
	w.profile(smjp("profile", `"fucd":"`+rdfXML(average)+`","acpi":["cse-in/profiles"]`))
	return w
}

// profile makes a profile.
func (w *world) profile(body string) {
	w.t.Helper()
	w.must(onem2m.Created, ask{op: "C40", to: "cse-in", from: "CAdmin", body: body})
}

// smi is the Content of an instance of the profile.
func smi(rn, members string) string {
	return `{"m2m:smi":{"rn":"` + rn + `","mjid":"cse-in/profile","jpin":"` + rdfXML("") + `",` + members + `}}`
}

// results returns the averages that an instance has come to.
func (w *world) averages(instance string) []string {
	w.t.Helper()
	res := w.do(ask{op: "R", to: instance + "?rcn=8&ty=42", from: "CAdmin"})
	all, err := onem2m.ParseObject(res.Content.Value)
	if err != nil {
		w.t.Fatal(err)
	}
	list, _ := all.Objects("m2m:smr")
	var values []string
	for _, o := range list {
		values = append(values, w.average(o))
	}
	return values
}

// average reads the value in a result.
func (w *world) average(result onem2m.Object) string {
	w.t.Helper()
	if mrf, _ := result.Texts("mrf"); !cmp.Equal(mrf, []string{"application/json"}) {
		w.t.Errorf("mrf is %q", mrf)
	}
	data := unwrapped(w.t, string(result.Get("mrt")))
	_, after, _ := strings.Cut(data, `"value":"`)
	text, _, _ := strings.Cut(after, `"`)
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		w.t.Error(err)
	}
	return strconv.FormatFloat(value, 'f', 3, 64)
}

func TestMashup_C438_ProfilesAreChecked(t *testing.T) {
	t.Parallel()
	w := weather(t)
	create := func(body string) ask { return ask{op: "C40", to: "cse-in", from: "CAdmin", body: body} }
	ok := rdfXML(average)
	w.follow(t, []step{
		{name: "C-438 the function isn't RDF/XML", ask: create(smjp("p", `"fucd":"`+wrapped("ex:a ex:b 1 .")+`"`)), code: 4000},
		{name: "C-438 the input isn't RDF/XML", ask: create(smjp("p", `"fucd":"`+ok+`","iptd":"eA=="`)), code: 4000},
		{name: "C-438 no base64", ask: create(smjp("p", `"fucd":"wrong"`)), code: 4000},
		{name: "C-438 the filter is no query", ask: create(strings.Replace(smjp("p", `"fucd":"`+ok+`"`), "SELECT", "FIND", 1)), code: 4143},
		{name: "C-438 a profile", ask: create(smjp("p", `"fucd":"`+ok+`"`)), code: 2001},
		{name: "C-438 an UPDATE of the filter", ask: ask{op: "U", to: "cse-in/p", from: "CAdmin", body: `{"m2m:smjp":{"mbft":"FIND"}}`}, code: 4143},
		{name: "C-438 an UPDATE of the output", ask: ask{op: "U", to: "cse-in/p", from: "CAdmin", body: `{"m2m:smjp":{"uptd":"eA=="}}`}, code: 4000},
	})
}

func TestMashup_C438_AnInstanceFindsItsMembersAndComputes(t *testing.T) {
	t.Parallel()
	w := weather(t)
	create := func(from, body string) ask { return ask{op: "C41", to: "cse-in/home", from: from, body: body} }
	const open = `,"acpi":["cse-in/profiles"]`
	w.profile(strings.Replace(smjp("none", `"fucd":"`+rdfXML(average)+`"`+open), "Thermometer", "Barometer", 1))
	w.profile(smjp("mute", `"fucd":"`+rdfXML("")+`"`+open))
	w.profile(smjp("asks", `"fucd":"`+rdfXML(average)+`","iptd":"`+rdfXML(`<ex:Unit/>`)+`"`+open))
	of := func(profile, members string) string {
		return strings.Replace(smi("m", members), "cse-in/profile", "cse-in/"+profile, 1)
	}
	w.follow(t, []step{
		{name: "C-438 no profile", ask: create("Chome01", of("nothing", `"mst":1,"rgt":1`)), code: 4000},
		{name: "C-438 another resource", ask: create("Chome01", of("home/t1", `"mst":1,"rgt":1`)), code: 4000},
		{name: "C-438 no member", ask: create("Chome01", of("none", `"mst":1,"rgt":1`)), code: 4121},
		{name: "C-438 a function that can't be carried out", ask: create("Chome01", of("mute", `"mst":1,"rgt":2`)), code: 5001},
		{name: "C-438 an input parameter is missing", ask: create("Chome01", of("asks", `"mst":1,"rgt":1`)), code: 4000},
		{name: "C-438 the input isn't RDF/XML", ask: create("Chome01", strings.Replace(smi("m", `"mst":1,"rgt":1`), rdfXML(""), "eA==", 1)), code: 4000},
		{name: "C-438 periodically without a period", ask: create("Chome01", smi("m", `"mst":1,"rgt":3`)), code: 4000},
		{name: "C-438 all the time", ask: create("Chome01", smi("m", `"mst":1,"rgt":3,"prg":"PT0.001S"`)), code: 4000},
		{name: "C-438 at its creation", ask: create("Chome01", smi("m", `"mst":2,"rgt":1`)), code: 2001, show: map[string]string{
			"msm": `{"msm":[{"muri":"cse-in/home/t1","mvl":20},{"muri":"cse-in/home/t2","mvl":22.5},{"muri":"cse-in/home/t3","mvl":24}]}`,
		}},
	})
	if diff := cmp.Diff([]string{"22.167"}, w.averages("cse-in/home/m")); diff != "" {
		t.Error(diff)
	}
	if got := w.attribute("cse-in/profile", "miid"); got != `["`+w.ri("cse-in/home/m")+`"]` {
		t.Errorf("miid of the profile is %s", got)
	}
	w.instance("Chome01", "cse-in/home/t1", "newer", "26")
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/home/m", from: "Chome01", body: `{"m2m:smi":{"jpin":"` + rdfXML(`<ex:Unit/>`) + `"}}`})
	if diff := cmp.Diff([]string{"22.167", "24.167"}, w.averages("cse-in/home/m")); diff != "" {
		t.Error(diff)
	}
	got := w.must(onem2m.Updated, ask{op: "U", to: "cse-in/home/m", from: "Chome01", body: `{"m2m:smi":{"mst":1}}`})
	if strings.Contains(string(got.Get("msm")), "mvl") {
		t.Errorf("members are %s", got.Get("msm"))
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/home/m", from: "Chome01", body: `{"m2m:smi":{"rgt":4}}`})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/home/m", from: "Chome01", body: `{"m2m:smi":{"msm":{"msm":[{"muri":"cse-in/home/t1"}]}}}`})
	if diff := cmp.Diff([]string{"22.167", "24.167", "26.000"}, w.averages("cse-in/home/m")); diff != "" {
		t.Error(diff)
	}
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/profile", from: "CAdmin"})
	if got := w.attribute("cse-in/home/m", "mjid"); got != "" {
		t.Errorf("mjid is %s after the profile was deleted", got)
	}
}

func TestMashup_C438_OnRequest(t *testing.T) {
	t.Parallel()
	w := weather(t)
	w.must(onem2m.Created, ask{op: "C41", to: "cse-in/home", from: "Chome01", body: smi("m", `"mst":1,"rgt":2,"acpi":["cse-in/home/seen"]`)})
	if n := len(w.averages("cse-in/home/m")); n != 0 {
		t.Fatalf("%d results before anybody asked", n)
	}
	got := w.must(onem2m.OK, ask{op: "R", to: "cse-in/home/m/msp", from: "Chome01"})
	if v := w.average(got); v != "22.167" {
		t.Errorf("the average is %s", v)
	}
	result := "cse-in/home/m/" + strings.Trim(string(got.Get("rn")), `"`)
	w.follow(t, []step{
		{name: "C-438 the result is kept", ask: ask{op: "R", to: result, from: "Chome01"}, code: 2000, show: map[string]string{"mrt": string(got.Get("mrt")), "jpin": `"` + rdfXML("") + `"`}},
		{name: "C-438 for those who see the instance", ask: ask{op: "R", to: result, from: "Cguest1"}, code: 2000},
		{name: "C-438 nobody makes one", ask: ask{op: "C42", to: "cse-in/home/m", from: "Chome01", body: `{"m2m:smr":{}}`}, code: 4005},
		{name: "C-438 nobody changes one", ask: ask{op: "U", to: result, from: "Chome01", body: `{"m2m:smr":{}}`}, code: 4005},
		{name: "C-438 one is deleted", ask: ask{op: "D", to: result, from: "Chome01"}, code: 2002},
		{name: "C-027 the policies of the instance", ask: ask{op: "R", to: "cse-in/home/m/msp", from: "Cother1"}, code: 4103},
		{name: "C-027 admit a guest, for whom the creator's data are read", ask: ask{op: "R", to: "cse-in/home/m/msp", from: "Cguest1"}, code: 2000},
		{name: "C-438 but a guest doesn't choose what is read", ask: ask{op: "U", to: "cse-in/home/m", from: "Cguest1", body: `{"m2m:smi":{"msm":{"msm":[{"muri":"cse-in/home/t3"}]}}}`}, code: 4103},
		{name: "C-438 nor how", ask: ask{op: "U", to: "cse-in/home/m", from: "Cguest1", body: `{"m2m:smi":{"mjid":"cse-in/profile"}}`}, code: 4103},
		{name: "C-438 only the rest", ask: ask{op: "U", to: "cse-in/home/m", from: "Cguest1", body: `{"m2m:smi":{"lbl":["x"]}}`}, code: 2004},
		{name: "C-438 C", ask: ask{op: "C3", to: "cse-in/home/m/msp", from: "Chome01", body: `{"m2m:cnt":{}}`}, code: 4005},
		{name: "C-438 U", ask: ask{op: "U", to: "cse-in/home/m/msp", from: "Chome01", body: `{"m2m:smi":{}}`}, code: 4005},
		{name: "C-438 D", ask: ask{op: "D", to: "cse-in/home/m/msp", from: "Chome01"}, code: 4005},
		{name: "C-438 a member has no data any more", ask: ask{op: "U", to: "cse-in/home/t1", from: "Chome01", body: `{"m2m:cnt":{"mni":0}}`}, code: 2004},
		{name: "C-438 so there is no result", ask: ask{op: "R", to: "cse-in/home/m/msp", from: "Chome01"}, code: 4121},
	})
}

func TestMashup_ResultsHaveABound(t *testing.T) {
	t.Parallel()
	w := weather(t)
	w.must(onem2m.Created, ask{op: "C41", to: "cse-in/home", from: "Chome01", body: smi("m", `"mst":1,"rgt":2`)})
	for range maxMashupResults + 3 {
		w.must(onem2m.OK, ask{op: "R", to: "cse-in/home/m/msp", from: "Chome01"})
	}
	if n := len(w.averages("cse-in/home/m")); n != maxMashupResults {
		t.Errorf("%d results are kept", n)
	}
}

func TestMashup_C438_Periodically(t *testing.T) {
	t.Parallel()
	w := weather(t)
	w.must(onem2m.Created, ask{op: "C41", to: "cse-in/home", from: "Chome01", body: smi("m", `"mst":1,"rgt":3,"prg":"PT1M"`)})
	pass := func(d time.Duration, want int) {
		t.Helper()
		w.advance(d)
		if _, err := w.c.MakeMashups(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(w.averages("cse-in/home/m")); n != want {
			t.Errorf("%d results, want %d", n, want)
		}
	}
	pass(59*time.Second, 0)
	pass(2*time.Second, 1)
	pass(10*time.Minute, 2) // what was missed isn't made up for
	again := &CSE{Options: w.c.Options, mashups: newAlarms()}
	if err := again.rearmMashups(t.Context()); err != nil {
		t.Fatal(err)
	}
	if id, at := again.mashups.first(); id == 0 || at != onem2m.TimestampOf(w.now().Add(time.Minute)) {
		t.Errorf("after a start the next result is due at %s", at)
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/home/t1", from: "Chome01", body: `{"m2m:cnt":{"mni":0}}`})
	pass(time.Minute, 2) // no data
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/home/m", from: "Chome01", body: `{"m2m:smi":{"rgt":2}}`})
	pass(time.Hour, 2)
}

func TestMashup_C438_ReadsWithThePrivilegesOfItsCreator(t *testing.T) {
	t.Parallel()
	w := weather(t)
	w.must(onem2m.Created, ask{op: "C41", to: "cse-in/guest", from: "Cguest1", body: smi("m", `"mst":1,"rgt":4`)})
	name := func(member string) ask {
		return ask{op: "U", to: "cse-in/guest/m", from: "Cguest1", body: `{"m2m:smi":{"msm":{"msm":[{"muri":"` + member + `"}]}}}`}
	}
	w.follow(t, []step{
		{name: "C-438 what the creator may discover", ask: ask{op: "R", to: "cse-in/guest/m#msm", from: "Cguest1"}, code: 2000, show: map[string]string{
			"msm": `{"msm":[{"muri":"cse-in/home/t1"},{"muri":"cse-in/home/t2"}]}`,
		}},
		{name: "C-438 what it may not retrieve", ask: name("cse-in/home/t3"), code: 4121},
		{name: "C-438 of any type", ask: name("cse-in/home"), code: 4121},
		{name: "C-438 is as what isn't there", ask: name("cse-in/home/t9"), code: 4121},
		{name: "C-438 what it may", ask: name("cse-in/home/t2"), code: 2004},
	})
	if diff := cmp.Diff([]string{"22.500"}, w.averages("cse-in/guest/m")); diff != "" {
		t.Error(diff)
	}
}
