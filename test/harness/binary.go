package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// built is the binary of this test process.
type built struct {
	dir, path string
	err       error
}

// build compiles the command once, for all tests of the process.
//
//nolint:gochecknoglobals // it is computed once and doesn't change
var build = sync.OnceValue(func() built {
	dir, err := os.MkdirTemp("", "bulwark-test-")
	if err != nil {
		return built{err: err}
	}
	b := built{dir: dir, path: filepath.Join(dir, "bulwark")}
	cmd := exec.CommandContext(context.Background(), "go", "build", "-o", b.path, "bulwark/cmd/bulwark") //nolint:gosec // our own command
	if text, err := cmd.CombinedOutput(); err != nil {
		b.err = fmt.Errorf("go build: %w\n%s", err, text)
	}
	return b
})

// Binary returns the path of the built command.
func Binary(tb testing.TB) string {
	tb.Helper()
	b := build()
	if b.err != nil {
		tb.Fatal(b.err)
	}
	return b.path
}

// removeBinary deletes what Binary has made, if it has.
func removeBinary() {
	if dir := build().dir; dir != "" {
		_ = os.RemoveAll(dir) // a temporary directory: what is left, the system removes
	}
}
