package harness

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// requestWait bounds one exchange: what takes longer hangs.
const requestWait = time.Minute

// Client sends requests to one listener. It decides nothing: what the test
// writes is sent.
type Client struct {
	Base string // "http://127.0.0.1:8080"

	http *http.Client
	mark string // begins its request identifiers, which are no other client's
	ids  *atomic.Int64
}

// NewClient returns a client for a listener. cfg is nil for a plain one.
// version is 1 for HTTP/1.1 and 2 for HTTP/2. Its connections are kept alive
// until the end of the test.
func NewClient(tb testing.TB, base string, cfg *tls.Config, version int) *Client {
	tb.Helper()
	transport := &http.Transport{TLSClientConfig: cfg.Clone(), MaxIdleConnsPerHost: 64, DisableCompression: true, Protocols: &http.Protocols{}}
	transport.Protocols.SetHTTP1(version == 1)
	transport.Protocols.SetHTTP2(version == 2)
	tb.Cleanup(transport.CloseIdleConnections)
	return &Client{
		Base: base, mark: rand.Text()[:8] + "-", ids: &atomic.Int64{},
		http: &http.Client{
			Transport: transport, Timeout: requestWait,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Request is one HTTP request. Target is written into the request line as it
// is. A header whose name is given in Header replaces the one that would be
// sent by default; with no values it is left out.
type Request struct {
	Method string
	Target string
	From   string
	Type   int // ty in Content-Type; 0 for none
	Body   string
	Header map[string][]string
}

// defaults are the headers of a complete request.
func (c *Client) defaults(r Request) http.Header {
	h := http.Header{
		"Accept":       {"application/json"},
		"X-M2M-RI":     {c.mark + strconv.FormatInt(c.ids.Add(1), 10)},
		"X-M2M-RVI":    {"3"},
		"X-M2M-Origin": {r.From},
	}
	switch {
	case r.Type != 0:
		h["Content-Type"] = []string{"application/json;ty=" + strconv.Itoa(r.Type)}
	case r.Body != "":
		h["Content-Type"] = []string{"application/json"}
	}
	for name, values := range r.Header {
		for known := range h {
			if strings.EqualFold(known, name) {
				delete(h, known)
			}
		}
		if len(values) > 0 {
			h[name] = slices.Clone(values)
		}
	}
	return h
}

// Do sends a request and returns the answer, or the error of the connection.
func (c *Client) Do(ctx context.Context, r Request) (*Answer, error) {
	u, err := url.Parse(c.Base)
	if err != nil {
		return nil, err
	}
	u.Opaque = r.Target // as it is, nothing cleaned up
	hr := &http.Request{Method: r.Method, URL: u, Host: u.Host, Header: c.defaults(r), ProtoMajor: 1, ProtoMinor: 1}
	if r.Body != "" {
		hr.Body = io.NopCloser(strings.NewReader(r.Body))
		hr.ContentLength = int64(len(r.Body))
		hr.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(r.Body)), nil }
	}
	reused := false
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }})
	res, err := c.http.Do(hr.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	err = errors.Join(err, res.Body.Close())
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	a := newAnswer(res, body, hr.Header)
	a.Reused = reused
	return a, nil
}

// Send is Do for tests that expect an answer.
func (c *Client) Send(tb testing.TB, r Request) *Answer {
	tb.Helper()
	a, err := c.Do(tb.Context(), r)
	if err != nil {
		tb.Fatalf("%s %s: %v", r.Method, shorten(r.Target), err)
	}
	return a
}

// Get retrieves a target such as "/cse-in/x?rcn=4".
func (c *Client) Get(tb testing.TB, from, target string) *Answer {
	tb.Helper()
	return c.Send(tb, Request{Method: http.MethodGet, Target: target, From: from})
}

// Create posts a resource of a type.
func (c *Client) Create(tb testing.TB, from, target string, ty int, body string) *Answer {
	tb.Helper()
	return c.Send(tb, Request{Method: http.MethodPost, Target: target, From: from, Type: ty, Body: body})
}

// Make creates a resource that the test needs, and fails the test without it.
// It returns the address of the resource by its identifier.
func (c *Client) Make(tb testing.TB, from, target string, ty int, body string) string {
	tb.Helper()
	a := c.Create(tb, from, target, ty, body)
	if a.Status != http.StatusCreated {
		tb.Fatalf("create of type %d in %s by %s: %s", ty, target, from, a)
	}
	ri, ok := a.Attribute("ri").(string)
	if !ok {
		tb.Fatalf("create of type %d in %s: no ri in %s", ty, target, a)
	}
	return ri
}

// Register creates an <AE> and returns its resource identifier.
func (c *Client) Register(tb testing.TB, from, rn string) string {
	tb.Helper()
	return c.Make(tb, from, "/cse-in", 2, fmt.Sprintf(`{"m2m:ae":{"rn":%q,"api":"N.example.test","rr":true,"srv":["3"]}}`, rn))
}

// Update puts attributes.
func (c *Client) Update(tb testing.TB, from, target, body string) *Answer {
	tb.Helper()
	return c.Send(tb, Request{Method: http.MethodPut, Target: target, From: from, Body: body})
}

// Delete deletes a target.
func (c *Client) Delete(tb testing.TB, from, target string) *Answer {
	tb.Helper()
	return c.Send(tb, Request{Method: http.MethodDelete, Target: target, From: from})
}

// shorten keeps a long text out of a message.
func shorten(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s… (%d octets)", s[:most], len(s))
	return b.String()
}

// Name makes a resource name of the name of a test.
func Name(tb testing.TB) string {
	tb.Helper()
	name := tb.Name()
	name = name[strings.LastIndexByte(name, '/')+1:]
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, name)
}
