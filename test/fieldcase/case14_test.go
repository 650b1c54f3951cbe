package fieldcase

import (
	"net/http"
	"testing"

	"bulwark/test/harness"
)

// gateway is the setup of case 14.
func gateway(t *testing.T) *harness.Client {
	t.Helper()
	c, _ := trusting(t)
	for _, ae := range []string{"Cread01", "Cwrite1", "Ckeep01"} {
		c.Register(t, ae, "ae-"+ae)
	}
	c.Register(t, "Cgw0001", "gw")
	c.Make(t, "Cgw0001", "/cse-in", 1, policy("meter", "Ckeep01",
		`{"acor":["Cgw0001"],"acop":63}`, `{"acor":["Cread01"],"acop":2}`, `{"acor":["Cwrite1"],"acop":1}`))
	c.Make(t, "Cgw0001", "/cse-in", 1, policy("other", "Ckeep01",
		`{"acor":["Cgw0001"],"acop":63}`, `{"acor":["Cread01"],"acop":2}`))
	c.Make(t, "Cgw0001", "/cse-in/gw", 3, `{"m2m:cnt":{"rn":"meter","acpi":["cse-in/meter"]}}`)
	c.Make(t, "Cgw0001", "/cse-in/gw", 3, `{"m2m:cnt":{"rn":"plain"}}`)
	c.Make(t, "Cgw0001", "/cse-in/gw/plain", 3, `{"m2m:cnt":{"rn":"sub"}}`)
	return c
}

func TestFieldCase14_WhoMadeIt(t *testing.T) {
	t.Parallel()
	c := gateway(t)
	t.Run("A a creator that somebody names", func(t *testing.T) {
		a := c.Create(t, "Cgw0001", "/cse-in/gw", 3, `{"m2m:cnt":{"rn":"x1","cr":"Cread01"}}`)
		a.Expect(t, 4000, 400)
		a.Names(t, "cr")
	})
	t.Run("B C-093 a creator asked for", func(t *testing.T) {
		c.Create(t, "Cgw0001", "/cse-in/gw", 3, `{"m2m:cnt":{"rn":"x1","cr":null}}`).Expect(t, 2001, 201)
		if cr := c.Get(t, "Cgw0001", "/cse-in/gw/x1").Text("cr"); cr != "Cgw0001" {
			t.Errorf("cr is %q", cr)
		}
	})
	t.Run("C C-093 no creator asked for", func(t *testing.T) {
		c.Create(t, "Cgw0001", "/cse-in/gw", 3, `{"m2m:cnt":{"rn":"x2"}}`).Expect(t, 2001, 201)
		a := c.Get(t, "Cgw0001", "/cse-in/gw/x2")
		if _, there := a.Resource()["cr"]; there || a.RSC != 2000 {
			t.Errorf("got %s", a)
		}
	})
	t.Run("D C-093 a creator of a policy", func(t *testing.T) {
		c.Create(t, "Cgw0001", "/cse-in", 1, `{"m2m:acp":{"rn":"d","cr":null,"pv":{},"pvs":{"acr":[{"acor":["Ckeep01"],"acop":63}]}}}`).Expect(t, 4000, 400)
	})
	t.Run("Q an empty list of privileges", func(t *testing.T) {
		c.Create(t, "Cgw0001", "/cse-in", 1, `{"m2m:acp":{"rn":"q","pv":{},"pvs":{"acr":[{"acor":["Ckeep01"],"acop":63}]}}}`).Expect(t, 2001, 201)
	})
	t.Run("R nobody who maintains the policy", func(t *testing.T) {
		c.Create(t, "Cgw0001", "/cse-in", 1, `{"m2m:acp":{"rn":"r","pv":{},"pvs":{"acr":[]}}}`).Expect(t, 4000, 400)
		c.Create(t, "Cgw0001", "/cse-in", 1, `{"m2m:acp":{"rn":"r","pv":{},"pvs":{}}}`).Expect(t, 4000, 400)
	})
	t.Run("S the last who maintains it", func(t *testing.T) {
		before := c.Get(t, "Ckeep01", "/cse-in/q")
		before.Expect(t, 2000, 200)
		c.Update(t, "Ckeep01", "/cse-in/q", `{"m2m:acp":{"pvs":{"acr":[]}}}`).Expect(t, 4000, 400)
		c.Update(t, "Ckeep01", "/cse-in/q", `{"m2m:acp":{"pvs":null}}`).Expect(t, 4000, 400)
		if after := c.Get(t, "Ckeep01", "/cse-in/q"); after.Body != before.Body {
			t.Errorf("the policy was %s and is %s", before.Body, after.Body)
		}
	})
}

func TestFieldCase14_WhoseRulesItFollows(t *testing.T) {
	t.Parallel()
	c := gateway(t)
	var instance string
	t.Run("E A-45 writing into a container", func(t *testing.T) {
		a := c.Create(t, "Cwrite1", "/cse-in/gw/meter", 4, `{"m2m:cin":{"con":"230 V"}}`)
		a.Expect(t, 2001, 201)
		instance = "/" + a.Text("ri")
	})
	for _, tc := range []struct {
		name, from, method, target string
		rsc, status                int
	}{
		{"F A-45 an instance follows its container", "Cread01", http.MethodGet, "/cse-in/gw/meter/la", 2000, 200},
		{"F A-45 also by its id", "Cread01", http.MethodGet, instance, 2000, 200},
		{"G A-45 who may only write", "Cwrite1", http.MethodGet, "/cse-in/gw/meter/la", 4103, 403},
		{"G A-45 who may only write, by its id", "Cwrite1", http.MethodGet, instance, 4103, 403},
		{"H A-45 the owner", "Cgw0001", http.MethodGet, "/cse-in/gw/meter/la", 2000, 200},
		{"I A-45 who may only read", "Cread01", http.MethodDelete, "/cse-in/gw/meter/la", 4103, 403},
		{"K A-42 no policy: the creator alone", "Cread01", http.MethodGet, "/cse-in/gw/plain", 4103, 403},
		{"K A-42 no policy: the creator", "Cgw0001", http.MethodGet, "/cse-in/gw/plain", 2000, 200},
		{"L A-42 below one without policy", "Cgw0001", http.MethodGet, "/cse-in/gw/plain/sub", 2000, 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.Send(t, harness.Request{Method: tc.method, Target: tc.target, From: tc.from}).Expect(t, tc.rsc, tc.status)
		})
	}
	t.Run("J an instance with a policy of its own", func(t *testing.T) {
		c.Create(t, "Cwrite1", "/cse-in/gw/meter", 4, `{"m2m:cin":{"con":"1","acpi":["cse-in/other"]}}`).Expect(t, 4000, 400)
	})

	other := `{"m2m:cnt":{"acpi":["cse-in/other"]}}`
	t.Run("M A-55 another policy by someone whom only pv knows", func(t *testing.T) {
		c.Update(t, "Cgw0001", "/cse-in/gw/meter", other).Expect(t, 4103, 403)
	})
	t.Run("N A-54 another policy and something else", func(t *testing.T) {
		c.Update(t, "Cgw0001", "/cse-in/gw/meter", `{"m2m:cnt":{"acpi":["cse-in/other"],"mni":5}}`).Expect(t, 4000, 400)
		c.Update(t, "Ckeep01", "/cse-in/gw/meter", `{"m2m:cnt":{"acpi":["cse-in/other"],"mni":5}}`).Expect(t, 4000, 400)
	})
	t.Run("O C-097 a policy that doesn't exist", func(t *testing.T) {
		nothing := `{"m2m:cnt":{"acpi":["cse-in/nosuch"]}}`
		c.Update(t, "Cgw0001", "/cse-in/gw/meter", nothing).Expect(t, 4103, 403)
		c.Update(t, "Ckeep01", "/cse-in/gw/meter", nothing).Expect(t, 4000, 400)
		c.Get(t, "Cgw0001", "/cse-in/gw/meter").Expect(t, 2000, 200)
	})
	t.Run("M A-55 another policy by someone whom pvs names", func(t *testing.T) {
		c.Update(t, "Ckeep01", "/cse-in/gw/meter", other).Expect(t, 2004, 200)
		c.Get(t, "Cread01", "/cse-in/gw/meter").Expect(t, 2000, 200)
		c.Create(t, "Cwrite1", "/cse-in/gw/meter", 4, `{"m2m:cin":{"con":"2"}}`).Expect(t, 4103, 403)
	})
	t.Run("P A-43 the linked policy is gone", func(t *testing.T) {
		c.Delete(t, "Ckeep01", "/cse-in/other").Expect(t, 2002, 200)
		c.Get(t, "Cread01", "/cse-in/gw/meter").Expect(t, 4103, 403)
		c.Get(t, "Cread01", "/cse-in/gw/meter/la").Expect(t, 4103, 403)
		c.Get(t, "Cgw0001", "/cse-in/gw/meter").Expect(t, 4103, 403)
	})
}

func TestFieldCase14_A58_UpdateAddsAndRemovesAttributes(t *testing.T) {
	t.Parallel()
	c := gateway(t)
	c.Register(t, "Cedit01", "editor")
	c.Make(t, "Cgw0001", "/cse-in", 1, policy("edit", "Ckeep01", `{"acor":["Cedit01"],"acop":4}`, `{"acor":["Cread01"],"acop":2}`))
	c.Make(t, "Cgw0001", "/cse-in/gw", 3, `{"m2m:cnt":{"rn":"edited","acpi":["cse-in/edit"],"mni":5}}`)
	for _, tc := range []struct{ name, body, lbl, mni string }{
		{"a new attribute", `{"m2m:cnt":{"lbl":["a"]}}`, "there", "there"},
		{"one less", `{"m2m:cnt":{"mni":null}}`, "there", ""},
		{"the other way round", `{"m2m:cnt":{"lbl":null,"mni":7}}`, "", "there"},
	} {
		c.Update(t, "Cedit01", "/cse-in/gw/edited", tc.body).Expect(t, 2004, 200)
		a := c.Get(t, "Cread01", "/cse-in/gw/edited")
		a.Expect(t, 2000, 200)
		if (a.Attribute("lbl") != nil) != (tc.lbl != "") || (a.Attribute("mni") != nil) != (tc.mni != "") {
			t.Errorf("%s: got %s", tc.name, a)
		}
	}
	c.Get(t, "Cedit01", "/cse-in/gw/edited").Expect(t, 4103, 403)
	c.Delete(t, "Cedit01", "/cse-in/gw/edited").Expect(t, 4103, 403)
}
