package cse

import (
	"strings"
	"testing"

	"bulwark/onem2m"
)

// garden has two AEs; guests may discover everything of the first but "shed".
func garden(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.register("Cgard01", "garden")
	w.register("Cguest1", "guest")
	w.policy("Cgard01", "cse-in/garden", "seen", `{"acor":["Cguest1"],"acop":34},{"acor":["Cgard01"],"acop":63}`)
	w.container("Cgard01", "cse-in/garden", "bed", `"lbl":["plant","size:big"],"acpi":["cse-in/garden/seen"],"mni":9`)
	w.container("Cgard01", "cse-in/garden", "shed", `"lbl":["hidden"]`)
	w.container("Cgard01", "cse-in/garden/shed", "bench", `"lbl":["wood"],"acpi":["cse-in/garden/seen"]`)
	w.must(onem2m.Created, ask{op: "C4", to: "cse-in/garden/bed", from: "Cgard01", body: `{"m2m:cin":{"rn":"rose","con":"{\"height\":30}","cnf":"application/json:0","lbl":["red"]}}`})
	w.must(onem2m.Created, ask{op: "C4", to: "cse-in/garden/bed", from: "Cgard01", body: `{"m2m:cin":{"rn":"tulip","con":"123456","cnf":"text/plain:0","lbl":["plant"]}}`})
	return w
}

func TestDiscovery_FindsWhatMatchesAndMayBeFound(t *testing.T) {
	t.Parallel()
	w := garden(t)
	const g = "cse-in/garden"
	bed, bench, rose, tulip, shed, seen := g+"/bed", g+"/shed/bench", g+"/bed/rose", g+"/bed/tulip", g+"/shed", g+"/seen"
	for _, tt := range []struct {
		name, from, query string
		want              []string
	}{
		{"C-146 C-156 everything, parents first", "Cgard01", "fu=1", []string{seen, bed, rose, tulip, shed, bench}},
		{"C-146 the target isn't part of it", "Cgard01", "fu=1&ty=2", nil},
		{"C-146 A-74 no match is a success", "Cgard01", "fu=1&lbl=none", nil},
		{"C-147 C-148 A-74 a hidden parent doesn't hide its children", "Cguest1", "fu=1", []string{bed, rose, tulip, bench}},
		{"C-158 lbl", "Cgard01", "fu=1&lbl=plant", []string{bed, tulip}},
		{"C-157 values of one condition are alternatives", "Cgard01", "fu=1&lbl=plant&lbl=wood", []string{bed, tulip, bench}},
		{"C-157 conditions are joined by AND", "Cgard01", "fu=1&lbl=plant&ty=3", []string{bed}},
		{"C-157 fo=2 joins by OR", "Cgard01", "fu=1&lbl=red&ty=1&fo=2", []string{seen, rose}},
		{"C-157 fo=3 joins by XOR", "Cgard01", "fu=1&lbl=plant&ty=3&fo=3", []string{tulip, shed, bench}},
		{"C-171 labels query", "Cgard01", "fu=1&lbq=size EQ big", []string{bed}},
		{"C-163 chty", "Cgard01", "fu=1&chty=4", []string{bed}},
		{"C-163 pty", "Cgard01", "fu=1&pty=3", []string{rose, tulip, bench}},
		{"C-163 clbl", "Cgard01", "fu=1&clbl=red", []string{bed}},
		{"C-163 palb", "Cgard01", "fu=1&palb=hidden", []string{bench}},
		{"C-163 a parent that may not be found tells nothing", "Cguest1", "fu=1&palb=hidden", nil},
		{"C-158 sza", "Cgard01", "fu=1&sza=13", []string{rose}},
		{"C-158 szb", "Cgard01", "fu=1&szb=13", []string{tulip}},
		{"C-159 cs of a container", "Cgard01", "fu=1&sza=0", []string{rose, tulip}},
		{"C-159 st of a policy", "Cgard01", "fu=1&stb=0", []string{bed, rose, tulip, shed, bench}},
		{"C-158 stb", "Cgard01", "fu=1&stb=2", []string{bed, tulip}},
		{"C-158 sts", "Cgard01", "fu=1&sts=1", []string{shed, bench}},
		{"C-162 a number", "Cgard01", "fu=1&mni=9", []string{bed}},
		{"C-161 a pattern", "Cgard01", "fu=1&rn=b*", []string{bed, bench}},
		{"C-158 cty", "Cgard01", "fu=1&cty=text/plain", []string{tulip}},
		{"C-164 level", "Cgard01", "fu=1&lvl=1", []string{seen, bed, shed}},
		{"C-165 offset", "Cgard01", "fu=1&ofst=5", []string{shed, bench}},
		{"C-165 offset and limit", "Cgard01", "fu=1&ofst=2&lim=2", []string{bed, rose}},
		{"C-165 offset behind the end", "Cgard01", "fu=1&ofst=99999999999999", nil},
		{"C-167 relative path", "Cgard01", "fu=1&ty=3&arp=la", []string{tulip}},
		{"C-167 relative path by name", "Cgard01", "fu=1&ty=3&arp=bench", []string{bench}},
		{"C-167 what may not be found vanishes", "Cguest1", "fu=1&ty=3&arp=bench", nil},
		{"C-158 created before", "Cgard01", "fu=1&crb=20200101T000000", nil},
		{"C-158 expires after", "Cgard01", "fu=1&ty=3&exa=20290101T000000", []string{bed, shed, bench}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := w.do(ask{op: "R", to: g + "?" + tt.query, from: tt.from})
			if res.Code != onem2m.OK || text(res) != uril(tt.want...) {
				t.Errorf("got %d %s, want %s", res.Code, text(res), uril(tt.want...))
			}
		})
	}
	t.Run("C-172 content query", func(t *testing.T) {
		res := w.do(ask{op: "R", to: g, from: "Cgard01", edit: func(r *onem2m.Request) {
			r.Filter = &onem2m.FilterCriteria{FilterUsage: new(int64(1)), ContentFilterSyntax: new(int64(1)), ContentFilterQuery: "$.height GT 20"}
		}})
		if text(res) != uril(rose) {
			t.Errorf("got %d %s", res.Code, text(res))
		}
	})
	t.Run("C-153 C-145 unstructured addresses", func(t *testing.T) {
		res := w.do(ask{op: "R", to: g + "?fu=1&lbl=red&drt=2", from: "Cgard01"})
		if text(res) != uril(w.ri(rose)) {
			t.Errorf("got %s", text(res))
		}
	})
	t.Run("C-020 addresses for an originator elsewhere are SP-relative", func(t *testing.T) {
		w.policy("CAdmin", "cse-in", "far", `{"acor":["/id-far/Cx"],"acop":32}`)
		w.must(onem2m.Updated, ask{op: "U", to: bed, from: "CAdmin", body: `{"m2m:cnt":{"acpi":["cse-in/far"]}}`})
		res := w.do(ask{op: "R", to: "/id-in/" + g + "?fu=1&lvl=1", from: "/id-far/Cx"})
		if text(res) != uril("/id-in/"+bed) {
			t.Errorf("got %s", text(res))
		}
	})
}

func TestDiscovery_RefusesBrokenFilters(t *testing.T) {
	t.Parallel()
	w := garden(t)
	r := func(f onem2m.FilterCriteria) ask {
		return ask{op: "R", to: "cse-in/garden", from: "Cgard01", edit: func(q *onem2m.Request) { q.Filter = &f }}
	}
	n := func(v int64) *int64 { return &v }
	w.follow(t, []step{
		{name: "C-036 fu", ask: r(onem2m.FilterCriteria{FilterUsage: n(9)}), code: 4000},
		{name: "C-151 fu 3 is for an IPE only", ask: r(onem2m.FilterCriteria{FilterUsage: n(3)}), code: 4000},
		{name: "C-036 fo", ask: r(onem2m.FilterCriteria{FilterUsage: n(1), FilterOperation: n(4)}), code: 4000},
		{name: "C-036 C-166 lim", ask: r(onem2m.FilterCriteria{FilterUsage: n(1), Limit: n(-1)}), code: 4000},
		{name: "C-166 ofst", ask: r(onem2m.FilterCriteria{FilterUsage: n(1), Offset: n(0)}), code: 4000},
		{name: "C-166 lvl", ask: r(onem2m.FilterCriteria{FilterUsage: n(1), Level: n(0)}), code: 4000},
		{name: "C-036 szb", ask: r(onem2m.FilterCriteria{FilterUsage: n(1), SizeBelow: n(-1)}), code: 4000},
		{name: "C-160 atr with a name of its own condition", ask: r(onem2m.FilterCriteria{FilterUsage: n(1), Attributes: []onem2m.AttributeCondition{{Name: "ct", Value: "x"}}}), code: 4000},
		{name: "C-160 atr with an unknown name", ask: r(onem2m.FilterCriteria{FilterUsage: n(1), Attributes: []onem2m.AttributeCondition{{Name: "xyz", Value: "x"}}}), code: 4000},
		{name: "C-168 cfs without cfq", ask: r(onem2m.FilterCriteria{FilterUsage: n(1), ContentFilterSyntax: n(1)}), code: 4000},
		{name: "C-171 broken labels query", ask: r(onem2m.FilterCriteria{FilterUsage: n(1), LabelsQuery: []string{"size EQ"}}), code: 4000},
		{name: "C-147 unknown target", ask: ask{op: "R", to: "cse-in/nothing?fu=1", from: "Cgard01"}, code: 4004},
		{name: "C-133 discovery with rcn 1", ask: ask{op: "R", to: "cse-in?fu=1&rcn=1", from: "Cgard01"}, code: 4000},
		{name: "C-133 discovery with rcn 5", ask: ask{op: "R", to: "cse-in?fu=1&rcn=5", from: "Cgard01"}, code: 4000},
	})
}

func TestDiscovery_C139_C166_LimitsAreTold(t *testing.T) {
	t.Parallel()
	w := garden(t)
	small := garden(t)
	small.c.Limits.Results = 2
	for _, tt := range []struct {
		name, query  string
		w            *world
		count        int
		status, next int
	}{
		{"C-139 complete", "fu=1", w, 6, 0, 0},
		{"C-139 exactly complete", "fu=1&lim=6", w, 6, 0, 0},
		{"C-139 cut", "fu=1&lim=4", w, 4, 1, 5},
		{"C-139 cut in the middle", "fu=1&lim=2&ofst=2", w, 2, 1, 4},
		{"C-139 the rest", "fu=1&lim=4&ofst=5", w, 2, 0, 0},
		{"C-166 a limit of nothing", "fu=1&lim=0", w, 0, 1, 1},
		{"C-166 a limit of nothing with an offset", "fu=1&lim=0&ofst=3", w, 0, 1, 3},
		{"C-166 a limit of nothing where nothing matches", "fu=1&lim=0&lbl=none", w, 0, 0, 0},
		{"C-155 the CSE's own limit", "fu=1", small, 2, 1, 3},
		{"C-155 the CSE's own limit below a wanted one", "fu=1&lim=5&ofst=3", small, 2, 1, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := tt.w.do(ask{op: "R", to: "cse-in/garden?" + tt.query, from: "Cgard01"})
			list, _ := onem2m.TextsOf(res.Content.Value)
			if len(list) != tt.count || res.ContentStatus != tt.status || res.ContentOffset != tt.next {
				t.Errorf("got %d results, cnst %d, cnot %d", len(list), res.ContentStatus, res.ContentOffset)
			}
		})
	}
}

func TestDiscovery_C149_InactiveAEIsLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"regs":2}}`})
	w.check(t, step{ask: ask{op: "R", to: "cse-in?fu=1", from: "CAdmin"}, code: 2000, body: uril("cse-in/AEContactList", "cse-in/defaultNTP")})
	w.check(t, step{ask: ask{op: "R", to: "cse-in?rcn=8", from: "CAdmin"}, code: 2000, show: map[string]string{"m2m:ae": "*"}})
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c1", from: "Capp01"})
}

func TestRetrieve_C167_ARelativePathAppliesToResultsWithChildren(t *testing.T) {
	t.Parallel()
	w := garden(t)
	for _, tt := range []struct{ name, from, query, want string }{
		{"C-167 references", "Cgard01", "rcn=6&ty=3&arp=bench", `"nm":"bench"`},
		{"C-167 children", "Cgard01", "rcn=8&ty=3&arp=bench", `"rn":"bench"`},
		{"C-167 children of the resource", "Cgard01", "rcn=4&ty=3&arp=la", `"rn":"tulip"`},
		{"C-167 nothing there", "Cgard01", "rcn=6&ty=3&arp=none", `"rrf":[]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := text(w.do(ask{op: "R", to: "cse-in/garden?" + tt.query, from: tt.from}))
			if !strings.Contains(got, tt.want) || strings.Contains(got, `"shed"`) || strings.Contains(got, `"bed"`) {
				t.Errorf("got %s", got)
			}
		})
	}
}
