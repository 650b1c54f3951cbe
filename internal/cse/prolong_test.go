package cse

import (
	"strings"
	"testing"
	"time"

	"bulwark/onem2m"
)

// A transaction is locked now and committed in some hours.
func TestTransactionMgmt_C444_LocksOnOtherCSEsLastAsLongAsIsPlanned(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		times  string
		lose   func(string) fate
		state  int64
		labels string
	}{
		"until it is committed":         {`"tltm":"20260304T103100","tct":"20260304T143000"`, nil, 4, "new"},
		"no longer than it may last":    {`"tltm":"20260304T103100","tct":"20260304T143000","tept":"20260304T130000"`, nil, 6, "old"},
		"a CSE that gives no more time": {`"tltm":"20260304T103100","tct":"20260304T143000"`, having(`{"et"`, vanishes), 6, "old"},
	} {
		t.Run("C-444 "+name, func(t *testing.T) {
			t.Parallel()
			s := newRealm(t)
			s.loses(tt.lose)
			s.engage("tm", `"tmh":2,`+tt.times, tagged("cse-mn/app/data", "new"), tagged("/id-in/cse-in/data", "new"), tagged("/id-in/cse-in/more", "new"))
			for range 27 {
				s.later(10 * time.Minute)
				if err := s.in.c.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			o := s.mn.must(onem2m.OK, ask{op: "R", to: "cse-mn/app/tm", from: "Capp01"})
			if state, _ := o.Int("trst"); state != tt.state {
				t.Errorf("state %d: %s", state, o.Append(nil))
			}
			if got, want := s.labels(), strings.Repeat(`["`+tt.labels+`"]`, 3); got != want {
				t.Errorf("labels %s", got)
			}
			asked := strings.Count(strings.Join(s.passed, "\n"), `{"et"`)
			if tt.lose == nil && (asked < 4 || asked > 16) {
				t.Errorf("asked %d times for more time", asked)
			}
			s.loses(nil)
			s.settled()
			s.in.noLocks()
		})
	}
}
