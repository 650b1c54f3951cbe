package cse

import (
	"testing"
	"time"

	"bulwark/internal/notify"
	"bulwark/onem2m"
)

const temperature = "org.onem2m.common.moduleclass.temperature"

func TestFlexContainer_Definitions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	c := func(to, body string) ask { return ask{op: "C28", to: to, from: "Capp01", body: body} }
	u := func(to, body string) ask {
		return ask{op: "U", to: "cse-in/app/" + to, from: "Capp01", body: `{"cod:tempe":` + body + `}`}
	}
	w.follow(t, []step{
		{name: "C-252 no definition", ask: c("cse-in/app", `{"cod:tempe":{"curT0":1}}`), code: 4000},
		{name: "C-252 an unknown definition", ask: c("cse-in/app", `{"cod:tempe":{"cnd":"com.example.x","curT0":1}}`), code: 4125},
		{name: "C-252 an unknown definition under an unknown root", ask: c("cse-in/app", `{"ex:x":{"cnd":"com.example.x"}}`), code: 4125},
		{name: "C-252 before existence", ask: c("cse-in/none", `{"cod:tempe":{"cnd":"com.example.x","curT0":1}}`), code: 4125},
		{name: "C-252 and before privilege", ask: ask{op: "C28", to: "cse-in/app", from: "Cother1", body: `{"cod:tempe":{"cnd":"` + temperature + `","curT0":"x"}}`}, code: 4000},
		{name: "C-253 the definition of another root", ask: c("cse-in/app", `{"cod:binSh":{"cnd":"`+temperature+`"}}`), code: 4000},
		{name: "C-253 an unknown root with a known definition", ask: c("cse-in/app", `{"ex:x":{"cnd":"`+temperature+`"}}`), code: 4000},
		{name: "C-252 a mandatory attribute is missing", ask: c("cse-in/app", `{"cod:tempe":{"cnd":"`+temperature+`"}}`), code: 4000},
		{name: "C-252 an attribute of another type", ask: c("cse-in/app", `{"cod:tempe":{"cnd":"`+temperature+`","curT0":1,"tarTe":"5"}}`), code: 4000},
		{name: "C-252 an unknown attribute", ask: c("cse-in/app", `{"cod:tempe":{"cnd":"`+temperature+`","curT0":1,"colour":"red"}}`), code: 4000},
		{name: "C-254 a temperature", ask: c("cse-in/app", `{"cod:tempe":{"rn":"t","cnd":"`+temperature+`","curT0":23.0,"unit":1}}`), code: 2001, show: map[string]string{"ty": "28", "cs": "5", "st": "0", "curT0": "23.0", "cni": ""}},
		{name: "C-254 size and stateTag follow", ask: u("t", `{"curT0":7,"unit":null}`), code: 2004, show: map[string]string{"cs": "1", "st": "1", "unit": ""}},
		{name: "C-252 cnd stays", ask: u("t", `{"cnd":"`+temperature+`"}`), code: 4000},
		{name: "C-252 a wrong type in an UPDATE", ask: u("t", `{"curT0":"7"}`), code: 4000},
		{name: "C-252 an unknown attribute in an UPDATE", ask: u("t", `{"colour":"red"}`), code: 4000},
		{name: "C-253 another root in an UPDATE", ask: ask{op: "U", to: "cse-in/app/t", from: "Capp01", body: `{"cod:lock":{"lock":true}}`}, code: 4000},
		{name: "C-137 references name the definition", ask: ask{op: "R", to: "cse-in/app?rcn=6", from: "Capp01"}, code: 2000, body: `{"m2m:rrl":{"rrf":[{"nm":"t","typ":28,"val":"cse-in/app/t","spid":"` + temperature + `"}]}}`},
		{name: "C-253 the key of a child", ask: ask{op: "R", to: "cse-in/app?rcn=8", from: "Capp01"}, code: 2000, show: map[string]string{"cod:tempe": "*"}},
		{name: "C-105 an attribute of it alone", ask: ask{op: "R", to: "cse-in/app/t?atrl=curT0", from: "Capp01"}, code: 2000, body: `{"cod:tempe":{"curT0":7}}`},
		{name: "C-250 a container below", ask: ask{op: "C3", to: "cse-in/app/t", from: "Capp01", body: `{"m2m:cnt":{"rn":"c"}}`}, code: 2001},
		{name: "C-028 la is taken", ask: ask{op: "C3", to: "cse-in/app/t", from: "Capp01", body: `{"m2m:cnt":{"rn":"la"}}`}, code: 4105},
		{name: "C-252 a service of generic interworking", ask: c("cse-in/app", `{"m2m:gis":{"rn":"g","cnd":"any","gisn":"s"}}`), code: 2001},
		{name: "C-252 without its name", ask: c("cse-in/app", `{"m2m:gis":{"cnd":"any"}}`), code: 4000},
	})
}

func TestFlexContainer_Instances(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	c := func(body string) ask {
		return ask{op: "C28", to: "cse-in/app", from: "Capp01", body: `{"cod:tempe":{"cnd":"` + temperature + `",` + body + `}}`}
	}
	u := func(body string) ask {
		return ask{op: "U", to: "cse-in/app/t", from: "Capp01", body: `{"cod:tempe":` + body + `}`}
	}
	get := func(to string) ask { return ask{op: "R", to: "cse-in/app/" + to, from: "Capp01"} }
	w.follow(t, []step{
		{name: "C-256 a bound without instances", ask: c(`"curT0":1,"mni":3`), code: 4000},
		{name: "C-256 no room", ask: c(`"curT0":1,"fcied":true,"mni":0`), code: 4000},
		{name: "C-256 no bytes", ask: c(`"curT0":1,"fcied":false,"mbs":0`), code: 4000},
		{name: "C-256 fewer bytes than the content", ask: c(`"curT0":100,"fcied":true,"mbs":2`), code: 4000},
		{name: "C-256 the first state is an instance", ask: c(`"rn":"t","curT0":10,"fcied":true,"mni":3`), code: 2001, show: map[string]string{"cni": "1", "cbs": "2", "st": "0"}},
		{name: "C-258 latest", ask: get("t/la"), code: 2000, show: map[string]string{"ty": "58", "curT0": "10", "org": `"Capp01"`, "st": "0", "cs": "2"}},
		{name: "C-256 a change makes another", ask: u(`{"curT0":205}`), code: 2004, show: map[string]string{"cni": "2", "cbs": "5", "st": "1"}},
		{name: "C-258 oldest", ask: get("t/ol"), code: 2000, show: map[string]string{"curT0": "10"}},
		{name: "C-256 labels do too", ask: u(`{"lbl":["a"]}`), code: 2004, show: map[string]string{"cni": "3", "cbs": "8"}},
		{name: "C-256 nothing changes nothing", ask: u(`{}`), code: 2004, show: map[string]string{"cni": "3", "st": "3"}},
		{name: "C-256 a bound is no change", ask: u(`{"mni":2}`), code: 2004, show: map[string]string{"cni": "2", "cbs": "6"}},
		{name: "C-259 an attribute of an instance", ask: ask{op: "R", to: "cse-in/app/t/la?atrl=curT0+org", from: "Capp01"}, code: 2000, body: `{"cod:tempe":{"curT0":205,"org":"Capp01"}}`},
		{name: "C-258 an instance isn't created", ask: ask{op: "C58", to: "cse-in/app/t", from: "Capp01", body: `{"cod:tempe":{"curT0":1}}`}, code: 4005},
		{name: "C-258 nor updated", ask: ask{op: "U", to: "cse-in/app/t/la", from: "Capp01", body: `{"cod:tempe":{"curT0":1}}`}, code: 4005},
		{name: "C-258 but deleted", ask: ask{op: "D", to: "cse-in/app/t/la", from: "Capp01"}, code: 2002},
		{name: "C-258 and counted", ask: get("t"), code: 2000, show: map[string]string{"cni": "1", "cbs": "3", "st": "4"}},
		{name: "C-257 the latest alone", ask: u(`{"fcied":false,"curT0":1}`), code: 2004, show: map[string]string{"cni": "1", "cbs": "1", "mni": "2"}},
		{name: "C-257 it follows", ask: u(`{"curT0":2}`), code: 2004, show: map[string]string{"cni": "1"}},
		{name: "C-257 to the latest", ask: get("t/la"), code: 2000, show: map[string]string{"curT0": "2"}},
		{name: "C-257 no instances any more", ask: u(`{"fcied":null}`), code: 2004, show: map[string]string{"cni": "", "cbs": "", "mni": ""}},
		{name: "C-257 none", ask: get("t/la"), code: 4004},
		{name: "C-257 the first again", ask: u(`{"fcied":true,"mia":60}`), code: 2004, show: map[string]string{"cni": "1"}},
	})
	w.advance(61 * time.Second)
	w.sweep()
	w.check(t, step{name: "C-256 instances age", ask: get("t"), code: 2000, show: map[string]string{"cni": "0", "cbs": "0"}})
	made := 0
	for _, ev := range w.events {
		if ev.Type == notify.ChildCreated && ev.Child.Type == onem2m.TypeFlexContainerInstance {
			made++
		}
	}
	if made != 6 {
		t.Errorf("subscribers heard of %d instances, want 6", made)
	}
}
