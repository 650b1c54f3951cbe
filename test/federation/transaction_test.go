package federation

import (
	"fmt"
	"strings"
	"testing"

	"bulwark/test/harness"
)

// deal is a <transactionMgmt> of a visitor that labels one container on each of
// some CSEs.
func deal(rn, label, more, from string, targets ...string) string {
	var requests []string
	for i, target := range targets {
		requests = append(requests, fmt.Sprintf(`{"op":3,"to":%q,"fr":%q,"rqi":"q%d","pc":{"m2m:cnt":{"lbl":[%q]}}}`, target, from, i, label))
	}
	return fmt.Sprintf(`{"m2m:tram":{"rn":%q,"tmh":2,"rqps":{"req":[%s]}%s}}`, rn, strings.Join(requests, ","), more)
}

// traded is a tree with a container on three CSEs, which an AE of the first may
// use.
func traded(t *testing.T) (tr tree, labels func() string) {
	t.Helper()
	tr = newTree(t)
	tr.in.plain.Make(t, "Cvisitor", "/cse-in", 2, `{"m2m:ae":{"rn":"visitor","api":"N.example.test","rr":false,"srv":["3"]}}`)
	tr.in.open(t, "near", "Cvisitor")
	tr.mn.open(t, "far", "/id-in/Cvisitor")
	tr.asn.open(t, "farther", "/id-in/Cvisitor")
	return tr, func() string {
		t.Helper()
		out := ""
		for _, one := range []struct {
			b  *box
			at string
		}{{tr.in, "near"}, {tr.mn, "far"}, {tr.asn, "farther"}} {
			if one.b.node != nil {
				out += strings.Trim(fmt.Sprint(one.b.plain.Get(t, "CAdmin", "/"+one.b.name+"/"+one.at).Attribute("lbl")), "[]") + " "
			}
		}
		return out
	}
}

var everywhere = []string{"cse-in/near", "/id-mn/cse-mn/far", "/id-asn/cse-asn/farther"}

func states(t *testing.T, a *harness.Answer, state, control int) {
	t.Helper()
	if a.Number("trst") != state || a.Number("tctl") != control {
		t.Errorf("state %d by %d, want %d by %d: %s", a.Number("trst"), a.Number("tctl"), state, control, a)
	}
}

func TestTransaction_C441_AcrossCSEs(t *testing.T) {
	t.Parallel()
	tr, labels := traded(t)
	in := tr.in.plain
	a := in.Create(t, "Cvisitor", "/cse-in/visitor", 50, deal("all", "one", "", "Cvisitor", everywhere...))
	a.Expect(t, 2001, 201)
	states(t, a, 4, 4)
	if got := labels(); got != "one one one " {
		t.Errorf("C-441: labels %s", got)
	}
	a = in.Create(t, "Cvisitor", "/cse-in/visitor", 50, deal("none", "two", "", "Cvisitor", append(everywhere, "/id-mn2/cse-mn2")...))
	a.Expect(t, 2001, 201)
	states(t, a, 6, 5)
	if got := labels(); got != "one one one " {
		t.Errorf("C-442: the last target is refused, labels %s", got)
	}
	tr.mn.plain.Make(t, "CAdmin", "/cse-mn", 3, `{"m2m:cnt":{"rn":"shut"}}`)
	a = in.Create(t, "Cvisitor", "/cse-in/visitor", 50, deal("denied", "two", "", "Cvisitor", "cse-in/near", "/id-mn/cse-mn/shut"))
	states(t, a, 6, 5)
	if !strings.Contains(a.Body, `"rsc":4103`) {
		t.Errorf("A-10: the other CSE decides for the visitor: %s", a)
	}
	// An AE of another CSE has one here, with a target on its own CSE and on a third.
	tr.mn.plain.Make(t, "Cguest", "/cse-mn", 2, `{"m2m:ae":{"rn":"guest","api":"N.example.test","rr":false,"srv":["3"]}}`)
	tr.mn.open(t, "hall", "Cguest")
	tr.mn2.open(t, "yard", "/id-mn/Cguest")
	in.Make(t, "CAdmin", "/cse-in", 1, `{"m2m:acp":{"rn":"acp-guest","pv":{"acr":[{"acor":["/id-mn/Cguest"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	in.Update(t, "Cvisitor", "/cse-in/visitor", `{"m2m:ae":{"acpi":["cse-in/acp-guest"]}}`).Expect(t, 2004, 200)
	a = tr.mn.plain.Create(t, "Cguest", "/~/id-in/cse-in/visitor", 50, deal("guest", "three", "", "/id-mn/Cguest", "/id-mn2/cse-mn2/yard", "/id-mn/cse-mn/hall"))
	a.Expect(t, 2001, 201)
	states(t, a, 4, 4)
	for _, b := range []*box{tr.mn, tr.asn} {
		await(t, "no transaction is left on "+b.id, func() bool {
			return !strings.Contains(b.plain.Get(t, "CAdmin", "/"+b.name+"?fu=1&ty=51").Body, "/t-")
		})
	}
}

func TestTransaction_C442_ACSEThatGoesInTheMiddle(t *testing.T) {
	t.Parallel()
	tr, labels := traded(t)
	in := tr.in.plain
	control := func(name string, c int) *harness.Answer {
		t.Helper()
		a := in.Update(t, "Cvisitor", "/cse-in/visitor/"+name, fmt.Sprintf(`{"m2m:tram":{"tctl":%d}}`, c))
		a.Expect(t, 2004, 200)
		return a
	}
	in.Make(t, "Cvisitor", "/cse-in/visitor", 50, deal("back", "one", `,"tmd":2`, "Cvisitor", everywhere...))
	states(t, control("back", 2), 2, 2)
	states(t, control("back", 3), 3, 3)
	tr.asn.halt() // C-442: the locks of both outlive a restart
	tr.in.halt()
	tr.in.start()
	in = tr.in.plain
	tr.asn.start()
	tr.mn.joined(tr.in)
	tr.asn.joined(tr.mn)
	tr.descendants(t, "[/id-asn]")
	states(t, control("back", 4), 4, 4)
	if got := labels(); got != "one one one " {
		t.Errorf("labels %s", got)
	}

	in.Make(t, "Cvisitor", "/cse-in/visitor", 50, deal("gone", "two", `,"tmd":2`, "Cvisitor", everywhere...))
	states(t, control("gone", 2), 2, 2)
	states(t, control("gone", 3), 3, 3)
	tr.mn.halt()
	a := control("gone", 4)
	states(t, a, 5, 4) // nobody has committed, so that all can be given up
	states(t, control("gone", 5), 6, 5)
	in.Update(t, "Cvisitor", "/cse-in/near", `{"m2m:cnt":{"lbl":["free"]}}`).Expect(t, 2004, 200)
	tr.mn.start()
	tr.mn.joined(tr.in)
	await(t, "C-444 the locks elsewhere are given back", func() bool {
		return tr.mn.plain.Send(t, harness.Request{Method: "GET", From: "CAdmin", Target: "/cse-mn/far", Header: map[string][]string{"X-M2M-RET": {"500"}}}).RSC == 2000
	})
	if got := labels(); !strings.HasPrefix(got, "free one") {
		t.Errorf("labels %s", got)
	}
}
