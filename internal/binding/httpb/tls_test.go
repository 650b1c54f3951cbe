package httpb_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"bulwark/internal/binding/httpb"
	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// certificate makes a self-signed certificate for 127.0.0.1 with a common name.
func certificate(t testing.TB, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// byName is an Identify that believes the common name of any certificate.
func byName(state *tls.ConnectionState) (*identity.Association, error) {
	if len(state.PeerCertificates) == 0 {
		return &identity.Association{Framework: "none"}, nil
	}
	name := state.PeerCertificates[0].Subject.CommonName
	if name == "nobody" {
		return nil, errors.New("an unknown name")
	}
	return &identity.Association{Kind: identity.KindAE, Framework: "certificate", IDs: []onem2m.ID{onem2m.ID("//m2m.example/id-in/" + name)}}, nil
}

func tlsOptions(t testing.TB) httpb.Options {
	return httpb.Options{
		TLS:      &tls.Config{Certificates: []tls.Certificate{certificate(t, "server")}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12},
		Identify: byName,
	}
}

func clientTLS(t testing.TB, name string, protocols ...string) *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}
	if name != "" {
		c.Certificates = []tls.Certificate{certificate(t, name)}
	}
	return c
}

func dialTLS(t testing.TB, address string, config *tls.Config) *tls.Conn {
	t.Helper()
	c := tls.Client(dial(t, address), config)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestTLS_B10_OneAssociationPerConnection(t *testing.T) {
	t.Parallel()
	h := &recorder{}
	address := start(t, tlsOptions(t), h)
	c := dialTLS(t, address, clientTLS(t, "Calpha1"))
	r := bufio.NewReader(c)
	var first *identity.Association
	for range 3 {
		// The empty line in front is dropped behind the encryption, too.
		if _, err := io.WriteString(c, "\r\n"+message("GET", "/a", "")); err != nil {
			t.Fatal(err)
		}
		if a, err := readAnswer(r, "GET"); err != nil || a.status != 200 || !a.has("X-M2M-RSC: 2000") {
			t.Fatalf("status %d, %v", a.status, err)
		}
		a := h.last(t).association
		if first == nil {
			first = a
		}
		if a != first || a.Binding != "https" || a.Listener != address || !a.Source.IsLoopback() || len(a.IDs) != 1 || a.IDs[0] != "//m2m.example/id-in/Calpha1" || a.Trusted {
			t.Errorf("association %+v", a)
		}
	}
}

func TestTLS_B35_HTTP2(t *testing.T) {
	t.Parallel()
	h := &recorder{reply: func(_ context.Context, req *onem2m.Request) *onem2m.Response {
		return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID, Content: content("m2m:cnt", `{}`)}
	}}
	address := start(t, tlsOptions(t), h)
	transport := &http.Transport{TLSClientConfig: clientTLS(t, "Calpha1"), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	req, err := httpb.EncodeRequest(t.Context(), "https://"+address, base(onem2m.Create, "/id-in/a", container))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	resp, err := httpb.DecodeResponse(answer, 1000)
	if err != nil || answer.ProtoMajor != 2 || resp.Code != onem2m.OK || resp.RequestID != "r1" || resp.Content == nil {
		t.Fatalf("%s: %+v, %v", answer.Proto, resp, err)
	}
	c := h.last(t)
	if c.request.To != "/id-in/a" || c.association.IDs[0] != "//m2m.example/id-in/Calpha1" {
		t.Errorf("request %+v over %+v", c.request, c.association)
	}
	big, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+address+"/a", io.LimitReader(zeros{}, 2<<20))
	if err != nil {
		t.Fatal(err)
	}
	big.Header.Set("X-M2M-RI", "r1")
	big.Header.Set("Content-Type", "application/json")
	answer, err = transport.RoundTrip(big)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusRequestEntityTooLarge || answer.Header.Get("X-M2M-RSC") != "4000" {
		t.Errorf("B-09: status %d", answer.StatusCode)
	}
}

func TestTLS_B45_LongPollOverHTTP2(t *testing.T) {
	t.Parallel()
	inTime(t, 100*time.Millisecond, func(unit time.Duration) error {
		o := tlsOptions(t)
		o.Limits = httpb.Limits{ReadHeaderTimeout: 2 * unit, ReadTimeout: unit, WriteTimeout: unit, IdleTimeout: unit}
		address := start(t, o, slow(4*unit))
		transport := &http.Transport{TLSClientConfig: clientTLS(t, "Calpha1"), ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		req, err := httpb.EncodeRequest(t.Context(), "https://"+address, base(onem2m.Create, "a", container))
		if err != nil {
			return err
		}
		answer, err := transport.RoundTrip(req)
		if err != nil {
			return err
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK || answer.ProtoMajor != 2 {
			return fmt.Errorf("%s %d", answer.Proto, answer.StatusCode)
		}
		return nil
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestTLS_S072_AnUnknownPeerIsNeverHeard(t *testing.T) {
	t.Parallel()
	h := &recorder{}
	c := dialTLS(t, start(t, tlsOptions(t), h), clientTLS(t, "nobody"))
	_, _ = io.WriteString(c, message("GET", "/a", "")) // the server may have closed already
	if _, err := readAnswer(bufio.NewReader(c), "GET"); err == nil || h.count() != 0 {
		t.Error("a peer without an association is answered")
	}
}

func TestTLS_A28_S060_ExpiryAndRevocationCloseTheConnection(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"expired while idle", "revoked while idle", "expired at the next request"} {
		t.Run("S-060 "+name, func(t *testing.T) {
			t.Parallel()
			var offset atomic.Int64
			var revoked atomic.Bool
			o := tlsOptions(t)
			o.RecheckEvery = 20 * time.Millisecond
			if name == "expired at the next request" {
				o.RecheckEvery = time.Hour
			}
			o.Now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
			o.Identify = func(s *tls.ConnectionState) (*identity.Association, error) {
				a, err := byName(s)
				if err == nil {
					a.Expires = time.Now().Add(time.Hour)
				}
				return a, err
			}
			o.Recheck = func(s *tls.ConnectionState, _ time.Time) error {
				if revoked.Load() && len(s.PeerCertificates) > 0 {
					return errors.New("revoked")
				}
				return nil
			}
			h := &recorder{}
			c := dialTLS(t, start(t, o, h), clientTLS(t, "Calpha1"))
			r := bufio.NewReader(c)
			if _, err := io.WriteString(c, message("GET", "/a", "")); err != nil {
				t.Fatal(err)
			}
			if _, err := readAnswer(r, "GET"); err != nil {
				t.Fatal(err)
			}
			if name == "revoked while idle" {
				revoked.Store(true)
			} else {
				offset.Store(int64(2 * time.Hour))
			}
			if name == "expired at the next request" {
				if _, err := io.WriteString(c, message("GET", "/a", "")); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := r.ReadByte(); err == nil || isTimeout(err) {
				t.Errorf("the connection lives on: %v", err)
			}
			if h.count() != 1 {
				t.Error("a request was served on a credential that doesn't count")
			}
		})
	}
}

func TestTLS_PlainHTTPOnTheTLSPortIsToldSo(t *testing.T) {
	t.Parallel()
	if a := send(t, start(t, tlsOptions(t), &recorder{}), message("GET", "/a", "")); a.status != 400 {
		t.Errorf("status %d", a.status)
	}
}

func TestTLS_ASilentHandshakeEnds(t *testing.T) {
	t.Parallel()
	o := tlsOptions(t)
	o.Limits.ReadHeaderTimeout = 100 * time.Millisecond
	c := dial(t, start(t, o, &recorder{}))
	if _, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the connection is kept: %v", err)
	}
}

func TestTLS_ExtraHandlersNeedTLS(t *testing.T) {
	t.Parallel()
	extra := map[string]http.Handler{"/__bulwark/explain": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, httpb.AssociationOf(r.Context()).IDs, r.TLS != nil)
	})}
	o := tlsOptions(t)
	o.Extra = extra
	h := &recorder{}
	c := dialTLS(t, start(t, o, h), clientTLS(t, "CAdmin"))
	if _, err := io.WriteString(c, "POST /__bulwark/explain HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if a, err := readAnswer(bufio.NewReader(c), "POST"); err != nil || a.body != "[//m2m.example/id-in/CAdmin] true" {
		t.Errorf("answer %q, %v", a.body, err)
	}
	if h.count() != 0 {
		t.Error("the CSE was asked")
	}
	a := send(t, start(t, httpb.Options{Extra: extra}, h), message("GET", "/__bulwark/explain", ""))
	if a.rsc() != "2000" || h.last(t).request.To != "__bulwark/explain" {
		t.Errorf("reachable without TLS: %q", a.body)
	}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
