package house

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// longestFile is how many lines a Go file may have: beyond it, a file holds more than one idea.
const longestFile = 600

// repository is the root of the module.
func repository() fs.FS { return os.DirFS("../..") }

// files lists the files of the repository that people write or read: neither what a build or a server leaves behind, nor binaries.
func files(t *testing.T) []string {
	t.Helper()
	var list []string
	err := fs.WalkDir(repository(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "bulwark-data", "dist", "node_modules"}, entry.Name()):
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		switch path.Ext(name) {
		case ".go", ".md", ".json", ".yml", ".toml", ".txtar", ".mod", ".sh", ".txt", ".service", ".sql":
			list = append(list, name)
		case "":
			if strings.HasPrefix(name, ".ci/") {
				list = append(list, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// read returns the text of one file.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := fs.ReadFile(repository(), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// isGenerated reports whether a Go file says in the standard way that a program wrote it.
func isGenerated(text string) bool {
	return regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`).MatchString(text)
}

func TestFiles_AreNotTooLong(t *testing.T) {
	t.Parallel()
	for _, name := range files(t) {
		if path.Ext(name) != ".go" {
			continue
		}
		text := read(t, name)
		if n := strings.Count(text, "\n"); n > longestFile && !isGenerated(text) {
			t.Errorf("%s has %d lines, %d are allowed: split it by noun", name, n, longestFile)
		}
	}
}

func TestPackages_SayWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, name := range files(t) {
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "testdata/") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, read(t, name), parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Error(err)
			continue
		}
		dir := path.Dir(name)
		documented[dir] = documented[dir] || file.Doc.Text() != ""
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("the package in %s has no package comment", dir)
		}
	}
}

func TestFiles_NameNoMachineAndLeaveNothingForLater(t *testing.T) {
	t.Parallel()
	// Home directories and build machines; work left for later. Spelt apart, so that this file does not match itself.
	unwanted := []*regexp.Regexp{
		regexp.MustCompile(`(^|[\s"'` + "`" + `=(])/(root|Users|wo` + `rk)/[a-z.]`),
		regexp.MustCompile(`(^|[\s"'` + "`" + `=(])/home/[a-z]+/(go|src|projects)`),
		regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`),
	}
	for _, name := range files(t) {
		n := 0
		for line := range strings.Lines(read(t, name)) {
			n++
			for _, pattern := range unwanted {
				if found := pattern.FindString(line); found != "" {
					t.Errorf("%s:%d: %q does not belong in the repository", name, n, strings.TrimSpace(found))
				}
			}
		}
	}
}

func TestDependencies_AreExplained(t *testing.T) {
	t.Parallel()
	direct, all := requirements(read(t, "go.mod"))
	explained := map[string]string{} // module path to the line that explains it
	for line := range strings.Lines(read(t, "docs/dependencies.md")) {
		if cells := strings.Split(line, "|"); len(cells) > 2 && strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			explained[strings.Trim(strings.TrimSpace(cells[1]), "`")] = line
		}
	}
	for module, version := range direct {
		switch line, ok := explained[module]; {
		case !ok:
			t.Errorf("docs/dependencies.md has no line for %s", module)
		case !strings.Contains(line, " "+version+" "):
			t.Errorf("docs/dependencies.md does not give %s the version %s of go.mod", module, version)
		}
	}
	for module := range explained {
		if _, ok := all[module]; !ok {
			t.Errorf("docs/dependencies.md explains %s, which go.mod does not require", module)
		}
	}
}

// requirements reads the modules that a go.mod requires: those that the code imports itself, and all.
func requirements(text string) (direct, all map[string]string) {
	direct, all = map[string]string{}, map[string]string{}
	inBlock := false
	for line := range strings.Lines(text) {
		line, comment, _ := strings.Cut(strings.TrimSpace(line), "//")
		words := strings.Fields(line)
		switch {
		case len(words) > 0 && words[0] == ")":
			inBlock = false
		case len(words) == 2 && words[0] == "require" && words[1] == "(":
			inBlock = true
		case len(words) == 3 && words[0] == "require":
			words = words[1:]
			fallthrough
		case inBlock && len(words) == 2:
			all[words[0]] = words[1]
			if strings.TrimSpace(comment) != "indirect" {
				direct[words[0]] = words[1]
			}
		}
	}
	return direct, all
}

func TestReadme_NamesTheTwoCommands(t *testing.T) {
	t.Parallel()
	readme := read(t, "README.md")
	for _, command := range []string{"bulwark demo", "go test ./..."} {
		if !strings.Contains(readme, command) {
			t.Errorf("README.md does not mention %q", command)
		}
	}
}

func TestDocuments_LinkToFilesThatExist(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	for _, name := range files(t) {
		if path.Ext(name) != ".md" || strings.Contains(name, "testdata/") {
			continue
		}
		for _, match := range link.FindAllStringSubmatch(read(t, name), -1) {
			target := path.Join(path.Dir(name), match[1])
			if _, err := fs.Stat(repository(), target); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, match[1])
			}
		}
	}
}

func TestRequirements_ReadsGoMod(t *testing.T) {
	t.Parallel()
	direct, all := requirements("module m\n\nrequire a.example/one v1.0.0\nrequire (\n\ta.example/two v2.0.0\n\ta.example/three v3.0.0 // indirect\n)\nreplace x => y\n")
	if direct["a.example/one"] != "v1.0.0" || direct["a.example/two"] != "v2.0.0" || len(direct) != 2 {
		t.Errorf("direct = %v", direct)
	}
	if all["a.example/three"] != "v3.0.0" || len(all) != 3 {
		t.Errorf("all = %v", all)
	}
}
