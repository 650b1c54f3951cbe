package httpb_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net/netip"
	"testing"
	"time"

	"bulwark/internal/binding/httpb"
	"bulwark/internal/identity"
)

// One credential takes all the connections that it gets; another one is served
// nevertheless, and so is the first when it has closed one.
func TestConnection_OneCredentialDoesNotTakeAllOfAListener(t *testing.T) {
	t.Parallel()
	const share = 64
	o := tlsOptions(t)
	o.Limits.MaxConns = share + 4
	o.Identify = func(state *tls.ConnectionState) (*identity.Association, error) {
		a, err := byName(state)
		if err == nil {
			a.CredentialID = "33-" + state.PeerCertificates[0].Subject.CommonName
		}
		return a, err
	}
	refused := make(chan error, 1000) // more than there are tries
	o.HandshakeFailed = func(_ netip.Addr, err error) { refused <- err }
	address := start(t, o, &recorder{})
	asks := func(config *tls.Config) (*tls.Conn, bool) {
		t.Helper()
		c := dialTLS(t, address, config)
		if _, err := io.WriteString(c, message("GET", "/a", "")); err != nil {
			return c, false
		}
		a, err := readAnswer(bufio.NewReader(c), "GET")
		return c, err == nil && a.status == 200
	}
	greedy := clientTLS(t, "Cgreedy")
	var last *tls.Conn
	for i := range share {
		c, ok := asks(greedy)
		if !ok {
			t.Fatalf("connection %d is not served", i)
		}
		last = c
	}
	if _, ok := asks(greedy); ok {
		t.Error("one more than the share is served")
	} else if err := <-refused; !errors.Is(err, httpb.ErrCrowded) {
		t.Errorf("refused with %v", err)
	}
	if _, ok := asks(clientTLS(t, "Cother")); !ok {
		t.Error("another credential is not served")
	}
	_ = last.Close()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if _, ok := asks(greedy); ok {
			break
		}
		if err := <-refused; !errors.Is(err, httpb.ErrCrowded) {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatal("a connection that was closed still counts")
		}
	}
}
