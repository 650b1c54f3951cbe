package harness

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"testing"
	"time"
)

// Dial opens a connection to a listener for octets that no HTTP client would
// send. cfg is nil for a plain listener. The connection is closed at the end of
// the test and every operation on it has a deadline.
func Dial(tb testing.TB, base string, cfg *tls.Config) net.Conn {
	tb.Helper()
	u, err := url.Parse(base)
	if err != nil {
		tb.Fatal(err)
	}
	dialer := net.Dialer{Timeout: requestWait}
	conn, err := dialer.DialContext(tb.Context(), "tcp", u.Host)
	if err != nil {
		tb.Fatal(err)
	}
	if cfg != nil {
		cfg = cfg.Clone()
		cfg.ServerName = u.Hostname()
		secure := tls.Client(conn, cfg)
		if err := secure.HandshakeContext(tb.Context()); err != nil {
			tb.Fatalf("handshake: %v", err)
		}
		conn = secure
	}
	tb.Cleanup(func() { _ = conn.Close() }) // many tests close it on purpose before
	if err := conn.SetDeadline(time.Now().Add(requestWait)); err != nil {
		tb.Fatal(err)
	}
	return conn
}

// Exchange writes text to a new connection and returns all that comes back
// until the other side closes. The text should ask for that. An error after the
// answer, such as a reset because the server didn't read everything, is none.
func Exchange(tb testing.TB, base string, cfg *tls.Config, text string) string {
	tb.Helper()
	conn := Dial(tb, base, cfg)
	_, err := io.WriteString(conn, text)
	answer, readErr := io.ReadAll(conn)
	var timeout net.Error
	if errors.As(readErr, &timeout) && timeout.Timeout() {
		tb.Errorf("no end of the answer within %s to %q", requestWait, shorten(text))
	}
	if len(answer) == 0 && err != nil {
		tb.Logf("writing: %v", err)
	}
	return string(answer)
}
