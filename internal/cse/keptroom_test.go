package cse

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"bulwark/onem2m"
	"bulwark/token"
)

// TestKeptTokens_A191_NobodyLosesToWhoHoldsAsMuch keeps tokens of some holders at
// random and looks at who loses what.
func TestKeptTokens_A191_NobodyLosesToWhoHoldsAsMuch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var view keptTokens
		view.init()
		view.most, view.each = rapid.IntRange(1, 20).Draw(rt, "most"), rapid.IntRange(1, 8).Draw(rt, "each")
		next := int64(0)
		held := func(who onem2m.ID) int { return len(view.spare(who)) }
		rt.Repeat(map[string]func(*rapid.T){
			"keep": func(rt *rapid.T) {
				who := onem2m.ID(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(rt, "holder"))
				direct, served := rapid.Bool().Draw(rt, "direct"), rapid.Bool().Draw(rt, "served")
				before, all := held(who), view.len()
				payer := view.payer(who)
				switch {
				case payer == "" && (before >= view.each || all >= view.most):
					rt.Fatalf("%d of %d, and %d of %d: nobody pays", before, view.each, all, view.most)
				case payer != "" && before < view.each && all < view.most:
					rt.Fatalf("%s pays though there is room", payer)
				case payer != "" && payer != who && held(payer) <= before+1:
					rt.Fatalf("%s with %d pays for %s with %d", payer, held(payer), who, before)
				}
				if payer != "" {
					list := view.spare(payer)
					if len(list) == 0 {
						return // refused
					}
					for _, other := range list[1:] {
						if other.worth() < list[0].worth() || other.worth() == list[0].worth() && other.record < list[0].record {
							rt.Fatalf("%+v is given up, and %+v stays", list[0], other)
						}
					}
					view.drop(list[0].record)
				}
				next++
				view.set(&keptToken{record: next, id: fmt.Sprint(next), Holder: who, Direct: direct, Served: direct || served})
				if view.len() > view.most || held(who) > view.each {
					rt.Fatalf("%d of %d are kept, %d of %d for %s", view.len(), view.most, held(who), view.each, who)
				}
			},
			"moved": func(rt *rapid.T) {
				for _, one := range view.byRecord {
					moved := *one
					moved.Holder = onem2m.ID(rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "to"))
					if held(moved.Holder) < view.each {
						view.set(&moved)
					}
					return
				}
			},
			"": func(rt *rapid.T) {
				sum := 0
				for who, list := range view.byHolder {
					sum += len(list)
					for _, one := range list {
						if one.Holder != who {
							rt.Fatalf("%+v is listed for %s", one, who)
						}
					}
				}
				if sum != view.len() {
					rt.Fatalf("%d are listed by holder, %d in all", sum, view.len())
				}
			},
		})
	})
}

func TestKeptTokens_A191_OneHolderDoesNotPushOthersOut(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.das.says(2000, "")
	c.c.kept.most, c.c.kept.each = 5, 4
	kept := func() string {
		var ids []string
		for _, one := range c.c.kept.byRecord {
			name, _, _ := strings.Cut(one.id, "@")
			ids = append(ids, name)
		}
		slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(a, b) })
		return strings.Join(ids, " ")
	}
	bringOne := func(name, stem string) *onem2m.Response {
		q := bring("cse-in/bay/lamp", c.issue(func(x *token.Claims) {
			x.ID, x.Holder = name+"@das.example", onem2m.ID("//m2m.example/id-in/"+stem)
			x.Permissions[0].Privileges = []byte(`{"acr":[{"acor":["` + stem + `"],"acop":2}]}`)
		}))
		q.from = stem
		return c.do(q)
	}
	local := func(res *onem2m.Response) string {
		_, name, _ := strings.Cut(string(res.AssignedTokenIDs), `"lti":"`)
		name, _, _ = strings.Cut(name, `"`)
		return name
	}
	other := local(bringOne("other", "Ctok002"))
	c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+c.direct(func(x *token.Claims) { x.ID = "direct@das.example" })+`"]}}`)
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	c.das.says(2000, "")
	for i := range 9 {
		res := bringOne(fmt.Sprintf("m%d", i), "Ctok001")
		if res.Code != 2000 || local(res) == "" {
			t.Fatalf("%d: %d %s", i, res.Code, res.AssignedTokenIDs)
		}
	}
	if got := kept(); got != "direct m6 m7 m8 other" {
		t.Errorf("kept: %s", got)
	}
	c.must(onem2m.OK, ask{op: "R", to: "cse-in/bay/lamp?ltids=" + other, from: "Ctok002"})
	c.must(onem2m.NotFound, ask{op: "R", to: "cse-in/token-m0~das.example", from: "CAdmin"})
	if res := bringOne("late", "Ctok002"); local(res) == "" { // all is full: who holds most pays
		t.Errorf("%d %s", res.Code, res.AssignedTokenIDs)
	}
	if got := kept(); got != "direct late m7 m8 other" {
		t.Errorf("kept: %s", got)
	}
	if res := bringOne("later", "Ctok002"); local(res) == "" { // as much as the other has: its own goes
		t.Errorf("%d %s", res.Code, res.AssignedTokenIDs)
	}
	if got := kept(); got != "direct late later m7 m8" {
		t.Errorf("kept: %s", got)
	}
	c.again(t)
	if got := kept(); got != "direct late later m7 m8" {
		t.Errorf("after a restart: %s", got)
	}
}
