// Package crash kills the running program at random moments under load, and
// compares what it had acknowledged with what is there afterwards.
package crash

import (
	"testing"

	"bulwark/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
