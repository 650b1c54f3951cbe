package httpb

import (
	"bytes"
	"io"
	"strconv"
	"strings"
)

// framing follows the messages of an HTTP/1.1 stream just far enough to know
// where a request begins, and drops the empty lines in front of it (RFC 9112
// clause 2.2). net/http does so only behind a POST, and field clients send
// such lines anywhere. Wherever the length of a message isn't certain it gives
// up and passes everything on unchanged: it must never take an octet from
// inside a message.
type framing struct {
	state   int
	skipped int    // line ends dropped in front of this request
	remain  int64  // octets of the body still to come
	length  int64  // Content-Length of this request; -1 without one
	opaque  bool   // this request has a length that isn't certain
	partial []byte // beginning of a header line that came in pieces
	cut     bool   // partial isn't the whole beginning
}

// The states of framing.
const (
	betweenMessages = iota
	inHeader
	inBody
	passThrough
)

const (
	// maxSkipped bounds the octets dropped in front of one request; a client
	// that sends more gets what net/http says to an empty request line.
	maxSkipped = 64
	// maxPartial holds any Content-Length line that isn't padded on purpose.
	maxPartial = 256
)

// read fills p from r. It never returns 0 octets without an error.
func (f *framing) read(r io.Reader, p []byte) (int, error) {
	for {
		n, err := r.Read(p)
		n = f.filter(p[:n])
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// filter removes what doesn't belong to a message from p, in place, and
// returns how much is left.
func (f *framing) filter(p []byte) int {
	kept := 0 // p[:kept] is finished
	for at := 0; at < len(p); {
		var n int
		switch f.state {
		case betweenMessages:
			switch c := p[at]; {
			case c != '\r' && c != '\n':
				f.state, f.length, f.opaque = inHeader, -1, false
			case f.skipped < maxSkipped:
				f.skipped++
				at++
			default:
				f.state = passThrough
			}
			continue
		case inHeader:
			end := bytes.IndexByte(p[at:], '\n')
			n = end + 1
			if end < 0 {
				n = len(p) - at
			}
			f.headerOctets(p[at:at+n], end >= 0)
		case inBody:
			n = int(min(int64(len(p)-at), f.remain))
			if f.remain -= int64(n); f.remain == 0 {
				f.state, f.skipped = betweenMessages, 0
			}
		default:
			n = len(p) - at
		}
		if kept != at {
			copy(p[kept:], p[at:at+n])
		}
		kept += n
		at += n
	}
	return kept
}

// headerOctets takes the next piece of the header, whole when it ends a line.
func (f *framing) headerOctets(b []byte, whole bool) {
	if !whole || len(f.partial) > 0 {
		room := maxPartial - len(f.partial)
		f.cut = f.cut || len(b) > room
		f.partial = append(f.partial, b[:min(len(b), room)]...)
		b = f.partial
	}
	if !whole {
		return
	}
	f.headerLine(b)
	f.partial, f.cut = f.partial[:0], false
}

// headerLine looks at one line with its line end.
func (f *framing) headerLine(line []byte) {
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if len(line) == 0 {
		f.headerEnd()
		return
	}
	switch line[0] {
	case 'C', 'c', 'T', 't':
	default:
		return
	}
	name, value, ok := bytes.Cut(line, []byte(":"))
	switch {
	case !ok:
	case strings.EqualFold(string(name), "Transfer-Encoding"):
		f.opaque = true
	case strings.EqualFold(string(name), "Content-Length"):
		n, err := strconv.ParseUint(string(bytes.Trim(value, " \t")), 10, 63)
		if err != nil || f.cut || f.length >= 0 && f.length != int64(n) {
			f.opaque = true
			return
		}
		f.length = int64(n)
	}
}

// headerEnd decides what follows the empty line.
func (f *framing) headerEnd() {
	switch {
	case f.opaque:
		f.state = passThrough
	case f.length > 0:
		f.state, f.remain = inBody, f.length
	default:
		f.state, f.skipped = betweenMessages, 0
	}
}
