package model

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

func TestModel_C476_WhatWasSentComesBack(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.Make(t, owner, "/cse-in", 1, `{"m2m:acp":{"rn":"full","pv":{"acr":[{"acor":["Cmodel1"],"acop":63}]},"pvs":{"acr":[{"acor":["Cmodel1"],"acop":63}]}}}`)
	c.Make(t, owner, "/cse-in/top", 3, `{"m2m:cnt":{"rn":"box"}}`)
	c.Make(t, owner, "/cse-in/top", 29, `{"m2m:ts":{"rn":"series"}}`)
	c.Make(t, "CAdmin", "/cse-in", 14, `{"m2m:nod":{"rn":"board","ni":"urn:example:board"}}`)
	c.Make(t, owner, "/cse-in/top/box", 23, `{"m2m:sub":{"rn":"watch","nu":["http://192.0.2.1:9/n"]}}`)
	c.Make(t, "CAdmin", "/cse-in", 22, `{"m2m:stcg":{"rn":"stats"}}`)
	c.Make(t, "CAdmin", "/cse-in/stats", 7, `{"m2m:evcg":{"rn":"event","evt":1}}`)
	event, _ := c.Get(t, "CAdmin", "/cse-in/stats/event").Attribute("evi").(string)
	for _, tc := range []struct {
		name, from, parent string
		ty                 int
		attrs              string
	}{
		{"AE", "Call001", "/cse-in", 2, `{"rn":"ae","api":"N.example.all","scp":["webrtc"],"trps":true,"tren":true,"regs":1,"apn":"all of it","rr":true,"srv":["2a","3"],"poa":["http://192.0.2.1:80/x"],"or":"http://example.com/o","lbl":["a","b:c"],"et":"20300101T000000,000000"}`},
		{"accessControlPolicy", owner, "/cse-in", 1, `{"rn":"acp","lbl":["p"],"et":"20300101T000000,000000","pv":{"acr":[{"acor":["Cx","/id-b/C*","all"],"acop":3,"acaf":true,"acco":[{"actw":["* * 8-17 * * 1-5 *"],"acip":{"ipv4":["192.0.2.0/24"]},"aclr":{"accr":[48.2,16.4,500.5]}}],"acod":[{"chty":[3,4]}]}]},"pvs":{"acr":[{"acor":["Cmodel1"],"acop":63}]}}`},
		{"container", owner, "/cse-in/top", 3, `{"rn":"cnt","acpi":["cse-in/full"],"lbl":["grün","50%"],"et":"20300101T000000,000000","mni":10,"mbs":10000,"mia":3600,"or":"http://example.com/o","disr":false}`},
		{"contentInstance", owner, "/cse-in/top/box", 4, `{"rn":"cin","lbl":["one"],"et":"20300101T000000,000000","cnf":"text/plain:0","or":"http://example.com/o","con":"a\u0000b\n\"\\\u2028 grün 𝄞 e\u0301 "}`},
		{"contentInstance with an object", owner, "/cse-in/top/box", 4, `{"rn":"obj","con":{"b":[1,2.50,{"c":null}],"a":1e3}}`},
		{"contentInstance with a number", owner, "/cse-in/top/box", 4, `{"rn":"num","con":21.5}`},
		{"subscription", owner, "/cse-in/top/box", 23, `{"rn":"sub","acpi":["cse-in/full"],"lbl":["s"],"et":"20300101T000000,000000","nu":["http://192.0.2.1:9/n"],"nct":1,"enc":{"net":[3,4]},"exc":5}`},
		{"group", owner, "/cse-in/top", 9, `{"rn":"grp","acpi":["cse-in/full"],"lbl":["g"],"et":"20300101T000000,000000","mt":3,"mnm":5,"mid":["cse-in/top/box"],"macp":["cse-in/full"],"csy":2,"gn":"boxes"}`},
		{"node", "CAdmin", "/cse-in", 14, `{"rn":"node","acpi":["cse-in/full"],"lbl":["n"],"et":"20300101T000000,000000","ni":"urn:example:node"}`},
		{"mgmtObj", "CAdmin", "/cse-in/board", 13, `{"rn":"bat","lbl":["b"],"et":"20300101T000000,000000","mgd":1006,"dc":"the battery","btl":55,"bts":1}`},
		{"schedule", "CAdmin", "/cse-in/board", 18, `{"rn":"sch","lbl":["s"],"et":"20300101T000000,000000","se":{"sce":["* 0-5 2,6,10 * * * *","*/10 * * * * 1-5 *"]}}`},
		{"flexContainer", owner, "/cse-in/top", 28, `{"rn":"tempe","acpi":["cse-in/full"],"lbl":["t"],"et":"20300101T000000,000000","cnd":"org.onem2m.common.moduleclass.temperature","curT0":21.5,"unit":1}`},
		{"timeSeries", owner, "/cse-in/top", 29, `{"rn":"ts","acpi":["cse-in/full"],"lbl":["t"],"et":"20300101T000000,000000","mni":10,"mbs":1000,"mia":60,"pei":1000,"peid":100,"mdd":true,"mdn":5,"mdt":200,"or":"http://example.com/o"}`},
		{"timeSeriesInstance", owner, "/cse-in/top/series", 30, `{"rn":"tsi","lbl":["t"],"et":"20300101T000000,000000","dgt":"20260301T101500,250000","con":"21.5","snr":3}`},
		{"locationPolicy", owner, "/cse-in/top", 10, `{"rn":"lcp","acpi":["cse-in/full"],"lbl":["l"],"et":"20300101T000000,000000","los":2,"lou":["PT5S"],"lon":"positions","lit":2,"gec":1,"gta":[[0,0],[1,0],[1,1]]}`},
		{"m2mServiceSubscriptionProfile", "CAdmin", "/cse-in", 11, `{"rn":"mssp","acpi":["cse-in/full"],"lbl":["m"],"et":"20300101T000000,000000"}`},
		{"mgmtCmd", "CAdmin", "/cse-in", 12, `{"rn":"mgc","acpi":["cse-in/full"],"lbl":["c"],"et":"20300101T000000,000000","dc":"reboots","cmt":2,"ext":"cse-in/board","exm":1,"exf":"PT1S","exn":1,"exy":"PT0S","exe":false}`},
		{"pollingChannel", owner, "/cse-in/top", 15, `{"rn":"pch","lbl":["p"],"et":"20300101T000000,000000","rqag":true}`},
		{"serviceSubscribedAppRule", "CAdmin", "/cse-in", 19, `{"rn":"asar","acpi":["cse-in/full"],"lbl":["r"],"et":"20300101T000000,000000","apci":["None"],"aai":["N*"],"aae":["C*"]}`},
		{"serviceSubscribedNode", "CAdmin", "/cse-in/mssp", 20, `{"rn":"svsn","acpi":["cse-in/full"],"lbl":["n"],"et":"20300101T000000,000000","ni":"urn:example:node","csi":"/id-in","rlk":["cse-in/asar"]}`},
		{"statsConfig", "CAdmin", "/cse-in", 22, `{"rn":"stcg","acpi":["cse-in/full"],"lbl":["s"],"et":"20300101T000000,000000"}`},
		{"eventConfig", "CAdmin", "/cse-in/stcg", 7, `{"rn":"evc","acpi":["cse-in/full"],"lbl":["e"],"et":"20300101T000000,000000","evt":2,"ds":100,"erts":[3,4]}`},
		{"statsCollect", "CAdmin", "/cse-in", 21, `{"rn":"stcl","acpi":["cse-in/full"],"lbl":["s"],"et":"20300101T000000,000000","cei":"/id-in","cdi":["Cmodel1"],"srs":1,"sm":1,"evi":"` + event + `","cp":{"sce":["* * 8-17 * * * *"]}}`},
		{"notificationTargetMgmtPolicyRef", owner, "/cse-in/top/box/watch", 25, `{"rn":"ntpr","acpi":["cse-in/full"],"lbl":["n"],"et":"20300101T000000,000000","ntu":["http://192.0.2.1:9/n"],"npi":"cse-in/defaultNTP"}`},
		{"notificationTargetPolicy", owner, "/cse-in", 26, `{"rn":"ntp","acpi":["cse-in/full"],"lbl":["n"],"et":"20300101T000000,000000","acn":1,"plbl":"mine","rrs":1}`},
		{"policyDeletionRules", owner, "/cse-in/ntp", 27, `{"rn":"pdr","acpi":["cse-in/full"],"lbl":["d"],"et":"20300101T000000,000000","dr":{"tod":["* * 8-17 * * * *"]}}`},
		{"dynamicAuthorizationConsultation", owner, "/cse-in/top", 34, `{"rn":"dac","acpi":["cse-in/full"],"lbl":["d"],"et":"20300101T000000,000000","dae":true,"dap":["http://192.0.2.1:9/n"],"dal":"20300101T000000"}`},
		{"crossResourceSubscription", owner, "/cse-in/top", 48, `{"rn":"crs","acpi":["cse-in/full"],"lbl":["x"],"et":"20300101T000000,000000","nu":["http://192.0.2.1:9/n"],"twt":1,"tws":"PT10S","srat":["cse-in/top/box/watch","cse-in/top/box/sub"],"nec":4,"exc":3}`},
		{"timeSyncBeacon", owner, "/cse-in/top", 60, `{"rn":"tsb","acpi":["cse-in/full"],"lbl":["t"],"et":"20300101T000000,000000","bcnu":["http://192.0.2.1:9/n"],"bcnc":1,"bcni":"PT1H"}`},
		{"action", owner, "/cse-in/top/box", 65, `{"rn":"actr","acpi":["cse-in/full"],"lbl":["a"],"et":"20300101T000000,000000","apy":1,"evm":0,"evc":{"optr":3,"sbjt":"cni","thld":5},"orc":"cse-in/top/box","apv":{"op":3,"fr":"Cmodel1","to":"cse-in/top/box","rqi":"1","rvi":"4","pc":{"m2m:cnt":{"lbl":["full"]}}}}`},
		{"multimediaSession", "Call001", "/cse-in/ae", 46, `{"rn":"mms","lbl":["m"],"et":"20300101T000000,000000","soi":"Cmodel1","osd":{"sdc":["v=0"]}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var sent map[string]any
			if err := json.Unmarshal([]byte(tc.attrs), &sent); err != nil {
				t.Fatal(err)
			}
			root := map[int]string{
				1: "m2m:acp", 2: "m2m:ae", 3: "m2m:cnt", 4: "m2m:cin", 7: "m2m:evcg", 9: "m2m:grp", 10: "m2m:lcp",
				11: "m2m:mssp", 12: "m2m:mgc", 15: "m2m:pch", 19: "m2m:asar", 20: "m2m:svsn", 21: "m2m:stcl", 22: "m2m:stcg",
				25: "m2m:ntpr", 26: "m2m:ntp", 27: "m2m:pdr", 34: "m2m:dac", 46: "m2m:mms", 48: "m2m:crs", 60: "m2m:tsb", 65: "m2m:actr", 13: "m2m:bat", 14: "m2m:nod", 18: "m2m:sch",
				23: "m2m:sub", 28: "cod:tempe", 29: "m2m:ts", 30: "m2m:tsi",
			}[tc.ty]
			made := c.Create(t, tc.from, tc.parent, tc.ty, `{"`+root+`":`+tc.attrs+`}`)
			made.Expect(t, 2001, 201)
			rn, _ := sent["rn"].(string)
			got := c.Get(t, tc.from, tc.parent+"/"+rn)
			got.Expect(t, 2000, 200)
			kept := map[string]any{}
			for name := range sent {
				kept[name] = got.Attribute(name)
			}
			if diff := cmp.Diff(sent, kept); diff != "" {
				t.Errorf("attributes (-sent +kept):\n%s", diff)
			}
			for _, name := range []string{"ty", "ri", "pi", "ct", "lt"} {
				if got.Attribute(name) == nil {
					t.Errorf("%s is missing: %s", name, got)
				}
			}
			if made.Body != got.Body {
				t.Errorf("created %s, retrieved %s", made.Body, got.Body)
			}
		})
	}
}
