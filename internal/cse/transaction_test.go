package cse

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

// dealer is a world with two AEs and a container of the first.
func dealer(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	w := newWorld(t, change...)
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	w.policy("Capp01", "cse-in/app", "open", `{"acor":["Capp01","Cother1"],"acop":63}`)
	w.container("Capp01", "cse-in/app", "data", `"acpi":["cse-in/app/open"],"lbl":["old"]`)
	return w
}

// primitive is a request of a transaction.
func primitive(op int, to, from, more string) string {
	return fmt.Sprintf(`{"op":%d,"to":"%s","fr":"%s","rqi":"p1","rvi":"3"%s}`, op, to, from, more)
}

func relabel(to, from, label string) string {
	return primitive(3, to, from, `,"pc":{"m2m:cnt":{"lbl":["`+label+`"]}}`)
}

// begin makes a <transaction> and returns its attributes.
func (w *world) begin(from, parent, rn, request, more string) onem2m.Object {
	w.t.Helper()
	if more != "" {
		more = "," + more
	}
	return w.must(onem2m.Created, ask{op: "C51", to: parent, from: from, body: `{"m2m:trac":{"rn":"` + rn + `","tid":"t1","m2m:rqp":` + request + more + `}}`})
}

// move gives a control and returns the attributes.
func (w *world) move(from, to, root string, control int) onem2m.Object {
	w.t.Helper()
	return w.must(onem2m.Updated, ask{op: "U", to: to, from: from, body: fmt.Sprintf(`{"%s":{"tctl":%d}}`, root, control)})
}

// snapshotOf is everything that a RETRIEVE with children shows of a resource,
// without its <transaction>s.
func (w *world) snapshotOf(to string) string {
	w.t.Helper()
	o := w.must(onem2m.OK, ask{op: "R", to: to + "?rcn=4", from: "CAdmin"})
	o.Delete("m2m:trac")
	return string(o.Append(nil))
}

func wantStates(t *testing.T, o onem2m.Object, state, control int64) {
	t.Helper()
	got, _ := o.Int("trst")
	ctl, _ := o.Int("tctl")
	if got != state || ctl != control {
		t.Errorf("state %d control %d, want %d %d in %s", got, ctl, state, control, o.Append(nil))
	}
}

// impatient makes a request expire soon.
func impatient(req *onem2m.Request) { req.RequestExpiration = "300" }

func TestTransaction_C443_ExecutedThenCommitted(t *testing.T) {
	t.Parallel()
	w := dealer(t)
	before := w.snapshotOf("cse-in/app/data")
	o := w.begin("Capp01", "cse-in/app/data", "t", primitive(1, "cse-in/app/data", "Capp01", `,"ty":4,"pc":{"m2m:cin":{"con":"x"}}`), `"tltp":2`)
	wantStates(t, o, 2, 2)
	if cr, _ := o.Text("cr"); cr != "Capp01" {
		t.Errorf("creator %s", cr)
	}
	events := len(w.events)
	o = w.move("Capp01", "cse-in/app/data/t", "m2m:trac", 3)
	wantStates(t, o, 3, 3)
	rsp, _ := o.Object("m2m:rsp")
	pc, _ := rsp.Object("pc")
	cin, _ := pc.Object("m2m:cin")
	ri, _ := cin.Text("ri")
	if code, _ := rsp.Int("rsc"); code != 2001 || ri == "" {
		t.Fatalf("response %s", rsp.Append(nil))
	}
	if d := cmp.Diff(before, w.snapshotOf("cse-in/app/data")); d != "" {
		t.Errorf("seen before the commit:\n%s", d)
	}
	w.events = w.events[:events] // what was recorded and undone
	o = w.move("Capp01", "cse-in/app/data/t", "m2m:trac", 4)
	wantStates(t, o, 4, 4)
	if got := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data/la", from: "Cother1"}); string(got.Get("ri")) != `"`+ri+`"` {
		t.Errorf("committed %s, executed was %s", got.Append(nil), ri)
	}
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/data/t", from: "Capp01"})
}

func TestTransaction_C444_LocksTheTarget(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ask
		kind int
		code onem2m.StatusCode
	}{
		"retrieve under BLOCK_ALL":       {ask{op: "R", to: "cse-in/app/data"}, 1, 4008},
		"retrieve under ALLOW_RETRIEVES": {ask{op: "R", to: "cse-in/app/data"}, 2, 2000},
		"discovery under BLOCK_ALL":      {ask{op: "R", to: "cse-in/app/data?fu=1"}, 1, 4008},
		"update":                         {ask{op: "U", to: "cse-in/app/data", body: `{"m2m:cnt":{"lbl":["new"]}}`}, 2, 4008},
		"delete":                         {ask{op: "D", to: "cse-in/app/data"}, 2, 4008},
		"create below it":                {ask{op: "C4", to: "cse-in/app/data", body: `{"m2m:cin":{"con":"x"}}`}, 2, 4008},
		"subscription":                   {ask{op: "C23", to: "cse-in/app/data", body: `{"m2m:sub":{"nu":["http://127.0.0.1:1"]}}`}, 2, 4008},
		"latest under BLOCK_ALL":         {ask{op: "R", to: "cse-in/app/data/la"}, 1, 4008},
		"latest under ALLOW_RETRIEVES":   {ask{op: "R", to: "cse-in/app/data/la"}, 2, 2000},
		"delete of the latest":           {ask{op: "D", to: "cse-in/app/data/la"}, 2, 4008},
		"an instance below it":           {ask{op: "R", to: "cse-in/app/data/one"}, 1, 2000},
		"its parent":                     {ask{op: "R", to: "cse-in/app?rcn=4"}, 1, 2000},
		"a stranger isn't kept waiting":  {ask{op: "R", to: "cse-in/app/data", from: "Cguest1"}, 1, 4103},
	} {
		t.Run("C-444 "+name, func(t *testing.T) {
			t.Parallel()
			w := dealer(t)
			w.register("Cguest1", "guest")
			w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/data", from: "Capp01", body: `{"m2m:cin":{"rn":"one","con":"1"}}`})
			w.begin("Cother1", "cse-in/app/data", "t", relabel("cse-in/app/data", "Cother1", "new"), fmt.Sprintf(`"tltp":%d`, tt.kind))
			q := tt.ask
			if q.from == "" {
				q.from = "Capp01"
			}
			if tt.code == 4008 {
				q.edit = impatient
			}
			w.must(tt.code, q)
			w.move("Cother1", "cse-in/app/data/t", "m2m:trac", 5)
			if tt.code == 4008 {
				q.edit = nil
				if res := w.do(q); res.Code/1000 != 2 {
					t.Errorf("after the abort: %d %s", res.Code, text(res))
				}
			}
		})
	}
}

func TestTransaction_C444_MembersOfAFanOutAreBlocked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := dealer(t)
		w.container("Capp01", "cse-in/app", "free", `"acpi":["cse-in/app/open"]`)
		w.must(onem2m.Created, ask{op: "C9", to: "cse-in/app", from: "Capp01", body: `{"m2m:grp":{"rn":"g","mt":3,"mnm":5,"mid":["cse-in/app/data","cse-in/app/free"]}}`})
		w.begin("Cother1", "cse-in/app/data", "t", relabel("cse-in/app/data", "Cother1", "new"), "")
		res := w.do(ask{op: "U", to: "cse-in/app/g/fopt", from: "Capp01", body: `{"m2m:cnt":{"lbl":["all"]}}`, edit: impatient})
		if got := strings.Count(text(res), `"rsc":2004`); got != 1 || strings.Count(text(res), `"rsc"`) > 2 {
			t.Errorf("got %s", text(res))
		}
		w.move("Cother1", "cse-in/app/data/t", "m2m:trac", 5)
		if o := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data", from: "Capp01"}); string(o.Get("lbl")) != `["old"]` {
			t.Errorf("a locked member was changed: %s", o.Append(nil))
		}
	})
}

func TestTransaction_C444_WhatIsBehindALockedResourceIsLockedToo(t *testing.T) {
	t.Parallel()
	w := dealer(t)
	w.must(onem2m.Created, ask{op: "C9", to: "cse-in/app", from: "Capp01", body: `{"m2m:grp":{"rn":"g","mt":3,"mnm":5,"mid":["cse-in/app/data"]}}`})
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/data", from: "Capp01", body: `{"m2m:sub":{"rn":"s","nu":["Capp01"]}}`})
	w.begin("Capp01", "cse-in/app/g", "t", primitive(3, "cse-in/app/g", "Capp01", `,"pc":{"m2m:grp":{"mnm":7}}`), "")
	w.begin("Capp01", "cse-in/app/data/s", "t", primitive(2, "cse-in/app/data/s", "Capp01", ""), "")
	for _, q := range []ask{
		{op: "R", to: "cse-in/app/g/fopt", from: "Capp01"},
		{op: "R", to: "cse-in/app/g/fopt", from: "CAdmin"},
		{op: "D", to: "cse-in/app/data/s/ntsr", from: "Capp01"},
		{op: "R", to: "cse-in/app/data/s?sqi=true&rcn=10&smf=ASK {?a ?b ?c}", from: "Capp01"},
	} {
		q.edit = impatient
		if res := w.do(q); res.Code != onem2m.RequestTimeout {
			t.Errorf("%s %s by %s: %d %s", q.op, q.to, q.from, res.Code, text(res))
		}
	}
	w.move("Capp01", "cse-in/app/g/t", "m2m:trac", 5)
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/g/fopt", from: "Capp01"})
}

func TestTransaction_C444_WaitsForTheEndOfTheLock(t *testing.T) {
	t.Parallel()
	w := dealer(t)
	w.begin("Cother1", "cse-in/app/data", "t", relabel("cse-in/app/data", "Cother1", "new"), "")
	answer := make(chan *onem2m.Response)
	req := w.request(ask{op: "R", to: "cse-in/app/data", from: "Capp01"})
	go func() { answer <- w.c.Handle(t.Context(), trusted(), req) }()
	for w.waiting() == 0 {
		time.Sleep(time.Millisecond)
	}
	w.move("Cother1", "cse-in/app/data/t", "m2m:trac", 3)
	w.move("Cother1", "cse-in/app/data/t", "m2m:trac", 4)
	if res := <-answer; res.Code != onem2m.OK || !strings.Contains(text(res), `"lbl":["new"]`) {
		t.Errorf("got %d %s", res.Code, text(res))
	}
	if w.waiting() != 0 {
		t.Error("somebody waits still")
	}
}

func (w *world) waiting() int {
	w.c.locks.mu.Lock()
	defer w.c.locks.mu.Unlock()
	return w.c.locks.waiting.total
}

func TestTransaction_C444_ALockThatCannotBeHadIsAnError(t *testing.T) {
	t.Parallel()
	w := dealer(t)
	w.begin("Cother1", "cse-in/app/data", "t", relabel("cse-in/app/data", "Cother1", "new"), "")
	wantStates(t, w.begin("Capp01", "cse-in/app/data", "u", relabel("cse-in/app/data", "Capp01", "mine"), ""), 5, 2)
	w.move("Cother1", "cse-in/app/data/t", "m2m:trac", 5)
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data", from: "Capp01"}) // who failed to lock holds nobody up
	wantStates(t, w.move("Capp01", "cse-in/app/data/u", "m2m:trac", 2), 2, 2)
	wantStates(t, w.begin("Capp01", "cse-in/app/data", "v", relabel("cse-in/app/data", "Capp01", "mine"), ""), 2, 2) // the same transaction
	w.move("Capp01", "cse-in/app/data/u", "m2m:trac", 5)
	w.must(4008, ask{op: "R", to: "cse-in/app/data", from: "Capp01", edit: impatient})
	w.move("Capp01", "cse-in/app/data/v", "m2m:trac", 5)
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data", from: "Capp01"})
}

func TestTransaction_C443_LegalControls(t *testing.T) {
	t.Parallel()
	// Path to a state, and what may follow.
	for name, tt := range map[string]struct {
		path  []int
		legal string
	}{
		"LOCKED":    {nil, "35"},
		"EXECUTED":  {[]int{3}, "45"},
		"COMMITTED": {[]int{3, 4}, "2"},
		"ABORTED":   {[]int{5}, "2"},
	} {
		t.Run("C-443 "+name, func(t *testing.T) {
			t.Parallel()
			for control := 1; control <= 5; control++ {
				w := dealer(t)
				w.begin("Capp01", "cse-in/app/data", "t", relabel("cse-in/app/data", "Capp01", "new"), "")
				for _, c := range tt.path {
					w.move("Capp01", "cse-in/app/data/t", "m2m:trac", c)
				}
				want := onem2m.IllegalTransactionStateTransitionAttempted
				if strings.Contains(tt.legal, fmt.Sprint(control)) {
					want = onem2m.Updated
				}
				w.must(want, ask{op: "U", to: "cse-in/app/data/t", from: "Capp01", body: fmt.Sprintf(`{"m2m:trac":{"tctl":%d}}`, control)})
			}
		})
	}
}

func TestTransaction_C443_Refusals(t *testing.T) {
	t.Parallel()
	w := dealer(t)
	create := func(request string) ask {
		return ask{op: "C51", to: "cse-in/app/data", from: "Capp01", body: `{"m2m:trac":{"tid":"x","m2m:rqp":` + request + `}}`}
	}
	w.begin("Capp01", "cse-in/app/data", "t", relabel("cse-in/app/data", "Capp01", "new"), `"acpi":["cse-in/app/open"]`)
	for name, tt := range map[string]struct {
		ask
		code onem2m.StatusCode
	}{
		"C-441 another From":          {create(relabel("cse-in/app/data", "Cother1", "x")), 4000},
		"C-441 no From":               {create(`{"op":2,"to":"cse-in/app/data","rqi":"x"}`), 4000},
		"another target":              {create(relabel("cse-in/app", "Capp01", "x")), 4000},
		"a target elsewhere":          {create(relabel("/id-mn/base/x", "Capp01", "x")), 4000},
		"a virtual target":            {create(primitive(4, "cse-in/app/data/la", "Capp01", "")), 4000},
		"a notification":              {create(primitive(5, "cse-in/app/data", "Capp01", `,"pc":{"m2m:sgn":{}}`)), 4000},
		"a non-blocking request":      {create(primitive(2, "cse-in/app/data", "Capp01", `,"rt":{"rtv":1}`)), 4000},
		"a discovery":                 {create(primitive(2, "cse-in/app/data", "Capp01", `,"fc":{"fu":1}`)), 4000},
		"a registration":              {create(primitive(1, "cse-in/app/data", "Capp01", `,"ty":2`)), 4000},
		"no primitive":                {create(`{"op":9}`), 4000},
		"no transactionID":            {ask{op: "C51", to: "cse-in/app/data", from: "Capp01", body: `{"m2m:trac":{"m2m:rqp":` + relabel("cse-in/app/data", "Capp01", "x") + `}}`}, 4000},
		"C-445 delete before the end": {ask{op: "D", to: "cse-in/app/data/t", from: "Capp01"}, 5222},
		"moved by another":            {ask{op: "U", to: "cse-in/app/data/t", from: "Cother1", body: `{"m2m:trac":{"tctl":5}}`}, 4103},
		"below a transaction":         {ask{op: "C51", to: "cse-in/app/data/t", from: "Capp01", body: `{"m2m:trac":{"tid":"x","m2m:rqp":` + relabel("cse-in/app/data/t", "Capp01", "x") + `}}`}, 4108},
	} {
		t.Run(name, func(t *testing.T) { w.must(tt.code, tt.ask) })
	}
}

func TestTransaction_C443_AFailedRequestIsAnError(t *testing.T) {
	t.Parallel()
	w := dealer(t)
	before := w.snapshotOf("cse-in/app/data")
	w.begin("Cother1", "cse-in/app/data", "t", primitive(3, "cse-in/app/data", "Cother1", `,"pc":{"m2m:cnt":{"mni":-1}}`), "")
	o := w.move("Cother1", "cse-in/app/data/t", "m2m:trac", 3)
	wantStates(t, o, 5, 3)
	if rsp, _ := o.Object("m2m:rsp"); string(rsp.Get("rsc")) != "4000" {
		t.Errorf("response %s", rsp.Append(nil))
	}
	w.must(4008, ask{op: "R", to: "cse-in/app/data", from: "Capp01", edit: impatient}) // locked until it is aborted
	wantStates(t, w.move("Cother1", "cse-in/app/data/t", "m2m:trac", 5), 6, 5)
	if d := cmp.Diff(before, w.snapshotOf("cse-in/app/data")); d != "" {
		t.Errorf("after the abort:\n%s", d)
	}
}

func TestTransaction_C443_APrivilegeWithdrawnBeforeTheCommit(t *testing.T) {
	t.Parallel()
	w := dealer(t)
	w.begin("Cother1", "cse-in/app/data", "t", relabel("cse-in/app/data", "Cother1", "new"), "")
	w.move("Cother1", "cse-in/app/data/t", "m2m:trac", 3)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/open", from: "Capp01", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["Cother1","Capp01"],"acop":2}]}}}`})
	wantStates(t, w.move("Cother1", "cse-in/app/data/t", "m2m:trac", 4), 5, 4)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/data/t", from: "CAdmin", body: `{"m2m:trac":{"tctl":5}}`})
	if o := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data", from: "Capp01"}); string(o.Get("lbl")) != `["old"]` {
		t.Errorf("changed: %s", o.Append(nil))
	}
}

func TestTransaction_C443_DeletesItsOwnTarget(t *testing.T) {
	t.Parallel()
	w := dealer(t)
	w.begin("Capp01", "cse-in/app/data", "t", primitive(4, "cse-in/app/data", "Capp01", ""), "")
	wantStates(t, w.move("Capp01", "cse-in/app/data/t", "m2m:trac", 3), 3, 3)
	wantStates(t, w.move("Capp01", "cse-in/app/data/t", "m2m:trac", 4), 4, 4)
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/data", from: "Capp01"})
	w.noLocks()
}

// noLocks fails the test if a lock or an alarm is left.
func (w *world) noLocks() {
	w.t.Helper()
	if n := w.c.locks.some.Load(); n != 0 {
		w.t.Errorf("%d locks are left", n)
	}
	if id, at := w.c.dealings.first(); id != 0 {
		w.t.Errorf("an alarm is left: %d at %s", id, at)
	}
}

func TestTransaction_C444_EndsWithItsTimeOrItsTarget(t *testing.T) {
	t.Parallel()
	t.Run("C-444 expiration", func(t *testing.T) {
		t.Parallel()
		w := dealer(t)
		before := w.snapshotOf("cse-in/app/data")
		w.begin("Cother1", "cse-in/app/data", "t", relabel("cse-in/app/data", "Cother1", "new"), `"et":"20260304T104000"`)
		w.move("Cother1", "cse-in/app/data/t", "m2m:trac", 3)
		w.advance(11 * time.Minute)
		if d := cmp.Diff(before, w.snapshotOf("cse-in/app/data")); d != "" {
			t.Errorf("after its time, before the sweep:\n%s", d)
		}
		if err := w.c.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/data/t", from: "Cother1"})
		w.noLocks()
	})
	t.Run("C-444 no lock stands for longer than an hour", func(t *testing.T) {
		t.Parallel()
		w := dealer(t)
		o := w.begin("Cother1", "cse-in/app/data", "t", relabel("cse-in/app/data", "Cother1", "new"), `"et":"20270304T104000"`)
		if et, _ := o.Text("et"); et != "20260304T113000,000000" {
			t.Errorf("et %s", et)
		}
	})
	t.Run("C-445 an ancestor is deleted", func(t *testing.T) {
		t.Parallel()
		w := dealer(t)
		w.begin("Capp01", "cse-in/app/data", "t", relabel("cse-in/app/data", "Capp01", "new"), "")
		w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app", from: "Capp01"})
		if err := w.c.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.noLocks()
	})
}

func TestTransaction_C444_StepsAtTheirTimes(t *testing.T) {
	t.Parallel()
	w := dealer(t)
	step := func() {
		t.Helper()
		if _, err := w.c.AdvanceTransactions(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	o := w.begin("Capp01", "cse-in/app/data", "t", relabel("cse-in/app/data", "Capp01", "new"),
		`"tltm":"20260304T103100","text":"20260304T103200","tct":"20260304T103300"`)
	wantStates(t, o, 1, 2)
	w.must(4123, ask{op: "U", to: "cse-in/app/data/t", from: "Capp01", body: `{"m2m:trac":{"tctl":3}}`})
	for _, want := range [][2]int64{{2, 2}, {3, 3}, {4, 4}} {
		w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data/t", from: "Capp01"})
		w.advance(time.Minute)
		w.c.dealings = newAlarms() // a restart
		if err := w.c.rearmTransactions(t.Context()); err != nil {
			t.Fatal(err)
		}
		step()
		wantStates(t, w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data/t", from: "Capp01"}), want[0], want[1])
	}
	if o := w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data", from: "Capp01"}); string(o.Get("lbl")) != `["new"]` {
		t.Errorf("not committed: %s", o.Append(nil))
	}
	w.noLocks()
}

func TestTransaction_C444_AsksAboutABlockingUpdateOnce(t *testing.T) {
	t.Parallel()
	w := dealer(t)
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app/data", from: "Capp01", body: `{"m2m:sub":{"rn":"s","nu":["cse-in/app"],"enc":{"net":[7]}}}`})
	w.begin("Cother1", "cse-in/app/data", "t", relabel("cse-in/app/data", "Cother1", "new"), "")
	wantStates(t, w.move("Cother1", "cse-in/app/data/t", "m2m:trac", 3), 3, 3)
	wantStates(t, w.move("Cother1", "cse-in/app/data/t", "m2m:trac", 4), 4, 4)
	if len(w.consulted) != 1 {
		t.Errorf("asked %q", w.consulted)
	}
	w.consult = func(context.Context) (onem2m.StatusCode, error) { return onem2m.OperationDeniedByRemoteEntity, nil }
	w.move("Cother1", "cse-in/app/data/t", "m2m:trac", 2)
	wantStates(t, w.move("Cother1", "cse-in/app/data/t", "m2m:trac", 3), 5, 3)
}

func TestTransaction_C444_ANonBlockingRequestWaitsInItsTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := dealer(t, func(o *Options) { o.Timing.RequestExpiration = 200 * time.Millisecond })
		w.begin("Cother1", "cse-in/app/data", "t", relabel("cse-in/app/data", "Cother1", "new"), "")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.c.Run(ctx) }()
		defer func() { cancel(); <-ended }()
		rt := int64(responseNonBlockingSync)
		w.must(1001, ask{
			op: "U", to: "cse-in/app/data", from: "Capp01", body: `{"m2m:cnt":{"lbl":["mine"]}}`,
			edit: func(r *onem2m.Request) { r.ResponseType, r.RequestExpiration = &rt, "3600000" },
		})
		deadline := time.Now().Add(time.Minute)
		for time.Now().Before(deadline) {
			if list := text(w.do(ask{op: "R", to: "cse-in?rcn=4&ty=17", from: "CAdmin"})); strings.Contains(list, `"rsc":4008`) {
				return // others need the place of one that waits
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Error("it waits as long as its originator likes")
	})
}

func TestTransaction_C444_VerifiesASubscriptionOnce(t *testing.T) {
	t.Parallel()
	w := dealer(t)
	w.begin("Capp01", "cse-in/app/data", "t", primitive(1, "cse-in/app/data", "Capp01", `,"ty":23,"pc":{"m2m:sub":{"rn":"s","nu":["http://127.0.0.1:1"]}}`), "")
	wantStates(t, w.move("Capp01", "cse-in/app/data/t", "m2m:trac", 3), 3, 3)
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/data/s", from: "CAdmin"})
	wantStates(t, w.move("Capp01", "cse-in/app/data/t", "m2m:trac", 4), 4, 4)
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/data/s", from: "Capp01"})
	if len(w.verified) != 1 {
		t.Errorf("verified %d times", len(w.verified))
	}
}
