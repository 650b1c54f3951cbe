package harness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// readyWait is how long a start may take, on a machine that has other work.
	readyWait = 2 * time.Minute
	// stopWait is how long a clean stop may take.
	stopWait = 2 * time.Minute
)

// Process is a running bulwark serve.
type Process struct {
	Dir   string // data directory
	HTTPS string // URL of the listener, "" for none
	HTTP  string
	Ops   string
	URLs  []string // of all listeners in the order of the configuration

	cmd    *exec.Cmd
	done   chan struct{} // closed when the process has ended
	err    error         // how it ended
	log    *output
	tb     testing.TB
	status sync.Mutex // guards err
}

// output collects what the process writes to standard error.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Start runs "bulwark serve --data dir flags..." and waits until it is ready.
// The process is stopped at the end of the test unless that happened before.
// An empty dir stands for a new temporary directory.
func Start(tb testing.TB, dir string, flags ...string) *Process {
	tb.Helper()
	return StartBy(tb, nil, dir, flags...)
}

// StartBy is Start with a command in front that runs the one behind it in its own
// place, as "ip netns exec" does.
func StartBy(tb testing.TB, by []string, dir string, flags ...string) *Process {
	tb.Helper()
	if dir == "" {
		dir = filepath.Join(tb.TempDir(), "data")
	}
	p := &Process{Dir: dir, done: make(chan struct{}), log: &output{}, tb: tb}
	args := append([]string{"serve", "--data", dir}, flags...)
	line := append(append(slices.Clone(by), Binary(tb)), args...)
	p.cmd = exec.CommandContext(context.Background(), line[0], line[1:]...) //nolint:gosec // our own command
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { p.end(syscall.SIGTERM) })
	ready := make(chan string, 1)
	go p.wait(out, ready)
	select {
	case line, ok := <-ready:
		if !ok {
			tb.Fatalf("bulwark %s ended before it was ready: %v\n%s", strings.Join(args, " "), p.Err(), p.Log())
		}
		p.addresses(line)
	case <-time.After(readyWait):
		p.end(syscall.SIGKILL)
		tb.Fatalf("bulwark isn't ready after %s\n%s", readyWait, p.Log())
	}
	return p
}

// wait reads standard output to its end and then notes how the process ended.
func (p *Process) wait(out io.Reader, ready chan<- string) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "bulwark ready ") {
			ready <- lines.Text()
		}
	}
	err := p.cmd.Wait()
	p.status.Lock()
	p.err = err
	p.status.Unlock()
	close(ready)
	close(p.done)
}

// addresses takes the URLs from the ready line.
func (p *Process) addresses(line string) {
	for word := range strings.FieldsSeq(line) {
		switch {
		case strings.HasPrefix(word, "https://"):
			p.HTTPS = word
			p.URLs = append(p.URLs, word)
		case strings.HasPrefix(word, "http://"):
			p.HTTP = word
			p.URLs = append(p.URLs, word)
		case strings.HasPrefix(word, "ops="):
			p.Ops = strings.TrimPrefix(word, "ops=")
		}
	}
}

// end signals the process and waits for its end.
func (p *Process) end(signal syscall.Signal) {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.tb.Errorf("signal %s: %v", signal, err)
	}
	select {
	case <-p.done:
	case <-time.After(stopWait):
		_ = p.cmd.Process.Kill() // the test fails already
		<-p.done
		p.tb.Errorf("bulwark didn't stop within %s of %s", stopWait, signal)
	}
}

// Kill ends the process as a power failure would and waits for its end.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

// Stop ends the process in the clean way; it fails the test if the process
// reports a failure.
func (p *Process) Stop() {
	p.end(syscall.SIGTERM)
	if err := p.Err(); err != nil {
		p.tb.Errorf("bulwark stopped with %v\n%s", err, p.Log())
	}
}

// Err returns how the process ended, nil for well or not yet.
func (p *Process) Err() error {
	p.status.Lock()
	defer p.status.Unlock()
	return p.err
}

// Alive reports whether the process runs.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Log returns what the process has written to standard error.
func (p *Process) Log() string { return p.log.String() }

// Pid returns the number of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Resident returns the resident memory of the process in octets; 0 where the
// system doesn't tell.
func (p *Process) Resident() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0
			}
			return n << 10
		}
	}
	return 0
}

// Audit returns the lines of the audit trail.
func (p *Process) Audit() []string {
	p.tb.Helper()
	return auditLines(p.tb, p.Dir)
}

func auditLines(tb testing.TB, dir string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "audit", "audit-*.jsonl"))
	if err != nil {
		tb.Fatal(err)
	}
	var lines []string
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}
