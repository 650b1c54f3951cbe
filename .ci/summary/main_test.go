package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		allow    string
		wantErr  string
		want     []string
		absent   string
	}{
		{
			name:   "passing tests are counted and their output is dropped",
			in:     `{"Action":"output","Package":"p","Test":"T","Output":"noise\n"}` + "\n" + `{"Action":"pass","Package":"p","Test":"T"}` + "\n" + `{"Action":"pass","Package":"p","Elapsed":1.5}` + "\n",
			want:   []string{"ok      p 1.5s\n", "1 passed, 0 failed, 0 skipped\n"},
			absent: "noise",
		},
		{
			name:    "a failing test is shown with its output",
			in:      `{"Action":"output","Package":"p","Test":"T","Output":"wrong\n"}` + "\n" + `{"Action":"fail","Package":"p","Test":"T"}` + "\n" + `{"Action":"fail","Package":"p"}` + "\n",
			wantErr: "1 tests failed in 1 packages",
			want:    []string{"FAILED  p T\nwrong\n", "0 passed, 1 failed, 0 skipped\n"},
		},
		{
			name:    "a package that fails outside of its tests fails the run",
			in:      `{"Action":"pass","Package":"p","Test":"T"}` + "\n" + `{"Action":"output","Package":"p","Output":"panic: late\n"}` + "\n" + `{"Action":"fail","Package":"p"}` + "\n",
			wantErr: "0 tests failed in 1 packages",
			want:    []string{"panic: late\n"},
		},
		{
			name:    "a skipped test fails the run",
			in:      `{"Action":"pass","Package":"p","Test":"T"}` + "\n" + `{"Action":"skip","Package":"p","Test":"U"}` + "\n",
			wantErr: "1 tests were skipped",
			want:    []string{"SKIPPED p U\n"},
		},
		{
			name:  "a skip with an allowed reason is counted and forgiven",
			in:    `{"Action":"pass","Package":"p","Test":"T"}` + "\n" + `{"Action":"output","Package":"p","Test":"U","Output":"set SLOW\n"}` + "\n" + `{"Action":"skip","Package":"p","Test":"U"}` + "\n",
			allow: "SLOW",
			want:  []string{"1 passed, 0 failed, 1 skipped\n"},
		},
		{
			name:    "a skip with another reason is not",
			in:      `{"Action":"pass","Package":"p","Test":"T"}` + "\n" + `{"Action":"output","Package":"p","Test":"U","Output":"no network\n"}` + "\n" + `{"Action":"skip","Package":"p","Test":"U"}` + "\n",
			allow:   "SLOW",
			wantErr: "1 tests were skipped",
		},
		{
			name: "a package without tests is fine",
			in:   `{"Action":"pass","Package":"p","Test":"T"}` + "\n" + `{"Action":"skip","Package":"q"}` + "\n",
			want: []string{"1 passed, 0 failed, 0 skipped\n"},
		},
		{
			name:    "an empty stream fails the run",
			wantErr: "no test ran",
		},
		{
			name:    "what is not an event is passed on",
			in:      "go: something is wrong\n",
			wantErr: "no test ran",
			want:    []string{"go: something is wrong\n"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			var got string
			if err := run(strings.NewReader(test.in), &out, test.allow); err != nil {
				got = err.Error()
			}
			if got != test.wantErr {
				t.Errorf("run() = %q, want %q", got, test.wantErr)
			}
			for _, want := range test.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the summary lacks %q:\n%s", want, out.String())
				}
			}
			if test.absent != "" && strings.Contains(out.String(), test.absent) {
				t.Errorf("the summary has %q:\n%s", test.absent, out.String())
			}
		})
	}
}
