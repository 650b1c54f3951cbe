package cse

import (
	"context"
	"strings"
	"testing"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// newMutualPair is newPair with a way back.
func newMutualPair(t *testing.T) *pair {
	t.Helper()
	p := newPair(t)
	back := &carrier{}
	over := certificate(identity.KindCSE, "//m2m.example/id-in")
	over.Upstream = true
	back.answer = func(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
		return p.mn.c.Handle(ctx, over, req), nil
	}
	p.in.c.Carrier = back
	p.in.register("Cvisitor", "visitor")
	p.in.register("Cstranger", "stranger")
	return p
}

const visitors = `{"acr":[{"acor":["Clamp","CAdmin","/id-in/Cvisitor"],"acop":63}]}`

// TestAnnounce_C404_EveryTypeFollowsInBothDirections changes a copy of each type;
// the original changes, and the copy with it.
func TestAnnounce_C404_EveryTypeFollowsInBothDirections(t *testing.T) {
	t.Parallel()
	p := newMutualPair(t)
	policy := p.mn.must(onem2m.Created, ask{op: "C1", to: "cse-mn", from: "CAdmin", body: `{"m2m:acp":{"rn":"acp","pv":` + visitors + `,"pvs":` + visitors + `,"at":["/id-in"],"ast":2}}`})
	acp, _ := policy.Text("ri")
	common := `"acpi":["` + acp + `"],"lbl":["old"],"at":["/id-in"],"ast":2`
	p.announced("C2", "cse-mn", "Clamp", `{"m2m:ae":{"rn":"lamp","api":"Nlamp","rr":false,"srv":["3"],"scp":["webrtc"],`+common+`}}`)
	p.announced("C14", "cse-mn", "CAdmin", `{"m2m:nod":{"rn":"nod","ni":"n1",`+common+`}}`)
	made := map[string]string{"acp": "cse-mn/acp", "ae": "cse-mn/lamp", "nod": "cse-mn/nod"}
	for _, one := range []struct{ root, op, to, attrs string }{
		{"cnt", "C3", "cse-mn/lamp", ``},
		{"grp", "C9", "cse-mn/lamp", `"mnm":3,"mid":[],`},
		{"lcp", "C10", "cse-mn", `"los":2,"lou":["PT1M"],`},
		{"bat", "C13", "cse-mn/nod", `"mgd":1006,"btl":23,"bts":1,`},
		{"sch", "C18", "cse-mn/nod", `"se":{"sce":["* * * * * * *"]},"nco":false,`},
		{"smd", "C24", "cse-mn/lamp", `"dcrp":5,"dsp":"` + wrapped("ex:l a ex:Lamp .") + `",`},
		{"cod:tempe", "C28", "cse-mn/lamp", `"cnd":"org.onem2m.common.moduleclass.temperature","curT0":21.5,`},
		{"ts", "C29", "cse-mn/lamp", ``},
		{"ontr", "C38", "cse-mn", ``},
		{"ont", "C39", "cse-mn/x-ontr", `"ontf":1,"ontc":"https://ontology.example/home",`},
		{"smjp", "C40", "cse-mn", `"mbft":"` + homeQuery + `SELECT ?x WHERE { ?x a ex:Thermometer }","uptd":"` + rdfXML("") + `","fucd":"` + rdfXML(average) + `",`},
		{"actr", "C65", "cse-mn/lamp/x-cnt", `"evm":0,"orc":"cse-mn/lamp","evc":{"optr":3,"sbjt":"cni","thld":1},"apv":{"op":3,"fr":"Clamp","to":"cse-mn/lamp","rqi":"1234","rvi":"4","pc":{"m2m:ae":{"lbl":["hit"]}}},`},
		{"depr", "C66", "cse-mn/lamp/x-cnt/x-actr", `"rri":"cse-mn/lamp/x-cnt","evc":{"optr":1,"sbjt":"cni","thld":0},"sfc":true,`},
		{"mms", "C46", "cse-mn/lamp", `"soi":"Clamp","osd":{"sdc":["v=0"]},`},
		{"tsb", "C60", "cse-mn/lamp", `"bcnc":1,"bcni":"PT1H","bcnu":["Clamp"],`},
	} {
		root := one.root
		if !strings.Contains(root, ":") {
			root = "m2m:" + root
		}
		rn := "x-" + strings.ReplaceAll(one.root, ":", "-")
		from := "Clamp"
		if !strings.Contains(one.to, "lamp") {
			from = "CAdmin"
		}
		res := p.mn.do(ask{op: one.op, to: one.to, from: from, body: `{"` + root + `":{"rn":"` + rn + `",` + one.attrs + common + `}}`})
		if res.Code != onem2m.Created {
			t.Errorf("%s: %d %s", root, res.Code, text(res))
			continue
		}
		made[one.root] = one.to + "/" + rn
	}
	for short, original := range made {
		t.Run("C-404 "+short, func(t *testing.T) {
			root := short
			if !strings.Contains(root, ":") {
				root = "m2m:" + root
			}
			o := p.mn.must(onem2m.OK, ask{op: "R", to: original, from: "CAdmin"})
			copies, _ := o.Texts("at")
			if len(copies) != 1 {
				t.Fatalf("announced at %v", copies)
			}
			change := ask{op: "U", to: copies[0], from: "Cvisitor", body: `{"` + root + `A":{"lbl":["new"]}}`}
			stranger := change
			stranger.from = "Cstranger"
			if res := p.in.do(stranger); res.Code != onem2m.OriginatorHasNoPrivilege {
				t.Errorf("a stranger: %d %s", res.Code, text(res))
			}
			res := p.in.do(change)
			if res.Code != onem2m.Updated {
				t.Fatalf("%d %s", res.Code, text(res))
			}
			if res.Content == nil || res.Content.Name != root+"A" {
				t.Errorf("answered %+v", res.Content)
			}
			if o := p.mn.must(onem2m.OK, ask{op: "R", to: original, from: "CAdmin"}); string(o.Get("lbl")) != `["new"]` {
				t.Errorf("the original has %s", o.Get("lbl"))
			}
			p.mn.c.payOwn(t.Context(), allOwed)
			if got := p.copied(copies[0], "lbl"); got != `{"lbl":["new"]}` {
				t.Errorf("the copy has %s", got)
			}
			p.mn.must(onem2m.Updated, ask{op: "U", to: original, from: "CAdmin", body: `{"` + root + `":{"ast":1}}`})
			change.body = `{"` + root + `A":{"lbl":["late"]}}`
			if res := p.in.do(change); res.Code != onem2m.OriginatorHasNoPrivilege {
				t.Errorf("in one direction: %d %s", res.Code, text(res))
			}
		})
	}
}
