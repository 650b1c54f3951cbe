package cse

import (
	"strings"
	"testing"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Two CSEs are told one after the other to commit. What the second one can't do any
// more has to be found out before the first is told.
func TestTransactionMgmt_C442_C444_NoneCommitsWhileAnotherHasLostItsLock(t *testing.T) {
	t.Parallel()
	control := func(c string) ask {
		return ask{op: "U", to: "cse-mn/app/tm", from: "Capp01", body: `{"m2m:tram":{"tctl":` + c + `}}`}
	}
	theirs := func(s *realm) string { // the second <transaction> on the other CSE
		s.t.Helper()
		var rec *store.Record
		err := s.in.store.Read(s.t.Context(), func(r store.Reader) error {
			list, err := r.OfType(onem2m.TypeTransaction, 0, 10)
			if err == nil {
				rec = list[1]
			}
			return err
		})
		if err != nil {
			s.t.Fatal(err)
		}
		return rec.RI
	}
	for name, tt := range map[string]struct {
		meanwhile func(s *realm)
		state     int64
		answers   string
	}{
		"all still have it": {func(*realm) {}, 4, "2004 2004 2004"},
		"time is short": {func(s *realm) {
			s.mn.advance(59*time.Minute + 40*time.Second)
			s.in.advance(59*time.Minute + 40*time.Second)
		}, 5, "2004 4008 2004"},
		"the clock of the other CSE is ahead": {func(s *realm) {
			s.in.advance(time.Hour)
			if err := s.in.c.Sweep(s.t.Context()); err != nil {
				s.t.Fatal(err)
			}
		}, 5, "2004 4008 2004"},
		"the other CSE keeps it for less time": {func(s *realm) {
			s.in.must(onem2m.Updated, ask{op: "U", to: theirs(s), from: "CAdmin", body: `{"m2m:trac":{"et":"20260304T103015"}}`})
		}, 5, "2004 2004 4008"},
		"the other CSE has given up": {func(s *realm) {
			s.in.move("CAdmin", theirs(s), "m2m:trac", 5)
		}, 5, "2004 2004 4123"},
		"the other CSE isn't reached": {func(s *realm) {
			asked := 0
			s.loses(func(what string) fate {
				if strings.HasPrefix(what, onem2m.Retrieve.String()) {
					if asked++; asked == 2 {
						return vanishes
					}
				}
				return arrives
			})
		}, 5, "2004 2004 5103"},
	} {
		t.Run("C-444 "+name, func(t *testing.T) {
			t.Parallel()
			s := newRealm(t)
			s.engage("tm", `"tmd":2,"tmh":2`, tagged("cse-mn/app/data", "new"), tagged("/id-in/cse-in/data", "new"), tagged("/id-in/cse-in/more", "new"))
			s.mn.must(onem2m.Updated, control("2"))
			wantStates(t, s.mn.must(onem2m.Updated, control("3")), 3, 3)
			tt.meanwhile(s)
			o := s.mn.must(onem2m.Updated, control("4"))
			wantStates(t, o, tt.state, 4)
			if got := answers(t, o); got != tt.answers {
				t.Errorf("answers %s, want %s", got, tt.answers)
			}
			if tt.state == 4 {
				return
			}
			s.loses(nil)
			if strings.Contains(strings.Join(s.passed, "\n"), `"tctl":4`) {
				t.Error("somebody was told to commit")
			}
			s.mn.must(onem2m.Updated, control("5"))
			s.settled()
			if got := s.labels(); got != `["old"]["old"]["old"]` {
				t.Errorf("labels %s", got)
			}
			s.mn.noLocks()
			s.in.noLocks()
		})
	}
}

// What is on this CSE is committed last. Its lock has to last until all others have
// told that they have committed, however long that takes.
func TestTransactionMgmt_C442_C444_NoOtherCommitsWhenThisCSECantAnyMore(t *testing.T) {
	t.Parallel()
	control := func(c string) ask {
		return ask{op: "U", to: "cse-mn/app/tm", from: "Capp01", body: `{"m2m:tram":{"tctl":` + c + `}}`}
	}
	for name, tt := range map[string]struct {
		more  string        // of the <transactionMgmt>
		wait  time.Duration // until it is to commit
		takes time.Duration // the other CSE
		state int64
		want  string
	}{
		"there is time":                          {"", 30 * time.Minute, 4 * time.Second, 4, `["new"]["new"]["old"]`},
		"the lock of the other CSE is over then": {"", time.Hour - time.Second, 2 * time.Second, 5, `["old"]["old"]["old"]`},
		"the transaction is about to expire":     {`,"tept":"20260304T104000"`, 9*time.Minute + 55*time.Second, 4 * time.Second, 4, `["new"]["new"]["old"]`},
		"it does while the other CSE commits":    {`,"tept":"20260304T104000"`, 9*time.Minute + 59*time.Second, 2 * time.Second, 4, `["new"]["new"]["old"]`},
	} {
		t.Run("C-444 "+name, func(t *testing.T) {
			t.Parallel()
			s := newRealm(t)
			s.engage("tm", `"tmd":2,"tmh":2`+tt.more, tagged("cse-mn/app/data", "new"), tagged("/id-in/cse-in/data", "new"))
			s.mn.must(onem2m.Updated, control("2"))
			wantStates(t, s.mn.must(onem2m.Updated, control("3")), 3, 3)
			s.mn.advance(tt.wait)
			s.in.advance(tt.wait)
			s.loses(func(what string) fate {
				if strings.Contains(what, `"tctl":4`) {
					s.mn.advance(tt.takes)
					s.in.advance(tt.takes)
				}
				return arrives
			})
			wantStates(t, s.mn.must(onem2m.Updated, control("4")), tt.state, 4)
			if tt.state == 5 {
				s.mn.must(onem2m.Updated, control("5"))
			}
			if got := s.labels(); got != tt.want {
				t.Errorf("labels %s, want %s", got, tt.want)
			}
		})
	}
}
