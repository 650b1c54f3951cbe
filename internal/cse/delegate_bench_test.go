package cse

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/federation"
	"bulwark/internal/identity"
	"bulwark/internal/store/sql"
	"bulwark/onem2m"
)

// benchMake creates a resource as the admin.
func benchMake(b testing.TB, c *CSE, to string, ty int64, root, body string) {
	b.Helper()
	res := c.Handle(b.Context(), trusted(), &onem2m.Request{
		Operation: onem2m.Create, To: to, From: "CAdmin", HasFrom: true, RequestID: "r", Release: "3",
		Type: &ty, Content: &onem2m.Content{Name: root, Value: []byte(body)},
	})
	if res.Code != onem2m.Created {
		b.Fatal(res.Code, text(res))
	}
}

// underPolicies makes containers that an AE may see by policies of ten rules, each
// of several policies, and a discovery of them all.
func underPolicies(b testing.TB, resources, policies, each int) (*CSE, *onem2m.Request) {
	b.Helper()
	c := benchCSE(b)
	benchMake(b, c, "cse-in/app", 3, "m2m:cnt", `{"rn":"all"}`)
	for i := range policies {
		who := "Capp01"
		if i%each != each-1 {
			who = "Cnobody9" // several have to be asked for each resource
		}
		rules := strings.Repeat(`{"acor":["Cnobody1"],"acop":63},`, 9) + `{"acor":["` + who + `"],"acop":34}`
		benchMake(b, c, "cse-in/app", 1, "m2m:acp", fmt.Sprintf(`{"rn":"p%d","pv":{"acr":[%s]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}`, i, rules))
	}
	for i := range resources {
		var links []string
		for j := range each {
			links = append(links, fmt.Sprintf(`"cse-in/app/p%d"`, (i*each+j)%policies))
		}
		benchMake(b, c, "cse-in/app/all", 3, "m2m:cnt", fmt.Sprintf(`{"rn":"c%d","acpi":[%s]}`, i, strings.Join(links, ",")))
	}
	use, drt, limit := int64(1), int64(1), int64(resources)
	return c, &onem2m.Request{
		Operation: onem2m.Retrieve, To: "cse-in/app/all", From: "Capp01", HasFrom: true, RequestID: "d", Release: "3", DesiredIDType: &drt,
		Filter: &onem2m.FilterCriteria{FilterUsage: &use, Types: []onem2m.ResourceType{onem2m.TypeContainer}, Limit: &limit},
	}
}

// discovers makes the discovery and counts what it finds.
func discovers(b testing.TB, c *CSE, req *onem2m.Request, want int) {
	b.Helper()
	if res := c.Handle(b.Context(), trusted(), req); res.Code != onem2m.OK || strings.Count(text(res), ",") != want-1 {
		b.Fatal(res.Code, len(text(res)))
	}
}

// TestDiscovery_PoliciesCostNoMoreThanTheirNumber: how many resources have a
// policy doesn't matter to a decision, and with the number of policies the effort
// grows linearly at most. It is counted in allocations, which no other work on the
// machine changes; so it doesn't run in parallel.
func TestDiscovery_PoliciesCostNoMoreThanTheirNumber(t *testing.T) {
	each := func(resources, policies int) float64 {
		c, req := underPolicies(t, resources, policies, 1)
		discovers(t, c, req, resources) // policies are compiled
		return testing.AllocsPerRun(5, func() { discovers(t, c, req, resources) }) / float64(resources)
	}
	few, many := each(100, 1), each(800, 1)
	if many > 1.1*few {
		t.Errorf("a decision takes %.0f allocations with 800 resources under a policy, %.0f with 100", many, few)
	}
	if own := each(800, 800); own > many+few {
		t.Errorf("a decision takes %.0f allocations with 800 policies, %.0f with one", own, many)
	}
}

// BenchmarkDiscoveryUnderPolicies discovers containers that an AE may see by
// policies of ten rules: one for all, many, one for each, and several for each. It
// should take no longer with the number of resources to a policy, and at most
// linearly longer with the number of policies.
func BenchmarkDiscoveryUnderPolicies(b *testing.B) {
	for _, bm := range []struct{ resources, policies, each int }{{1000, 1, 1}, {10_000, 1, 1}, {10_000, 100, 1}, {10_000, 1000, 1}, {10_000, 10_000, 1}, {10_000, 100, 5}} {
		b.Run(fmt.Sprintf("resources=%d/policies=%d/each=%d", bm.resources, bm.policies, bm.each), func(b *testing.B) {
			c, req := underPolicies(b, bm.resources, bm.policies, bm.each)
			b.ReportAllocs()
			for b.Loop() {
				discovers(b, c, req, bm.resources)
			}
			b.ReportMetric(float64(bm.resources*b.N)/b.Elapsed().Seconds(), "decisions/s")
		})
	}
}

// shortRoad carries requests to another CSE of the process.
type shortRoad struct {
	to   func() *CSE
	from onem2m.ID
}

func (r shortRoad) Carry(ctx context.Context, _ federation.Hop, req *onem2m.Request) (*onem2m.Response, error) {
	return r.to().Handle(ctx, certificate(identity.KindCSE, r.from), req), nil
}

// BenchmarkDistributed compares a RETRIEVE that a policy of this CSE permits with
// one that points of another CSE are asked about, without a network between the
// two: what the decision itself adds.
func BenchmarkDistributed(b *testing.B) {
	in := benchCSE(b)
	in.Bindings = &Bindings{
		Resource: map[distributed.Kind]string{distributed.Decision: "cse-in/pdp", distributed.Policy: "cse-in/prp", distributed.Information: "cse-in/pip"},
		Governed: []Governed{{Targets: []string{"//m2m.example/id-mn/*"}, Policies: []string{"cse-in/central"}}},
	}
	s, err := sql.Open(b.Context(), sql.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	mn, err := New(b.Context(), Options{
		Home: onem2m.Home{SP: "//m2m.example", CSE: "/id-mn", Name: "cse-mn"}, Type: MN, Admin: "CAdmin", Store: s, Notifier: silent{},
		Registrar: "//m2m.example/id-in", Carrier: shortRoad{func() *CSE { return in }, "//m2m.example/id-mn"}, Authorities: roleAuthority,
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := mn.Mirror(b.Context(), onem2m.Object{
		{Name: "csi", Value: []byte(`"/id-in"`)},
		{Name: "cb", Value: []byte(`"/id-in/cse-in"`)},
		{Name: "rr", Value: []byte("true")},
		{Name: "poa", Value: []byte(`["https://in.example"]`)},
		{Name: "srv", Value: []byte(`["3"]`)},
	}); err != nil {
		b.Fatal(err)
	}
	ty := int64(16)
	if res := in.Handle(b.Context(), trusted(), &onem2m.Request{
		Operation: onem2m.Create, To: "cse-in", From: "/id-mn", HasFrom: true, RequestID: "r", Release: "3", Type: &ty,
		Content: &onem2m.Content{Name: "m2m:csr", Value: []byte(`{"rn":"mn","cb":"/id-mn/cse-mn","rr":true,"poa":["https://mn.example"],"srv":["3"]}`)},
	}); res.Code != onem2m.Created {
		b.Fatal(res.Code, text(res))
	}
	const self = `"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}`
	benchMake(b, in, "cse-in", 1, "m2m:acp", `{"rn":"askers","pv":{"acr":[{"acor":["/id-mn"],"acop":4}]},`+self+`}`)
	benchMake(b, in, "cse-in", 1, "m2m:acp", `{"rn":"central","pv":{"acr":[{"acor":["/id-mn/Capp01"],"acop":2}]},`+self+`}`)
	benchMake(b, in, "cse-in", 35, "m2m:auds", `{"rn":"pdp","acpi":["cse-in/askers"]}`)
	benchMake(b, in, "cse-in", 36, "m2m:aupy", `{"rn":"prp","acpi":["cse-in/askers"]}`)
	benchMake(b, in, "cse-in", 37, "m2m:auif", `{"rn":"pip","acpi":["cse-in/askers"]}`)
	benchMake(b, in, "cse-in", 31, "m2m:rol", `{"rlid":"operator@roles.example","tkis":"Croles1","tkhd":"/id-mn/Capp01","tknb":"20200101T000000","tkna":"20990101T000000"}`)
	for name, policy := range map[string]string{
		"here":              `"pv":{"acr":[{"acor":["Capp01"],"acop":2}]}`,
		"decision-point":    `"pv":{},"adri":["/id-in/cse-in/pdp"]`,
		"policy-point":      `"pv":{},"apri":["/id-in/cse-in/prp"]`,
		"information-point": `"pv":{"acr":[{"acor":["operator@roles.example"],"acop":2}]},"airi":["/id-in/cse-in/pip"]`,
	} {
		benchMake(b, mn, "cse-mn", 1, "m2m:acp", `{"rn":"acp-`+name+`",`+policy+`,`+self+`}`)
		benchMake(b, mn, "cse-mn", 3, "m2m:cnt", `{"rn":"`+name+`","acpi":["cse-mn/acp-`+name+`"]}`)
	}
	for _, name := range []string{"here", "decision-point", "policy-point", "information-point"} {
		b.Run(name, func(b *testing.B) {
			req := &onem2m.Request{Operation: onem2m.Retrieve, To: "cse-mn/" + name, From: "Capp01", HasFrom: true, RequestID: "r1", Release: "3"}
			a := trusted()
			b.ReportAllocs()
			for b.Loop() {
				if res := mn.Handle(b.Context(), a, req); res.Code != onem2m.OK {
					b.Fatal(res.Code, text(res))
				}
			}
		})
	}
}
