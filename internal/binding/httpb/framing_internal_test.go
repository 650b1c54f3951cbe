package httpb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// filtered runs a stream through the framing in the pieces that r delivers.
func filtered(t interface{ Fatal(...any) }, r io.Reader, buffer int) string {
	var f framing
	var out bytes.Buffer
	p := make([]byte, buffer)
	for {
		n, err := f.read(r, p)
		out.Write(p[:n])
		switch {
		case errors.Is(err, io.EOF):
			return out.String()
		case err != nil:
			t.Fatal(err)
		case n == 0:
			t.Fatal("0 octets without an error")
		}
	}
}

func TestFraming_DropsEmptyLinesBetweenMessagesOnly(t *testing.T) {
	t.Parallel()
	const get, body = "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n {\r\n}\r\n"
	post := fmt.Sprintf("POST / HTTP/1.1\r\ncontent-LENGTH:  %d \r\nC: d\r\n\r\n%s", len(body), body)
	chunked := "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n"
	long := "GET / HTTP/1.1\r\nContent-Length: " + strings.Repeat(" ", 2*maxPartial) + "5\r\n\r\n\r\n\r\n\r\n5"
	tests := []struct{ name, in, want string }{
		{"in front of the first request", "\r\n" + get, get},
		{"bare line feeds", "\n\n\r\n" + get, get},
		{"behind a request without body", get + "\r\n\r\n" + get, get + get},
		{"never inside a body", post + "\r\n" + get, post + get},
		{"never in a chunked body, and not behind it", chunked + "\r\n" + get, chunked + "\r\n" + get},
		{"two lengths that differ", "POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 3\r\n\r\n\r\n1", "POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 3\r\n\r\n\r\n1"},
		{"a length that is none", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n\r\n1", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n\r\n1"},
		{"a folded length", "POST / HTTP/1.1\r\nContent-Length:\r\n 3\r\n\r\n\r\n1", "POST / HTTP/1.1\r\nContent-Length:\r\n 3\r\n\r\n\r\n1"},
		{"a length that a piecewise reader can't hold", long, long},
		{"bare line feeds as line ends", "POST / HTTP/1.1\nContent-Length: 2\n\n\r\n\r\nGET", "POST / HTTP/1.1\nContent-Length: 2\n\n\r\nGET"},
		{"a bounded number", strings.Repeat("\r\n", maxSkipped) + get, strings.Repeat("\r\n", maxSkipped/2) + get},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.name != "a length that a piecewise reader can't hold" {
				if got := filtered(t, strings.NewReader(tt.in), 4096); got != tt.want {
					t.Errorf("whole: %q, want %q", got, tt.want)
				}
			}
			if got := filtered(t, iotest.OneByteReader(strings.NewReader(tt.in)), 4096); got != tt.want {
				t.Errorf("in octets: %q, want %q", got, tt.want)
			}
			if got := filtered(t, strings.NewReader(tt.in), 3); got != tt.want {
				t.Errorf("in threes: %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFraming_PiecesDoNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var in, want strings.Builder
		for range rapid.IntRange(1, 5).Draw(t, "messages") {
			in.WriteString(strings.Repeat("\r\n", rapid.IntRange(0, 3).Draw(t, "empty lines")))
			body := rapid.SliceOfN(rapid.SampledFrom([]byte("\r\n:x0")), 0, 40).Draw(t, "body")
			m := "POST /x HTTP/1.1\r\nTy: 1\r\n" + rapid.SampledFrom([]string{"", "X: y\r\n", "Cookie: " + strings.Repeat("z", 300) + "\r\n"}).Draw(t, "header")
			if len(body) > 0 {
				m += fmt.Sprintf("Content-Length: %d\r\n", len(body))
			}
			m += "\r\n" + string(body)
			in.WriteString(m)
			want.WriteString(m)
		}
		if got := filtered(t, strings.NewReader(in.String()), rapid.IntRange(1, 64).Draw(t, "buffer")); got != want.String() {
			t.Fatalf("got %q, want %q", got, want.String())
		}
	})
}

func FuzzFraming(f *testing.F) {
	f.Add("\r\nGET / HTTP/1.1\r\n\r\n\r\n", 3)
	f.Add("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n\r\n\r\n", 1)
	f.Fuzz(func(t *testing.T, in string, size int) {
		whole := filtered(t, strings.NewReader(in), len(in)+1)
		pieces := filtered(t, strings.NewReader(in), min(max(size, 1), 4096))
		// A header line that is longer than what is remembered may end the
		// filtering when it comes in pieces; otherwise pieces don't matter.
		if whole != pieces && len(in) <= maxPartial {
			t.Fatalf("whole %q, in pieces %q", whole, pieces)
		}
		strip := strings.NewReplacer("\r", "", "\n", "")
		if strip.Replace(whole) != strip.Replace(in) {
			t.Fatalf("lost more than line ends: %q", whole)
		}
	})
}
