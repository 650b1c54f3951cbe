package federation

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"bulwark/test/harness"
)

// knows tells a CSE of the IN-CSE of another provider.
func (s *system) knows(other *system) {
	s.in.toml += fmt.Sprintf("\n[[peer]]\nid = %q\ndns = %q\nca = %q\n", other.sp+"/id-in", "id-in."+other.sp[2:], other.authority.CAFile())
}

func TestProviders_C221_C080_ReachEachOtherOverTheirINs(t *testing.T) {
	t.Parallel()
	near, far := newProvider(t, "//near.example"), newProvider(t, "//far.example")
	near.knows(far)
	far.knows(near)
	far.in.start()
	near.in.flags["registrar"], near.in.flags["registrar-id"] = far.in.url(), "//far.example/id-in"
	near.in.start()
	nearMN, farMN := near.below(near.in, "mn", "/id-mn", "cse-mn"), far.below(far.in, "mn", "/id-mn", "cse-mn")
	nearMN.start()
	farMN.start()
	nearMN.joined(near.in)
	farMN.joined(far.in)
	near.in.joined(far.in)

	t.Run("C-221 absolute identifiers on both sides", func(t *testing.T) {
		if a := far.in.plain.Get(t, "CAdmin", "/cse-in/id-in"); a.RSC == 2000 {
			if a.Text("csi") != "//near.example/id-in" || a.Text("cb") != "//near.example/id-in/cse-in" || a.Attribute("dcse") != nil {
				t.Errorf("at the other provider: %s", a)
			}
		} else {
			t.Errorf("no registration: %s", a)
		}
	})
	farMN.open(t, "box", "//near.example/id-mn/Cvisitor")
	nearMN.open(t, "box", "//far.example/id-mn/Cguest")
	nearMN.plain.Make(t, "Cvisitor", "/cse-mn", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	farMN.plain.Make(t, "Cguest", "/cse-mn", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	t.Run("C-080 C-081 S-094 from below one IN to below the other", func(t *testing.T) {
		nearMN.plain.Create(t, "Cvisitor", "/_/far.example/id-mn/cse-mn/box", 4, `{"m2m:cin":{"con":"hello"}}`).Expect(t, 2001, 201)
		a := nearMN.plain.Get(t, "Cvisitor", "/_/far.example/id-mn/-/box/la")
		a.Expect(t, 2000, 200)
		if a.Text("con") != "hello" {
			t.Errorf("got %s", a)
		}
	})
	t.Run("C-080 and back", func(t *testing.T) {
		farMN.plain.Get(t, "Cguest", "/_/near.example/id-mn/cse-mn/box").Expect(t, 2000, 200)
	})
	t.Run("C-441 a transaction on both sides", func(t *testing.T) {
		nearMN.plain.Make(t, "Cvisitor", "/cse-mn/Cvisitor", 3, `{"m2m:cnt":{"rn":"own"}}`)
		a := nearMN.plain.Create(t, "Cvisitor", "/cse-mn/Cvisitor", 50, deal("tm", "both", "", "Cvisitor", "cse-mn/Cvisitor/own", "//far.example/id-mn/cse-mn/box"))
		a.Expect(t, 2001, 201)
		states(t, a, 4, 4)
		if a := farMN.plain.Get(t, "CAdmin", "/cse-mn/box"); fmt.Sprint(a.Attribute("lbl")) != "[both]" {
			t.Errorf("the other side: %s", a)
		}
		await(t, "no transaction is left there", func() bool {
			return !strings.Contains(farMN.plain.Get(t, "CAdmin", "/cse-mn?fu=1&ty=51").Body, "/t-")
		})
	})
	t.Run("C-435 a description on the other side", func(t *testing.T) {
		farMN.plain.Make(t, "CAdmin", "/cse-mn/box", 24, smd("d", `ex:attic ex:floor 3 .`, `,"acpi":["cse-mn/acp-box"]`))
		nearMN.plain.Make(t, "Cvisitor", "/cse-mn/Cvisitor/own", 24, smd("d", `ex:it ex:locatedIn ex:attic ; m2m:resourceDescriptorLink "//far.example/id-mn/cse-mn/box/d" .`, ""))
		a := nearMN.plain.Get(t, "Cvisitor", "/cse-mn/Cvisitor?fu=1&"+meant("SELECT ?x WHERE { ?x ex:locatedIn ?r . ?r ex:floor 3 }"))
		if list, _ := a.List(); len(list) != 1 || list[0] != "cse-mn/Cvisitor/own" {
			t.Errorf("got %s", a)
		}
	})
	t.Run("C-080 a third provider", func(t *testing.T) {
		nearMN.plain.Get(t, "Cvisitor", "/_/third.example/id-in/cse-in").Expect(t, 4004, 404)
	})
	t.Run("S-094 a provider speaks for itself alone", func(t *testing.T) {
		c := harness.NewClient(t, far.in.url(), far.authority.Client(near.authority.CSE("/id-in")), 1)
		for from, rsc := range map[string]int{
			"//near.example/id-mn/Cvisitor": 2000, "//far.example/id-mn/Cguest": 4106, "//third.example/id-in/Cx": 4106, "/id-mn/Cguest": 4106,
		} {
			if a := c.Get(t, from, "/_/far.example/id-mn/-/box"); a.RSC != rsc {
				t.Errorf("%s: got %s, want %d", from, a, rsc)
			}
		}
	})
}

// No IN-CSE is registered with another one: that of the other provider is found by
// DNS, and is who its certificate says.
func TestProviders_C080_TheINOfAnotherProviderIsFoundByDNS(t *testing.T) {
	t.Parallel()
	near, far, liar := newProvider(t, "//near.example"), newProvider(t, "//far.example"), newProvider(t, "//liar.example")
	for _, s := range []*system{near, far, liar} {
		s.in.toml += "\n[outbound]\nallow = [\"id-in.near.example\", \"id-in.far.example\", \"id-in.liar.example\"]\n"
	}
	finds := func(a, b *system, port string) {
		a.in.toml += fmt.Sprintf("\n[[peer]]\nid = %q\nca = %q\ndns-port = %s\n", b.sp+"/id-in", b.authority.CAFile(), port)
	}
	var mu sync.Mutex
	asked := map[string]int{}
	near.in.resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		mu.Lock()
		defer mu.Unlock()
		asked[host]++
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	far.in.resolve = near.in.resolve
	finds(near, far, far.in.port)
	finds(near, liar, far.in.port) // somebody has poisoned the DNS: another CSE answers
	finds(far, near, near.in.port)
	near.in.start()
	far.in.start()
	nearMN, farMN := near.below(near.in, "mn", "/id-mn", "cse-mn"), far.below(far.in, "mn", "/id-mn", "cse-mn")
	nearMN.start()
	farMN.start()
	nearMN.joined(near.in)
	farMN.joined(far.in)
	farMN.open(t, "box", "//near.example/id-mn/Cvisitor")
	nearMN.open(t, "box", "//far.example/id-mn/Cguest")
	nearMN.plain.Make(t, "Cvisitor", "/cse-mn", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	farMN.plain.Make(t, "Cguest", "/cse-mn", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	nearMN.plain.Create(t, "Cvisitor", "/_/far.example/id-mn/cse-mn/box", 4, `{"m2m:cin":{"con":"hello"}}`).Expect(t, 2001, 201)
	farMN.plain.Get(t, "Cguest", "/_/near.example/id-mn/cse-mn/box").Expect(t, 2000, 200)
	if a := nearMN.plain.Get(t, "Cvisitor", "/_/liar.example/id-in/cse-in"); a.RSC != 5103 {
		t.Errorf("C-080 one whose certificate names another CSE: %s", a)
	}
	if a := nearMN.plain.Get(t, "Cvisitor", "/_/third.example/id-in/cse-in"); a.RSC != 4004 {
		t.Errorf("C-080 a provider that the operator doesn't know: %s", a)
	}
	mu.Lock()
	defer mu.Unlock()
	if asked["id-in.far.example"] == 0 || asked["id-in.near.example"] == 0 || asked["id-in.liar.example"] == 0 || len(asked) != 3 {
		t.Errorf("names asked for: %v", asked)
	}
}
