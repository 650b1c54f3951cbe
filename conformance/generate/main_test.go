package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// module lays out the least that the command needs and returns a folder inside of it.
func module(t *testing.T) (root, inside string) {
	t.Helper()
	root = t.TempDir()
	inside = filepath.Join(root, "conformance")
	for name, text := range map[string]string{
		"go.mod":                        "module m\n",
		"conformance/requirements.json": `[{"id":"A-01","clause":"","gist":"one"},{"id":"A-02","clause":"","gist":"two"}]`,
		"conformance/state.json":        "{}\n",
		"conformance/types.json":        `{"types":[],"bindings":[],"serializations":[]}`,
		"conformance/deviations.md":     "none\n",
		"conformance/last-run.md":       "never\n",
		"docs/other.md":                 "",
		"p/p_test.go":                   "package p\nfunc TestX_A01_Y(t *testing.T) {}\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root, inside
}

func read(t *testing.T, root, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRun_SuggestsMarksAndWithdraws(t *testing.T) {
	t.Parallel()
	root, inside := module(t)
	var out strings.Builder
	if err := run(inside, []string{"-suggest"}, &out); err != nil {
		t.Fatal(err)
	}
	if want := "A-01\tone\tp: TestX_A01_Y\n"; out.String() != want {
		t.Errorf("-suggest printed %q, want %q", out.String(), want)
	}
	if err := run(inside, []string{"-mark", "done", "A-01"}, &out); err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"A-01\": {\"state\": \"done\"}\n}\n"; read(t, root, "conformance/state.json") != want {
		t.Errorf("state.json is %q, want %q", read(t, root, "conformance/state.json"), want)
	}
	if want := "| A-01 |  | one | done | `p: TestX_A01_Y` |"; !strings.Contains(read(t, root, "docs/conformance.md"), want) {
		t.Errorf("the page lacks %q", want)
	}
	if err := run(inside, []string{"-mark", "not", "A-01"}, &out); err != nil {
		t.Fatal(err)
	}
	if got := read(t, root, "conformance/state.json"); got != "{}\n" {
		t.Errorf("state.json is %q after the claim was withdrawn", got)
	}
}

func TestRun_ReportsAClaimThatNoTestSupports(t *testing.T) {
	t.Parallel()
	_, inside := module(t)
	if err := run(inside, []string{"-mark", "done", "A-02"}, &strings.Builder{}); err == nil {
		t.Error("run() accepted a requirement that is done without a test")
	}
}

func TestRun_RefusesAnUnknownState(t *testing.T) {
	t.Parallel()
	root, inside := module(t)
	if err := run(inside, []string{"-mark", "nearly", "A-01"}, &strings.Builder{}); err == nil {
		t.Error("run() accepted the state nearly")
	}
	if got := read(t, root, "conformance/state.json"); got != "{}\n" {
		t.Errorf("state.json was changed to %q", got)
	}
}

func TestRun_NeedsAModule(t *testing.T) {
	t.Parallel()
	if err := run(t.TempDir(), nil, &strings.Builder{}); err == nil {
		t.Error("run() found a module where there is none")
	}
}
