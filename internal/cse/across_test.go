package cse

import (
	"strings"
	"testing"

	"bulwark/onem2m"
)

func TestAcross_C020_IdentifiersForOriginatorsOfOtherCSEs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registerCSE("id-mn")
	w.register("Capp01", "app")
	w.policy("Capp01", "cse-in/app", "acp", `{"acor":["Capp01","/id-mn/Cx01","//else.example/id-x/Cy01"],"acop":63}`)
	w.container("Capp01", "cse-in/app", "c", `"acpi":["cse-in/app/acp"]`)
	w.container("Capp01", "cse-in/app/c", "inner", `"acpi":["cse-in/app/acp"]`)
	c, inner, app := w.ri("cse-in/app/c"), w.ri("cse-in/app/c/inner"), w.ri("cse-in/app")
	for _, who := range []struct{ name, from, prefix string }{
		{"an AE registered here", "Capp01", ""},
		{"one of another CSE", "/id-mn/Cx01", "/id-in/"},
		{"one of another provider", "//else.example/id-x/Cy01", "//m2m.example/id-in/"},
	} {
		t.Run("C-020 "+who.name, func(t *testing.T) {
			id := func(ri string) string { return `"` + who.prefix + ri + `"` }
			ids := `"ri":` + id(inner) + `,"rn":"inner","pi":` + id(c)
			for _, tt := range []struct{ to, want string }{
				{"cse-in/app/c", `"ri":` + id(c) + `,"rn":"c","pi":` + id(app)},
				{"cse-in/app/c?rcn=4", `"ri":` + id(c) + `,"rn":"c","pi":` + id(app)},
				{"cse-in/app/c?rcn=4", ids},
				{"cse-in/app/c?rcn=8", ids},
				{"cse-in/app/c?rcn=6", `"val":` + id("cse-in/app/c/inner")},
				{"cse-in/app/c?fu=1&drt=2", `["` + who.prefix + inner + `"]`},
				{"cse-in/app/c?atrl=ri", `{"ri":` + id(c) + `}`},
			} {
				res := w.do(ask{op: "R", to: tt.to, from: who.from})
				if res.Code != onem2m.OK || !strings.Contains(text(res), tt.want) {
					t.Errorf("%s: got %d %s, want %s", tt.to, res.Code, text(res), tt.want)
				}
			}
			make := ask{op: "C3", to: "cse-in/app/c?rcn=3", from: who.from, body: `{"m2m:cnt":{"rn":"new"}}`}
			res := w.do(make)
			if want := `{"uri":` + id("cse-in/app/c/new") + `,`; !strings.Contains(text(res), want) || !strings.Contains(text(res), `"pi":`+id(c)) {
				t.Errorf("created: got %s, want %s", text(res), want)
			}
			w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/c/new", from: who.from})
			make.to = "cse-in/app/c?rcn=2"
			if res = w.do(make); text(res) != `{"m2m:uri":`+id("cse-in/app/c/new")+`}` {
				t.Errorf("created: got %s", text(res))
			}
			w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/c/new", from: who.from})
		})
	}
}

func TestAcross_C020_WhateverIsInAnAnswerStaysJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct{ name, value, want string }{
		{"m2m:cnt", `{"rn":"a","ri":"x","pi":"y","cr":"z"}`, `{"rn":"a","ri":"/id-in/x","pi":"/id-in/y","cr":"z"}`},
		{"m2m:cnt", `{"ri":"x","m2m:cnt":[{"ri":"y"},{"ri":"/id-mn/z"}]}`, `{"ri":"/id-in/x","m2m:cnt":[{"ri":"/id-in/y"},{"ri":"/id-mn/z"}]}`},
		{"m2m:rce", `{"uri":"cse-in/a","m2m:cnt":{"ri":"x"}}`, `{"uri":"/id-in/cse-in/a","m2m:cnt":{"ri":"/id-in/x"}}`},
		{"m2m:uri", `"cse-in/a"`, `"/id-in/cse-in/a"`},
		{"m2m:uri", `"a\"b"`, `"/id-in/a\"b"`},
		{"m2m:uri", `"//else.example/id-x/a"`, `"//else.example/id-x/a"`},
		{"m2m:uri", `""`, `""`},
		{"m2m:cnt", `{"ri":5,"pi":null,"uri":{"ri":"x"}}`, `{"ri":5,"pi":null,"uri":{"ri":"x"}}`},
		{"m2m:cnt", `{}`, `{}`},
		{"m2m:cnt", `[]`, `[]`},
		{"m2m:cnt", `[{"ri":"x"},7,[]]`, `[{"ri":"/id-in/x"},7,[]]`},
		{"m2m:cnt", `"text"`, `"text"`},
		{"m2m:nobody", `{"ri":"x"}`, `{"ri":"x"}`},
		{"m2m:uril", `["cse-in/a"]`, `["cse-in/a"]`},
	} {
		for _, cut := range []int{0, 1, 2} { // and what isn't JSON is left alone, whole
			value := tt.value[:len(tt.value)-min(cut, len(tt.value))]
			x := widening{c: w.c, quoted: onem2m.TextValue("/id-in/")}
			got := string(x.append(nil, []byte(tt.name), []byte(value)))
			if cut == 0 && got != tt.want || cut > 0 && got != value && !strings.HasPrefix(tt.want, "\"") {
				t.Errorf("%s %s: got %s", tt.name, value, got)
			}
		}
	}
}
