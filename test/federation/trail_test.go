package federation

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"bulwark/test/harness"
)

// explained is what "bulwark explain" says of a request at a CSE.
func (b *box) explained(t *testing.T, rqi string) string {
	t.Helper()
	out, err := exec.CommandContext(context.Background(), harness.Binary(t), "explain", "--request", rqi, "--data", b.dir).CombinedOutput()
	if err != nil {
		return ""
	}
	return string(out)
}

// An operator follows a request by its identifier over every CSE.
func TestTrail_A193_C007_ARequestIsFoundOnEveryHop(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.asn.plain.Make(t, "Cvisitor", "/cse-asn", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	tr.mn2.open(t, "box", "/id-asn/Cvisitor")
	get := func(rqi, from string) *harness.Answer {
		return ask(t, tr.asn, "GET", from, "/~/id-mn2/cse-mn2/box", 0, "", map[string][]string{"X-M2M-RI": {rqi}})
	}
	get("found", "Cvisitor").Expect(t, 2000, 200)
	get("refused", "Cother").Expect(t, 4103, 403)
	tr.mn2.halt()
	get("lost", "Cvisitor").Expect(t, 5103, 404)
	tests := []struct {
		rqi  string
		at   *box
		says []string
	}{
		{"found", tr.asn, []string{"stage       transit", "next hop //m2m.example/id-mn"}},
		{"found", tr.mn, []string{`.found"`, "next hop //m2m.example/id-in"}},
		{"found", tr.in, []string{"next hop //m2m.example/id-mn2"}},
		{"found", tr.mn2, []string{"stage       static", "rule"}},
		{"refused", tr.asn, []string{"status      4103", "the answer of /id-mn2"}},
		{"refused", tr.in, []string{"status      4103", "the answer of /id-mn2"}},
		{"refused", tr.mn2, []string{"stage       static", "status      4103", "no rule of"}},
		{"lost", tr.asn, []string{"status      5103", "the answer of /id-in"}},
		{"lost", tr.in, []string{"status      5103", "next hop //m2m.example/id-mn2", "connection refused"}},
	}
	for _, tt := range tests {
		t.Run(tt.rqi+" at "+tt.at.id, func(t *testing.T) {
			var text string
			await(t, "the trail has it", func() bool { // the audit trail is written in the background
				text = tt.at.explained(t, tt.rqi)
				return !slices.ContainsFunc(tt.says, func(part string) bool { return !strings.Contains(text, part) })
			})
			if strings.Contains(text, "found") && tt.rqi != "found" {
				t.Errorf("it has another request: %s", text)
			}
		})
	}
	t.Run("by the identifier of the last hop", func(t *testing.T) {
		last := between(tr.mn2.explained(t, "found"), `request     "`, `"`)
		for _, b := range []*box{tr.asn, tr.mn, tr.in, tr.mn2} {
			if b.explained(t, last) == "" {
				t.Errorf("not found at %s by %s", b.id, last)
			}
		}
	})
}
