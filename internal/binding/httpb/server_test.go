package httpb_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/goleak"

	"bulwark/internal/binding/httpb"
	"bulwark/internal/identity"
	"bulwark/onem2m"
)

func TestMain(m *testing.M) {
	// A server's connection that refused a body rests for half a second before it goes.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// recorder is a CSE that remembers what arrives and answers with reply.
type recorder struct {
	mu    sync.Mutex
	calls []call
	reply func(context.Context, *onem2m.Request) *onem2m.Response
}

type call struct {
	association *identity.Association
	request     *onem2m.Request
	deadline    time.Time
}

func (r *recorder) Handle(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response {
	deadline, _ := ctx.Deadline()
	r.mu.Lock()
	r.calls = append(r.calls, call{a, req, deadline})
	r.mu.Unlock()
	if r.reply != nil {
		return r.reply(ctx, req)
	}
	return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID, Release: req.Release}
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.calls)
}

func (r *recorder) last(t *testing.T) call {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.calls) == 0 {
		t.Fatal("nothing reached the CSE")
	}
	return r.calls[len(r.calls)-1]
}

// start runs a server on a loopback port until the test ends.
func start(t testing.TB, o httpb.Options, h httpb.Handler) string {
	t.Helper()
	o.Address = "127.0.0.1:0"
	s := httpb.NewServer(o, h)
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var failed error
	var work sync.WaitGroup
	work.Go(func() { failed = s.Serve(ctx) })
	t.Cleanup(func() {
		cancel()
		work.Wait()
		if failed != nil {
			t.Errorf("Serve: %v", failed)
		}
	})
	return s.Addr().String()
}

// patience is how long something may take that is no matter of time, on a machine
// that has much else to do.
const patience = time.Minute

// inTime makes an experiment with real time: with times that are long for a
// machine that has nothing else to do, and where that fails again with longer ones.
// What isn't so with any of them fails.
func inTime(t *testing.T, begin time.Duration, experiment func(unit time.Duration) error) {
	t.Helper()
	var err error
	for unit := begin; unit <= 64*begin; unit *= 4 {
		if err = experiment(unit); err == nil {
			return
		}
		t.Logf("with %s: %v", unit, err)
	}
	t.Error(err)
}

// dial opens a connection that the test owns.
func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// answer is one HTTP response with the header lines as they were on the wire.
type answer struct {
	status int
	lines  []string
	header http.Header
	body   string
}

func (a answer) rsc() string { return a.header.Get("X-M2M-RSC") }

func (a answer) has(line string) bool { return slices.Contains(a.lines, line) }

// readAnswer reads one response and keeps its raw header.
func readAnswer(r *bufio.Reader, method string) (answer, error) {
	var raw bytes.Buffer
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return answer{}, err
		}
		raw.WriteString(line)
		if line == "\r\n" {
			break
		}
	}
	var a answer
	for line := range strings.SplitSeq(raw.String(), "\r\n") {
		a.lines = append(a.lines, line)
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(&raw, r)), &http.Request{Method: method})
	if err != nil {
		return a, err
	}
	a.status, a.header = resp.StatusCode, resp.Header
	if resp.ContentLength >= 0 {
		b, err := io.ReadAll(io.LimitReader(resp.Body, resp.ContentLength))
		a.body = string(b)
		return a, err
	}
	b, err := io.ReadAll(resp.Body)
	a.body = string(b)
	return a, err
}

// send writes raw octets on a new connection and reads one answer.
func send(t testing.TB, address, raw string) answer {
	t.Helper()
	a, err := exchange(t, address, raw)
	if err != nil {
		t.Fatalf("answer to %.200q: %v", raw, err)
	}
	return a
}

// exchange is send that may fail.
func exchange(t testing.TB, address, raw string) (answer, error) {
	t.Helper()
	c := dial(t, address)
	if _, err := io.WriteString(c, raw); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Logf("write: %v", err)
	}
	method, _, _ := strings.Cut(strings.TrimLeft(raw, "\r\n"), " ")
	return readAnswer(bufio.NewReader(c), method)
}

// message builds a request with the usual headers. extra are further header lines.
func message(method, target, body string, extra ...string) string {
	var b strings.Builder
	b.WriteString(method + " " + target + " HTTP/1.1\r\nHost: cse.example\r\n")
	for _, line := range append([]string{"X-M2M-Origin: Cabc", "X-M2M-RI: r1", "X-M2M-RVI: 3"}, extra...) {
		b.WriteString(line + "\r\n")
	}
	if body != "" {
		b.WriteString("Content-Length: " + itoa(len(body)) + "\r\n")
	}
	return b.String() + "\r\n" + body
}

func itoa(n int) string { return string(jsontext.Int(int64(n)).String()) }
