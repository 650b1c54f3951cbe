package cse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// labelling is an action that labels its AE when a container has more than n
// instances; members come on top, or instead of those of the same name.
func labelling(n int, members string) string {
	all := onem2m.Object{}
	for _, part := range []string{
		fmt.Sprintf(`{"rn":"a1","evm":1,"orc":"cse-in/app","evc":{"optr":3,"sbjt":"cni","thld":%d},`+
			`"apv":{"op":3,"fr":"Capp01","to":"cse-in/app","rqi":"1234","rvi":"4","pc":{"m2m:ae":{"lbl":["hit"]}}}}`, n),
		"{" + members + "}",
	} {
		o, err := onem2m.ParseObject([]byte(part))
		if err != nil {
			panic(err)
		}
		for _, m := range o {
			all.Set(m.Name, m.Value)
		}
	}
	return `{"m2m:actr":` + string(all.Append(nil)) + `}`
}

func newActionWorld(t *testing.T, change ...func(*Options)) *world {
	w := newWorld(t, change...)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	return w
}

// settled waits until every stored action is armed or off, and nothing is
// evaluated or waits for it.
func (w *world) settled() {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.c.triggers.mu.Lock()
		idle := len(w.c.triggers.pending) == 0 && len(w.c.triggers.running) == 0 && w.c.triggers.loaded
		w.c.triggers.mu.Unlock()
		if idle {
			return
		}
	}
	w.t.Fatal("actions go on and on")
}

// hit adds an instance and reports whether the AE was labelled; the label goes.
func (w *world) hit() bool {
	w.t.Helper()
	w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cin":{"con":"1"}}`})
	return w.labelled()
}

func (w *world) labelled() bool {
	w.t.Helper()
	w.settled()
	labelled := w.attribute("cse-in/app", "lbl") != ""
	if labelled {
		w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"lbl":null}}`})
		w.settled()
	}
	return labelled
}

func TestAction_C448_NamesOnlyWhatExistsAndFits(t *testing.T) {
	t.Parallel()
	w := newActionWorld(t)
	w.register("Cother1", "other")
	w.container("Cother1", "cse-in/other", "secret", "")
	apv := func(members string) string {
		return `"apv":{"op":2,"to":"cse-in/app","rqi":"1","fr":"Capp01"` + members + `}`
	}
	for _, tt := range []struct {
		name, members string
		code          onem2m.StatusCode
	}{
		{"C-448 object is missing", `"orc":"todo"`, 4000},
		{"C-448 object can't be read", `"orc":"cse-in/other/secret"`, 4000},
		{"C-448 subject can't be read", `"sri":"cse-in/other/secret"`, 4000},
		{"C-448 subject is missing", `"sri":"nothing"`, 4000},
		{"C-448 subject is virtual", `"sri":"cse-in/app/c1/la"`, 4000},
		{"C-448 no attribute of the subject", `"evc":{"optr":1,"sbjt":"wrong","thld":1}`, 4000},
		{"C-448 the other subject has no such attribute", `"sri":"cse-in/app"`, 4000},
		{"C-448 no threshold", `"evc":{"optr":1,"sbjt":"rn","wrong":1}`, 4000},
		{"C-448 threshold of another type", `"evc":{"optr":1,"sbjt":"cni","thld":"3"}`, 4000},
		{"C-448 threshold out of range", `"evc":{"optr":1,"sbjt":"cni","thld":-99}`, 4000},
		{"C-448 order of a list", `"evc":{"optr":4,"sbjt":"lbl","thld":["a"]}`, 4000},
		{"C-448 order of a boolean", `"evc":{"optr":4,"sbjt":"disr","thld":true}`, 4000},
		{"C-448 equality of a list", `"evc":{"optr":1,"sbjt":"lbl","thld":["a"]},"rn":"ok1"`, 2001},
		{"C-448 unknown mode", `"evm":99`, 4000},
		{"C-448 period with off", `"evm":0,"ecp":1`, 4000},
		{"C-448 period with once", `"evm":1,"ecp":1`, 4000},
		{"C-448 period too long", `"evm":2,"ecp":9000000000000000000`, 4000},
		{"C-448 empty primitive", `"apv":{}`, 4000},
		{"C-448 primitive is no object", `"apv":"x"`, 4000},
		{"C-448 primitive by another", apv(`,"fr":"Cother1"`), 4000},
		{"C-448 primitive by nobody", `"apv":{"op":2,"to":"cse-in/app","rqi":"1"}`, 4000},
		{"C-448 non-blocking primitive", apv(`,"rt":{"rtv":1}`), 4000},
		{"C-448 primitive for later", apv(`,"oet":"1000"`), 4000},
		{"A-200 primitive with a token", apv(`,"tkns":["a.b.c"]`), 4000},
		{"C-447 input isn't supported", `"ipu":{"cstr":"x"}`, 5001},
		{"C-447 dependencies come later", `"dep":["x"]`, 4000},
		{"C-448 valid", `"evm":0`, 2001},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := labelling(1, tt.members)
			if strings.Contains(tt.members, `"fr":"Cother1"`) {
				body = strings.Replace(labelling(1, ""), `"fr":"Capp01"`, `"fr":"Cother1"`, 1)
			}
			if res := w.do(ask{op: "C65", to: "cse-in/app/c1", from: "Capp01", body: body}); res.Code != tt.code {
				t.Errorf("got %d %s, want %d", res.Code, text(res), tt.code)
			}
		})
	}
	update := func(members string) ask {
		return ask{op: "U", to: "cse-in/app/c1/a1", from: "Capp01", body: `{"m2m:actr":{` + members + `}}`}
	}
	w.follow(t, []step{
		{name: "C-448 new subject, old criteria", ask: update(`"sri":"cse-in/app"`), code: 4000},
		{name: "C-448 new criteria", ask: update(`"evc":{"optr":1,"sbjt":"cni","thld":"x"}`), code: 4000},
		{name: "C-448 no object", ask: update(`"orc":null`), code: 4000},
		{name: "C-448 periodic without period", ask: update(`"evm":2`), code: 2004},
		{name: "C-448 with period", ask: update(`"ecp":1000`), code: 2004},
		{name: "C-448 once, with the old period", ask: update(`"evm":1`), code: 4000},
		{name: "C-448 once, without period", ask: update(`"evm":1,"ecp":null`), code: 2004},
		{name: "C-448 no child", ask: update(`"dep":["cse-in/app"]`), code: 4000},
		{name: "C-448 result is set by the CSE", ask: update(`"air":{}`), code: 4000},
		{name: "C-448 another's primitive", ask: ask{op: "U", to: "cse-in/app/c1/a1", from: "CAdmin", body: `{"m2m:actr":{` + apv("") + `}}`}, code: 4000},
	})
}

func TestAction_C449_OnceEndsWithTheFirstMatch(t *testing.T) {
	t.Parallel()
	w := newActionWorld(t)
	w.run()
	w.must(onem2m.Created, ask{op: "C65", to: "cse-in/app/c1", from: "Capp01", body: labelling(1, "")})
	for i, want := range []bool{false, true, false} {
		if got := w.hit(); got != want {
			t.Errorf("instance %d: performed %t, want %t", i+1, got, want)
		}
	}
	o := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c1/a1", from: "Capp01"})
	air, _ := o.Object("air")
	if code, _ := air.Int("rsc"); code != 2004 || !strings.Contains(string(air.Get("pc")), `"lbl":["hit"]`) || string(air.Get("rqi")) != `"1234"` {
		t.Errorf("air: %s", air.Append(nil))
	}
	if string(o.Get("evm")) != "0" {
		t.Errorf("evm %s, want 0", o.Get("evm"))
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c1/a1", from: "Capp01", body: `{"m2m:actr":{"evm":1}}`})
	if !w.labelled() {
		t.Error("a criterion that holds already is a match")
	}
}

func TestAction_C449_PeriodicMatchesOncePerWindowAlsoAcrossARestart(t *testing.T) {
	t.Parallel()
	w := newActionWorld(t)
	stop := w.run()
	w.must(onem2m.Created, ask{op: "C65", to: "cse-in/app/c1", from: "Capp01", body: labelling(0, `"evm":2,"ecp":4000`)})
	for i, want := range []bool{true, false, true} {
		if got := w.hit(); got != want {
			t.Errorf("instance %d: performed %t, want %t", i+1, got, want)
		}
		w.advance(2 * time.Second)
	}
	stop()
	c, err := New(t.Context(), w.c.Options)
	if err != nil {
		t.Fatal(err)
	}
	w.c = c
	w.run()
	if w.hit() {
		t.Error("the window ended with the process")
	}
	w.advance(3 * time.Second)
	if !w.hit() {
		t.Error("the action was lost with the process")
	}
}

func TestAction_C449_ContinuousEndsAfterSoManyMatches(t *testing.T) {
	t.Parallel()
	w := newActionWorld(t)
	w.run()
	w.must(onem2m.Created, ask{op: "C65", to: "cse-in/app/c1", from: "Capp01", body: labelling(1, `"evm":3,"ecp":2`)})
	for i, want := range []bool{false, true, true, false} {
		if got := w.hit(); got != want {
			t.Errorf("instance %d: performed %t, want %t", i+1, got, want)
		}
	}
	if got := w.attribute("cse-in/app/c1/a1", "evm"); got != "0" {
		t.Errorf("evm %s, want 0", got)
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c1/a1", from: "Capp01", body: `{"m2m:actr":{"lbl":["x"]}}`})
}

func TestAction_C449_IsMadeUpForAfterAStart(t *testing.T) {
	t.Parallel()
	w := newActionWorld(t)
	w.must(onem2m.Created, ask{op: "C65", to: "cse-in/app/c1", from: "Capp01", body: labelling(0, "")})
	w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cin":{"con":"1"}}`})
	c, err := New(t.Context(), w.c.Options) // nobody evaluated
	if err != nil {
		t.Fatal(err)
	}
	w.c = c
	rec := w.record("cse-in/app/c1/a1")
	if err := c.loadActions(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The process dies between the match and the result.
	err = w.store.Update(t.Context(), func(tx store.Tx) error {
		v, due, err := c.judge(tx, rec.ID)
		if err != nil || !due {
			return fmt.Errorf("not due: %w", err)
		}
		return c.noteMatch(tx, v)
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.c, err = New(t.Context(), w.c.Options); err != nil {
		t.Fatal(err)
	}
	w.run()
	for end := time.Now().Add(time.Minute); w.attribute("cse-in/app/c1/a1", "air") == "" && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if !w.labelled() {
		t.Error("what was owed wasn't done")
	}
}

func TestAction_C449_ActsWithThePrivilegesThatItsCreatorHasNow(t *testing.T) {
	t.Parallel()
	w := newActionWorld(t)
	w.run()
	w.register("Cother1", "other")
	w.policy("Capp01", "cse-in/app", "p", `{"acor":["Cother1"],"acop":63}`)
	w.container("Capp01", "cse-in/app", "c2", `"acpi":["cse-in/app/p"]`)
	body := strings.NewReplacer("Capp01", "Cother1", `"cse-in/app"`, `"cse-in/app/c2"`, "m2m:ae", "m2m:cnt").Replace(labelling(0, `"evm":3`))
	create := func(name string) {
		w.must(onem2m.Created, ask{op: "C65", to: "cse-in/app/c2", from: "Cother1", body: strings.Replace(body, `"a1"`, `"`+name+`"`, 1)})
	}
	change := func() {
		w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/c2", from: "CAdmin", body: `{"m2m:cin":{"con":"1"}}`})
		w.settled()
	}
	create("a1")
	change()
	if w.attribute("cse-in/app/c2", "lbl") != `["hit"]` {
		t.Fatal("not performed")
	}
	rsc := func() int64 {
		air, _ := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c2/a1", from: "CAdmin"}).Object("air")
		n, _ := air.Int("rsc")
		return n
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/p", from: "Capp01", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["Cother1"],"acop":2}]}}}`})
	change()
	if got := rsc(); got != 4103 {
		t.Errorf("A-54 without UPDATE: %d, want 4103", got)
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/p", from: "Capp01", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["Cother1"],"acop":61}]}}}`})
	change()
	if got := rsc(); got != 4103 {
		t.Error("evaluated without RETRIEVE on the subject")
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/p", from: "Capp01", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["Cother1"],"acop":63,"acaf":true}]}}}`})
	change()
	if got := rsc(); got != 2004 {
		t.Errorf("A-24 authenticated at the CREATE: %d, want 2004", got)
	}
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/other", from: "Cother1"})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c2", from: "CAdmin", body: `{"m2m:cnt":{"lbl":null}}`})
	w.settled()
	if got := w.attribute("cse-in/app/c2", "lbl"); got != "" {
		t.Error("acts for somebody who isn't registered any more")
	}
}

func TestAction_A24_AnUnauthenticatedCreatorStaysOne(t *testing.T) {
	t.Parallel()
	w := newActionWorld(t)
	w.run()
	w.policy("Capp01", "cse-in/app", "p", `{"acor":["Capp01"],"acop":3},{"acor":["Capp01"],"acop":63,"acaf":true}`)
	w.container("Capp01", "cse-in/app", "c2", `"acpi":["cse-in/app/p"]`)
	none := &identity.Association{Framework: "none", Binding: "http"}
	body := strings.NewReplacer(`"cse-in/app"`, `"cse-in/app/c2"`, "m2m:ae", "m2m:cnt").Replace(labelling(0, ""))
	w.must(onem2m.Created, ask{op: "C65", to: "cse-in/app/c2", from: "Capp01", body: body, assoc: none})
	w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/c2", from: "Capp01", body: `{"m2m:cin":{"con":"1"}}`, assoc: none})
	w.settled()
	air, _ := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c2/a1", from: "CAdmin"}).Object("air")
	if code, _ := air.Int("rsc"); code != 4103 {
		t.Errorf("air %s, want 4103", air.Append(nil))
	}
}
