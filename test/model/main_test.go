// Package model compares a running CSE with a plain model in memory, by random
// operations.
package model

import (
	"testing"

	"bulwark/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// start runs a CSE with the AE that owns everything in a test.
func start(t *testing.T) *harness.Client {
	t.Helper()
	p := harness.Start(t, "", "--https", "off", "--http", "127.0.0.1:0", "--trust-plain", "--log-level", "error")
	c := harness.NewClient(t, p.HTTP, nil, 1)
	c.Register(t, owner, "top")
	return c
}

// owner is the originator of all requests.
const owner = "Cmodel1"
