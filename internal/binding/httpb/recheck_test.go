package httpb_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"bulwark/internal/binding/httpb"
	"bulwark/onem2m"
)

// counted serves over TLS and counts requests and connections.
func counted(t *testing.T) (server *httptest.Server, requests, connections *atomic.Int64) {
	t.Helper()
	requests, connections = new(atomic.Int64), new(atomic.Int64)
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("X-M2M-RSC", "2000")
		w.Header().Set("X-M2M-RI", "n1")
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t, "server")}, MinVersion: tls.VersionTLS12}
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, requests, connections
}

func TestClient_S060_ACredentialThatNoLongerCountsEndsItsConnections(t *testing.T) {
	t.Parallel()
	server, requests, connections := counted(t)
	var revoked atomic.Bool
	o := loopback()
	o.TLSFor = func(onem2m.ID) *tls.Config {
		return &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error {
			if revoked.Load() {
				return errors.New("revoked")
			}
			return nil
		}}
	}
	c := client(t, o)
	send := func() error {
		_, err := c.Send(t.Context(), server.URL, "//m2m.example/id-mn", notification())
		return err
	}
	for range 2 {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	if requests.Load() != 2 || connections.Load() != 1 {
		t.Errorf("%d requests over %d connections", requests.Load(), connections.Load())
	}
	revoked.Store(true)
	err := send()
	var left interface{ Sent() bool }
	if err == nil || onem2m.AsError(err).Code != onem2m.TargetNotReachable || errors.As(err, &left) || requests.Load() != 2 {
		t.Errorf("got %v, %d requests", err, requests.Load())
	}
	revoked.Store(false)
	if err := send(); err != nil || requests.Load() != 3 {
		t.Errorf("got %v, %d requests", err, requests.Load())
	}
}

func TestClient_S139_AConnectionIsNotUsedForEver(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration]int64{time.Nanosecond: 3, time.Hour: 1} {
		server, _, connections := counted(t)
		o := loopback()
		o.MaxAge = age
		o.TLSFor = func(onem2m.ID) *tls.Config { return &tls.Config{InsecureSkipVerify: true} }
		c := client(t, o)
		for range 3 {
			if _, err := c.Send(t.Context(), server.URL, "//m2m.example/id-mn", notification()); err != nil {
				t.Fatal(err)
			}
		}
		if got := connections.Load(); got != want {
			t.Errorf("%d connections at an age of %v, want %d", got, age, want)
		}
	}
}

func TestPolicy_AHostIsAllowedAtItsPortAlone(t *testing.T) {
	t.Parallel()
	server, other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	t.Cleanup(other.Close)
	c := client(t, httpb.ClientOptions{Policy: httpb.Policy{AllowHosts: []string{server.Listener.Addr().String()}}})
	if _, err := c.Send(t.Context(), server.URL, "", notification()); err != nil {
		t.Error(err)
	}
	if _, err := c.Send(t.Context(), other.URL, "", notification()); err == nil {
		t.Error("another port of the machine is reached")
	}
}
