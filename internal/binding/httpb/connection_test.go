package httpb_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/internal/binding/httpb"
	"bulwark/onem2m"
)

func TestConnection_B40_EmptyLinesBeforeRequests(t *testing.T) {
	t.Parallel()
	h := &recorder{}
	c := dial(t, start(t, httpb.Options{}, h))
	r := bufio.NewReader(c)
	get := message("GET", "/cse-in", "")
	post := message("POST", "/cse-in", "\r\n{\"m2m:sgn\":{}}\r\n", "Content-Type: application/json")
	put := message("PUT", "/cse-in", "{\"m2m:cnt\":{}}", "Content-Type: application/json")
	steps := []string{"\r\n" + get, get, "\r\n" + get, "\r\n\r\n" + put, "\r\n" + get, post, "\r\n\r\n" + get}
	for i, raw := range steps {
		if _, err := io.WriteString(c, raw); err != nil {
			t.Fatal(err)
		}
		if a, err := readAnswer(r, "GET"); err != nil || a.status != 200 {
			t.Fatalf("step %d: status %d, %v", i, a.status, err)
		}
	}
	// The same pipelined: everything is in the server's buffer at once.
	if _, err := io.WriteString(c, strings.Join(steps, "")); err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		if a, err := readAnswer(r, "GET"); err != nil || a.status != 200 {
			t.Fatalf("pipelined %d: status %d, %v", i, a.status, err)
		}
	}
	if n := h.count(); n != 2*len(steps) {
		t.Errorf("%d requests arrived, want %d", n, 2*len(steps))
	}
}

func TestConnection_CloseIsHonoured(t *testing.T) {
	t.Parallel()
	c := dial(t, start(t, httpb.Options{}, &recorder{}))
	if _, err := io.WriteString(c, message("GET", "/a", "", "Connection: close")); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	if a, err := readAnswer(r, "GET"); err != nil || a.status != 200 {
		t.Fatalf("status %d, %v", a.status, err)
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the connection stayed open: %v", err)
	}
}

func TestConnection_B10_AssociationOfAPlainListener(t *testing.T) {
	t.Parallel()
	for _, trusted := range []bool{false, true} {
		h := &recorder{}
		address := start(t, httpb.Options{Trusted: trusted, Required: true}, h)
		send(t, address, message("GET", "/a", ""))
		a := h.last(t).association
		if a.Trusted != trusted || !a.Required || a.Binding != "http" || a.Listener != address || a.Framework != "none" || !a.Source.IsLoopback() {
			t.Errorf("association %+v", a)
		}
	}
}

func TestConnection_A89_A198_SourceBehindProxies(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	tests := []struct {
		name, header, want string
		trusted            []netip.Prefix
	}{
		{"without trusted proxies the header is ignored", "X-Forwarded-For: 192.0.2.1", "127.0.0.1", nil},
		{"from an untrusted peer it is ignored", "X-Forwarded-For: 192.0.2.1", "127.0.0.1", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		{"without the header", "X-Nothing: 1", "127.0.0.1", proxies},
		{"one entry", "X-Forwarded-For: 192.0.2.1", "192.0.2.1", proxies},
		{"the right-most untrusted", "X-Forwarded-For: 198.51.100.7, 192.0.2.1, 10.1.2.3", "192.0.2.1", proxies},
		{"over two headers", "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.1.2.3, 10.1.2.4", "192.0.2.1", proxies},
		{"all trusted", "X-Forwarded-For: 10.1.1.1, 10.1.2.3", "10.1.1.1", proxies},
		{"with ports", "X-Forwarded-For: 192.0.2.1:999, [2001:db8::1]:80", "2001:db8::1", proxies},
		{"garbage is unknown, not something further left", "X-Forwarded-For: 192.0.2.1, unknown", "invalid IP", proxies},
	}
	for _, tt := range tests {
		t.Run("A-88 "+tt.name, func(t *testing.T) {
			t.Parallel()
			h := &recorder{}
			send(t, start(t, httpb.Options{TrustedProxies: tt.trusted}, h), message("GET", "/a", "", strings.Split(tt.header, "\r\n")...))
			if got := h.last(t).association.Source.String(); got != tt.want {
				t.Errorf("source %s, want %s", got, tt.want)
			}
		})
	}
}

// slow answers after a time, or says that it couldn't.
func slow(wait time.Duration) *recorder {
	return &recorder{reply: func(ctx context.Context, req *onem2m.Request) *onem2m.Response {
		select {
		case <-time.After(wait):
			return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID}
		case <-ctx.Done():
			return &onem2m.Response{Code: onem2m.RequestTimeout, RequestID: req.RequestID}
		}
	}}
}

func TestConnection_B45_LongPollOutlivesTheTimeouts(t *testing.T) {
	t.Parallel()
	inTime(t, 100*time.Millisecond, func(unit time.Duration) error {
		short := httpb.Limits{ReadHeaderTimeout: unit, ReadTimeout: unit, WriteTimeout: unit, IdleTimeout: unit}
		address := start(t, httpb.Options{Limits: short}, slow(4*unit))
		for _, raw := range []string{
			message("GET", "/a/pcu", ""),
			message("POST", "/a/pcu", `{"m2m:rsp":{}}`, "Content-Type: application/json"),
			message("GET", "/a/pcu", "ignored"),
		} {
			if a, err := exchange(t, address, raw); err != nil || a.status != 200 {
				return fmt.Errorf("%.20q: status %d, %s", raw, a.status, fmt.Sprint(err))
			}
		}
		return nil
	})
	patient := start(t, httpb.Options{}, slow(patience))
	if a := send(t, patient, message("GET", "/a/pcu", "", "X-M2M-RET: 50")); a.rsc() != "4008" || a.status != 504 {
		t.Errorf("status %d, RSC %s", a.status, a.rsc())
	}
}

func TestConnection_ContextEndsWhenTheClientGoes(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	started := make(chan struct{})
	address := start(t, httpb.Options{}, &recorder{reply: func(ctx context.Context, _ *onem2m.Request) *onem2m.Response {
		close(started)
		<-ctx.Done()
		close(ended)
		return nil
	}})
	c := dial(t, address)
	if _, err := io.WriteString(c, message("GET", "/a/pcu", "")); err != nil {
		t.Fatal(err)
	}
	<-started
	_ = c.Close()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the handler goes on for nobody")
	}
}

func TestConnection_MaxConns(t *testing.T) {
	t.Parallel()
	address := start(t, httpb.Options{Limits: httpb.Limits{MaxConns: 1}}, &recorder{})
	first := dial(t, address)
	if _, err := io.WriteString(first, message("GET", "/a", "")); err != nil {
		t.Fatal(err)
	}
	if _, err := readAnswer(bufio.NewReader(first), "GET"); err != nil {
		t.Fatal(err)
	}
	second := dial(t, address)
	if _, err := io.WriteString(second, message("GET", "/a", "")); err != nil {
		t.Fatal(err)
	}
	if err := second.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(second)
	if _, err := r.Peek(1); err == nil {
		t.Error("a second connection is served beyond the limit")
	}
	_ = first.Close()
	if err := second.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if a, err := readAnswer(r, "GET"); err != nil || a.status != 200 {
		t.Errorf("the slot isn't given back: %v", err)
	}
}

func TestConnection_ShutdownDrains(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	h := &recorder{reply: func(ctx context.Context, req *onem2m.Request) *onem2m.Response {
		close(started)
		select {
		case <-release:
		case <-ctx.Done():
		}
		return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID, VendorInformation: new(fmt.Sprint(ctx.Err()))}
	}}
	s := httpb.NewServer(httpb.Options{Address: "127.0.0.1:0"}, h)
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		if err := s.Serve(t.Context()); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	address := s.Addr().String()
	c := dial(t, address)
	if _, err := io.WriteString(c, message("GET", "/a", "")); err != nil {
		t.Fatal(err)
	}
	<-started
	work.Go(func() {
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	for {
		n, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		_ = n.Close()
		time.Sleep(time.Millisecond)
	}
	close(release)
	a, err := readAnswer(bufio.NewReader(c), "GET")
	if err != nil || a.status != 200 || a.header.Get("X-M2M-VSI") != "<nil>" {
		t.Errorf("the request in progress got %d %q, %v", a.status, a.header.Get("X-M2M-VSI"), err)
	}
	work.Wait()
}

func TestConnection_ShutdownBeforeServeAndServeBeforeListen(t *testing.T) {
	t.Parallel()
	s := httpb.NewServer(httpb.Options{Address: "127.0.0.1:0"}, &recorder{})
	if s.Addr() != nil || s.Serve(t.Context()) == nil {
		t.Error("serves without a socket")
	}
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(t.Context()); err == nil {
		t.Error("listens twice")
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Serve(t.Context()); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", s.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("the socket is still open")
	}
}

func TestConnection_Observe(t *testing.T) {
	t.Parallel()
	seen := make(chan httpb.Exchange, 2)
	address := start(t, httpb.Options{Observe: func(e httpb.Exchange) { seen <- e }}, &recorder{})
	send(t, address, message("GET", "/a", ""))
	send(t, address, message("PATCH", "/a", ""))
	if e := <-seen; e.Operation != onem2m.Retrieve || e.Status != 200 || e.Code != onem2m.OK || e.Duration <= 0 ||
		e.RequestID != "r1" || e.From != "Cabc" || e.To != "a" || e.Type != 0 {
		t.Errorf("%+v", e)
	}
	if e := <-seen; e.Operation != 0 || e.Status != 405 || e.Code != onem2m.OperationNotAllowed {
		t.Errorf("%+v", e)
	}
}
