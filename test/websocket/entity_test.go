package websocket

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"bulwark/test/harness"
)

// python finds an interpreter that has the library of the peer, or skips.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		path, err := exec.LookPath(name)
		if err == nil && exec.CommandContext(t.Context(), path, "-c", "import websockets").Run() == nil {
			return path
		}
	}
	t.Skip("there is no python3 with websockets (python3-websockets)")
	return ""
}

// An AE in another language registers, makes resources, is notified over the
// connection that it holds open, loses it and comes back; and then does what it
// must not. The script says which step failed.
func TestEntity_B87_B90_B91_B92_B94_B96_B97_B99_S153_S155_S157_AnotherImplementation(t *testing.T) {
	t.Parallel()
	interpreter := python(t)
	for _, test := range []struct {
		name, toml, scheme string
	}{
		{"S-152 over mutual TLS", "[[listen]]\nbinding = \"wss\"\naddress = \"127.0.0.1:0\"\n", "wss"},
		{"B-92 on a trusting listener", "[[listen]]\nbinding = \"ws\"\naddress = \"127.0.0.1:0\"\ntrust-plain = true\n", "ws"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := harness.StartNode(t, test.toml, nil)
			if !strings.HasPrefix(n.Addresses[0], test.scheme+"://") {
				t.Fatal(n.Addresses)
			}
			task := map[string]string{"url": n.Addresses[0]}
			if test.scheme == "wss" {
				authority := harness.NewAuthority(t, n.Dir)
				task["ca"] = authority.CAFile()
				for _, who := range []string{"Clamp", "Cother"} {
					c := authority.AE(who)
					task[who+"_cert"], task[who+"_key"] = c.CertFile, c.KeyFile
				}
			}
			text, err := json.Marshal(task, json.Deterministic(true))
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "task.json")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			var told bytes.Buffer
			cmd := exec.CommandContext(t.Context(), interpreter, filepath.Join("testdata", "entity.py"), file)
			cmd.Stdout, cmd.Stderr = &told, &told
			if err := cmd.Run(); err != nil || !strings.HasSuffix(strings.TrimSpace(told.String()), "all is well") {
				t.Errorf("%v\n%s", err, &told)
			}
		})
	}
}
