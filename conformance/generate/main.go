// Command generate writes docs/conformance.md, and helps to keep conformance/state.json.
//
//	go generate ./conformance                                   write the page
//	go run ./conformance/generate -suggest                      list what tests cover and nobody has claimed
//	go run ./conformance/generate -mark done C-016 A-70         claim, and write the page
//	go run ./conformance/generate -mark partly -note "no CBOR" B-11
//	go run ./conformance/generate -mark not C-016               withdraw a claim
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"bulwark/conformance"
)

func main() {
	if err := run(".", os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run does what the arguments say, in the module that holds the directory from.
func run(from string, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	suggest := flags.Bool("suggest", false, "list the requirements that tests name and that are not claimed, and stop")
	mark := flags.String("mark", "", "claim `STATE` (done, partly or not) for the requirements given as arguments")
	note := flags.String("note", "", "the note that goes with -mark")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("reading the arguments: %w", err)
	}
	dir, err := moduleRoot(from)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("opening the module: %w", err)
	}
	defer root.Close() //nolint:errcheck // only read from and written through; every write reports its own error
	if *mark != "" {
		if err := markClaims(root, conformance.State(*mark), *note, flags.Args()); err != nil {
			return err
		}
	}
	matrix, err := conformance.Load(root.FS())
	if err != nil {
		return fmt.Errorf("loading: %w", err)
	}
	if *suggest {
		for _, r := range matrix.Unclaimed() {
			fmt.Fprintf(out, "%s\t%s\t%s\n", r.ID, r.Gist, matrix.Coverage[r.ID][0])
		}
		return nil
	}
	return errors.Join(write(root, conformance.Page, matrix.Render()), matrix.Check())
}

// markClaims changes the claims about the requirements in ids.
func markClaims(root *os.Root, state conformance.State, note string, ids []string) error {
	claims, err := conformance.LoadClaims(root.FS())
	if err != nil {
		return fmt.Errorf("loading: %w", err)
	}
	for _, id := range ids {
		if state == conformance.StateNot && note == "" {
			delete(claims, conformance.ID(id))
			continue
		}
		claims[conformance.ID(id)] = conformance.Claim{State: state, Note: note}
	}
	text, err := conformance.FormatClaims(claims)
	if err != nil {
		return fmt.Errorf("marking: %w", err)
	}
	return write(root, conformance.StateFile, text)
}

// write replaces a file unless it already has the text, so that an unchanged page keeps its time stamp.
func write(root *os.Root, name string, text []byte) error {
	if old, err := root.ReadFile(name); err == nil && bytes.Equal(old, text) {
		return nil
	}
	const public = 0o644 // documentation, checked in
	if err := root.WriteFile(name, text, public); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// moduleRoot is the nearest directory at or above from with a go.mod.
func moduleRoot(from string) (string, error) {
	dir, err := filepath.Abs(from)
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod at or above %s", from)
		}
		dir = parent
	}
}
