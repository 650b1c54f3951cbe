package cse

import (
	"testing"

	"bulwark/internal/notify"
	"bulwark/onem2m"
)

func TestNode_Links(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	node := func(body string) ask {
		return ask{op: "C14", to: "cse-in", from: "CAdmin", body: `{"m2m:nod":` + body + `}`}
	}
	ae := func(stem, body string) ask {
		return ask{op: "C2", to: "cse-in", from: stem, body: `{"m2m:ae":{"api":"Ntest","rr":false,"srv":["3"],` + body + `}}`}
	}
	get := func(to string) ask { return ask{op: "R", to: "cse-in/" + to, from: "CAdmin"} }
	w.follow(t, []step{
		{name: "C-413 nodeID is mandatory", ask: node(`{"rn":"n"}`), code: 4000},
		{name: "C-413 an empty list of AEs", ask: node(`{"ni":"urn:sn:1","hael":[]}`), code: 4000},
		{name: "C-413 an empty list of services", ask: node(`{"ni":"urn:sn:1","hsl":[]}`), code: 4000},
		{name: "C-413 a node", ask: node(`{"rn":"n1","ni":"urn:sn:1"}`), code: 2001, show: map[string]string{"ni": `"urn:sn:1"`, "hael": ""}},
		{name: "C-413 another with an AE that isn't there yet", ask: node(`{"rn":"n2","ni":"urn:sn:2","hael":["Capp02"]}`), code: 2001},
		{name: "C-202 a link to nothing", ask: ae("Capp01", `"nl":"cse-in/none"`), code: 4000},
		{name: "C-202 a link to something else", ask: ae("Capp01", `"nl":"cse-in"`), code: 4000},
		{name: "C-202 an attribute", ask: ae("Capp01", `"nl":"cse-in/n1#ni"`), code: 4000},
		{name: "C-202 a link to a node", ask: ae("Capp01", `"rn":"app","nl":"cse-in/n1"`), code: 2001, show: map[string]string{"nl": `"cse-in/n1"`}},
		{name: "C-202 the node lists the AE", ask: get("n1"), code: 2000, show: map[string]string{"hael": `["Capp01"]`}},
		{name: "C-202 an AE that is listed already", ask: ae("Capp02", `"rn":"app2","nl":"cse-in/n2"`), code: 2001},
		{name: "C-202 stands there once", ask: get("n2"), code: 2000, show: map[string]string{"hael": `["Capp02"]`}},
		{name: "C-202 a node of another CSE can't be looked at", ask: ae("Capp03", `"rn":"far","nl":"/id-mn/node7"`), code: 2001},
		{name: "C-202 the AE moves", ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"nl":"cse-in/n2"}}`}, code: 2004},
		{name: "C-202 away from one", ask: get("n1"), code: 2000, show: map[string]string{"hael": ""}},
		{name: "C-202 to the other", ask: get("n2"), code: 2000, show: map[string]string{"hael": `["Capp02","Capp01"]`}},
		{name: "C-202 not to nothing", ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"nl":"none"}}`}, code: 4000},
		{name: "C-202 an AE goes", ask: ask{op: "D", to: "cse-in/app2", from: "Capp02"}, code: 2002},
		{name: "C-202 and is listed no more", ask: get("n2"), code: 2000, show: map[string]string{"hael": `["Capp01"]`}},
		{name: "C-413 the node goes", ask: ask{op: "D", to: "cse-in/n2", from: "CAdmin"}, code: 2002},
		{name: "C-413 the link with it", ask: get("app"), code: 2000, show: map[string]string{"nl": ""}},
		{name: "C-202 a link again", ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"nl":"cse-in/n1"}}`}, code: 2004},
		{name: "C-202 and taken back", ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"nl":null}}`}, code: 2004},
		{name: "C-202 the node lists nobody", ask: get("n1"), code: 2000, show: map[string]string{"hael": ""}},
	})
}

func TestNode_C413_ANodeWithChildrenTakesItsLinksAlong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(onem2m.Created, ask{op: "C14", to: "cse-in", from: "CAdmin", body: `{"m2m:nod":{"rn":"n","ni":"x"}}`})
	w.must(onem2m.Created, ask{op: "C13", to: "cse-in/n", from: "CAdmin", body: `{"m2m:bat":{"mgd":1006,"btl":5,"bts":1}}`})
	w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Capp01", body: `{"m2m:ae":{"rn":"app","api":"Ntest","rr":false,"srv":["3"],"nl":"cse-in/n"}}`})
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/n", from: "CAdmin"})
	if got := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app", from: "Capp01"}); got.Has("nl") {
		t.Errorf("got nl %s", got.Get("nl"))
	}
}

func TestNode_C202_SubscribersAreToldOfANewAE(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(onem2m.Created, ask{op: "C14", to: "cse-in", from: "CAdmin", body: `{"m2m:nod":{"rn":"n","ni":"x"}}`})
	w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Capp01", body: `{"m2m:ae":{"rn":"app","api":"Ntest","rr":false,"srv":["3"],"nl":"cse-in/n"}}`})
	for _, ev := range w.events {
		if ev.Type == notify.Updated && ev.Resource.RN == "n" {
			if len(ev.Touched) != 1 || ev.Touched[0] != "hael" || ev.Originator != "//m2m.example/id-in/Capp01" {
				t.Errorf("got %+v", ev)
			}
			return
		}
	}
	t.Error("no event")
}

func TestNode_C202_ARemoteCSEIsHostedToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(onem2m.Created, ask{op: "C14", to: "cse-in", from: "CAdmin", body: `{"m2m:nod":{"rn":"n","ni":"x"}}`})
	csr := func(nl string) ask {
		return ask{op: "C16", to: "cse-in", from: "/id-mn", body: `{"m2m:csr":{"rn":"mn","cb":"/id-mn/cse-mn","csi":"/id-mn","rr":false,"srv":["3"],"nl":"` + nl + `"}}`}
	}
	w.must(onem2m.BadRequest, csr("no/address//"))
	for _, elsewhere := range []string{"cse-in/none", "node-17", "/id-mn/node-17"} { // the node of a CSE is its own affair
		made := w.must(onem2m.Created, csr(elsewhere))
		if got, _ := made.Text("nl"); got != elsewhere {
			t.Errorf("nl: got %q, want %q", got, elsewhere)
		}
		w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/mn", from: "CAdmin"})
	}
	made := w.must(onem2m.Created, csr("cse-in/n"))
	node := w.must(onem2m.OK, ask{op: "R", to: "cse-in/n", from: "CAdmin"})
	if string(node.Get("hcl")) != string(made.Get("ri")) {
		t.Errorf("hcl: got %s, want %s", node.Get("hcl"), made.Get("ri"))
	}
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/mn", from: "CAdmin"})
	if node := w.must(onem2m.OK, ask{op: "R", to: "cse-in/n", from: "CAdmin"}); node.Has("hcl") {
		t.Errorf("hcl is still there: %s", node.Get("hcl"))
	}
}
