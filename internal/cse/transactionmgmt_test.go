package cse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

// aggregated is a value of requestPrimitives.
func aggregated(requests ...string) string { return `{"req":[` + strings.Join(requests, ",") + `]}` }

// asked is a request in it: what is no parameter of its own is in mi.
func inner(op int, to, from, mi, pc string) string {
	s := fmt.Sprintf(`{"op":%d,"to":"%s","fr":"%s","rqi":"p1"`, op, to, from)
	if mi != "" {
		s += `,"mi":{` + mi + `}`
	}
	if pc != "" {
		s += `,"pc":` + pc
	}
	return s + "}"
}

func tagged(to, label string) string {
	return inner(3, to, "Capp01", "", `{"m2m:cnt":{"lbl":["`+label+`"]}}`)
}

// manage makes a <transactionMgmt> of Capp01.
func (w *world) manage(rn, more string, requests ...string) onem2m.Object {
	w.t.Helper()
	if more != "" {
		more = "," + more
	}
	return w.must(onem2m.Created, ask{op: "C50", to: "cse-in/app", from: "Capp01", body: `{"m2m:tram":{"rn":"` + rn + `","rqps":` + aggregated(requests...) + more + `}}`})
}

// answers are the status codes in responsePrimitives.
func answers(t *testing.T, o onem2m.Object) string {
	t.Helper()
	rsps, _ := o.Object("rsps")
	list, _ := rsps.Objects("m2m:rsp")
	var codes []string
	for _, rsp := range list {
		code, _ := rsp.Int("rsc")
		codes = append(codes, fmt.Sprint(code))
	}
	return strings.Join(codes, " ")
}

func (w *world) advanceTransactions() {
	w.t.Helper()
	if _, err := w.c.AdvanceTransactions(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func labelOf(w *world, to string) string {
	w.t.Helper()
	return string(w.must(onem2m.OK, ask{op: "R", to: to, from: "CAdmin"}).Get("lbl"))
}

// trader is a dealer with a second container.
func trader(t *testing.T) *world {
	t.Helper()
	w := dealer(t)
	w.container("Capp01", "cse-in/app", "more", `"acpi":["cse-in/app/open"],"lbl":["old"]`)
	return w
}

func TestTransactionMgmt_C442_C446_TheCSETakesAllStepsAtOnce(t *testing.T) {
	t.Parallel()
	w := trader(t)
	o := w.manage("tm", "", tagged("cse-in/app/data", "a"),
		inner(1, "cse-in/app/more", "Capp01", `"ty":4,"rvi":"3"`, `{"m2m:cin":{"con":"x"}}`), inner(2, "cse-in/app/more", "Capp01", "", ""))
	wantStates(t, o, 4, 4)
	if got := answers(t, o); got != "2004 2001 2000" {
		t.Errorf("answers %s", got)
	}
	if got := labelOf(w, "cse-in/app/data"); got != `["a"]` {
		t.Errorf("label %s", got)
	}
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/more/la", from: "Capp01"})
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/tm", from: "Capp01"})
	w.advanceTransactions() // C-446: deleted after its end
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/tm", from: "Capp01"})
	if strings.Contains(text(w.do(ask{op: "R", to: "cse-in/app/data?fu=1", from: "CAdmin"})), "trac") {
		t.Error("a transaction is left")
	}
	w.noLocks()
}

func TestTransactionMgmt_C442_OneFailureUndoesAll(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ request, answers string }{
		"a request that fails":            {inner(3, "cse-in/app/more", "Capp01", "", `{"m2m:cnt":{"mni":-1}}`), "2004 4000"},
		"a target that isn't there":       {tagged("cse-in/app/none", "x"), "4004"},
		"a target on an unknown CSE":      {tagged("/id-mn/base/x", "x"), "4004"},
		"no privilege to lock the target": {tagged("cse-in/other", "x"), "4103"},
		"a virtual target":                {inner(4, "cse-in/app/more/la", "Capp01", "", ""), "4005"},
	} {
		t.Run("C-442 "+name, func(t *testing.T) {
			t.Parallel()
			w := trader(t)
			before := w.snapshotOf("cse-in/app/data")
			o := w.manage("tm", `"tmh":2`, tagged("cse-in/app/data", "a"), tt.request)
			wantStates(t, o, 6, 5)
			if got := answers(t, o); got != tt.answers {
				t.Errorf("answers %s, want %s", got, tt.answers)
			}
			if d := cmp.Diff(before, w.snapshotOf("cse-in/app/data")); d != "" {
				t.Error(d)
			}
			w.must(4000, ask{op: "U", to: "cse-in/app/tm", from: "Capp01", body: `{"m2m:tram":{"tctl":1}}`})
			w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/tm", from: "Capp01"})
			w.noLocks()
		})
	}
}

func TestTransactionMgmt_C442_C446_ControlledByItsCreator(t *testing.T) {
	t.Parallel()
	w := trader(t)
	const tm = "cse-in/app/tm"
	control := func(c int) ask {
		return ask{op: "U", to: tm, from: "Capp01", body: fmt.Sprintf(`{"m2m:tram":{"tctl":%d}}`, c)}
	}
	o := w.manage("tm", `"tmd":2,"tmh":2,"acpi":["cse-in/app/open"]`, tagged("cse-in/app/data", "a"), tagged("cse-in/app/more", "b"))
	wantStates(t, o, 1, 1)
	w.must(4123, control(3))
	w.must(5222, ask{op: "D", to: tm, from: "Capp01"})                                   // C-445
	w.must(4103, ask{op: "U", to: tm, from: "Cother1", body: `{"m2m:tram":{"tctl":2}}`}) // C-441
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data", from: "Cother1"})              // not locked yet
	wantStates(t, w.must(onem2m.Updated, control(2)), 2, 2)
	w.must(4008, ask{op: "R", to: "cse-in/app/data", from: "Capp01", edit: impatient})
	list := text(w.do(ask{op: "R", to: "cse-in/app?fu=1&ty=51", from: "CAdmin"}))
	if strings.Count(list, "cse-in/app/") != 2 {
		t.Fatalf("transactions %s", list)
	}
	one := list[strings.Index(list, "cse-in/app/more/"):]
	one = one[:strings.IndexAny(one, `"`)]
	trac := w.must(onem2m.OK, ask{op: "R", to: one, from: "Capp01"})
	if cr, _ := trac.Text("cr"); cr != "/id-in" {
		t.Errorf("creator of the transaction: %s", cr)
	}
	w.must(4103, ask{op: "U", to: one, from: "Capp01", body: `{"m2m:trac":{"tctl":5}}`})
	o = w.must(onem2m.Updated, control(3))
	wantStates(t, o, 3, 3)
	if got := answers(t, o); got != "2004 2004" {
		t.Errorf("answers %s", got)
	}
	w.must(4123, control(3))
	wantStates(t, w.must(onem2m.OK, ask{op: "R", to: one, from: "Capp01"}), 3, 3)
	wantStates(t, w.must(onem2m.Updated, control(5)), 6, 5)
	if got := labelOf(w, "cse-in/app/data") + labelOf(w, "cse-in/app/more"); got != `["old"]["old"]` {
		t.Errorf("after the abort: %s", got)
	}
	wantStates(t, w.must(onem2m.OK, ask{op: "R", to: one, from: "Capp01"}), 6, 5)
	for _, step := range [][2]int64{{1, 1}, {2, 2}, {3, 3}, {4, 4}} {
		wantStates(t, w.must(onem2m.Updated, control(int(step[1]))), step[0], step[1])
	}
	if got := labelOf(w, "cse-in/app/data") + labelOf(w, "cse-in/app/more"); got != `["a"]["b"]` {
		t.Errorf("after the commit: %s", got)
	}
	w.advanceTransactions()
	w.must(onem2m.OK, ask{op: "R", to: tm, from: "Capp01"}) // C-446: persists
	if list := text(w.do(ask{op: "R", to: "cse-in/app?fu=1&ty=51", from: "CAdmin"})); strings.Contains(list, "trac") {
		t.Errorf("transactions that are over: %s", list)
	}
	w.must(onem2m.Deleted, ask{op: "D", to: tm, from: "Capp01"})
	w.noLocks()
}

func TestTransactionMgmt_C441_Refusals(t *testing.T) {
	t.Parallel()
	w := trader(t)
	for name, body := range map[string]string{
		"C-441 another From":      `"rqps":` + aggregated(tagged("cse-in/app/data", "a"), inner(3, "cse-in/app/more", "Cother1", "", `{"m2m:cnt":{"lbl":["x"]}}`)),
		"C-441 a control":         `"tctl":1,"rqps":` + aggregated(tagged("cse-in/app/data", "a")),
		"no requests":             `"rqps":{"req":[]}`,
		"no list":                 `"tmd":2`,
		"a parameter twice":       `"rqps":` + aggregated(`{"op":3,"to":"cse-in/app/data","fr":"Capp01","rqi":"x","mi":{"to":"cse-in"}}`),
		"a notification":          `"rqps":` + aggregated(inner(5, "cse-in/app", "Capp01", "", `{"m2m:sgn":{}}`)),
		"an expiration long past": `"tept":"20200101T000000","rqps":` + aggregated(tagged("cse-in/app/data", "a")),
	} {
		t.Run(name, func(t *testing.T) {
			w.must(4000, ask{op: "C50", to: "cse-in/app", from: "Capp01", body: `{"m2m:tram":{` + body + `}}`})
		})
	}
}

func TestTransactionMgmt_C442_TriesAgain(t *testing.T) {
	t.Parallel()
	w := trader(t)
	w.begin("Cother1", "cse-in/app/more", "t", relabel("cse-in/app/more", "Cother1", "theirs"), "")
	o := w.manage("tm", `"tmd":2,"tmh":2,"tmr":2`, tagged("cse-in/app/data", "a"), tagged("cse-in/app/more", "b"))
	wantStates(t, o, 1, 1)
	lock := ask{op: "U", to: "cse-in/app/tm", from: "Capp01", body: `{"m2m:tram":{"tctl":2}}`}
	o = w.must(onem2m.Updated, lock)
	wantStates(t, o, 1, 2)
	if got := answers(t, o); got != "5222" {
		t.Errorf("answers %s", got)
	}
	w.must(5222, lock)                                                     // C-442: it is on its way
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data", from: "Capp01"}) // who waits holds nobody up
	w.advance(time.Second)
	w.advanceTransactions()
	wantStates(t, w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/tm", from: "Capp01"}), 1, 2)
	w.move("Cother1", "cse-in/app/more/t", "m2m:trac", 5)
	w.advance(2 * time.Second)
	w.advanceTransactions()
	wantStates(t, w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/tm", from: "Capp01"}), 2, 2)
	w.move("Capp01", "cse-in/app/tm", "m2m:tram", 5)

	w.begin("Cother1", "cse-in/app/more", "u", relabel("cse-in/app/more", "Cother1", "theirs"), "")
	o = w.manage("auto", `"tmh":2,"tmr":1`, tagged("cse-in/app/more", "c"))
	wantStates(t, o, 1, 2)
	w.advance(time.Minute)
	w.advanceTransactions()
	wantStates(t, w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/auto", from: "Capp01"}), 6, 5)
}

func TestTransactionMgmt_C444_StepsAtTheirTimesAndExpires(t *testing.T) {
	t.Parallel()
	w := trader(t)
	states := func(want ...int64) {
		t.Helper()
		w.advanceTransactions()
		wantStates(t, w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/tm", from: "Capp01"}), want[0], want[1])
	}
	w.manage("tm", `"tmh":2,"text":"20260304T103200","tct":"20260304T103300"`, tagged("cse-in/app/data", "a"))
	states(1, 1)
	w.advance(2 * time.Minute)
	states(3, 3)
	w.advance(time.Minute)
	states(4, 4)
	if got := labelOf(w, "cse-in/app/data"); got != `["a"]` {
		t.Errorf("label %s", got)
	}
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/tm", from: "Capp01"})

	w.manage("tm", `"tmh":2,"tmd":2,"tept":"20260304T110000"`, tagged("cse-in/app/data", "b"))
	for _, c := range []int{2, 3} {
		w.move("Capp01", "cse-in/app/tm", "m2m:tram", c)
	}
	w.advance(time.Hour)
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data", from: "Capp01"}) // over at once
	states(6, 5)
	if got := labelOf(w, "cse-in/app/data"); got != `["a"]` {
		t.Errorf("label %s", got)
	}
}

func TestTransactionMgmt_C444_GoesWithItsTargetOrItsParent(t *testing.T) {
	t.Parallel()
	w := trader(t)
	w.manage("tm", `"tmh":2,"tmd":2`, tagged("cse-in/app/data", "a"), tagged("cse-in/app/more", "b"))
	w.move("Capp01", "cse-in/app/tm", "m2m:tram", 2)
	list := text(w.do(ask{op: "R", to: "cse-in/app/data?fu=1&ty=51", from: "CAdmin", edit: impatient}))
	if !strings.Contains(list, "4008") && strings.Contains(list, "trac") {
		t.Errorf("discovery at a locked resource: %s", list)
	}
	// What the CSE removes on its own account isn't stopped by a lock.
	w.must(onem2m.Created, ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"short","et":"20260304T103100","acpi":["cse-in/app/open"]}}`})
	w.manage("tn", `"tmh":2,"tmd":2`, tagged("cse-in/app/short", "a"))
	w.move("Capp01", "cse-in/app/tn", "m2m:tram", 2)
	w.move("Capp01", "cse-in/app/tn", "m2m:tram", 3)
	w.advance(2 * time.Minute)
	if err := w.c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantStates(t, w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/tn", from: "Capp01"}), 5, 3)
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app", from: "Capp01"})
	if err := w.c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.noLocks()
}

func TestTransactionMgmt_C442_ARequestThatDeletesItsParent(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]string{"at its creation": "", "by a control": `"tmd":2`} {
		t.Run("C-442 "+name, func(t *testing.T) {
			t.Parallel()
			w := trader(t)
			w.register("Cplace1", "place")
			w.policy("Cplace1", "cse-in/place", "open", `{"acor":["Capp01"],"acop":63}`)
			w.must(onem2m.Updated, ask{op: "U", to: "cse-in/place", from: "CAdmin", body: `{"m2m:ae":{"acpi":["cse-in/place/open"]}}`})
			body := `{"m2m:tram":{"rn":"tm","rqps":` + aggregated(inner(4, "cse-in/place", "Capp01", "", ""), tagged("cse-in/app/data", "a"))
			if mode != "" {
				body += "," + mode
			}
			o := w.must(onem2m.Created, ask{op: "C50", to: "cse-in/place", from: "Capp01", body: body + "}}"})
			if mode != "" {
				for _, c := range []int{2, 3, 4} {
					o = w.move("Capp01", "cse-in/place/tm", "m2m:tram", c)
				}
			}
			wantStates(t, o, 4, 4)
			w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/place", from: "CAdmin"})
			if got := labelOf(w, "cse-in/app/data"); got != `["a"]` {
				t.Errorf("label %s", got)
			}
			if err := w.c.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.noLocks()
		})
	}
}

// TestTransactionMgmt_C442_TakesNoMoreThanItsShareOfTheWriter: what an UPDATE
// removes in parts is removed in one go in a transaction.
func TestTransactionMgmt_C442_TakesNoMoreThanItsShareOfTheWriter(t *testing.T) {
	t.Parallel()
	w := dealer(t, func(o *Options) { o.Limits.Removals = 2 })
	for range 20 {
		w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/data", from: "Capp01", body: `{"m2m:cin":{"con":"x"}}`})
	}
	o := w.manage("tm", `"tmh":2`, inner(3, "cse-in/app/data", "Capp01", "", `{"m2m:cnt":{"mni":1}}`))
	wantStates(t, o, 6, 5)
	if got := answers(t, o); got != "5207" {
		t.Errorf("answers %s", got)
	}
	if o := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data", from: "Capp01"}); string(o.Get("cni")) != "20" {
		t.Errorf("container %s", o.Append(nil))
	}
	wantStates(t, w.manage("tn", `"tmh":2`, inner(3, "cse-in/app/data", "Capp01", "", `{"m2m:cnt":{"mni":15}}`)), 4, 4)
}

// A request may rely on what one before it does, in the same transaction.
func TestTransactionMgmt_C442_RequestsSeeThoseBeforeThem(t *testing.T) {
	t.Parallel()
	w := trader(t)
	o := w.manage("tm", `"tmh":2`, inner(3, "cse-in/app/data", "Capp01", "", `{"m2m:cnt":{"mni":1}}`),
		inner(1, "cse-in/app/data", "Capp01", `"ty":4,"rvi":"3"`, `{"m2m:cin":{"con":"1"}}`),
		inner(1, "cse-in/app/data", "Capp01", `"ty":4,"rvi":"3"`, `{"m2m:cin":{"con":"2"}}`), inner(2, "cse-in/app/data", "Capp01", "", ""))
	wantStates(t, o, 4, 4)
	if !strings.Contains(string(o.Get("rsps")), `"cni":1`) {
		t.Errorf("answers %s", o.Get("rsps"))
	}
	if got := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data", from: "Capp01"}); string(got.Get("cni")) != "1" {
		t.Errorf("container %s", got.Append(nil))
	}
}
