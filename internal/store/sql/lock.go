package sql

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// directory is a data directory that this process holds alone.
type directory struct {
	path string
	lock *os.File
}

// hold makes the data directory if need be and locks it against a second
// process (decision 31). The lock goes with the process, however that ends.
func hold(path string) (*directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("store: data directory: %w", err)
	}
	name := filepath.Join(path, "lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: lock file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := make([]byte, 20)
		n, _ := f.ReadAt(holder, 0) // best effort: only for the message
		_ = f.Close()
		return nil, fmt.Errorf("store: %s is held by process %s: %w",
			name, strings.TrimSpace(string(holder[:n])), err)
	}
	if err := sign(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("store: lock file: %w", err)
	}
	return &directory{path: path, lock: f}, nil
}

// sign writes the process number into the lock file, for the message that the
// next process prints.
func sign(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// release gives the directory up. The file stays: removing it would let two
// processes hold locks on two files of one name. The lock is undone before the
// file is closed: a child that is just being started holds the file too, until it
// runs its program.
func (d *directory) release() error {
	return errors.Join(syscall.Flock(int(d.lock.Fd()), syscall.LOCK_UN), d.lock.Close())
}
