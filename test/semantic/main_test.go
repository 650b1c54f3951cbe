// Package semantic plays clients that describe their resources, find them by
// their descriptions and ask what those say, against the built binary.
package semantic

import (
	"testing"

	"bulwark/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
