package cse

import (
	"testing"

	"bulwark/internal/notify"
	"bulwark/onem2m"
)

func TestMgmtObj_Rules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(onem2m.Created, ask{op: "C14", to: "cse-in", from: "CAdmin", body: `{"m2m:nod":{"rn":"n","ni":"urn:sn:1"}}`})
	c := func(to, body string) ask { return ask{op: "C13", to: "cse-in/" + to, from: "CAdmin", body: body} }
	u := func(to, body string) ask { return ask{op: "U", to: "cse-in/n/" + to, from: "CAdmin", body: body} }
	w.follow(t, []step{
		{name: "C-414 no definition", ask: c("n", `{"m2m:bat":{"btl":5,"bts":1}}`), code: 4000},
		{name: "C-414 the definition of something else", ask: c("n", `{"m2m:bat":{"mgd":1001,"btl":5,"bts":1}}`), code: 4000},
		{name: "C-414 an unknown root with a known definition", ask: c("n", `{"m2m:battery":{"mgd":1006}}`), code: 4000},
		{name: "C-414 an unknown definition", ask: c("n", `{"x:thing":{"mgd":4711}}`), code: 5001},
		{name: "C-414 a definition without a root element", ask: c("n", `{"x:thing":{"mgd":1024}}`), code: 5001},
		{name: "C-414 an unknown root without a definition", ask: c("n", `{"x:thing":{"a":1}}`), code: 4000},
		{name: "C-414 the root of another type", ask: c("n", `{"m2m:cnt":{}}`), code: 4000},
		{name: "C-414 a battery", ask: c("n", `{"m2m:bat":{"rn":"bat","mgd":1006,"btl":5,"bts":1}}`), code: 2001, show: map[string]string{"ty": "13", "mgd": "1006"}},
		{name: "C-414 mgd stays", ask: u("bat", `{"m2m:bat":{"mgd":1006}}`), code: 4000},
		{name: "C-414 another root in an UPDATE", ask: u("bat", `{"m2m:mem":{"mma":1}}`), code: 4000},
		{name: "C-137 references name the definition", ask: ask{op: "R", to: "cse-in/n?rcn=6", from: "CAdmin"}, code: 2000, body: `{"m2m:rrl":{"rrf":[{"nm":"bat","typ":13,"val":"cse-in/n/bat","spid":1006}]}}`},
		{name: "C-415 not below the CSEBase", ask: ask{op: "C13", to: "cse-in", from: "CAdmin", body: `{"m2m:bat":{"mgd":1006,"btl":5,"bts":1}}`}, code: 4108},
		{name: "C-415 a battery below a battery", ask: c("n/bat", `{"m2m:bat":{"mgd":1006,"btl":5,"bts":1}}`), code: 4108},
		{name: "C-415 a policy", ask: c("n", `{"m2m:cmp":{"rn":"cmdh","mgd":1011,"cpn":"one","cmlk":[{"nm":"l","typ":1013,"val":"cse-in/n"}]}}`), code: 2001},
		{name: "C-415 defaults not below the node", ask: c("n", `{"m2m:cmdf":{"mgd":1013}}`), code: 4108},
		{name: "C-415 defaults below the policy", ask: c("n/cmdh", `{"m2m:cmdf":{"rn":"def","mgd":1013,"cmlk":[{"nm":"l","typ":1013,"val":"cse-in/n"}]}}`), code: 2001},
		{name: "C-415 a value below the defaults", ask: c("n/cmdh/def", `{"m2m:cmdv":{"mgd":1014,"od":1,"dev":2,"ror":["Capp01"]}}`), code: 2001},
		{name: "C-415 a value not below the policy", ask: c("n/cmdh", `{"m2m:cmdv":{"mgd":1014,"od":1,"dev":2,"ror":["Capp01"]}}`), code: 4108},
		{name: "C-415 rules not below the defaults", ask: c("n/cmdh/def", `{"m2m:cmwr":{"mgd":1018}}`), code: 4108},
		{name: "C-416 an object of a management protocol", ask: c("n", `{"m2m:bat":{"mgd":1006,"btl":5,"bts":1,"obps":["./DevInfo"]}}`), code: 6003},
		{name: "C-416 an object of a data model", ask: c("n", `{"m2m:bat":{"mgd":1006,"btl":5,"bts":1,"obis":["urn:oma:mo"]}}`), code: 6003},
		{name: "C-417 firmware", ask: c("n", `{"m2m:fwr":{"rn":"fwr","mgd":1001,"vr":"1","fwn":"f","url":"http://example.com/f","ud":false}}`), code: 2001, show: map[string]string{"uds": `{"sus":0}`, "ud": "false"}},
		{name: "C-417 update is taken up and falls back", ask: u("fwr", `{"m2m:fwr":{"ud":true}}`), code: 2004, show: map[string]string{"ud": "false", "uds": `{"acn":"update","sus":3}`}},
		{name: "C-417 the device writes the outcome", ask: u("fwr", `{"m2m:fwr":{"uds":{"acn":"update","sus":1}}}`), code: 2004, show: map[string]string{"ud": "false", "uds": `{"acn":"update","sus":1}`}},
		{name: "C-417 software", ask: c("n", `{"m2m:swr":{"rn":"swr","mgd":1002,"vr":"1","swn":"s","url":"http://example.com/s"}}`), code: 2001, show: map[string]string{"in": "false", "un": "false", "ins": `{"sus":0}`, "acts": ""}},
		{name: "C-417 install and uninstall", ask: u("swr", `{"m2m:swr":{"in":true,"un":true}}`), code: 4000},
		{name: "C-417 activate and deactivate", ask: u("swr", `{"m2m:swr":{"act":true,"dea":true}}`), code: 4000},
		{name: "C-417 activate", ask: u("swr", `{"m2m:swr":{"act":true,"dea":false}}`), code: 2004, show: map[string]string{"act": "false", "acts": `{"acn":"activate","sus":3}`, "ins": `{"sus":0}`}},
		{name: "C-418 reboot", ask: c("n", `{"m2m:rbo":{"rn":"rbo","mgd":1009}}`), code: 2001, show: map[string]string{"rbo": "false", "far": "false"}},
		{name: "C-418 reboot and reset", ask: u("rbo", `{"m2m:rbo":{"rbo":true,"far":true}}`), code: 4000},
		{name: "C-418 reboot alone", ask: u("rbo", `{"m2m:rbo":{"rbo":true}}`), code: 2004, show: map[string]string{"rbo": "false"}},
		{name: "C-418 an event log", ask: c("n", `{"m2m:evl":{"rn":"evl","mgd":1010,"lgt":1,"lgd":"x","lgst":2}}`), code: 2001, show: map[string]string{"lga": "true", "lgo": "true"}},
		{name: "C-418 start and stop", ask: u("evl", `{"m2m:evl":{"lga":true,"lgo":true}}`), code: 4000},
		{name: "C-418 start", ask: u("evl", `{"m2m:evl":{"lga":true}}`), code: 2004},
		{name: "C-418 the log is gone", ask: u("evl", `{"m2m:evl":{"lgst":4}}`), code: 2004},
		{name: "C-418 there is none to start", ask: u("evl", `{"m2m:evl":{"lga":true}}`), code: 4000},
		{name: "C-419 a capability", ask: c("n", `{"m2m:dvc":{"rn":"dvc","mgd":1008,"can":"c","att":true,"cas":{"acn":"a","sus":1},"cus":true}}`), code: 2001, show: map[string]string{"ena": "true", "dis": "true", "cas": `{"acn":"a","sus":1}`}},
		{name: "C-419 enable and disable", ask: u("dvc", `{"m2m:dvc":{"ena":true,"dis":true}}`), code: 4000},
		{name: "C-419 disable", ask: u("dvc", `{"m2m:dvc":{"dis":true}}`), code: 2004, show: map[string]string{"ena": "true", "dis": "true", "cas": `{"acn":"disable","sus":3}`}},
		{name: "a collection with a schedule and an interval", ask: c("n", `{"dcfg:datc":{"mgd":1021,"cntp":"cse-in/x","meil":5,"mesc":[{"sce":["* * * * * * *"]}]}}`), code: 4000},
		{name: "credentials that don't fit", ask: c("n", `{"dcfg:wific":{"mgd":1028,"ssid":"s","scan":false,"wcrds":{"enct":4,"wepk":"k"}}}`), code: 4000},
		{name: "credentials and more", ask: c("n", `{"dcfg:wific":{"mgd":1028,"ssid":"s","scan":false,"wcrds":{"enct":4,"wpap":"k","unm":"u"}}}`), code: 4000},
		{name: "credentials that fit", ask: c("n", `{"dcfg:wific":{"mgd":1028,"ssid":"s","scan":false,"wcrds":{"enct":4,"wpap":"k"}}}`), code: 2001, show: map[string]string{"scanr": "[]", "rdst": "false"}},
	})
}

func TestMgmtObj_C417_SubscribersSeeWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(onem2m.Created, ask{op: "C14", to: "cse-in", from: "CAdmin", body: `{"m2m:nod":{"rn":"n","ni":"x"}}`})
	w.must(onem2m.Created, ask{op: "C13", to: "cse-in/n", from: "CAdmin", body: `{"m2m:rbo":{"rn":"rbo","mgd":1009}}`})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/n/rbo", from: "CAdmin", body: `{"m2m:rbo":{"rbo":true}}`})
	last := w.events[len(w.events)-1]
	modified, err := onem2m.ParseObject(last.Modified)
	if err != nil {
		t.Fatal(err)
	}
	if on, _ := modified.Bool("rbo"); last.Type != notify.Updated || !on {
		t.Errorf("got %s", last.Modified)
	}
	if on, _ := attributes(last.Resource).Bool("rbo"); on {
		t.Error("the resource itself still asks")
	}
}
