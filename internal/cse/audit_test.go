package cse

import (
	"strings"
	"testing"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

func containsPoint(s string) bool { return strings.Contains(s, "192.0.2.") }

func TestAudit_A193_EachDecisionLeavesARecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	none := &identity.Association{Framework: "none", Binding: "coap"}
	for _, tt := range []struct {
		name string
		ask
		stage  []string
		permit bool
		code   onem2m.StatusCode
		rule   string
	}{
		{"A-193 permitted", ask{op: "R", to: "cse-in/app/c1", from: "Capp01"}, []string{"static"}, true, 0, "default policy: the creator rule 1"},
		{"A-193 denied", ask{op: "R", to: "cse-in/app/c1", from: "Cother1"}, []string{"static"}, false, 4103, ""},
		{"A-193 the administrator", ask{op: "R", to: "cse-in/app/c1", from: "CAdmin"}, []string{"admin"}, true, 0, ""},
		{"A-193 impersonation", ask{op: "R", to: "cse-in/app/c1", from: "Capp02", assoc: none}, []string{"identity"}, false, 4106, ""},
		{"A-193 no association", ask{op: "R", to: "cse-in/app/c1", from: "/id-far", assoc: none}, []string{"identity"}, false, 4107, ""},
		{"A-193 discovery", ask{op: "R", to: "cse-in?fu=1", from: "Cother1"}, []string{"discovery"}, true, 0, ""},
		{"A-193 registration", ask{op: "C2", to: "cse-in", from: "Cnew01", body: ae("")}, []string{"registration"}, true, 0, ""},
		{"A-193 registration refused", ask{op: "C2", to: "cse-in", from: "Cnew01", body: ae("")}, []string{"registration"}, false, 4117, ""},
		{"A-193 A-73 a subscription is two decisions", ask{op: "C23", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:sub":{"nu":["Capp01"]}}`}, []string{"static", "static"}, true, 0, "default policy: the creator rule 1"},
		{"A-193 nothing is decided about what isn't there", ask{op: "R", to: "cse-in/none", from: "Capp01"}, nil, false, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.audits = nil
			res := w.do(tt.ask)
			if len(w.audits) != len(tt.stage) {
				t.Fatalf("%d %s: got %+v", res.Code, text(res), w.audits)
			}
			for i, a := range w.audits {
				if a.Stage != tt.stage[i] || a.Permit != tt.permit || a.Code != tt.code || a.Rule != tt.rule {
					t.Errorf("got %+v", a)
				}
				if a.RequestID == "" || a.From != tt.from || a.To == "" || a.Operation == 0 || a.Binding == "" || a.Time != w.clock {
					t.Errorf("incomplete: %+v", a)
				}
				if !a.Permit && a.Reason == "" {
					t.Errorf("no reason: %+v", a)
				}
			}
			if strings.Contains(debugText(res), "rule") || strings.Contains(debugText(res), "polic") {
				t.Errorf("C-045: the originator is told %q", debugText(res))
			}
		})
	}
}
