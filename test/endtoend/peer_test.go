package endtoend

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json"

	"bulwark/client"
	"bulwark/onem2m"
	"bulwark/test/harness"
)

// python finds an interpreter that has the libraries of the peer, or skips.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		path, err := exec.LookPath(name)
		if err == nil && exec.CommandContext(t.Context(), path, "-c", "import OpenSSL, cryptography").Run() == nil {
			return path
		}
	}
	t.Skip("there is no python3 with pyOpenSSL (python3-openssl)")
	return ""
}

// A program in another language, by another author's libraries, agrees on keys
// and sends protected requests; and then it does everything wrong that it can.
func TestPeer_E95_E109_E61_E90_AnotherImplementation(t *testing.T) {
	t.Parallel()
	interpreter := python(t)
	n := harness.StartNode(t, `
[[listen]]
binding = "https"
address = "127.0.0.1:0"

[[listen]]
binding = "http"
address = "127.0.0.1:0"
trust-plain = true

[[escertke.peer]]
id = "//m2m.example/id-in/Cpeer01"
`, nil)
	authority := harness.NewAuthority(t, n.Dir)
	me, other := authority.AE("Cpeer01"), authority.AE("Cother1")
	c, err := client.New(client.Options{URL: n.Addresses[1], From: "Cpeer01"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Register(t.Context(), client.AE{Name: "peer", App: "Ntest"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(t.Context(), "cse-in/peer", onem2m.TypeContainer, onem2m.Object{{Name: "rn", Value: []byte(`"box"`)}}); err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]any{
		"url": n.Addresses[1], "from": "Cpeer01", "id": "/id-in/Cpeer01", "cert": me.CertFile, "key": me.KeyFile, "ca": authority.CAFile(),
		"other": []string{other.CertFile, other.KeyFile}, "stranger": "/id-mn/Cother2", "target": "/id-in/cse-in/peer/box", "dns": "id-in.m2m.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), interpreter, "testdata/peer.py", file)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("the peer ended with %v: %s", err, complaint.String())
	}
	tried := 0
	for line := range bytes.Lines(out) {
		var result struct {
			Name string `json:"name"`
			OK   bool   `json:"ok"`
			Got  string `json:"got"`
		}
		if err := json.Unmarshal(line, &result); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		tried++
		t.Run(result.Name, func(t *testing.T) {
			if !result.OK {
				t.Errorf("got %s", result.Got)
			}
		})
	}
	if tried < 50 {
		t.Errorf("the peer tried only %d things", tried)
	}
}
