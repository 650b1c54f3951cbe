package onem2m

import (
	"strings"
	"testing"
)

func TestMatchID_A62_AWildcardStaysInItsSegment(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, id string
		want        bool
	}{
		{"//m2m.example/id-in", "//m2m.example/id-in", true},
		{"//m2m.example/id-in", "//m2m.example/id-in2", false},
		{"//m2m.example/*", "//m2m.example/id-in", true},
		{"//m2m.example/*", "//m2m.example/id-in/Cae", false},
		{"//m2m.example/*/C*", "//m2m.example/id-in/Cae", true},
		{"//*.example/id-*n", "//m2m.example/id-in", true},
		{"//m2m.example/*a*b*", "//m2m.example/xaxbx", true},
		{"//m2m.example/*a*b*", "//m2m.example/xbxax", false},
		{"*", "//m2m.example/id-in", false},
		{"", "", true},
		{"", "//m2m.example/id-in", false},
	} {
		if got := MatchID(tc.pattern, tc.id); got != tc.want {
			t.Errorf("%q and %q: %v", tc.pattern, tc.id, got)
		}
	}
}

func TestMatchID_A197_TakesLinearTime(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 100_000)
	if MatchID(strings.Repeat("*a", 10_000)+"*b", long) {
		t.Error("there is no b")
	}
}
