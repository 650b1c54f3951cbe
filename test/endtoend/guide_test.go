// Package endtoend tests security from end to end as applications meet it: the
// guide for their developers, word for word, and programs of others.
package endtoend

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bulwark/internal/cli"
	"bulwark/internal/shell"
	"bulwark/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// guide reads docs/end-to-end.md.
func guide(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/end-to-end.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks returns the fenced blocks of one language.
func blocks(text, language string) (list []string) {
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

func TestGuide_ItsGoIsThatOfTheExamples(t *testing.T) {
	t.Parallel()
	examples, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	all := blocks(guide(t), "go")
	if len(all) < 5 {
		t.Fatalf("only %d blocks", len(all))
	}
	for _, block := range all {
		if !strings.Contains(string(examples), block) {
			t.Errorf("no example has this block:\n%s", block)
		}
	}
}

// words splits a command line; a word in single quotes is one.
func words(line string) (list []string) {
	for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		list = append(list, m[1]+m[2])
	}
	return list
}

// The commands of the guide work in a folder of their own, one after the other,
// and print what it says. Not parallel: the working directory is the process's.
func TestGuide_ItsCommandsDoWhatItSays(t *testing.T) {
	text := guide(t)
	configurations, files := blocks(text, "toml"), blocks(text, "json")
	if len(configurations) != 1 || len(files) != 2 {
		t.Fatalf("%d configurations, %d files", len(configurations), len(files))
	}
	n := harness.StartNode(t, strings.Replace(configurations[0], "127.0.0.1:8443", "127.0.0.1:0", 1), nil)
	dir := t.TempDir()
	for name, data := range map[string]string{"meter.jwks": files[0], "office.jwks": files[1]} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(n.Dir, filepath.Join(dir, "bulwark-data")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	env, printed, commands := []string{}, "", 0
	for line := range strings.Lines(strings.Join(blocks(text, "sh"), "")) {
		line = strings.TrimSpace(strings.ReplaceAll(line, "https://127.0.0.1:8443", n.Addresses[0]))
		if kid := regexp.MustCompile(`^key ([0-9A-F]{32}) `).FindStringSubmatch(printed); kid != nil {
			env = append(env, "KID="+kid[1])
		}
		switch {
		case strings.HasPrefix(line, "export "):
			env = append(env, strings.Fields(line)[1:]...)
		case strings.HasPrefix(line, "# "):
			if !strings.Contains(printed, line[2:]) {
				t.Errorf("%q is not in %q", line[2:], printed)
			}
		case strings.HasPrefix(line, "bulwark "):
			args := words(line)[1:]
			for i := range args {
				for _, e := range env {
					if value, ok := strings.CutPrefix(e, "KID="); ok && args[i] == "KID" {
						args[i] = value
					}
				}
			}
			var out, complaint strings.Builder
			status := cli.Run(t.Context(), cli.Program{
				Args: args, Env: env, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &complaint, Parts: cli.Parts{AE: shell.AE},
			})
			if status != 0 {
				t.Fatalf("%s: %d %s", line, status, complaint.String())
			}
			printed = out.String()
			commands++
		case line != "":
			t.Errorf("what is %q?", line)
		}
	}
	if commands < 10 {
		t.Errorf("only %d commands", commands)
	}
}
