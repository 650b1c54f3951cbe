package harness

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Received is one request that a Sink got.
type Received struct {
	Path   string
	Header http.Header
	Body   string
}

// Sink is a receiver of notifications on a loopback address.
type Sink struct {
	URL string

	server *httptest.Server
	mu     sync.Mutex // guards what follows
	got    []Received
	answer func(http.ResponseWriter, *http.Request, string)
	change chan struct{} // closed and replaced at each request
}

// NewSink starts a receiver that answers 2000 until told otherwise.
func NewSink(tb testing.TB) *Sink {
	tb.Helper()
	s := &Sink{change: make(chan struct{}), answer: Agree}
	s.server = httptest.NewServer(s)
	s.URL = s.server.URL
	tb.Cleanup(s.server.Close)
	return s
}

// Agree answers with RSC 2000.
func Agree(w http.ResponseWriter, r *http.Request, _ string) { reply(w, r, "2000", http.StatusOK) }

// Acknowledge answers with RSC 2001, as some receivers do.
func Acknowledge(w http.ResponseWriter, r *http.Request, _ string) {
	reply(w, r, "2001", http.StatusCreated)
}

// Refuse answers with RSC 4103.
func Refuse(w http.ResponseWriter, r *http.Request, _ string) {
	reply(w, r, "4103", http.StatusForbidden)
}

func reply(w http.ResponseWriter, r *http.Request, rsc string, status int) {
	w.Header()["X-M2M-RSC"] = []string{rsc}
	w.Header()["X-M2M-RI"] = []string{r.Header.Get("X-M2M-RI")}
	w.WriteHeader(status)
}

// Answer sets how requests are answered from now on. The last argument of the
// function is the body of the request.
func (s *Sink) Answer(fn func(http.ResponseWriter, *http.Request, string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = fn
}

// ServeHTTP notes a request and answers it.
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender went away: it is as if it hadn't come
	}
	s.mu.Lock()
	s.got = append(s.got, Received{Path: r.URL.Path, Header: r.Header.Clone(), Body: string(body)})
	answer := s.answer
	close(s.change)
	s.change = make(chan struct{})
	s.mu.Unlock()
	answer(w, r, string(body))
}

// Got returns what has arrived.
func (s *Sink) Got() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Received(nil), s.got...)
}

// Wait returns what has arrived as soon as enough says so, or after the time.
func (s *Sink) Wait(within time.Duration, enough func([]Received) bool) []Received {
	timeout := time.After(within)
	for {
		s.mu.Lock()
		got, change := append([]Received(nil), s.got...), s.change
		s.mu.Unlock()
		if enough(got) {
			return got
		}
		select {
		case <-change:
		case <-timeout:
			return got
		}
	}
}

// AtLeast is a condition for Wait.
func AtLeast(n int) func([]Received) bool {
	return func(got []Received) bool { return len(got) >= n }
}
