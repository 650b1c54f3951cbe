package cse

import (
	"strings"
	"testing"

	"bulwark/internal/dynauth"
)

func TestConsultation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	many := `["http://a.example"` + strings.Repeat(`,"http://a.example"`, dynauth.MaxPoints) + `]`
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
		{name: "A-139 a link to it", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"c","daci":["cse-in/app/d"]}}`}, code: 2001},
		{name: "A-139 a link to nothing is passed over later", ask: ask{op: "U", to: "cse-in/app/c", from: "Capp01", body: `{"m2m:cnt":{"daci":["nothing","/id-far/x"]}}`}, code: 2004},
		{name: "A-139 a link that is no address", ask: ask{op: "U", to: "cse-in/app/c", from: "Capp01", body: `{"m2m:cnt":{"daci":["http://das.example/"]}}`}, code: 4000},
		{name: "open point 21 a lifetime as an instant", ask: ask{op: "U", to: "cse-in/app/d", from: "Capp01", body: `{"m2m:dac":{"dal":"20270101T000000"}}`}, code: 2004},
		{name: "open point 21 a lifetime as a duration", ask: ask{op: "U", to: "cse-in/app/d", from: "Capp01", body: `{"m2m:dac":{"dal":"PT1H"}}`}, code: 2004},
		{name: "A-31 a policy has no link to it", ask: ask{op: "C1", to: "cse-in/app", from: "Capp01", body: `{"m2m:acp":{"pv":{},"pvs":{"acr":[{"acor":["Capp01"],"acop":63}]},"daci":["cse-in/app/d"]}}`}, code: 4000},
		{name: "C-264 it goes", ask: ask{op: "D", to: "cse-in/app/d", from: "Capp01"}, code: 2002},
	})
}
