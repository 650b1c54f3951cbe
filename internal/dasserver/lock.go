package dasserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// lock is held by the process that serves a ledger. Two would both tell the CSEs,
// and a policy that one has read revokes what the other one gives.
type lock struct{ file *os.File }

// hold takes the lock of a folder. The system gives it up with the process,
// however that ends. Commands of the operator work beside it and don't need it.
func hold(dir string) (*lock, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("das: lock file: %w", err)
	}
	l := &lock{file: f}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		holder := make([]byte, 20)
		n, _ := f.ReadAt(holder, 0) // best effort: only for the message
		_ = f.Close()
		return nil, fmt.Errorf("das: process %s serves %s already; bulwark serve does so if its configuration has the table [das]",
			strings.TrimSpace(string(holder[:n])), dir)
	case err != nil:
		return nil, errors.Join(fmt.Errorf("das: lock file: %w", err), f.Close())
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(fmt.Errorf("das: lock file: %w", err), l.release())
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return nil, errors.Join(fmt.Errorf("das: lock file: %w", err), l.release())
	}
	return l, nil
}

// release gives the lock up. The file stays: removing it would let two processes
// hold locks on two files of one name.
func (l *lock) release() error {
	return errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}
