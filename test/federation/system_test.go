// Package federation tests systems of several CSEs that talk over mutual TLS:
// registration, forwarding, and what happens when one of them is away.
package federation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bulwark/internal/node"
	"bulwark/internal/ops/config"
	"bulwark/test/harness"
)

// patience is how long something may take that happens by itself, on a machine that
// has much else to do.
const patience = 2 * time.Minute

// box is one CSE of a system: its configuration, and the node while it runs.
type box struct {
	id, name string // "/id-mn", "cse-mn"
	dir      string
	port     string // of the https listener, the same after a restart
	flags    map[string]string
	toml     string
	creds    harness.Credential
	log      io.Writer
	resolve  func(context.Context, string) ([]netip.Addr, error) // nil: the system
	tb       testing.TB

	node  *node.Node
	stop  context.CancelFunc
	ended chan error
	plain *harness.Client // of the trusting listener on this machine
}

// system is a provider's tree of CSEs with one authority.
type system struct {
	tb        testing.TB
	sp        string
	authority *harness.Authority
	in        *box
}

// newSystem starts an IN-CSE.
func newSystem(tb testing.TB) *system {
	tb.Helper()
	s := newProvider(tb, harness.Home().SP)
	s.in.start()
	return s
}

// newProvider prepares the IN-CSE of a provider.
func newProvider(tb testing.TB, sp string) *system {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "data")
	home := harness.Home()
	home.SP = sp
	s := &system{tb: tb, sp: sp, authority: harness.NewAuthorityOf(tb, dir, home)}
	s.in = s.box("in", "/id-in", "cse-in")
	s.in.dir = dir
	return s
}

// ports hands out port numbers below those that systems give by themselves, so
// that no listener of another test takes one between two starts of a node.
var ports atomic.Int64

// port finds a port that is free.
func port(tb testing.TB) string {
	tb.Helper()
	ports.CompareAndSwap(0, 20_000+rand.Int64N(10_000))
	for range 100 {
		p := strconv.FormatInt(ports.Add(1), 10)
		if l, err := net.Listen("tcp", "127.0.0.1:"+p); err == nil {
			_ = l.Close()
			return p
		}
	}
	tb.Fatal("no port is free")
	return ""
}

// output writes the log of a node to the test while it runs.
type output struct {
	mu   sync.Mutex
	tb   testing.TB
	over bool
	id   string
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.over {
		o.tb.Logf("%s %s", o.id, strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// box prepares a CSE of the system.
func (s *system) box(kind, id, name string) *box {
	s.tb.Helper()
	b := &box{id: id, name: name, dir: filepath.Join(s.tb.TempDir(), "data"), port: port(s.tb), tb: s.tb}
	out := &output{tb: s.tb, id: id}
	s.tb.Cleanup(func() {
		b.halt()
		out.mu.Lock()
		defer out.mu.Unlock()
		out.over = true
	})
	b.log = out
	b.flags = map[string]string{"cse-type": kind, "cse-id": id, "cse-name": name, "sp": s.sp, "data": b.dir}
	shown := ""
	if kind != "in" {
		b.creds = s.authority.CSE(id)
		shown = fmt.Sprintf("cert = %q\nkey = %q\nclient-ca = %q\n", b.creds.CertFile, b.creds.KeyFile, s.authority.CAFile())
	}
	b.toml = fmt.Sprintf(`
[timing]
registration-check = "1s"
consultation = "8s"

[limits]
read-header-timeout = "1m"

[[listen]]
binding = "https"
address = "127.0.0.1:%s"
%s
[[listen]]
binding = "http"
address = "127.0.0.1:0"
trust-plain = true
`, b.port, shown)
	return b
}

// below prepares a CSE that registers with another one.
func (s *system) below(b *box, kind, id, name string) *box {
	s.tb.Helper()
	child := s.box(kind, id, name)
	child.flags["registrar"], child.flags["registrar-id"] = b.url(), b.id
	return child
}

func (b *box) url() string { return "https://127.0.0.1:" + b.port }

// start runs the node.
func (b *box) start() {
	b.tb.Helper()
	b.flags["data"] = b.dir
	cfg, err := config.Load(config.Sources{File: harness.Configure(b.tb, b.toml), Flags: b.flags})
	if err != nil {
		b.tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	b.node, err = node.Open(ctx, cfg, node.Options{Version: "test", Resolve: b.resolve, Log: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelInfo}))})
	if err != nil {
		b.tb.Fatal(err)
	}
	b.ended = make(chan error, 1)
	running := b.node
	ended := b.ended
	go func() { ended <- running.Run(ctx) }()
	addresses := b.node.Addresses()
	b.plain = harness.NewClient(b.tb, addresses[len(addresses)-1], nil, 1)
}

// halt stops the node, in the clean way.
func (b *box) halt() {
	if b.node == nil {
		return
	}
	b.stop()
	if err := errors.Join(<-b.ended, b.node.Close()); err != nil {
		b.tb.Errorf("%s ended with %v", b.id, err)
	}
	b.node = nil
}

// within is a header that says how long the answer may take.
func within(d time.Duration) map[string][]string {
	return map[string][]string{"X-M2M-RET": {strconv.FormatInt(d.Milliseconds(), 10)}}
}

// await repeats a look until it is satisfied.
func await(tb testing.TB, what string, look func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if look() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	tb.Fatalf("%s: not so after %s", what, patience)
}

// joined waits until a CSE is registered with its registrar.
func (b *box) joined(registrar *box) {
	b.tb.Helper()
	await(b.tb, b.id+" is registered with "+registrar.id, func() bool {
		return registrar.plain.Get(b.tb, "CAdmin", "/"+registrar.name+b.id).RSC == 2000 &&
			b.plain.Get(b.tb, "CAdmin", "/"+b.name+registrar.id).RSC == 2000
	})
}
