package das

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bulwark/internal/pki"
	"bulwark/test/harness"
)

// serveApart runs "bulwark das serve" until the end of the test, and returns its
// URL.
func serveApart(t *testing.T, config string) string {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), harness.Binary(t), "das", "serve", "--config", config)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("bulwark das serve ended with %v", err)
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) == 4 && words[0] == "bulwark" && words[1] == "ready" {
			return words[3]
		}
	}
	t.Fatal("bulwark das serve ended before it was ready")
	return ""
}

// apart is a server with a data directory and a certificate of its own, which is
// an AE of nobody, and a CSE with more in its configuration that asks it.
func apart(t *testing.T, grants, more, issuer string) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, dir: dir, clients: map[string]*harness.Client{}}
	data := filepath.Join(dir, "data")
	s.pki = harness.NewAuthority(t, data)
	shown, err := s.pki.Issue(pki.CSE, "/id-das", pki.Options{Out: filepath.Join(dir, "shown"), DNS: []string{"localhost"}}) // one with the name of the host
	if err != nil {
		t.Fatal(err)
	}
	s.write("policy.toml", grants)
	s.config = s.write("das.toml", fmt.Sprintf("data = \"das-data\"\n[das]\nid = \"//m2m.example/Sdas\"\nfqdn = \"das.m2m.example\"\npolicy = \"policy.toml\"\naddress = \"127.0.0.1:0\"\ncert = %q\nkey = %q\nclient-ca = %q\n", shown.CertFile, shown.KeyFile, s.pki.CAFile()))
	url := serveApart(t, s.config)
	s.das = "https://localhost" + url[strings.LastIndexByte(url, ':'):]
	keys, err := exec.CommandContext(t.Context(), harness.Binary(t), "das", "jwks", "--config", s.config).Output()
	if err != nil {
		t.Fatal(err)
	}
	s.process = harness.Start(t, data, "--config", s.write("in.toml", fmt.Sprintf(`
data = "data"
%s
[[listen]]
binding = "https"
address = "127.0.0.1:0"
[outbound]
ca = "data/pki/ca.crt"
[[token.issuer]]
id = "//m2m.example/Sdas"
fqdn = "das.m2m.example"
poa = %q
jwks = %q
accept = ["sign:ES256"]
%s
`, more, s.das, s.write("das.jwks", string(keys)), strings.ReplaceAll(issuer, "DAS", s.das))))
	for _, stem := range []string{"COwner", "CVisitor", "CVisitor2"} {
		s.clients[stem] = harness.NewClient(t, s.process.HTTPS, s.pki.Client(s.pki.AE(stem)), 1)
		s.clients[stem].Register(t, stem, strings.ToLower(stem))
	}
	owner := s.clients["COwner"]
	owner.Make(t, "COwner", "/cse-in/cowner", 34, `{"m2m:dac":{"rn":"ask","dae":true,"dap":["`+s.das+`"]}}`)
	owner.Make(t, "COwner", "/cse-in/cowner", 1, `{"m2m:acp":{"rn":"guests","pv":{"acr":[{"acor":["guest@das.m2m.example"],"acop":2}]},"pvs":{"acr":[{"acor":["COwner"],"acop":63}]}}}`)
	owner.Make(t, "COwner", "/cse-in/cowner", 3, `{"m2m:cnt":{"rn":"lamp","acpi":["cse-in/cowner/guests"],"daci":["cse-in/cowner/ask"]}}`)
	return s
}

// reads is the question of a visitor.
func (s *site) reads(stem string) func() *harness.Answer {
	return func() *harness.Answer { return s.clients[stem].Get(s.t, stem, "/cse-in/cowner/lamp") }
}

// TestApart_TheServerRunsByItself: the CSE asks the server whether tokens still
// count.
func TestApart_TheServerRunsByItself(t *testing.T) {
	t.Parallel()
	s := apart(t, strings.Replace(policy, `types = ["cnt"]`, "", 1), "[timing]\ntoken-recheck = \"1s\"", "")
	s.reads("CVisitor")().Expect(t, 2000, 200)
	s.operate("revoke", "--grant", "visitors")
	s.becomes("a token that the server hands over no more", s.reads("CVisitor"), 4103)
}

// TestApart_ACSEThatAsksHearsAtOnce: a server that is an AE of nobody can tell a CSE
// nothing, but answers one that waits for a change.
func TestApart_ACSEThatAsksHearsAtOnce(t *testing.T) {
	t.Parallel()
	const visitor2 = `name = "visitors"
originators = ["//m2m.example/id-in/CVisitor"]`
	grants := strings.Replace(dynamicRules, "name = \"visitors\"\noriginators = [\"//m2m.example/id-in/CVisitor*\"]", visitor2, 1) +
		strings.NewReplacer(`"visitors"`, `"tokens"`, "CVisitor*", "CVisitor2").Replace(policy)
	s := apart(t, grants, "", `revocations = "DAS"`)
	s.becomes("rules", s.reads("CVisitor"), 2000)
	s.becomes("a token, once the list is known", s.reads("CVisitor2"), 2000)
	within := func(what string, ask func() *harness.Answer, rsc int) {
		t.Helper()
		if took := harness.Took(func() { s.becomes(what, ask, rsc) }); took > 10*time.Second {
			t.Errorf("%s: it took %s", what, took)
		}
	}
	s.operate("revoke", "--holder", "CVisitor")
	within("rules that were revoked", s.reads("CVisitor"), 4103)
	id, _, _ := strings.Cut(s.operate("revoke", "--holder", "CVisitor2"), " ")
	within("a token that was revoked", s.reads("CVisitor2"), 4103)
	s.operate("revoke", "--lift", id)
	within("one that counts again", s.reads("CVisitor2"), 2000)
}
