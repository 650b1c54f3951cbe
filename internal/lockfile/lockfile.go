// Package lockfile lets one process at a time work in a folder.
package lockfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Lock is held by this process alone. The system gives it up with the process,
// however that ends.
type Lock struct{ file *os.File }

// HeldError tells that another process holds a lock.
type HeldError struct {
	File    string
	Process string // its number, "" if it can't be read
}

// Error names the file and the process.
func (e *HeldError) Error() string { return fmt.Sprintf("%s is held by process %s", e.File, e.Process) }

// Hold takes the lock of a folder, which has to be there. It fails with a
// *HeldError if another process has it.
func Hold(dir string) (*Lock, error) {
	name := filepath.Join(dir, "lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock file: %w", err)
	}
	l := &Lock{file: f}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		holder := make([]byte, 20)
		n, _ := f.ReadAt(holder, 0) // best effort: only for the message
		_ = f.Close()
		return nil, &HeldError{File: name, Process: strings.TrimSpace(string(holder[:n]))}
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock file: %w", err), f.Close())
	}
	if err := l.sign(); err != nil {
		return nil, errors.Join(fmt.Errorf("lock file: %w", err), l.Release())
	}
	return l, nil
}

// sign writes the process number into the file, for the message that the next
// process prints.
func (l *Lock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// Release gives the lock up. The file stays: removing it would let two processes
// hold locks on two files of one name. The lock is undone before the file is closed:
// a child that is just being started holds the file too, until it runs its program.
func (l *Lock) Release() error {
	return errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}
