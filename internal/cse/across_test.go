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
