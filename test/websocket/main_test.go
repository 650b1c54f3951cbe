package websocket

import (
	"testing"

	"bulwark/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
