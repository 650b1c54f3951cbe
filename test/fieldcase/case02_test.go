package fieldcase

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/test/harness"
)

// plant is the setup of case 02, in which instances get distinct seconds.
func plant(t *testing.T) (c *harness.Client, created []string) {
	t.Helper()
	clock := harness.NewClock(wednesday)
	n := harness.StartNode(t, "[[listen]]\nbinding = \"http\"\naddress = \"127.0.0.1:0\"\ntrust-plain = true\n", clock)
	c = harness.NewClient(t, n.Addresses[0], nil, 1)
	c.Register(t, "Cboard01", "board")
	c.Make(t, "CAdmin", "/cse-in", 1, policy("read", "CAdmin", `{"acor":["Csensor01"],"acop":63}`, `{"acor":["Cboard01"],"acop":34}`))
	c.Make(t, "CAdmin", "/cse-in", 1, policy("none", "CAdmin", `{"acor":["Csensor01"],"acop":63}`))
	c.Make(t, "Csensor01", "/cse-in", 2, `{"m2m:ae":{"rn":"plant","api":"N.example.plant","rr":true,"srv":["3"],"acpi":["cse-in/read"]}}`)
	c.Make(t, "Csensor01", "/cse-in/plant", 3, `{"m2m:cnt":{"rn":"press","acpi":["cse-in/read"]}}`)
	c.Make(t, "Csensor01", "/cse-in/plant", 3, `{"m2m:cnt":{"rn":"oven","acpi":["cse-in/none"]}}`)
	for i := range 25 {
		clock.Add(1e9)
		a := c.Create(t, "Csensor01", "/cse-in/plant/press", 4, fmt.Sprintf(`{"m2m:cin":{"con":"%d"}}`, i+1))
		a.Expect(t, 2001, 201)
		created = append(created, a.Text("ct"))
	}
	return c, created
}

func TestFieldCase02_ADashboardReadsTheHistory(t *testing.T) {
	t.Parallel()
	c, created := plant(t)
	get := func(t *testing.T, query string) *harness.Answer {
		t.Helper()
		// One request at a time: the identifier of a pending request can't be used again (C-007).
		a := c.Send(t, harness.Request{Method: "GET", Target: "/cse-in" + query, From: "Cboard01", Header: release1("X-M2M-RI", "42")})
		if rvi := a.Header.Get("X-M2M-RVI"); rvi != "" || a.Header.Get("X-M2M-RI") != "42" {
			t.Errorf("the answer has X-M2M-RVI %q and X-M2M-RI %q", rvi, a.Header.Get("X-M2M-RI"))
		}
		return a
	}

	t.Run("A C-148 discovery lists what the originator may discover and nothing else", func(t *testing.T) {
		a := get(t, "?fu=1&ty=3")
		a.Expect(t, 2000, 200)
		list, ok := a.List()
		if want := []string{"cse-in/plant/press"}; !ok || !cmp.Equal(list, want) {
			t.Errorf("got %s, want %v", a, want)
		}
		if strings.Contains(a.Body, "oven") {
			t.Errorf("the answer betrays the hidden container: %s", a.Body)
		}
	})
	t.Run("B C-139 a page of a period and the rest of it", func(t *testing.T) {
		query := "/plant/press?rcn=4&ty=4&cra=" + created[4] + "&crb=" + created[19] + "&lim=10"
		a := get(t, query)
		a.Expect(t, 2000, 200)
		if a.Header.Get("X-M2M-CTS") != "1" || a.Header.Get("X-M2M-CTO") == "" {
			t.Errorf("X-M2M-CTS is %q and X-M2M-CTO %q", a.Header.Get("X-M2M-CTS"), a.Header.Get("X-M2M-CTO"))
		}
		rest := get(t, query+"&ofst="+a.Header.Get("X-M2M-CTO"))
		rest.Expect(t, 2000, 200)
		if n := len(a.Children("m2m:cin")); n != 10 {
			t.Errorf("the first page has %d instances", n)
		}
		var seen []string
		for _, cin := range slices.Concat(a.Children("m2m:cin"), rest.Children("m2m:cin")) {
			con, _ := cin["con"].(string)
			seen = append(seen, con)
		}
		var want []string
		for i := 5; i < 20; i++ {
			want = append(want, fmt.Sprint(i))
		}
		slices.SortFunc(seen, compareNumbers)
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("instances of both pages (-want +got):\n%s", diff)
		}
	})
	t.Run("C references of children", func(t *testing.T) {
		a := get(t, "/plant/press?rcn=5&ty=4&lim=3")
		a.Expect(t, 2000, 200)
		refs := a.Children("ch")
		if len(refs) != 3 || !strings.Contains(a.Body, `"m2m:cnt"`) {
			t.Fatalf("got %s", a.Body)
		}
		for _, ref := range refs {
			if val, _ := ref["val"].(string); val == "" || ref["nm"] == nil || ref["typ"] != float64(4) {
				t.Errorf("a reference is %v", ref)
			}
		}
	})
	t.Run("D C-133 result content 1 is not for discovery", func(t *testing.T) {
		get(t, "?fu=1&ty=3&rcn=1").Expect(t, 4000, 400)
	})
	t.Run("E result content 99", func(t *testing.T) {
		get(t, "/plant/press?rcn=99").Expect(t, 4000, 400)
	})
	t.Run("F C-147 nothing found is a success", func(t *testing.T) {
		a := get(t, "?fu=1&ty=4&lbl=doesNotExist")
		a.Expect(t, 2000, 200)
		if list, ok := a.List(); !ok || len(list) != 0 {
			t.Errorf("got %s", a)
		}
	})
}

func compareNumbers(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
