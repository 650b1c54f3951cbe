package httpb_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"bulwark/internal/binding/httpb"
)

// TestMalformed_B06_B09 throws broken requests at one server and then asks for
// something ordinary. status 0 means that the connection is closed unanswered;
// an empty RSC that net/http itself refuses (B-37).
func TestMalformed_B06_B09(t *testing.T) {
	t.Parallel()
	const json = "Content-Type: application/json"
	post := func(body string, extra ...string) string {
		return message("POST", "/a", body, append([]string{json + ";ty=3"}, extra...)...)
	}
	head := "POST /a HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: C1\r\nX-M2M-RI: r1\r\n" + json + ";ty=3\r\n"
	tests := []struct {
		name, raw string
		status    int
		rsc       string
		half      bool // the client ends its side of the stream
	}{
		{"JSON cut short", post(`{"m2m:cnt":{`), 400, "4000", false},
		{"JSON with a comment", post(`{"m2m:cnt":{}/*x*/}`), 400, "4000", false},
		{"JSON with a trailing comma", post(`{"m2m:cnt":{},}`), 400, "4000", false},
		{"single quotes", post(`{'m2m:cnt':{}}`), 400, "4000", false},
		{"two documents", post(`{"m2m:cnt":{}}{"m2m:cnt":{}}`), 400, "4000", false},
		{"two root elements", post(`{"m2m:cnt":{},"m2m:cin":{}}`), 400, "4000", false},
		{"no root element", post(`{}`), 400, "4000", false},
		{"an array", post(`[]`), 400, "4000", false},
		{"a number", post(`5`), 400, "4000", false},
		{"null", post(`null`), 400, "4000", false},
		{"blanks only", post(`   `), 400, "4000", false},
		{"duplicate names", post(`{"m2m:cnt":{"rn":"a","rn":"b"}}`), 400, "4000", false},
		{"duplicate roots", post(`{"m2m:cnt":{},"m2m:cnt":{}}`), 400, "4000", false},
		{"duplicate names through an escape", post(`{"m2m:cnt":{"rn":"a","\u0072n":"b"}}`), 400, "4000", false},
		{"invalid UTF-8", post("{\"m2m:cnt\":{\"rn\":\"\xff\xfe\"}}"), 400, "4000", false},
		{"half a surrogate pair", post(`{"m2m:cnt":{"rn":"\ud800"}}`), 400, "4000", false},
		{"a byte order mark", post("\ufeff{\"m2m:cnt\":{}}"), 400, "4000", false},
		{"a control character in a string", post("{\"m2m:cnt\":{\"rn\":\"a\x01b\"}}"), 400, "4000", false},
		{"a NUL behind the document", post("{\"m2m:cnt\":{}}\x00"), 400, "4000", false},
		{"nested 10,000 deep", post(`{"m2m:cnt":` + strings.Repeat(`[`, 10_000) + strings.Repeat(`]`, 10_000) + `}`), 400, "4000", false},
		{"nested 100,000 deep and not closed", post(`{"m2m:cnt":` + strings.Repeat(`{"a":`, 100_000)), 400, "4000", false},
		{"a root name of 10,000 characters", post(`{"` + strings.Repeat("x", 10_000) + `":{}}`), 400, "4000", false},
		{"NaN", post(`{"m2m:cnt":{"mni":NaN}}`), 400, "4000", false},
		{"a number with a leading zero", post(`{"m2m:cnt":{"mni":007}}`), 400, "4000", false},
		{"a huge number is for the CSE to judge", post(`{"m2m:cnt":{"mni":1` + strings.Repeat("0", 400) + `}}`), 200, "2000", false},
		{"a negative number is for the CSE to judge", post(`{"m2m:cnt":{"mni":-1}}`), 200, "2000", false},
		{"a huge exponent is for the CSE to judge", post(`{"m2m:cnt":{"mni":1e999999}}`), 200, "2000", false},
		{"a name of 10,000 characters is for the CSE to judge", post(`{"m2m:cnt":{"rn":"` + strings.Repeat("x", 10_000) + `"}}`), 200, "2000", false},
		{"a body beyond the limit", post(`{"m2m:cnt":{"rn":"` + strings.Repeat("x", 1<<20) + `"}}`), 413, "4000", false},
		{"a body announced beyond the limit", head + "Content-Length: 99999999999\r\n\r\n", 413, "4000", false},
		{"a body beyond any number", head + "Content-Length: 99999999999999999999999\r\n\r\n", 400, "", false},
		{"a chunked body beyond the limit", head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat("x", 1<<16)+"\r\n", 20), 413, "4000", false},
		{"a body cut short", head + "Content-Length: 500\r\n\r\n{", 400, "4000", true},
		{"a chunked body cut short", head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{", 400, "4000", true},
		{"a chunk size that is none", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400, "4000", false},
		{"a chunk without end", head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n0\r\n\r\n", 400, "4000", false},
		{"a body that never comes", head + "Content-Length: 500\r\n\r\n{", 400, "4000", false},
		{"a header that never ends", "GET /a HTTP/1.1\r\nHost: x\r\nX-M2M-", 400, "", false},
		{"a request line that never ends", "GET /", 400, "", false},
		{"nothing at all", "", 0, "", false},
		{"only empty lines", "\r\n\r\n\r\n", 0, "", true},
		{"negative Content-Length", head + "Content-Length: -1\r\n\r\n", 400, "", false},
		{"two Content-Lengths", head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", 400, "", false},
		{"Content-Length that is no number", head + "Content-Length: two\r\n\r\n{}", 400, "", false},
		{"an unknown transfer coding", head + "Transfer-Encoding: gzip\r\n\r\n", 501, "", false},
		{"no Host", "GET /a HTTP/1.1\r\nX-M2M-RI: r1\r\n\r\n", 400, "", false},
		{"two Hosts", "GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "", false},
		{"a blank in a header name", "GET /a HTTP/1.1\r\nHost: x\r\nX-M2M RI: r1\r\n\r\n", 400, "", false},
		{"a control character in a header", "GET /a HTTP/1.1\r\nHost: x\r\nX-M2M-RI: a\x01b\r\n\r\n", 400, "", false},
		{"a header of a megabyte", "GET /a HTTP/1.1\r\nHost: x\r\nX-Big: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", 431, "", false},
		{"HTTP/9.9", "GET /a HTTP/9.9\r\nHost: x\r\n\r\n", 505, "", false},
		{"HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 405, "4005", false},
		{"TLS on a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "", false},
		{"a broken escape in the path", message("GET", "/a%zz", ""), 400, "", false},
		{"an expectation that can't be met", head + "Expect: the-moon\r\nContent-Length: 2\r\n\r\n{}", 417, "", false},
	}
	endless := []string{"a body that never comes", "a header that never ends", "a request line that never ends", "nothing at all"}
	address := start(t, httpb.Options{}, &recorder{})
	for _, tt := range tests {
		t.Run("B-06 "+tt.name, func(t *testing.T) {
			t.Parallel()
			ask := func(address string) error {
				c := dial(t, address)
				_, _ = io.WriteString(c, tt.raw) // the server may refuse before it has read everything
				if tcp, ok := c.(*net.TCPConn); ok && tt.half {
					_ = tcp.CloseWrite()
				}
				a, err := readAnswer(bufio.NewReader(c), "GET")
				if (err != nil) != (tt.status == 0) || err == nil && (a.status != tt.status || a.rsc() != tt.rsc) {
					return fmt.Errorf("status %d, RSC %q, error %s, want %d and %q: %s", a.status, a.rsc(), fmt.Sprint(err), tt.status, tt.rsc, a.body)
				}
				return nil
			}
			if slices.Contains(endless, tt.name) {
				inTime(t, 300*time.Millisecond, func(unit time.Duration) error {
					at := start(t, httpb.Options{Limits: httpb.Limits{ReadHeaderTimeout: unit, ReadTimeout: unit, IdleTimeout: unit}}, &recorder{})
					return errors.Join(ask(at), ordinary(t, at))
				})
				return
			}
			if err := errors.Join(ask(address), ordinary(t, address)); err != nil {
				t.Error(err)
			}
		})
	}
}

// ordinary asks for something that nothing is wrong with.
func ordinary(t *testing.T, address string) error {
	t.Helper()
	if a, err := exchange(t, address, message("GET", "/a", "")); err != nil || a.status != 200 {
		return fmt.Errorf("afterwards an ordinary request gets %d, %s", a.status, fmt.Sprint(err))
	}
	return nil
}

func TestMalformed_B09_ExpectContinueIsRefusedBeforeTheBody(t *testing.T) {
	t.Parallel()
	a := send(t, start(t, httpb.Options{}, &recorder{}), "POST /a HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: C1\r\nX-M2M-RI: r1\r\nContent-Type: application/json;ty=3\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n")
	if a.status != 413 || a.rsc() != "4000" {
		t.Errorf("status %d, RSC %s", a.status, a.rsc())
	}
}
