// Package das plays dynamic authorization against the built program: a CSE, a
// Dynamic Authorization Server, and originators that no policy permits anything.
package das

import (
	"testing"

	"bulwark/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
