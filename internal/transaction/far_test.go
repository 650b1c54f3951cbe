package transaction_test

import (
	"strings"
	"testing"

	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

// told is an answer of the CSE of a <transaction>.
func told(code onem2m.StatusCode, content string) *onem2m.Response {
	res := &onem2m.Response{Code: code}
	if content != "" {
		res.Content = &onem2m.Content{Name: "m2m:trac", Value: []byte(content)}
	}
	return res
}

func TestFar_C441_TellsHowAStepWent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		step    transaction.Control
		deletes bool
		code    onem2m.StatusCode
		content string
		want    transaction.Outcome
	}{
		"the lock is there":                  {transaction.Lock, false, 2001, `{"trst":2}`, transaction.Reached},
		"another one has the lock":           {transaction.Lock, false, 2001, `{"trst":5}`, transaction.Held},
		"no privilege to lock":               {transaction.Lock, false, 4103, ``, transaction.Refused},
		"an earlier CREATE has arrived":      {transaction.Lock, false, 4105, ``, transaction.Unknown},
		"executed":                           {transaction.Execute, false, 2004, `{"trst":3,"m2m:rsp":{"rsc":2004}}`, transaction.Reached},
		"not executed":                       {transaction.Execute, false, 2004, `{"trst":5,"m2m:rsp":{"rsc":4000}}`, transaction.Refused},
		"an earlier step has arrived":        {transaction.Execute, false, 4123, ``, transaction.Unknown},
		"somebody else has ended it":         {transaction.Execute, false, 2000, `{"trst":6}`, transaction.Refused},
		"its time was over":                  {transaction.Commit, false, 4004, ``, transaction.Refused},
		"it has gone with what it deletes":   {transaction.Commit, true, 4004, ``, transaction.Reached},
		"it is being processed":              {transaction.Commit, false, 2004, `{"trst":3}`, transaction.Unknown},
		"no content":                         {transaction.Commit, false, 2004, ``, transaction.Unknown},
		"a state that isn't one":             {transaction.Commit, false, 2004, `{"trst":9}`, transaction.Unknown},
		"no object":                          {transaction.Commit, false, 2004, `[4]`, transaction.Unknown},
		"there is nothing to abort any more": {transaction.Abort, false, 4004, ``, transaction.Reached},
	} {
		t.Run("C-441 "+name, func(t *testing.T) {
			t.Parallel()
			f := transaction.Far{Deletes: tt.deletes}
			if got := f.Tell(tt.step, told(tt.code, tt.content), true, false); got != tt.want {
				t.Errorf("outcome %d, want %d", got, tt.want)
			}
			f = transaction.Far{Deletes: tt.deletes}
			if got := f.Tell(tt.step, told(tt.code, tt.content), false, false); got != transaction.Unknown {
				t.Errorf("from a CSE on the way: outcome %d", got)
			}
		})
	}
	lock := transaction.Far{Ends: 1_772_620_300_000_000}
	lock.Tell(transaction.Lock, told(2001, `{"trst":2,"et":"20260304T103000,000000"}`), true, true)
	if lock.Ends != 1_772_620_200_000_000 {
		t.Errorf("C-444: a lock that its CSE keeps for less time ends at %d", lock.Ends)
	}
	if lock.Extend(told(4103, "")) || lock.Extend(told(2004, `{"trst":2}`)) || !lock.Extend(told(2004, `{"et":"20260304T103010,000000"}`)) || lock.Ends != 1_772_620_210_000_000 {
		t.Errorf("C-444: more time: it ends at %d", lock.Ends)
	}
	f := transaction.Far{Deletes: true}
	if got := f.Tell(transaction.Commit, told(4004, ""), true, true); got != transaction.Refused {
		t.Errorf("a first COMMIT that finds nothing: outcome %d", got)
	}
}

func FuzzFar(f *testing.F) {
	f.Add(4, 2004, `{"trst":4,"m2m:rsp":{"rsc":2004,"rqi":"1"}}`)
	f.Add(2, 2001, `{"trst":2,"ri":"/id-mn/x"}`)
	f.Add(3, 2004, `{"trst":3,"m2m:rsp":{"rsc":"x"}}`)
	f.Add(3, 2004, `{"trst":3,"m2m:rsp":{"rsc":2000,"pc":"`+strings.Repeat("x", 70_000)+`"}}`)
	f.Fuzz(func(t *testing.T, step, code int, content string) {
		far := transaction.Far{Answer: []byte(`{"rsc":2000}`)}
		out := far.Tell(transaction.Control(step), told(onem2m.StatusCode(code), content), true, true)
		if out == transaction.Reached && far.State != transaction.Control(step).Reached() {
			t.Errorf("reached %d by %d", far.State, step)
		}
		if len(far.Answer) > 64<<10 || far.Answer != nil && far.Code() == 0 {
			t.Errorf("keeps %.100s", far.Answer)
		}
	})
}
