package client

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"bulwark/e2e/escertke"
	"bulwark/onem2m"
)

// KeyExchange is an AE as the end of key establishments by certificate that
// answers (TS-0003 clause 8.7). It belongs into Handlers; Close must be called.
type KeyExchange struct {
	home onem2m.Home
	term *escertke.Terminator
	keep func(context.Context, escertke.Key) error
}

// peerTrust asks the anchors of each peer.
type peerTrust map[onem2m.ID]escertke.Trust

// Verify implements escertke.Trust.
func (t peerTrust) Verify(peer onem2m.ID, chain []*x509.Certificate, usage x509.ExtKeyUsage) error {
	trust, ok := t[peer]
	if !ok {
		return errors.New("not a configured peer")
	}
	return trust.Verify(peer, chain, usage)
}

// NewKeyExchange makes the answering end of an AE, whose certificate is that of
// Options. self is its absolute AE-ID, and peers are those who may establish a
// key with it. keep stores a key; it is called before the other end is told that
// it has succeeded, by several goroutines at a time.
func (c *Client) NewKeyExchange(self onem2m.ID, keep func(context.Context, escertke.Key) error, peers ...Agreement) (*KeyExchange, error) {
	if self.Stem() == "" || len(peers) == 0 || keep == nil {
		return nil, errors.New("the answering end of a key establishment is an absolute AE-ID, and has peers and a place for keys")
	}
	trust := peerTrust{}
	var end escertke.End
	for _, p := range peers {
		one, err := c.end(p)
		if err != nil {
			return nil, fmt.Errorf("peer %s: %w", p.Peer, err)
		}
		trust[p.Peer] = one.Trust
		end.Certificate = one.Certificate
	}
	end.Trust = trust
	return &KeyExchange{
		home: onem2m.Home{SP: self.SP(), CSE: self.Registrar().SPRelative()}, keep: keep,
		term: escertke.NewTerminator(escertke.TerminatorOptions{
			End: end, Allowed: func(id onem2m.ID) bool { _, ok := trust[id]; return ok },
		}),
	}, nil
}

// Close drops what is open.
func (k *KeyExchange) Close() { k.term.Close() }

// answer answers message 1 or 3. A handshake that is abandoned goes with the
// next message of anybody, and takes little until then.
func (k *KeyExchange) answer(ctx context.Context, from string, info onem2m.SecurityInfo) (*onem2m.Content, error) {
	id, _, err := k.home.ParseID(from)
	if err != nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, "fr", "no AE-ID or CSE-ID")
	}
	message, err := info.ESCertKE()
	if err != nil {
		return nil, err
	}
	answer, key, err := k.term.Receive(ctx, id, message)
	if err == nil && key != nil {
		err = k.keep(ctx, *key)
	}
	if err != nil {
		return nil, err
	}
	return onem2m.NewESCertKEInfo(answer).Content(), nil
}
