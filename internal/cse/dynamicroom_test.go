package cse

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bulwark/onem2m"
)

func TestDirect_A191_WhoHasMostDynamicPoliciesMakesRoomWhenAllAreTaken(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	grant := func(from, name string) onem2m.StatusCode {
		c.das.says(2000, grantsOf(`{"acor":["//m2m.example/id-in/`+from+`"],"acop":2}`, ""))
		return c.do(ask{op: "R", to: "cse-in/bay/" + name, from: from}).Code
	}
	for i := range 3 {
		name := fmt.Sprintf("den%d", i)
		c.container("Cowner1", "cse-in/bay", name, "")
		if code := grant("Ctok001", name); code != onem2m.OK {
			t.Fatalf("got %d", code)
		}
	}
	first := c.dynamicOf()[0].RI
	for i := int64(c.c.dynamic.len()); i < maxDynamic; i++ {
		c.c.dynamic.set(-i, dynamicLink{For: -i, Who: onem2m.ID(fmt.Sprintf("//m2m.example/id-in/C%d", i))})
	}
	if code := grant("Ctok002", "den0"); code != onem2m.OK {
		t.Fatalf("A-191 who has none: got %d", code)
	}
	if n := c.c.dynamic.len(); n != maxDynamic {
		t.Errorf("%d policies", n)
	}
	for _, one := range c.dynamicOf() {
		if one.RI == first {
			t.Error("the oldest of who has most is left")
		}
	}
	c.advance(time.Minute)
	if code := grant("Ctok002", "den1"); code != onem2m.OriginatorHasNoPrivilege {
		t.Errorf("A-191 who would then have as much as who has most: got %d", code)
	}
}

// Who pays has more than the one it pays for will have.
func TestDynamicPolicies_A191_NobodyPaysForWhoHasAsMuch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var d dynamicPolicies
		names := []onem2m.ID{"/a", "/b", "/c"}
		for i := range rapid.IntRange(0, 20).Draw(t, "policies") {
			d.set(int64(i), dynamicLink{For: int64(i % 4), Who: rapid.SampledFrom(names).Draw(t, "who")})
		}
		for _, who := range names {
			most := max(d.granted("/a"), d.granted("/b"), d.granted("/c"))
			list := d.payer(who)
			switch {
			case most <= d.granted(who)+1 && len(list) > 0:
				t.Fatalf("%d pays for %d", len(list), d.granted(who))
			case most > d.granted(who)+1 && len(list) != most:
				t.Fatalf("%d instead of %d pays", len(list), most)
			}
		}
	})
}
