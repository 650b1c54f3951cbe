package lockfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"bulwark/internal/lockfile"
)

func TestHold_OneAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := lockfile.Hold(dir)
	if err != nil {
		t.Fatal(err)
	}
	var held *lockfile.HeldError
	if _, err := lockfile.Hold(dir); !errors.As(err, &held) || held.Process != strconv.Itoa(os.Getpid()) || held.File != filepath.Join(dir, "lock") {
		t.Errorf("a second one: %v", err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := lockfile.Hold(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
	if _, err := lockfile.Hold(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a folder that isn't there")
	}
}
