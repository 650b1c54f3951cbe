package node

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/e2e/escertke"
	"bulwark/internal/cse"
	"bulwark/internal/identity"
	"bulwark/internal/keyexchange"
	"bulwark/internal/keyring"
	"bulwark/internal/ops/audit"
	"bulwark/internal/ops/config"
	"bulwark/onem2m"
)

// suidCertificate is the m2m:suid of ESPrim with keys that certificates have
// established (TS-0004 clause 6.3.4.2.39, E-18).
const suidCertificate = 43

// credentialESPrim is the sec:credIDTypeID of a pairwise key (TS-0003 clause
// 12.3.2.1, E-127).
const credentialESPrim = 13

// openExchange makes what agrees on keys by certificate, for the peers of
// [[escertke.peer]]. late is the CSE, which is made after it.
func (n *Node) openExchange(late *directory) error {
	if n.keys == nil || n.own == nil || len(n.cfg.ESCertKE.Peers) == 0 {
		return nil
	}
	peers := make([]keyexchange.Peer, 0, len(n.cfg.ESCertKE.Peers))
	for _, p := range n.cfg.ESCertKE.Peers {
		peer := keyexchange.Peer{ID: onem2m.ID(p.ID), Initiate: p.Initiate}
		switch {
		case p.CA == "" && n.trust == nil:
			return fmt.Errorf("escertke peer %s: there is no anchor that vouches for it; name one with ca", p.ID)
		case p.CA == "":
			peer.Trust = n.trust
		default:
			cfg := identity.TrustConfig{
				Home:    n.cfg.Home(),
				Anchors: []identity.Anchor{{CA: string(p.CA), Flavours: identity.FlavourAE | identity.FlavourCSE}}, Log: n.log, Now: n.o.Now,
			}
			if p.DNS != "" {
				cfg.Peers = []identity.Peer{{ID: peer.ID, DNS: p.DNS}}
			}
			trust, err := identity.NewTrust(cfg)
			if err != nil {
				return fmt.Errorf("escertke peer %s: %w", p.ID, err)
			}
			peer.Trust = trust
		}
		peers = append(peers, peer)
	}
	var err error
	n.exchange, err = keyexchange.New(keyexchange.Options{
		Home: n.cfg.Home(), Certificate: n.own.Certificate, Peers: peers, Keys: &keybook{ring: n.keys}, Now: n.o.Now, Log: n.log, Observe: n.exchangedKey,
		Send: func(ctx context.Context, to string, content *onem2m.Content) (*onem2m.Response, error) {
			return late.cse.Notify(ctx, to, content)
		},
	})
	return err
}

// keyExchange is what the CSE gets: nothing where there is nothing.
func (n *Node) keyExchange() cse.KeyExchange {
	if n.exchange == nil {
		return nil
	}
	return n.exchange
}

// EstablishKey runs an End-to-End Certificate-based Key Establishment with a
// peer of the configuration, this CSE being the end that begins, and returns the
// identifier of the key, which the CSE has stored.
func (n *Node) EstablishKey(ctx context.Context, peer onem2m.ID) (string, error) {
	if n.exchange == nil {
		return "", fmt.Errorf("no key is established with %s: it is not an escertke.peer of the configuration", peer)
	}
	key, err := n.exchange.Establish(ctx, peer)
	return key.ID, err
}

// EstablishPath is where the administrator has a running CSE establish a key.
const EstablishPath = "/__bulwark/establish"

// Establishment is what it is asked for, and what comes of it, as JSON.
type Establishment struct {
	Peer onem2m.ID `json:"peer"`
	Kid  string    `json:"kid,omitzero"` // of the answer
}

// serveEstablish establishes a key with a peer of the configuration for the
// administrator.
func (n *Node) serveEstablish(w http.ResponseWriter, r *http.Request) {
	if !n.administers(w, r) {
		return
	}
	var e Establishment
	if err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, maxQuestion), &e, json.RejectUnknownMembers(true)); err != nil {
		http.Error(w, "name a peer: "+err.Error(), http.StatusBadRequest)
		return
	}
	if !slices.ContainsFunc(n.cfg.ESCertKE.Peers, func(p config.ESCertKEPeer) bool { return p.ID == string(e.Peer) }) {
		http.Error(w, "the configuration has no such escertke.peer", http.StatusNotFound)
		return
	}
	var err error
	if e.Kid, err = n.EstablishKey(r.Context(), e.Peer); err != nil {
		n.log.WarnContext(r.Context(), "no key could be established", "peer", string(e.Peer), "err", err)
		http.Error(w, "no key could be established; the log says why", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.MarshalWrite(w, e, json.Deterministic(true)); err != nil {
		n.log.DebugContext(r.Context(), "establish", "err", err)
	}
}

// certificate is the own one as it is advertised, nil for none.
func (n *Node) certificate() [][]byte {
	if n.exchange == nil {
		return nil
	}
	var own *tls.Certificate
	if own = n.own.Certificate(); own == nil || len(own.Certificate) == 0 {
		return nil
	}
	return own.Certificate[:1]
}

// exchangedKey leaves a trace of what has become of a procedure.
func (n *Node) exchangedKey(e keyexchange.Event) {
	r := audit.Record{
		Time: n.o.Now(), Event: "credential", Originator: string(e.Peer), Authn: e.Err == nil, Result: audit.Note,
		Reason: "a key was established by certificate; the peer began",
	}
	if e.Initiator {
		r.Reason = "a key was established by certificate; this CSE began"
	}
	if e.KeyID != "" {
		r.Credential = identity.CredentialID(credentialESPrim, e.KeyID)
	}
	if e.Err != nil {
		r.Result, r.RSC, r.Reason = audit.Deny, int(onem2m.AsError(e.Err).Code), "no key was established by certificate"
		n.log.Info("no key was established", "peer", string(e.Peer), "initiator", e.Initiator, "err", e.Err)
	}
	n.audit.Write(r)
}

// keybook keeps established keys with those of other sources.
type keybook struct {
	ring *keyring.Ring
	mu   sync.Mutex // one key is kept at a time: two don't count the same older ones
}

// keptKeys is how many keys of one peer are kept: the one before the last may
// still be in use at the other end, whose message 4 was lost.
const keptKeys = 2

// Keep implements keyexchange.Keys.
func (b *keybook) Keep(ctx context.Context, key escertke.Key) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.ring.Put(ctx, keyring.Entry{
		ID: key.ID, Peer: key.Peer, Source: keyring.FromESCert, Expires: onem2m.TimestampOf(key.Expires), Secret: key.Secret,
	})
	if err != nil {
		return err
	}
	mine := b.of(key.Peer)
	for _, old := range mine[min(keptKeys, len(mine)):] {
		err := b.ring.Remove(ctx, old.ID)
		if err != nil && !errors.Is(err, keyring.ErrUnknown) { // the administrator may have been faster, or the room was needed
			return err
		}
	}
	return nil
}

// Latest implements keyexchange.Keys.
func (b *keybook) Latest(_ context.Context, peer onem2m.ID) (time.Time, bool, error) {
	mine := b.of(peer)
	if len(mine) == 0 {
		return time.Time{}, false, nil
	}
	return mine[0].Expires.Time(), true, nil
}

// of lists the established keys with a peer, the newest first.
func (b *keybook) of(peer onem2m.ID) []keyring.Entry {
	mine := slices.DeleteFunc(b.ring.List(), func(e keyring.Entry) bool { return e.Peer != peer || e.Source != keyring.FromESCert })
	slices.SortStableFunc(mine, func(a, b keyring.Entry) int { return cmp.Compare(b.Created, a.Created) })
	return mine
}
