package das

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"bulwark/client"
	"bulwark/onem2m"
	"bulwark/test/harness"
)

// selfService grants a token to a visitor who comes itself.
const selfService = `
[[grant]]
name = "self"
credentials = ["*"]
originators = ["//m2m.example/id-in/CVisitor"]
cses = ["//m2m.example/id-in"]
resources = ["//m2m.example/id-in/**"]
operations = ["retrieve"]
give-roles = ["guest@das.m2m.example"]
lifetime = "10m"
`

// signed gets a token for CVisitor, and leaves its signature with the server.
func (s *site) signed() (tokenID, signature string) {
	s.t.Helper()
	creds := s.pki.AE("CVisitor")
	out, err := exec.CommandContext(s.t.Context(), harness.Binary(s.t), "ae", "--ca", s.pki.CAFile(), "--cert", creds.CertFile, "--key", creds.KeyFile, "--output", "json",
		"token", "--das", s.das, "--for", "//m2m.example/id-in", "--to", "cse-in/cowner/lamp", "--id-only", "--sign").Output()
	if err != nil {
		s.t.Fatal(err)
	}
	var answer struct {
		Summaries []struct {
			ID string `json:"tkid"`
		} `json:"summaries"`
		Signatures []string `json:"aus"`
	}
	if err := json.Unmarshal(out, &answer); err != nil || len(answer.Summaries) != 1 || len(answer.Signatures) != 1 {
		s.t.Fatalf("%s, %v", out, err)
	}
	return answer.Summaries[0].ID, answer.Signatures[0]
}

func TestRelation_F4_ATokenFollowsItsHolderWhoCanShowTheSignature(t *testing.T) {
	t.Parallel()
	s := newSite(t, selfService)
	id, signature := s.signed()
	get := func(stem, sign string) *harness.Answer {
		r := harness.Request{Target: "/cse-in/cowner/lamp?tids=" + id, From: stem}
		if sign != "" {
			r.Header = map[string][]string{"X-M2M-AS": {sign}}
		}
		return s.clients[stem].Send(t, r)
	}
	get("CVisitor", "").Expect(t, 2000, 200)
	refused := get("CVisitor2", "")
	refused.Expect(t, 4103, 403)
	if got := refused.Header.Get("X-M2M-ASRI"); got != "true" {
		t.Errorf("the signature is not asked for: %q", got)
	}
	get("CVisitor2", signature).Expect(t, 2000, 200)
	get("CVisitor2", "").Expect(t, 2000, 200)
	get("CVisitor", "").Expect(t, 4103, 403)
}

func TestRelation_F4_AWrongSignatureMovesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, selfService)
	id, signature := s.signed()
	target := "/cse-in/cowner/lamp?tids=" + id
	s.clients["CVisitor"].Get(t, "CVisitor", target).Expect(t, 2000, 200)
	s.clients["CVisitor2"].Get(t, "CVisitor2", target).Expect(t, 4103, 403)
	wrong := strings.Repeat("A", len(signature))
	s.clients["CVisitor2"].Send(t, harness.Request{Target: target, From: "CVisitor2", Header: map[string][]string{"X-M2M-AS": {wrong}}}).Expect(t, 4103, 403)
	s.clients["CVisitor2"].Get(t, "CVisitor2", target).Expect(t, 4103, 403)
	s.clients["CVisitor"].Get(t, "CVisitor", target).Expect(t, 2000, 200)
}

func TestRelation_A165_F5_TheServerTellsTheCSEOfTheNewHolder(t *testing.T) {
	t.Parallel()
	s := newSite(t, selfService)
	id, signature := s.signed()
	target := "/cse-in/cowner/lamp?tids=" + id
	s.clients["CVisitor"].Get(t, "CVisitor", target).Expect(t, 2000, 200)
	creds := s.pki.AE("CVisitor2")
	d, err := client.NewDAS(client.Options{URL: s.das, CA: s.pki.CAFile(), Cert: creds.CertFile, Key: creds.KeyFile})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	m := &onem2m.RelationRequest{TokenIDs: []string{id}, Signatures: []string{strings.Repeat("A", len(signature))}}
	if err := d.Move(t.Context(), m); err == nil {
		t.Error("moved with a wrong signature")
	}
	m.Signatures = []string{signature}
	s.becomes("the server has registered and tells the CSE", func() *harness.Answer {
		if err := d.Move(t.Context(), m); err != nil {
			t.Log(err)
		}
		return s.clients["CVisitor2"].Get(t, "CVisitor2", target)
	}, 2000)
	s.clients["CVisitor"].Get(t, "CVisitor", target).Expect(t, 4103, 403)
}
