package cse

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bulwark/onem2m"
)

// fleet is a CSE whose groups have members on others: what those hold, and a
// switch for whether they can be reached.
func fleet(t *testing.T) (w *world, far *abroad, away func(bool)) {
	t.Helper()
	w, c := crossroads(t)
	far = &abroad{holds: map[string]*onem2m.Content{}}
	far.put("/id-open/cse/c1", "m2m:cnt", `{"ty":3}`)
	far.put("/id-open/cse/c2", "m2m:cnt", `{"ty":3}`)
	far.put("/id-open/cse/ae", "m2m:ae", `{"ty":2}`)
	far.put("/id-open/cse/sub", "m2m:grp", `{"ty":9,"mt":3}`)
	far.put("/id-open/cse/lamp", "m2m:flexContainer", `{"ty":28,"cnd":"org.onem2m.common.moduleclass.binarySwitch"}`)
	w.container("Clamp", "cse-in/lamp", "near", ``)
	gone := false
	c.answer = func(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
		if gone {
			return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "nobody")
		}
		if req.To == "/id-open/cse/shut" {
			return &onem2m.Response{Code: onem2m.OriginatorHasNoPrivilege, From: "/id-open"}, nil
		}
		res, err := far.Answer(ctx, req)
		if res != nil {
			res.From = "/id-open"
			if req.To == "/id-open/cse/lost" {
				res.From = "/id-between"
			}
		}
		return res, err
	}
	return w, far, func(is bool) { gone = is }
}

func TestGroup_MembersOnOtherCSEsAreVerified(t *testing.T) {
	t.Parallel()
	w, far, _ := fleet(t)
	c := func(attrs string) ask {
		return ask{op: "C9", to: "cse-in/lamp", from: "Clamp", body: `{"m2m:grp":{"mnm":9,` + attrs + `}}`}
	}
	w.follow(t, []step{
		{name: "C-340 of the type", ask: c(`"rn":"g","mt":3,"mid":["/id-open/cse/c1","cse-in/lamp/near"]`), code: 2001, show: map[string]string{"cnm": "2", "mtv": "true"}},
		{name: "C-341 abandon the member", ask: c(`"mt":3,"mid":["/id-open/cse/c1","/id-open/cse/ae"]`), code: 2001, show: map[string]string{"cnm": "1", "mid": `["/id-open/cse/c1"]`, "mtv": "true"}},
		{name: "C-341 abandon the group", ask: c(`"mt":3,"csy":2,"mid":["/id-open/cse/c1","/id-open/cse/ae"]`), code: 4110},
		{name: "C-341 set mixed", ask: c(`"mt":3,"csy":3,"mid":["/id-open/cse/c1","/id-open/cse/ae"]`), code: 2001, show: map[string]string{"cnm": "2", "mt": "0", "mtv": "true"}},
		{name: "C-340 a sub-group counts by what it asks of its members", ask: c(`"mt":3,"mid":["/id-open/cse/sub/fopt"]`), code: 2001, show: map[string]string{"cnm": "1", "mtv": "true"}},
		{name: "C-340 a group without fopt is a group", ask: c(`"mt":3,"mid":["/id-open/cse/sub"]`), code: 2001, show: map[string]string{"cnm": "0", "mtv": "true"}},
		{name: "C-340 the latest instance", ask: c(`"mt":20002,"mid":["/id-open/cse/c1/la"]`), code: 2001, show: map[string]string{"cnm": "1", "mtv": "true"}},
		{name: "C-340 of the specialization", ask: c(`"mt":28,"spty":{"cnd":"org.onem2m.common.moduleclass.binarySwitch"},"mid":["/id-open/cse/lamp"]`), code: 2001, show: map[string]string{"cnm": "1"}},
		{name: "C-340 of another specialization", ask: c(`"mt":28,"spty":{"cnd":"org.onem2m.common.moduleclass.colour"},"mid":["/id-open/cse/lamp"]`), code: 2001, show: map[string]string{"cnm": "0"}},
		{name: "C-340 no privilege there", ask: c(`"mt":3,"mid":["/id-open/cse/shut"]`), code: 5105},
		{name: "C-339 not there", ask: c(`"mt":3,"mid":["/id-open/cse/none"]`), code: 4004},
		{name: "C-342 a CSE on the way doesn't know where", ask: c(`"mt":3,"mid":["/id-open/cse/lost"]`), code: 2001, show: map[string]string{"cnm": "1", "mtv": "false"}},
		{name: "C-342 no way", ask: c(`"mt":3,"mid":["/id-shut/cse/c1"]`), code: 2001, show: map[string]string{"cnm": "1", "mtv": "false"}},
		{name: "C-343 an UPDATE as well", ask: ask{op: "U", to: "cse-in/lamp/g", from: "Clamp", body: `{"m2m:grp":{"mid":["/id-open/cse/ae","/id-open/cse/c2"]}}`}, code: 2004, show: map[string]string{"cnm": "1", "mid": `["/id-open/cse/c2"]`}},
	})
	far.put("/id-open/cse/c2", "", "")
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/lamp/g", from: "Clamp", body: `{"m2m:grp":{"mid":["/id-open/cse/c2"]}}`}) // was a member
	asked := len(far.asked)
	w.must(onem2m.Created, c(`"mid":["/id-open/cse/c1"]`))
	if len(far.asked) != asked {
		t.Error("C-340: nothing is asked of a mixed group's members")
	}
}

func TestGroup_C342_ACSEThatIsAwayHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, away := fleet(t)
		away(true)
		begun := time.Now()
		w.must(onem2m.Created, ask{op: "C9", to: "cse-in/lamp", from: "Clamp", body: `{"m2m:grp":{"mnm":9,"mt":3,"mid":["/id-open/cse/c1"]}}`})
		if d := time.Since(begun); d > 0 {
			t.Errorf("took %s", d)
		}
	})
}

func TestGroup_C342_SlowMembersOfOneGroupKeepNoOtherGroupWaiting(t *testing.T) {
	t.Parallel()
	w, c := crossroads(t)
	c.answer = func(context.Context, *onem2m.Request) (*onem2m.Response, error) {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "nobody")
	}
	const groups = 3
	for i := range groups {
		w.must(onem2m.Created, ask{op: "C9", to: "cse-in/lamp", from: "Clamp", body: fmt.Sprintf(`{"m2m:grp":{"rn":"g%d","mnm":9,"mt":3,"mid":["/id-open/cse/c%d"]}}`, i, i)})
	}
	var asked atomic.Int64
	all := make(chan struct{})
	c.answer = func(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
		if asked.Add(1) == groups {
			close(all)
		}
		select {
		case <-all:
		case <-ctx.Done():
			return nil, &onem2m.Error{Code: onem2m.RequestTimeout, Cause: ctx.Err()}
		}
		return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID, From: "/id-open", Content: &onem2m.Content{Name: "m2m:cnt", Value: []byte(`{"ty":3}`)}}, nil
	}
	w.advance(lastLook)
	if at, err := w.c.VerifyGroups(t.Context()); err != nil || at != 0 {
		t.Errorf("then at %d, %v", at, err)
	}
	for i := range groups {
		if o := w.must(onem2m.OK, ask{op: "R", to: fmt.Sprintf("cse-in/lamp/g%d", i), from: "Clamp"}); string(o.Get("mtv")) != "true" {
			t.Errorf("the members of %d are asked when others have answered: %s", i, o.Append(nil))
		}
	}
}

func TestGroup_C342_IsVerifiedWhenItsMembersCanBeReached(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, attrs string
		show        map[string]string // nil: the group goes
	}{
		{"all fit", `"mt":3,"mid":["/id-open/cse/c1","cse-in/lamp/near"]`, map[string]string{"cnm": "2", "mtv": "true", "mt": "3"}},
		{"one doesn't and is left out", `"mt":3,"mid":["/id-open/cse/c1","/id-open/cse/ae"]`, map[string]string{"cnm": "1", "mid": `["/id-open/cse/c1"]`, "mtv": "true"}},
		{"one doesn't and the group is mixed", `"mt":3,"csy":3,"mid":["/id-open/cse/c1","/id-open/cse/ae"]`, map[string]string{"cnm": "2", "mt": "0", "mtv": "true"}},
		{"one doesn't and the group goes", `"mt":3,"csy":2,"mid":["/id-open/cse/c1","/id-open/cse/ae"]`, nil},
		{"one is still away", `"mt":3,"mid":["/id-open/cse/ae","/id-shut/cse/c1"]`, map[string]string{"cnm": "1", "mid": `["/id-shut/cse/c1"]`, "mtv": "false"}},
		{"one has gone", `"mt":3,"mid":["/id-open/cse/c1","/id-open/cse/none"]`, map[string]string{"cnm": "2", "mtv": "true"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, _, away := fleet(t)
			away(true)
			group := ask{op: "R", to: "cse-in/lamp/g", from: "Clamp"}
			o := w.must(onem2m.Created, ask{op: "C9", to: "cse-in/lamp", from: "Clamp", body: `{"m2m:grp":{"rn":"g","mnm":9,` + tt.attrs + `}}`})
			if string(o.Get("mtv")) != "false" {
				t.Fatalf("created as %s", o.Append(nil))
			}
			look := func() {
				t.Helper()
				w.advance(lastLook)
				if _, err := w.c.VerifyGroups(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			look()
			if o := w.must(onem2m.OK, group); string(o.Get("mtv")) != "false" {
				t.Fatalf("while they are away: %s", o.Append(nil))
			}
			w.c.unverified = newAlarms() // as after a start
			if err := w.c.rearmUnverified(t.Context()); err != nil {
				t.Fatal(err)
			}
			away(false)
			look()
			if tt.show == nil {
				w.must(onem2m.NotFound, group)
			} else {
				o = w.must(onem2m.OK, group)
				for name, want := range tt.show {
					if got := string(o.Get(name)); got != want {
						t.Errorf("%s is %s, want %s", name, got, want)
					}
				}
			}
			if id, _ := w.c.unverified.first(); (id != 0) != (tt.show["mtv"] == "false") {
				t.Errorf("it is looked at again: %v", id != 0)
			}
		})
	}
}

func TestGroup_C342_ChangesAndRemovalEndTheLooking(t *testing.T) {
	t.Parallel()
	for name, op := range map[string]ask{
		"other members": {op: "U", to: "cse-in/lamp/g", from: "Clamp", body: `{"m2m:grp":{"mid":["cse-in/lamp/near"]}}`},
		"removal":       {op: "D", to: "cse-in/lamp/g", from: "Clamp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, away := fleet(t)
			away(true)
			w.must(onem2m.Created, ask{op: "C9", to: "cse-in/lamp", from: "Clamp", body: `{"m2m:grp":{"rn":"g","mnm":9,"mt":3,"mid":["/id-open/cse/c1"]}}`})
			if id, _ := w.c.unverified.first(); id == 0 {
				t.Fatal("nobody looks")
			}
			if res := w.do(op); !res.Code.Success() {
				t.Fatalf("%d %s", res.Code, text(res))
			}
			if id, _ := w.c.unverified.first(); id != 0 {
				t.Error("it goes on")
			}
		})
	}
}
