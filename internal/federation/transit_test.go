package federation

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

func TestTransit_WhatBecomesOfARequest(t *testing.T) {
	t.Parallel()
	number := func(n int64) *int64 { return &n }
	vendor := "vendor"
	at, err := onem2m.ParseTimestamp("20260301T101500")
	if err != nil {
		t.Fatal(err)
	}
	lamp := middle().ID() + "/Clamp"
	tests := []struct {
		name string
		way  Transit
		req  onem2m.Request
		want onem2m.Request
	}{
		{
			"A-19 C-070 a stem becomes SP-relative",
			Transit{From: lamp, Target: in},
			onem2m.Request{From: "Clamp", To: "/id-in/cse-in", Release: "3"},
			onem2m.Request{From: "/id-mn/Clamp", To: "/id-in/cse-in", Release: "3"},
		},
		{
			"A-19 C-070 an S-stem gets its slash",
			Transit{From: sp + "/Slamp", Target: in},
			onem2m.Request{From: "Slamp"},
			onem2m.Request{From: "/Slamp"},
		},
		{
			"A-19 C-070 absolute for another provider",
			Transit{From: lamp, Target: far},
			onem2m.Request{From: "/id-mn/Clamp", To: "//far.example/id-in/x"},
			onem2m.Request{From: sp + "/id-mn/Clamp", To: "//far.example/id-in/x"},
		},
		{
			"C-070 an originator of another provider stays absolute",
			Transit{From: "//far.example/id-in/Cx", Target: asn},
			onem2m.Request{From: "//far.example/id-in/Cx"},
			onem2m.Request{From: "//far.example/id-in/Cx"},
		},
		{
			"C-071 To isn't rewritten",
			Transit{From: lamp, Target: in},
			onem2m.Request{To: sp + "/id-in/-/x#lbl"},
			onem2m.Request{From: "/id-mn/Clamp", To: sp + "/id-in/-/x#lbl"},
		},
		{
			"C-072 relative times become instants",
			Transit{From: lamp, Target: in, RequestExpiration: at, ResultExpiration: at + 1, ExecutionTime: at - 1},
			onem2m.Request{RequestExpiration: "1000", ResultExpiration: "2000", ExecutionTime: "500"},
			onem2m.Request{From: "/id-mn/Clamp", RequestExpiration: at.String(), ResultExpiration: (at + 1).String(), ExecutionTime: (at - 1).String()},
		},
		{
			"C-075 the next hop is waited for",
			Transit{From: lamp, Target: in},
			onem2m.Request{ResponseType: number(2), NotificationURIs: []string{"Clamp"}, HasNotifyURIs: true, ResultPersistence: "1000"},
			onem2m.Request{From: "/id-mn/Clamp"},
		},
		{
			"C-075 who wants no response gets none",
			Transit{From: lamp, Target: in},
			onem2m.Request{ResponseType: number(5)},
			onem2m.Request{From: "/id-mn/Clamp", ResponseType: number(5)},
		},
		{
			"C-049 a Release 1 entity gets neither rvi nor vsi",
			Transit{From: lamp, Target: in, Releases: []string{"1"}},
			onem2m.Request{Release: "3", VendorInformation: &vendor},
			onem2m.Request{From: "/id-mn/Clamp"},
		},
		{
			"C-049 any other gets what was sent",
			Transit{From: lamp, Target: in, Releases: []string{"1", "2a"}},
			onem2m.Request{Release: "4", VendorInformation: &vendor},
			onem2m.Request{From: "/id-mn/Clamp", Release: "4", VendorInformation: &vendor},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.way.Home, tt.way.RequestID = middle(), "hop-1"
			before := tt.req
			tt.want.RequestID, tt.want.HasFrom = "hop-1", true
			if diff := cmp.Diff(&tt.want, tt.way.Request(&tt.req)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, tt.req); diff != "" {
				t.Errorf("the request itself was changed: %s", diff)
			}
		})
	}
}

func TestTrail_C007_C079_IdentifiersAreUniqueAndKnownAgain(t *testing.T) {
	t.Parallel()
	n := 0
	next := func() string { n++; return strings.Repeat("x", n) }
	own, other := NewTrail("mark2345abcd", next), NewTrail("other345abcd", next)
	first, second := own.Onward("r1"), own.Onward("r1")
	if first == second || !own.Seen(first) || other.Seen(first) || own.Seen("r1") {
		t.Errorf("%q %q", first, second)
	}
	around := first
	for range 8 {
		around = other.Onward(around)
	}
	if !own.Seen(around) {
		t.Errorf("not known again: %q", around)
	}
	long := own.Onward(strings.Repeat("é\x00 ", 500) + "tail")
	if len(long) > 300 || strings.ContainsFunc(long, func(r rune) bool { return r <= ' ' || r > '~' }) {
		t.Errorf("%d octets: %q", len(long), long)
	}
}
