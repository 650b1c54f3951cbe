package cse

import (
	"strings"
	"testing"

	"bulwark/internal/federation"
	"bulwark/onem2m"
)

// A CSE further down learns from its registrar alone who the IN-CSE is.
func TestCentral_C100_WhomTheRegistrarNames(t *testing.T) {
	t.Parallel()
	const top = "//m2m.example/id-top"
	for name, tt := range map[string]struct {
		cst     string
		labels  []string
		central onem2m.ID // as the operator says
		want    onem2m.ID
	}{
		"the registrar is the IN-CSE":           {"1", nil, "", top},
		"it is one and names another one":       {"1", []string{"IN-CSE-ID:/id-other"}, "", top},
		"the registrar names it":                {"2", []string{"floor:2", "IN-CSE-ID:/id-center"}, "", "//m2m.example/id-center"},
		"the operator knows better":             {"2", []string{"IN-CSE-ID:/id-center"}, "//m2m.example/id-mine", "//m2m.example/id-mine"},
		"the registrar says nothing":            {"2", []string{"floor:2"}, "", ""},
		"one of another provider":               {"2", []string{"IN-CSE-ID://far.example/id-in"}, "", ""},
		"this CSE":                              {"2", []string{"IN-CSE-ID:/id-in"}, "", ""},
		"the registrar, which is none":          {"2", []string{"IN-CSE-ID:/id-top"}, "", ""},
		"an AE":                                 {"2", []string{"IN-CSE-ID:/id-center/Cx"}, "", ""},
		"a stem":                                {"2", []string{"IN-CSE-ID:Sx"}, "", ""},
		"no identifier":                         {"2", []string{"IN-CSE-ID:/a b"}, "", ""},
		"S-093 a CSE that is registered here":   {"2", []string{"IN-CSE-ID:/id-open"}, "", ""},
		"S-093 a CSE below one that is as well": {"2", []string{"IN-CSE-ID:/id-deep"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := crossroads(t)
			w.c.Central = tt.central
			attrs := mirrorOf("https://top.example")
			attrs.Set("cst", []byte(tt.cst))
			if tt.labels != nil {
				attrs.Set("lbl", onem2m.TextsValue(tt.labels))
			}
			if err := w.c.Unmirror(t.Context(), w.ri("cse-in/id-top")); err != nil {
				t.Fatal(err)
			}
			if err := w.c.Mirror(t.Context(), attrs); err != nil {
				t.Fatal(err)
			}
			if got := w.c.central(); got != tt.want {
				t.Errorf("the IN-CSE is %q", got)
			}
		})
	}
}

func TestCentral_C100_ItIsPassedOnToThoseBelow(t *testing.T) {
	t.Parallel()
	w, _ := crossroads(t)
	label := func(from string) string {
		res := w.do(ask{op: "R", to: "cse-in", from: from})
		if res.Code != onem2m.OK {
			t.Fatal(text(res))
		}
		_, after, _ := strings.Cut(string(res.Content.Value), federation.CentralLabel)
		id, _, _ := strings.Cut(after, `"`)
		return id
	}
	attrs := mirrorOf("https://top.example")
	told := func(labels ...string) {
		t.Helper()
		attrs.Set("lbl", onem2m.TextsValue(labels))
		if len(labels) == 0 {
			attrs.Delete("lbl")
		}
		if err := w.c.Mirror(t.Context(), attrs); err != nil {
			t.Fatal(err)
		}
	}
	if got := label("/id-open"); got != "" {
		t.Errorf("nobody knows it, and it is %q", got)
	}
	told(federation.CentralLabel + "/id-center")
	if got := label("/id-open"); got != "/id-center" {
		t.Errorf("a registree is told %q", got)
	}
	if got := label("Clamp"); got != "" {
		t.Errorf("an AE is told %q", got)
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/id-top", from: "CAdmin", body: `{"m2m:csr":{"lbl":["IN-CSE-ID:/id-center","floor:2"]}}`})
	told(federation.CentralLabel + "/id-other")
	if got := w.attribute("cse-in/id-top", "lbl"); got != `["floor:2","IN-CSE-ID:/id-other"]` {
		t.Errorf("the operator's own labels: %s", got)
	}
	told()
	if got := label("/id-open"); got != "" || w.attribute("cse-in/id-top", "lbl") != `["floor:2"]` {
		t.Errorf("a registrar that doesn't know it any more: %q", got)
	}
}
