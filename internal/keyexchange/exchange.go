package keyexchange

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"bulwark/e2e/escertke"
	"bulwark/onem2m"
)

// Peer is an entity that keys are agreed on with: the [[escertke.peer]] of a
// configuration (E-103).
type Peer struct {
	ID       onem2m.ID      // absolute AE-ID or CSE-ID
	Trust    escertke.Trust // who vouches for its certificate
	Initiate bool           // the CSE begins, and begins again before the key expires
}

// Keys is where keys go.
type Keys interface {
	// Keep stores a key for use with ESPrim. Only then the other end is told that
	// the procedure has succeeded.
	Keep(ctx context.Context, key escertke.Key) error
	// Latest returns when the newest key that was established with the peer
	// expires, and false if there is none.
	Latest(ctx context.Context, peer onem2m.ID) (expires time.Time, found bool, err error)
}

// Sender sends a notification of the CSE to an address, such as "/id-in/-", and
// returns the answer.
type Sender func(ctx context.Context, to string, content *onem2m.Content) (*onem2m.Response, error)

// Event is what has become of one procedure. It tells no secrets.
type Event struct {
	Peer      onem2m.ID
	Initiator bool   // this CSE began
	KeyID     string // of the key that both have; "" after a failure
	Err       error  // why there is none
}

// Options configure an Exchanger.
type Options struct {
	Home        onem2m.Home
	Certificate func() *tls.Certificate // of the CSE, for signatures
	Peers       []Peer
	Keys        Keys
	Send        Sender        // nil: the CSE begins no procedure
	Lifetime    time.Duration // of keys; 0: 30 days
	Observe     func(Event)   // must return quickly; nil: nobody is told
	Now         func() time.Time
	Log         *slog.Logger
}

// Exchanger agrees on keys. It may be used by many goroutines; Close must be
// called.
type Exchanger struct {
	o     Options
	end   escertke.End
	peers map[onem2m.ID]Peer
	term  *escertke.Terminator
	tried map[onem2m.ID]attempt // of Run alone

	busy map[onem2m.ID]chan token // one procedure at a time begins with a peer
}

type token struct{}

// New returns an Exchanger. It fails for a peer that is named twice, and for
// one that is the CSE itself.
func New(o Options) (*Exchanger, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	x := &Exchanger{o: o, peers: map[onem2m.ID]Peer{}, tried: map[onem2m.ID]attempt{}, busy: map[onem2m.ID]chan token{}}
	for _, p := range o.Peers {
		if _, twice := x.peers[p.ID]; twice || p.ID == o.Home.ID() || p.ID == "" || p.Trust == nil {
			return nil, fmt.Errorf("ESCertKE peer %s: it is given twice, or is this CSE, or nobody vouches for it", p.ID)
		}
		x.peers[p.ID] = p
		x.busy[p.ID] = make(chan token, 1)
	}
	x.end = escertke.End{Certificate: o.Certificate, Trust: trusts(x.peers), Lifetime: o.Lifetime, Now: o.Now}
	x.term = escertke.NewTerminator(escertke.TerminatorOptions{End: x.end, Allowed: x.knows})
	return x, nil
}

// trusts asks whoever vouches for a peer.
type trusts map[onem2m.ID]Peer

// Verify implements escertke.Trust.
func (t trusts) Verify(peer onem2m.ID, chain []*x509.Certificate, usage x509.ExtKeyUsage) error {
	p, ok := t[peer]
	if !ok {
		return errors.New("not a configured peer")
	}
	return p.Trust.Verify(peer, chain, usage)
}

func (x *Exchanger) knows(id onem2m.ID) bool { _, ok := x.peers[id]; return ok }

// Close drops what is open. Run has to have returned.
func (x *Exchanger) Close() { x.term.Close() }

// Exchange answers message 1 or 3 of a peer that begins, known by the absolute
// form of From. Its errors are those of escertke.Terminator.
func (x *Exchanger) Exchange(ctx context.Context, from onem2m.ID, message []byte) ([]byte, error) {
	answer, key, err := x.term.Receive(ctx, from, message)
	if err == nil && key != nil {
		err = x.o.Keys.Keep(ctx, *key)
	}
	switch {
	case err != nil:
		if x.knows(from) { // what strangers try would fill the trail
			x.o.Observe(Event{Peer: from, Err: err})
		}
		return nil, err
	case key != nil:
		x.o.Observe(Event{Peer: from, KeyID: key.ID})
	}
	return answer, nil
}

// Establish runs the procedure with a configured peer, this CSE being the end
// that begins, and returns when the key is stored. It fails if the peer is not
// configured or does not answer, or its certificate does not prove who it is.
func (x *Exchanger) Establish(ctx context.Context, peer onem2m.ID) (escertke.Key, error) {
	if !x.knows(peer) || x.o.Send == nil {
		return escertke.Key{}, fmt.Errorf("no key is established with %s: it is not a configured peer", peer)
	}
	busy := x.busy[peer]
	select {
	case busy <- token{}: // a second handshake would replace the first at the other end
		defer func() { <-busy }()
	case <-ctx.Done():
		return escertke.Key{}, ctx.Err()
	}
	key, err := escertke.Initiate(ctx, x.end, peer, x.notify(peer.NotifyAddress()))
	if err == nil {
		err = x.o.Keys.Keep(ctx, *key)
	}
	if err != nil {
		x.o.Observe(Event{Peer: peer, Initiator: true, Err: err})
		return escertke.Key{}, fmt.Errorf("key with %s: %w", peer, err)
	}
	x.o.Observe(Event{Peer: peer, Initiator: true, KeyID: key.ID})
	return *key, nil
}

// notify carries the messages to an address.
func (x *Exchanger) notify(to string) escertke.Exchange {
	return func(ctx context.Context, message []byte) ([]byte, error) {
		res, err := x.o.Send(ctx, to, onem2m.NewESCertKEInfo(message).Content())
		if err != nil {
			return nil, err
		}
		return Answer(res)
	}
}

// Answer returns the message in the response to one. It fails with the code of
// a response that is a refusal.
func Answer(res *onem2m.Response) ([]byte, error) {
	if res.Code != onem2m.OK {
		return nil, onem2m.Errorf(res.Code, "", "the other end refuses")
	}
	info, err := onem2m.SecurityInfoOf(res.Content)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", escertke.ErrMessage, err)
	}
	if info.SIT != onem2m.SecurityESCertKE {
		return nil, fmt.Errorf("%w: security information of type %d", escertke.ErrMessage, info.SIT)
	}
	return info.ESCertKE()
}

// begins lists the peers that this CSE begins with, in a fixed order.
func (x *Exchanger) begins() []onem2m.ID {
	var list []onem2m.ID
	for id, p := range x.peers {
		if p.Initiate {
			list = append(list, id)
		}
	}
	slices.SortFunc(list, func(a, b onem2m.ID) int { return strings.Compare(string(a), string(b)) })
	return list
}
