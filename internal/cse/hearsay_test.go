package cse

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulwark/internal/definition"
	"bulwark/onem2m"
)

// quarter is a house with a neighbour: another CSE whose descriptions it leads to.
func quarter(t *testing.T) (w *world, far *abroad) {
	t.Helper()
	w, c := crossroads(t)
	far = &abroad{holds: map[string]*onem2m.Content{}}
	c.answer = func(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
		if req.From != "/id-in/Clamp" {
			t.Errorf("%s is asked for by %s", req.To, req.From)
		}
		asked := *req
		if req.ResultContent != nil && *req.ResultContent == 8 {
			asked.To += "*"
		}
		res, err := far.Answer(ctx, &asked)
		if res != nil && res.From == "" {
			res.From = "/id-open"
		}
		return res, err
	}
	w.policy("Clamp", "cse-in/lamp", "seen", `{"acor":["Clamp"],"acop":63}`)
	return w, far
}

// farSmd is a representation of a description on the other CSE.
func farSmd(ri, turtle, more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"ty":24,"ri":"` + ri + `","pi":"` + ri + `-parent","dcrp":5,"dsp":"` + wrapped(turtle) + `"` + more + `}`
}

const farLink = ` ; m2m:resourceDescriptorLink `

func TestSemanticDiscovery_C435_DescriptionsOfOtherCSEs(t *testing.T) {
	t.Parallel()
	w, far := quarter(t)
	far.put("/id-open/cse/rooms", "m2m:smd", farSmd("/id-open/s1", "ex:attic ex:floor 3 .", ""))
	far.put("/id-open/cse/first", "m2m:smd", farSmd("s2", `ex:hall a ex:Room`+farLink+`"cse/second" .`, "")) // relative there
	far.put("/id-open/cse/second", "m2m:smd", farSmd("s3", `ex:attic ex:floor 4`+farLink+`"/id-open/cse/first" .`, ""))
	far.put("/id-open/cse/plans", "m2m:grp", `{"ty":9,"mid":["cse/rooms","/id-in/cse-in/lamp/own"]}`)
	far.put("/id-open/cse/log/la", "m2m:cin", `{"ty":4,"ri":"c1","cnf":"text/turtle:1","con":"`+wrapped("ex:attic ex:floor 5 .")+`"}`)
	far.put("/id-open/cse/lie", "m2m:smd", `{"ty":24,"dcrp":5,"dsp":"bm8gdHVydGxl"}`)
	far.put("/id-open/cse/odd", "m2m:cnt", `{"ty":3}`)
	w.container("Clamp", "cse-in/lamp", "own", "")
	for name, tt := range map[string]struct {
		link, members string
		found         bool
	}{
		"a link":                           {`"/id-open/cse/rooms"`, "", true},
		"an absolute one":                  {`<m2m://m2m.example/id-open/cse/rooms>`, "", true},
		"over several steps and in a ring": {`"/id-open/cse/first"`, "", true},
		"relatedSemantics":                 {`""`, `"rels":["/id-open/cse/rooms"]`, true},
		"a group there":                    {`""`, `"rels":["/id-open/cse/plans"]`, true},
		"an instance":                      {`"/id-open/cse/log/la"`, "", true},
		"nothing is there":                 {`"/id-open/cse/none"`, "", false},
		"what is no RDF":                   {`"/id-open/cse/lie"`, "", false},
		"what has no description":          {`"/id-open/cse/odd"`, "", false},
		"a CSE that nobody knows":          {`"/id-shut/cse/x"`, "", false},
		"the web":                          {`<https://example.com/rooms>`, "", false},
	} {
		t.Run("C-435 "+name, func(t *testing.T) {
			rn := "d" + strings.ReplaceAll(name, " ", "")
			w.container("Clamp", "cse-in/lamp", rn, "")
			w.describe("Clamp", "cse-in/lamp/"+rn, "d", `ex:it ex:locatedIn ex:attic`+farLink+tt.link+` .`, tt.members)
			res := w.do(ask{op: "R", to: "cse-in/lamp/" + rn, from: "Clamp", edit: meant(1, "SELECT ?x WHERE { ?x ex:locatedIn ?r . ?r ex:floor ?f FILTER(?f > 2) }")})
			want := uril()
			if tt.found {
				want = uril("cse-in/lamp/" + rn)
			}
			if text(res) != want {
				t.Errorf("got %d %s, want %s", res.Code, text(res), want)
			}
		})
	}
}

func TestSemanticDiscovery_C435_ARetrievalWithDescriptionsElsewhereCountsOnce(t *testing.T) {
	t.Parallel()
	w, far := quarter(t)
	far.put("/id-open/cse/rooms", "m2m:smd", farSmd("/id-open/s1", "ex:attic ex:floor 3 .", ""))
	w.container("Clamp", "cse-in/lamp", "log", "")
	w.must(onem2m.Created, ask{op: "C4", to: "cse-in/lamp/log", from: "Clamp", body: `{"m2m:cin":{"rn":"i","con":"x","dcnt":3}}`})
	w.describe("Clamp", "cse-in/lamp/log/i", "d", `ex:it ex:locatedIn ex:attic`+farLink+`"/id-open/cse/rooms" .`, "")
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/lamp/log/i", from: "Clamp", edit: meant(2, "ASK { ?x ex:locatedIn ?y }")})
	o := w.must(onem2m.OK, ask{op: "R", to: "cse-in/lamp/log/i", from: "Clamp"})
	if left, _ := o.Int("dcnt"); left != 2 {
		t.Errorf("dcnt %s", o.Get("dcnt"))
	}
}

func TestSemanticDiscovery_C435_HostileDescriptionsOfOtherCSEs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, far := quarter(t)
		n := 0
		endless := func(to string) string { // each leads to two more that nobody has heard of
			n += 2
			return farSmd(to+"-x", fmt.Sprintf(`ex:a%d ex:b ex:c%s"/id-open/cse/e%d", "/id-open/cse/e%d" .`, n, farLink, n, n+1), "")
		}
		for i := range 3000 {
			far.put(fmt.Sprintf("/id-open/cse/e%d", i), "m2m:smd", endless(fmt.Sprintf("e%d", i)))
		}
		far.put("/id-open/cse/huge", "m2m:smd", farSmd("h", "ex:a ex:b \""+strings.Repeat("x", 3<<20)+"\" .", ""))
		w.container("Clamp", "cse-in/lamp", "ring", "")
		w.describe("Clamp", "cse-in/lamp/ring", "d", `ex:it a ex:Lamp`+farLink+`"/id-open/cse/e0", "/id-open/cse/huge" .`, "")
		find := ask{op: "R", to: "cse-in/lamp/ring", from: "Clamp", edit: meant(1, "ASK { ?x a ex:Lamp }")}
		if res := w.do(find); text(res) != uril("cse-in/lamp/ring") {
			t.Errorf("got %d %s", res.Code, text(res))
		}
		if len(far.asked) > maxHearsay {
			t.Errorf("C-439: %d were asked for", len(far.asked))
		}
		far.gate = func(ctx context.Context) { <-ctx.Done() }
		begun := time.Now()
		if res := w.do(find); text(res) != uril("cse-in/lamp/ring") {
			t.Errorf("a CSE that is slow: got %d %s", res.Code, text(res))
		}
		if d := time.Since(begun); d > hearsayPatience {
			t.Errorf("C-439: took %s", d)
		}
	})
}

func TestSemanticFanOut_C437_A46_MembersOnOtherCSEs(t *testing.T) {
	t.Parallel()
	w, far := quarter(t)
	far.put("/id-open/cse/lamp1", "m2m:cnt", `{"ty":3,"ri":"l1"}`)
	far.put("/id-open/cse/lamp1*", "m2m:cnt", `{"m2m:smd":[`+farSmd("s1", "ex:l1 a ex:Lamp ; ex:power 12 .", "")+`,`+farSmd("s2", "ex:l1 ex:colour 3 .", "")+`]}`)
	far.put("/id-open/cse/lamp2/d", "m2m:smd", farSmd("s3", "ex:l2 a ex:Lamp ; ex:power 20 .", ""))
	far.put("/id-open/cse/all", "m2m:grp", `{"ty":9,"mid":["cse/lamp3/d","cse/all/fopt","/id-in/cse-in/lamp/g/fopt"]}`)
	far.put("/id-open/cse/lamp3/d", "m2m:smd", farSmd("s4", "ex:l3 a ex:Lamp ; ex:power 30 .", ""))
	w.container("Clamp", "cse-in/lamp", "near", "")
	w.describe("Clamp", "cse-in/lamp/near", "d", "ex:l0 a ex:Lamp ; ex:power 5 .", "")
	w.must(onem2m.Created, ask{op: "C9", to: "cse-in/lamp", from: "Clamp", body: `{"m2m:grp":{"rn":"g","mnm":9,"mid":["cse-in/lamp/near","/id-open/cse/lamp1","/id-open/cse/lamp2/d","/id-open/cse/all/fopt","/id-open/cse/none"]}}`})
	res := w.do(ask{op: "R", to: "cse-in/lamp/g/sfop?sqi=true&rcn=10", from: "Clamp", edit: meant(0, "SELECT ?p WHERE { ?x ex:power ?p } ORDER BY ?p")})
	if got := rows(t, res, "p"); got != "5 12 20 30" {
		t.Errorf("all members: %q", got)
	}
	res = w.do(ask{op: "R", to: "cse-in/lamp/g/sfop", from: "Clamp", edit: meant(1, "SELECT ?x WHERE { ?x ex:power ?p FILTER(?p > 10) }")})
	if got := text(res); got != uril("/id-open/cse/lamp1", "/id-open/s3-parent", "/id-open/s4-parent") {
		t.Errorf("discovery: %s", got)
	}
	asked := len(far.asked)
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/lamp/g/sfop", from: "Cother1", edit: meant(1, "ASK { ?x ?y ?z }")})
	if len(far.asked) != asked {
		t.Error("A-46: members were asked for somebody who may not")
	}
}

func TestSemanticDescriptor_C433_OntologiesAndLinksOfOtherCSEs(t *testing.T) {
	t.Parallel()
	w, far := quarter(t)
	far.put("/id-open/cse/repo/ont", "m2m:ont", `{"ty":39,"ri":"o1","ontf":5,"ontc":"`+wrapped("ex:Lamp a owl:Class . ex:Room a owl:Class . ex:locatedIn a owl:ObjectProperty ; rdfs:domain ex:Lamp ; rdfs:range ex:Room .")+`"}`)
	far.put("/id-open/cse/room", "m2m:smd", farSmd("r1", "ex:attic a ex:Room .", `"or":"cse/repo/ont"`))
	far.put("/id-open/cse/door", "m2m:smd", farSmd("r2", "ex:attic a ex:Door .", `"or":"cse/repo/ont"`))
	create := func(rn, turtle, members string) ask {
		return ask{op: "C24", to: "cse-in/lamp", from: "Clamp", body: smd(rn, turtle, `"vlde":true,`+members)}
	}
	const ont = `"or":"/id-open/cse/repo/ont"`
	w.follow(t, []step{
		{name: "C-433 valid", ask: create("a", "ex:l a ex:Lamp ; ex:locatedIn ex:attic .", ont+`,"rels":["/id-open/cse/room"]`), code: 2001, show: map[string]string{"svd": "true"}},
		{name: "C-433 a class that isn't declared", ask: create("b", "ex:l a ex:Lamp .", ont+`,"rels":["/id-open/cse/door"]`), code: 4120},
		{name: "C-433 no such ontology", ask: create("c", "ex:l a ex:Lamp .", `"or":"/id-open/cse/repo/none"`), code: 4118},
		{name: "C-433 no such link", ask: create("d", "ex:l a ex:Lamp .", `"rels":["/id-open/cse/none"]`), code: 4119},
		{name: "C-433 neither is reached", ask: create("e", "ex:l a ex:Lamp .", `"or":"/id-shut/cse/ont","rels":["/id-shut/cse/d"]`), code: 5103},
	})
}

// FuzzHeard reads what another CSE may call a representation.
func FuzzHeard(f *testing.F) {
	definitions, err := definition.Builtin()
	if err != nil {
		f.Fatal(err)
	}
	home := onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}
	c := &CSE{Options: Options{Home: home, Definitions: definitions}, pondering: make(chan struct{}, 1)}
	f.Add("m2m:smd", farSmd("/id-open/s1", `ex:a ex:b ex:c`+farLink+`"x", "/id-in/y" .`, `"rels":["a","//b.example/c/d"],"or":"o"`))
	f.Add("m2m:grp", `{"ty":9,"mid":["a","/id-in/b","//c.example/d/e",""]}`)
	f.Add("m2m:ont", `{"ty":39,"ontf":1,"ontc":"https://example.com/o"}`)
	f.Add("m2m:cin", `{"ty":4,"cnf":"application/ld+json:0","con":{"@id":"x"}}`)
	f.Fuzz(func(t *testing.T, name, value string) {
		host, err := onem2m.ParseAddress("/id-open/cse/x")
		if err != nil {
			t.Fatal(err)
		}
		one := &heard{}
		(&call{c: c}).takeHeard(context.Background(), one, host, name, []byte(value))
		if len(one.documents) != len(one.describes) || len(one.members) > maxHearsay {
			t.Errorf("%d documents of %d, %d members", len(one.documents), len(one.describes), len(one.members))
		}
		for _, d := range one.documents {
			if !strings.HasPrefix(d.Key, "far:/id-open/") {
				t.Errorf("key %q", d.Key)
			}
		}
	})
}
