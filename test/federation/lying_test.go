package federation

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/test/harness"
)

// liar is a registree that has a good certificate and answers as it likes.
type liar struct {
	url string

	mu   sync.Mutex // guards what follows
	say  func(c net.Conn, hr *http.Request)
	seen []string // identifiers of the requests that have come
}

// newLiar registers a CSE with the IN-CSE of a system.
func newLiar(t *testing.T, s *system, id string) *liar {
	t.Helper()
	creds := s.authority.CSE(id)
	own, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &liar{url: "https://" + own.Addr().String()}
	trust := &tls.Config{Certificates: []tls.Certificate{creds.TLS}, MinVersion: tls.VersionTLS12}
	listener := tls.NewListener(own, trust)
	var group sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	group.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			group.Go(func() { l.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		group.Wait()
	})
	c := harness.NewClient(t, s.in.url(), s.authority.Client(creds), 1)
	c.Create(t, id, "/cse-in", 16, fmt.Sprintf(`{"m2m:csr":{"cb":"%s/cse","csi":%q,"rr":true,"poa":[%q],"srv":["3"]}}`, id, id, l.url)).Expect(t, 2001, 201)
	return l
}

func (l *liar) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	for {
		hr, err := http.ReadRequest(r)
		if err == nil {
			_, err = io.Copy(io.Discard, hr.Body)
		}
		if err != nil {
			return
		}
		l.mu.Lock()
		say := l.say
		l.seen = append(l.seen, hr.Header.Get("X-M2M-RI"))
		l.mu.Unlock()
		say(c, hr)
		if hr.Close {
			return
		}
	}
}

// answers sets what it says from now on.
func (l *liar) answers(say func(c net.Conn, hr *http.Request)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.say, l.seen = say, nil
}

// count is how many requests have come since then.
func (l *liar) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
}

// reply is an answer in one piece.
func reply(rqi, rsc, body string) string {
	return fmt.Sprintf("HTTP/1.1 201 Created\r\nX-M2M-RI: %s\r\nX-M2M-RSC: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", rqi, rsc, len(body), body)
}

// honest answers as a CSE does.
func honest(c net.Conn, hr *http.Request) {
	_, _ = c.Write([]byte(reply(hr.Header.Get("X-M2M-RI"), "2001", `{"m2m:cin":{"con":"x"}}`)))
}

func TestFaults_C008_ACSEThatAnswersWhatItLikes(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	l := newLiar(t, s, "/id-liar")
	s.in.plain.Make(t, "Cvisitor", "/cse-in", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	post := func(limit time.Duration) *harness.Answer {
		return ask(t, s.in, "POST", "Cvisitor", "/~/id-liar/cse/box", 4, `{"m2m:cin":{"con":"x"}}`, within(limit))
	}
	write := func(text string) func(net.Conn, *http.Request) {
		return func(c net.Conn, _ *http.Request) { _, _ = c.Write([]byte(text)) }
	}
	endless := func(begin, more string) func(net.Conn, *http.Request) {
		return func(c net.Conn, hr *http.Request) {
			_, err := c.Write([]byte(strings.ReplaceAll(begin, "RQI", hr.Header.Get("X-M2M-RI"))))
			for err == nil {
				_, err = c.Write([]byte(more))
			}
		}
	}
	head := "HTTP/1.1 201 Created\r\nX-M2M-RI: RQI\r\nX-M2M-RSC: 2001\r\nContent-Type: application/json\r\n"
	tests := []struct {
		name  string
		say   func(net.Conn, *http.Request)
		codes []int
	}{
		{"C-008 the answer to another request", func(c net.Conn, _ *http.Request) {
			_, _ = c.Write([]byte(reply("another", "2001", `{"m2m:cin":{"con":"stolen"}}`)))
		}, []int{5103}},
		{"two answers", func(c net.Conn, hr *http.Request) {
			honest(c, hr)
			_, _ = c.Write([]byte(reply("another", "2001", `{"m2m:cin":{"con":"stolen"}}`)))
		}, []int{2001}},
		{"what is no HTTP", write("\x00\x01\x02 hello\r\n\r\n"), []int{5103}},
		{"a body that is no JSON", func(c net.Conn, hr *http.Request) {
			_, _ = c.Write([]byte(reply(hr.Header.Get("X-M2M-RI"), "2001", `{"m2m:cin":`)))
		}, []int{5103}},
		{"a body of another kind", func(c net.Conn, hr *http.Request) {
			_, _ = c.Write([]byte(strings.Replace(reply(hr.Header.Get("X-M2M-RI"), "2001", `<html/>`), "application/json", "text/html", 1)))
		}, []int{5103}},
		{"a header without an end", endless("HTTP/1.1 201 Created\r\n", "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"), []int{5103}},
		{"a body without an end", endless(head+"Transfer-Encoding: chunked\r\n\r\n", "400\r\n"+strings.Repeat("a", 1024)+"\r\n"), []int{5103}},
		{"a body of a terabyte", endless(head+"Content-Length: 1099511627776\r\n\r\n", strings.Repeat("a", 1024)), []int{5103}},
		{"interim answers without an end", endless("", "HTTP/1.1 100 Continue\r\n\r\n"), []int{5103}},
		{"a drop at a time", func(c net.Conn, hr *http.Request) {
			var err error
			for _, b := range []byte(reply(hr.Header.Get("X-M2M-RI"), "2001", strings.Repeat(" ", 10_000)+`{}`)) {
				if err == nil {
					_, err = c.Write([]byte{b})
				}
				time.Sleep(20 * time.Millisecond)
				if err != nil {
					return
				}
			}
		}, []int{4008}},
		{"a way to somebody else", write("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"), []int{5103}},
		{"a page of some other software", write("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 7\r\n\r\n<html/>"), []int{5103}},
		{"a code that doesn't exist", func(c net.Conn, hr *http.Request) {
			_, _ = c.Write([]byte(reply(hr.Header.Get("X-M2M-RI"), "9999", `{}`)))
		}, []int{5000, 5103}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			harness.InTime(t, 2*time.Second, func(unit time.Duration) error {
				l.answers(tt.say)
				var a *harness.Answer
				d := harness.Took(func() { a = post(unit) })
				if strings.Contains(a.Body, "stolen") {
					t.Errorf("got %s", a)
				}
				n := l.count()
				if n > 1 {
					t.Errorf("sent %d times", n)
				}
				if n != 1 || !slices.Contains(tt.codes, a.RSC) {
					return fmt.Errorf("got %s, want %v", a, tt.codes)
				}
				if d > 2*unit {
					return fmt.Errorf("it took %s", d)
				}
				return nil
			})
			l.answers(honest)
			await(t, "what is asked next is answered", func() bool { // the one just behind may be lost, and gets nobody else's answer
				a := post(2 * time.Second)
				if strings.Contains(a.Body, "stolen") {
					t.Errorf("the next request gets %s", a)
				}
				return a.RSC == 2001
			})
		})
	}
	t.Run("C-007 the answers to two requests the other way round", func(t *testing.T) {
		first := make(chan string, 1)
		l.answers(func(c net.Conn, hr *http.Request) {
			rqi := hr.Header.Get("X-M2M-RI")
			select {
			case first <- rqi:
				time.Sleep(300 * time.Millisecond)
			case other := <-first:
				rqi = other
			}
			_, _ = c.Write([]byte(reply(rqi, "2001", `{"m2m:cin":{"con":"x"}}`)))
		})
		var group sync.WaitGroup
		var mu sync.Mutex
		codes := map[int]int{}
		for range 2 {
			group.Go(func() {
				a := post(20 * time.Second)
				mu.Lock()
				defer mu.Unlock()
				codes[a.RSC]++
			})
		}
		group.Wait()
		if codes[2001] != 1 || codes[5103] != 1 {
			t.Errorf("got %v", codes)
		}
	})
}
