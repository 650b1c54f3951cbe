package cse

import (
	"strings"
	"testing"

	"bulwark/onem2m"
)

func TestCreate_GenericProcedure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	w.container("Capp01", "cse-in/app", "c1", "")
	w.follow(t, []step{
		{
			name: "C-088 C-089 assigned attributes", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"c2","lbl":["b","a"]}}`}, code: 2001,
			show: map[string]string{"ty": "3", "rn": `"c2"`, "pi": `"Capp01"`, "ri": "*", "ct": "*", "lt": "*", "et": "*", "st": "0", "cni": "0", "cbs": "0", "lbl": `["b","a"]`, "cr": "", "acpi": ""},
		},
		{name: "C-088 name of a sibling", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"c2"}}`}, code: 4105},
		{name: "C-090 the same name below another parent", ask: ask{op: "C3", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cnt":{"rn":"c2"}}`}, code: 2001},
		{name: "C-028 name of a virtual child", ask: ask{op: "C3", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cnt":{"rn":"la"}}`}, code: 4105},
		{name: "C-028 the same name where nothing virtual has it", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"la"}}`}, code: 2001},
		{name: "C-003 resourceID in the request", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"ri":"x"}}`}, code: 4000},
		{name: "C-001 name with a slash", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"a/b"}}`}, code: 4000},
		{name: "C-092 et in the past", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"et":"20260304T103000"}}`}, code: 4000},
		{name: "C-091 et is kept", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"short","et":"20260305T000000"}}`}, code: 2001, show: map[string]string{"et": `"20260305T000000"`}},
		{name: "C-091 et is read as it was written", ask: ask{op: "R", to: "cse-in/app/short", from: "Capp01"}, code: 2000, show: map[string]string{"et": `"20260305T000000"`}},
		{name: "C-091 et behind the parent's is clamped", ask: ask{op: "C3", to: "cse-in/app/short", from: "Capp01", body: `{"m2m:cnt":{"et":"20270101T000000"}}`}, code: 2001, show: map[string]string{"et": `"20260305T000000,000000"`}},
		{name: "C-091 C-140 rcn 9 shows the clamped et", ask: ask{op: "C3", to: "cse-in/app/short?rcn=9", from: "Capp01", body: `{"m2m:cnt":{"et":"20270101T000000","lbl":["x"]}}`}, code: 2001, show: map[string]string{"et": `"20260305T000000,000000"`, "lbl": "", "ri": "*"}},
		{name: "C-091 C-409 et behind the maximum is clamped", ask: ask{op: "C1", to: "-", from: "Capp01", body: `{"m2m:acp":{"et":"20990101T000000","pv":{},"pvs":{"acr":[{"acor":["Capp01"],"acop":63}]}}}`}, code: 2001, show: map[string]string{"et": `"20360301T103000,000000"`}},
		{name: "C-093 creator is null", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"cr":null}}`}, code: 2001, show: map[string]string{"cr": `"Capp01"`}},
		{name: "C-093 creator is absent", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{}}`}, code: 2001, show: map[string]string{"cr": ""}},
		{name: "C-093 creator has a value", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"cr":"Cother1"}}`}, code: 4000},
		{name: "C-093 creator of a type without", ask: ask{op: "C1", to: "cse-in/app", from: "Capp01", body: `{"m2m:acp":{"cr":null,"pv":{},"pvs":{"acr":[{"acor":["all"],"acop":63}]}}}`}, code: 4000},
		{name: "C-094 optional attribute stays absent", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"plain"}}`}, code: 2001, show: map[string]string{"mni": "", "lbl": ""}},
		{name: "C-095 null for another attribute", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"lbl":null}}`}, code: 4000},
		{name: "C-097 dangling policy", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"acpi":["nothing"]}}`}, code: 4000},
		{name: "C-097 a policy that is none", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"acpi":["cse-in/app/c1"]}}`}, code: 4000},
		{name: "C-097 a policy elsewhere isn't verified", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"acpi":["/id-far/pol"]}}`}, code: 2001},
		{name: "C-098 empty list", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"lbl":[]}}`}, code: 4000},
		{name: "C-031 no content", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01"}, code: 4000},
		{name: "C-120 root element of another type", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cin":{"con":1}}`}, code: 4000},
		{name: "C-169 filter criteria", ask: ask{op: "C3", to: "cse-in/app?lbl=x", from: "Capp01", body: `{"m2m:cnt":{}}`}, code: 4000},
		{name: "C-023 attribute address", ask: ask{op: "C3", to: "cse-in/app#lbl", from: "Capp01", body: `{"m2m:cnt":{}}`}, code: 4000},
		{name: "C-018 unknown parent", ask: ask{op: "C3", to: "cse-in/app/none", from: "Capp01", body: `{"m2m:cnt":{}}`}, code: 4004},
		{name: "a virtual parent", ask: ask{op: "C3", to: "cse-in/app/c1/la", from: "Capp01", body: `{"m2m:cnt":{}}`}, code: 4005},
		{name: "A-72 CREATE is asked of the parent", ask: ask{op: "C3", to: "cse-in/app", from: "Cother1", body: `{"m2m:cnt":{}}`}, code: 4103},
		{name: "C-062 a refused CREATE leaves nothing", ask: ask{op: "R", to: "cse-in/app/c1?fu=1", from: "Capp01"}, code: 2000, body: uril("cse-in/app/c1/c2")},
	})
}

func TestCreate_C133_C143_ResultContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	body := func(name string) string { return `{"m2m:cnt":{"rn":"` + name + `","lbl":["x"]}}` }
	w.follow(t, []step{
		{name: "C-133 rcn 0", ask: ask{op: "C3", to: "cse-in/app?rcn=0", from: "Capp01", body: body("c0")}, code: 2001, body: "none"},
		{name: "C-133 rcn 1", ask: ask{op: "C3", to: "cse-in/app?rcn=1", from: "Capp01", body: body("c1")}, code: 2001, show: map[string]string{"lbl": `["x"]`}},
		{name: "C-143 rcn 2", ask: ask{op: "C3", to: "cse-in/app?rcn=2", from: "Capp01", body: body("c2")}, code: 2001, body: `{"m2m:uri":"cse-in/app/c2"}`},
		{name: "C-143 rcn 2 by an unstructured address", ask: ask{op: "C3", to: "Capp01?rcn=2", from: "Capp01", body: body("c2b")}, code: 2001, body: `{"m2m:uri":"cse-in/app/c2b"}`},
		{name: "C-143 rcn 3", ask: ask{op: "C3", to: "cse-in/app?rcn=3", from: "Capp01", body: body("c3")}, code: 2001, show: map[string]string{"uri": `"cse-in/app/c3"`, "m2m:cnt": "*"}},
		{name: "C-140 rcn 9", ask: ask{op: "C3", to: "cse-in/app?rcn=9", from: "Capp01", body: body("c9")}, code: 2001, show: map[string]string{"rn": "", "lbl": "", "ri": "*", "ct": "*", "st": "0", "cni": "0"}},
		{name: "C-133 rcn 4", ask: ask{op: "C3", to: "cse-in/app?rcn=4", from: "Capp01", body: body("c4")}, code: 4000},
		{name: "C-133 rcn 5", ask: ask{op: "C3", to: "cse-in/app?rcn=5", from: "Capp01", body: body("c4")}, code: 4000},
		{name: "C-133 rcn 6", ask: ask{op: "C3", to: "cse-in/app?rcn=6", from: "Capp01", body: body("c4")}, code: 4000},
		{name: "C-133 rcn 7", ask: ask{op: "C3", to: "cse-in/app?rcn=7", from: "Capp01", body: body("c4")}, code: 4000},
		{name: "C-133 rcn 8", ask: ask{op: "C3", to: "cse-in/app?rcn=8", from: "Capp01", body: body("c4")}, code: 4000},
	})
}

func TestCreate_C006_GeneratedNamesFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	seen := map[string]bool{}
	for range 50 {
		o := w.must(onem2m.Created, ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{}}`})
		rn, _ := o.Text("rn")
		ri, _ := o.Text("ri")
		if rn != ri || !onem2m.ValidName(rn) || strings.Contains(ri, "/") || seen[rn] {
			t.Fatalf("C-003 C-006 C-102: rn %q ri %q", rn, ri)
		}
		seen[rn] = true
	}
}

func TestCreate_DepthIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Limits.Depth = 3 })
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "a", "")
	w.container("Capp01", "cse-in/app/a", "b", "")
	if res := w.do(ask{op: "C3", to: "cse-in/app/a/b", from: "Capp01", body: `{"m2m:cnt":{"rn":"c"}}`}); res.Code != onem2m.BadRequest {
		t.Errorf("got %d, want 4000", res.Code)
	}
}

func TestCreate_C096_CustodianTakesTheCreatorsPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Ckeep1", "keep")
	w.container("Capp01", "cse-in/app", "kept", `"cstn":"Ckeep1","cr":null`)
	w.container("Capp01", "cse-in/app", "lost", `"cstn":"whoever/it/is"`)
	w.follow(t, []step{
		{name: "C-096 the custodian has access", ask: ask{op: "R", to: "cse-in/app/kept", from: "Ckeep1"}, code: 2000},
		{name: "C-096 the creator has none any more", ask: ask{op: "R", to: "cse-in/app/kept", from: "Capp01"}, code: 4103},
		{name: "C-096 a custodian that can't be read is nobody", ask: ask{op: "R", to: "cse-in/app/lost", from: "Capp01"}, code: 4103},
	})
}
