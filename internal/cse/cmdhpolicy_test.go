package cse

import (
	"testing"

	"bulwark/onem2m"
)

// provision makes the node of the CSE and a CMDH policy on it.
func (w *world) provision() {
	w.t.Helper()
	make := func(ty, to, body string) {
		w.t.Helper()
		w.must(onem2m.Created, ask{op: "C" + ty, to: to, from: "CAdmin", body: body})
	}
	make("14", "cse-in", `{"m2m:nod":{"rn":"n","ni":"n1","hcl":"cse-in"}}`)
	make("18", "cse-in/n", `{"m2m:sch":{"rn":"day","se":{"sce":["* * 8-17 * * * *"]}}}`)
	make("13", "cse-in/n", `{"m2m:cmp":{"rn":"p","mgd":1011,"cpn":"day","cmlk":[{"nm":"def","typ":1013,"val":"cse-in/n/p/def"}]}}`)
	make("13", "cse-in/n", `{"m2m:acmp":{"rn":"active","mgd":1012,"acmlk":"cse-in/n/p"}}`)
	make("13", "cse-in/n/p", `{"m2m:cmdf":{"rn":"def","mgd":1013,"cmlk":[{"nm":"ec","typ":1014,"val":"cse-in/n/p/def/ec"}]}}`)
	make("13", "cse-in/n/p/def", `{"m2m:cmdv":{"rn":"ec","mgd":1014,"od":1,"dev":100,"ror":["Ntest"]}}`)
	make("13", "cse-in/n/p/def", `{"m2m:cmpv":{"rn":"pv","mgd":1015,"aec":[0],"dqet":3600000,"dset":7200000,"doet":0,"drp":1000,"dda":false}}`)
	make("13", "cse-in/n/p", `{"m2m:cml":{"rn":"lim","mgd":1016,"od":1,"ror":["default"],"lec":[3,4,100],"lqet":[0,7200000],"lset":[0,-1],"loet":[0,60000],"lrp":[0,5000],"lda":[false]}}`)
	make("13", "cse-in/n/p", `{"m2m:cmnr":{"rn":"net","mgd":1017,"aecs":[0],"cmlk":[{"nm":"r","typ":1018,"val":"cse-in/n/p/net/r"}]}}`)
	make("13", "cse-in/n/p/net", `{"m2m:cmwr":{"rn":"r","mgd":1018,"ttn":["default"],"mrv":0,"swt":0,"bop":{"bops":[{"ibt":1000,"abt":1000,"mbt":5000}]},"cmlk":{"nm":"day","typ":1018,"val":"cse-in/n/day"}}}`)
	make("13", "cse-in/n/p", `{"m2m:cmbf":{"rn":"buf","mgd":1019,"aec":[0],"mbfs":1000,"sgp":5}}`)
}

func TestCMDH_C226_TheNodeOfTheCSE(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorldIn(t, dir, func(o *Options) { o.BasePolicy = []byte(`{"acr":[{"acor":["all"],"acop":63}]}`) })
	w.register("Capp01", "app")
	node := w.must(onem2m.Created, ask{op: "C14", to: "cse-in", from: "CAdmin", body: `{"m2m:nod":{"rn":"n","ni":"n1","hcl":"/id-in/cse-in"}}`})
	nl := string(node.Get("ri"))
	w.follow(t, []step{
		{name: "C-226 the CSEBase links to it", ask: ask{op: "R", to: "cse-in", from: "CAdmin"}, code: 2000, show: map[string]string{"nl": nl}},
		{name: "C-226 nobody else says so", ask: ask{op: "C14", to: "cse-in", from: "Capp01", body: `{"m2m:nod":{"rn":"x","ni":"n2","hcl":"-"}}`}, code: 4103},
		{name: "C-226 there is one", ask: ask{op: "C14", to: "cse-in", from: "CAdmin", body: `{"m2m:nod":{"rn":"x","ni":"n2","hcl":"id-in"}}`}, code: 4000},
		{name: "C-413 a node of something else is anybody's", ask: ask{op: "C14", to: "cse-in", from: "Capp01", body: `{"m2m:nod":{"rn":"x","ni":"n2","hcl":"/id-far/cse"}}`}, code: 2001},
		{name: "C-226 which doesn't become it either", ask: ask{op: "U", to: "cse-in/x", from: "Capp01", body: `{"m2m:nod":{"hcl":"cse-in"}}`}, code: 4103},
		{name: "C-226 it may leave", ask: ask{op: "U", to: "cse-in/n", from: "CAdmin", body: `{"m2m:nod":{"hcl":null}}`}, code: 2004},
		{name: "C-226 the link goes with it", ask: ask{op: "R", to: "cse-in", from: "CAdmin"}, code: 2000, show: map[string]string{"nl": ""}},
		{name: "C-226 and come back", ask: ask{op: "U", to: "cse-in/n", from: "CAdmin", body: `{"m2m:nod":{"hcl":"cse-in"}}`}, code: 2004},
	})
	w.restart(dir)
	w.follow(t, []step{
		{name: "C-226 also after a restart", ask: ask{op: "R", to: "cse-in", from: "CAdmin"}, code: 2000, show: map[string]string{"nl": nl}},
		{name: "C-226 deleted", ask: ask{op: "D", to: "cse-in/n", from: "CAdmin"}, code: 2002},
		{name: "C-226 no link is left", ask: ask{op: "R", to: "cse-in", from: "CAdmin"}, code: 2000, show: map[string]string{"nl": ""}},
	})
}

func TestCMDH_C192_PartsOfAPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provision()
	c := func(to, body string) ask { return ask{op: "C13", to: to, from: "CAdmin", body: body} }
	w.follow(t, []step{
		{name: "C-192 one active policy", ask: c("cse-in/n", `{"m2m:acmp":{"mgd":1012,"acmlk":"cse-in/n/p"}}`), code: 4000},
		{name: "C-192 which is a policy of the node", ask: ask{op: "U", to: "cse-in/n/active", from: "CAdmin", body: `{"m2m:acmp":{"acmlk":"cse-in/n/p/def"}}`}, code: 4000},
		{name: "C-192 or the same again", ask: ask{op: "U", to: "cse-in/n/active", from: "CAdmin", body: `{"m2m:acmp":{"acmlk":"/id-in/-/n/p"}}`}, code: 2004},
		{name: "C-192 one set of parameters for a category", ask: c("cse-in/n/p/def", `{"m2m:cmpv":{"mgd":1015,"aec":[100,0],"dqet":1,"dset":1,"doet":1,"drp":1,"dda":false}}`), code: 4000},
		{name: "C-192 another for another", ask: c("cse-in/n/p/def", `{"m2m:cmpv":{"rn":"pv2","mgd":1015,"aec":[101],"dqet":1,"dset":1,"doet":1,"drp":1,"dda":false}}`), code: 2001},
		{name: "C-192 which stays another", ask: ask{op: "U", to: "cse-in/n/p/def/pv2", from: "CAdmin", body: `{"m2m:cmpv":{"aec":[0]}}`}, code: 4000},
		{name: "C-192 one set of network rules", ask: c("cse-in/n/p", `{"m2m:cmnr":{"mgd":1017,"aecs":[0]}}`), code: 4000},
		{name: "C-192 one buffer", ask: c("cse-in/n/p", `{"m2m:cmbf":{"mgd":1019,"aec":[0],"mbfs":1,"sgp":1}}`), code: 4000},
		{name: "C-192 a priority from 1 to 10", ask: c("cse-in/n/p", `{"m2m:cmbf":{"mgd":1019,"aec":[100],"mbfs":1,"sgp":11}}`), code: 4000},
		{name: "C-192 limits in order", ask: ask{op: "U", to: "cse-in/n/p/lim", from: "CAdmin", body: `{"m2m:cml":{"lqet":[2,1]}}`}, code: 4000},
	})
}

func TestCMDH_C189_RequestsToOtherCSEs(t *testing.T) {
	t.Parallel()
	plain, w := newWorld(t), newWorld(t)
	w.provision()
	for _, w := range []*world{plain, w} {
		w.register("Capp01", "app")
		w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Cother1", body: `{"m2m:ae":{"rn":"other","api":"Nother","rr":false,"srv":["3"]}}`})
	}
	set := func(change func(*onem2m.Request)) ask {
		return ask{op: "R", to: "/id-far/cse/x", from: "Capp01", edit: change}
	}
	ec := func(n int64) ask { return set(func(r *onem2m.Request) { r.EventCategory = &n }) }
	yes := true
	for _, tt := range []struct {
		name string
		ask
		code onem2m.StatusCode // with the policy; without it all end for want of a route
	}{
		{"C-188 what is filled in is within the limits", set(func(*onem2m.Request) {}), 4004},
		{"C-189 a category within them", ec(4), 4004},
		{"C-189 one that isn't", ec(101), 4000},
		{"C-189 immediate isn't either", ec(2), 4000},
		{"C-189 too long a life", set(func(r *onem2m.Request) { r.RequestExpiration = "7200001" }), 4000},
		{"C-189 the longest", set(func(r *onem2m.Request) { r.RequestExpiration = "7200000" }), 4004},
		{"C-189 counted from ot", set(func(r *onem2m.Request) {
			r.OriginatingTimestamp, r.RequestExpiration = "20260304T103000", "20260304T123001"
		}), 4000},
		{"C-189 executed too late", set(func(r *onem2m.Request) { r.ExecutionTime = "60001" }), 4000},
		{"C-189 kept too long", set(func(r *onem2m.Request) { r.ResultPersistence = "5001" }), 4000},
		{"C-189 bundled", set(func(r *onem2m.Request) { r.DeliveryAggregate = &yes }), 4000},
		{"C-188 best effort has no end by default, which is too long", ask{op: "R", to: "/id-far/cse/x", from: "Cother1"}, 4000},
		{"C-061 row 9 before 10: limits before a resource type that a RETRIEVE hasn't", set(func(r *onem2m.Request) { n, ty := int64(101), int64(3); r.EventCategory, r.Type = &n, &ty }), 4000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if res := w.do(tt.ask); res.Code != tt.code {
				t.Errorf("got %d %s, want %d", res.Code, text(res), tt.code)
			}
		})
	}
	t.Run("C-188 without a policy nothing is limited", func(t *testing.T) {
		plain.must(onem2m.NotFound, ec(101))
		plain.must(onem2m.NotFound, set(func(r *onem2m.Request) { r.DeliveryAggregate = &yes }))
	})
	t.Run("C-187 what stays here is none of its business", func(t *testing.T) {
		w.must(onem2m.OK, ask{op: "R", to: "cse-in/app", from: "Capp01", edit: func(r *onem2m.Request) {
			n := int64(101)
			r.EventCategory, r.DeliveryAggregate, r.RequestExpiration = &n, &yes, "9000000"
		}})
	})
	t.Run("C-188 the request goes on with what was filled in", func(t *testing.T) {
		req := w.request(set(func(*onem2m.Request) {}))
		k := &call{c: w.c, req: req, assoc: trusted(), now: onem2m.TimestampOf(w.c.Now())}
		for _, check := range []error{k.checkPresence(t.Context()), k.checkTimes(t.Context()), k.checkFrom(t.Context()), k.checkDelivery(t.Context())} {
			if check != nil {
				t.Fatal(check)
			}
		}
		got := []string{k.req.OriginatingTimestamp, k.req.RequestExpiration, k.req.ResultExpiration, k.req.ExecutionTime, k.req.ResultPersistence}
		want := []string{"20260304T103000,000000", "20260304T113000,000000", "20260304T123000,000000", "", "20260304T103001,000000"}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("got %q, want %q", got, want)
				break
			}
		}
		if *k.req.EventCategory != 100 || *k.req.DeliveryAggregate || req.EventCategory != nil {
			t.Errorf("ec %d, da %t; the caller's request has %v", *k.req.EventCategory, *k.req.DeliveryAggregate, req.EventCategory)
		}
	})
	t.Run("C-189 no network in time", func(t *testing.T) {
		w.advance(9 * 60 * 60 * 1e9) // half past seven in the evening
		w.must(onem2m.BadRequest, set(func(r *onem2m.Request) { r.RequestExpiration = "3600000" }))
	})
	t.Run("C-192 a policy that isn't active any more", func(t *testing.T) {
		w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/n/active", from: "CAdmin"})
		w.must(onem2m.NotFound, ec(101))
	})
}
