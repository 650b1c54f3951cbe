package cse

import (
	"context"
	"errors"
	"slices"

	"bulwark/internal/federation"
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

// CSERegistered reports whether a CSE with this CSE-ID is registered here, or
// this one with it.
func (s snapshot) CSERegistered(id onem2m.ID) bool { return s.c.peers.Has(id, s.now) }

// Descendant reports whether id is a CSE below the registree of.
func (s snapshot) Descendant(of, id onem2m.ID) bool { return s.c.peers.Below(of, id, s.now) }

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

// loadRegistrees reads the CSEs registered here at start.
func (c *CSE) loadRegistrees(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		if err := errors.Join(c.loadVouched(r), c.loadSPBelow(r)); err != nil {
			return err
		}
		after := int64(0)
		for {
			list, err := r.OfType(onem2m.TypeRemoteCSE, after, 500)
			if err != nil || len(list) == 0 {
				return err
			}
			for _, rec := range list {
				after = rec.ID
				if c.alive(r, rec, 0) != nil {
					continue
				}
				st, err := loadStanding(r, rec.ID)
				if err != nil {
					return err
				}
				c.noteRegistree(rec, st)
				channel, err := c.pollingChannel(r, rec, onem2m.TimestampOf(c.Now()))
				if err != nil {
					return err
				}
				if channel != nil {
					c.notePolling(channel)
				}
			}
		}
	})
}

// noteRegistree makes a committed <remoteCSE> known to the From check and to
// the choice of the next hop.
func (c *CSE) noteRegistree(rec *store.Record, st standing) {
	attrs := attributes(rec)
	csi, _ := attrs.Text("csi")
	id, _, err := c.Home.ParseID(csi)
	if err != nil {
		return
	}
	mirror := rec.Origin == c.Home.ID()
	if mirror && id != c.Registrar {
		return // of a registrar that isn't one any more
	}
	n := federation.Neighbour{ID: id, Record: rec.ID, Created: rec.Created, Expires: rec.Expires, Upstream: mirror && id.SP() == c.Home.SP, Since: st.since}
	if reachable, _ := attrs.Bool("rr"); reachable {
		stated := pointsIn(attrs)
		n.Points = secured(slices.Clone(stated), st.secure)
		if len(n.Points) == 0 && len(stated) > 0 {
			c.Log.Warn("a CSE that has registered over TLS states points of access without TLS: they are not used", "cse", id, "poa", stated)
		}
	}
	n.Releases, _ = attrs.Texts("srv")
	n.Claims = slices.DeleteFunc(c.claimedBy(attrs), func(below onem2m.ID) bool { return !c.expected(id, below) })
	if n.Upstream {
		n.Central = c.centralIn(id, attrs)
	}
	c.peers.Set(n)
	if n.Upstream {
		c.lookAtRoll() // who the IN-CSE is may be known only now
	}
	c.neighboursChanged()
}

// RegisteredAt tells since when a CSE is registered here, or this one with it; 0
// if it isn't.
func (c *CSE) RegisteredAt(id onem2m.ID) onem2m.Timestamp {
	n, _ := c.peers.Neighbour(id, onem2m.TimestampOf(c.Now()))
	return n.Created
}

// notePolling makes a committed <pollingChannel> known to those who forward: that
// of a neighbour is the way to it. Of others it does nothing.
func (c *CSE) notePolling(rec *store.Record) {
	c.peers.Poll(rec.Parent, federation.Channel{RI: rec.RI, Expires: rec.Expires})
}

// forgetRegistree ends what noteRegistree began.
func (c *CSE) forgetRegistree(record int64) {
	c.peers.Remove(record)
	c.neighboursChanged()
}

func (c *CSE) neighboursChanged() {
	if c.Neighbours != nil {
		c.Neighbours()
	}
}

// Descendants lists the CSEs of the own SP below this one (C-215).
func (c *CSE) Descendants() []onem2m.ID { return c.peers.Descendants(onem2m.TimestampOf(c.Now())) }
