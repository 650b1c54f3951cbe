package config_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"bulwark/internal/ops/config"
)

// TestKeys_AreReadByThePartsThatTheyConfigure finds keys that are accepted and
// then ignored: each field is used by name where the process is assembled.
func TestKeys_AreReadByThePartsThatTheyConfigure(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, dir := range []string{"../../node", "../../cli", "../../dasserver"} {
		maps.Copy(used, selected(t, dir))
	}
	reasons := map[string]string{
		"allow-insecure":     "the validation of listeners reads it",
		"store":              "one value, which the validation demands",
		"algorithms.profile": "one value, which the validation demands",
		"listen[].profile":   "one value, which the validation demands",
	}
	for _, k := range config.Keys() {
		name := field(k)
		switch {
		case name == "":
			t.Errorf("no field of %s", k.Path)
		case !used[name] && k.Later == "" && reasons[k.Path] == "":
			t.Errorf("%s (%s) is accepted, and nothing reads it", k.Path, name)
		case k.Later != "" && !strings.Contains(k.Doc, "Not in this version"):
			t.Errorf("%s does not say that it is of a later version", k.Path)
		}
	}
}

// field returns the name of the struct field of a key.
func field(k config.Key) string {
	in := reflect.TypeFor[config.Config]()
	for table := range strings.SplitSeq(strings.TrimSuffix(k.Table, "[]"), ".") {
		for f := range in.Fields() {
			if f.Tag.Get("toml") == table {
				if in = f.Type; in.Kind() == reflect.Slice {
					in = in.Elem()
				}
				break
			}
		}
	}
	for f := range in.Fields() {
		if f.Tag.Get("toml") == k.Name {
			return f.Name
		}
	}
	return ""
}

// selected returns every name behind a dot in the files of a package.
func selected(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", dir, err)
	}
	used := map[string]bool{}
	for _, name := range slices.DeleteFunc(files, func(s string) bool { return strings.HasSuffix(s, "_test.go") }) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				used[s.Sel.Name] = true
			}
			return true
		})
	}
	return used
}
