package httpb_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"bulwark/internal/binding/httpb"
	"bulwark/onem2m"
)

// As many requests as the lane of one CSE has at a time find their connections
// again: a connection that isn't kept costs the next request a handshake.
func TestClient_ConnectionsOfAFullLaneAreKept(t *testing.T) {
	t.Parallel()
	const lane, rounds = 64, 5
	var opened atomic.Int64
	var together sync.WaitGroup // the requests of a round are all there at the same time
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		together.Done()
		together.Wait()
		w.Header().Set("X-M2M-RSC", "2000")
		w.Header().Set("X-M2M-RI", r.Header.Get("X-M2M-RI"))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := httpb.NewClient(loopback())
	t.Cleanup(c.Close)
	for range rounds {
		together.Add(lane)
		var group sync.WaitGroup
		for range lane {
			group.Go(func() {
				req := &onem2m.Request{Operation: onem2m.Retrieve, To: "/id-mn/cse-mn", From: "/id-in", HasFrom: true, RequestID: "1", Release: "3"}
				if _, err := c.Send(t.Context(), s.URL, "//m2m.example/id-mn", req); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	if n := opened.Load(); n > lane {
		t.Errorf("%d connections for %d requests at a time", n, lane)
	}
}
