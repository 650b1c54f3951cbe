package conformance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Coverage maps each requirement to the tests that name it. A test is "path/of/package: TestName" or the path of a script.
type Coverage map[ID][]string

// ownDirectory is left out of the search: the tests of this package name requirements as examples.
const ownDirectory = "conformance"

var (
	// nameToken is an identifier inside the name of a test function: TestDecision_A70_PrivilegeBits.
	nameToken = regexp.MustCompile(`^([A-Z])(\d{1,3})$`)
	// textToken is an identifier inside a string or a comment; what stands before and after it is checked by the caller.
	textToken = regexp.MustCompile(`[A-Z]-\d{2,3}`)
)

// scan reads every test of the module and collects the requirements it names. Identifiers that are not in known are left alone:
// "P-256" is a curve.
func scan(root fs.FS, known []Requirement) (Coverage, error) {
	s := scanner{
		root:     root,
		coverage: Coverage{},
		ids:      make(map[string]ID, 3*len(known)),
		packages: map[string][]*ast.File{},
	}
	for _, r := range known {
		s.ids[string(r.ID)] = r.ID
		s.ids[strings.ReplaceAll(string(r.ID), "-", "")] = r.ID
		s.ids[r.ID.Prefix()+strconv.Itoa(r.ID.number())] = r.ID
	}
	if err := fs.WalkDir(root, ".", s.visit); err != nil {
		return nil, fmt.Errorf("reading the tests: %w", err)
	}
	for dir, files := range s.packages {
		s.scanPackage(dir, files)
	}
	for id, tests := range s.coverage {
		slices.Sort(tests)
		s.coverage[id] = slices.Compact(tests)
	}
	return s.coverage, nil
}

// scanner carries what the walk collects.
type scanner struct {
	root     fs.FS
	coverage Coverage
	ids      map[string]ID          // all spellings: "A-07", and in names "A07" and "A7"
	packages map[string][]*ast.File // test files by directory
}

// visit takes up one file of the module.
func (s *scanner) visit(name string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	base := entry.Name()
	if entry.IsDir() {
		if name != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "vendor" || name == ownDirectory) {
			return fs.SkipDir
		}
		return nil
	}
	dir := path.Dir(name)
	switch {
	case strings.HasSuffix(base, ".txtar") && strings.Contains(name, "testdata/"):
		return s.scanScript(name)
	case strings.Contains(name, "testdata/"):
		return nil
	case strings.HasSuffix(base, "_test.go"), strings.HasSuffix(base, ".go") && isSuite(dir):
		text, err := fs.ReadFile(s.root, name)
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("parsing: %w", err)
		}
		s.packages[dir] = append(s.packages[dir], file)
	}
	return nil
}

// isSuite reports whether a package exists to hold tests that others run, such as storetest.
func isSuite(dir string) bool { return strings.HasSuffix(path.Base(dir), "test") }

// scanScript collects the identifiers from the comments of a script test.
func (s *scanner) scanScript(name string) error {
	text, err := fs.ReadFile(s.root, name)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "-- ") {
			break // the files of the archive follow
		}
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			s.addText(line, name)
		}
	}
	return nil
}

// scanPackage attributes every identifier in the test files of one directory to the tests that can reach it: a table that two tests
// use counts for both, a helper's for all of its callers.
func (s *scanner) scanPackage(dir string, files []*ast.File) {
	graph := declarations(files)
	for name, decl := range graph {
		if !decl.test {
			continue
		}
		label := dir + ": " + name
		for part := range strings.SplitSeq(name, "_") {
			if id, ok := s.ids[part]; ok && nameToken.MatchString(part) {
				s.add(id, label)
			}
		}
		for _, text := range reachable(graph, name) {
			s.addText(text, label)
		}
	}
}

// addText records the identifiers in a text. An identifier is a word of its own: "TC-016" and "A-70b" hold none.
func (s *scanner) addText(text, test string) {
	for _, at := range textToken.FindAllStringIndex(text, -1) {
		if at[0] > 0 && isWord(text[at[0]-1]) || at[1] < len(text) && isWord(text[at[1]]) {
			continue
		}
		if id, ok := s.ids[text[at[0]:at[1]]]; ok {
			s.add(id, test)
		}
	}
}

// add records one test of one requirement.
func (s *scanner) add(id ID, test string) { s.coverage[id] = append(s.coverage[id], test) }

// isWord reports whether c continues a word, so that an identifier next to it is part of something longer.
func isWord(c byte) bool {
	return c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
