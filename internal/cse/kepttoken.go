package cse

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/token"
)

// A token that a Local-Token-ID was told for, or that a Dynamic Authorization
// Server handed over, is kept in a <token> resource that the CSE makes for itself
// below the <CSEBase>: so that the Local-Token-ID, the holder after a relationship
// update, and what was granted are the same after a restart. Nobody but
// the administrator sees it; its deletion ends what was kept. Where a <token> of
// somebody else holds the token already, that is used, and its deletion counts.

// keptToken says what goes with a token beyond what it says itself.
type keptToken struct {
	record int64  // the <token>
	own    bool   // the CSE has made it
	id     string // Token-ID
	digest token.Digest
	issuer onem2m.ID

	Local  string    `json:"local"`  // Local-Token-ID, "" for none
	Holder onem2m.ID `json:"holder"` // now
	Direct bool      `json:"direct"` // from direct dynamic authorization
	Served bool      `json:"served"` // from a server, so that its Token-ID is enough
}

// keptTokens finds them. It is a view of the committed store; nothing in it ever
// changes, entries are replaced.
type keptTokens struct {
	most, each int // how many there may be, and of one holder

	mu       sync.RWMutex // guards what follows
	byRecord map[int64]*keptToken
	byID     map[string]*keptToken
	byLocal  map[string]*keptToken
	byHolder map[onem2m.ID]map[int64]*keptToken // by record
	direct   map[onem2m.ID][]*keptToken
}

func (t *keptTokens) init() {
	t.most, t.each, t.byHolder = maxKeptTokens, maxKeptOne, map[onem2m.ID]map[int64]*keptToken{}
	t.byRecord, t.byID, t.byLocal, t.direct = map[int64]*keptToken{}, map[string]*keptToken{}, map[string]*keptToken{}, map[onem2m.ID][]*keptToken{}
}

func (t *keptTokens) set(one *keptToken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget(one.record)
	t.byRecord[one.record], t.byID[one.id] = one, one
	if t.byHolder[one.Holder] == nil {
		t.byHolder[one.Holder] = map[int64]*keptToken{}
	}
	t.byHolder[one.Holder][one.record] = one
	if one.Local != "" {
		t.byLocal[one.Local] = one
	}
	if one.Direct {
		t.direct[one.Holder] = append(slices.Clone(t.direct[one.Holder]), one)
	}
}

// drop forgets what was kept with a <token> and returns it, nil for nothing.
func (t *keptTokens) drop(record int64) *keptToken {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.forget(record)
}

// forget is drop with the lock held.
func (t *keptTokens) forget(record int64) *keptToken {
	one, ok := t.byRecord[record]
	if !ok {
		return nil
	}
	delete(t.byRecord, record)
	if delete(t.byHolder[one.Holder], record); len(t.byHolder[one.Holder]) == 0 {
		delete(t.byHolder, one.Holder)
	}
	if t.byID[one.id] == one {
		delete(t.byID, one.id)
	}
	if t.byLocal[one.Local] == one {
		delete(t.byLocal, one.Local)
	}
	rest := slices.DeleteFunc(slices.Clone(t.direct[one.Holder]), func(other *keptToken) bool { return other == one })
	if t.direct[one.Holder] = rest; len(rest) == 0 {
		delete(t.direct, one.Holder)
	}
	return one
}

func (t *keptTokens) of(record int64) *keptToken {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byRecord[record]
}

func (t *keptTokens) named(id string) *keptToken {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byID[id]
}

func (t *keptTokens) local(local string) *keptToken {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byLocal[local]
}

func (t *keptTokens) granted(holder onem2m.ID) []*keptToken {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.direct[holder]
}

func (t *keptTokens) len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.byRecord)
}

// verifyToken accepts a token, with the holder that it has here.
func (c *CSE) verifyToken(text string, now onem2m.Timestamp) (token.Cached, error) {
	cached, err := c.tokens.Verify(text, false, now)
	if err != nil {
		return cached, err
	}
	if one := c.kept.named(cached.ID); one != nil && one.digest == cached.Digest && c.tokens.Adopt(cached.Digest, one.Holder, one.Local) {
		cached.Holder = one.Holder
	}
	return cached, nil
}

// restore returns a kept token that may have left the cache.
func (c *CSE) restore(r store.Reader, one *keptToken, now onem2m.Timestamp) (token.Cached, error) {
	rec, err := r.ByID(one.record)
	if err == nil {
		err = c.alive(r, rec, now)
	}
	if err != nil {
		return token.Cached{}, errUnknownID
	}
	text, _ := attributes(rec).Text("tkob")
	if token.DigestOf(text) != one.digest {
		return token.Cached{}, errOtherToken
	}
	cached, err := c.tokens.Verify(text, one.Direct, now)
	if err != nil {
		return cached, err
	}
	c.tokens.Adopt(one.digest, one.Holder, one.Local)
	cached.Holder = one.Holder
	return cached, nil
}

// localToken returns the token with a Local-Token-ID.
func (c *CSE) localToken(r store.Reader, local string, who onem2m.ID, now onem2m.Timestamp) (token.Cached, error) {
	if one := c.kept.local(local); one != nil && one.Holder == who {
		return c.restore(r, one, now)
	}
	return token.Cached{}, errUnknownID
}

// grantedTokens returns what servers have handed over for an originator.
// One that is no longer good is none.
func (c *CSE) grantedTokens(r store.Reader, who onem2m.ID, now onem2m.Timestamp) []token.Cached {
	var out []token.Cached
	for _, one := range c.kept.granted(who) {
		if cached, err := c.restore(r, one, now); err == nil {
			out = append(out, cached)
		}
	}
	return out
}

func keptName(record int64) string { return "kept token " + strconv.FormatInt(record, 10) }

// heldToken is a token that a Local-Token-ID is to be told for.
type heldToken struct {
	cached token.Cached
	text   string
	local  string
	record int64 // the <token> that holds it, 0 for none
	direct bool  // from direct dynamic authorization
	served bool  // by its server, for its Token-ID
	tell   bool  // the originator doesn't know it yet
	kept   bool
}

// keepTokens makes what the request has brought about last: Local-Token-IDs
// before they are told, tokens from servers, and new holders. What can't be kept
// isn't told.
func (k *call) keepTokens(ctx context.Context) {
	fresh := slices.ContainsFunc(k.grants.local, func(a heldToken) bool { return !a.kept })
	if !fresh {
		return
	}
	err := errors.New("inside a transaction")
	if within(ctx) == nil {
		err = k.c.Store.Update(ctx, func(tx store.Tx) error {
			for i := range k.grants.local {
				if k.grants.local[i].kept {
					continue
				}
				if err := k.c.keep(tx, &k.grants.local[i], k.now); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		k.c.Log.WarnContext(ctx, "no Local-Token-IDs are told", "req", k.req.RequestID, "err", err)
		k.grants.local = slices.DeleteFunc(k.grants.local, func(a heldToken) bool { return !a.kept })
		return
	}
	for i := range k.grants.local {
		k.grants.local[i].kept = true
	}
}

// keep writes one of them.
func (c *CSE) keep(tx store.Tx, a *heldToken, now onem2m.Timestamp) error {
	record := a.record
	if one := c.kept.named(a.cached.ID); one != nil && one.digest == a.cached.Digest {
		record = one.record
	}
	if c.kept.of(record) == nil {
		if err := c.makeRoom(tx, a.cached.Holder); err != nil {
			return err
		}
	}
	rec, err := tx.ByID(record)
	if record == 0 || errors.Is(err, store.ErrNotFound) {
		rec, err = c.makeToken(tx, a, now)
	}
	if err != nil {
		return err
	}
	one := keptOf(rec, a.cached.Verified)
	one.own, one.Local, one.Holder = rec.Origin == c.Home.ID(), a.local, a.cached.Holder
	one.Direct, one.Served = a.direct, a.served || a.direct
	if old := c.kept.of(rec.ID); old != nil {
		one.Direct, one.Served = one.Direct || old.Direct, one.Served || old.Served
	}
	if one.own {
		if held, ok := c.entity(attributes(rec), "tkhd"); !ok || held != one.Holder {
			if err := c.amend(tx, rec, c.Home.ID(), onem2m.Object{{Name: "tkhd", Value: onem2m.TextValue(string(one.Holder))}}); err != nil {
				return err
			}
		}
	}
	return c.putKept(tx, one)
}

func keptOf(rec *store.Record, v *token.Verified) *keptToken {
	return &keptToken{record: rec.ID, id: v.ID, digest: v.Digest, issuer: v.Issuer}
}

func (c *CSE) putKept(tx store.Tx, one *keptToken) error {
	data, err := json.Marshal(one)
	if err != nil {
		return err
	}
	tx.OnCommit(func() { c.kept.set(one) })
	return tx.SetSetting(keptName(one.record), data)
}

// makeToken makes the <token> of the CSE's own for a token.
func (c *CSE) makeToken(tx store.Tx, a *heldToken, now onem2m.Timestamp) (*store.Record, error) {
	base, err := tx.ByID(baseID)
	if err != nil {
		return nil, err
	}
	claims, err := a.cached.ClaimSet()
	if err != nil {
		return nil, err
	}
	o, err := onem2m.ParseObject(claims)
	if err != nil {
		return nil, err
	}
	o.Set("tkob", onem2m.TextValue(a.text))
	end := a.cached.NotAfter
	s := &subject{info: onem2m.TypeByNumber(onem2m.TypeToken), parent: base, origin: c.Home.ID(), et: end, due: end, attrs: o}
	s.rn = keptRN(a.cached.ID)
	if _, err := tx.Child(baseID, s.rn); err == nil || !onem2m.ValidName(s.rn) {
		s.rn = "" // somebody else's, or one that was issued again under its name
	}
	k := &call{c: c, now: now, from: identity.Originator{ID: c.Home.ID()}}
	return k.performCreate(tx, c.types[s.info.Type], s)
}

// keptRN is the resourceName of a <token> that the CSE makes, by which a server
// can find it that is told the Token-ID alone.
func keptRN(id string) string { return "token-" + strings.ReplaceAll(id, "@", "~") }

// loadToken reads a <token> at start.
func (c *CSE) loadToken(r store.Reader, rec *store.Record) error {
	c.assigned.set(rec.ID, tokenKey(c, rec))
	data, err := r.Setting(keptName(rec.ID))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	one := &keptToken{record: rec.ID, id: tokenKey(c, rec), own: rec.Origin == c.Home.ID()}
	text, _ := attributes(rec).Text("tkob")
	one.digest = token.DigestOf(text)
	one.issuer, _ = c.entity(attributes(rec), "tkis")
	if err := json.Unmarshal(data, one); err != nil {
		return err
	}
	c.kept.set(one)
	return nil
}
