// Package demo tells the secure story of a CSE, its applications and an
// intruder, and of a tree of CSEs, on this machine, and checks every step of it.
// It runs the real program as processes of their own, kills them, and looks
// whether anything is missing.
package demo

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"bulwark/onem2m"
)

// teller prints steps and remembers whether one went wrong.
type teller struct {
	out    io.Writer
	steps  int
	failed int
	err    error // of the output
}

func (t *teller) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.out, format, args...)
	}
}

// chapter begins a part of the story.
func (t *teller) chapter(title string) {
	t.printf("\n%s\n%s\n", title, strings.Repeat("─", len([]rune(title))))
}

// step does something and prints what was expected and what happened. do
// returns what happened in words; an error says that it isn't what should have.
func (t *teller) step(title, expected string, do func() (string, error)) bool {
	t.steps++
	t.printf("\n%2d  %s\n    expected  %s\n", t.steps, title, expected)
	happened, err := do()
	if err != nil {
		t.failed++
		t.printf("    happened  ✗ %s\n", err)
		return false
	}
	t.printf("    happened  ✓ %s\n", happened)
	return true
}

// note prints lines below a step.
func (t *teller) note(text string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		t.printf("              %s\n", line)
	}
}

// refused checks that err is the refusal that was expected.
func refused(err error, code onem2m.StatusCode) (string, error) {
	var e *onem2m.Error
	switch {
	case err == nil:
		return "", errors.New("it was let in")
	case !errors.As(err, &e):
		return "", err
	case e.Code != code:
		return "", fmt.Errorf("refused with %d, not %d", e.Code, code)
	}
	return fmt.Sprintf("refused: %d %s", e.Code, onem2m.StatusName(e.Code)), nil
}
