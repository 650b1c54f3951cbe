package escertke

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/e2e/keys"
	"bulwark/onem2m"
)

func TestESCertKE_E95_E105_E108_BothEndsHaveOneKey(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	at := newClock()
	initiator, answering := a.end(t, near), a.end(t, far)
	initiator.Now, answering.Now = at.now, at.now
	term := terminator(t, answering)
	var stored []*Key
	key, err := Initiate(t.Context(), initiator, far, through(term, near, &stored))
	if err != nil {
		t.Fatal(err)
	}
	if len(stored) != 1 {
		t.Fatalf("the terminator stored %d keys", len(stored))
	}
	there := stored[0]
	if key.ID != there.ID || !key.Secret.Equal(there.Secret) || key.Secret.Len() != keys.KeyLength {
		t.Errorf("the ends have %s and %s", key.ID, there.ID)
	}
	if key.Peer != far || there.Peer != near {
		t.Errorf("E-106: the identities are %s and %s", key.Peer, there.Peer)
	}
	if id, err := keys.ParseIdentifier(key.ID); err != nil || id.FQDN != "" || id.String() != key.ID {
		t.Errorf("E-108: kid %q: %v", key.ID, err)
	}
	if want := at.now().Add(MaxLifetime); !key.Expires.Equal(want) || !there.Expires.Equal(want) {
		t.Errorf("E-108: the key expires %s and %s, want %s", key.Expires, there.Expires, want)
	}
	again, err := Initiate(t.Context(), initiator, far, through(term, near, &stored))
	if err != nil || again.ID == key.ID || again.Secret.Equal(key.Secret) {
		t.Errorf("a second run gives the same key, or %v", err)
	}
}

func TestESCertKE_E108_TheKeyEndsWithTheCertificates(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	soon := time.Now().Add(2 * time.Hour).Truncate(time.Second)
	initiator, answering := a.end(t, near), a.end(t, far)
	short := a.issue(t, near, soon)
	initiator.Certificate = func() *tls.Certificate { return short }
	answering.Lifetime = 24 * time.Hour
	var stored []*Key
	key, err := Initiate(t.Context(), initiator, far, through(terminator(t, answering), near, &stored))
	if err != nil {
		t.Fatal(err)
	}
	if !key.Expires.Equal(soon) || !stored[0].Expires.Equal(soon) {
		t.Errorf("it expires %s and %s, want %s", key.Expires, stored[0].Expires, soon)
	}
}

func TestESCertKE_E97_E98_E99_TheMessagesAreTheFlights(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	all := flights(t, a.end(t, near), a.end(t, far))
	if len(all) != 4 {
		t.Fatalf("%d messages", len(all))
	}
	for i, message := range all {
		if err := checkShape(message, i+1); err != nil {
			t.Errorf("message %d: %v", i+1, err)
		}
		if len(message) > 1024 {
			t.Errorf("message %d has %d octets, much for a constrained link", i+1, len(message))
		}
	}
	types, err := records(all[3])
	if err != nil || !slices.Equal(types, []byte{recordChange, recordHandshake}) {
		t.Errorf("E-99: message 4 has the records %v, %v", types, err)
	}
}

func TestESCertKE_E100_TheSuites(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	for _, suite := range []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256} {
		got, err := foreign(t, a, far, func(c *tls.Config) { c.CipherSuites = []uint16{suite} })
		if err != nil || got.CipherSuite != suite {
			t.Errorf("%s: %v", tls.CipherSuiteName(suite), err)
		}
	}
	if _, err := foreign(t, a, far, func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384} }); code(err) != onem2m.BadRequest {
		t.Errorf("another suite: %v", err)
	}
	hello := helloOf(t, a)
	if i, j := slices.Index(hello, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), slices.Index(hello, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256); i != 0 || j != 1 {
		t.Errorf("the initiator offers %x", hello)
	}
}

// helloOf returns the suites that an initiator offers.
func helloOf(t *testing.T, a *authority) (suites []uint16) {
	t.Helper()
	var message []byte
	_, err := Initiate(t.Context(), a.end(t, near), far, func(_ context.Context, m []byte) ([]byte, error) {
		message = m
		return nil, context.Canceled
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the error of the exchange is lost: %v", err)
	}
	rest := message[headerLength+4+2+32:] // record, handshake, version, random
	rest = rest[1+int(rest[0]):]          // session identifier
	for n := int(rest[0])<<8 | int(rest[1]); n > 0; n -= 2 {
		suites = append(suites, uint16(rest[n])<<8|uint16(rest[n+1]))
	}
	slices.Reverse(suites)
	return suites
}

// foreign runs an initiator that is not ours, with a TLS configuration as bad
// as the test wants it, against a terminator, and returns what it ended with.
// The error is the terminator's if it has one.
func foreign(t *testing.T, a *authority, peer onem2m.ID, change func(*tls.Config)) (tls.ConnectionState, error) {
	t.Helper()
	term := terminator(t, a.end(t, peer))
	own := a.issue(t, near, time.Now().Add(time.Hour))
	cfg := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{*own}, MaxVersion: tls.VersionTLS12}
	change(cfg)
	var refused error
	var stored []*Key
	send := through(term, near, &stored)
	l := &clientLane{ctx: t.Context(), exchange: func(ctx context.Context, m []byte) ([]byte, error) {
		answer, err := send(ctx, m)
		refused = err
		return answer, err
	}}
	conn := tls.Client(l, cfg)
	err := conn.HandshakeContext(t.Context())
	if refused != nil {
		err = refused
	}
	if (err == nil) != (len(stored) == 1) {
		t.Errorf("%v, and %d keys are stored", err, len(stored))
	}
	return conn.ConnectionState(), err
}

func TestESCertKE_E99_E104_E106_E109_WhatATerminatorRefuses(t *testing.T) {
	t.Parallel()
	a, foreignCA := newAuthority(t), newAuthority(t)
	stranger := foreignCA.issue(t, near, time.Now().Add(time.Hour))
	old := a.issue(t, near, time.Now().Add(-time.Minute))
	another := a.issue(t, other, time.Now().Add(time.Hour))
	rightful := a.issue(t, near, time.Now().Add(time.Hour))
	stolen := &tls.Certificate{Certificate: rightful.Certificate, PrivateKey: newKey(t)}
	with := func(cert *tls.Certificate) func(*tls.Config) {
		return func(c *tls.Config) {
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*tls.Config)
		want   onem2m.StatusCode
	}{
		{"E-99 TLS 1.3 alone", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS13, tls.VersionTLS13 }, onem2m.BadRequest},
		{"E-99 TLS 1.1", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 }, onem2m.BadRequest},
		{"E-104 no certificate", with(&tls.Certificate{}), onem2m.OriginatorNotAuthenticated},
		{"E-102 a certificate of another authority", with(stranger), onem2m.OriginatorNotAuthenticated},
		{"E-102 a certificate that has expired", with(old), onem2m.OriginatorNotAuthenticated},
		{"E-106 the certificate of another entity", with(another), onem2m.OriginatorNotAuthenticated},
		{"E-102 a certificate without its key", with(stolen), onem2m.OriginatorNotAuthenticated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := foreign(t, a, far, tt.change); code(err) != tt.want {
				t.Errorf("got %v, want %d", err, tt.want)
			}
		})
	}
}

// blind is a Trust that says of everybody's certificate what the test wants.
type blind struct{ err error }

func (b blind) Verify(onem2m.ID, []*x509.Certificate, x509.ExtKeyUsage) error { return b.err }

func TestESCertKE_E102_E107_WhatAnInitiatorRefuses(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	wrong := a.issue(t, other, time.Now().Add(time.Hour))
	answering := a.end(t, far)
	answering.Certificate = func() *tls.Certificate { return wrong }
	messages := 0
	var stored []*Key
	send := through(terminator(t, answering), near, &stored)
	key, err := Initiate(t.Context(), a.end(t, near), far, func(ctx context.Context, m []byte) ([]byte, error) {
		messages++
		return send(ctx, m)
	})
	if !errors.Is(err, ErrPeer) || key != nil || messages != 1 || len(stored) != 0 {
		t.Errorf("the certificate of another entity: %v after %d messages", err, messages)
	}

	good := flights(t, a.end(t, near), a.end(t, far))
	spoilt := func(number int, change func([]byte) []byte) error {
		term := terminator(t, a.end(t, far))
		send := through(term, near, &stored)
		n := 0
		key, err := Initiate(t.Context(), a.end(t, near), far, func(ctx context.Context, m []byte) ([]byte, error) {
			n += 2
			answer, err := send(ctx, m)
			if n == number && err == nil {
				answer = change(slices.Clone(answer))
			}
			return answer, err
		})
		if key != nil {
			t.Errorf("message %d spoilt: a key", number)
		}
		return err
	}
	for _, tt := range []struct {
		name   string
		number int
		change func([]byte) []byte
	}{
		{"nothing", 2, func([]byte) []byte { return nil }},
		{"truncated in a record", 2, func(m []byte) []byte { return m[:len(m)-3] }},
		{"without its last record", 2, func(m []byte) []byte { return m[:len(m)-9] }},
		{"an alert", 2, func([]byte) []byte { return []byte{21, 3, 3, 0, 2, 2, 40} }},
		{"of another handshake", 2, func([]byte) []byte { return good[1] }},
		{"message 4 in the place of 2", 2, func([]byte) []byte { return good[3] }},
		{"the initiator's own message", 2, func([]byte) []byte { return good[0] }},
		{"too long", 2, func(m []byte) []byte { return append(m, make([]byte, MaxMessage)...) }},
		{"of another handshake", 4, func([]byte) []byte { return good[3] }},
		{"with data behind it", 4, func(m []byte) []byte { return append(m, 23, 3, 3, 0, 1, 0) }},
		{"with a ticket in front", 4, func(m []byte) []byte { return append([]byte{22, 3, 3, 0, 4, 4, 0, 0, 0}, m...) }},
		{"changed", 4, func(m []byte) []byte { m[len(m)-1] ^= 1; return m }},
		{"only the change of cipher", 4, func(m []byte) []byte { return m[:6] }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := spoilt(tt.number, tt.change); err == nil || errors.Is(err, ErrPeer) {
				t.Errorf("message %d: %v", tt.number, err)
			}
		})
	}
}

func TestTerminator_E96_E109_E110_OrderAndRepetition(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	answering := a.end(t, far)
	at := newClock()
	answering.Now = at.now
	term := terminator(t, answering)
	m := flights(t, a.end(t, near), a.end(t, far))
	refused := func(name string, from onem2m.ID, message []byte, want onem2m.StatusCode) {
		t.Helper()
		answer, key, err := term.Receive(t.Context(), from, message)
		if code(err) != want || answer != nil || key != nil {
			t.Errorf("%s: %v, want %d", name, err, want)
		}
	}
	opened := func() {
		t.Helper()
		if _, _, err := term.Receive(t.Context(), near, m[0]); err != nil || term.Open() != 1 {
			t.Fatalf("message 1: %v, %d are open", err, term.Open())
		}
	}
	refused("message 3 without message 1", near, m[2], onem2m.BadRequest)
	refused("E-103 a peer that is not configured", "//m2m.example/id-mn", m[0], onem2m.OriginatorHasNoPrivilege)
	opened()
	opened()                                                                                 // a new message 1 replaces the old one
	refused("message 3 of another handshake", near, m[2], onem2m.OriginatorNotAuthenticated) // its signature is over other octets
	refused("and again: the state is gone", near, m[2], onem2m.BadRequest)
	for _, tt := range []struct {
		name    string
		message []byte
	}{
		{"nothing", nil},
		{"message 2", m[1]},
		{"message 4", m[3]},
		{"garbage", []byte("not TLS at all")},
		{"an alert", []byte{21, 3, 3, 0, 2, 2, 40}},
		{"a truncated message", m[2][:len(m[2])-1]},
		{"a message without its last record", m[2][:len(m[2])-45]},
		{"a message that goes on", append(slices.Clone(m[2]), 23, 3, 3, 0, 1, 0)},
		{"an oversize message", make([]byte, MaxMessage+1)},
		{"an empty record", []byte{22, 3, 3, 0, 0}},
		{"a record of SSL 2", []byte{0x80, 0x2e, 1, 3, 1, 0, 0x15}},
	} {
		opened()
		refused(tt.name, near, tt.message, onem2m.BadRequest)
		if term.Open() != 1 {
			t.Errorf("%s: the handshake is gone", tt.name)
		}
	}
	opened()
	refused("E-96 message 3 from another", other, m[2], onem2m.BadRequest)
	if term.Open() != 1 {
		t.Error("another's message ends the handshake")
	}
	at.advance(MaxAge)
	if term.Sweep(); term.Open() != 1 {
		t.Error("a handshake of just that age is dropped")
	}
	at.advance(time.Second)
	if term.Sweep(); term.Open() != 0 {
		t.Error("E-110: an abandoned handshake is kept")
	}
	refused("E-109 message 3 that is too late", near, m[2], onem2m.RequestTimeout)
	refused("and again", near, m[2], onem2m.BadRequest)
}

func TestTerminator_E110_Bounds(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	at := newClock()
	end := a.end(t, far)
	end.Now = at.now
	hello := flights(t, a.end(t, near), a.end(t, far))[0]
	term := NewTerminator(TerminatorOptions{End: end, Allowed: func(onem2m.ID) bool { return true }})
	defer term.Close()
	from := func(i int) onem2m.ID { return near + onem2m.ID(rune('a'+i/26)) + onem2m.ID(rune('a'+i%26)) }
	for i := range MaxOpen {
		if _, _, err := term.Receive(t.Context(), from(i), hello); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := term.Receive(t.Context(), near, hello); code(err) != onem2m.InternalServerError || term.Open() != MaxOpen {
		t.Errorf("one more than there may be: %v, %d are open", err, term.Open())
	}
	at.advance(MaxAge + time.Second)
	if _, _, err := term.Receive(t.Context(), near, hello); err != nil || term.Open() != 1 {
		t.Errorf("after the others have aged: %v, %d are open", err, term.Open())
	}
	for range MaxStarts - 2 {
		if _, _, err := term.Receive(t.Context(), near, hello); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := term.Receive(t.Context(), near, hello); err != nil {
		t.Fatal(err) // the first, refused one did not count
	}
	if _, _, err := term.Receive(t.Context(), near, hello); code(err) != onem2m.InternalServerError {
		t.Errorf("too many starts: %v", err)
	}
	if term.Open() != 1 {
		t.Error("a start that is refused ends the handshake before")
	}
	at.advance(StartWindow)
	if _, _, err := term.Receive(t.Context(), near, hello); err != nil {
		t.Errorf("in the next window: %v", err)
	}
	term.Close()
	if _, _, err := term.Receive(t.Context(), near, hello); code(err) != onem2m.InternalServerError || term.Open() != 0 {
		t.Errorf("after Close: %v, %d are open", err, term.Open())
	}
}

func TestTerminator_ManyPeersAtATime(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	term := terminator(t, a.end(t, far))
	var all sync.WaitGroup
	for i := range 8 {
		id := near + onem2m.ID(rune('a'+i))
		end := a.end(t, id)
		all.Go(func() {
			for range 4 {
				var stored []*Key
				key, err := Initiate(t.Context(), end, far, through(term, id, &stored))
				if err != nil || len(stored) != 1 || cmp.Diff(key.ID, stored[0].ID) != "" {
					t.Errorf("%s: %v", id, err)
				}
			}
		})
	}
	// Somebody who claims the same identities spoils handshakes and nothing else.
	hello := flights(t, a.end(t, near), a.end(t, far))[0]
	all.Go(func() {
		for range 20 {
			_, _, _ = term.Receive(t.Context(), near+"z", hello)
			_, _, _ = term.Receive(t.Context(), near+"z", hello[:20])
		}
	})
	all.Wait()
}

func TestInitiate_NeedsACertificate(t *testing.T) {
	t.Parallel()
	none := End{Certificate: func() *tls.Certificate { return nil }, Trust: blind{}}
	if _, err := Initiate(t.Context(), none, far, nil); err == nil {
		t.Error("a key without a certificate")
	}
	a := newAuthority(t)
	term := terminator(t, none)
	hello := flights(t, a.end(t, near), a.end(t, far))[0]
	if _, _, err := term.Receive(t.Context(), near, hello); code(err) != onem2m.BadRequest {
		t.Errorf("a terminator without certificate: %v", err)
	}
}
