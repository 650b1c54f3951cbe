package malformed

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"bulwark/test/harness"
)

// stream is what is written to a new connection, octet by octet, and the
// beginnings one of which the answer must have; "" allows that there is none.
type stream struct {
	name, text string
	starts     []string
	hold       bool // the client keeps the connection open and says nothing more
	half       bool // the client closes its half
}

const good = "Host: cse\r\nX-M2M-Origin: Cmal01\r\nX-M2M-RI: 1\r\nX-M2M-RVI: 3\r\nConnection: close\r\n"

func streams() []stream {
	bad := []string{"HTTP/1.1 400 "}
	badOrNothing := []string{"HTTP/1.1 400 ", ""}
	ok := []string{"HTTP/1.1 200 "}
	post := "POST /cse-in/mal HTTP/1.1\r\n" + good + "Content-Type: application/json;ty=3\r\n"
	return []stream{
		{name: "no Host", text: "GET /cse-in/mal HTTP/1.1\r\nX-M2M-Origin: Cmal01\r\nX-M2M-RI: 1\r\n\r\n", starts: bad},
		{name: "two Hosts", text: "GET /cse-in/mal HTTP/1.1\r\nHost: a\r\n" + good + "\r\n", starts: bad},
		{name: "a NUL in a header", text: "GET /cse-in/mal HTTP/1.1\r\n" + good + "X-A: a\x00b\r\n\r\n", starts: bad},
		{name: "a blank in a header's name", text: "GET /cse-in/mal HTTP/1.1\r\n" + good + "X A: b\r\n\r\n", starts: bad},
		{name: "a folded originator", text: "GET /cse-in/mal HTTP/1.1\r\nHost: cse\r\nX-M2M-Origin: Cmal\r\n 01\r\nX-M2M-RI: 1\r\nConnection: close\r\n\r\n", starts: bad},
		{name: "a line end in disguise", text: "GET /cse-in/mal HTTP/1.1\r\nHost: cse\r\nX-M2M-Origin: Cmal01\r\nX-M2M-RI: a%0d%0aX-Evil: 1\r\nX-M2M-RVI: 3\r\nConnection: close\r\n\r\n", starts: ok},
		{name: "a carriage return alone", text: "GET /cse-in/mal HTTP/1.1\r\nHost: cse\r\nX-M2M-Origin: Cmal01\r\nX-M2M-RI: a\rX-Evil: 1\r\nConnection: close\r\n\r\n", starts: bad},
		{name: "HTTP/0.9", text: "GET /cse-in/mal\r\n\r\n", starts: bad},
		{name: "HTTP/3.0", text: "GET /cse-in/mal HTTP/3.0\r\n" + good + "\r\n", starts: []string{"HTTP/1.1 505 "}},
		{name: "noise", text: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\xa5", 600) + "\r\n\r\n", starts: badOrNothing},
		{name: "the preface of HTTP/2", text: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", starts: []string{"HTTP/1.1 400 ", "HTTP/1.1 505 ", "HTTP/1.1 404 ", "HTTP/1.1 405 ", ""}, half: true},
		{name: "two lengths", text: post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n123456", starts: bad},
		{name: "a negative length", text: post + "Content-Length: -5\r\n\r\n", starts: bad},
		{name: "a length that is no number", text: post + "Content-Length: 0x5\r\n\r\n12345", starts: bad},
		{name: "a length beyond the limit", text: post + "Content-Length: 9223372036854775807\r\n\r\nx", starts: []string{"HTTP/1.1 413 ", "HTTP/1.1 400 "}},
		{name: "length and chunks", text: post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /cse-in/mal HTTP/1.1\r\n" + good + "\r\n", starts: bad},
		{name: "chunks in disguise", text: post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", starts: []string{"HTTP/1.1 400 ", "HTTP/1.1 501 "}},
		{name: "a chunk without a size", text: post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", starts: bad},
		{name: "a chunk with a huge size", text: post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n", starts: bad},
		{name: "chunks beyond the limit", text: post + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("8000\r\n"+strings.Repeat("x", 0x8000)+"\r\n", 40) + "0\r\n\r\n", starts: []string{"HTTP/1.1 413 ", ""}},
		{name: "an expectation that can't be met", text: post + "Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}", starts: []string{"HTTP/1.1 417 ", "HTTP/1.1 400 "}},
		{name: "an expectation and a length beyond the limit", text: post + "Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", starts: []string{"HTTP/1.1 413 "}},
		{name: "headers of 70,000 octets", text: "GET /cse-in/mal HTTP/1.1\r\n" + good + "X-A: " + strings.Repeat("a", 70_000) + "\r\n\r\n", starts: []string{"HTTP/1.1 431 ", ""}},
		{name: "5,000 headers", text: "GET /cse-in/mal HTTP/1.1\r\n" + good + strings.Repeat("X-Aaaaaaaa: b\r\n", 5_000) + "\r\n", starts: []string{"HTTP/1.1 431 ", "HTTP/1.1 400 ", ""}},
		{name: "CONNECT", text: "CONNECT 127.0.0.1:22 HTTP/1.1\r\n" + good + "\r\n", starts: []string{"HTTP/1.1 400 ", "HTTP/1.1 405 ", "HTTP/1.1 501 "}},
		{name: "OPTIONS of everything", text: "OPTIONS * HTTP/1.1\r\n" + good + "\r\n", starts: []string{"HTTP/1.1 204 ", "HTTP/1.1 405 "}},
		{name: "another scheme", text: "GET ftp://cse/cse-in/mal HTTP/1.1\r\n" + good + "\r\n", starts: bad},
		{name: "a body that ends early", text: post + "Content-Length: 500\r\n\r\n{\"m2m:cnt\":{}}", starts: badOrNothing, half: true},
		{name: "a request whose sender closes its half", text: "GET /cse-in/mal HTTP/1.1\r\n" + good + "\r\n", starts: []string{"HTTP/1.1 200 ", "HTTP/1.1 504 ", ""}, half: true},
		{name: "headers that never end", text: "GET /cse-in/mal HTTP/1.1\r\nHost: cse\r\n", starts: []string{"HTTP/1.1 408 ", "HTTP/1.1 400 ", ""}, hold: true},
		{name: "a body that never ends", text: post + "Content-Length: 500\r\n\r\n{", starts: []string{"HTTP/1.1 408 ", "HTTP/1.1 400 ", "HTTP/1.1 504 ", ""}, hold: true},
		{name: "nothing at all", text: "", starts: []string{""}, hold: true},
		{name: "a line end and nothing more", text: "\r\n\r\n\r\n", starts: []string{"HTTP/1.1 400 ", "HTTP/1.1 408 ", ""}, hold: true},
	}
}

func TestMalformed_B37_EachStreamComesToAnEnd(t *testing.T) {
	t.Parallel()
	s, hasty := start(t, patient), start(t, impatient)
	before, early := s.state(t), hasty.state(t)
	t.Run("streams", func(t *testing.T) {
		for i, at := range s.targets {
			if at.name == "http2" {
				continue
			}
			for _, st := range streams() {
				at := at
				if st.hold {
					at = hasty.targets[i]
				}
				t.Run(st.name+" "+at.name, func(t *testing.T) {
					t.Parallel()
					play(t, at, st)
				})
			}
		}
	})
	s.targets[2].client.Get(t, "Cmal01", "/cse-in/mal").Expect(t, 2000, 200)
	s.settled(t, before)
	hasty.settled(t, early)
}

// play writes a stream and reads the answer to its end.
func play(t *testing.T, at target, st stream) {
	t.Helper()
	conn := harness.Dial(t, at.base, at.tls)
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var answer []byte
	var err error
	took := harness.Took(func() {
		// The server may have answered and closed before everything was written.
		_, _ = io.WriteString(conn, st.text)
		if st.half {
			closeHalf(t, conn)
		}
		answer, err = io.ReadAll(conn)
	})
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("no end after %s; so far %q", took, answer)
	}
	text := string(answer)
	fits := false
	for _, start := range st.starts {
		if start == "" && text == "" || start != "" && strings.HasPrefix(text, start) {
			fits = true
		}
	}
	if !fits {
		t.Errorf("the answer begins with %q, want one of %q", text[:min(len(text), 80)], st.starts)
	}
	if strings.Count(text, "HTTP/1.1 ") > 1 {
		t.Errorf("more than one answer: %q", text)
	}
	if strings.Contains(text, "\nX-Evil") {
		t.Errorf("a header was smuggled into the answer: %q", text)
	}
	if !st.hold && took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

// closeHalf ends what the client has to say.
func closeHalf(t *testing.T, conn net.Conn) {
	t.Helper()
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		t.Fatal("the connection has no halves")
	}
	if err := half.CloseWrite(); err != nil {
		t.Logf("close of one half: %v", err)
	}
}

func TestMalformed_ConnectionsThatComeToNothing(t *testing.T) {
	t.Parallel()
	s := start(t, patient)
	before := s.state(t)
	t.Run("plain to the secure port", func(t *testing.T) {
		answer := harness.Exchange(t, s.HTTPS, nil, "GET /cse-in HTTP/1.1\r\n"+good+"\r\n")
		if strings.Contains(answer, "X-M2M-RSC") || strings.HasPrefix(answer, "HTTP/1.1 200") {
			t.Errorf("got %q", answer)
		}
	})
	t.Run("noise to the secure port", func(t *testing.T) {
		if answer := harness.Exchange(t, s.HTTPS, nil, strings.Repeat("\x00\xff", 500)); strings.Contains(answer, "HTTP/1.1 200") {
			t.Errorf("got %q", answer)
		}
	})
	t.Run("an old protocol", func(t *testing.T) {
		cfg := s.targets[0].tls.Clone()
		cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		if _, err := tls.Dial("tcp", strings.TrimPrefix(s.HTTPS, "https://"), cfg); err == nil {
			t.Error("TLS 1.1 was accepted")
		}
	})
	t.Run("opened and closed", func(t *testing.T) {
		for i := range 100 {
			base := s.HTTP
			if i%2 == 0 {
				base = s.HTTPS
			}
			conn := harness.Dial(t, base, nil)
			if i%3 == 0 {
				_, _ = fmt.Fprintf(conn, "GET /cse-in/mal HTTP/1.1\r\n%s\r\n", good) // it needn't arrive
			}
			conn.Close()
		}
	})
	t.Run("a hundred requests in one go", func(t *testing.T) {
		one := "GET /cse-in/mal HTTP/1.1\r\nHost: cse\r\nX-M2M-Origin: Cmal01\r\nX-M2M-RI: p\r\nX-M2M-RVI: 3\r\n\r\n"
		last := "GET /cse-in/mal HTTP/1.1\r\n" + good + "\r\n"
		answer := harness.Exchange(t, s.HTTP, nil, strings.Repeat(one, 99)+last)
		if n := strings.Count(answer, "HTTP/1.1 200 "); n != 100 {
			t.Errorf("%d answers", n)
		}
	})
	s.settled(t, before)
}
