package cse

import (
	"context"
	"errors"
	"slices"
	"sync"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// snapshot answers what the identity checks ask about entities registered here.
type snapshot struct {
	c   *CSE
	r   store.Reader
	now onem2m.Timestamp
}

func (c *CSE) registry(r store.Reader, now onem2m.Timestamp) identity.Registry {
	return snapshot{c: c, r: r, now: now}
}

// AERegistered reports whether an unexpired <AE> with this AE-ID exists here.
// Its resourceID is the stem (C-004).
func (s snapshot) AERegistered(id onem2m.ID) bool {
	stem := id.Stem()
	if stem == "" || id.SP() != s.c.Home.SP {
		return false
	}
	if reg := id.Registrar(); reg != "" && reg != s.c.Home.ID() {
		return false
	}
	rec, err := s.r.ByRI(stem)
	return err == nil && rec.Type == onem2m.TypeAE && !expired(rec, s.now)
}

// CSERegistered reports whether a CSE with this CSE-ID is registered here.
func (s snapshot) CSERegistered(id onem2m.ID) bool { return s.c.peers.has(id, s.now) }

// Descendant reports whether id is a CSE below the registree of.
func (s snapshot) Descendant(of, id onem2m.ID) bool { return s.c.peers.below(of, id, s.now) }

// CredentialOf returns the Credential-ID that an AE-ID is bound to.
func (s snapshot) CredentialOf(id onem2m.ID) (string, bool) {
	credential, err := s.r.CredentialOf(id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "unreadable", true // fail closed: bound to something nobody holds
	}
	return credential, err == nil
}

// BoundTo returns the AE-IDs that are bound to a Credential-ID.
func (s snapshot) BoundTo(credential string) []onem2m.ID {
	ids, err := s.r.BoundTo(credential)
	if err != nil {
		return nil
	}
	return ids
}

// registrees are the CSEs registered here, by CSE-ID, kept beside the store
// because every request of a CSE asks for them.
type registrees struct {
	mu  sync.RWMutex // guards all
	all map[onem2m.ID]registree
}

type registree struct {
	id          int64 // surrogate of the <remoteCSE>
	expires     onem2m.Timestamp
	descendants []onem2m.ID
}

func (p *registrees) has(id onem2m.ID, now onem2m.Timestamp) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	peer, ok := p.all[id]
	return ok && (peer.expires == 0 || peer.expires > now)
}

// surrogate returns the record that stands for a CSE registered here, or 0.
func (p *registrees) surrogate(id onem2m.ID, now onem2m.Timestamp) int64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	peer, ok := p.all[id]
	if !ok || peer.expires != 0 && peer.expires <= now {
		return 0
	}
	return peer.id
}

func (p *registrees) below(of, id onem2m.ID, now onem2m.Timestamp) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	peer, ok := p.all[of]
	return ok && (peer.expires == 0 || peer.expires > now) && slices.Contains(peer.descendants, id)
}

func (p *registrees) set(id onem2m.ID, peer registree) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = make(map[onem2m.ID]registree)
	}
	p.all[id] = peer
}

func (p *registrees) remove(surrogate int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, peer := range p.all {
		if peer.id == surrogate {
			delete(p.all, id)
		}
	}
}

// loadRegistrees reads the CSEs registered here at start.
func (c *CSE) loadRegistrees(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		after := int64(0)
		for {
			list, err := r.OfType(onem2m.TypeRemoteCSE, after, 500)
			if err != nil || len(list) == 0 {
				return err
			}
			for _, rec := range list {
				after = rec.ID
				if c.alive(r, rec, 0) == nil {
					c.noteRegistree(rec)
				}
			}
		}
	})
}

// noteRegistree makes a committed <remoteCSE> known to the From check.
func (c *CSE) noteRegistree(rec *store.Record) {
	attrs := attributes(rec)
	csi, _ := attrs.Text("csi")
	id, _, err := c.Home.ParseID(csi)
	if err != nil {
		return
	}
	peer := registree{id: rec.ID, expires: rec.Expires}
	list, _ := attrs.Texts("dcse")
	for _, s := range list {
		if below, _, err := c.Home.ParseID(s); err == nil {
			peer.descendants = append(peer.descendants, below)
		}
	}
	c.peers.set(id, peer)
}
