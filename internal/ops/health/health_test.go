package health_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bulwark/internal/ops/health"
	"bulwark/internal/ops/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(handler http.Handler, method, path string) (int, string) {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, w.Body.String()
}

func TestHandler_AnswersItsPathsAndNothingElse(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	ready := &health.Readiness{}
	failing := errors.New("disk /secret/path is gone")
	var storeErr error
	ready.Add("store", func(context.Context) error { return storeErr })
	ready.Add("audit", func(context.Context) error { return nil })
	h := health.Handler(health.Options{
		Ready: ready, Metrics: metrics.New("v1").Handler(), Version: map[string]string{"version": "v1"},
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	steps := []struct {
		name, method, path string
		store              error
		status             int
		body               string
	}{
		{"alive", "GET", "/healthz", nil, 200, `{"status":"ok"}`},
		{"alive although not ready", "GET", "/healthz", failing, 200, `{"status":"ok"}`},
		{"ready", "GET", "/readyz", nil, 200, `{"audit":"ok","store":"ok"}`},
		{"not ready, without the reason", "GET", "/readyz", failing, 503, `{"audit":"ok","store":"failing"}`},
		{"version", "GET", "/version", nil, 200, `{"version":"v1"}`},
		{"metrics", "GET", "/metrics", nil, 200, "onem2m_build_info{version=\"v1\"} 1"},
		{"another path", "GET", "/", nil, 404, "not found"},
		{"another method", "POST", "/readyz", nil, 405, "Method Not Allowed"},
	}
	for _, s := range steps {
		storeErr = s.store
		if status, body := get(h, s.method, s.path); status != s.status || !strings.Contains(body, s.body) {
			t.Errorf("%s: got %d %s", s.name, status, body)
		}
	}
	if !strings.Contains(log.String(), "secret") {
		t.Error("the log does not say why")
	}
}

func TestReadiness_GivesACheckTwoSeconds(t *testing.T) {
	t.Parallel()
	ready := &health.Readiness{}
	ready.Add("slow", func(ctx context.Context) error {
		deadline, ok := ctx.Deadline()
		if !ok || time.Until(deadline) > 2*time.Second {
			t.Error("there is no deadline")
		}
		return nil
	})
	ready.Run(t.Context())
}

func TestServe_StopsWithItsContext(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- health.Serve(ctx, l, health.Handler(health.Options{
			Ready: &health.Readiness{}, Metrics: http.NotFoundHandler(), Log: log,
		}), log)
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + l.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Error(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
