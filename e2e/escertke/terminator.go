package escertke

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"bulwark/onem2m"
)

// Bounds on what initiators can cost: their identity is not proven before
// message 3 (E-110).
const (
	MaxOpen     = 64               // handshakes open at a time, of all peers
	MaxAge      = 60 * time.Second // from message 1 to message 3
	MaxStarts   = 30               // messages 1 of one peer in StartWindow; each costs a signature
	StartWindow = time.Minute
)

// TerminatorOptions are what a Terminator is made of.
type TerminatorOptions struct {
	End     End
	Allowed func(peer onem2m.ID) bool // who may establish a key (E-103); it bounds the peers that are remembered
	Starts  int                       // messages 1 of one peer in StartWindow; 0: MaxStarts
}

// Terminator is the end that answers. It may be used by many goroutines, and
// has one for each open handshake, which Close waits for.
type Terminator struct {
	end     End
	allowed func(onem2m.ID) bool
	starts  int

	running sync.WaitGroup

	mu     sync.Mutex // guards what follows
	peers  map[onem2m.ID]*initiator
	open   int // handshakes that have a goroutine
	closed bool
}

// initiator is what is remembered of a peer.
type initiator struct {
	current *handshake // nil for none; one that has aged stays, so that its message 3 is told so
	window  time.Time  // when the counting began
	started int        // messages 1 since
}

// NewTerminator returns a Terminator. Close must be called.
func NewTerminator(o TerminatorOptions) *Terminator {
	t := &Terminator{end: o.End, allowed: o.Allowed, starts: o.Starts, peers: map[onem2m.ID]*initiator{}}
	if t.starts <= 0 {
		t.starts = MaxStarts
	}
	return t
}

// Close drops every open handshake and waits for its goroutine.
func (t *Terminator) Close() {
	t.mu.Lock()
	t.closed = true
	for _, p := range t.peers {
		t.finish(p.current)
	}
	t.mu.Unlock()
	t.running.Wait()
}

// Sweep ends the handshakes that are too old. Receive does it too; a timer is
// for the time when nobody calls.
func (t *Terminator) Sweep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep(t.end.now())
}

// sweep is Sweep, with the lock held.
func (t *Terminator) sweep(now time.Time) {
	for _, p := range t.peers {
		if h := p.current; h != nil && now.Sub(h.started) > MaxAge {
			t.finish(h)
		}
	}
}

// Open returns the number of open handshakes.
func (t *Terminator) Open() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open
}

// Receive takes a message of an initiator, known by the absolute form of the
// From of the notification, and returns the answer: message 2 for message 1, and
// for message 3 message 4 and the key, which the caller stores before it sends
// the answer. A message 3 that fails drops the handshake; what has not the shape of
// a message of an initiator leaves it alone, whoever on the way has sent it.
// The errors are *onem2m.Error (E-109): 4000 for what is no such message, 4103 for
// a peer that is not configured, 4106 for certificate and identity, 4008 for a
// handshake that is too old, 5000 when there are too many. It waits for nothing
// but the computing of one flight.
func (t *Terminator) Receive(ctx context.Context, from onem2m.ID, message []byte) ([]byte, *Key, error) {
	if _, err := records(message); err != nil {
		return nil, nil, badMessage(err)
	}
	if isHello(message) {
		answer, err := t.first(ctx, from, message)
		return answer, nil, err
	}
	return t.third(from, message)
}

// first answers message 1.
func (t *Terminator) first(ctx context.Context, from onem2m.ID, message []byte) ([]byte, error) {
	if !t.allowed(from) {
		return nil, onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "fr", "may not establish a key with this end-point")
	}
	if err := checkShape(message, 1); err != nil {
		return nil, badMessage(err)
	}
	h, err := t.start(ctx, from, message)
	if err != nil {
		return nil, err
	}
	defer h.mu.Unlock()
	got, err := h.lane.next()
	if err == nil && !got.done && checkShape(got.flight, 2) == nil {
		return got.flight, nil
	}
	t.drop(h)
	if err != nil {
		return nil, badMessage(err)
	}
	return nil, refusal(got)
}

// start makes the handshake of a message 1 and its goroutine. It returns it
// locked, so that a message 3 that is too early waits.
func (t *Terminator) start(ctx context.Context, from onem2m.ID, message []byte) (*handshake, error) {
	now := t.end.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, onem2m.Errorf(onem2m.InternalServerError, "", "shutting down")
	}
	t.sweep(now)
	p := t.peers[from]
	if p == nil {
		p = &initiator{}
		t.peers[from] = p
	}
	if now.Sub(p.window) >= StartWindow || now.Before(p.window) {
		p.window, p.started = now, 0
	}
	others := t.open
	if p.current != nil && !p.current.ended {
		others-- // it gives way
	}
	if p.started >= t.starts || others >= MaxOpen {
		return nil, onem2m.Errorf(onem2m.InternalServerError, "", "too many key establishments")
	}
	t.finish(p.current)
	p.started++
	h := &handshake{peer: from, started: now, lane: newServerLane(message)}
	h.mu.Lock()
	p.current = h
	t.open++
	alone := context.WithoutCancel(ctx) // the handshake waits for another request
	t.running.Go(func() { h.run(alone, t.end) })
	return h, nil
}

// third answers message 3.
func (t *Terminator) third(from onem2m.ID, message []byte) ([]byte, *Key, error) {
	if err := checkShape(message, 3); err != nil {
		return nil, nil, badMessage(err)
	}
	h, aged := t.claim(from)
	switch {
	case h == nil && aged:
		return nil, nil, onem2m.Errorf(onem2m.RequestTimeout, "", "the key establishment is too old")
	case h == nil:
		return nil, nil, badMessage(errors.New("no key establishment is open"))
	}
	defer t.drop(h)
	h.mu.Lock()
	defer h.mu.Unlock()
	got, err := h.lane.feed(message)
	if err != nil {
		return nil, nil, badMessage(err)
	}
	if !got.done || got.err != nil || checkShape(got.flight, 4) != nil {
		return nil, nil, refusal(got)
	}
	key, err := t.end.export(h.state, from, h.own)
	if err != nil {
		return nil, nil, badMessage(err)
	}
	return got.flight, key, nil
}

// claim takes the handshake of a peer out, so that one message gets it and no
// other. It says whether there was one that is too old.
func (t *Terminator) claim(from onem2m.ID) (h *handshake, aged bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep(t.end.now())
	p := t.peers[from]
	if p == nil || p.current == nil {
		return nil, false
	}
	h = p.current
	p.current = nil
	if h.ended {
		return nil, true
	}
	return h, false
}

// drop ends a handshake.
func (t *Terminator) drop(h *handshake) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.peers[h.peer]; p.current == h {
		p.current = nil
	}
	t.finish(h)
}

// finish ends one handshake, with the lock held; its goroutine returns by itself.
func (t *Terminator) finish(h *handshake) {
	if h != nil && !h.ended {
		h.ended = true
		t.open--
		close(h.lane.dropped)
	}
}

// handshake is one that a terminator has open.
type handshake struct {
	peer    onem2m.ID
	started time.Time
	lane    *serverLane
	ended   bool // guarded by the mutex of the Terminator

	mu    sync.Mutex // held by who waits for a turn
	own   *tls.Certificate
	state *tls.ConnectionState // set before the last turn is given
}

// run lets TLS work until it has ended or nobody wants it any more.
func (h *handshake) run(ctx context.Context, end End) {
	h.own = end.Certificate()
	cfg := end.config(h.peer, x509.ExtKeyUsageClientAuth)
	cfg.ClientAuth = tls.RequestClientCert // demanded by VerifyConnection, whose error can be told apart
	cfg.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if h.own == nil {
			return nil, errors.New("there is no own certificate")
		}
		return h.own, nil
	}
	conn := tls.Server(h.lane, cfg)
	err := conn.HandshakeContext(ctx) // it ends with the lane
	state := conn.ConnectionState()
	h.state = &state
	if err == nil && len(h.lane.unread) > 0 {
		err = errShape
	}
	h.lane.give(turn{flight: h.lane.take(), done: true, err: err})
}

// badMessage is the answer to what is no message of the handshake.
func badMessage(cause error) error {
	return &onem2m.Error{Code: onem2m.BadRequest, Subject: "eckm", Text: "not the message of the key establishment that is expected", Cause: cause}
}

// Alerts that TLS has for certificates and what is signed with their keys
// (RFC 5246 clause 7.2).
const (
	badCertificate     = 42
	certificateUnknown = 46
	unknownCA          = 48
	decryptError       = 51
)

// refusal is the answer to a message that TLS refused: 4106 for what is wrong
// with the certificate, 4000 for the rest (E-109).
func refusal(got turn) error {
	alert := alertOf(got.flight)
	_, untrusted := errors.AsType[untrustedError](got.err)
	if untrusted || badCertificate <= alert && alert <= certificateUnknown || alert == unknownCA || alert == decryptError {
		return &onem2m.Error{
			Code: onem2m.OriginatorNotAuthenticated, Subject: "eckm", Text: "the certificate is not that of the originator", Cause: got.err,
		}
	}
	err := got.err
	if err == nil {
		err = errShape
	}
	return badMessage(err)
}
