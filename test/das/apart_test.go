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

// TestApart_TheServerRunsByItself has a server with a data directory and a
// certificate of its own. The CSE asks it whether tokens still count.
func TestApart_TheServerRunsByItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	a := harness.NewAuthority(t, data)
	shown, err := a.Issue(pki.CSE, "/id-das", pki.Options{Out: filepath.Join(dir, "shown"), DNS: []string{"localhost"}}) // one with the name of the host
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("policy.toml", strings.Replace(policy, `types = ["cnt"]`, "", 1))
	server := write("das.toml", fmt.Sprintf("data = \"das-data\"\n[das]\nid = \"//m2m.example/Sdas\"\nfqdn = \"das.m2m.example\"\npolicy = \"policy.toml\"\naddress = \"127.0.0.1:0\"\ncert = %q\nkey = %q\nclient-ca = %q\n", shown.CertFile, shown.KeyFile, a.CAFile()))
	url := serveApart(t, server)
	url = "https://localhost" + url[strings.LastIndexByte(url, ':'):]
	keys, err := exec.CommandContext(t.Context(), harness.Binary(t), "das", "jwks", "--config", server).Output()
	if err != nil {
		t.Fatal(err)
	}
	p := harness.Start(t, data, "--config", write("in.toml", fmt.Sprintf(`
data = "data"
[[listen]]
binding = "https"
address = "127.0.0.1:0"
[timing]
token-recheck = "1s"
[outbound]
ca = "data/pki/ca.crt"
[[token.issuer]]
id = "//m2m.example/Sdas"
fqdn = "das.m2m.example"
poa = %q
jwks = %q
accept = ["sign:ES256"]
`, url, write("das.jwks", string(keys)))))
	visitor := harness.NewClient(t, p.HTTPS, a.Client(a.AE("CVisitor")), 1)
	visitor.Register(t, "CVisitor", "visitor")
	owner := harness.NewClient(t, p.HTTPS, a.Client(a.AE("COwner")), 1)
	owner.Register(t, "COwner", "owner")
	owner.Make(t, "COwner", "/cse-in/owner", 34, `{"m2m:dac":{"rn":"ask","dae":true,"dap":["`+url+`"]}}`)
	owner.Make(t, "COwner", "/cse-in/owner", 1, `{"m2m:acp":{"rn":"guests","pv":{"acr":[{"acor":["guest@das.m2m.example"],"acop":2}]},"pvs":{"acr":[{"acor":["COwner"],"acop":63}]}}}`)
	owner.Make(t, "COwner", "/cse-in/owner", 3, `{"m2m:cnt":{"rn":"lamp","acpi":["cse-in/owner/guests"],"daci":["cse-in/owner/ask"]}}`)
	s := &site{t: t, config: server}
	read := func() *harness.Answer { return visitor.Get(t, "CVisitor", "/cse-in/owner/lamp") }
	read().Expect(t, 2000, 200)
	s.operate("revoke", "--grant", "visitors")
	s.becomes("a token that the server hands over no more", read, 4103)
}
