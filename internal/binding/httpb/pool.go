package httpb

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// pool holds the connections to one entity. It speaks HTTP/1.1, because receivers
// in the field compare the case of header names, and knows no proxy.
//
// A request is written and its answer read by the goroutine that brings it: half of
// what a hop between CSEs costs is handing requests from one goroutine to another,
// as http.Transport does.
type pool struct {
	client *Client
	config *tls.Config // nil: no https
	used   int64       // guarded by the client
	made   time.Time   // before any connection in it

	mu     sync.Mutex // guards what follows
	idle   map[string][]*line
	count  int // of idle lines
	closed bool
	timer  *time.Timer // drops lines that are idle for too long; nil while there are none
}

// line is one connection, used by one request at a time.
type line struct {
	conn    net.Conn
	raw     net.Conn // below TLS
	address string
	reader  *bufio.Reader
	writer  *bufio.Writer
	since   time.Time // idle

	left int64 // octets that may still come
	got  bool  // some have come since the request was written
}

// Read implements io.Reader: it bounds the header of an answer.
func (l *line) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errHeader
	}
	n, err := l.conn.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	l.got = l.got || n > 0
	return n, err
}

var (
	errHeader  = errors.New("the header of the answer is too large")
	errInterim = errors.New("too many interim answers, or one that isn't asked for")
)

// roundTrip sends a request and returns the answer, whose body has to be closed.
// left tells whether the receiver may have the request, also in an error. A
// connection that the other side has given up while it was idle is no reason to
// fail: the request goes over a new one if it can't have been carried out.
func (p *pool) roundTrip(ctx context.Context, hr *http.Request) (answer *http.Response, left bool, err error) {
	address := dialed(hr.URL)
	for {
		l, reused, err := p.line(ctx, address)
		if err != nil {
			return nil, false, err
		}
		answer, complete, err := p.over(ctx, l, hr)
		if err == nil {
			return answer, true, nil
		}
		if !reused || l.got || complete && hr.Method != http.MethodGet || ctx.Err() != nil {
			return nil, true, err
		}
		p.drop(address) // the others aren't any better
		if hr.GetBody != nil {
			if hr.Body, err = hr.GetBody(); err != nil {
				return nil, left, err
			}
		}
	}
}

// dialed is where a URL leads.
func dialed(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	return net.JoinHostPort(u.Hostname(), port) + u.Scheme[4:]
}

// line returns a connection: one that is idle and stands, or a new one.
func (p *pool) line(ctx context.Context, address string) (l *line, reused bool, err error) {
	for l := p.take(address); l != nil; l = p.take(address) {
		if time.Since(l.since) < idleTimeout && p.stands(l) && quiet(l.raw) {
			return l, true, nil
		}
		_ = l.raw.Close() // without a word, which could wait
	}
	l, err = p.connect(ctx, address)
	return l, false, err
}

// connect makes a connection.
func (p *pool) connect(ctx context.Context, address string) (*line, error) {
	secure := address[len(address)-1] == 's'
	host := address
	if secure {
		host = address[:len(address)-1]
	}
	raw, err := p.client.dial(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	conn := raw
	if secure {
		if conn, err = p.secure(ctx, raw, host); err != nil {
			return nil, err
		}
	}
	l := &line{conn: conn, raw: raw, address: address, writer: bufio.NewWriter(conn)}
	l.reader = bufio.NewReader(l)
	return l, nil
}

// secure makes the TLS connection over raw.
func (p *pool) secure(ctx context.Context, raw net.Conn, address string) (net.Conn, error) {
	config := p.config.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(address)
	}
	conn := tls.Client(raw, config)
	ctx, cancel := context.WithTimeout(ctx, p.client.o.ConnectTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return conn, nil
}

// stands reports whether a connection that is used again still leads to who is
// meant, by a certificate that counts (S-060).
func (p *pool) stands(l *line) bool {
	conn, ok := l.conn.(*tls.Conn)
	if !ok || p.config == nil || p.config.VerifyConnection == nil {
		return true
	}
	err := p.config.VerifyConnection(conn.ConnectionState())
	if err != nil {
		p.client.log.Info("connection closed", "address", conn.RemoteAddr().String(), "reason", err)
	}
	return err == nil
}

// over sends a request over a connection, which is given up with an error. complete
// tells whether all of the request was written.
func (p *pool) over(ctx context.Context, l *line, hr *http.Request) (answer *http.Response, complete bool, err error) {
	stop := context.AfterFunc(ctx, func() { _ = l.raw.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if err != nil {
			stop()
			_ = l.raw.Close()
		}
	}()
	l.left, l.got = maxResponseHeader, false
	err = hr.Write(l.writer)
	if err == nil {
		err = l.writer.Flush()
	}
	complete = err == nil
	answer, failed := l.answer(hr) // it may come before all is written
	if failed != nil {
		return nil, complete, cmp.Or(err, failed)
	}
	err = nil
	b := &body{ReadCloser: answer.Body, pool: p, line: l, stop: stop, ended: answer.Body == http.NoBody}
	b.last = !complete || answer.Close || hr.Close
	answer.Body = b
	return answer, true, nil
}

// maxInterim bounds the interim answers in front of one.
const maxInterim = 5

// answer reads the header of the answer to a request.
func (l *line) answer(hr *http.Request) (*http.Response, error) {
	for range maxInterim {
		answer, err := http.ReadResponse(l.reader, hr)
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("the connection was closed without an answer: %w", err)
			}
			return nil, err
		}
		if answer.StatusCode >= 200 {
			l.left = math.MaxInt64 // the reader of the body counts
			return answer, nil
		}
		if answer.StatusCode == http.StatusSwitchingProtocols {
			break
		}
	}
	return nil, errInterim
}

// body is that of an answer. Its end gives the connection back.
type body struct {
	io.ReadCloser
	pool  *pool
	line  *line
	stop  func() bool
	ended bool // all has been read
	last  bool // of this connection
	once  sync.Once
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

// Close implements io.Closer. It never waits for the rest of the body.
func (b *body) Close() error {
	b.once.Do(func() {
		if !b.stop() || !b.ended || b.last || b.line.reader.Buffered() > 0 {
			_ = b.line.raw.Close()
			return
		}
		b.pool.put(b.line)
	})
	return nil
}

// take returns the connection that was used last, which is the likeliest to
// stand; nil if none is idle.
func (p *pool) take(address string) *line {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.idle[address]
	if len(list) == 0 {
		return nil
	}
	l := list[len(list)-1]
	list[len(list)-1] = nil
	p.idle[address] = list[:len(list)-1]
	p.count--
	return l
}

// put keeps a connection for the next request.
func (p *pool) put(l *line) {
	l.since = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.count >= idleConnections || len(p.idle[l.address]) >= idlePerHost {
		_ = l.raw.Close()
		return
	}
	if p.idle == nil {
		p.idle = map[string][]*line{}
	}
	p.idle[l.address] = append(p.idle[l.address], l)
	p.count++
	if p.timer == nil {
		p.timer = time.AfterFunc(idleTimeout, p.prune)
	}
}

// drop closes the idle connections to an address.
func (p *pool) drop(address string) {
	for l := p.take(address); l != nil; l = p.take(address) {
		_ = l.raw.Close()
	}
}

// prune closes what has been idle for too long.
func (p *pool) prune() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for address, list := range p.idle {
		list = slices.DeleteFunc(list, func(l *line) bool {
			if time.Since(l.since) < idleTimeout {
				return false
			}
			p.count--
			_ = l.raw.Close()
			return true
		})
		if p.idle[address] = list; len(list) == 0 {
			delete(p.idle, address)
		}
	}
	p.timer = nil
	if p.count > 0 && !p.closed {
		p.timer = time.AfterFunc(cmp.Or(idleTimeout/2, time.Second), p.prune)
	}
}

// close closes the idle connections, and each other one when its answer has come.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, list := range p.idle {
		for _, l := range list {
			_ = l.raw.Close()
		}
	}
	p.idle, p.count = nil, 0
	if p.timer != nil {
		p.timer.Stop()
	}
}
