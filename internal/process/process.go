// Package process runs this very program as a CSE of its own, for commands that
// must see it from outside: be killed, be measured.
package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// readyTimeout bounds the start of the CSE: making a certificate authority
// included it is well below a second.
const readyTimeout = 20 * time.Second

// Process is a running `bulwark serve`.
type Process struct {
	URL string // address of its first listener

	cmd  *exec.Cmd
	log  *lockedBuffer
	dead chan struct{}
}

// lockedBuffer collects the log of the process.
type lockedBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// tail returns the last octets of the log, for an error.
func (b *lockedBuffer) tail() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	const most = 2000
	text := b.buf.String()
	return text[max(0, len(text)-most):]
}

// Log returns what the process has logged so far.
func (p *Process) Log() string {
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	return p.log.buf.String()
}

// Start runs this very program as a CSE with the given flags of `serve` and
// waits until it is ready. The caller must Kill or Stop it.
func Start(ctx context.Context, flags ...string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, append([]string{"serve", "--log-level", "warn"}, flags...)...) //nolint:gosec // it is this program
	cmd.Env = environment()
	p := &Process{cmd: cmd, log: &lockedBuffer{}, dead: make(chan struct{})}
	cmd.Stderr = p.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the CSE: %w", err)
	}
	ready := make(chan string, 1)
	go func() {
		defer close(p.dead)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if rest, ok := strings.CutPrefix(lines.Text(), "bulwark ready "); ok {
				ready <- rest
			}
		}
		_ = cmd.Wait() // how it ended is seen by whoever talks to it
	}()
	select {
	case line := <-ready:
		for word := range strings.FieldsSeq(line) {
			if p.URL == "" && strings.HasPrefix(word, "http") {
				p.URL = word
			}
		}
		return p, nil
	case <-p.dead:
		return nil, errors.New("the CSE ended at once: " + p.log.tail())
	case <-time.After(readyTimeout):
		p.Kill()
		return nil, errors.New("the CSE wasn't ready in time: " + p.log.tail())
	}
}

// environment leaves out settings that are meant for the user's own CSE.
func environment() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "BULWARK_") {
			env = append(env, e)
		}
	}
	return env
}

// Kill ends the process as a power cut would, SIGKILL, and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it fails only when the process has ended
	<-p.dead
}

// Stop ends the process in peace.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.dead:
	case <-time.After(10 * time.Second):
		p.Kill()
	}
}

// PID is the process number.
func (p *Process) PID() int { return p.cmd.Process.Pid }
