package token

import (
	"container/list"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bulwark/onem2m"
)

// DefaultCache is how many verified tokens a cache holds where nobody says
// otherwise.
const DefaultCache = 10_000

// localOctets is how many random octets a Local-Token-ID has: nobody guesses
// one, though it is good for its holder only.
const localOctets = 16

var errLocalTwice = errors.New("making a Local-Token-ID: the same one came twice")

// Cache remembers verified tokens by the digest of their text, so that the
// same token is not verified twice. It is bounded in number, the one
// that was used least recently goes first; a token that has expired or was
// revoked is never given out. It may be used by any number of goroutines.
type Cache struct {
	verifier atomic.Pointer[Verifier]
	revoked  *Revocations
	random   io.Reader // of Local-Token-IDs
	limit    int
	leeway   onem2m.Timestamp

	mu       sync.Mutex // guards what follows
	recent   *list.List // of *entry, the last used in front
	byDigest map[Digest]*list.Element
	byID     map[string]*list.Element      // Token-ID
	byLocal  map[string]*list.Element      // Local-Token-ID
	direct   map[onem2m.ID][]*list.Element // from direct dynamic authorization, by holder
}

// entry is one token.
type entry struct {
	token    *Verified
	holder   onem2m.ID // the token's, or after a relationship update another one's
	direct   bool
	local    string    // Local-Token-ID, "" if none was assigned
	localFor onem2m.ID // to whom it was assigned
}

// Cached is a verified token with who holds it now.
type Cached struct {
	*Verified
	Holder onem2m.ID // for Conditions.Holder
}

// NewCache returns an empty cache of limit tokens, DefaultCache if 0. leeway is
// how long a token stays after it has expired, for clocks that differ; random
// is where Local-Token-IDs come from.
func NewCache(v *Verifier, revoked *Revocations, limit int, leeway time.Duration, random io.Reader) *Cache {
	if limit <= 0 {
		limit = DefaultCache
	}
	c := &Cache{
		revoked: revoked, random: random, limit: limit, leeway: onem2m.Timestamp(max(leeway, 0).Microseconds()),
		recent: list.New(), byDigest: map[Digest]*list.Element{}, byID: map[string]*list.Element{},
		byLocal: map[string]*list.Element{}, direct: map[onem2m.ID][]*list.Element{},
	}
	c.verifier.Store(v)
	return c
}

// Trust puts another Verifier in the place of the one in use: the keys or the
// protection of issuers have changed. What is remembered is forgotten, with its
// Local-Token-IDs, since a key that opened it may have been withdrawn.
func (c *Cache) Trust(v *Verifier) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verifier.Store(v)
	for element := c.recent.Front(); element != nil; element = c.recent.Front() {
		c.drop(element)
	}
}

// Verify returns the token of the text: the one that is remembered, or else the
// one that the Verifier accepts, which is then remembered. direct marks a token
// that a Dynamic Authorization Server handed over. The error is an
// *Error; a token is not remembered for having failed.
func (c *Cache) Verify(text string, direct bool, now onem2m.Timestamp) (Cached, error) {
	v := c.verifier.Load()
	if len(text) > v.limit {
		return Cached{}, refuse(CheckSize, "")
	}
	digest := DigestOf(text)
	if out, ok, err := c.find(digest, direct, now); ok || err != nil {
		return out, err
	}
	verified, err := v.Verify(text)
	if err != nil {
		return Cached{}, err
	}
	if err := c.current(&verified.Claims, now); err != nil {
		return Cached{}, err
	}
	if out, ok := c.remember(v, verified, direct); ok {
		return out, nil
	}
	return c.Verify(text, direct, now) // the keys have just changed
}

// Once returns the token of the text as Verify does, and remembers nothing: it is
// a message, which is of no use a second time. Whether it counts now, Check tells.
func (c *Cache) Once(text string) (*Verified, error) {
	v := c.verifier.Load()
	if len(text) > v.limit {
		return nil, refuse(CheckSize, "")
	}
	return v.Verify(text)
}

// remember adds a token unless another Verifier has come to count than the one
// that has accepted it.
func (c *Cache) remember(by *Verifier, verified *Verified, direct bool) (Cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.verifier.Load() != by {
		return Cached{}, false
	}
	return c.add(verified, direct), true
}

// find looks for the digest. A token that is there and cannot be given out any
// more is an error.
func (c *Cache) find(digest Digest, direct bool, now onem2m.Timestamp) (Cached, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byDigest[digest]
	if !ok {
		return Cached{}, false, nil
	}
	out, err := c.use(element, now)
	if err == nil && direct {
		c.markDirect(element)
	}
	return out, err == nil, err
}

// current tells whether a token may be given out.
func (c *Cache) current(claims *Claims, now onem2m.Timestamp) error {
	switch {
	case now >= claims.NotAfter+c.leeway:
		return refuse(CheckNotAfter, "")
	case c.revoked.Has(claims.Ref()):
		e := refuse(CheckRevoked, "")
		e.Ref = claims.Ref()
		return e
	}
	return nil
}

// use returns an entry and makes it the last used; one that has ended is
// dropped. The lock is held.
func (c *Cache) use(element *list.Element, now onem2m.Timestamp) (Cached, error) {
	e := entryOf(element)
	if err := c.current(&e.token.Claims, now); err != nil {
		c.drop(element)
		return Cached{}, err
	}
	c.recent.MoveToFront(element)
	return Cached{Verified: e.token, Holder: e.holder}, nil
}

// add puts a token in front and drops what there is no room for, or what it
// replaces. The lock is held.
func (c *Cache) add(v *Verified, direct bool) Cached {
	if element, ok := c.byDigest[v.Digest]; ok { // two goroutines verified it at once
		if direct {
			c.markDirect(element)
		}
		return Cached{Verified: entryOf(element).token, Holder: entryOf(element).holder}
	}
	if element, ok := c.byID[v.ID]; ok {
		c.drop(element) // issued again under its name
	}
	for c.recent.Len() >= c.limit {
		c.drop(c.recent.Back())
	}
	element := c.recent.PushFront(&entry{token: v, holder: v.Holder})
	c.byDigest[v.Digest], c.byID[v.ID] = element, element
	if direct {
		c.markDirect(element)
	}
	return Cached{Verified: v, Holder: v.Holder}
}

// markDirect lists an entry for its holder. The lock is held.
func (c *Cache) markDirect(element *list.Element) {
	if e := entryOf(element); !e.direct {
		e.direct = true
		c.direct[e.holder] = append(c.direct[e.holder], element)
	}
}

// drop forgets an entry with all its names. The lock is held.
func (c *Cache) drop(element *list.Element) {
	e := entryOf(element)
	c.recent.Remove(element)
	delete(c.byDigest, e.token.Digest)
	delete(c.byID, e.token.ID)
	delete(c.byLocal, e.local)
	c.unlist(element)
}

// unlist takes an entry out of the list of its holder. The lock is held.
func (c *Cache) unlist(element *list.Element) {
	e := entryOf(element)
	if !e.direct {
		return
	}
	rest := slices.DeleteFunc(c.direct[e.holder], func(other *list.Element) bool { return other == element })
	if len(rest) == 0 {
		delete(c.direct, e.holder)
		return
	}
	c.direct[e.holder] = rest
}

func entryOf(element *list.Element) *entry { return element.Value.(*entry) }

// ByID returns the token with a Token-ID. It reports false for one that
// is not remembered, has expired or is revoked: then it has to be fetched.
func (c *Cache) ByID(id string, now onem2m.Timestamp) (Cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byID[id]
	if !ok {
		return Cached{}, false
	}
	out, err := c.use(element, now)
	return out, err == nil
}

// Direct returns the tokens from direct dynamic authorization that the entity
// holds.
func (c *Cache) Direct(holder onem2m.ID, now onem2m.Timestamp) []Cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Cached
	for _, element := range slices.Clone(c.direct[holder]) {
		if cached, err := c.use(element, now); err == nil {
			out = append(out, cached)
		}
	}
	return out
}

// Assign returns the Local-Token-ID of a remembered token, and whether it is
// new and must be told to the holder. Only its holder gets one. The
// error is an *Error, or that of the source of randomness.
func (c *Cache) Assign(digest Digest, holder onem2m.ID, now onem2m.Timestamp) (local string, fresh bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byDigest[digest]
	if !ok {
		return "", false, refuse(CheckLocalID, "")
	}
	if _, err := c.use(element, now); err != nil {
		return "", false, err
	}
	e := entryOf(element)
	switch {
	case holder == "" || e.holder != holder:
		return "", false, refuse(CheckHolder, "")
	case e.local != "":
		return e.local, false, nil
	}
	octets := make([]byte, localOctets)
	if _, err := io.ReadFull(c.random, octets); err != nil {
		return "", false, fmt.Errorf("making a Local-Token-ID: %w", err)
	}
	local = "L" + hex.EncodeToString(octets) // an xs:NCName begins with a letter
	if _, taken := c.byLocal[local]; taken {
		return "", false, errLocalTwice
	}
	e.local, e.localFor = local, holder
	c.byLocal[local] = element
	return local, true, nil
}

// ByLocalID returns the token with a Local-Token-ID that was assigned to this
// originator. The error is an *Error, and the same for one that does
// not exist and one of somebody else.
func (c *Cache) ByLocalID(local string, originator onem2m.ID, now onem2m.Timestamp) (Cached, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byLocal[local]
	if !ok || originator == "" || entryOf(element).localFor != originator {
		return Cached{}, refuse(CheckLocalID, "")
	}
	return c.use(element, now)
}

// SetHolder makes another entity the holder of a remembered token, after an
// authorization relationship update. Its Local-Token-ID, which was the
// old holder's, is void. It reports false for a token that is not remembered.
func (c *Cache) SetHolder(id string, holder onem2m.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byID[id]
	if !ok || holder == "" {
		return false
	}
	c.rehold(element, holder)
	return true
}

// rehold gives an entry to a holder, without a Local-Token-ID. The lock is held.
func (c *Cache) rehold(element *list.Element, holder onem2m.ID) {
	e := entryOf(element)
	c.unlist(element)
	delete(c.byLocal, e.local)
	e.holder, e.local, e.localFor = holder, "", ""
	if e.direct {
		c.direct[holder] = append(c.direct[holder], element)
	}
}

// Adopt gives a remembered token the names that it had before, in the store of
// the CSE: its holder, and the Local-Token-ID that was assigned to it, "" for
// none. It reports false for a token that is not remembered, and for a
// Local-Token-ID that another one has.
func (c *Cache) Adopt(digest Digest, holder onem2m.ID, local string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byDigest[digest]
	other, taken := c.byLocal[local]
	if !ok || holder == "" || local != "" && taken && other != element {
		return false
	}
	e := entryOf(element)
	c.rehold(element, holder)
	if local != "" {
		e.local, e.localFor = local, holder
		c.byLocal[local] = element
	}
	return true
}

// Forget drops the token with a Token-ID, as if it had never been seen.
func (c *Cache) Forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.byID[id]; ok {
		c.drop(element)
	}
}

// Sweep drops what has expired or was revoked, and returns how many it were.
// Without it nothing is wrong: such tokens are never given out, and the number
// is bounded.
func (c *Cache) Sweep(now onem2m.Timestamp) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for element := c.recent.Front(); element != nil; {
		next := element.Next()
		if c.current(&entryOf(element).token.Claims, now) != nil {
			c.drop(element)
			n++
		}
		element = next
	}
	return n
}

// Len returns how many tokens are remembered.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent.Len()
}
