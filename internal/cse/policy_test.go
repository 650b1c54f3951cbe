package cse

import (
	"testing"

	"bulwark/access"
	"bulwark/internal/identity"
	"bulwark/onem2m"
)

func TestPolicy_OfTheResourceItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	w.container("Capp01", "cse-in/app", "c1", "")
	const self = `"pvs":{"acr":[{"acor":["Capp01"],"acop":63}]}`
	c := func(to, body string) ask {
		return ask{op: "C1", to: to, from: "Capp01", body: `{"m2m:acp":` + body + `}`}
	}
	rule := func(r string) ask { return c("cse-in/app", `{"pv":{"acr":[`+r+`]},`+self+`}`) }
	w.follow(t, []step{
		{name: "A-30 in an AE", ask: c("cse-in/app", `{"rn":"p1","pv":{"acr":[{"acor":["Cother1"],"acop":2}]},`+self+`}`), code: 2001},
		{name: "A-30 another one", ask: c("cse-in/app", `{"rn":"p9","pv":{},`+self+`}`), code: 2001},
		{name: "A-30 a transaction below it", ask: ask{op: "C51", to: "cse-in/app/p9", from: "Capp01", body: `{"m2m:trac":{"tid":"t1","m2m:rqp":` + primitive(3, "cse-in/app/p9", "Capp01", `,"pc":{"m2m:acp":{"lbl":["x"]}}`) + `}}`}, code: 2001},
		{name: "A-30 in the CSEBase", ask: c("cse-in", `{"pv":{},`+self+`}`), code: 2001},
		{name: "A-30 in a container", ask: c("cse-in/app/c1", `{"pv":{},`+self+`}`), code: 4108},
		{name: "A-31 acpi isn't an attribute of it", ask: c("cse-in/app", `{"pv":{},`+self+`,"acpi":["cse-in/app/p1"]}`), code: 4000},
		{name: "A-32 no pv", ask: c("cse-in/app", `{`+self+`}`), code: 4000},
		{name: "A-32 C-228 no pvs", ask: c("cse-in/app", `{"pv":{}}`), code: 4000},
		{name: "A-32 C-228 pvs without rule", ask: c("cse-in/app", `{"pv":{},"pvs":{"acr":[]}}`), code: 4000},
		{name: "A-32 before the existence of the parent", ask: c("cse-in/none", `{"pv":{},"pvs":{}}`), code: 4000},
		{name: "A-34 pv without rule", ask: c("cse-in/app", `{"rn":"p2","pv":{},`+self+`}`), code: 2001},
		{name: "A-34 pv with an empty list", ask: c("cse-in/app", `{"pv":{"acr":[]},`+self+`}`), code: 2001},
		{name: "A-36 others decide", ask: c("cse-in/app", `{"pv":{},"adri":["/id-far/cse/pdp"],`+self+`}`), code: 2001},
		{name: "A-36 others have the rules", ask: c("cse-in/app", `{"pv":{"acr":[]},"apri":["/id-far/cse/prp","//else.example/id-x/y"],`+self+`}`), code: 2001},
		{name: "A-37 C-12 others know the roles that its rules need", ask: c("cse-in/app", `{"pv":{"acr":[{"acor":["op@roles.example"],"acop":2}]},"airi":["/id-far/cse/pip"],`+self+`}`), code: 2001},
		{name: "A-35 rules of its own beside adri", ask: c("cse-in/app", `{"pv":{"acr":[{"acor":["all"],"acop":2}]},"adri":["/id-far/cse/pdp"],`+self+`}`), code: 4000},
		{name: "A-35 rules of its own beside apri", ask: c("cse-in/app", `{"pv":{"acr":[{"acor":["all"],"acop":2}]},"apri":["/id-far/cse/prp"],`+self+`}`), code: 4000},
		{name: "A-35 adri and apri", ask: c("cse-in/app", `{"pv":{},"adri":["/id-far/cse/pdp"],"apri":["/id-far/cse/prp"],`+self+`}`), code: 4000},
		{name: "A-191 no address", ask: c("cse-in/app", `{"pv":{},"adri":[],`+self+`}`), code: 4000},
		{name: "A-191 nine addresses", ask: c("cse-in/app", `{"pv":{},"adri":["a/1","a/2","a/3","a/4","a/5","a/6","a/7","a/8","a/9"],`+self+`}`), code: 4000},
		{name: "A-36 an address of another kind", ask: c("cse-in/app", `{"pv":{},"adri":["https://pdp.example/x"],`+self+`}`), code: 4000},
		{name: "A-36 a CSE", ask: c("cse-in/app", `{"pv":{},"adri":["/id-far"],`+self+`}`), code: 4000},
		{name: "A-35 an UPDATE that adds rules", ask: ask{op: "U", to: "cse-in/app/far", from: "Capp01", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["all"],"acop":2}]}}}`}, code: 4004},
		{name: "A-33 C-228 UPDATE to no self rule", ask: ask{op: "U", to: "cse-in/app/p1", from: "Capp01", body: `{"m2m:acp":{"pvs":{"acr":[]}}}`}, code: 4000},
		{name: "A-33 UPDATE removes pvs", ask: ask{op: "U", to: "cse-in/app/p1", from: "Capp01", body: `{"m2m:acp":{"pvs":null}}`}, code: 4000},
		{name: "A-33 and before existence", ask: ask{op: "U", to: "cse-in/app/none", from: "Capp01", body: `{"m2m:acp":{"pvs":{}}}`}, code: 4000},
		{name: "A-33 nothing has changed", ask: ask{op: "R", to: "cse-in/app/p1", from: "Capp01"}, code: 2000, show: map[string]string{"pvs": `{"acr":[{"acor":["Capp01"],"acop":63}]}`}},
		{name: "A-38 C-230 acop 64", ask: rule(`{"acor":["all"],"acop":64}`), code: 4000},
		{name: "A-38 acop 0", ask: rule(`{"acor":["all"],"acop":0}`), code: 4000},
		{name: "A-38 acop is a text", ask: rule(`{"acor":["all"],"acop":"2"}`), code: 4000},
		{name: "A-38 no originator", ask: rule(`{"acor":[],"acop":2}`), code: 4000},
		{name: "A-38 no acor", ask: rule(`{"acop":2}`), code: 4000},
		{name: "A-38 broken window", ask: rule(`{"acor":["all"],"acop":2,"acco":[{"actw":["99 * * * * * *"]}]}`), code: 4000},
		{name: "A-38 broken address", ask: rule(`{"acor":["all"],"acop":2,"acco":[{"acip":{"ipv4":["192.0.2.0/33"]}}]}`), code: 4000},
		{name: "A-38 both regions", ask: rule(`{"acor":["all"],"acop":2,"acco":[{"aclr":{"accc":["AT"],"accr":[48.2,16.4,500.0]}}]}`), code: 4000},
		{name: "A-38 acod without chty", ask: rule(`{"acor":["all"],"acop":1,"acod":[{"ty":3}]}`), code: 4000},
		{name: "A-205 unknown member", ask: rule(`{"acor":["all"],"acop":2,"more":1}`), code: 4000},
		{name: "A-39 empty contexts and details", ask: rule(`{"acor":["all"],"acop":2,"acco":[],"acod":[]}`), code: 2001},
		{name: "C-229 A-40 privileges don't open the policy itself", ask: ask{op: "R", to: "cse-in/app/p1", from: "Cother1"}, code: 4103},
		{name: "C-229 A-31 selfPrivileges do", ask: ask{op: "U", to: "cse-in/app/p1", from: "Capp01", body: `{"m2m:acp":{"pvs":{"acr":[{"acor":["Cother1"],"acop":2}]}}}`}, code: 2004},
		{name: "A-31 for those who are named", ask: ask{op: "R", to: "cse-in/app/p1", from: "Cother1"}, code: 2000},
		{name: "A-31 not for its creator", ask: ask{op: "R", to: "cse-in/app/p1", from: "Capp01"}, code: 4103},
		{name: "decision 24: the administrator gets past", ask: ask{op: "D", to: "cse-in/app/p1", from: "CAdmin"}, code: 2002},
	})
}

func TestPolicy_Selection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for stem, name := range map[string]string{"Cgw0001": "gw", "Cread01": "reader", "Cwrite1": "writer", "Cself01": "self"} {
		w.register(stem, name)
	}
	w.must(onem2m.Created, ask{op: "C1", to: "cse-in/gw", from: "Cgw0001", body: `{"m2m:acp":{"rn":"p","pv":{"acr":[{"acor":["Cgw0001"],"acop":63},{"acor":["Cread01"],"acop":2},{"acor":["Cwrite1"],"acop":1}]},"pvs":{"acr":[{"acor":["Cself01"],"acop":4},{"acor":["Cgw0001"],"acop":10}]}}}`})
	w.policy("Cgw0001", "cse-in/gw", "second", `{"acor":["Cself01"],"acop":34}`)
	w.container("Cgw0001", "cse-in/gw", "meter", `"acpi":["cse-in/gw/p"]`)
	w.container("Cgw0001", "cse-in/gw", "plain", "")
	w.container("Cgw0001", "cse-in/gw/plain", "sub", "")
	get := func(to, from string) ask { return ask{op: "R", to: "cse-in/gw/" + to, from: from} }
	put := func(from, body string) ask {
		return ask{op: "U", to: "cse-in/gw/meter", from: from, body: `{"m2m:cnt":` + body + `}`}
	}
	w.follow(t, []step{
		{name: "A-41 A-72 CREATE by who has it", ask: ask{op: "C4", to: "cse-in/gw/meter", from: "Cwrite1", body: `{"m2m:cin":{"rn":"i1","con":"x"}}`}, code: 2001},
		{name: "A-44 A-45 an instance follows its container", ask: get("meter/i1", "Cread01"), code: 2000},
		{name: "A-45 latest as well", ask: get("meter/la", "Cread01"), code: 2000},
		{name: "A-45 also against its creator", ask: get("meter/la", "Cwrite1"), code: 4103},
		{name: "A-45 the owner", ask: get("meter/la", "Cgw0001"), code: 2000},
		{name: "A-45 DELETE by the reader", ask: ask{op: "D", to: "cse-in/gw/meter/la", from: "Cread01"}, code: 4103},
		{name: "A-42 default: the creator", ask: get("plain/sub", "Cgw0001"), code: 2000},
		{name: "A-42 default: nobody else", ask: get("plain", "Cread01"), code: 4103},
		{name: "A-55 pv doesn't count for acpi", ask: put("Cgw0001", `{"acpi":["cse-in/gw/second"]}`), code: 4103},
		{name: "A-54 alone or not at all", ask: put("Cgw0001", `{"acpi":["cse-in/gw/second"],"mni":5}`), code: 4000},
		{name: "A-54 not even for who may", ask: put("Cself01", `{"acpi":["cse-in/gw/second"],"mni":5}`), code: 4000},
		{name: "A-54 C-115 nor for the administrator", ask: put("CAdmin", `{"acpi":["cse-in/gw/second"],"mni":5}`), code: 4000},
		{name: "A-55 C-097 a link to nothing by who may", ask: put("Cself01", `{"acpi":["cse-in/gw/nothing"]}`), code: 4000},
		{name: "A-55 a link to nothing by anybody else", ask: put("Cread01", `{"acpi":["cse-in/gw/nothing"]}`), code: 4103},
		{name: "A-56 selfPrivileges count for nothing else", ask: put("Cself01", `{"mni":5}`), code: 4103},
		{name: "A-56 privileges do", ask: put("Cgw0001", `{"mni":5}`), code: 2004},
		{name: "A-55 C-115 by who may", ask: put("Cself01", `{"acpi":["cse-in/gw/p","cse-in/gw/second"]}`), code: 2004},
		{name: "A-41 A-05 the union of both", ask: get("meter", "Cself01"), code: 2000},
		{name: "A-41 the first still counts", ask: get("meter", "Cread01"), code: 2000},
		{name: "A-55 one of them is enough", ask: put("Cself01", `{"acpi":["cse-in/gw/second"]}`), code: 2004},
		{name: "A-55 the new one decides from now on", ask: put("Cself01", `{"acpi":["cse-in/gw/p"]}`), code: 4103},
		{name: "A-43 what can't be read grants nothing", ask: ask{op: "D", to: "cse-in/gw/second", from: "Cgw0001"}, code: 2002},
		{name: "A-43 to nobody", ask: get("meter", "Cself01"), code: 4103},
		{name: "A-43 not to the creator", ask: get("meter", "Cgw0001"), code: 4103},
		{name: "decision 24: the administrator mends it", ask: put("CAdmin", `{"acpi":null}`), code: 2004, show: map[string]string{"acpi": ""}},
		{name: "C-113 A-42 now the default counts again", ask: get("meter", "Cgw0001"), code: 2000},
		{name: "A-57 without acpi only the creator sets it", ask: put("Cself01", `{"acpi":["cse-in/gw/p"]}`), code: 4103},
		{name: "A-57 the creator", ask: put("Cgw0001", `{"acpi":["cse-in/gw/p"]}`), code: 2004},
		{name: "A-52 a policy on another CSE can't be read", ask: put("Cself01", `{"acpi":["/id-far/cse-in/gw/p"]}`), code: 2004},
		{name: "A-52 and contributes no rule", ask: get("meter", "Cgw0001"), code: 4103},
	})
	t.Run("A-42 the owner of an AE is the assigned AE-ID", func(t *testing.T) {
		o := w.must(onem2m.Created, ask{op: "C2", to: "-", from: "C", body: ae(`,"rn":"auto"`)})
		aei, _ := o.Text("aei")
		w.must(onem2m.OK, ask{op: "R", to: "cse-in/auto", from: aei})
		w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/auto", from: "Cread01"})
	})
	t.Run("A-03 A-83 contexts look at clock, address and place", func(t *testing.T) {
		for rule, code := range map[string]onem2m.StatusCode{
			`"acco":[{"actw":["* * 8-17 * * 1-5 *"]}]`:                               2000,
			`"acco":[{"actw":["* * 8-17 * * 6 *"]}]`:                                 4103,
			`"acco":[{"acip":{"ipv4":["192.0.2.64/26"]}}]`:                           2000,
			`"acco":[{"acip":{"ipv4":["192.0.2.0/26"]}}]`:                            4103,
			`"acco":[{"actw":["* * 0 * * * *"]},{"acip":{"ipv4":["192.0.2.0/24"]}}]`: 2000,
			`"acco":[{"aclr":{"accr":[48.2,16.4,500.0]}}]`:                           2000,
			`"acco":[{"aclr":{"accr":[48.3,16.4,500.0]}}]`:                           4103,
			`"acaf":true`: 2000,
		} {
			w.located["//m2m.example/id-in/Cread01"] = &access.Location{HasPosition: true, Latitude: 48.2, Longitude: 16.4}
			w.must(onem2m.Updated, ask{op: "U", to: "cse-in/gw/p", from: "CAdmin", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["Cread01"],"acop":2,` + rule + `}]}}}`})
			w.must(onem2m.Updated, put("CAdmin", `{"acpi":["cse-in/gw/p"]}`))
			if res := w.do(get("meter", "Cread01")); res.Code != code {
				t.Errorf("%s: got %d, want %d", rule, res.Code, code)
			}
		}
	})
}

func TestPolicy_A29_AuthenticationIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	none := &identity.Association{Framework: "none", Binding: "http"}
	w.register("Capp01", "app")
	w.must(onem2m.Created, ask{op: "C2", to: "-", from: "Cplain1", body: ae(`,"rn":"plain"`), assoc: none})
	w.policy("Capp01", "cse-in/app", "strict", `{"acor":["Cplain1"],"acop":2,"acaf":true}`)
	w.container("Capp01", "cse-in/app", "c1", `"acpi":["cse-in/app/strict"]`)
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/app/c1", from: "Cplain1", assoc: none})
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c1", from: "Cplain1"})
}

func TestPolicy_A82_PointOfAccessIsForTheAEAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Cother1", "other")
	w.policy("Cother1", "cse-in/other", "all", `{"acor":["all"],"acop":63}`)
	w.must(onem2m.Created, ask{op: "C2", to: "-", from: "Capp01", body: ae(`,"rn":"app","poa":["http://192.0.2.1/secret"],"acpi":["cse-in/other/all"]`)})
	w.container("Capp01", "cse-in/app", "c1", `"acpi":["cse-in/other/all"]`)
	r := func(from, query string) ask { return ask{op: "R", to: "cse-in/app" + query, from: from} }
	w.follow(t, []step{
		{name: "A-82 the AE sees it", ask: r("Capp01", ""), code: 2000, show: map[string]string{"poa": `["http://192.0.2.1/secret"]`}},
		{name: "A-82 nobody else", ask: r("Cother1", ""), code: 2000, show: map[string]string{"poa": "", "api": "*"}},
		{name: "A-82 not in a list of attributes", ask: r("Cother1", "?atrl=poa"), code: 2000, body: `{"m2m:ae":{}}`},
		{name: "A-82 not by its address", ask: r("Cother1", "#poa"), code: 2000, body: `{"m2m:ae":{}}`},
		{name: "A-82 not with children", ask: r("Cother1", "?rcn=4"), code: 2000, show: map[string]string{"poa": "", "m2m:cnt": "*"}},
		{name: "A-82 not with references", ask: r("Cother1", "?rcn=5"), code: 2000, show: map[string]string{"poa": ""}},
		{name: "A-82 no condition tells", ask: r("Cother1", "?poa=http*"), code: 4004},
		{name: "A-82 but to the AE", ask: r("Capp01", "?poa=http*"), code: 2000},
		{name: "A-82 no discovery tells", ask: ask{op: "R", to: "cse-in?fu=1&ty=2&poa=http*", from: "Cother1"}, code: 2000, body: uril()},
		{name: "A-82 no condition on the parent tells", ask: r("Cother1", "?fu=1&ty=3"), code: 2000, body: uril("cse-in/app/c1")},
		{name: "A-82 nobody else changes it", ask: ask{op: "U", to: "cse-in/app", from: "Cother1", body: `{"m2m:ae":{"poa":["http://192.0.2.9/"]}}`}, code: 4103},
		{name: "A-82 nobody else removes it", ask: ask{op: "U", to: "cse-in/app", from: "Cother1", body: `{"m2m:ae":{"poa":null}}`}, code: 4103},
		{name: "A-82 other attributes can be", ask: ask{op: "U", to: "cse-in/app", from: "Cother1", body: `{"m2m:ae":{"lbl":["x"]}}`}, code: 2004, show: map[string]string{"poa": "", "lbl": `["x"]`}},
		{name: "A-82 the AE changes it", ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"poa":["http://192.0.2.2/"]}}`}, code: 2004, show: map[string]string{"poa": `["http://192.0.2.2/"]`}},
		{name: "A-82 in a DELETE", ask: ask{op: "D", to: "cse-in/app?rcn=1", from: "Cother1"}, code: 2002, show: map[string]string{"poa": "", "api": "*"}},
	})
	for _, ev := range w.events {
		subject := ev.Resource
		if ev.Child != nil {
			subject = ev.Child
		}
		if told := string(subject.Attributes) + string(ev.Modified); containsPoint(told) {
			t.Errorf("A-82: subscribers are told %s", told)
		}
	}
}
