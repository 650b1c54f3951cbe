package httpb_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"bulwark/internal/binding/httpb"
)

func TestTLS_S139_AConnectionHasAGreatestAge(t *testing.T) {
	t.Parallel()
	var offset atomic.Int64
	o := tlsOptions(t)
	o.MaxAge, o.RecheckEvery = 10*time.Hour, time.Hour
	o.Now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	h := &recorder{}
	address := start(t, o, h)
	ask := func(c *tls.Conn, r *bufio.Reader) (answer, error) {
		if _, err := io.WriteString(c, message("GET", "/a", "")); err != nil {
			return answer{}, err
		}
		return readAnswer(r, "GET")
	}
	c := dialTLS(t, address, clientTLS(t, "Calpha1"))
	r := bufio.NewReader(c)
	if a, err := ask(c, r); err != nil || a.has("Connection: close") {
		t.Fatalf("a young connection: %q %v", a.lines, err)
	}
	offset.Store(int64(11 * time.Hour))
	if a, err := ask(c, r); err == nil {
		t.Errorf("a connection that is too old: %d", a.status)
	}
	if h.count() != 1 {
		t.Error("a request was served on a connection that is too old")
	}
	c = dialTLS(t, address, clientTLS(t, "Calpha1"))
	r = bufio.NewReader(c)
	if _, err := ask(c, r); err != nil {
		t.Fatal(err)
	}
	offset.Add(int64(9*time.Hour + 30*time.Minute))
	if a, err := ask(c, r); err != nil || !a.has("Connection: close") {
		t.Errorf("shortly before the end: %q %v", a.lines, err)
	}
}

func TestTLS_S096_AFailedHandshakeIsReported(t *testing.T) {
	t.Parallel()
	type failure struct {
		source netip.Addr
		err    error
	}
	failed := make(chan failure, 8)
	o := tlsOptions(t)
	o.HandshakeFailed = func(source netip.Addr, err error) { failed <- failure{source, err} }
	address := start(t, o, &recorder{})
	send(t, address, message("GET", "/a", ""))
	if f := <-failed; !f.source.IsLoopback() || f.err == nil {
		t.Errorf("no TLS at all: %+v", f)
	}
	c := dialTLS(t, address, clientTLS(t, "nobody"))
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if f := <-failed; !f.source.IsLoopback() || f.err == nil || f.err.Error() != "an unknown name" {
		t.Errorf("a name that stands for nobody: %+v", f)
	}
}

func TestConnection_ObserveTellsTheTypeOfACreate(t *testing.T) {
	t.Parallel()
	seen := make(chan httpb.Exchange, 1)
	address := start(t, httpb.Options{Observe: func(e httpb.Exchange) { seen <- e }}, &recorder{})
	send(t, address, message("POST", "/a", `{"m2m:cnt":{}}`, "Content-Type: application/json;ty=3"))
	if e := <-seen; e.Type != 3 {
		t.Errorf("%+v", e)
	}
}
