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
	for _, tc := range []struct {
		name, from, parent string
		ty                 int
		attrs              string
	}{
		{"AE", "Call001", "/cse-in", 2, `{"rn":"ae","api":"N.example.all","apn":"all of it","rr":true,"srv":["2a","3"],"poa":["http://192.0.2.1:80/x"],"or":"http://example.com/o","lbl":["a","b:c"],"et":"20300101T000000,000000"}`},
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
	} {
		t.Run(tc.name, func(t *testing.T) {
			var sent map[string]any
			if err := json.Unmarshal([]byte(tc.attrs), &sent); err != nil {
				t.Fatal(err)
			}
			root := map[int]string{
				1: "m2m:acp", 2: "m2m:ae", 3: "m2m:cnt", 4: "m2m:cin", 9: "m2m:grp", 13: "m2m:bat", 14: "m2m:nod", 18: "m2m:sch",
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
