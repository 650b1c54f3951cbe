package transaction_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/transaction"
	"bulwark/onem2m"
)

func TestState_C442_PermitsWhatTheTableSays(t *testing.T) {
	t.Parallel()
	// By state, from INITIAL on: what a <transactionMgmt> and a <transaction> permit.
	whole := []string{"2", "35", "45", "1", "15", "1"}
	parts := []string{"", "35", "45", "2", "25", "2"}
	for i := range whole {
		s := transaction.State(i + 1)
		got, gotPart := "", ""
		for c := transaction.Initial; c <= transaction.Abort; c++ {
			if s.Permits(c) {
				got += string('0' + rune(c))
			}
			if s.PermitsPart(c) {
				gotPart += string('0' + rune(c))
			}
		}
		if got != whole[i] || gotPart != parts[i] {
			t.Errorf("state %d permits %q and %q, want %q and %q", s, got, gotPart, whole[i], parts[i])
		}
	}
}

func TestState_C444_HoldsTheLockUntilItIsOver(t *testing.T) {
	t.Parallel()
	for s := transaction.Idle; s <= transaction.Aborted; s++ {
		for c := transaction.Initial; c <= transaction.Abort; c++ {
			want := s == transaction.Locked || s == transaction.Executed ||
				s == transaction.Failed && (c == transaction.Execute || c == transaction.Commit)
			if got := s.Holds(c); got != want {
				t.Errorf("state %d by %d: %v", s, c, got)
			}
		}
	}
}

func TestPlan_C444_SaysWhatComesByItself(t *testing.T) {
	t.Parallel()
	type step struct {
		c  transaction.Control
		at onem2m.Timestamp
		ok bool
	}
	never := step{}
	for name, tt := range map[string]struct {
		plan transaction.Plan
		want map[transaction.State]step
	}{
		"the creator moves it": {transaction.Plan{}, map[transaction.State]step{1: never, 2: never, 3: never, 5: never}},
		"the CSE moves it":     {transaction.Plan{Auto: true}, map[transaction.State]step{1: {2, 0, true}, 2: {3, 0, true}, 3: {4, 0, true}, 4: never, 5: {5, 0, true}, 6: never}},
		"a step without time waits for the next with one": {
			transaction.Plan{Auto: true, Execute: 7},
			map[transaction.State]step{1: {2, 7, true}, 2: {3, 7, true}, 3: {4, 0, true}},
		},
		"a commit time alone": {transaction.Plan{Commit: 9}, map[transaction.State]step{1: {2, 9, true}, 2: {3, 9, true}, 3: {4, 9, true}, 5: never}},
		"each at its time": {
			transaction.Plan{Lock: 1, Execute: 2, Commit: 3},
			map[transaction.State]step{1: {2, 1, true}, 2: {3, 2, true}, 3: {4, 3, true}},
		},
		"expiration comes first": {
			transaction.Plan{Expire: 5, Execute: 9},
			map[transaction.State]step{1: {5, 5, true}, 3: {5, 5, true}, 4: never, 5: {5, 5, true}, 6: never},
		},
	} {
		t.Run("C-444 "+name, func(t *testing.T) {
			t.Parallel()
			for s, want := range tt.want {
				c, at, ok := tt.plan.Next(s)
				if got := (step{c, at, ok}); ok && got != want || ok != want.ok {
					t.Errorf("state %d: got %+v, want %+v", s, got, want)
				}
			}
		})
	}
}

func TestPrimitives_C441_PutsMetaInformationInItsPlace(t *testing.T) {
	t.Parallel()
	list, err := transaction.Primitives([]byte(`{"req":[{"op":1,"to":"a","fr":"C1","rqi":"1","mi":{"ty":4,"rvi":"3"},"pc":{"m2m:cin":{"con":"x"}}},{"op":4,"to":"b","fr":"C1","rqi":"2"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range list {
		got = append(got, string(v))
	}
	want := []string{
		`{"op":1,"to":"a","fr":"C1","rqi":"1","pc":{"m2m:cin":{"con":"x"}},"ty":4,"rvi":"3"}`,
		`{"op":4,"to":"b","fr":"C1","rqi":"2"}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	many := `{"req":[` + strings.Repeat(`{"op":2},`, transaction.MaxRequests) + `{"op":2}]}`
	for _, bad := range []string{`[]`, `{}`, `{"req":[]}`, `{"req":{}}`, `{"req":[{"op":1,"mi":{"op":2}}]}`, many} {
		if _, err := transaction.Primitives([]byte(bad)); onem2m.AsError(err).Code != onem2m.BadRequest {
			t.Errorf("%.40s: %v", bad, err)
		}
	}
}

func TestEncode_C444_KeepsALongResponseWithoutItsContent(t *testing.T) {
	t.Parallel()
	res := &onem2m.Response{Code: onem2m.OK, RequestID: "1", Content: &onem2m.Content{Name: "m2m:cin", Value: onem2m.TextValue(strings.Repeat("x", 70_000))}}
	if got := string(transaction.Encode(res)); got != `{"rsc":2000,"rqi":"1"}` {
		t.Errorf("got %.100s", got)
	}
}

func FuzzPrimitives(f *testing.F) {
	f.Add(`{"req":[{"op":1,"to":"a","fr":"C1","rqi":"1","mi":{"ty":4,"rvi":"3"},"pc":{"m2m:cin":{"con":"x"}}}]}`)
	f.Add(`{"req":[{"op":2,"to":"a","fr":"C1","rqi":"1","mi":{"fc":{"fu":1}}}]}`)
	f.Add(`{"req":[{"op":5,"rt":{"rtv":1}}]}`)
	f.Fuzz(func(t *testing.T, s string) {
		list, err := transaction.Primitives([]byte(s))
		if err != nil {
			return
		}
		for _, v := range list {
			req, err := transaction.Decode(v, "rqps")
			if err != nil {
				if code := onem2m.AsError(err).Code; code != onem2m.BadRequest {
					t.Errorf("%s: %d", v, code)
				}
				continue
			}
			if req.Operation == onem2m.Notify || !req.HasFrom {
				t.Errorf("accepted %s", v)
			}
		}
	})
}
