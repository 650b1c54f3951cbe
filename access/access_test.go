package access

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// mn01 is the CSE of most vectors, cseIn that of the field cases.
var (
	mn01  = onem2m.Home{SP: "//sp.example.org", CSE: "/mn01", Name: "mn01base"}
	cseIn = onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}
)

// wednesday is the fixed clock of the field cases.
var wednesday = time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC)

func mustCompile(t testing.TB, home onem2m.Home, set string) *Policy {
	t.Helper()
	p, err := Compile(home, jsontext.Value(set), "pv")
	if err != nil {
		t.Fatalf("%s: %v", set, err)
	}
	return p
}

// ruleForCop01 wraps the members of one rule for Cop01 and RETRIEVE.
func ruleForCop01(members string) string {
	if members != "" {
		members = "," + members
	}
	return `{"acr":[{"acor":["Cop01"],"acop":2` + members + `}]}`
}

// cop01 is the query that the field cases ask: a RETRIEVE by Cop01.
func cop01() *Query {
	return &Query{
		Home: cseIn, Originator: "//m2m.example/id-in/Cop01", Authenticated: true,
		Operation: onem2m.Retrieve, Privilege: Retrieve, TargetType: onem2m.TypeContainer,
		Time: wednesday, IP: netip.MustParseAddr("192.0.2.77"),
	}
}

// groups is a Groups with fixed members; it notes what it was asked.
type groups struct {
	members map[string][]onem2m.ID
	asked   []string
}

func (g *groups) Member(resourceID string, who onem2m.ID) bool {
	g.asked = append(g.asked, resourceID)
	return slices.Contains(g.members[resourceID], who)
}
