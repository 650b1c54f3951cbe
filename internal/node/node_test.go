package node_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"bulwark/internal/node"
	"bulwark/internal/ops/config"
	"bulwark/internal/store"
	"bulwark/internal/store/sql"
	"bulwark/test/harness"
)

func TestMain(m *testing.M) {
	// A server's connection that refused a body rests for half a second before it goes.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// long is more than anything here takes, on a machine that has other work.
const long = 2 * time.Minute

// lines collects text that several goroutines write.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// awaits waits until the text contains a word.
func (l *lines) awaits(t *testing.T, word string) {
	t.Helper()
	for range int(long / (5 * time.Millisecond)) {
		if strings.Contains(l.String(), word) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%q does not come:\n%s", word, l)
}

// running is a node in this process.
type running struct {
	*node.Node
	dir        string
	ready, log *lines
	stop       func()     // begins the stop
	ended      chan error // gets what Run returns
}

// settings are the lines of a configuration with a trusting plain listener.
const plain = "[[listen]]\nbinding = \"http\"\naddress = \"127.0.0.1:0\"\ntrust-plain = true\n"

func load(t *testing.T, dir, toml string, flags map[string]string) *config.Config {
	t.Helper()
	all := map[string]string{"data": dir}
	maps.Copy(all, flags)
	cfg, err := config.Load(config.Sources{File: harness.Configure(t, toml), Flags: all})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// start runs a node until the end of the test, or until stop. Handshakes have as
// long as anything else here, unless the test sets limits of its own: they are
// slow on a machine that has other work, and that is no failure.
func start(t *testing.T, dir, toml string, o node.Options) *running {
	t.Helper()
	if dir == "" {
		dir = filepath.Join(t.TempDir(), "data")
	}
	if !strings.Contains(toml, "[limits]") {
		toml += "\n[limits]\nread-header-timeout = \"" + long.String() + "\"\n"
	}
	r := &running{dir: dir, ready: &lines{}, log: &lines{}, ended: make(chan error, 1)}
	o.Version, o.Ready = "test", r.ready
	o.Log = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx, cancel := context.WithCancel(context.Background())
	n, err := node.Open(ctx, load(t, dir, toml, nil), o)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	r.Node, r.stop = n, cancel
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.ended <- n.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	r.ready.awaits(t, "bulwark ready ")
	return r
}

// end waits for the end of Run.
func (r *running) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(long):
		t.Fatal("the node does not stop")
		return nil
	}
}

func TestNode_SaysThatItIsReadyAndStops(t *testing.T) {
	t.Parallel()
	r := start(t, "", plain+"[[listen]]\nbinding = \"https\"\naddress = \"127.0.0.1:0\"\n", node.Options{})
	urls := r.Addresses()
	want := "bulwark ready cse=//m2m.example/id-in name=cse-in " + urls[0] + " " + urls[1] + "\n"
	if got := r.ready.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c := harness.NewClient(t, urls[0], nil, 1)
	c.Get(t, "CAdmin", "/cse-in").Expect(t, 2000, 200)
	r.stop()
	if err := r.end(t); err != nil {
		t.Errorf("the stop: %v", err)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(urls[0], "http://")); err == nil {
		t.Error("the listener is still open")
	}
}

func TestOpen_RefusesADirectoryThatAnotherProcessUses(t *testing.T) {
	t.Parallel()
	r := start(t, "", plain, node.Options{})
	n, err := node.Open(t.Context(), load(t, r.dir, plain, nil), node.Options{})
	if err == nil {
		_ = n.Close()
		t.Fatal("is accepted")
	}
	for _, want := range []string{"another bulwark works on " + r.dir, "--data"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestOpenOffline_LeavesTheCSEAsItIs(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	toml := strings.Replace(plain, "127.0.0.1:0", address, 1)
	stored := func(open func(context.Context, *config.Config, node.Options) (*node.Node, error)) string {
		n, err := open(t.Context(), load(t, dir, toml, nil), node.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := sql.Open(t.Context(), sql.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		var text string
		err = s.Read(t.Context(), func(r store.Reader) error {
			base, err := r.ByRI("id-in")
			if err == nil {
				text = string(base.Attributes)
			}
			return err
		})
		if err = errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		return text
	}
	before := stored(node.Open)
	if !strings.Contains(before, `"poa":["http://`+address+`"]`) {
		t.Fatalf("the CSE tells no point of access: %s", before)
	}
	if diff := cmp.Diff(before, stored(node.OpenOffline)); diff != "" {
		t.Error(diff)
	}
}

func TestOpen_RefusesADirectoryOfAnotherCSE(t *testing.T) {
	t.Parallel()
	r := start(t, "", plain, node.Options{})
	r.stop()
	if err := r.end(t); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for flag, value := range map[string]string{"cse-id": "/id-other", "cse-name": "other", "sp": "//other.example", "cse-type": "mn"} {
		n, err := node.Open(t.Context(), load(t, r.dir, plain, map[string]string{flag: value}), node.Options{})
		if err == nil {
			_ = n.Close()
			t.Errorf("--%s %s is accepted", flag, value)
			continue
		}
		if !strings.Contains(err.Error(), "belongs to the CSE //m2m.example/id-in named cse-in") || !strings.Contains(err.Error(), "another data directory") {
			t.Errorf("--%s: %v", flag, err)
		}
	}
}

// busy starts a node and a request that is in work until the receiver answers.
func busy(t *testing.T, toml string) (r *running, answer chan *harness.Answer, release func()) {
	t.Helper()
	asked, open := make(chan struct{}), make(chan struct{})
	var once sync.Once
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		once.Do(func() { close(asked) })
		select {
		case <-open:
		case <-q.Context().Done():
		}
		harness.Agree(w, q, "")
	}))
	t.Cleanup(receiver.Close)
	var opened sync.Once
	release = func() { opened.Do(func() { close(open) }) }
	t.Cleanup(release)
	r = start(t, "", "[cse]\nverify-urls = true\n"+plain+toml, node.Options{})
	c := harness.NewClient(t, r.Addresses()[0], nil, 1)
	c.Register(t, "CBusy", "busy")
	answer = make(chan *harness.Answer, 1)
	go func() {
		a, err := c.Do(context.Background(), harness.Request{
			Method: http.MethodPost, Target: "/cse-in/busy", From: "CBusy", Type: 23,
			Body: `{"m2m:sub":{"rn":"s","nu":["` + receiver.URL + `"],"enc":{"net":[3]}}}`,
		})
		if err != nil {
			a = &harness.Answer{Body: err.Error()}
		}
		answer <- a
	}()
	select {
	case <-asked:
	case <-time.After(long):
		t.Fatal("the receiver is not asked")
	}
	return r, answer, release
}

func TestRun_AStopLetsARequestInWorkFinish(t *testing.T) {
	t.Parallel()
	r, answer, release := busy(t, "")
	r.stop()
	select {
	case err := <-r.ended:
		t.Fatalf("the node has stopped with a request in work: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	release()
	if a := <-answer; a.RSC != 2001 {
		t.Errorf("the request that was in work: %s", a)
	}
	if err := r.end(t); err != nil {
		t.Error(err)
	}
}

func TestRun_AStopWaitsNoLongerThanTheLimit(t *testing.T) {
	t.Parallel()
	r, answer, _ := busy(t, "[limits]\ndrain = \"100ms\"\n")
	took := harness.Took(func() {
		r.stop()
		if err := r.end(t); err != nil {
			t.Error(err)
		}
	})
	if took > 8*time.Second {
		t.Errorf("the stop took %s", took)
	}
	if a := <-answer; a.RSC == 2001 {
		t.Errorf("the request was answered: %s", a)
	}
	if !strings.Contains(r.log.String(), "requests were broken off") {
		t.Error("nothing in the log")
	}
}

func TestRun_TellsTheServiceManager(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "b") // a socket has a short name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	next := func() string {
		t.Helper()
		buffer := make([]byte, 100)
		if err := l.SetReadDeadline(time.Now().Add(long)); err != nil {
			t.Fatal(err)
		}
		n, err := l.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
	r := start(t, "", plain, node.Options{Manager: socket})
	if got := next(); got != "READY=1" {
		t.Errorf("got %q", got)
	}
	r.stop()
	if got := next(); got != "STOPPING=1" {
		t.Errorf("got %q", got)
	}
	if err := r.end(t); err != nil {
		t.Error(err)
	}
}

func TestRun_AManagerThatIsGoneIsNoReasonToStop(t *testing.T) {
	t.Parallel()
	r := start(t, "", plain, node.Options{Manager: "/nonexistent/notify"})
	r.log.awaits(t, "the service manager could not be told")
	harness.NewClient(t, r.Addresses()[0], nil, 1).Get(t, "CAdmin", "/cse-in").Expect(t, 2000, 200)
}

func TestRun_LogsRequests(t *testing.T) {
	t.Parallel()
	r := start(t, "", plain, node.Options{})
	c := harness.NewClient(t, r.Addresses()[0], nil, 1)
	a := c.Get(t, "CAdmin", "/cse-in/none")
	a.Expect(t, 4004, 404)
	r.log.awaits(t, "level=DEBUG msg=request req="+a.Header.Get("X-M2M-RI")+" fr=CAdmin to=cse-in/none op=retrieve rsc=4004 dur=")
	a = c.Get(t, "/id-in", "/cse-in")
	a.Expect(t, 4107, 403)
	r.log.awaits(t, "level=WARN msg=request req="+a.Header.Get("X-M2M-RI")+" fr=/id-in to=cse-in op=retrieve rsc=4107 dur=")
}

func TestOpen_RefusesFilesThatItCannotUse(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, toml, want string }{
		{"roots that are not there", plain + "[outbound]\nca = \"none.crt\"\n", "outbound ca: open "},
		{"roots without a certificate", plain + "[outbound]\nca = \"" + empty + "\"\n", "holds no certificate"},
		{"a base policy that is not there", plain + "[cse]\nbase-policy = \"none.json\"\n", "base-policy: open "},
		{"a base policy that is none", plain + "[cse]\nbase-policy = \"" + empty + "\"\n", "base-policy "},
		{"an anchor that is not there", secure + "[[anchor]]\nca = \"none.crt\"\nflavours = [\"ae\"]\n", "trust anchors: "},
		{"a certificate that is not there", secure + "cert = \"none.crt\"\nkey = \"none.key\"\n", "certificate of the CSE: "},
		{"an address of another machine", strings.Replace(plain, "127.0.0.1:0", "127.0.0.1:1", 1) + "[[listen]]\nbinding = \"https\"\naddress = \"192.0.2.1:1\"\n", "listen on "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n, err := node.Open(t.Context(), load(t, filepath.Join(t.TempDir(), "data"), tt.toml, nil), node.Options{})
			if err == nil {
				_ = n.Close()
				t.Fatal("is accepted")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v", err)
			}
		})
	}
}
