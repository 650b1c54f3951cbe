//go:build unix

package pki

import (
	"os"
	"syscall"
)

// lockFile waits for the exclusive lock of an open file; the system releases it
// with the file, also when the process dies.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
}
