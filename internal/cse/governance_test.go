package cse

import (
	"slices"
	"testing"

	"bulwark/internal/dynauth"
	"bulwark/onem2m"
)

const minePoint = "https://mine.example/onem2m"

// newAncestor is a world in which the owner of an AE, Cowner1, asks a server of
// her own about what is below it.
func newAncestor(t *testing.T, points string) *consulting {
	t.Helper()
	c := newConsulting(t)
	c.policy("CAdmin", "cse-in/bay", "open", `{"acor":["all"],"acop":1}`)
	c.policy("CAdmin", "cse-in/bay", "shared", `{"acor":["Cowner1","Ctok002"],"acop":3}`)
	c.policy("Ctok002", "cse-in/tok2", "theirs", `{"acor":["Ctok002"],"acop":2}`)
	c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/dac", from: "Cowner1", body: `{"m2m:dac":{"dap":[` + points + `]}}`})
	return c
}

func TestDirect_A139_WhoDecidesAboutAnAncestorHasNoSayOverWhatOthersGovern(t *testing.T) {
	t.Parallel()
	both := `"` + minePoint + `","` + dasPoint + `"`
	for _, tt := range []struct {
		name         string
		bay          string // acpi of the AE, "" for none
		owner, attrs string // of the resource below it
		points       string
		want         []string
	}{
		{"of one owner", "", "Cowner1", ``, both, []string{minePoint, dasPoint}},
		{"of another owner: the operator's alone", "", "Ctok002", ``, both, []string{dasPoint}},
		{"of another owner: nobody", "", "Ctok002", ``, `"` + minePoint + `"`, nil},
		{"under a policy that the owner of the ancestor decides about", "", "Ctok002", `"acpi":["cse-in/bay/operators"]`, both, []string{minePoint, dasPoint}},
		{"under a policy that somebody else decides about", "", "Ctok002", `"acpi":["cse-in/tok2/theirs"]`, both, []string{dasPoint}},
		{"handed over to a custodian", "", "Cowner1", `"cstn":"Ctok002"`, both, []string{dasPoint}},
		{"taken from somebody by a custodian", "", "Ctok002", `"cstn":"Cowner1"`, both, []string{minePoint, dasPoint}},
		{"under the policy of the ancestor", `["cse-in/bay/shared"]`, "Ctok002", `"acpi":["cse-in/bay/shared"]`, both, []string{minePoint, dasPoint}},
		{"under more than the policy of the ancestor", `["cse-in/bay/shared"]`, "Ctok002", `"acpi":["cse-in/bay/operators","cse-in/bay/shared"]`, both, []string{minePoint, dasPoint}},
		{"under less than the policies of the ancestor", `["cse-in/bay/shared","cse-in/bay/operators"]`, "Ctok002", `"acpi":["cse-in/bay/shared"]`, both, []string{dasPoint}},
		{"its owner's, below what others may decide about", `["cse-in/bay/shared"]`, "Cowner1", ``, both, []string{dasPoint}},
		{"its owner's, below what its owner alone decides about", `["cse-in/bay/operators"]`, "Cowner1", ``, both, []string{minePoint, dasPoint}},
		{"another's, below what its owner alone decides about", `["cse-in/bay/operators"]`, "Ctok002", ``, both, []string{dasPoint}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newAncestor(t, tt.points)
			link := func(list string) {
				c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay", from: "CAdmin", body: `{"m2m:ae":{"acpi":` + list + `}}`})
			}
			link(`["cse-in/bay/open"]`)
			attrs := tt.attrs
			if attrs == `"cstn":"Ctok002"` || attrs == `"cstn":"Cowner1"` {
				attrs = ""
			}
			c.container(tt.owner, "cse-in/bay", "den", attrs)
			if attrs != tt.attrs {
				c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/den", from: tt.owner, body: `{"m2m:cnt":{` + tt.attrs + `}}`})
			}
			bay := tt.bay
			if bay == "" {
				bay = "null"
			}
			link(bay)
			c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/den"))
			c.das.mu.Lock()
			defer c.das.mu.Unlock()
			if !slices.Equal(c.das.points, tt.want) {
				t.Errorf("asked at %v, want %v", c.das.points, tt.want)
			}
		})
	}
}

func TestDirect_A139_WhatDoesNotCountLeavesTheSearchToThoseAbove(t *testing.T) {
	t.Parallel()
	c := newConsulting(t, func(o *Options) {
		o.Consult = "cse-in/standard"
		o.Servers = append(slices.Clone(o.Servers), dynauth.Server{ID: "//m2m.example/Sdas002", Domains: []string{"two.example"}, Points: []string{"https://two.example/"}})
	})
	c.must(onem2m.Created, ask{op: "C34", to: "cse-in", from: "CAdmin", body: `{"m2m:dac":{"rn":"standard","dae":true,"dap":["https://two.example/"]}}`})
	c.policy("CAdmin", "cse-in/bay", "open", `{"acor":["all"],"acop":1}`)
	c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay", from: "CAdmin", body: `{"m2m:ae":{"acpi":["cse-in/bay/open"]}}`})
	c.container("Ctok002", "cse-in/bay", "den", "")
	c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay", from: "CAdmin", body: `{"m2m:ae":{"acpi":null}}`})
	for _, enabled := range []string{"true", "false"} {
		c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/dac", from: "Cowner1", body: `{"m2m:dac":{"dae":` + enabled + `,"dap":["` + minePoint + `"]}}`})
		c.das.count()
		c.advance(10_000_000_000)
		c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/den"))
		c.das.mu.Lock()
		if !slices.Equal(c.das.points, []string{"https://two.example/"}) {
			t.Errorf("dae %s: asked at %v", enabled, c.das.points)
		}
		c.das.mu.Unlock()
	}
	if e, err := c.c.Explain(t.Context(), Question{From: "Ctok001", Authenticated: true, Operation: onem2m.Retrieve, To: "cse-in/bay/den"}); err != nil || len(e.Reasons) == 0 {
		t.Errorf("got %+v, %v", e, err)
	}
}
