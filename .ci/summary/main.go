// Command summary reads the output of "go test -json" and prints what a person wants to see of it: the output of the tests that
// failed, every skipped test, a line for each package, and the totals. It exits with 1 when a test failed or was skipped, a package did not
// build, or no test ran at all: a test that is skipped where everything is installed proves nothing. Skips whose reason matches
// -allow-skip are counted and forgiven.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

func main() {
	allow := flag.String("allow-skip", "", "a skip whose output matches this regular expression is no failure")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, *allow); err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(1)
	}
}

// event is one line of the stream, as "go doc cmd/test2json" describes it.
type event struct {
	Action     string
	Package    string
	ImportPath string // of build output
	Test       string
	Elapsed    float64
	Output     string
}

// report collects what the stream tells.
type report struct {
	output                  map[string][]string // of tests that run, and of packages
	passed, failed, skipped int
	brokenPackages          int
	forgiven                int            // skips that allowSkip accepts
	allowSkip               *regexp.Regexp // nil for none
}

// run reads the stream to its end and writes the summary.
func run(in io.Reader, out io.Writer, allowSkip string) error {
	r := report{output: map[string][]string{}}
	if allowSkip != "" {
		pattern, err := regexp.Compile(allowSkip)
		if err != nil {
			return fmt.Errorf("reading -allow-skip: %w", err)
		}
		r.allowSkip = pattern
	}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(out, "%s", line) // not from a test: the go command speaking
			} else {
				r.take(e, out)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the events: %w", err)
		}
	}
	return r.finish(out)
}

// take handles one event.
func (r *report) take(e event, out io.Writer) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(out, e.Output)
	case "output":
		r.output[key] = append(r.output[key], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.takePackage(e, out)
		} else {
			r.takeTest(e, out)
		}
		delete(r.output, key)
	}
}

// takeTest counts one test that has ended.
func (r *report) takeTest(e event, out io.Writer) {
	text := strings.Join(r.output[e.Package+" "+e.Test], "")
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		fmt.Fprintf(out, "FAILED  %s %s\n%s", e.Package, e.Test, text)
	case "skip":
		r.skipped++
		if r.allowSkip != nil && r.allowSkip.MatchString(text) {
			r.forgiven++
			return
		}
		fmt.Fprintf(out, "SKIPPED %s %s\n%s", e.Package, e.Test, text)
	}
}

// takePackage prints the line of one package. A package that is skipped has no tests.
func (r *report) takePackage(e event, out io.Writer) {
	switch e.Action {
	case "pass":
		fmt.Fprintf(out, "ok      %s %.1fs\n", e.Package, e.Elapsed)
	case "fail":
		r.brokenPackages++
		texts := slices.DeleteFunc(r.output[e.Package+" "], func(s string) bool { return s == "FAIL\n" || strings.HasPrefix(s, "FAIL\t") })
		fmt.Fprintf(out, "FAIL    %s %.1fs\n%s", e.Package, e.Elapsed, strings.Join(texts, ""))
	}
}

// finish prints the totals and says whether all is well.
func (r *report) finish(out io.Writer) error {
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	switch {
	case r.failed > 0 || r.brokenPackages > 0:
		return fmt.Errorf("%d tests failed in %d packages", r.failed, r.brokenPackages)
	case r.skipped > r.forgiven:
		return fmt.Errorf("%d tests were skipped", r.skipped-r.forgiven)
	case r.passed == 0:
		return errors.New("no test ran")
	}
	return nil
}
