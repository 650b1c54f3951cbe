package federation

import (
	"encoding/base64"
	"strings"
	"testing"
)

// A mashup on the IN-CSE is made of what two CSEs below have, as far as they let its
// creator see it.
func TestMashup_C438_MembersOnThreeCSEs(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	in := tr.in.plain
	rdf := func(statements string) string {
		return base64.StdEncoding.EncodeToString([]byte(`<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:mu="urn:bulwark:mashup#">` + statements + `</rdf:RDF>`))
	}
	const average = `<rdf:Description rdf:about="urn:f"><mu:query>PREFIX mu: &lt;urn:bulwark:mashup#&gt; SELECT (AVG(?v) AS ?average) WHERE { ?m mu:value ?v }</mu:query></rdf:Description>`
	for _, name := range []string{"visitor", "guest"} {
		in.Make(t, "C"+name, "/cse-in", 2, `{"m2m:ae":{"rn":"`+name+`","api":"N.example.test","rr":false,"srv":["3"]}}`)
	}
	tr.mn.open(t, "near", "/id-in/Cvisitor")
	tr.asn.open(t, "far", "/id-in/Cvisitor")
	tr.asn.open(t, "shut", "/id-in/Cnobody")
	for _, one := range []struct {
		b         *box
		in, value string
	}{{tr.mn, "near", "10"}, {tr.asn, "far", "20"}, {tr.asn, "shut", "90"}} {
		one.b.plain.Create(t, "CAdmin", "/"+one.b.name+"/"+one.in, 4, `{"m2m:cin":{"con":"`+one.value+`"}}`).Expect(t, 2001, 201)
	}
	in.Make(t, "CAdmin", "/cse-in", 1, `{"m2m:acp":{"rn":"all","pv":{"acr":[{"acor":["Cvisitor","Cguest"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	in.Make(t, "CAdmin", "/cse-in", 40, `{"m2m:smjp":{"rn":"profile","acpi":["cse-in/all"],"mbft":"SELECT ?x WHERE { ?x a <urn:none> }","uptd":"`+rdf("")+`","fucd":"`+rdf(average)+`"}}`)
	instance := func(rn string, members ...string) string {
		return `{"m2m:smi":{"rn":"` + rn + `","mjid":"cse-in/profile","jpin":"` + rdf("") + `","mst":2,"rgt":2,"acpi":["cse-in/all"],"msm":{"msm":[{"muri":"` + strings.Join(members, `"},{"muri":"`) + `"}]}}}`
	}
	made := in.Create(t, "Cvisitor", "/cse-in/visitor", 41, instance("m", "/id-mn/cse-mn/near", "/id-asn/cse-asn/far"))
	made.Expect(t, 2001, 201)
	if !strings.Contains(made.Body, `"mvl":10`) || !strings.Contains(made.Body, `"mvl":20`) {
		t.Errorf("the members: %s", made)
	}
	in.Create(t, "Cvisitor", "/cse-in/visitor", 41, instance("x", "/id-mn/cse-mn/near", "/id-asn/cse-asn/shut")).Expect(t, 4121, 404)
	for _, who := range []string{"Cvisitor", "Cguest"} { // the data are the creator's to see, and the result theirs
		result := in.Get(t, who, "/cse-in/visitor/m/msp")
		result.Expect(t, 2000, 200)
		text, err := base64.StdEncoding.DecodeString(result.Text("mrt"))
		if err != nil || !strings.Contains(string(text), `"1.5E1"`) {
			t.Errorf("for %s: %s", who, text)
		}
	}
	tr.asn.halt()
	in.Get(t, "Cguest", "/cse-in/visitor/m/msp").Expect(t, 4121, 404)
}
