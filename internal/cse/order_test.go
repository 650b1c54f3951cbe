package cse

import (
	"testing"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// TestOrder_C061_LowerRowWins breaks two rules in every request: the one of the
// lower row of the order of checks has to be answered.
func TestOrder_C061_LowerRowWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	w.container("Capp01", "cse-in/app", "c1", `"mbs":4,"lbl":["one"]`)
	w.container("Capp01", "cse-in/app", "empty", "")
	w.instance("Capp01", "cse-in/app/c1", "i1", "x")
	mn := newWorld(t, func(o *Options) { o.Type = MN })
	mn.register("Capp01", "app")

	past := func(r *onem2m.Request) { r.RequestExpiration = "20200101T000000" }
	tokens := func(r *onem2m.Request) { r.Tokens = []string{"t"} }
	typed := func(r *onem2m.Request) { r.Type = new(int64(3)) }
	none := &identity.Association{Framework: "none", Binding: "http"}
	app := certificate(identity.KindAE, "//m2m.example/id-in/Capp01")

	for _, tt := range []struct {
		name string
		w    *world
		ask
		code onem2m.StatusCode
	}{
		{"C-061 row 2 before 4: no rqi, expired rqet", w, ask{op: "R", to: "cse-in", from: "Capp01", edit: func(r *onem2m.Request) { past(r); r.RequestID = "" }}, 4000},
		{"C-061 row 4 before 5: expired rqet, From with the CSE-ID in front", w, ask{op: "R", to: "cse-in", from: "/id-in/Capp01", edit: past}, 4008},
		{"C-061 row 5 before 6: From of a wrong form and not the peer's", w, ask{op: "R", to: "cse-in", from: "/id-in/Cother1", assoc: app}, 4000},
		{"C-061 row 6 before 10: another's From, type on a RETRIEVE", w, ask{op: "R", to: "cse-in", from: "Cother1", assoc: app, edit: typed}, 4106},
		{"C-061 row 7 before 10: unknown From, type on a RETRIEVE", w, ask{op: "R", to: "cse-in", from: "Cunknown", assoc: none, edit: typed}, 4106},
		{"C-061 row 8 before 10: a CSE-ID without association, type on a RETRIEVE", w, ask{op: "R", to: "cse-in", from: "/id-mn", assoc: none, edit: typed}, 4107},
		{"C-061 row 8 before 18: a CSE-ID without association, unknown resource", w, ask{op: "R", to: "cse-in/nothing", from: "/id-mn", assoc: none}, 4107},
		{"C-061 row 10 before 11: forbidden rcn, unknown release", w, ask{op: "R", to: "cse-in?rcn=2", from: "Capp01", rvi: "9"}, 4000},
		{"C-061 row 11 before 12: unknown release, unsupported parameter", w, ask{op: "R", to: "cse-in", from: "Capp01", rvi: "9", edit: tokens}, 4001},
		{"C-061 row 12 before 13: unsupported parameter, CSEBase deleted", w, ask{op: "D", to: "cse-in", from: "Capp01", edit: tokens}, 5001},
		{"C-061 row 13 before 14: CSEBase deleted, non-blocking", w, ask{op: "D", to: "cse-in?rt=1", from: "Capp01"}, 4005},
		{"C-061 row 13 before 18: policy without self rule at an unknown resource", w, ask{op: "C1", to: "cse-in/nothing", from: "Capp01", body: `{"m2m:acp":{"pv":{},"pvs":{"acr":[]}}}`}, 4000},
		{"C-061 row 13 before 20: policy without self rule at another's resource", w, ask{op: "C1", to: "cse-in/app", from: "Cother1", body: `{"m2m:acp":{"pv":{},"pvs":{}}}`}, 4000},
		{"C-061 C-185 row 14 before 16: non-blocking, registration elsewhere", w, ask{op: "C2", to: "/id-far/-?rt=1", from: "Cnew01", body: `{"m2m:ae":{"api":"N","rr":false,"srv":["3"]}}`}, 1001},
		{"C-061 C-185 row 14 before 18: non-blocking, unknown resource", w, ask{op: "R", to: "cse-in/nothing?rt=1", from: "Capp01"}, 1001},
		{"C-061 row 16 before 17: registration elsewhere, no route", w, ask{op: "C2", to: "/id-far/-", from: "Cnew01", body: `{"m2m:ae":{"api":"N","rr":false,"srv":["3"]}}`}, 4000},
		{"C-061 row 4 before 17: expired rqet, no route", w, ask{op: "R", to: "/id-far/-", from: "Capp01", edit: past}, 4008},
		{"C-061 row 4 before 18: expired rqet, unknown resource", w, ask{op: "R", to: "cse-in/nothing", from: "Capp01", edit: past}, 4008},
		{"C-061 row 18 before 20: unknown resource, no privilege", w, ask{op: "R", to: "cse-in/app/nothing", from: "Cother1"}, 4004},
		{"C-061 row 18 before 20: condition that doesn't hold, no privilege", w, ask{op: "R", to: "cse-in/app/c1?lbl=two", from: "Cother1"}, 4004},
		{"C-061 row 18 before 20: no latest instance, no privilege", w, ask{op: "R", to: "cse-in/app/empty/la", from: "Cother1"}, 4004},
		{"C-061 row 20 before 21: no privilege, type of the IN-CSE only", mn, ask{op: "C20", to: "cse-in/app", from: "Cother1", body: `{"m2m:svsn":{}}`}, 4103},
		{"C-061 row 21 before 22: type of the IN-CSE only, and not supported", mn, ask{op: "C47", to: "cse-in/app", from: "Capp01", body: `{"m2m:tgr":{}}`}, 4005},
		{"C-061 row 22 before 23: type not supported, and no child of the parent", w, ask{op: "C49", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:bdt":{}}`}, 5001},
		{"C-061 row 20 before 23: no privilege, wrong child type", w, ask{op: "C4", to: "cse-in/app", from: "Cother1", body: `{"m2m:cin":{"con":"x"}}`}, 4103},
		{"C-061 row 23 before 24: wrong child type, no content", w, ask{op: "C4", to: "cse-in/app", from: "Capp01"}, 4108},
		{"C-061 row 23 before 27: target can't be subscribed to, mandatory attribute missing", w, ask{op: "C23", to: "cse-in/app/c1/i1", from: "Capp01", body: `{"m2m:sub":{}}`}, 5203},
		{"C-061 row 20 before 24: no privilege, no content", w, ask{op: "U", to: "cse-in/app/c1", from: "Cother1"}, 4103},
		{"C-061 row 24 before 30: wrong root element, taken name", w, ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:grp":{"rn":"c1"}}`}, 4000},
		{"C-061 row 25 before 30: expired et, taken name", w, ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"c1","et":"20200101T000000"}}`}, 4000},
		{"C-061 row 26 before 28: creator given, unsupported attribute", w, ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"cr":"Capp01","ast":2}}`}, 4000},
		{"C-061 row 27 before 28: unknown attribute, one of announcement", w, ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"xyz":1,"ast":2}}`}, 4000},
		{"C-061 row 27 before 30: bad attribute, taken name", w, ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"c1","mni":-1}}`}, 4000},
		{"C-061 row 29 before 30: registered already, taken name", w, ask{op: "C2", to: "cse-in", from: "Capp01", body: `{"m2m:ae":{"rn":"app","api":"N","rr":false,"srv":["3"]}}`}, 4117},
		{"C-061 row 30 before 31: taken name, content larger than the container allows", w, ask{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cin":{"rn":"i1","con":"too long"}}`}, 4105},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if res := tt.w.do(tt.ask); res.Code != tt.code {
				t.Errorf("got %d %s, want %d", res.Code, text(res), tt.code)
			}
		})
	}
	w.follow(t, []step{
		{name: "C-062 none of it has left a trace", ask: ask{op: "R", to: "cse-in/app/c1", from: "Capp01"}, code: 2000, show: map[string]string{"cni": "1", "st": "1", "cbs": "1"}},
		{name: "C-062 nor a resource", ask: ask{op: "R", to: "cse-in?fu=1&ty=1+2+3", from: "CAdmin"}, code: 2000, body: uril("cse-in/app", "cse-in/app/c1", "cse-in/app/empty", "cse-in/other")},
	})
}

func TestTypes_C065_AreLookedUpInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mn := newWorld(t, func(o *Options) { o.Type = MN })
	for _, tt := range []struct {
		name string
		w    *world
		ask
		code onem2m.StatusCode
	}{
		{"C-065 unknown number", w, ask{op: "C999", to: "-", from: "CAdmin", body: `{"m2m:xyz":{}}`}, 4000},
		{"C-065 IN-only on an MN-CSE", mn, ask{op: "C19", to: "-", from: "CAdmin", body: `{"m2m:svsn":{}}`}, 4005},
		{"C-065 C-224 not implemented", w, ask{op: "C45", to: "-", from: "CAdmin", body: `{"m2m:lmg":{}}`}, 5001},
		{"C-065 not a child of the parent", w, ask{op: "C4", to: "-", from: "CAdmin", body: `{"m2m:cin":{"con":1}}`}, 4108},
		{"C-031 no type at all", w, ask{op: "C", to: "-", from: "CAdmin", body: `{"m2m:cnt":{}}`}, 4000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if res := tt.w.do(tt.ask); res.Code != tt.code {
				t.Errorf("got %d %s, want %d", res.Code, text(res), tt.code)
			}
		})
	}
}

func TestExistence_C063_IsMaskedForUnauthenticated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.MaskExistence = true })
	w.register("Capp01", "app")
	none := &identity.Association{Framework: "none", Binding: "http"}
	w.must(onem2m.Created, ask{op: "C2", to: "-", from: "Cplain1", assoc: none, body: `{"m2m:ae":{"api":"N","rr":false,"srv":["3"]}}`})
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app", from: "Cplain1", assoc: none})
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/app", from: "Cother1"})
}
