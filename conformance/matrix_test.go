package conformance

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// repository is the root of the module, seen from this package's tests.
const repository = ".."

func TestMatrix_OfThisRepository(t *testing.T) {
	t.Parallel()
	root := os.DirFS(repository)
	matrix, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("every claim is supported by a test or says what is missing", func(t *testing.T) {
		t.Parallel()
		if err := matrix.Check(); err != nil {
			t.Error(err)
		}
	})
	t.Run("the page is up to date", func(t *testing.T) {
		t.Parallel()
		page, err := fs.ReadFile(root, Page)
		if err != nil {
			t.Fatal(err)
		}
		if missing := newLines(string(page), string(matrix.Render())); len(missing) > 0 {
			t.Errorf("run go generate ./conformance; %d lines differ, the first are\n%s", len(missing), strings.Join(missing[:min(len(missing), 5)], ""))
		}
	})
	t.Run("state.json is in the order of the page", func(t *testing.T) {
		t.Parallel()
		want, err := FormatClaims(matrix.Claims)
		if err != nil {
			t.Fatal(err)
		}
		got, err := fs.ReadFile(root, StateFile)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("run go run ./conformance/generate -mark … (-want +got):\n%s", diff)
		}
	})
	t.Run("gists fit on a line", func(t *testing.T) {
		t.Parallel()
		const longest = 140
		for _, r := range matrix.Requirements {
			if n := len([]rune(r.Gist)); n > longest {
				t.Errorf("%s: the gist has %d characters, at most %d are allowed", r.ID, n, longest)
			}
		}
	})
}

// newLines lists the lines of now that differ from the line at their place in old, and one entry when old is longer.
func newLines(old, now string) []string {
	before := slices.Collect(strings.Lines(old))
	var changed []string
	n := 0
	for line := range strings.Lines(now) {
		if n >= len(before) || before[n] != line {
			changed = append(changed, line)
		}
		n++
	}
	if n < len(before) {
		changed = append(changed, "(the page on disk has more lines)\n")
	}
	return changed
}

func TestMatrix_Check(t *testing.T) {
	t.Parallel()
	requirement := []Requirement{{ID: "Z-1"}, {ID: "Z-2"}}
	tests := []struct {
		name   string
		matrix Matrix
		want   string
	}{
		{
			name:   "a requirement that is done and has a test is fine",
			matrix: Matrix{Claims: map[ID]Claim{"Z-1": {State: StateDone}}, Coverage: Coverage{"Z-1": {"TestOne"}}},
		},
		{
			name:   "done needs a test",
			matrix: Matrix{Claims: map[ID]Claim{"Z-1": {State: StateDone}}},
			want:   "Z-1 is called done and no test names it",
		},
		{
			name:   "partly needs a note",
			matrix: Matrix{Claims: map[ID]Claim{"Z-1": {State: StatePartly}}, Coverage: Coverage{"Z-1": {"TestOne"}}},
			want:   "Z-1 is called partly done and no note says what is missing",
		},
		{
			name:   "a claim about nothing is reported",
			matrix: Matrix{Claims: map[ID]Claim{"Z-3": {State: StateNot}}},
			want:   "Z-3 is claimed and is no requirement",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.matrix.Requirements = requirement
			var got string
			if err := test.matrix.Check(); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("Check() = %q, want %q", got, test.want)
			}
		})
	}
}

func TestMatrix_Render_ShowsClaimsAndTests(t *testing.T) {
	t.Parallel()
	matrix := Matrix{
		Requirements: []Requirement{{ID: "A-01", Clause: "TS-0003 7.1", Gist: "a | b and * are kept, `<AE>` too"}, {ID: "A-02", Gist: "another"}},
		Claims:       map[ID]Claim{"A-01": {State: StatePartly, Note: "no XML"}},
		Coverage:     Coverage{"A-01": {"a: T1", "a: T2", "a: T3", "a: T4", "a: T5"}},
	}
	page := string(matrix.Render())
	for _, want := range []string{
		"| A-01 | TS-0003 7.1 | a \\| b and \\* are kept, `<AE>` too | partly: no XML | `a: T1`, `a: T2`, `a: T3`, `a: T4` and 1 more |\n",
		"| A-02 |  | another | not |  |\n",
		"| [A: Authorization](#a-authorization) | 2 | 0 | 1 | 1 | 1 |\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestMatrix_Unclaimed_ListsWhatTestsNameOnly(t *testing.T) {
	t.Parallel()
	matrix := Matrix{
		Requirements: []Requirement{{ID: "A-01"}, {ID: "A-02"}, {ID: "A-03"}},
		Claims:       map[ID]Claim{"A-01": {State: StateDone}},
		Coverage:     Coverage{"A-01": {"x"}, "A-02": {"x"}},
	}
	if diff := cmp.Diff([]Requirement{{ID: "A-02"}}, matrix.Unclaimed()); diff != "" {
		t.Errorf("Unclaimed() (-want +got):\n%s", diff)
	}
}

func TestFormatClaims_IsReadBackUnchanged(t *testing.T) {
	t.Parallel()
	claims := map[ID]Claim{"B-11": {State: StatePartly, Note: "no CBOR"}, "C-016": {State: StateDone}, "A-70": {State: StateDone}}
	text, err := FormatClaims(claims)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "C-016": {"state": "done"},
  "B-11": {"state": "partly", "note": "no CBOR"},
  "A-70": {"state": "done"}
}
`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("FormatClaims() (-want +got):\n%s", diff)
	}
	back, err := LoadClaims(fstest.MapFS{StateFile: {Data: text}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(claims, back); diff != "" {
		t.Errorf("LoadClaims() (-want +got):\n%s", diff)
	}
}

func TestLoad_RefusesBadData(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		load func(fs.FS) error
		file string
		text string
	}{
		{"an unknown state", claimsError, stateFile, `{"A-70": {"state": "nearly"}}`},
		{"a misspelt member", claimsError, stateFile, `{"A-70": {"sate": "done"}}`},
		{"a requirement that is listed twice", requirementsError, requirementsFile, `[{"id":"A-1","clause":"","gist":"x"},{"id":"A-1","clause":"","gist":"y"}]`},
		{"an identifier without a known prefix", requirementsError, requirementsFile, `[{"id":"X-1","clause":"","gist":"x"}]`},
		{"a requirement without a gist", requirementsError, requirementsFile, `[{"id":"A-1","clause":"","gist":""}]`},
		{"a feature without a state", featuresError, typesFile, `{"types":[{"type":1,"name":"x"}]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if err := test.load(fstest.MapFS{test.file: {Data: []byte(test.text)}}); err == nil {
				t.Errorf("loading %s succeeded", test.text)
			}
		})
	}
}

func claimsError(root fs.FS) error {
	_, err := LoadClaims(root)
	return err
}

func requirementsError(root fs.FS) error {
	_, err := loadRequirements(root)
	return err
}

func featuresError(root fs.FS) error {
	_, err := loadFeatures(root)
	return err
}
