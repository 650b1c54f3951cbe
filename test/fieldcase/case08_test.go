package fieldcase

import (
	"strings"
	"testing"
	"time"
)

func TestFieldCase08_AStrangerDeletesWhatItCantRead(t *testing.T) {
	t.Parallel()
	c, process := trusting(t)
	ae := c.Register(t, "Cowner1", "house")
	c.Register(t, "Cthief1", "thief")
	cnt := c.Make(t, "Cowner1", "/cse-in/house", 3, `{"m2m:cnt":{"rn":"safe"}}`)
	c.Make(t, "Cowner1", "/cse-in", 1, policy("mine", "Cowner1", `{"acor":["Cowner1"],"acop":63}`))
	c.Make(t, "Cthief1", "/cse-in", 1, policy("stolen", "Cthief1", `{"acor":["Cthief1"],"acop":63}`))
	c.Make(t, "Cowner1", "/cse-in/house/safe", 3, `{"m2m:cnt":{"rn":"box","acpi":["cse-in/mine"]}}`)
	c.Make(t, "Cowner1", "/cse-in/house", 3, `{"m2m:cnt":{"rn":"empty"}}`)
	c.Make(t, "Cowner1", "/cse-in/house/safe", 4, `{"m2m:cin":{"rn":"one","con":"1"}}`)

	all := []string{"/cse-in/house", "/cse-in/house/safe", "/cse-in/house/safe/box", "/cse-in/house/safe/one", "/cse-in/house/empty"}
	times := func() (list []string) {
		for _, target := range all {
			a := c.Get(t, "Cowner1", target)
			a.Expect(t, 2000, 200)
			list = append(list, a.Text("lt"))
		}
		return list
	}
	before := times()

	for _, tc := range []struct{ name, target string }{
		{"A structured", "/cse-in/house"},
		{"B unstructured", "/" + ae},
		{"C SP-relative structured", "/~/id-in/cse-in/house"},
		{"D SP-relative unstructured", "/~/id-in/" + ae},
		{"E absolute unstructured", "/_/m2m.example/id-in/" + ae},
		{"E absolute structured", "/_/m2m.example/id-in/cse-in/house"},
		{"F by the dash for the CSEBase", "/-/house"},
		{"the container", "/cse-in/house/safe"},
		{"the container by its id", "/" + cnt},
		{"below an id", "/" + cnt + "/box"},
		{"the instance", "/cse-in/house/safe/one"},
	} {
		t.Run(tc.name+" A-06 A-42", func(t *testing.T) {
			c.Delete(t, "Cthief1", tc.target).Expect(t, 4103, 403)
			c.Get(t, "Cthief1", tc.target).Expect(t, 4103, 403)
			if !strings.HasSuffix(tc.target, "/one") {
				c.Update(t, "Cthief1", tc.target, `{"m2m:`+root(tc.target, ae)+`":{"lbl":["x"]}}`).Expect(t, 4103, 403)
				c.Create(t, "Cthief1", tc.target, 3, `{"m2m:cnt":{"rn":"mark"}}`).Expect(t, 4103, 403)
			}
		})
	}
	t.Run("H A-01 the latest instance", func(t *testing.T) {
		c.Get(t, "Cthief1", "/"+cnt+"/la").Expect(t, 4103, 403)
		c.Delete(t, "Cthief1", "/"+cnt+"/la").Expect(t, 4103, 403)
		c.Get(t, "Cthief1", "/cse-in/house/empty/la").Expect(t, 4004, 404)
		c.Get(t, "Cowner1", "/cse-in/house/empty/la").Expect(t, 4004, 404)
	})
	t.Run("I C-147 discovery finds nothing and says nothing", func(t *testing.T) {
		for _, target := range []string{"/cse-in/house/safe?fu=1", "/" + cnt + "?fu=1", "/cse-in?fu=1&rn=safe", "/cse-in/house/safe?fu=1&lim=1"} {
			a := c.Get(t, "Cthief1", target)
			a.Expect(t, 2000, 200)
			if list, ok := a.List(); !ok || len(list) != 0 {
				t.Errorf("%s: got %s", target, a)
			}
			if a.Header.Get("X-M2M-CTO") != "" || a.Header.Get("X-M2M-CTS") == "1" {
				t.Errorf("%s: the answer tells of more: %v", target, a.Header)
			}
		}
	})
	t.Run("J C-223 C-474 the CSEBase", func(t *testing.T) {
		for _, from := range []string{"Cthief1", "Cowner1", "CAdmin"} {
			c.Delete(t, from, "/cse-in").Expect(t, 4005, 405)
			c.Delete(t, from, "/-").Expect(t, 4005, 405)
		}
	})
	t.Run("K A-57 a policy of one's own", func(t *testing.T) {
		c.Update(t, "Cthief1", "/"+ae, `{"m2m:ae":{"acpi":["cse-in/stolen"]}}`).Expect(t, 4103, 403)
	})
	if after := times(); strings.Join(before, " ") != strings.Join(after, " ") {
		t.Errorf("modification times were %v and are %v", before, after)
	}
	if got := c.Get(t, "Cowner1", "/cse-in/house/safe?rcn=4"); got.RSC != 2000 || len(got.Children("m2m:cnt")) != 1 || len(got.Children("m2m:cin")) != 1 {
		t.Errorf("the owner gets %s", got)
	}
	if !audited(process.Audit, `"Cthief1"`, `"delete"`, `"deny"`, "4103") {
		t.Error("the audit trail has no line on a refused DELETE")
	}
}

// root is the root element of the resource at an address of case 08.
func root(target, ae string) string {
	if strings.HasSuffix(target, "/house") || strings.HasSuffix(target, "/"+ae) {
		return "ae"
	}
	return "cnt"
}

// audited waits until a line of the trail, which is written behind the answers,
// has all words.
func audited(lines func() []string, words ...string) bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for _, line := range lines() {
			found := 0
			for _, w := range words {
				if strings.Contains(line, w) {
					found++
				}
			}
			if found == len(words) {
				return true
			}
		}
	}
	return false
}
