//go:build unix

package bench

import (
	"syscall"
	"time"
)

// processorTime is what this process has used so far, in and outside the
// kernel: on a machine that others use too it moves far less than a rate does.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
