package cse

import (
	"fmt"
	"testing"

	"bulwark/onem2m"
)

func dependency(name, subject, criteria string, sufficient bool) string {
	return fmt.Sprintf(`{"m2m:depr":{"rn":%q,"rri":%q,"sfc":%t,"evc":%s}}`, name, subject, sufficient, criteria)
}

const (
	anySize   = `{"optr":5,"sbjt":"cbs","thld":1}`
	hasNoSize = `{"optr":1,"sbjt":"cbs","thld":0}`
	isTest    = `{"optr":1,"sbjt":"lbl","thld":["test"]}`
)

func TestDependency_C450_NamesOnlyWhatExistsAndFits(t *testing.T) {
	t.Parallel()
	w := newActionWorld(t)
	w.must(onem2m.Created, ask{op: "C65", to: "cse-in/app/c1", from: "Capp01", body: labelling(0, `"evm":0`)})
	create := func(to, body string) ask { return ask{op: "C66", to: to, from: "Capp01", body: body} }
	update := func(to, members string) ask {
		return ask{op: "U", to: to, from: "Capp01", body: `{"m2m:depr":{` + members + `}}`}
	}
	w.follow(t, []step{
		{name: "C-450 below an AE", ask: create("cse-in/app", dependency("d", "cse-in/app/c1", anySize, true)), code: 4108},
		{name: "C-450 no such resource", ask: create("cse-in/app/c1/a1", dependency("d", "wrong", anySize, true)), code: 4000},
		{name: "C-450 no such attribute", ask: create("cse-in/app/c1/a1", dependency("d", "cse-in/app", anySize, true)), code: 4000},
		{name: "C-450 wrong threshold", ask: create("cse-in/app/c1/a1", dependency("d", "cse-in/app/c1", `{"optr":1,"sbjt":"cni","thld":"x"}`, true)), code: 4000},
		{name: "C-450 valid", ask: create("cse-in/app/c1/a1", dependency("d", "cse-in/app/c1", anySize, true)), code: 2001},
		{name: "C-450 row 52 at the action", ask: update("cse-in/app/c1/a1", `"sfc":false`), code: 4102},
		{name: "C-450 another need", ask: update("cse-in/app/c1/a1/d", `"sfc":false`), code: 2004},
		{name: "C-450 another resource", ask: update("cse-in/app/c1/a1/d", `"rri":"cse-in/app"`), code: 4000},
		{name: "C-450 another criterion", ask: update("cse-in/app/c1/a1/d", `"evc":`+isTest), code: 2004},
		{name: "C-450 now it suits", ask: update("cse-in/app/c1/a1/d", `"rri":"cse-in/app"`), code: 2004},
	})
}

func TestDependency_C450_HoldsTheActionBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		list []string
		want bool
	}{
		{"sufficient and satisfied", []string{dependency("d0", "cse-in/app/c1", anySize, true)}, true},
		{"sufficient and not satisfied", []string{dependency("d0", "cse-in/app/c1", isTest, true)}, false},
		{"necessary and satisfied", []string{dependency("d0", "cse-in/app/c1", anySize, false)}, true},
		{"necessary and not satisfied", []string{dependency("d0", "cse-in/app/c1", isTest, false)}, false},
		{"two necessary, one satisfied", []string{dependency("d0", "cse-in/app/c1", anySize, false), dependency("d1", "cse-in/app/c1", isTest, false)}, false},
		{"an unsatisfied necessary one, a satisfied sufficient one", []string{dependency("d0", "cse-in/app/c1", isTest, false), dependency("d1", "cse-in/app/c1", anySize, true)}, true},
		{"an unsatisfied sufficient one, a satisfied necessary one", []string{dependency("d0", "cse-in/app/c1", hasNoSize, true), dependency("d1", "cse-in/app/c1", anySize, false)}, true},
	} {
		t.Run("C-450 "+tt.name, func(t *testing.T) {
			t.Parallel()
			w := newActionWorld(t)
			w.run()
			w.must(onem2m.Created, ask{op: "C65", to: "cse-in/app/c1", from: "Capp01", body: labelling(0, `"evm":3`)})
			dep := ""
			for i, body := range tt.list {
				w.must(onem2m.Created, ask{op: "C66", to: "cse-in/app/c1/a1", from: "Capp01", body: body})
				dep += fmt.Sprintf(`,"cse-in/app/c1/a1/d%d"`, i)
			}
			w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c1/a1", from: "Capp01", body: `{"m2m:actr":{"dep":[` + dep[1:] + `]}}`})
			if got := w.hit(); got != tt.want {
				t.Errorf("performed %t, want %t", got, tt.want)
			}
			w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cnt":{"lbl":["test"]}}`})
			if !w.labelled() {
				t.Error("not performed, although everything is satisfied")
			}
			for i := range tt.list {
				w.must(onem2m.Deleted, ask{op: "D", to: fmt.Sprintf("cse-in/app/c1/a1/d%d", i), from: "Capp01"})
			}
			if got := w.attribute("cse-in/app/c1/a1", "dep"); got != "" {
				t.Errorf("dep %s, although none is left", got)
			}
			if w.labelled() || !w.hit() {
				t.Error("no condition is left, and the next change is the next match")
			}
		})
	}
}
