package cse

import (
	"strings"
	"testing"
	"time"

	"bulwark/internal/dynauth/recall"
	"bulwark/onem2m"
	"bulwark/token"
)

// explained asks why Ctok001 may not read lamp.
func (w *recalling) explained(q Question) string {
	w.t.Helper()
	q.From, q.Operation, q.To, q.Authenticated = "Ctok001", onem2m.Retrieve, "cse-in/bay/lamp", true
	e, err := w.c.Explain(w.t.Context(), q)
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range e.Reasons {
		b.WriteString(r.Source + ": " + r.Text + "\n")
	}
	return b.String()
}

func TestExplain_A193_SaysWhatHasEndedAGrant(t *testing.T) {
	t.Parallel()
	dynamic := func(w *recalling) {
		w.das.says(2000, grantsOf(readRule, `,"pl":"PT30M"`))
		w.must(onem2m.OK, read("cse-in/bay/lamp"))
	}
	handed := func(w *recalling) {
		w.das.says(2000, `{"sit":2,"dres":{"tkns":["`+w.direct(nil)+`"]}}`)
		w.must(onem2m.OK, read("cse-in/bay/lamp"))
	}
	sweep := func(w *recalling) {
		if err := w.c.Sweep(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	back := func(because string) func(*recalling) {
		return func(w *recalling) {
			rules, tok := w.rules("cse-in/bay/lamp"), w.token1()
			rules.Because, tok.Because = because, because
			w.must(onem2m.OK, w.recalls(recaller, rules, tok))
		}
	}
	for _, tt := range []struct {
		name       string
		grant, end func(*recalling)
		want       string
	}{
		{"rules that were revoked", dynamic, back("by the operator"), "called back by //m2m.example/Sdas001: by the operator"},
		{"rules that the policy doesn't give any more", dynamic, func(w *recalling) { back("policy: the grant is gone")(w); sweep(w) }, "called back by //m2m.example/Sdas001: policy: the grant is gone"},
		{"rules whose time is over", dynamic, func(w *recalling) { w.advance(time.Hour) }, "its time is over"},
		{"the same when they are gone", dynamic, func(w *recalling) { w.advance(time.Hour); sweep(w) }, "its time was over"},
		{"rules that were deleted", dynamic, func(w *recalling) {
			w.must(onem2m.Deleted, ask{op: "D", to: w.dynamicOf()[0].RI, from: "CAdmin"})
		}, "it was deleted"},
		{"a server that is not asked any more", dynamic, func(w *recalling) {
			w.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/dac", from: "Cowner1", body: `{"m2m:dac":{"dae":false}}`})
		}, "would not be asked about the resource any more"},
		{"a token that was revoked", handed, back("lost"), "token tk1@das.example: a server has handed it over, and it counts no more: the token is revoked: called back by //m2m.example/Sdas001"},
		{"a token whose time is over", handed, func(w *recalling) { w.advance(2 * time.Hour) }, "token tk1@das.example: a server has handed it over, and it counts no more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newRecalling(t)
			tt.grant(w)
			w.das.says(2000, "")
			tt.end(w)
			w.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
			for _, when := range []string{"", "after a restart, "} {
				if got := w.explained(Question{}); !strings.Contains(got, tt.want) {
					t.Errorf("%snothing says %q:\n%s", when, tt.want, got)
				}
				w.again(t)
				w.das.says(2000, "")
			}
		})
	}
}

func TestExplain_A193_SaysWhoHasCalledATokenBack(t *testing.T) {
	t.Parallel()
	w := newRecalling(t)
	text, item := w.issue(nil), w.token1()
	item.Because = "lost phone"
	w.must(onem2m.OK, w.recalls(recaller, item))
	const want = "called back by //m2m.example/Sdas001 at 20260304T103000,000000: lost phone"
	if got := w.explained(Question{Tokens: []string{text}}); !strings.Contains(got, want) {
		t.Errorf("explain says\n%s", got)
	}
	w.must(onem2m.OriginatorHasNoPrivilege, bring("cse-in/bay/lamp", text))
	if _, got := w.lastAudit(); !strings.Contains(got, want) {
		t.Errorf("the audit says %s", got)
	}
	if err := w.c.Revoked.Add(token.Revocation{Ref: token.Ref{Issuer: recaller, ID: "tk9@das.example"}}, 0); err != nil {
		t.Fatal(err)
	}
	other := w.issue(func(c *token.Claims) { c.ID = "tk9@das.example" })
	if got := w.explained(Question{Tokens: []string{other}}); strings.Contains(got, "called back") {
		t.Errorf("the operator of the CSE has revoked it:\n%s", got)
	}
}

func TestExplain_KeepsTheLastOfWhatHasEnded(t *testing.T) {
	t.Parallel()
	w := newRecalling(t)
	for range maxEnded + 5 {
		w.das.says(2000, grantsOf(readRule, `,"pl":"PT30M"`))
		w.must(onem2m.OK, read("cse-in/bay/lamp"))
		if _, err := w.c.Recall(t.Context(), recaller, &recall.Message{Items: []recall.Item{w.rules("cse-in/bay/lamp")}}); err != nil {
			t.Fatal(err)
		}
		if err := w.c.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.das.says(2000, "")
	if n := strings.Count(w.explained(Question{}), "called back by"); n != maxEnded {
		t.Errorf("%d are kept", n)
	}
}
