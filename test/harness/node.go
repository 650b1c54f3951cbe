package harness

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"bulwark/internal/node"
	"bulwark/internal/ops/config"
)

// Clock is a clock that stands still until the test moves it.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows t.
func NewClock(t time.Time) *Clock { return &Clock{now: t} }

// Now returns what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Add moves the clock forward.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Node is a CSE in this process.
type Node struct {
	Dir       string
	Addresses []string // URLs of the listeners in the order of the configuration
	tb        testing.TB
}

// Audit returns the lines of the audit trail.
func (n *Node) Audit() []string {
	n.tb.Helper()
	return auditLines(n.tb, n.Dir)
}

// Configure writes a configuration file and returns its path.
func Configure(tb testing.TB, toml string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "bulwark.toml")
	if err := os.WriteFile(path, []byte(toml), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// StartNode runs a CSE with the configuration in this process until the end of
// the test. The clock may be nil for the real time.
func StartNode(tb testing.TB, toml string, clock *Clock) *Node {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "data")
	cfg, err := config.Load(config.Sources{File: Configure(tb, toml), Flags: map[string]string{"data": dir}})
	if err != nil {
		tb.Fatal(err)
	}
	o := node.Options{Version: "test"}
	if clock != nil {
		o.Now = clock.Now
	}
	ctx, cancel := context.WithCancel(context.Background())
	running, err := node.Open(ctx, cfg, o)
	if err != nil {
		cancel()
		tb.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- running.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Errorf("the node ended with %v", err)
		}
		if err := running.Close(); err != nil {
			tb.Errorf("closing the node: %v", err)
		}
	})
	return &Node{Dir: dir, Addresses: running.Addresses(), tb: tb}
}
