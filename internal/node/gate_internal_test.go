package node

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/internal/cse"
	"bulwark/internal/identity"
	"bulwark/internal/ops/config"
	"bulwark/onem2m"
)

// held answers when it is let go.
type held struct {
	entered chan struct{}
	leave   chan struct{}
}

func (h *held) Handle(_ context.Context, _ *identity.Association, req *onem2m.Request) *onem2m.Response {
	h.entered <- struct{}{}
	<-h.leave
	return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID}
}

func TestGate_LetsSoManyThroughAndNoMore(t *testing.T) {
	t.Parallel()
	h := &held{entered: make(chan struct{}, 3), leave: make(chan struct{})}
	g := newGate(h, 2, time.Minute, nil, time.Now)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if r := g.Handle(t.Context(), nil, &onem2m.Request{RequestID: "r"}); r.Code != onem2m.OK {
				t.Errorf("%+v", r)
			}
		})
	}
	<-h.entered
	<-h.entered
	for g.length() != 1 {
		time.Sleep(time.Millisecond)
	}
	select {
	case <-h.entered:
		t.Error("a third is let through")
	default:
	}
	h.leave <- struct{}{}
	<-h.entered // now it has its turn
	close(h.leave)
	all.Wait()
	if g.length() != 0 || len(g.slots) != 0 {
		t.Errorf("%d wait, %d are in work", g.length(), len(g.slots))
	}
}

func TestGate_ARequestThatExpiresWaitingGets4008(t *testing.T) {
	t.Parallel()
	h := &held{entered: make(chan struct{}, 1), leave: make(chan struct{})}
	g := newGate(h, 1, 10*time.Millisecond, []string{"3"}, time.Now)
	var first sync.WaitGroup
	first.Go(func() { g.Handle(t.Context(), nil, &onem2m.Request{}) })
	<-h.entered
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	for name, ctx := range map[string]context.Context{"its own deadline": soon, "that of the configuration": t.Context()} {
		r := g.Handle(ctx, nil, &onem2m.Request{RequestID: "r7", Release: "3", ResponseType: new(int64(5))})
		if r.Code != onem2m.RequestTimeout || r.RequestID != "r7" || r.Release != "3" || !r.NoResponse || r.OriginatingTimestamp == "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := g.Handle(soon, nil, &onem2m.Request{Release: "x\r\n"}); r.Release != "" || r.NoResponse {
		t.Errorf("%+v", r)
	}
	close(h.leave)
	first.Wait()
}

// panics is a CSE with a bug.
type panics struct{}

func (panics) Handle(context.Context, *identity.Association, *onem2m.Request) *onem2m.Response {
	panic("bug")
}

func TestGate_APanicGivesThePlaceBack(t *testing.T) {
	t.Parallel()
	g := newGate(panics{}, 1, time.Minute, nil, time.Now)
	func() {
		defer func() { _ = recover() }()
		g.Handle(t.Context(), nil, &onem2m.Request{})
	}()
	if len(g.slots) != 0 {
		t.Error("the place is lost")
	}
}

func TestCheckBound_RefusesANameThatIsNotLoopbackHere(t *testing.T) {
	t.Parallel()
	tests := []struct {
		address, bound string
		ok             bool
	}{
		{"localhost:8080", "127.0.0.1", true},
		{"localhost:8080", "::1", true},
		{"localhost:8080", "192.0.2.1", false},
		{"localhost:8080", "::", false},
		{"127.0.0.1:8080", "127.0.0.1", true},
		{"0.0.0.0:8080", "0.0.0.0", true}, // the configuration has permitted it
	}
	for _, tt := range tests {
		err := checkBound(config.Listener{Address: tt.address}, &net.TCPAddr{IP: net.ParseIP(tt.bound), Port: 8080})
		if (err == nil) != tt.ok || err != nil && !strings.Contains(err.Error(), "write 127.0.0.1") {
			t.Errorf("%s bound to %s: %v", tt.address, tt.bound, err)
		}
	}
}

// counting counts the lines of a log by the binding that they name.
type counting struct {
	mu    sync.Mutex // guards lines
	lines []string
}

func (c *counting) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, string(p))
	return len(p), nil
}

func (c *counting) with(words ...string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
lines:
	for _, l := range c.lines {
		for _, w := range words {
			if !strings.Contains(l, w) {
				continue lines
			}
		}
		n++
	}
	return n
}

func TestRemind_S006_WarnsOfBothKindsAgainAndAgain(t *testing.T) {
	t.Parallel()
	out := &counting{}
	n := &Node{log: slog.New(slog.NewTextHandler(out, nil)), cfg: &config.Config{Listen: []config.Listener{
		{Binding: config.BindingHTTP, Address: "0.0.0.0:80", SA: config.SAOptional},
		{Binding: config.BindingHTTPS, Address: "[::]:443", SA: config.SAOptional},
		{Binding: config.BindingHTTPS, Address: "0.0.0.0:8443", SA: config.SARequired},
		{Binding: config.BindingHTTP, Address: "127.0.0.1:8080", SA: config.SAOptional},
	}}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var run sync.WaitGroup
	run.Go(func() { n.remind(ctx, time.Millisecond) })
	for range 60_000 {
		if out.with("level=WARN", "binding=https ", "[::]:443") >= 3 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	run.Wait()
	for _, words := range [][]string{{"binding=http ", "0.0.0.0:80"}, {"binding=https ", "[::]:443"}} {
		if out.with(append(words, "level=WARN")...) < 3 {
			t.Errorf("not warned three times of %q", words)
		}
	}
	if out.with("8443") != 0 || out.with("8080") != 0 {
		t.Errorf("a warning without reason: %q", out.lines)
	}
}

// waiting gives up its place n times at once until it is let go.
type waiting struct {
	parts   int
	entered chan struct{}
	leave   chan struct{}
}

func (h *waiting) Handle(ctx context.Context, _ *identity.Association, req *onem2m.Request) *onem2m.Response {
	var parts sync.WaitGroup
	for range h.parts {
		parts.Go(func() {
			defer cse.Yield(ctx)()
			h.entered <- struct{}{}
			<-h.leave
		})
	}
	parts.Wait()
	return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID}
}

func TestGate_LongPollsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	h := &waiting{parts: 3, entered: make(chan struct{}, 30), leave: make(chan struct{})}
	g := newGate(h, 2, time.Minute, nil, time.Now)
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() { g.Handle(t.Context(), nil, &onem2m.Request{RequestID: "r"}) })
	}
	for range 15 {
		<-h.entered // all five wait, in three parts each
	}
	if len(g.slots) != 0 {
		t.Errorf("%d places are held by requests that wait", len(g.slots))
	}
	close(h.leave)
	all.Wait()
	if len(g.slots) != 0 {
		t.Errorf("%d places aren't given back", len(g.slots))
	}
}
