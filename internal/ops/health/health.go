// Package health tells a service manager or a load balancer how the process
// is: /healthz, /readyz, /metrics and /version on a plain listener of their
// own. It asks nobody who they are and answers nothing else.
package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	// checkTimeout bounds one readiness check: less than a probe waits.
	checkTimeout = 2 * time.Second
	// readTimeout bounds a request, which is one line and a few fields.
	readTimeout = 5 * time.Second
	// writeTimeout bounds an answer, with a scrape of all metrics.
	writeTimeout = 30 * time.Second
	// stopTimeout bounds the wait for answers in work at a stop.
	stopTimeout = 2 * time.Second
	// maxHeader bounds the header fields of a request in octets.
	maxHeader = 8 << 10
)

// Check reports whether one part of the process can work; nil is yes.
type Check func(ctx context.Context) error

// Readiness is a set of named checks. The process is ready while all pass.
type Readiness struct {
	mu     sync.Mutex // guards checks
	checks []namedCheck
}

type namedCheck struct {
	name  string
	check Check
}

// Add adds a check. Names are shown to whoever asks; the errors only in the log.
func (r *Readiness) Add(name string, check Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks = append(r.checks, namedCheck{name, check})
}

// Outcome is the result of one check.
type Outcome struct {
	Name string
	Err  error
}

// Run runs every check, one after the other in the order of Add, and gives
// each two seconds.
func (r *Readiness) Run(ctx context.Context) []Outcome {
	r.mu.Lock()
	checks := append([]namedCheck(nil), r.checks...)
	r.mu.Unlock()
	outcomes := make([]Outcome, 0, len(checks))
	for _, c := range checks {
		limited, cancel := context.WithTimeout(ctx, checkTimeout)
		outcomes = append(outcomes, Outcome{c.name, c.check(limited)})
		cancel()
	}
	return outcomes
}

// Options is what a Handler shows.
type Options struct {
	Ready   *Readiness
	Metrics http.Handler
	Version any // encoded as JSON for /version
	Log     *slog.Logger
}

// Handler answers /healthz (the process runs), /readyz (every check passes,
// else 503 with the names of those that fail), /metrics and /version.
func Handler(opt Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, opt.Log, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		status, checks := http.StatusOK, map[string]string{}
		for _, o := range opt.Ready.Run(r.Context()) {
			checks[o.Name] = "ok"
			if o.Err != nil {
				status, checks[o.Name] = http.StatusServiceUnavailable, "failing"
				opt.Log.WarnContext(r.Context(), "not ready", "check", o.Name, "err", o.Err)
			}
		}
		answer(w, opt.Log, status, checks)
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { answer(w, opt.Log, http.StatusOK, opt.Version) })
	mux.Handle("GET /metrics", opt.Metrics)
	return mux
}

func answer(w http.ResponseWriter, log *slog.Logger, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.MarshalWrite(w, body, json.Deterministic(true)); err != nil {
		log.Debug("an answer on the operations listener was not sent", "err", err)
	}
}

// Serve serves handler on l until ctx ends, then closes l and waits a moment
// for answers in work.
func Serve(ctx context.Context, l net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler: handler, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: writeTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("operations listener: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err := server.Shutdown(stop)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	if e := <-done; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	if err != nil {
		return fmt.Errorf("stop the operations listener: %w", err)
	}
	return nil
}
