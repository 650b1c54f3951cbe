package cse

import (
	"testing"

	"bulwark/onem2m"
)

func TestAddress_C016_NineCombinationsAreOneResource(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	ri := w.ri("cse-in/app/c1")
	for _, scope := range []string{"", "/id-in/", "//m2m.example/id-in/", "//M2M.EXAMPLE/id-in/"} {
		for _, path := range []string{ri, "cse-in/app/c1", "-/app/c1", "Capp01/c1", "id-in/app/c1"} {
			o := w.must(onem2m.OK, ask{op: "R", to: scope + path, from: "Capp01"})
			if got, _ := o.Text("ri"); got != ri {
				t.Errorf("C-015 C-016 C-019 %s%s: got %s, want %s", scope, path, got, ri)
			}
		}
	}
}

func TestAddress_OtherForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Sapp02", "sapp")
	w.container("Capp01", "cse-in/app", "c1", "")
	w.instance("Capp01", "cse-in/app/c1", "i1", "x")
	c1 := w.ri("cse-in/app/c1")
	r := func(to string) ask { return ask{op: "R", to: to, from: "CAdmin"} }
	w.follow(t, []step{
		{name: "C-005 CSEBase by name", ask: r("cse-in"), code: 2000, show: map[string]string{"ri": `"id-in"`}},
		{name: "C-005 CSEBase by resourceID", ask: r("id-in"), code: 2000, show: map[string]string{"rn": `"cse-in"`}},
		{name: "C-005 CSEBase as -", ask: r("-"), code: 2000},
		{name: "C-005 a dot is no name of it", ask: r("."), code: 4004},
		{name: "C-017 the CSE-ID alone", ask: r("/id-in"), code: 4000},
		{name: "C-017 the absolute CSE-ID alone", ask: r("//m2m.example/id-in"), code: 4000},
		{name: "C-017 slash at the end", ask: r("cse-in/"), code: 4000},
		{name: "C-017 empty segment", ask: r("cse-in//app"), code: 4000},
		{name: "C-018 no partial match", ask: r("cse-in/app/c1/none/i1"), code: 4004},
		{name: "C-018 a resourceID isn't a name", ask: r("cse-in/Capp01"), code: 4004},
		{name: "C-019 resourceID and name", ask: r(c1 + "/i1"), code: 2000, show: map[string]string{"con": `"x"`}},
		{name: "C-019 resourceID and virtual name", ask: r(c1 + "/la"), code: 2000, show: map[string]string{"con": `"x"`}},
		{name: "C-025 nothing stands below a virtual resource", ask: r("cse-in/app/c1/la/x"), code: 4004},
		{name: "C-025 a virtual name needs its parent", ask: r("cse-in/app/la"), code: 4004},
		{name: "C-025 a virtual resource is no resource of its own", ask: r("la"), code: 4004},
		{name: "C-024 too many segments", ask: r("-/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"), code: 4000},
		{name: "C-067 another CSE", ask: r("/id-far/-"), code: 4004},
		{name: "C-067 another provider", ask: r("//other.example/id-in/cse-in"), code: 4004},
		{name: "S-123 an S-type AE by its SP-relative identifier", ask: r("/Sapp02"), code: 2000, show: map[string]string{"rn": `"sapp"`}},
		{name: "C-002 names have case", ask: r("cse-in/App"), code: 4004},
		{name: "C-026 discovery at a virtual resource is one at the instance", ask: r("cse-in/app/c1/la?fu=1"), code: 2000, body: uril()},
		{name: "C-026 and needs the instance", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"empty"}}`}, code: 2001},
		{name: "C-026 no instance, no discovery", ask: r("cse-in/app/empty/la?fu=1"), code: 4004},
		{name: "C-026 RETRIEVE of oldest", ask: r("cse-in/app/empty/ol"), code: 4004},
		{name: "C-026 DELETE of latest by a stranger", ask: ask{op: "D", to: "cse-in/app/empty/la", from: "Cother1"}, code: 4004},
		{name: "C-027 latest follows its parent's policy", ask: ask{op: "R", to: "cse-in/app/c1/la", from: "Cother1"}, code: 4103},
		{name: "UPDATE of latest", ask: ask{op: "U", to: "cse-in/app/c1/la", from: "Capp01", body: `{"m2m:cin":{"lbl":["x"]}}`}, code: 4005},
		{name: "NOTIFY to latest", ask: ask{op: "N", to: "cse-in/app/c1/la", from: "Capp01", body: notification}, code: 4005},
	})
}
