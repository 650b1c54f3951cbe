package client

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"bulwark/internal/binding/httpb"
	"bulwark/internal/identity"
	"bulwark/onem2m"
)

const (
	// DefaultTimeout bounds one request where Options and context set nothing.
	DefaultTimeout = 30 * time.Second
	// maxResponse bounds an answer in octets: a page of ten thousand addresses
	// or a tree of resources fits.
	maxResponse = 16 << 20
	// idleConnections is how many connections to the CSE are kept: one for each
	// request that an application has in flight at a time.
	idleConnections = 64
)

// Options say where the CSE is and who the client is.
type Options struct {
	URL  string // address of the CSE: "https://localhost:8443"
	From string // originator: an AE-ID-Stem, or "" before the first registration

	CA, Cert, Key string    // PEM files: roots for the CSE's certificate, own certificate with chain, own key
	CSE           onem2m.ID // absolute CSE-ID that the certificate must stand for; "" checks the host name instead

	Release string        // release version indicator; "" means "3"
	Timeout time.Duration // of one request; 0 means DefaultTimeout
}

// Client sends requests as one originator. It may be used by many goroutines.
type Client struct {
	url     string
	release string
	timeout time.Duration
	files   Options // for what needs the files of the certificate once more
	http    *http.Client

	protected *protection // of a client whose requests are protected end to end; else nil

	mu   sync.RWMutex // guards from
	from string
}

// New returns a Client; it makes no connection yet.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("the address %q isn't an http or https URL", o.URL)
	}
	transport := &http.Transport{
		MaxIdleConns: idleConnections, MaxIdleConnsPerHost: idleConnections, IdleConnTimeout: 90 * time.Second,
		DisableCompression: true, ForceAttemptHTTP2: false,
	}
	if u.Scheme == "https" {
		if transport.TLSClientConfig, err = tlsConfig(o); err != nil {
			return nil, err
		}
	}
	c := &Client{
		url: o.URL, release: o.Release, timeout: o.Timeout, from: o.From, files: o,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if c.release == "" {
		c.release = "3"
	}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	return c, nil
}

func tlsConfig(o Options) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CA != "" {
		data, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fmt.Errorf("roots of the CSE: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("roots of the CSE: %s holds no certificate", o.CA)
		}
	}
	if o.Cert != "" || o.Key != "" {
		own, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		if err != nil {
			return nil, fmt.Errorf("own certificate %s with key %s: %w", o.Cert, o.Key, err)
		}
		cfg.Certificates = []tls.Certificate{own}
	}
	if o.CSE != "" {
		name, ok := identity.DomainName(o.CSE)
		if !ok {
			return nil, fmt.Errorf("the CSE-ID %s has no domain name; leave it out to check the host name", o.CSE)
		}
		cfg.ServerName = name
	}
	return cfg, nil
}

// From returns the originator that requests carry.
func (c *Client) From() string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.from
}

// SetFrom changes the originator.
func (c *Client) SetFrom(from string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.from = from
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Do sends a request primitive and returns the response, whatever its status
// code. Missing From, Request Identifier and Release Version Indicator are
// filled in. An error means that there is no response.
func (c *Client) Do(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
	out := *req
	if !out.HasFrom {
		out.From = c.From()
		out.HasFrom = out.From != ""
	}
	if out.RequestID == "" {
		out.RequestID = rand.Text()
	}
	if out.Release == "" {
		out.Release = c.release
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if c.protected != nil {
		return c.protected.do(ctx, &out)
	}
	hr, err := httpb.EncodeRequest(ctx, c.url, &out)
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(hr)
	if err != nil {
		return nil, c.explainFailure(err)
	}
	defer answer.Body.Close() //nolint:errcheck // the answer has been read, or is given up
	if answer.StatusCode == http.StatusBadRequest && answer.TLS == nil && answer.Header.Get("X-M2M-RSC") == "" {
		return nil, fmt.Errorf("the answer of %s is not that of a CSE: HTTP status %d; does it want https?", c.url, answer.StatusCode)
	}
	res, err := httpb.DecodeResponse(answer, maxResponse)
	if err != nil {
		return nil, fmt.Errorf("answer of the CSE: %w", err)
	}
	return res, nil
}

// HTTP sends an HTTP request over the client's connections, for what a CSE
// offers besides oneM2M.
func (c *Client) HTTP(hr *http.Request) (*http.Response, error) {
	answer, err := c.http.Do(hr)
	if err != nil {
		return nil, c.explainFailure(err)
	}
	return answer, nil
}

// explainFailure adds to a transport error what usually helps.
func (c *Client) explainFailure(err error) error {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case errors.As(err, &unknown) && c.files.CA == "":
		return fmt.Errorf("%w; name the file of roots (ca.crt of the CSE's authority)", err)
	case errors.As(err, &unknown):
		return fmt.Errorf("%w; the file of roots (ca.crt of the CSE's authority), %s, doesn't fit this CSE", err, c.files.CA)
	case strings.Contains(err.Error(), "remote error: tls: ") && c.files.Cert == "":
		return fmt.Errorf("%w; the CSE asks for a certificate", err)
	case strings.Contains(err.Error(), "remote error: tls: "):
		return fmt.Errorf("%w; the CSE doesn't take %s: it is of an authority that it doesn't know, revoked or over", err, c.files.Cert)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w; no answer came in time", err)
	case errors.As(err, &host):
		return fmt.Errorf("%w; use a name that the CSE's certificate has, such as localhost", err)
	}
	return err
}
