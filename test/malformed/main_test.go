// Package malformed sends what no well-behaved client sends, and looks at the
// answers and at what the process is like afterwards.
package malformed

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"bulwark/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// impatient has short times for clients that are too slow, so that the test needn't
// be slow: no others are to meet it.
const impatient = `
[limits]
read-header-timeout = "4s"
read-timeout = "4s"
` + patient

const patient = `
[[listen]]
binding = "https"
address = "127.0.0.1:0"

[[listen]]
binding = "http"
address = "127.0.0.1:0"
trust-plain = true
`

// target is one listener of the server under test.
type target struct {
	name   string
	base   string
	tls    *tls.Config
	client *harness.Client
}

// server is the process under test with an AE that may do everything in its
// own subtree, over both listeners.
type server struct {
	*harness.Process

	targets []target
}

func start(t *testing.T, toml string) *server {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	authority := harness.NewAuthority(t, dir)
	cfg := authority.Client(authority.AE("Cmal01"))
	p := harness.Start(t, dir, "--config", harness.Configure(t, "ops = \"127.0.0.1:0\"\n"+toml), "--log-level", "error")
	s := &server{Process: p, targets: []target{
		{"https", p.HTTPS, cfg, harness.NewClient(t, p.HTTPS, cfg.Clone(), 1)},
		{"http2", p.HTTPS, cfg, harness.NewClient(t, p.HTTPS, cfg.Clone(), 2)},
		{"http", p.HTTP, nil, harness.NewClient(t, p.HTTP, nil, 1)},
	}}
	s.targets[0].client.Register(t, "Cmal01", "mal")
	s.targets[0].client.Make(t, "Cmal01", "/cse-in/mal", 3, `{"m2m:cnt":{"rn":"box"}}`)
	return s
}

// state is what must not grow.
type state struct {
	resident   int64
	goroutines int
	files      int
}

var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)`)

func (s *server) state(t *testing.T) state {
	t.Helper()
	res, err := http.Get(s.Ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := goroutines.FindSubmatch(text)
	if found == nil {
		t.Fatal("the metrics have no go_goroutines")
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	// Where the system doesn't tell, the list is empty before and after.
	files, _ := os.ReadDir("/proc/" + strconv.Itoa(s.Pid()) + "/fd")
	return state{resident: s.Resident(), goroutines: n, files: len(files)}
}

// settled waits until goroutines and files are back where they were.
func (s *server) settled(t *testing.T, before state) {
	t.Helper()
	const (
		slack = 4 // connections of the test to the metrics, and work that comes and goes
		grown = 128 << 20
	)
	if !s.Alive() {
		t.Fatalf("the process has ended: %v\n%s", s.Err(), s.Log())
	}
	var after state
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		after = s.state(t)
		if after.goroutines <= before.goroutines+slack && after.files <= before.files+slack {
			break
		}
	}
	if after.goroutines > before.goroutines+slack || after.files > before.files+slack {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if after.resident > before.resident+grown {
		t.Errorf("the memory grew from %d to %d octets", before.resident, after.resident)
	}
}
