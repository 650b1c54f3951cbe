package conformance

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const (
	first  = "A-70"
	second = "A-71"
)

func TestScan(t *testing.T) {
	t.Parallel()
	known := []Requirement{{ID: first}, {ID: second}, {ID: "C-016"}}
	tests := []struct {
		name string
		file string
		text string
		want Coverage
	}{
		{
			name: "a function name counts",
			file: "p/a_test.go",
			text: "package p\nfunc TestX_A70_Y(t *testing.T) {}",
			want: Coverage{first: {"p: TestX_A70_Y"}},
		},
		{
			name: "leading zeros of a number may be written or left out in a function name",
			file: "p/a_test.go",
			text: "package p\nfunc TestX_C016_Y(t *testing.T) {}\nfunc TestZ_C16(t *testing.T) {}",
			want: Coverage{"C-016": {"p: TestX_C016_Y", "p: TestZ_C16"}},
		},
		{
			name: "part of a word in a function name does not count",
			file: "p/a_test.go",
			text: "package p\nfunc TestXA70_Y(t *testing.T) {}",
		},
		{
			name: "a subtest name counts",
			file: "p/a_test.go",
			text: `package p` + "\n" + `func TestX(t *testing.T) { t.Run("` + first + ` a sentence", f) }`,
			want: Coverage{first: {"p: TestX"}},
		},
		{
			name: "a row of a table outside of the test counts for the test that uses it, through helpers too",
			file: "p/a_test.go",
			text: `package p
var rows = []row{{id: "` + first + `"}, {id: "` + second + `/other"}}
func all() []row { return rows }
func TestX(t *testing.T) { all() }
func TestY(t *testing.T) { all() }
func TestZ(t *testing.T) {}`,
			want: Coverage{first: {"p: TestX", "p: TestY"}, second: {"p: TestX", "p: TestY"}},
		},
		{
			name: "a local variable of the same name is not the table",
			file: "p/a_test.go",
			text: `package p
var rows = []string{"` + first + `"}
func TestX(t *testing.T) { rows := 1; _ = rows }`,
		},
		{
			name: "a table that no test uses does not count",
			file: "p/a_test.go",
			text: `package p` + "\n" + `var rows = []string{"` + first + `"}`,
		},
		{
			name: "longer words, unknown numbers, comments and documents do not count",
			file: "p/a_test.go",
			text: "package p\n// " + first + "\nfunc TestX(t *testing.T) { f(\"B" + first + "\", \"" + first + "b\", \"A-256\", `\n" + first + "`) }",
		},
		{
			name: "a benchmark does not count",
			file: "p/a_test.go",
			text: "package p\nfunc BenchmarkX_A70(b *testing.B) {}",
		},
		{
			name: "a fuzz target counts",
			file: "p/a_test.go",
			text: "package p\nfunc FuzzX_A70(f *testing.F) {}",
			want: Coverage{first: {"p: FuzzX_A70"}},
		},
		{
			name: "ordinary code does not count",
			file: "p/a.go",
			text: "package p\nfunc TestX_A70(t *testing.T) {}",
		},
		{
			name: "the exported entry of a suite counts",
			file: "p/ptest/a.go",
			text: "package ptest\nfunc Run(t *testing.T) { one(t) }\nfunc one(t *testing.T) { t.Run(\"" + first + " x\", f) }",
			want: Coverage{first: {"p/ptest: Run"}},
		},
		{
			name: "a comment of a script counts, its files do not",
			file: "p/testdata/script/x.txtar",
			text: "# " + first + ", a story\nexec bulwark " + second + "\n-- file --\n# " + second + "\n",
			want: Coverage{first: {"p/testdata/script/x.txtar"}},
		},
		{
			name: "the examples in this package's tests do not count",
			file: "conformance/a_test.go",
			text: "package p\nfunc TestX_A70_Y(t *testing.T) {}",
		},
		{
			name: "hidden folders do not count",
			file: ".p/a_test.go",
			text: "package p\nfunc TestX_A70_Y(t *testing.T) {}",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := scan(fstest.MapFS{test.file: {Data: []byte(test.text)}}, known)
			if err != nil {
				t.Fatal(err)
			}
			want := test.want
			if want == nil {
				want = Coverage{}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("scan() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScan_ReportsATestThatDoesNotParse(t *testing.T) {
	t.Parallel()
	if _, err := scan(fstest.MapFS{"p/a_test.go": {Data: []byte("package")}}, nil); err == nil {
		t.Error("scan() succeeded on a broken file")
	}
}
