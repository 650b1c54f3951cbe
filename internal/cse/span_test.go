package cse

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bulwark/internal/identity"
	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// realm is a pair of CSEs between which requests get lost.
type realm struct {
	*pair
	t *testing.T

	mu     sync.Mutex // guards what follows
	passed []string   // operations, targets and controls
	lose   func(what string) fate
}

// fate of a request between two CSEs.
type fate int

const (
	arrives  fate = iota
	vanishes      // nobody is reached
	answerLost
)

// newRealm is two CSEs and an AE of the MN-CSE with a container on each; what it
// may do with that of the IN-CSE is up to that one.
func newRealm(t *testing.T) *realm {
	t.Helper()
	s := &realm{pair: newPair(t), t: t}
	over := certificate(identity.KindCSE, "//m2m.example/id-mn")
	s.c.answer = func(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
		what := req.Operation.String() + " " + req.To
		if req.Content != nil {
			what += " " + string(req.Content.Value)
		}
		s.mu.Lock()
		s.passed = append(s.passed, req.From+" "+what)
		lose := s.lose
		s.mu.Unlock()
		f := arrives
		if lose != nil {
			f = lose(what)
		}
		if f == vanishes {
			return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "away")
		}
		res := s.in.c.Handle(ctx, over, req)
		if f == answerLost {
			return nil, onem2m.Errorf(onem2m.RequestTimeout, "", "lost")
		}
		return res, nil
	}
	s.mn.must(onem2m.Created, ask{op: "C2", to: "cse-mn", from: "Capp01", body: `{"m2m:ae":{"rn":"app","api":"Ntest","rr":false,"srv":["3"]}}`})
	s.mn.policy("Capp01", "cse-mn/app", "open", `{"acor":["Capp01"],"acop":63}`)
	s.mn.container("Capp01", "cse-mn/app", "data", `"acpi":["cse-mn/app/open"],"lbl":["old"]`)
	s.in.policy("CAdmin", "cse-in", "open", `{"acor":["/id-mn/Capp01"],"acop":63}`)
	s.in.container("CAdmin", "cse-in", "data", `"acpi":["cse-in/open"],"lbl":["old"]`)
	s.in.container("CAdmin", "cse-in", "more", `"acpi":["cse-in/open"],"lbl":["old"]`)
	return s
}

// loses sets what becomes of requests.
func (s *realm) loses(f func(what string) fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose = f
}

// having loses the requests whose text has a part.
func having(part string, f fate) func(string) fate {
	return func(what string) fate {
		if strings.Contains(what, part) {
			return f
		}
		return arrives
	}
}

// engage makes a <transactionMgmt> on the MN-CSE.
func (s *realm) engage(rn, more string, requests ...string) onem2m.Object {
	s.t.Helper()
	if more != "" {
		more = "," + more
	}
	return s.mn.must(onem2m.Created, ask{op: "C50", to: "cse-mn/app", from: "Capp01", body: `{"m2m:tram":{"rn":"` + rn + `","rqps":` + aggregated(requests...) + more + `}}`})
}

// labels are those of the containers: on the MN-CSE, on the IN-CSE and the
// second one there.
func (s *realm) labels() string {
	s.t.Helper()
	return labelOf(s.mn, "cse-mn/app/data") + labelOf(s.in, "cse-in/data") + labelOf(s.in, "cse-in/more")
}

// settled lets everything happen that is due, and checks that nothing is left.
func (s *realm) settled() {
	s.t.Helper()
	for range 4 {
		s.later(time.Minute)
	}
	for _, to := range []string{"cse-in/data", "cse-in/more"} {
		res := s.in.do(ask{op: "R", to: to + "?fu=1&ty=51", from: "CAdmin"})
		if got := string(res.Content.Value); strings.Contains(got, "/t-") {
			s.t.Errorf("%s is left", got)
		}
	}
}

func (s *realm) later(d time.Duration) {
	s.t.Helper()
	s.mn.advance(d)
	s.in.advance(d)
	s.mn.advanceTransactions()
	s.mn.c.AdvanceSpans(s.t.Context())
	s.pays()
}

func (s *realm) pays() {
	s.t.Helper()
	if _, err := s.mn.c.PayDebts(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func TestTransactionMgmt_C441_TargetsOnOtherCSEs(t *testing.T) {
	t.Parallel()
	s := newRealm(t)
	o := s.engage("tm", "", tagged("cse-mn/app/data", "new"), tagged("/id-in/cse-in/data", "new"), tagged("/id-in/"+s.in.ri("cse-in/more"), "new"))
	wantStates(t, o, 4, 4)
	if got := answers(t, o); got != "2004 2004 2004" {
		t.Errorf("answers %s", got)
	}
	if got := s.labels(); got != `["new"]["new"]["new"]` {
		t.Errorf("labels %s", got)
	}
	for _, one := range s.passed {
		if !strings.HasPrefix(one, "/id-mn/Capp01 ") {
			t.Errorf("not on behalf of the originator: %s", one)
		}
	}
	if !strings.Contains(s.passed[0], `"fr":"/id-mn/Capp01"`) || !strings.Contains(s.passed[0], `"tid":"/id-mn/`) {
		t.Errorf("sent %s", s.passed[0])
	}
	s.settled()
	if res := s.mn.do(ask{op: "R", to: "cse-mn/app/tm", from: "Capp01"}); res.Code != onem2m.NotFound {
		t.Errorf("C-446: it is still there: %d", res.Code)
	}
}

// restart is a crash of the MN-CSE and its next start.
func (s *realm) restart() {
	s.t.Helper()
	o := s.mn.c.Options
	o.Store, o.Notifier = s.mn.store, s.mn
	c, err := New(s.t.Context(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mn.c = c
	for _, f := range []func(context.Context) error{c.loadLocks, c.rearmTransactions, c.rearmDebts} {
		if err := f(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
	}
	s.upwards()
}

func TestTransactionMgmt_C441_AnythingThatFailsUndoesAll(t *testing.T) {
	t.Parallel()
	none := func(string) fate { return arrives }
	for name, tt := range map[string]struct {
		third   string
		lose    func(string) fate
		answers string
		state   int64
	}{
		"a target that isn't there":           {tagged("/id-in/cse-in/none", "x"), none, "4004", 6},
		"no privilege at the other CSE":       {tagged("/id-in/cse-in", "x"), none, "4103", 6},
		"a request that the other CSE denies": {inner(3, "/id-in/cse-in/more", "Capp01", "", `{"m2m:cnt":{"mni":-1}}`), none, "2004 2004 4000", 6},
		"a request that fails here":           {inner(3, "cse-mn/app/data", "Capp01", "", `{"m2m:cnt":{"mni":-1}}`), none, "2004 4000", 6},
		"the other CSE is away":               {tagged("/id-in/cse-in/more", "x"), having("", vanishes), "5103", 6},
		"it goes when it is to execute":       {tagged("/id-in/cse-in/more", "x"), having(`"tctl":3`, vanishes), "2004 5103", 6},
		"it goes when it is to commit":        {tagged("/id-in/cse-in/more", "x"), having(`"tctl":4`, vanishes), "2004 5103 2004", 6},
		"an answer to the lock is lost":       {tagged("/id-in/cse-in/more", "new"), having(`C /id-in/cse-in/data`, answerLost), "2004 2004 2004", 4},
		"an answer to the execution is lost":  {tagged("/id-in/cse-in/more", "new"), having(`"tctl":3`, answerLost), "2004 2004 2004", 4},
		"an answer to the commit is lost":     {tagged("/id-in/cse-in/more", "new"), having(`"tctl":4`, answerLost), "2004 2004 2004", 4},
	} {
		t.Run("C-441 "+name, func(t *testing.T) {
			t.Parallel()
			s := newRealm(t)
			s.loses(tt.lose)
			o := s.engage("tm", `"tmh":2`, tagged("cse-mn/app/data", "new"), tagged("/id-in/cse-in/data", "new"), tt.third)
			if got := answers(t, o); got != tt.answers {
				t.Errorf("answers %s, want %s", got, tt.answers)
			}
			want := `["old"]["old"]["old"]`
			if tt.state == 4 {
				want = `["new"]["new"]["new"]`
			}
			wantStates(t, o, tt.state, map[int64]int64{4: 4, 6: 5}[tt.state])
			s.loses(nil)
			s.settled()
			if got := s.labels(); got != want {
				t.Errorf("labels %s", got)
			}
			s.mn.must(onem2m.Deleted, ask{op: "D", to: "cse-mn/app/tm", from: "Capp01"})
			s.mn.noLocks()
			s.in.noLocks()
		})
	}
}

func TestTransactionMgmt_C441_ACommitWhoseEndIsUnknownIsFoundOut(t *testing.T) {
	t.Parallel()
	for name, restarts := range map[string]bool{"by the one that sent it": false, "after a restart": true} {
		t.Run("C-441 "+name, func(t *testing.T) {
			t.Parallel()
			s := newRealm(t)
			gone := false
			s.loses(func(what string) fate {
				switch {
				case gone:
					return vanishes
				case strings.Contains(what, `"tctl":4`):
					gone = true
					return answerLost
				}
				return arrives
			})
			o := s.engage("tm", `"tmh":2`, tagged("cse-mn/app/data", "new"), tagged("/id-in/cse-in/data", "new"), tagged("/id-in/cse-in/more", "new"))
			wantStates(t, o, 3, 4) // still on its way
			s.mn.must(4000, ask{op: "U", to: "cse-mn/app/tm", from: "Capp01", body: `{"m2m:tram":{"tctl":5}}`})
			s.mn.must(4008, ask{op: "R", to: "cse-mn/app/data", from: "Capp01", edit: impatient})
			if restarts {
				s.restart()
			}
			s.later(time.Minute)
			s.mn.must(4008, ask{op: "R", to: "cse-mn/app/data", from: "Capp01", edit: impatient})
			s.loses(nil)
			s.settled()
			wantStates(t, s.mn.must(onem2m.OK, ask{op: "R", to: "cse-mn/app/tm", from: "Capp01"}), 4, 4)
			if got := s.labels(); got != `["new"]["new"]["new"]` {
				t.Errorf("labels %s", got)
			}
		})
	}
}

func TestTransactionMgmt_C442_ItsCreatorMovesItOnAllCSEs(t *testing.T) {
	t.Parallel()
	s := newRealm(t)
	control := func(c int) ask {
		return ask{op: "U", to: "cse-mn/app/tm", from: "Capp01", body: `{"m2m:tram":{"tctl":` + string(rune('0'+c)) + `}}`}
	}
	s.engage("tm", `"tmd":2,"tmh":2`, tagged("cse-mn/app/data", "new"), tagged("/id-in/cse-in/data", "new"), inner(4, "/id-in/cse-in/more", "Capp01", "", ""))
	s.mn.must(4123, control(3))
	wantStates(t, s.mn.must(onem2m.Updated, control(2)), 2, 2)
	s.in.must(4008, ask{op: "R", to: "cse-in/data", from: "CAdmin", edit: impatient})
	wantStates(t, s.mn.must(onem2m.Updated, control(3)), 3, 3)
	wantStates(t, s.mn.must(onem2m.Updated, control(5)), 6, 5)
	if got := s.labels(); got != `["old"]["old"]["old"]` {
		t.Errorf("labels %s", got)
	}
	wantStates(t, s.mn.must(onem2m.Updated, control(1)), 1, 1)
	wantStates(t, s.mn.must(onem2m.Updated, control(2)), 2, 2)
	wantStates(t, s.mn.must(onem2m.Updated, control(3)), 3, 3)
	s.loses(having(`"tctl":4`, answerLost)) // a target that the request deletes can't be asked any more
	o := s.mn.must(onem2m.Updated, control(4))
	wantStates(t, o, 4, 4)
	if got := answers(t, o); got != "2004 2004 2002" {
		t.Errorf("answers %s", got)
	}
	s.in.must(onem2m.NotFound, ask{op: "R", to: "cse-in/more", from: "CAdmin"})
	if got := labelOf(s.mn, "cse-mn/app/data") + labelOf(s.in, "cse-in/data"); got != `["new"]["new"]` {
		t.Errorf("labels %s", got)
	}
}

func TestTransactionMgmt_C444_AnotherTransactionHasTheLock(t *testing.T) {
	t.Parallel()
	s := newRealm(t)
	s.in.must(onem2m.Created, ask{op: "C51", to: "cse-in/more", from: "CAdmin", body: `{"m2m:trac":{"rn":"theirs","tid":"t1","m2m:rqp":` + relabel("cse-in/more", "CAdmin", "theirs") + `}}`})
	o := s.engage("tm", `"tmr":20`, tagged("cse-mn/app/data", "new"), tagged("/id-in/cse-in/data", "new"), tagged("/id-in/cse-in/more", "new"))
	wantStates(t, o, 1, 2)
	s.pays()
	s.in.must(onem2m.OK, ask{op: "R", to: "cse-in/data", from: "CAdmin"}) // one that waits holds nobody up
	s.in.move("CAdmin", "cse-in/more/theirs", "m2m:trac", 5)
	for range 3 {
		s.later(time.Minute)
	}
	s.mn.must(onem2m.NotFound, ask{op: "R", to: "cse-mn/app/tm", from: "Capp01"})
	if got := s.labels(); got != `["new"]["new"]["new"]` {
		t.Errorf("labels %s", got)
	}
}

func TestTransactionMgmt_C441_TheOtherCSEDecidesForItsCreator(t *testing.T) {
	t.Parallel()
	s := newRealm(t)
	s.mn.must(onem2m.Created, ask{op: "C50", to: "cse-mn", from: "CAdmin", body: `{"m2m:tram":{"rn":"later","tmh":2,"tct":"20260304T110000","rqps":` + aggregated(inner(3, "/id-in/cse-in/data", "CAdmin", "", `{"m2m:cnt":{"lbl":["x"]}}`)) + `}}`})
	before := len(s.passed)
	s.later(time.Hour)
	o := s.mn.must(onem2m.OK, ask{op: "R", to: "cse-mn/later", from: "CAdmin"})
	wantStates(t, o, 6, 5)
	if got := answers(t, o); got != "4103" { // CAdmin of another CSE is nobody there
		t.Errorf("answers %s", got)
	}
	if len(s.passed) == before {
		t.Error("nothing was asked")
	}
}

func TestTransactionMgmt_C441_ATargetOfTheWholeSPAndAbsoluteOnes(t *testing.T) {
	t.Parallel()
	s := newRealm(t)
	s.in.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Smeter", body: `{"m2m:ae":{"rn":"meter","api":"Ntest","rr":false,"srv":["3"]}}`})
	s.in.policy("Smeter", "cse-in/meter", "open", `{"acor":["/id-mn/Capp01"],"acop":63},{"acor":["Smeter"],"acop":63}`)
	s.in.must(onem2m.Updated, ask{op: "U", to: "cse-in/meter", from: "Smeter", body: `{"m2m:ae":{"acpi":["cse-in/meter/open"]}}`})
	o := s.engage("tm", "", tagged("//m2m.example/id-mn/cse-mn/app/data", "new"), tagged("//m2m.example/id-in/cse-in/data", "new"),
		inner(3, "/Smeter", "Capp01", "", `{"m2m:ae":{"lbl":["new"]}}`))
	wantStates(t, o, 4, 4)
	if got := answers(t, o); got != "2004 2004 2004" {
		t.Errorf("answers %s", got)
	}
	if got := labelOf(s.mn, "cse-mn/app/data") + labelOf(s.in, "cse-in/data") + labelOf(s.in, "cse-in/meter"); got != `["new"]["new"]["new"]` {
		t.Errorf("labels %s", got)
	}
	s.settled()
	s.in.noLocks()
}

// TestTransactionMgmt_C441_AllOrNothingWhateverGetsLost lets requests and answers
// between two CSEs get lost at random, and the CSE of the <transactionMgmt> crash:
// when all is over every target is changed or none, and nothing is locked.
func TestTransactionMgmt_C441_AllOrNothingWhateverGetsLost(t *testing.T) {
	t.Parallel()
	s := newRealm(t)
	const rounds = 30
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		if round++; round > rounds {
			return
		}
		name, label := fmt.Sprintf("tm%d", round), fmt.Sprintf("new%d", round)
		before := s.labels()
		fates := rapid.SliceOfN(rapid.SampledFrom([]fate{arrives, arrives, arrives, vanishes, answerLost}), 24, 24).Draw(rt, "fates")
		n := 0
		s.loses(func(string) fate {
			if n++; n > len(fates) {
				return arrives
			}
			return fates[n-1]
		})
		s.engage(name, fmt.Sprintf(`"tmh":2,"tmr":%d`, rapid.IntRange(0, 3).Draw(rt, "retries")),
			tagged("cse-mn/app/data", label), tagged("/id-in/cse-in/data", label), tagged("/id-in/cse-in/more", label))
		for _, crash := range rapid.SliceOfN(rapid.Bool(), 5, 5).Draw(rt, "crashes") {
			if crash {
				s.restart()
			}
			s.later(10 * time.Second)
		}
		s.loses(nil)
		s.settled()
		o := s.mn.must(onem2m.OK, ask{op: "R", to: "cse-mn/app/" + name, from: "Capp01"})
		want := before
		if state, _ := stateOf(o); state == transaction.Committed {
			want = strings.Repeat(`["`+label+`"]`, 3)
		} else if state != transaction.Aborted {
			rt.Fatalf("it isn't over: %s", o.Append(nil))
		}
		if got := s.labels(); got != want {
			rt.Fatalf("labels %s, want %s, answers %s", got, want, answers(t, o))
		}
		s.mn.must(onem2m.Deleted, ask{op: "D", to: "cse-mn/app/" + name, from: "Capp01"})
		s.mn.noLocks()
		s.in.noLocks()
	})
}
