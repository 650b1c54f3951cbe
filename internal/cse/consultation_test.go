package cse

import (
	"strings"
	"testing"
)

func TestConsultation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	many := `["http://a.example"` + strings.Repeat(`,"http://a.example"`, maxConsultationPoints) + `]`
	w.follow(t, []step{
		{name: "C-264 without a point of access", ask: ask{op: "C34", to: "cse-in/app", from: "Capp01", body: `{"m2m:dac":{"dae":true}}`}, code: 4000},
		{name: "C-264 with an empty list", ask: ask{op: "C34", to: "cse-in/app", from: "Capp01", body: `{"m2m:dac":{"dae":true,"dap":[]}}`}, code: 4000},
		{name: "C-264 with too many", ask: ask{op: "C34", to: "cse-in/app", from: "Capp01", body: `{"m2m:dac":{"dae":true,"dap":` + many + `}}`}, code: 4000},
		{name: "C-264 without the switch", ask: ask{op: "C34", to: "cse-in/app", from: "Capp01", body: `{"m2m:dac":{"dap":["http://a.example"]}}`}, code: 4000},
		{name: "C-264 complete", ask: ask{op: "C34", to: "cse-in/app", from: "Capp01", body: `{"m2m:dac":{"rn":"d","dae":false,"dap":["http://a.example"]}}`}, code: 2001},
		{name: "C-264 the points of access stay", ask: ask{op: "U", to: "cse-in/app/d", from: "Capp01", body: `{"m2m:dac":{"dap":null}}`}, code: 4000},
		{name: "C-264 and aren't emptied", ask: ask{op: "U", to: "cse-in/app/d", from: "Capp01", body: `{"m2m:dac":{"dap":[]}}`}, code: 4000},
		{
			name: "C-264 they change", code: 2004, show: map[string]string{"dae": "true", "dap": `["http://b.example"]`},
			ask: ask{op: "U", to: "cse-in/app/d", from: "Capp01", body: `{"m2m:dac":{"dae":true,"dap":["http://b.example"]}}`},
		},
		{name: "C-264 nothing links to it yet", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"daci":["cse-in/app/d"]}}`}, code: 5001},
		{name: "C-264 it goes", ask: ask{op: "D", to: "cse-in/app/d", from: "Capp01"}, code: 2002},
	})
}
