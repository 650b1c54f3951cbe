package cse

import (
	"math"
	"testing"
	"time"

	"bulwark/onem2m"
)

func TestContainer_BoundsAndCounters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	c := func(body string) ask {
		return ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":` + body + `}`}
	}
	put := func(to, body string) ask {
		return ask{op: "C4", to: "cse-in/app/" + to, from: "Capp01", body: `{"m2m:cin":` + body + `}`}
	}
	get := func(to string) ask { return ask{op: "R", to: "cse-in/app/" + to, from: "Capp01"} }
	up := func(to, body string) ask {
		return ask{op: "U", to: "cse-in/app/" + to, from: "Capp01", body: `{"m2m:cnt":` + body + `}`}
	}
	w.follow(t, []step{
		{name: "C-231 negative mni", ask: c(`{"mni":-1}`), code: 4000},
		{name: "C-231 mbs is no integer", ask: c(`{"mbs":1.5}`), code: 4000},
		{name: "C-231 mia is a text", ask: c(`{"mia":"5"}`), code: 4000},
		{name: "C-231 a container with bounds", ask: c(`{"rn":"c1","mni":2,"mbs":10}`), code: 2001, show: map[string]string{"mni": "2", "mbs": "10"}},
		{name: "C-240 empty", ask: get("c1/la"), code: 4004},
		{name: "C-232 C-237 first instance", ask: put("c1", `{"rn":"i1","con":"1234"}`), code: 2001, show: map[string]string{"st": "1", "cs": "4", "pi": "*"}},
		{name: "C-233 larger than mbs", ask: put("c1", `{"con":"12345678901"}`), code: 5207},
		{name: "C-233 C-062 nothing of it is kept", ask: get("c1"), code: 2000, show: map[string]string{"cni": "1", "cbs": "4", "st": "1"}},
		{name: "C-234 second", ask: put("c1", `{"rn":"i2","con":"5678"}`), code: 2001},
		{name: "C-240 newest", ask: get("c1/la"), code: 2000, show: map[string]string{"rn": `"i2"`}},
		{name: "C-240 oldest", ask: get("c1/ol"), code: 2000, show: map[string]string{"rn": `"i1"`}},
		{name: "C-234 third evicts the first", ask: put("c1", `{"rn":"i3","con":"9"}`), code: 2001, show: map[string]string{"st": "3"}},
		{name: "C-234 counters", ask: get("c1"), code: 2000, show: map[string]string{"cni": "2", "cbs": "5", "st": "3"}},
		{name: "C-240 oldest has moved", ask: get("c1/ol"), code: 2000, show: map[string]string{"rn": `"i2"`}},
		{name: "C-234 bytes evict more than one", ask: put("c1", `{"rn":"i4","con":"1234567890"}`), code: 2001},
		{name: "C-234 counters after that", ask: get("c1"), code: 2000, show: map[string]string{"cni": "1", "cbs": "10", "st": "4"}},
		{name: "C-237 acpi of an instance", ask: put("c1", `{"con":"x","acpi":["cse-in/app/c1"]}`), code: 4000},
		{name: "C-237 st of an instance", ask: put("c1", `{"con":"x","st":7}`), code: 4000},
		{name: "con is mandatory", ask: put("c1", `{"lbl":["x"]}`), code: 4000},
		{name: "C-239 UPDATE of an instance", ask: ask{op: "U", to: "cse-in/app/c1/i4", from: "Capp01", body: `{"m2m:cin":{"lbl":["x"]}}`}, code: 4005},
		{name: "C-243 DELETE of latest", ask: ask{op: "D", to: "cse-in/app/c1/la", from: "Capp01"}, code: 2002},
		{name: "C-243 st stays", ask: get("c1"), code: 2000, show: map[string]string{"cni": "0", "cbs": "0", "st": "4"}},
		{name: "C-236 mni 0", ask: c(`{"rn":"none","mni":0}`), code: 2001},
		{name: "C-236 the CREATE succeeds", ask: put("none", `{"rn":"i","con":"x"}`), code: 2001, show: map[string]string{"con": `"x"`}},
		{name: "C-236 and keeps nothing", ask: get("none/la"), code: 4004},
		{name: "C-236 not under its name either", ask: get("none/i"), code: 4004},
		{name: "C-236 but counts", ask: get("none"), code: 2000, show: map[string]string{"cni": "0", "cbs": "0", "st": "1"}},
		{name: "C-245 cnf", ask: put("c1", `{"con":"eA==","cnf":"text/plain:1"}`), code: 2001},
		{name: "C-245 broken cnf", ask: put("c1", `{"con":"x","cnf":"text"}`), code: 4000},
		{name: "C-245 cnf with an unknown encoding", ask: put("c1", `{"con":"x","cnf":"text/plain:9"}`), code: 4000},
		{name: "C-246 con is an object", ask: put("c1", `{"con":{"a":[1]}}`), code: 2001, show: map[string]string{"cs": "9", "con": `{"a":[1]}`}},
		{name: "C-246 con is a number", ask: put("c1", `{"con":21.5}`), code: 2001, show: map[string]string{"cs": "4"}},
		{name: "C-246 con has escapes", ask: put("c1", `{"con":"a\n\"\u00e9"}`), code: 2001, show: map[string]string{"cs": "5"}},
		{name: "C-248 contentRef is stored", ask: c(`{"rn":"more","or":"http://example.com/o"}`), code: 2001, show: map[string]string{"or": `"http://example.com/o"`}},
		{name: "C-250 a child of another type", ask: ask{op: "C2", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:ae":{"api":"N","rr":false,"srv":["3"]}}`}, code: 4108},
		{name: "C-250 a policy in a container", ask: ask{op: "C1", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:acp":{"pv":{},"pvs":{"acr":[{"acor":["all"],"acop":1}]}}}`}, code: 4108},
		{name: "C-251 a nested container", ask: ask{op: "C3", to: "cse-in/app/more", from: "Capp01", body: `{"m2m:cnt":{"rn":"deep"}}`}, code: 2001},
		{name: "C-251 counts for nothing", ask: get("more"), code: 2000, show: map[string]string{"cni": "0", "st": "0"}},
		{name: "C-244 a container to be shrunk", ask: c(`{"rn":"big"}`), code: 2001},
		{name: "one", ask: put("big", `{"rn":"a","con":"11"}`), code: 2001},
		{name: "two", ask: put("big", `{"rn":"b","con":"22"}`), code: 2001},
		{name: "three", ask: put("big", `{"rn":"c","con":"33"}`), code: 2001},
		{name: "C-244 lower mni", ask: up("big", `{"mni":2}`), code: 2004, show: map[string]string{"cni": "2", "cbs": "4", "st": "4"}},
		{name: "C-244 lower mbs, shown with rcn 9", ask: ask{op: "U", to: "cse-in/app/big?rcn=9", from: "Capp01", body: `{"m2m:cnt":{"mbs":3}}`}, code: 2004, show: map[string]string{"cni": "1", "cbs": "2", "st": "5", "mbs": ""}},
		{name: "C-244 the newest is left", ask: get("big/ol"), code: 2000, show: map[string]string{"rn": `"c"`}},
	})
}

func TestContainer_C241_DisableRetrieval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "box", `"disr":true`)
	w.container("Capp01", "cse-in/app/box", "inner", "")
	r := func(to string) ask { return ask{op: "R", to: "cse-in/app" + to, from: "Capp01"} }
	w.follow(t, []step{
		{name: "C-241 empty", ask: r("/box/la"), code: 4004},
		{name: "C-241 CREATE works", ask: ask{op: "C4", to: "cse-in/app/box", from: "Capp01", body: `{"m2m:cin":{"rn":"i1","con":"secret","lbl":["s"]}}`}, code: 2001},
		{name: "C-241 latest", ask: r("/box/la"), code: 4005},
		{name: "C-241 oldest", ask: r("/box/ol"), code: 4005},
		{name: "C-241 by name", ask: r("/box/i1"), code: 4005},
		{name: "C-241 DELETE", ask: ask{op: "D", to: "cse-in/app/box/i1", from: "Capp01"}, code: 4005},
		{name: "C-241 DELETE of latest", ask: ask{op: "D", to: "cse-in/app/box/la", from: "Capp01"}, code: 4005},
		{name: "C-241 not for the administrator either", ask: ask{op: "R", to: "cse-in/app/box/i1", from: "CAdmin"}, code: 4005},
		{name: "C-241 a stranger gets 4103 first", ask: ask{op: "R", to: "cse-in/app/box/i1", from: "Cother1"}, code: 4103},
		{name: "C-241 discovery", ask: r("/box?fu=1"), code: 2000, body: uril("cse-in/app/box/inner")},
		{name: "C-241 discovery of instances", ask: r("?fu=1&ty=4"), code: 2000, body: uril()},
		{name: "C-241 rcn 4", ask: r("/box?rcn=4"), code: 2000, show: map[string]string{"m2m:cin": "", "m2m:cnt": "*"}},
		{name: "C-241 rcn 8 from above", ask: r("?rcn=8&ty=4"), code: 2000, show: map[string]string{"m2m:cin": ""}},
		{name: "C-241 rcn 6", ask: r("/box?rcn=6&ty=4"), code: 2000, body: `{"m2m:rrl":{"rrf":[]}}`},
		{name: "C-241 C-167 relative path", ask: r("?fu=1&ty=3&arp=la"), code: 2000, body: uril()},
		{name: "C-241 C-163 a condition on children tells nothing", ask: r("?fu=1&clbl=s"), code: 2000, body: uril()},
		{name: "C-241 a container's DELETE shows none", ask: ask{op: "D", to: "cse-in/app/box/inner?rcn=4", from: "Capp01"}, code: 2002},
		{name: "C-242 UPDATE to the same", ask: ask{op: "U", to: "cse-in/app/box", from: "Capp01", body: `{"m2m:cnt":{"disr":true}}`}, code: 2004, show: map[string]string{"cni": "1"}},
		{name: "C-242 null is false", ask: ask{op: "U", to: "cse-in/app/box", from: "Capp01", body: `{"m2m:cnt":{"disr":null}}`}, code: 2004, show: map[string]string{"cni": "0", "cbs": "0"}},
		{name: "C-242 what was written before is gone", ask: r("/box/la"), code: 4004},
		{name: "C-242 on again", ask: ask{op: "U", to: "cse-in/app/box", from: "Capp01", body: `{"m2m:cnt":{"disr":true}}`}, code: 2004},
		{name: "C-242 one more", ask: ask{op: "C4", to: "cse-in/app/box", from: "Capp01", body: `{"m2m:cin":{"rn":"i2","con":"x"}}`}, code: 2001},
		{name: "C-242 false", ask: ask{op: "U", to: "cse-in/app/box", from: "Capp01", body: `{"m2m:cnt":{"disr":false}}`}, code: 2004, show: map[string]string{"cni": "0"}},
		{name: "C-242 it is gone too", ask: r("/box/i2"), code: 4004},
	})
}

func TestContainer_MaxInstanceAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", `"mia":60`)
	w.container("Capp01", "cse-in/app", "ages", `"mia":9223372036854775807`)
	w.container("Capp01", "cse-in/app", "later", "")
	w.instance("Capp01", "cse-in/app/later", "i1", "x")
	w.follow(t, []step{
		{name: "C-238 et is bounded by the age", ask: ask{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cin":{"rn":"i1","con":"x"}}`}, code: 2001, show: map[string]string{"et": "*"}},
		{name: "C-238 a longer et isn't kept", ask: ask{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cin":{"rn":"i2","con":"x","et":"20300101T000000"}}`}, code: 2001},
		{name: "C-238 the greatest age is no age", ask: ask{op: "C4", to: "cse-in/app/ages", from: "Capp01", body: `{"m2m:cin":{"rn":"i1","con":"x"}}`}, code: 2001},
		{name: "C-238 the instance is there", ask: ask{op: "R", to: "cse-in/app/ages/la", from: "Capp01"}, code: 2000},
		{name: "C-244 the greatest age later", ask: ask{op: "U", to: "cse-in/app/later", from: "Capp01", body: `{"m2m:cnt":{"mia":9223372036854775807}}`}, code: 2004},
		{name: "C-244 leaves the instance", ask: ask{op: "R", to: "cse-in/app/later/la", from: "Capp01"}, code: 2000},
		{name: "C-244 a short age shortens lives", ask: ask{op: "U", to: "cse-in/app/later", from: "Capp01", body: `{"m2m:cnt":{"mia":30}}`}, code: 2004},
	})
	w.advance(45 * time.Second)
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/later/la", from: "Capp01"})
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c1/la", from: "Capp01"})
	w.advance(30 * time.Second)
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/c1/la", from: "Capp01"})
	if err := w.c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"c1", "later"} {
		if got := w.attribute("cse-in/app/"+name, "cni"); got != "0" {
			t.Errorf("C-407 C-238: cni of %s is %s after the sweep", name, got)
		}
	}
	if got := after(1, math.MaxInt64); got != math.MaxInt64 {
		t.Errorf("after overflows to %d", got)
	}
}

func TestContent_C472_BytesAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	for _, con := range []string{`" x  "`, `"e\u0301"`, `"{\"occupancy\":true}"`, `""`, `false`, `[]`, `1.50`} {
		o := w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cin":{"con":` + con + `}}`})
		want, _ := onem2m.TextOf([]byte(con))
		got, ok := o.Text("con")
		if ok && got != want {
			t.Errorf("C-472: con %s came back as %q", con, got)
		}
		if !ok && string(o.Get("con")) != con {
			t.Errorf("C-472: con %s came back as %s", con, o.Get("con"))
		}
	}
}
