package cse

import (
	"strings"
	"testing"

	"bulwark/onem2m"
)

// partial is a world with a container that Cread01 may do certain things to on
// certain attributes.
func partial(t *testing.T, rules string) *world {
	t.Helper()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Cread01", "reader")
	w.policy("Capp01", "cse-in/app", "p", rules+`,{"acor":["Capp01"],"acop":63}`)
	w.container("Capp01", "cse-in/app", "c1", `"acpi":["cse-in/app/p"],"lbl":["x"],"mni":5`)
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/c1", from: "Capp01", body: sub(`"rn":"s","nu":["Capp01"]`)})
	return w
}

const everything = `"ty","ri","rn","pi","ct","lt","et","acpi","lbl","mni","st","cni","cbs"`

func TestAttributes_WhatARetrievalShows(t *testing.T) {
	t.Parallel()
	some := partial(t, `{"acor":["Cread01"],"acop":2,"aca":["lbl"]},{"acor":["Cread01"],"acop":2,"aca":["mni"]}`)
	all := partial(t, `{"acor":["Cread01"],"acop":2,"aca":[`+everything+`]}`)
	full := partial(t, `{"acor":["Cread01"],"acop":2,"aca":["lbl"]},{"acor":["Cread01"],"acop":2}`)
	for _, tt := range []struct {
		name string
		w    *world
		to   string
		code onem2m.StatusCode
		body string
	}{
		{"one of them", some, "c1?atrl=lbl", 2000, `{"m2m:cnt":{"lbl":["x"]}}`},
		{"by its address", some, "c1#lbl", 2000, `{"m2m:cnt":{"lbl":["x"]}}`},
		{"two, of two rules", some, "c1?atrl=lbl+mni", 2000, `{"m2m:cnt":{"lbl":["x"],"mni":5}}`},
		{"one more", some, "c1?atrl=lbl+st", 4103, ""},
		{"one that isn't there", some, "c1?atrl=mbs", 4103, ""},
		{"another", some, "c1#st", 4103, ""},
		{"the whole", some, "c1", 4103, ""},
		{"with children", some, "c1?rcn=4", 4103, ""},
		{"the children", some, "c1?rcn=8", 4103, ""},
		{"references", some, "c1?rcn=6", 4103, ""},
		{"under a condition", some, "c1?atrl=lbl&fu=2&sts=100", 4004, ""},
		{"a discovery", some, "?fu=1&ty=3", 2000, `{"m2m:uril":[]}`},
		{"by their values", some, "?fu=1&lbl=x", 2000, `{"m2m:uril":[]}`},
		{"the whole, where every attribute is granted", all, "c1", 2000, `"mni":5`},
		{"and still no children", all, "c1?rcn=4", 4103, ""},
		{"the whole, by another rule", full, "c1", 2000, `"mni":5`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address, attribute, _ := strings.Cut(tt.to, "#")
			q := ask{op: "R", to: "cse-in/app/" + address, from: "Cread01"}
			if strings.HasPrefix(address, "?") {
				q.to = "cse-in/app" + address
			}
			if attribute != "" {
				q.to += "#" + attribute
			}
			res := tt.w.do(q)
			if res.Code != tt.code || !strings.Contains(text(res), tt.body) {
				t.Errorf("got %d %s", res.Code, text(res))
			}
		})
	}
}

func TestAttributes_WhatTheOtherOperationsTouch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, rule string
		ask
		code onem2m.StatusCode
		body string // of the answer
	}{
		{"UPDATE of one", `"acop":4,"aca":["lbl"]`, ask{op: "U", to: "cse-in/app/c1", body: `{"m2m:cnt":{"lbl":["y"]}}`}, 2004, `{"m2m:cnt":{"lbl":["y"]}}`},
		{"UPDATE that shows changes", `"acop":4,"aca":["lbl"]`, ask{op: "U", to: "cse-in/app/c1?rcn=9", body: `{"m2m:cnt":{"lbl":["y"]}}`}, 2004, `{"m2m:cnt":{}}`},
		{"UPDATE of another", `"acop":4,"aca":["lbl"]`, ask{op: "U", to: "cse-in/app/c1", body: `{"m2m:cnt":{"mni":1}}`}, 4103, ""},
		{"UPDATE of both", `"acop":4,"aca":["lbl"]`, ask{op: "U", to: "cse-in/app/c1", body: `{"m2m:cnt":{"lbl":["y"],"mni":1}}`}, 4103, ""},
		{"UPDATE that removes another", `"acop":4,"aca":["lbl"]`, ask{op: "U", to: "cse-in/app/c1", body: `{"m2m:cnt":{"mni":null}}`}, 4103, ""},
		{"UPDATE of nothing", `"acop":4,"aca":["lbl"]`, ask{op: "U", to: "cse-in/app/c1", body: `{"m2m:cnt":{}}`}, 4103, ""},
		{"UPDATE of the policies", `"acop":63,"aca":["acpi"]`, ask{op: "U", to: "cse-in/app/c1", body: `{"m2m:cnt":{"acpi":null}}`}, 4103, ""},
		{"CREATE with what is granted", `"acop":1,"aca":["lbl","rn","mni"]`, ask{op: "C3", to: "cse-in/app/c1", body: `{"m2m:cnt":{"rn":"in","lbl":["y"],"mni":3}}`}, 2001, `{"m2m:cnt":{"rn":"in","lbl":["y"],"mni":3}}`},
		{"CREATE with more", `"acop":1,"aca":["lbl","rn"]`, ask{op: "C3", to: "cse-in/app/c1", body: `{"m2m:cnt":{"rn":"in","lbl":["y"],"mni":3}}`}, 4103, ""},
		{"CREATE that asks for its address", `"acop":1,"aca":["lbl","rn"]`, ask{op: "C3", to: "cse-in/app/c1?rcn=2", body: `{"m2m:cnt":{"rn":"in"}}`}, 4103, ""},
		{"CREATE of a subscription", `"acop":3,"aca":["nu","rn"]`, ask{op: "C23", to: "cse-in/app/c1", body: sub(`"rn":"in","nu":["Cread01"]`)}, 4103, ""},
		{"DELETE with all", `"acop":8,"aca":[` + everything + `]`, ask{op: "D", to: "cse-in/app/c1"}, 2002, ""},
		{"DELETE that asks what was there", `"acop":8,"aca":[` + everything + `]`, ask{op: "D", to: "cse-in/app/c1?rcn=1"}, 4103, ""},
		{"DELETE with some", `"acop":8,"aca":["lbl"]`, ask{op: "D", to: "cse-in/app/c1"}, 4103, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := partial(t, `{"acor":["Cread01"],`+tt.rule+`}`)
			tt.from = "Cread01"
			res := w.do(tt.ask)
			if res.Code != tt.code || tt.body != "" && text(res) != tt.body {
				t.Errorf("got %d %s", res.Code, text(res))
			}
		})
	}
}

func TestAttributes_NoWayAround(t *testing.T) {
	t.Parallel()
	w := partial(t, `{"acor":["Cread01"],"acop":63,"aca":["lbl"]}`)
	w.instance("Capp01", "cse-in/app/c1", "i1", "secret")
	w.group("Cread01", "cse-in/reader", "g", `"mid":["cse-in/app/c1"]`)
	for name, q := range map[string]ask{
		"latest":                        {op: "R", to: "cse-in/app/c1/la"},
		"an instance":                   {op: "R", to: "cse-in/app/c1/i1"},
		"discovery":                     {op: "R", to: "cse-in?fu=1&lbl=x"},
		"discovery by relatives":        {op: "R", to: "cse-in/app?fu=1&pty=3"},
		"a subscription":                {op: "C23", to: "cse-in/app/c1", body: sub(`"nu":["Cread01"]`)},
		"a non-blocking retrieval":      {op: "R", to: "cse-in/app/c1?rcn=5"},
		"a group that asks for a type":  {op: "C9", to: "cse-in/reader", body: `{"m2m:grp":{"mnm":2,"mt":3,"mid":["cse-in/app/c1"]}}`},
		"children of what is above":     {op: "R", to: "cse-in/app?rcn=4"},
		"the whole through a group":     {op: "R", to: "cse-in/reader/g/fopt"},
		"an instance through a group":   {op: "R", to: "cse-in/reader/g/fopt/la"},
		"one attribute through a group": {op: "R", to: "cse-in/reader/g/fopt?atrl=st"},
	} {
		t.Run(name, func(t *testing.T) {
			q.from = "Cread01"
			got := text(w.do(q))
			for _, secret := range []string{"secret", `"mni"`, `"st":`, "cse-in/app/c1/", `"cse-in/app/c1"]`} {
				if strings.Contains(got, secret) {
					t.Errorf("got %s", got)
				}
			}
		})
	}
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c1?atrl=lbl", from: "Cread01"})
	e, err := w.c.Explain(t.Context(), Question{From: "Cread01", Operation: onem2m.Retrieve, To: "cse-in/app/c1"})
	if err != nil || e.Permit || len(e.Reasons) == 0 || !strings.Contains(e.Reasons[0].Text, "only for requests that name") {
		t.Errorf("explained as %+v, %v", e, err)
	}
}
