package escertke

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"bulwark/onem2m"
)

// Exchange carries a message of an initiator to the terminator and returns the
// answer: one notification and its response. It is called twice.
type Exchange func(ctx context.Context, message []byte) (answer []byte, err error)

// Initiate runs the procedure with a peer, whose certificate has to prove
// exactly that identity, and returns the key that both ends then have. It fails
// with an error of exchange, with ErrMessage or ErrPeer, or when the handshake
// has no extended master secret. Nothing goes on when it returns.
func Initiate(ctx context.Context, end End, peer onem2m.ID, exchange Exchange) (*Key, error) {
	own := end.Certificate()
	if own == nil {
		return nil, errors.New("there is no own certificate")
	}
	cfg := end.config(peer, x509.ExtKeyUsageServerAuth)
	cfg.InsecureSkipVerify = true // VerifyConnection verifies, against the identity rather than a host name
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
	l := &clientLane{ctx: ctx, exchange: exchange}
	conn := tls.Client(l, cfg)
	// Whatever the context ends is the exchange; TLS itself only computes.
	err := conn.HandshakeContext(context.WithoutCancel(ctx))
	switch {
	case l.failed != nil:
		return nil, l.failed
	case err != nil:
		if _, ok := errors.AsType[untrustedError](err); ok {
			return nil, fmt.Errorf("%w: %w", ErrPeer, err)
		}
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	case len(l.unread) > 0 || len(l.flight) > 0 || l.sent != 2:
		return nil, fmt.Errorf("%w: it does not end with message 4", ErrMessage)
	}
	state := conn.ConnectionState()
	return end.export(&state, peer, own)
}

// clientLane is the connection of an initiator: a read sends what has been
// written and returns the answer.
type clientLane struct {
	lane
	ctx      context.Context //nolint:containedctx // the lane lives no longer than the call that it belongs to
	exchange Exchange
	sent     int   // messages sent
	failed   error // why no answer has come, which TLS would wrap
}

// Read sends message 1 or 3 and takes its answer.
func (l *clientLane) Read(p []byte) (int, error) {
	if len(l.unread) == 0 {
		if err := l.next(); err != nil {
			l.failed = err
			return 0, err
		}
	}
	return l.read(p), nil
}

func (l *clientLane) next() error {
	if l.sent == 2 {
		return fmt.Errorf("%w: message %d is incomplete", ErrMessage, 2*l.sent)
	}
	message := l.take()
	if err := checkShape(message, 2*l.sent+1); err != nil {
		return fmt.Errorf("%w: message %d is incomplete", ErrMessage, 2*l.sent)
	}
	l.sent++
	answer, err := l.exchange(l.ctx, message)
	if err != nil {
		return fmt.Errorf("ESCertKE message %d: %w", 2*l.sent-1, err)
	}
	if err := checkShape(answer, 2*l.sent); err != nil {
		return fmt.Errorf("%w: message %d: %w", ErrMessage, 2*l.sent, err)
	}
	l.unread = answer
	return nil
}
