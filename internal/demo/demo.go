package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"bulwark/client"
	"bulwark/internal/pki"
	"bulwark/internal/process"
)

// story is the state between the steps.
type story struct {
	*teller
	dir     string // temporary, removed at the end
	process *process.Process
	ca      *pki.Authority

	sensor, dashboard, intruder, admin *client.Client

	north, south *gateway
	house        *house

	listener, panelListener *client.Listener
	mu                      sync.Mutex // guards arrived
	arrived                 []client.Notification
	posted                  int // values that the CSE has acknowledged
}

// Run tells the story. It fails unless every step did what it should. It needs
// no input, uses loopback addresses and a temporary folder only.
func Run(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "bulwark-demo-")
	if err != nil {
		return fmt.Errorf("temporary folder: %w", err)
	}
	s := &story{teller: &teller{out: out}, dir: dir}
	defer func() { err = errors.Join(err, s.close()) }()
	began := time.Now()
	s.printf("Bulwark, the secure oneM2M service platform: a CSE, its applications and an intruder; then a tree of CSEs.\nEverything happens on this machine, in %s.\n", dir)
	for _, chapter := range []func(context.Context) bool{s.foundation, s.applications, s.permission, s.intrusion, s.conditions, s.crash, s.tree, s.protected, s.visit} {
		if !chapter(ctx) {
			break // what follows would fail for the same reason
		}
	}
	if s.err != nil {
		return s.err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("stopped in step %d: %w", s.steps, context.Cause(ctx))
	}
	if s.failed > 0 {
		return fmt.Errorf("%d of %d steps went wrong", s.failed, s.steps)
	}
	s.printf("\nAll %d steps did what they should, in %.1f s.\n", s.steps, time.Since(began).Seconds())
	s.next()
	return s.err
}

// close stops everything and removes the folder.
func (s *story) close() error {
	var errs []error
	for _, c := range []*client.Client{s.sensor, s.dashboard, s.intruder, s.admin} {
		if c != nil {
			c.Close()
		}
	}
	for _, l := range []*client.Listener{s.listener, s.panelListener} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	for _, g := range []*gateway{s.north, s.south} {
		if g != nil {
			g.close()
		}
	}
	if s.house != nil {
		s.house.close()
	}
	if s.process != nil {
		s.process.Stop()
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

func (s *story) data() string { return filepath.Join(s.dir, "data") }

// connect makes a client with a certificate of the development authority.
func (s *story) connect(stem, certificate string) (*client.Client, error) {
	return client.New(client.Options{
		URL: s.localhost(), From: stem, CA: s.ca.CAFile(),
		Cert: certificate + ".crt", Key: certificate + ".key", Timeout: 10 * time.Second,
	})
}

// localhost is the address of the CSE under a name that its certificate has.
func (s *story) localhost() string {
	u, err := url.Parse(s.process.URL)
	if err != nil {
		return s.process.URL
	}
	return "https://localhost:" + u.Port()
}

// issue makes a certificate for an AE-ID and a client that holds it.
func (s *story) issue(stem string) (*client.Client, error) {
	prefix := filepath.Join(s.dir, stem)
	if _, err := s.ca.Issue(pki.AE, stem, pki.Options{Out: prefix}); err != nil {
		return nil, err
	}
	return s.connect(stem, prefix)
}

// next prints what to try now. The lines work as they stand, from the folder
// of the source.
func (s *story) next() {
	s.printf(`
What to try next, each line as it stands:

  go run ./cmd/bulwark serve                    (in a window of its own: a CSE on https://localhost:8443)

  export BULWARK_AE_CSE=https://localhost:8443 BULWARK_AE_CA=bulwark-data/pki/ca.crt
  export BULWARK_AE_CERT=lamp.crt BULWARK_AE_KEY=lamp.key
  go run ./cmd/bulwark pki issue ae CLamp --dir bulwark-data/pki --out lamp
  go run ./cmd/bulwark ae register --api Nlamp.example.com --rn lamp
  go run ./cmd/bulwark ae create cse-in/lamp cnt '{"rn":"state"}'
  go run ./cmd/bulwark ae create cse-in/lamp/state cin '{"con":"on"}'
  go run ./cmd/bulwark ae get cse-in/lamp/state/la
  go run ./cmd/bulwark explain --originator CStranger --op retrieve --to cse-in/lamp/state \
     --cse https://localhost:8443 --cert bulwark-data/pki/admin.crt --key bulwark-data/pki/admin.key

  go run ./cmd/bulwark --help
`)
}
