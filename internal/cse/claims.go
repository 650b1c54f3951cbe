package cse

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// claims are the CSEs that a registree states to be below it, and since when. It
// is kept in the store: who stated one first has it, after a restart as before
// (S-093).
type claims map[onem2m.ID]onem2m.Timestamp

// standing is what is kept of a registree beside its <remoteCSE>.
type standing struct {
	since  claims
	secure bool // it has registered over a security association of its own
}

func claimsName(id int64) string { return fmt.Sprintf("claims/%d", id) }

func secureName(id int64) string { return fmt.Sprintf("secure/%d", id) }

// claimedBy returns the CSEs that a <remoteCSE> names as below it.
func (c *CSE) claimedBy(attrs onem2m.Object) []onem2m.ID {
	list, _ := attrs.Texts("dcse")
	out := make([]onem2m.ID, 0, len(list))
	for _, s := range list {
		if below, _, err := c.Home.ParseID(s); err == nil {
			out = append(out, below)
		}
	}
	return out
}

// loadClaims returns nil where nothing is claimed.
func loadClaims(r store.Reader, id int64) (claims, error) {
	data, err := r.Setting(claimsName(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var since claims
	if err := json.Unmarshal(data, &since); err != nil {
		return nil, fmt.Errorf("descendants of registree %d: %w", id, err)
	}
	return since, nil
}

// loadStanding reads what keepStanding has stored.
func loadStanding(r store.Reader, id int64) (st standing, err error) {
	if st.since, err = loadClaims(r, id); err != nil {
		return st, err
	}
	_, err = r.Setting(secureName(id))
	if errors.Is(err, store.ErrNotFound) {
		return st, nil
	}
	st.secure = err == nil
	return st, err
}

// keepStanding stores what a <remoteCSE> claims now: what it has claimed before
// keeps its time. One that has once come over an association of its own (secure)
// is from then on never talked to without: a later registration as anything less
// would be a way to listen in (S-014).
func (c *CSE) keepStanding(tx store.Tx, rec *store.Record, secure bool, now onem2m.Timestamp) (standing, error) {
	before, err := loadStanding(tx, rec.ID)
	if err != nil {
		return standing{}, err
	}
	st := standing{since: claims{}, secure: before.secure || secure}
	for _, below := range c.claimedBy(attributes(rec)) {
		at, known := before.since[below]
		if !known {
			at = now
		}
		st.since[below] = at
	}
	if st.secure && !before.secure {
		if err := tx.SetSetting(secureName(rec.ID), []byte("1")); err != nil {
			return st, err
		}
	}
	if maps.Equal(before.since, st.since) {
		return st, nil
	}
	var data []byte
	if len(st.since) > 0 {
		if data, err = json.Marshal(st.since, json.Deterministic(true)); err != nil {
			return st, err
		}
	}
	return st, tx.SetSetting(claimsName(rec.ID), data)
}

// secures reports whether the request came over a security association of the
// CSE whose <remoteCSE> it is about.
func (k *call) secures(rec *store.Record) bool {
	a := k.assoc
	return a.Kind == identity.KindCSE && a.Framework != identity.FrameworkNone && len(a.IDs) == 1 && a.IDs[0] == k.c.represents(rec)
}

// checkClaims refuses CSEs that a registree states anew to be below it and that
// are known to be elsewhere, or that the operator doesn't expect there (S-093).
// The text names no status code: a CSE is below another one if the association
// of its registrar says so, and this one isn't it.
func (k *call) checkClaims(s *subject, of onem2m.ID) error {
	if of == "" || of.SP() != k.c.Home.SP {
		return nil // across SPs no descendants are told: they count for nothing
	}
	var before []onem2m.ID
	if s.old != nil {
		before = k.c.claimedBy(attributes(s.old))
	}
	for _, below := range k.c.claimedBy(k.draft.attrs) {
		switch {
		case slices.Contains(before, below), k.c.pinned(of, below, k.now):
		case k.c.peers.Elsewhere(of, below, k.now):
			if k.c.peers.Has(below, k.now) { // over an association of its own
				k.c.peers.Caught(of, below, k.now)
			}
			return onem2m.Errorf(onem2m.SecurityAssociationRequired, "dcse", "%s is not below this CSE", below.Across(k.c.Home))
		case k.c.peers.Barred(of, below, k.now):
			return onem2m.Errorf(onem2m.NotAcceptable, "dcse", "%s was claimed wrongly before: not now", below.Across(k.c.Home))
		case !k.c.expected(of, below):
			return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "dcse", "%s is not expected below this CSE", below.Across(k.c.Home))
		}
	}
	return nil
}

// expected reports whether the operator lets a registree state a CSE: any, unless
// there is a list.
func (c *CSE) expected(of, below onem2m.ID) bool {
	patterns := c.Expected[of]
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return onem2m.MatchID(p, string(below)) })
}

// pinned reports whether the operator says where a CSE is: below the registree of,
// while the one that has claimed it until now is open to all. What shows by an
// association of its own where it is needs no operator.
func (c *CSE) pinned(of, below onem2m.ID, now onem2m.Timestamp) bool {
	holder := c.peers.Holder(below)
	return len(c.Expected[of]) > 0 && c.expected(of, below) && holder != "" && holder != of && len(c.Expected[holder]) == 0 &&
		below != c.Home.ID() && below != c.Registrar && below.SP() == c.Home.SP && !c.peers.Has(below, now)
}

// unseat takes what a registree claims by the operator's word from those that
// have claimed it before.
func (c *CSE) unseat(tx store.Tx, rec *store.Record, now onem2m.Timestamp) error {
	of := c.represents(rec)
	ids := slices.DeleteFunc(c.claimedBy(attributes(rec)), func(below onem2m.ID) bool { return !c.pinned(of, below, now) })
	return c.disown(tx, now, rec.ID, ids...)
}

// disown takes some CSEs out of what registrees state: each of them is known to
// be elsewhere by now. The registree sees it when it looks at its registration.
// The one whose record is but keeps them; 0 for none.
func (c *CSE) disown(tx store.Tx, now onem2m.Timestamp, but int64, ids ...onem2m.ID) error {
	for _, id := range slices.Sorted(maps.Keys(c.peers.Claimants(ids...))) {
		if id == but {
			continue
		}
		rec, err := tx.ByID(id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		list, _ := attributes(rec).Texts("dcse")
		left := slices.DeleteFunc(list, func(s string) bool {
			below, _, err := c.Home.ParseID(s)
			return err == nil && slices.Contains(ids, below)
		})
		value := onem2m.NullValue()
		if len(left) > 0 {
			value = onem2m.TextsValue(left)
		}
		if err := c.amend(tx, rec, c.Home.ID(), onem2m.Object{{Name: "dcse", Value: value}}); err != nil {
			return err
		}
		if rec, err = tx.ByID(id); err != nil {
			return err
		}
		st, err := c.keepStanding(tx, rec, false, now)
		if err != nil {
			return err
		}
		tx.OnCommit(func() { c.noteRegistree(rec, st) })
	}
	return nil
}

// vouchedName is the setting that holds which CSEs the registrar has taken as
// descendants, so that a restart while it is away cuts nobody off.
const vouchedName = "vouched"

// Vouched takes from the registrar which CSEs are below this one, and which are
// not. It implements federation.Local.
func (c *CSE) Vouched(ctx context.Context, taken, refused []onem2m.ID) error {
	c.arrears.back(c.Registrar) // it has answered
	now := c.instant()
	data, err := json.Marshal(taken)
	if err != nil {
		return err
	}
	unchanged := false
	err = c.Store.Read(ctx, func(r store.Reader) error {
		before, err := r.Setting(vouchedName)
		unchanged = err == nil && string(before) == string(data)
		return nil
	})
	if err != nil || unchanged && len(refused) == 0 {
		return err
	}
	return c.Store.Update(ctx, func(tx store.Tx) error {
		if err := tx.SetSetting(vouchedName, data); err != nil {
			return err
		}
		tx.OnCommit(func() { c.peers.Vouch(taken, refused, now) }) // first: it looks at who claims
		return c.disown(tx, now, 0, refused...)
	})
}

// loadVouched reads at start what Vouched has kept.
func (c *CSE) loadVouched(r store.Reader) error {
	data, err := r.Setting(vouchedName)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var taken []onem2m.ID
	if err := json.Unmarshal(data, &taken); err != nil {
		return fmt.Errorf("descendants that the registrar has taken: %w", err)
	}
	c.peers.Vouch(taken, nil, c.instant())
	return nil
}
