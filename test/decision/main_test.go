// Package decision compares the access decisions of a running CSE, asked over
// HTTP, with those of a naive implementation of TS-0003 clause 7.1 that shares
// no code with it.
package decision

import (
	"testing"

	"bulwark/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
