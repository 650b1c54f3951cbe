package cse

import (
	"testing"
	"time"

	"bulwark/onem2m"
)

func TestUpdate_GenericProcedure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	w.container("Capp01", "cse-in/app", "c1", `"lbl":["a","b"],"mni":5`)
	up := func(body string) ask {
		return ask{op: "U", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cnt":` + body + `}`}
	}
	get := ask{op: "R", to: "cse-in/app/c1", from: "Capp01"}
	w.follow(t, []step{
		{name: "C-109 C-117 lists are replaced, the rest stays", ask: up(`{"lbl":["c"]}`), code: 2004, show: map[string]string{"lbl": `["c"]`, "mni": "5", "st": "1"}},
		{name: "C-111 an attribute is added", ask: up(`{"mbs":100}`), code: 2004, show: map[string]string{"mbs": "100", "st": "2"}},
		{name: "C-110 null removes", ask: up(`{"lbl":null}`), code: 2004, show: map[string]string{"lbl": "", "mbs": "100"}},
		{name: "C-110 null on an absent attribute", ask: up(`{"mia":null}`), code: 2004},
		{name: "C-114 ri", ask: up(`{"ri":"x"}`), code: 4000},
		{name: "C-114 rn", ask: up(`{"rn":"x"}`), code: 4000},
		{name: "C-114 ct", ask: up(`{"ct":"20260101T000000"}`), code: 4000},
		{name: "C-114 cr", ask: up(`{"cr":null}`), code: 4000},
		{name: "C-114 cni", ask: up(`{"cni":1}`), code: 4000},
		{name: "C-113 acpi is an empty list", ask: up(`{"acpi":[]}`), code: 4000},
		{name: "C-119 one bad attribute undoes all", ask: up(`{"mni":7,"mbs":-1}`), code: 4000},
		{name: "C-119 nothing of it is kept", ask: get, code: 2000, show: map[string]string{"mni": "5", "st": "4"}},
		{name: "C-120 root element of another type", ask: ask{op: "U", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:ae":{"lbl":["x"]}}`}, code: 4000},
		{name: "C-120 unknown root element", ask: ask{op: "U", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:xyz":{"lbl":["x"]}}`}, code: 4000},
		{name: "C-032 empty object", ask: up(`{}`), code: 2004, show: map[string]string{"st": "5"}},
		{name: "C-032 no content", ask: ask{op: "U", to: "cse-in/app/c1", from: "Capp01"}, code: 4000},
		{name: "C-169 C-106 condition that doesn't hold", ask: ask{op: "U", to: "cse-in/app/c1?lbl=zzz", from: "Capp01", body: `{"m2m:cnt":{"mni":9}}`}, code: 4004},
		{name: "C-169 condition that holds", ask: ask{op: "U", to: "cse-in/app/c1?ty=3", from: "Capp01", body: `{"m2m:cnt":{"mni":9}}`}, code: 2004},
		{name: "C-133 rcn 0", ask: ask{op: "U", to: "cse-in/app/c1?rcn=0", from: "Capp01", body: `{"m2m:cnt":{"mni":9}}`}, code: 2004, body: "none"},
		{name: "C-133 rcn 4", ask: ask{op: "U", to: "cse-in/app/c1?rcn=4", from: "Capp01", body: `{"m2m:cnt":{"mni":9}}`}, code: 4000},
		{name: "C-117 C-141 rcn 9", ask: ask{op: "U", to: "cse-in/app/c1?rcn=9", from: "Capp01", body: `{"m2m:cnt":{"mni":9,"lbl":["q"]}}`}, code: 2004, show: map[string]string{"lt": "*", "st": "8", "mni": "", "lbl": ""}},
		{name: "C-141 rcn 9 with a clamped et", ask: ask{op: "U", to: "cse-in/app/c1?rcn=9", from: "Capp01", body: `{"m2m:cnt":{"et":"20990101T000000"}}`}, code: 2004, show: map[string]string{"et": "*", "lt": "*"}},
		{name: "A-58 no privilege", ask: ask{op: "U", to: "cse-in/app/c1", from: "Cother1", body: `{"m2m:cnt":{"mni":9}}`}, code: 4103},
		{name: "C-023 attribute address", ask: ask{op: "U", to: "cse-in/app/c1#lbl", from: "Capp01", body: `{"m2m:cnt":{"mni":9}}`}, code: 4000},
		{name: "C-223 CSEBase", ask: ask{op: "U", to: "cse-in", from: "CAdmin", body: `{"m2m:cb":{"lbl":["x"]}}`}, code: 4005},
		{name: "C-031 type on an UPDATE", ask: ask{op: "U", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cnt":{}}`, edit: func(r *onem2m.Request) { r.Type = new(int64(3)) }}, code: 4000},
	})
}

func TestUpdate_C011_LastModifiedAscends(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // the clock stands still
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	last := w.attribute("cse-in/app/c1", "lt")
	for range 5 {
		o := w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cnt":{"lbl":["x"]}}`})
		now := string(o.Get("lt"))
		if now <= last || len(now) != len(`"20260301T101500,000000"`) {
			t.Fatalf("C-011 C-117: lt %s after %s", now, last)
		}
		last = now
	}
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c1", from: "Capp01"})
	if got := w.attribute("cse-in/app/c1", "lt"); got != last {
		t.Errorf("C-107: a RETRIEVE changes lt from %s to %s", last, got)
	}
}

func TestUpdate_ExpirationTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "outer", `"et":"20260310T000000"`)
	w.container("Capp01", "cse-in/app/outer", "inner", `"et":"20260306T000000"`)
	up := func(to, et string) ask {
		return ask{op: "U", to: to, from: "Capp01", body: `{"m2m:cnt":{"et":` + et + `}}`}
	}
	w.follow(t, []step{
		{name: "C-116 before a child's et", ask: up("cse-in/app/outer", `"20260305T000000"`), code: 4000},
		{name: "C-092 in the past", ask: up("cse-in/app/outer", `"20260101T000000"`), code: 4000},
		{name: "C-116 not before a child's et", ask: up("cse-in/app/outer", `"20260307T000000"`), code: 2004, show: map[string]string{"et": `"20260307T000000"`}},
		{name: "C-410 behind the parent's", ask: up("cse-in/app/outer/inner", `"20260309T000000"`), code: 2004, show: map[string]string{"et": `"20260307T000000,000000"`}},
		{name: "C-112 null asks for a new one", ask: up("cse-in/app/outer", "null"), code: 2004, show: map[string]string{"et": `"20310303T103000,000000"`}},
		{name: "C-112 null below a parent with an et", ask: up("cse-in/app/outer/inner", "null"), code: 2004, show: map[string]string{"et": `"20310303T103000,000000"`}},
	})
}

func TestUpdate_C112_NullNeverGoesBeforeAChild(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) {
		o.Timing.DefaultExpiration = time.Hour
		o.Timing.MaxExpiration = 24 * time.Hour
	})
	w.must(onem2m.Created, ask{op: "C2", to: "-", from: "Capp01", body: `{"m2m:ae":{"rn":"app","api":"N","rr":false,"srv":["3"],"et":"20260304T203000"}}`})
	w.container("Capp01", "cse-in/app", "c1", `"et":"20260304T153000"`)
	w.check(t, step{ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"et":null}}`}, code: 2004, show: map[string]string{"et": `"20260304T153000,000000"`}})
}
