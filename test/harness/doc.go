// Package harness runs Bulwark from outside for black-box tests: the built
// binary in a process of its own, or a node in this process with a clock that
// the test sets. It sends HTTP requests octet by octet as the test writes them,
// receives notifications, and makes certificates, good ones and bad ones.
//
// It knows nothing of what is right: that is in the tests.
package harness

import (
	"os"
	"testing"
)

// Slow reports whether the long form of the random tests is wanted
// (BULWARK_SLOW=1). In the short form they run fewer rounds of the same.
func Slow() bool { return os.Getenv("BULWARK_SLOW") == "1" }

// Rounds returns how often a random test runs: short, or long when Slow.
func Rounds(short, long int) int {
	if Slow() {
		return long
	}
	return short
}

// Main runs the tests of a package and then removes the binary that they built.
// It is all that a TestMain needs.
func Main(m *testing.M) {
	code := m.Run()
	removeBinary()
	os.Exit(code)
}
