package escertke

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bulwark/onem2m"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The two ends of all tests, and somebody else.
const (
	near  onem2m.ID = "//m2m.example/id-mn/CAE01"
	far   onem2m.ID = "//m2m.example/id-in"
	other onem2m.ID = "//m2m.example/id-mn/CAE02"
)

// authority is a CA of a test and what it makes of a peer's certificate. The
// profile of certificates is the affair of the package that implements Trust.
type authority struct {
	cert    *x509.Certificate
	key     *ecdsa.PrivateKey
	serials atomic.Int64
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
	}
	a.cert = a.sign(t, template, template, a.key)
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(t testing.TB, template, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// issue makes the certificate of an entity, good until notAfter.
func (a *authority) issue(t testing.TB, id onem2m.ID, notAfter time.Time) *tls.Certificate {
	t.Helper()
	name, err := url.Parse(string(id))
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	leaf := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2 + a.serials.Add(1)), KeyUsage: x509.KeyUsageDigitalSignature, URIs: []*url.URL{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: notAfter,
	}, a.cert, key)
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// Verify implements Trust.
func (a *authority) Verify(peer onem2m.ID, chain []*x509.Certificate, _ x509.ExtKeyUsage) error {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return err
	}
	if len(chain[0].URIs) != 1 || chain[0].URIs[0].String() != string(peer) {
		return errors.New("it names somebody else")
	}
	return nil
}

// end makes an end with a certificate for id.
func (a *authority) end(t testing.TB, id onem2m.ID) End {
	t.Helper()
	cert := a.issue(t, id, time.Now().Add(90*24*time.Hour))
	return End{Certificate: func() *tls.Certificate { return cert }, Trust: a}
}

// clock is a time that a test sets.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Now().UnixNano())
	return c
}

func (c *clock) now() time.Time           { return time.Unix(0, c.nanos.Load()) }
func (c *clock) advance(by time.Duration) { c.nanos.Add(int64(by)) }

// terminator makes the far end, which near and other may reach.
func terminator(t testing.TB, end End) *Terminator {
	t.Helper()
	term := NewTerminator(TerminatorOptions{
		End: end, Starts: 1 << 20,
		Allowed: func(id onem2m.ID) bool { return strings.HasPrefix(string(id), "//m2m.example/id-mn/C") },
	})
	t.Cleanup(func() {
		term.Close()
		if n := term.Open(); n != 0 {
			t.Errorf("%d handshakes are open at the end", n)
		}
	})
	return term
}

// through carries messages to a terminator, and what it stores to stored.
func through(term *Terminator, from onem2m.ID, stored *[]*Key) Exchange {
	return func(ctx context.Context, message []byte) ([]byte, error) {
		answer, key, err := term.Receive(ctx, from, message)
		if key != nil {
			*stored = append(*stored, key)
		}
		return answer, err
	}
}

// flights runs a whole handshake and returns its four messages.
func flights(t testing.TB, initiator, answering End) [][]byte {
	t.Helper()
	term := terminator(t, answering)
	var all [][]byte
	var stored []*Key
	send := through(term, named(initiator), &stored)
	_, err := Initiate(t.Context(), initiator, far, func(ctx context.Context, m []byte) ([]byte, error) {
		answer, err := send(ctx, m)
		all = append(all, m, answer)
		return answer, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// named is the identity that an end has a certificate for.
func named(e End) onem2m.ID { return onem2m.ID(e.Certificate().Leaf.URIs[0].String()) }

// code is the response status code of an error.
func code(err error) onem2m.StatusCode {
	var e *onem2m.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code
}
