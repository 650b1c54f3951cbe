package httpb_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bulwark/internal/binding/httpb"
	"bulwark/onem2m"
)

// scripted answers each request of each connection by a function, which gets the
// number of the request on its connection.
type scripted struct {
	address     string
	connections atomic.Int64
	open        atomic.Int64
}

func newScripted(t *testing.T, answer func(n int, r *http.Request, c net.Conn) (more bool)) *scripted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := &scripted{address: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.connections.Add(1)
			s.open.Add(1)
			go func() {
				defer s.open.Add(-1)
				defer c.Close()
				br := bufio.NewReader(c)
				for n := 0; ; n++ {
					r, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if !answer(n, r, c) {
						return
					}
				}
			}()
		}
	}()
	return s
}

const fine = "HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\nX-M2M-RI: r\r\nContent-Length: 0\r\n\r\n"

func asked(op onem2m.Operation) *onem2m.Request {
	req := &onem2m.Request{Operation: op, To: "/id-mn/x", From: "/id-in", HasFrom: true, RequestID: "r", Release: "3"}
	if op == onem2m.Create {
		ty := int64(onem2m.TypeContainer)
		req.Type, req.Content = &ty, &onem2m.Content{Name: "m2m:cnt", Value: []byte("{}")}
	}
	return req
}

func TestPool_AConnectionThatTheOtherSideHasClosedIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	for _, op := range []onem2m.Operation{onem2m.Retrieve, onem2m.Create} {
		closed := make(chan struct{}, 8)
		s := newScripted(t, func(_ int, _ *http.Request, c net.Conn) bool {
			_, _ = io.WriteString(c, fine)
			time.AfterFunc(10*time.Millisecond, func() { _ = c.Close(); closed <- struct{}{} })
			return true
		})
		c := httpb.NewClient(loopback())
		for range 3 {
			if _, err := c.Send(t.Context(), "http://"+s.address, "//m2m.example/id-mn", asked(op)); err != nil {
				t.Error(err)
			}
			<-closed
			time.Sleep(50 * time.Millisecond) // so that the end has come here
		}
		c.Close()
		if n := s.connections.Load(); n != 3 {
			t.Errorf("%d connections", n)
		}
	}
}

// What may have been carried out isn't sent again: a connection that breaks in the
// moment of a request leaves that open.
func TestPool_C076_NothingIsSentTwiceThatMayHaveBeenCarriedOut(t *testing.T) {
	t.Parallel()
	for op, want := range map[onem2m.Operation]int64{onem2m.Retrieve: 3, onem2m.Create: 2, onem2m.Delete: 2} {
		var requests atomic.Int64
		s := newScripted(t, func(n int, _ *http.Request, c net.Conn) bool {
			requests.Add(1)
			if n == 1 {
				return false // it is read, and then the connection ends
			}
			_, _ = io.WriteString(c, fine)
			return true
		})
		c := httpb.NewClient(loopback())
		t.Cleanup(c.Close)
		if _, err := c.Send(t.Context(), "http://"+s.address, "//m2m.example/id-mn", asked(op)); err != nil {
			t.Fatal(err)
		}
		_, err := c.Send(t.Context(), "http://"+s.address, "//m2m.example/id-mn", asked(op))
		if got := requests.Load(); got != want || (err == nil) != (op == onem2m.Retrieve) {
			t.Errorf("%s: %d requests, %v", op, got, err)
		}
	}
}

func TestPool_AnswersOfEveryShape(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer string
		more   bool // the connection is used again
		code   onem2m.StatusCode
	}{
		"with a length":                    {fine, true, 0},
		"in pieces":                        {"HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n7\r\na\":{}}\n\r\n0\r\n\r\n", true, 0},
		"behind interim ones":              {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + fine, true, 0},
		"that ends the connection":         {strings.Replace(fine, "\r\n", "\r\nConnection: close\r\n", 1), false, 0},
		"with more behind it":              {fine + "HTTP/1.1 200 OK\r\n", false, 0},
		"too many interim ones":            {strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 9), false, 5103},
		"another protocol":                 {"HTTP/1.1 101 Switching Protocols\r\n\r\n", false, 5103},
		"a header without end":             {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100<<10), false, 5103},
		"half of it":                       {"HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\nContent-Length: 10\r\n\r\n{", false, 5103},
		"nothing":                          {"", false, 5103},
		"of HTTP/1.0":                      {"HTTP/1.0 200 OK\r\nX-M2M-RSC: 2000\r\nX-M2M-RI: r\r\n\r\n", false, 0},
		"longer than is read of an answer": {"HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat(" ", 9000), false, 5103},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, func(n int, _ *http.Request, c net.Conn) bool {
				_, _ = io.WriteString(c, tt.answer)
				return tt.more
			})
			o := loopback()
			o.MaxResponse = 4000
			c := httpb.NewClient(o)
			for i := range 2 {
				_, err := c.Send(t.Context(), "http://"+s.address, "//m2m.example/id-mn", asked(onem2m.Retrieve))
				if got := codeIn(err); got != tt.code {
					t.Errorf("request %d: %v", i, err)
				}
			}
			want := int64(2)
			if tt.more {
				want = 1
			}
			if n := s.connections.Load(); n != want {
				t.Errorf("%d connections", n)
			}
			c.Close()
			for end := time.Now().Add(patience); s.open.Load() > 0; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("a connection is left open")
				}
			}
		})
	}
}

func codeIn(err error) onem2m.StatusCode {
	if err == nil {
		return 0
	}
	return onem2m.AsError(err).Code
}

// BenchmarkClient measures one exchange with a CSE that costs nothing.
func BenchmarkClient(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["X-M2M-RSC"] = []string{"2000"}
		fmt.Fprint(w, `{"m2m:cnt":{}}`)
	})}
	go s.Serve(l) //nolint:errcheck // it ends with the test
	defer s.Close()
	c := httpb.NewClient(loopback())
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Send(b.Context(), "http://"+l.Addr().String(), "//m2m.example/id-mn", asked(onem2m.Retrieve)); err != nil {
			b.Fatal(err)
		}
	}
}
