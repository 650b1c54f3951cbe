package fieldcase

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"bulwark/test/harness"
)

// site is the setup of case 09.
func site(t *testing.T) *harness.Client {
	t.Helper()
	c, _ := trusting(t)
	c.Register(t, "Cweb01", "site")
	c.Make(t, "Cweb01", "/cse-in/site", 3, `{"m2m:cnt":{"rn":"floor1","lbl":["ground"]}}`)
	c.Make(t, "Cweb01", "/cse-in/site/floor1", 3, `{"m2m:cnt":{"rn":"room"}}`)
	for _, rn := range []string{"cin-a", "cin-b"} {
		c.Make(t, "Cweb01", "/cse-in/site/floor1/room", 4, `{"m2m:cin":{"rn":"`+rn+`","con":"x"}}`)
	}
	c.Make(t, "Cweb01", "/cse-in/site", 23, `{"m2m:sub":{"rn":"note","nu":["http://192.0.2.9:1/"],"enc":{"net":[1]}}}`)
	return c
}

// skeleton is what matters of a result: names and how they are nested.
func skeleton(t *testing.T, body string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return strip(v)
}

// strip leaves names, types, addresses and children.
func strip(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if strings.Contains(name, ":") || slices.Contains([]string{"rn", "nm", "typ", "val", "ch", "rrf"}, name) {
				v[name] = strip(value)
				continue
			}
			delete(v, name)
		}
	case []any:
		for i := range v {
			v[i] = strip(v[i])
		}
	}
	return v
}

func TestFieldCase09_TheShapeOfWhatComesBack(t *testing.T) {
	t.Parallel()
	c := site(t)
	ids := map[string]string{}
	for _, path := range []string{"room", "room/cin-a", "room/cin-b"} {
		ids[path] = c.Get(t, "Cweb01", "/cse-in/site/floor1/"+path).Text("ri")
	}
	const (
		refs = `{"nm":"room","typ":3,"val":"cse-in/site/floor1/room"},` +
			`{"nm":"cin-a","typ":4,"val":"cse-in/site/floor1/room/cin-a"},{"nm":"cin-b","typ":4,"val":"cse-in/site/floor1/room/cin-b"}`
		room = `"m2m:cnt":[{"rn":"room","m2m:cin":[{"rn":"cin-a"},{"rn":"cin-b"}]}]`
	)
	for _, tc := range []struct{ name, query, want string }{
		{"A C-133 nothing asked", "", `{"m2m:cnt":{"rn":"floor1"}}`},
		{"A C-133 attributes", "?rcn=1", `{"m2m:cnt":{"rn":"floor1"}}`},
		{"B C-138 attributes and children", "?rcn=4", `{"m2m:cnt":{"rn":"floor1",` + room + `}}`},
		{"C C-138 one level", "?rcn=4&lvl=1", `{"m2m:cnt":{"rn":"floor1","m2m:cnt":[{"rn":"room"}]}}`},
		{"D C-138 matching instances stand below their nearest ancestor in the result", "?rcn=4&ty=4", `{"m2m:cnt":{"rn":"floor1","m2m:cin":[{"rn":"cin-a"},{"rn":"cin-b"}]}}`},
		{"E C-133 attributes and references", "?rcn=5", `{"m2m:cnt":{"rn":"floor1","ch":[` + refs + `]}}`},
		{"F C-133 references", "?rcn=6", `{"m2m:rrl":{"rrf":[` + refs + `]}}`},
		{"G C-133 children", "?rcn=8", `{"m2m:cnt":{` + room + `}}`},
		{"H C-147 discovery", "?fu=1", `{"m2m:uril":["cse-in/site/floor1/room","cse-in/site/floor1/room/cin-a","cse-in/site/floor1/room/cin-b"]}`},
		{"I C-150 unstructured", "?fu=1&drt=2", `{"m2m:uril":["` + ids["room"] + `","` + ids["room/cin-a"] + `","` + ids["room/cin-b"] + `"]}`},
		{"J C-133 references of a discovery", "?fu=1&rcn=6", `{"m2m:rrl":{"rrf":[` + refs + `]}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := c.Get(t, "Cweb01", "/cse-in/site/floor1"+tc.query)
			a.Expect(t, 2000, 200)
			if diff := cmp.Diff(skeleton(t, tc.want), skeleton(t, a.Body)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("C-133 result contents without meaning here", func(t *testing.T) {
		c.Get(t, "Cweb01", "/cse-in/site/floor1?fu=1&rcn=4").Expect(t, 4000, 400)
		c.Get(t, "Cweb01", "/cse-in/site/floor1?rcn=0").Expect(t, 4000, 400)
		c.Delete(t, "Cweb01", "/cse-in/site/floor1?rcn=9").Expect(t, 4000, 400)
	})
	t.Run("M C-139 a limit cuts, and says so", func(t *testing.T) {
		a := c.Get(t, "Cweb01", "/cse-in/site/floor1?rcn=4&lim=2")
		a.Expect(t, 2000, 200)
		want := skeleton(t, `{"m2m:cnt":{"rn":"floor1","m2m:cnt":[{"rn":"room","m2m:cin":[{"rn":"cin-a"}]}]}}`)
		if diff := cmp.Diff(want, skeleton(t, a.Body)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if a.Header.Get("X-M2M-CTS") != "1" || a.Header.Get("X-M2M-CTO") != "3" {
			t.Errorf("X-M2M-CTS is %q and X-M2M-CTO %q", a.Header.Get("X-M2M-CTS"), a.Header.Get("X-M2M-CTO"))
		}
	})
	t.Run("C-148 what isn't permitted, and all below it, is no part of the result", func(t *testing.T) {
		c.Make(t, "Cweb01", "/cse-in/site", 1, policy("guests", "Cweb01", `{"acor":["Cweb01"],"acop":63}`, `{"acor":["Cguest1"],"acop":34}`))
		c.Register(t, "Cguest1", "guest")
		c.Update(t, "Cweb01", "/cse-in/site/floor1", `{"m2m:cnt":{"acpi":["cse-in/site/guests"]}}`).Expect(t, 2004, 200)
		for query, want := range map[string]string{
			"rcn=4": `{"m2m:cnt":{"rn":"floor1"}}`, "rcn=5": `{"m2m:cnt":{"rn":"floor1","ch":[]}}`,
			"rcn=6": `{"m2m:rrl":{"rrf":[]}}`, "rcn=8": `{"m2m:cnt":{}}`,
		} {
			a := c.Get(t, "Cguest1", "/cse-in/site/floor1?"+query)
			a.Expect(t, 2000, 200)
			if diff := cmp.Diff(skeleton(t, want), skeleton(t, a.Body)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
		}
	})
}

func TestFieldCase09_WhatAChangeAnswersAndPartsOfResources(t *testing.T) {
	t.Parallel()
	c := site(t)
	create := func(rcn, rn string) *harness.Answer {
		a := c.Create(t, "Cweb01", "/cse-in/site?rcn="+rcn, 3, `{"m2m:cnt":{"rn":"`+rn+`","lbl":["x"]}}`)
		a.Expect(t, 2001, 201)
		return a
	}
	t.Run("C-134 CREATE and nothing", func(t *testing.T) {
		if a := create("0", "n0"); a.Body != "" {
			t.Errorf("the body is %q", a.Body)
		}
	})
	t.Run("C-134 CREATE and the address", func(t *testing.T) {
		if a := create("2", "n2"); a.Body != `{"m2m:uri":"cse-in/site/n2"}` {
			t.Errorf("the body is %q", a.Body)
		}
	})
	t.Run("C-134 CREATE, the address and the attributes", func(t *testing.T) {
		a := create("3", "n3")
		if uri, _ := a.Attribute("uri").(string); uri != "cse-in/site/n3" || !strings.Contains(a.Body, `"lbl":["x"]`) {
			t.Errorf("the body is %q", a.Body)
		}
	})
	t.Run("C-141 CREATE and what the CSE has added", func(t *testing.T) {
		a := create("9", "n9")
		if a.Text("ri") == "" || a.Text("ct") == "" || a.Attribute("lbl") != nil || a.Attribute("rn") != nil {
			t.Errorf("the body is %q", a.Body)
		}
	})
	t.Run("C-135 DELETE returns what was there", func(t *testing.T) {
		a := c.Delete(t, "Cweb01", "/cse-in/site/n0?rcn=1")
		a.Expect(t, 2002, 200)
		if a.Text("rn") != "n0" || !strings.Contains(a.Body, `"lbl":["x"]`) {
			t.Errorf("the body is %q", a.Body)
		}
	})
	t.Run("C-040 attribute lists", func(t *testing.T) {
		a := c.Get(t, "Cweb01", "/cse-in/site/floor1?atrl=lbl")
		if a.Body != `{"m2m:cnt":{"lbl":["ground"]}}` {
			t.Errorf("got %s", a)
		}
		a = c.Get(t, "Cweb01", "/cse-in/site/floor1?atrl=lbl+ct")
		if r := a.Resource(); len(r) != 2 || r["lbl"] == nil || r["ct"] == nil {
			t.Errorf("got %s", a)
		}
		c.Get(t, "Cweb01", "/cse-in/site/floor1?atrl=con").Expect(t, 4000, 400)
		if a := c.Get(t, "Cweb01", "/cse-in/site/floor1/room?atrl=lbl"); a.RSC != 2000 || a.Body != `{"m2m:cnt":{}}` {
			t.Errorf("got %s", a)
		}
	})
}
