package token

import (
	"cmp"
	"errors"
	"slices"
	"sync"

	"bulwark/onem2m"
)

// DefaultRevocations bounds a list of revocations where nobody says otherwise.
const DefaultRevocations = 100_000

// Grace is how long a revocation stays behind the end of its token, in
// microseconds: where clocks may differ the token counts for as long.
const Grace = onem2m.Timestamp(60_000_000)

// ErrFull answers a revocation that there is no room for. The caller must not
// go on as if the token were revoked: it stops trusting the issuer, or makes
// room.
var ErrFull = errors.New("the list of revocations is full")

// Revocation is one token that is not accepted any more.
type Revocation struct {
	Ref
	Until onem2m.Timestamp // when the token expires anyway; 0 if nobody knows
}

// Revocations is a list of revoked tokens, bounded in number: an entry leaves
// it when its token has expired. What an issuer revokes gets about as much room as it
// leaves free, so that none keeps others from revoking. TS-0003 has no revocation; this is the list of
// the CSE's own. It may be used by any number of goroutines.
type Revocations struct {
	limit int

	mu    sync.RWMutex // guards what follows
	until map[Ref]onem2m.Timestamp
	count map[onem2m.ID]int  // entries by issuer
	await map[onem2m.ID]bool // issuers of which nobody knows yet what they have revoked
}

// NewRevocations returns an empty list for limit tokens, DefaultRevocations if 0.
func NewRevocations(limit int) *Revocations {
	if limit <= 0 {
		limit = DefaultRevocations
	}
	return &Revocations{limit: limit, until: map[Ref]onem2m.Timestamp{}, count: map[onem2m.ID]int{}, await: map[onem2m.ID]bool{}}
}

// Add revokes a token until it expires; 0 is for ever. The same token again
// takes the later time. When there is no room, those that have expired leave the
// list first; then it is ErrFull.
func (r *Revocations) Add(token Revocation, now onem2m.Timestamp) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if until, ok := r.until[token.Ref]; ok {
		if until != 0 && (token.Until == 0 || token.Until > until) {
			r.until[token.Ref] = token.Until
		}
		return nil
	}
	if !r.room(&token) {
		for ref, until := range r.until {
			if until != 0 && until+Grace <= now {
				r.drop(ref)
			}
		}
	}
	if !r.room(&token) {
		return ErrFull
	}
	r.until[token.Ref] = token.Until
	r.count[token.Issuer]++
	return nil
}

// Restore is Add for what was in the list of an earlier process: that has room in
// any order, whatever each issuer had left free when it came.
func (r *Revocations) Restore(token Revocation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, ok := r.until[token.Ref]
	switch {
	case !ok:
		r.count[token.Issuer]++
	case until == 0 || token.Until != 0 && token.Until <= until:
		return
	}
	r.until[token.Ref] = token.Until
}

// room reports whether there is room for one more. What is for ever is the word of
// the operator of the CSE. The lock is held.
func (r *Revocations) room(token *Revocation) bool {
	free := r.limit - len(r.until)
	return free > 0 && (token.Until == 0 || r.count[token.Issuer] <= free)
}

// drop takes an entry out. The lock is held.
func (r *Revocations) drop(ref Ref) {
	delete(r.until, ref)
	if r.count[ref.Issuer]--; r.count[ref.Issuer] <= 0 {
		delete(r.count, ref.Issuer)
	}
}

// Lift takes a revocation back. One that is for ever stays: it is the word of the
// operator of the CSE, and not that of the issuer.
func (r *Revocations) Lift(ref Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.until[ref] != 0 {
		r.drop(ref)
	}
}

// Of returns what an issuer has revoked, with the end of each token; what is for
// ever is left out.
func (r *Revocations) Of(issuer onem2m.ID) map[string]onem2m.Timestamp {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := map[string]onem2m.Timestamp{}
	for ref, until := range r.until {
		if ref.Issuer == issuer && until != 0 {
			out[ref.ID] = until
		}
	}
	return out
}

// Await makes every token of an issuer count as revoked until Learned is called
// for it: the list does not outlive the process, and what the issuer had revoked
// before must not count again until it has been asked.
func (r *Revocations) Await(issuer onem2m.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.await[issuer] = true
}

// Learned ends Await: what the issuer has revoked is in the list.
func (r *Revocations) Learned(issuer onem2m.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.await, issuer)
}

// Has reports whether a token is revoked, or may be for all that is known.
func (r *Revocations) Has(token Ref) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, ok := r.until[token]
	return ok || r.await[token.Issuer]
}

// All returns the list in a fixed order, for a caller that keeps it.
func (r *Revocations) All() []Revocation {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := make([]Revocation, 0, len(r.until))
	for ref, until := range r.until {
		out = append(out, Revocation{Ref: ref, Until: until})
	}
	slices.SortFunc(out, func(a, b Revocation) int {
		return cmp.Or(cmp.Compare(a.Issuer, b.Issuer), cmp.Compare(a.ID, b.ID))
	})
	return out
}
