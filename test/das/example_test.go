package das

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bulwark/test/harness"
)

// port returns a port that is free at the moment.
func port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// TestDocs_TheCompleteExampleWorksAsWritten runs the console of docs/das.md. A
// command that the page calls refused must fail, every other one must not.
func TestDocs_TheCompleteExampleWorksAsWritten(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "das.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ports := strings.NewReplacer("8443", port(t), "8444", port(t))
	for _, m := range regexp.MustCompile("(?s)`([a-z]+\\.toml)`:\n\n```toml\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if err := os.WriteFile(filepath.Join(dir, m[1]), []byte(ports.Replace(m[2])), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	console := regexp.MustCompile("(?s)```console\n(.*?)```").FindSubmatch(page)
	if console == nil {
		t.Fatal("no console on the page")
	}
	env := append(os.Environ(), "PATH="+filepath.Dir(harness.Binary(t))+":"+os.Getenv("PATH"))
	refused := 0
	for line := range strings.Lines(ports.Replace(string(console[1]))) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "$ ")
		switch {
		case !ok:
			t.Fatalf("%q is no command", line)
		case strings.HasPrefix(command, "export "):
			env = append(env, strings.Fields(strings.TrimPrefix(command, "export "))...)
			continue
		case strings.HasSuffix(command, "&"):
			harness.Start(t, filepath.Join(dir, "in-data"), strings.Fields(strings.TrimSuffix(strings.TrimPrefix(command, "bulwark serve"), "&"))[0], filepath.Join(dir, "in.toml"))
			continue
		}
		c := exec.CommandContext(t.Context(), "sh", "-c", command)
		c.Dir, c.Env = dir, env
		out, err := c.CombinedOutput()
		if want := strings.HasSuffix(command, "# refused"); (err != nil) != want {
			t.Fatalf("%s: %v\n%s", command, err, out)
		} else if want {
			refused++
			if !strings.Contains(string(out), "4103") {
				t.Errorf("%s: %s", command, out)
			}
		}
	}
	if refused != 3 {
		t.Errorf("%d commands were refused", refused)
	}
}
