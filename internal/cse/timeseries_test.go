package cse

import (
	"testing"
)

func TestTimeSeries_Rules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	c := func(body string) ask {
		return ask{op: "C29", to: "cse-in/app", from: "Capp01", body: `{"m2m:ts":` + body + `}`}
	}
	u := func(body string) ask {
		return ask{op: "U", to: "cse-in/app/s", from: "Capp01", body: `{"m2m:ts":` + body + `}`}
	}
	put := func(body string) ask {
		return ask{op: "C30", to: "cse-in/app/b", from: "Capp01", body: `{"m2m:tsi":` + body + `}`}
	}
	get := func(to string) ask { return ask{op: "R", to: "cse-in/app/" + to, from: "Capp01"} }
	w.follow(t, []step{
		{name: "C-378 more than half of the interval", ask: c(`{"pei":1000,"peid":501}`), code: 4000},
		{name: "C-378 half of it", ask: c(`{"pei":1000,"peid":500}`), code: 2001, show: map[string]string{"mdd": "false", "mdc": "0", "st": ""}},
		{name: "C-379 no timer", ask: c(`{"pei":1000,"mdd":true}`), code: 4000},
		{name: "C-379 a timer that is too short", ask: c(`{"pei":1000,"mdd":true,"mdt":500}`), code: 4000},
		{name: "C-378 the CSE chooses", ask: c(`{"rn":"s","pei":1000,"mdd":true,"mdt":501}`), code: 2001, show: map[string]string{"peid": "500", "mdlt": ""}},
		{name: "C-380 interval while detection runs", ask: u(`{"pei":2000}`), code: 4000},
		{name: "C-380 removal of a number", ask: u(`{"mdn":null}`), code: 4000},
		{name: "C-380 together with mdd", ask: u(`{"mdd":false,"mdt":800}`), code: 4000},
		{name: "C-381 stop", ask: u(`{"mdd":false}`), code: 2004},
		{name: "C-380 together with mdd while paused", ask: u(`{"mdd":true,"mdn":5}`), code: 4000},
		{name: "C-378 a new interval", ask: u(`{"pei":2000}`), code: 2004, show: map[string]string{"peid": "1000"}},
		{name: "C-379 the timer is too short now", ask: u(`{"mdd":true}`), code: 4000},
		{name: "C-384 mdlt", ask: u(`{"mdlt":[]}`), code: 4000},
		{name: "C-384 mdc", ask: u(`{"mdc":3}`), code: 4000},
		{name: "C-375 a series with bounds", ask: c(`{"rn":"b","mni":2,"mbs":10}`), code: 2001, show: map[string]string{"cni": "0", "cbs": "0"}},
		{name: "C-376 no generation time", ask: put(`{"con":"x"}`), code: 4000},
		{name: "C-375 a point", ask: put(`{"rn":"p1","dgt":"20260304T100000","con":"abc","snr":1}`), code: 2001, show: map[string]string{"cs": "3", "st": "", "snr": "1", "dgt": `"20260304T100000"`}},
		{name: "C-376 the same time", ask: put(`{"dgt":"20260304T100000,000","con":"other"}`), code: 4105},
		{name: "C-376 before the size", ask: put(`{"dgt":"20260304T100000","con":"much longer than allowed"}`), code: 4105},
		{name: "C-375 too long", ask: put(`{"dgt":"20260304T100001","con":"much longer than allowed"}`), code: 5207},
		{name: "C-375 earlier than the last", ask: put(`{"rn":"p2","dgt":"20260304T090000","con":"de"}`), code: 2001},
		{name: "C-375 counters", ask: get("b"), code: 2000, show: map[string]string{"cni": "2", "cbs": "5", "st": ""}},
		{name: "C-375 the third evicts the first", ask: put(`{"rn":"p3","dgt":"20260304T110000","con":"f"}`), code: 2001},
		{name: "C-375 latest", ask: get("b/la"), code: 2000, show: map[string]string{"rn": `"p3"`}},
		{name: "C-375 oldest", ask: get("b/ol"), code: 2000, show: map[string]string{"rn": `"p2"`}},
		{name: "C-376 the time of what is gone is free", ask: put(`{"rn":"p4","dgt":"20260304T100000","con":"g"}`), code: 2001},
		{name: "C-377 no UPDATE", ask: ask{op: "U", to: "cse-in/app/b/p4", from: "Capp01", body: `{"m2m:tsi":{"lbl":["x"]}}`}, code: 4005},
		{name: "C-376 a relative time becomes absolute", ask: put(`{"dgt":-1000,"con":"h"}`), code: 2001, show: map[string]string{"dgt": `"20260304T102959,000000"`}},
		{name: "C-375 fewer points", ask: ask{op: "U", to: "cse-in/app/b", from: "Capp01", body: `{"m2m:ts":{"mni":1}}`}, code: 2004, show: map[string]string{"cni": "1", "cbs": "1"}},
		{name: "C-375 DELETE counts", ask: ask{op: "D", to: "cse-in/app/b/la", from: "Capp01"}, code: 2002},
		{name: "C-375 nothing is left", ask: get("b"), code: 2000, show: map[string]string{"cni": "0", "cbs": "0"}},
		{name: "C-375 nothing is oldest", ask: get("b/ol"), code: 4004},
	})
}
