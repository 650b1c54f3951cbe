package das

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulwark/test/harness"
)

// site is a CSE with resources that no policy opens for visitors, and a Dynamic
// Authorization Server that the CSE asks about them.
type site struct {
	t       *testing.T
	dir     string
	config  string // file
	das     string // URL of the server
	process *harness.Process
	clients map[string]*harness.Client // by stem
	pki     *harness.Authority
}

// policy grants visitors a role, which the policies of the resources name.
const policy = `
[[grant]]
name = "visitors"
originators = ["//m2m.example/id-in/CVisitor*"]
cses = ["//m2m.example/id-in"]
resources = ["//m2m.example/id-in/**"]
types = ["cnt"]
operations = ["retrieve"]
give-roles = ["guest@das.m2m.example"]
lifetime = "10m"
`

func newSite(t *testing.T, grants string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), clients: map[string]*harness.Client{}}
	data := filepath.Join(s.dir, "data")
	s.pki = harness.NewAuthority(t, data)
	own, server := port(t), port(t)
	s.das = "https://localhost:" + server
	s.write("policy.toml", grants)
	s.config = s.write("in.toml", fmt.Sprintf(`
data = "data"
[[listen]]
binding = "https"
address = "127.0.0.1:%s"
[timing]
consultation = "8s"
[outbound]
ca = "data/pki/ca.crt"
[das]
id = "//m2m.example/Sdas"
fqdn = "das.m2m.example"
policy = "policy.toml"
address = "127.0.0.1:%s"
register = "https://localhost:%s"
[[token.issuer]]
id = "//m2m.example/Sdas"
fqdn = "das.m2m.example"
poa = "%s"
jwks = "data/das/jwks.json"
accept = ["sign:ES256"]
`, own, server, own, s.das))
	s.process = harness.Start(t, data, "--config", s.config)
	for _, stem := range []string{"COwner", "CVisitor", "CVisitor2"} {
		s.clients[stem] = harness.NewClient(t, s.process.HTTPS, s.pki.Client(s.pki.AE(stem)), 1)
		s.clients[stem].Register(t, stem, strings.ToLower(stem))
	}
	owner := s.clients["COwner"]
	owner.Make(t, "COwner", "/cse-in/cowner", 34, `{"m2m:dac":{"rn":"ask","dae":true,"dap":["`+s.das+`"]}}`)
	owner.Make(t, "COwner", "/cse-in/cowner", 1, `{"m2m:acp":{"rn":"guests","pv":{"acr":[{"acor":["guest@das.m2m.example"],"acop":34},{"acor":["COwner"],"acop":63}]},"pvs":{"acr":[{"acor":["COwner"],"acop":63}]}}}`)
	owner.Make(t, "COwner", "/cse-in/cowner", 3, `{"m2m:cnt":{"rn":"lamp","acpi":["cse-in/cowner/guests"],"daci":["cse-in/cowner/ask"]}}`)
	return s
}

func (s *site) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// operate runs a command of the server's operator.
func (s *site) operate(args ...string) string {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), harness.Binary(s.t), append([]string{"das"}, append(args, "--config", s.config)...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("bulwark das %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// becomes waits until an originator gets the answer that it should, within the
// time that a change may take to count.
func (s *site) becomes(what string, ask func() *harness.Answer, rsc int) {
	s.t.Helper()
	var last *harness.Answer
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if last = ask(); last.RSC == rsc {
			return
		}
	}
	s.t.Errorf("%s: %s", what, last)
}

func TestDirect_F1_AVisitorIsDeniedUntilTheServerIsAsked(t *testing.T) {
	t.Parallel()
	s := newSite(t, policy)
	visitor, owner := s.clients["CVisitor"], s.clients["COwner"]
	read := func() *harness.Answer { return visitor.Get(t, "CVisitor", "/cse-in/cowner/lamp") }
	read().Expect(t, 2000, 200)
	visitor.Update(t, "CVisitor", "/cse-in/cowner/lamp", `{"m2m:cnt":{"mni":1}}`).Expect(t, 4103, 403)
	visitor.Delete(t, "CVisitor", "/cse-in/cowner/lamp").Expect(t, 4103, 403)
	if list := s.operate("list"); strings.Count(list, "\n") != 1 || !strings.Contains(list, "visitors  retrieve //m2m.example/id-in/") || !strings.Contains(list, "by //m2m.example/id-in/CVisitor ") {
		t.Errorf("the server has granted\n%s", list)
	}
	owner.Make(t, "COwner", "/cse-in/cowner", 3, `{"m2m:cnt":{"rn":"private"}}`)
	visitor.Get(t, "CVisitor", "/cse-in/cowner/private").Expect(t, 4103, 403)

	s.operate("revoke", "--holder", "CVisitor", "--because", "end of the visit")
	s.becomes("a revoked grant", read, 4103)
	s.clients["CVisitor2"].Get(t, "CVisitor2", "/cse-in/cowner/lamp").Expect(t, 2000, 200)

	s.write("policy.toml", strings.Replace(policy, "CVisitor*", "CStaff*", 1))
	s.becomes("a policy that is gone", func() *harness.Answer { return s.clients["CVisitor2"].Get(t, "CVisitor2", "/cse-in/cowner/lamp") }, 4103)
}

// dynamicRules grants what the policy does in a dynamic policy of the CSE.
var dynamicRules = strings.Replace(policy, `give-roles = ["guest@das.m2m.example"]`, `give-operations = ["retrieve"]`+"\nform = \"rules\"", 1)

func TestDirect_F1_RulesInADynamicPolicyEndByThemselves(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.Replace(dynamicRules, `"10m"`, `"3s"`, 1))
	read := func() *harness.Answer { return s.clients["CVisitor"].Get(t, "CVisitor", "/cse-in/cowner/lamp") }
	s.becomes("what the server grants", read, 2000)
	s.write("policy.toml", "[[nonsense]]\n") // nothing is granted, and nothing called back
	s.becomes("the end of the rules", read, 4103)
}

func TestDirect_F1_RulesInADynamicPolicyAreCalledBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, dynamicRules)
	reads := func(stem string) func() *harness.Answer {
		return func() *harness.Answer { return s.clients[stem].Get(t, stem, "/cse-in/cowner/lamp") }
	}
	reads("CVisitor")().Expect(t, 2000, 200)
	reads("CVisitor2")().Expect(t, 2000, 200)
	s.operate("revoke", "--holder", "CVisitor")
	s.becomes("rules that were revoked", reads("CVisitor"), 4103)
	reads("CVisitor2")().Expect(t, 2000, 200)
	s.write("policy.toml", "")
	s.becomes("a policy that is gone", reads("CVisitor2"), 4103)
}

func TestDirect_ARevocationThatIsLiftedIsSoAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, policy)
	read := func() *harness.Answer { return s.clients["CVisitor"].Get(t, "CVisitor", "/cse-in/cowner/lamp") }
	read().Expect(t, 2000, 200)
	id, _, _ := strings.Cut(s.operate("revoke", "--holder", "CVisitor"), " ")
	s.becomes("a revoked token", read, 4103)
	s.operate("revoke", "--lift", id)
	s.becomes("one that counts again", read, 2000)
}

func TestIndirect_A155_A156_F2_TheRefusalSaysWhomToAsk(t *testing.T) {
	t.Parallel()
	s := newSite(t, "[[grant]]\nname = \"nobody\"\ncredentials = [\"*\"]\noriginators = [\"//m2m.example/id-in/CVisitor\"]\ncses = [\"//m2m.example/id-in\"]\nresources = [\"//m2m.example/id-in/*\"]\noperations = [\"retrieve\"]\ngive-operations = [\"retrieve\"]\nlifetime = \"10m\"\n")
	answer := s.clients["CVisitor"].Get(t, "CVisitor", "/cse-in/cowner/lamp?tqi=true")
	answer.Expect(t, 4103, 403) // the server grants it only to who comes itself
	request := s.write("tqf.json", string(answer.Body))
	creds := s.pki.AE("CVisitor")
	ae := func(args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), harness.Binary(t), append([]string{"ae", "--cse", s.process.HTTPS, "--ca", s.pki.CAFile(), "--cert", creds.CertFile, "--key", creds.KeyFile}, args...)...).Output()
		return string(out), err
	}
	text, err := ae("token", "--request", request)
	if err != nil {
		t.Fatalf("%v with %s", err, answer)
	}
	if _, err := ae("get", "cse-in/cowner/lamp", "--token-file", s.write("token.txt", text)); err != nil {
		t.Errorf("the token does not help: %v", err)
	}
	id, err := ae("token", "--request", request, "--id-only")
	if err != nil {
		t.Fatal(err)
	}
	s.clients["CVisitor"].Get(t, "CVisitor", "/cse-in/cowner/lamp?tids="+strings.TrimSpace(id)).Expect(t, 2000, 200)
	s.clients["CVisitor2"].Get(t, "CVisitor2", "/cse-in/cowner/lamp?tids="+strings.TrimSpace(id)).Expect(t, 4103, 403)
}

func TestDirect_A150_AServerThatIsGoneIsADenialAndNobodyWaits(t *testing.T) {
	t.Parallel()
	s := newSite(t, policy)
	owner := s.clients["COwner"]
	owner.Make(t, "COwner", "/cse-in/cowner", 34, `{"m2m:dac":{"rn":"gone","dae":true,"dap":["https://localhost:`+port(t)+`"]}}`)
	owner.Make(t, "COwner", "/cse-in/cowner", 3, `{"m2m:cnt":{"rn":"shut","daci":["cse-in/cowner/gone"]}}`)
	took := harness.Took(func() { s.clients["CVisitor"].Get(t, "CVisitor", "/cse-in/cowner/shut").Expect(t, 4103, 403) })
	if took > 9*time.Second {
		t.Errorf("the denial took %v", took)
	}
}
