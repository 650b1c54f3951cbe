package fieldcase

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"bulwark/test/harness"
)

func TestFieldCase05_TheAlmostRightJSON(t *testing.T) {
	t.Parallel()
	client, process := trusting(t)
	client.Register(t, "Capp01", "app")
	client.Make(t, "Capp01", "/cse-in", 1, policy("own", "Capp01", `{"acor":["Capp01"],"acop":63}`))
	client.Update(t, "Capp01", "/cse-in/app", `{"m2m:ae":{"lbl":["first"]}}`).Expect(t, 2004, 200)
	lt := client.Get(t, "Capp01", "/cse-in/app").Text("lt")
	resident := process.Resident()

	create := func(body string) harness.Request {
		return harness.Request{Method: http.MethodPost, Target: "/cse-in/app", From: "Capp01", Type: 3, Body: body}
	}
	update := func(body string) harness.Request {
		return harness.Request{Method: http.MethodPut, Target: "/cse-in/app", From: "Capp01", Body: body}
	}
	untyped := create(`{"m2m:cnt":{"rn":"q"}}`)
	untyped.Type = 0
	wrongType := create(`{"m2m:cnt":{"rn":"r"}}`)
	wrongType.Type, wrongType.Target = 2, "/cse-in"

	for _, tc := range []struct {
		name    string
		request harness.Request
		names   string
	}{
		{"A a label without a list", create(`{"m2m:cnt":{"rn":"a","lbl":"kitchen"}}`), "lbl"},
		{"B a number as text", create(`{"m2m:cnt":{"rn":"b","mni":"10"}}`), "mni"},
		{"C a negative number", create(`{"m2m:cnt":{"rn":"c","mni":-1}}`), "mni"},
		{"D a fraction", create(`{"m2m:cnt":{"rn":"d","mni":10.5}}`), "mni"},
		{"E an unknown attribute", create(`{"m2m:cnt":{"rn":"e","colour":"red"}}`), "colour"},
		{"F a root without its prefix", create(`{"cnt":{"rn":"f"}}`), "cnt"},
		{"G octets behind the value", create(`{"m2m:cnt":{"rn":"g"}} trailing`), ""},
		{"H a name that appears twice", create(`{"m2m:cnt":{"rn":"h","rn":"h2"}}`), ""},
		{"I an assigned attribute", create(`{"m2m:cnt":{"rn":"i","ri":"myid"}}`), "ri"},
		{"J an expiration in the past", create(`{"m2m:cnt":{"rn":"j","et":"20010101T000000"}}`), "et"},
		{"K an expiration that is no time", create(`{"m2m:cnt":{"rn":"k","et":"tomorrow"}}`), "et"},
		{"L a truth value as text", update(`{"m2m:ae":{"rr":"true"}}`), "rr"},
		{"M an empty list", update(`{"m2m:ae":{"lbl":[]}}`), "lbl"},
		{"O A-54 acpi with something else", update(`{"m2m:ae":{"acpi":["cse-in/own"],"lbl":["x"]}}`), "acpi"},
		{"P an empty body", create(""), ""},
		{"Q no ty", untyped, "ty"},
		{"R the root of another type", wrongType, ""},
		{"S 40,000 opening brackets", create(strings.Repeat("[", 40_000)), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a *harness.Answer
			took := harness.Took(func() { a = client.Send(t, tc.request) })
			a.Expect(t, 4000, 400)
			if a.Body == "" {
				t.Error("the answer says nothing")
			}
			if tc.names != "" {
				a.Names(t, tc.names)
			}
			if took > 2*time.Second {
				t.Errorf("the answer took %s", took)
			}
		})
	}
	after := client.Get(t, "Capp01", "/cse-in/app?rcn=4")
	if after.Text("lt") != lt || len(after.Children("m2m:cnt")) != 0 {
		t.Errorf("refused requests left a trace: lt was %s; %s", lt, after)
	}
	if grown := process.Resident() - resident; grown > 64<<20 {
		t.Errorf("refused requests took %d octets of memory", grown)
	}

	t.Run("N null removes an attribute", func(t *testing.T) {
		client.Update(t, "Capp01", "/cse-in/app", `{"m2m:ae":{"lbl":null}}`).Expect(t, 2004, 200)
		a := client.Get(t, "Capp01", "/cse-in/app")
		if _, there := a.Resource()["lbl"]; there || a.RSC != 2000 {
			t.Errorf("lbl is still there: %s", a.Body)
		}
	})
}
