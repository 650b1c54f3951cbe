package token

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bulwark/e2e/esdata"
	"bulwark/onem2m"
)

// newCache returns a cache with its list of revocations.
func newCache(w *world, limit int) (*Cache, *Revocations) {
	revoked := NewRevocations(0)
	return NewCache(w.verifier, revoked, limit, 0, rand.Reader), revoked
}

// named issues a token with a name of its own.
func (w *world) named(t testing.TB, n int) string {
	t.Helper()
	c := sample()
	c.ID = fmt.Sprintf("tk%d@das.example", n)
	text, err := Issue(c, esdata.Protection{Sign: []*esdata.Key{w.mic}})
	return must(t, text, err)
}

func TestCache_A135_RemembersUntilTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cache, _ := newCache(w, 0)
	text := w.token(t, nil)
	first, err := cache.Verify(text, false, begins)
	if err != nil {
		t.Fatal(err)
	}
	again, err := cache.Verify(text, false, ends-1)
	if err != nil || again.Verified != first.Verified || again.Holder != holder {
		t.Errorf("verified again: %v", err)
	}
	if _, ok := cache.ByID(first.ID, ends-1); !ok {
		t.Error("not found by its Token-ID")
	}
	_, err = cache.Verify(text, false, ends)
	wantCheck(t, err, CheckNotAfter)
	if cache.Len() != 0 {
		t.Error("it is kept beyond its end")
	}
	_, err = cache.Verify(text, false, ends)
	wantCheck(t, err, CheckNotAfter)
	if _, ok := cache.ByID(first.ID, begins); ok || cache.Len() != 0 {
		t.Error("it is remembered though it had ended")
	}
}

func TestCache_A135_LeewayKeepsATokenLonger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cache := NewCache(w.verifier, NewRevocations(0), 0, time.Second, rand.Reader)
	_, err := cache.Verify(w.token(t, nil), false, ends+999_999)
	wantCheck(t, err, 0)
	_, err = cache.Verify(w.token(t, nil), false, ends+1_000_000)
	wantCheck(t, err, CheckNotAfter)
}

func TestCache_DoesNotRememberWhatWasRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cache, _ := newCache(w, 0)
	text := w.token(t, nil)
	tampered := text[:len(text)-8] + strings.Repeat("A", 8)
	for range 2 {
		_, err := cache.Verify(tampered, false, begins)
		wantCheck(t, err, CheckSecurity)
	}
	_, err := cache.Verify(strings.Repeat("x", MaxToken+1), false, begins)
	wantCheck(t, err, CheckSize)
	if cache.Len() != 0 {
		t.Error("something is remembered")
	}
}

func TestCache_RevocationTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cache, revoked := newCache(w, 0)
	text := w.token(t, nil)
	got, err := cache.Verify(text, true, begins)
	if err != nil {
		t.Fatal(err)
	}
	local, _, err := cache.Assign(got.Digest, holder, begins)
	if err != nil {
		t.Fatal(err)
	}
	if err := revoked.Add(Revocation{Ref: got.Ref(), Until: ends}, begins); err != nil {
		t.Fatal(err)
	}
	_, err = cache.ByLocalID(local, holder, begins)
	wantCheck(t, err, CheckRevoked)
	_, err = cache.Verify(text, false, begins)
	wantCheck(t, err, CheckRevoked)
	if _, ok := cache.ByID(got.ID, begins); ok || len(cache.Direct(holder, begins)) != 0 || cache.Len() != 0 {
		t.Error("a revoked token is given out")
	}
	// The same name of another issuer is another token.
	if revoked.Has(Ref{Issuer: "//m2m.example/Sother", ID: got.ID}) {
		t.Error("another issuer's token is revoked")
	}
}

func TestCache_IsBoundedInNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cache, _ := newCache(w, 3)
	for n := range 3 {
		if _, err := cache.Verify(w.named(t, n), true, begins); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := cache.ByID("tk0@das.example", begins); !ok { // now the last used
		t.Fatal("it is not there")
	}
	if _, err := cache.Verify(w.named(t, 3), true, begins); err != nil {
		t.Fatal(err)
	}
	for n, want := range []bool{true, false, true, true} {
		if _, ok := cache.ByID(fmt.Sprintf("tk%d@das.example", n), begins); ok != want {
			t.Errorf("token %d: %v", n, ok)
		}
	}
	if cache.Len() != 3 || len(cache.Direct(holder, begins)) != 3 {
		t.Errorf("%d tokens", cache.Len())
	}
}

func TestCache_A126_DirectTokensAreFoundByTheirHolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cache, _ := newCache(w, 0)
	for n, direct := range []bool{true, false, true} {
		if _, err := cache.Verify(w.named(t, n), direct, begins); err != nil {
			t.Fatal(err)
		}
	}
	if got := cache.Direct(holder, begins); len(got) != 2 {
		t.Errorf("%d tokens", len(got))
	}
	if got := cache.Direct(self, begins); len(got) != 0 {
		t.Errorf("%d tokens of somebody else", len(got))
	}
	if _, err := cache.Verify(w.named(t, 1), true, begins); err != nil { // handed over later
		t.Fatal(err)
	}
	if got := cache.Direct(holder, begins); len(got) != 3 {
		t.Errorf("%d tokens", len(got))
	}
	if got := cache.Direct(holder, ends); len(got) != 0 || cache.Len() != 0 {
		t.Errorf("%d tokens after their end", len(got))
	}
}

func TestCache_A136_A137_LocalIDsAreGoodForTheirHolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cache, _ := newCache(w, 0)
	got, err := cache.Verify(w.token(t, nil), false, begins)
	if err != nil {
		t.Fatal(err)
	}
	local, fresh, err := cache.Assign(got.Digest, holder, begins)
	if err != nil || !fresh || local[0] != 'L' || len(local) != 1+2*localOctets {
		t.Fatalf("%q, %v, %v", local, fresh, err)
	}
	if again, fresh, err := cache.Assign(got.Digest, holder, begins); err != nil || fresh || again != local {
		t.Errorf("a second one: %q, %v, %v", again, fresh, err)
	}
	found, err := cache.ByLocalID(local, holder, begins)
	if err != nil || found.Verified != got.Verified {
		t.Errorf("%v", err)
	}
	for name, lookUp := range map[string]func() error{
		"somebody else's": func() error { _, err := cache.ByLocalID(local, self, begins); return err },
		"nobody's":        func() error { _, err := cache.ByLocalID(local, "", begins); return err },
		"one that does not exist": func() error {
			_, err := cache.ByLocalID("L0", holder, begins)
			return err
		},
		"an empty one": func() error { _, err := cache.ByLocalID("", holder, begins); return err },
	} {
		err := lookUp()
		wantCheck(t, err, CheckLocalID)
		if err != nil && err.Error() != refuse(CheckLocalID, "").Error() {
			t.Errorf("%s: the errors differ: %v", name, err)
		}
	}
	_, _, err = cache.Assign(got.Digest, self, begins)
	wantCheck(t, err, CheckHolder)
	_, _, err = cache.Assign(Digest{}, holder, begins)
	wantCheck(t, err, CheckLocalID)
	_, err = cache.ByLocalID(local, holder, ends)
	wantCheck(t, err, CheckNotAfter)
	_, err = cache.ByLocalID(local, holder, begins)
	wantCheck(t, err, CheckLocalID)
}

func TestCache_A167_ANewHolderTakesTheTokenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cache, _ := newCache(w, 0)
	text := w.token(t, nil)
	got, err := cache.Verify(text, true, begins)
	if err != nil {
		t.Fatal(err)
	}
	local, _, err := cache.Assign(got.Digest, holder, begins)
	if err != nil {
		t.Fatal(err)
	}
	const heir = onem2m.ID("//m2m.example/id-in/Cheir")
	if !cache.SetHolder(got.ID, heir) || cache.SetHolder("x@das.example", heir) || cache.SetHolder(got.ID, "") {
		t.Error("the holder is not set")
	}
	if _, err := cache.ByLocalID(local, holder, begins); err == nil {
		t.Error("the old holder's Local-Token-ID is good")
	}
	if _, err := cache.ByLocalID(local, heir, begins); err == nil {
		t.Error("the new holder has the old one's Local-Token-ID")
	}
	if len(cache.Direct(holder, begins)) != 0 || len(cache.Direct(heir, begins)) != 1 {
		t.Error("it is listed for the old holder")
	}
	again, err := cache.Verify(text, false, begins)
	if err != nil || again.Holder != heir {
		t.Fatalf("%v, %v", again.Holder, err)
	}
	wantCheck(t, again.Check(Conditions{Originator: heir, Holder: again.Holder, Self: self, Now: begins}), 0)
	wantCheck(t, again.Check(Conditions{Originator: holder, Holder: again.Holder, Self: self, Now: begins}), CheckHolder)
}

func TestCache_ATokenThatIsIssuedAgainReplacesTheOldOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cache, _ := newCache(w, 0)
	old, err := cache.Verify(w.token(t, nil), false, begins)
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := cache.Verify(w.token(t, func(c *Claims) { c.NotAfter += 1_000_000 }), false, begins)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := cache.ByID(old.ID, begins); !ok || got.Digest != renewed.Digest || cache.Len() != 1 {
		t.Errorf("%d tokens", cache.Len())
	}
}

// empty is a source of randomness that fails.
type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestCache_FailsWithItsRandomness(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, random := range []io.Reader{empty{}, bytes.NewReader(make([]byte, 2*localOctets))} {
		cache := NewCache(w.verifier, NewRevocations(0), 0, 0, random)
		var failed error
		for n := range 2 {
			got, err := cache.Verify(w.named(t, n), false, begins)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := cache.Assign(got.Digest, holder, begins); err != nil {
				failed = err
			}
		}
		var refusal *Error
		if failed == nil || errors.As(failed, &refusal) {
			t.Errorf("the error is %v", failed)
		}
	}
}

func TestCache_MayBeUsedByMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cache, revoked := newCache(w, 4)
	texts := make([]string, 8)
	for n := range texts {
		texts[n] = w.named(t, n)
	}
	var users sync.WaitGroup
	for user := range 4 {
		users.Go(func() {
			for n := range 100 {
				got, err := cache.Verify(texts[(n+user)%len(texts)], n%2 == 0, begins)
				if err != nil {
					continue
				}
				if local, _, err := cache.Assign(got.Digest, holder, begins); err == nil {
					_, _ = cache.ByLocalID(local, holder, begins)
				}
				if n == 50 {
					_ = revoked.Add(Revocation{Ref: got.Ref(), Until: ends}, begins)
				}
				cache.Sweep(begins)
			}
		})
	}
	users.Wait()
	if cache.Len() > 4 {
		t.Errorf("%d tokens", cache.Len())
	}
}

// TestCache_KeepsItsIndexesTogether does random things and then looks whether
// the indexes agree with the list.
func TestCache_KeepsItsIndexesTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	texts := make([]string, 6)
	for n := range texts {
		texts[n] = w.named(t, n)
	}
	rapid.Check(t, func(t *rapid.T) {
		cache, revoked := newCache(w, 3)
		now := begins
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			n := rapid.IntRange(0, len(texts)-1).Draw(t, "token")
			id := fmt.Sprintf("tk%d@das.example", n)
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1:
				_, _ = cache.Verify(texts[n], rapid.Bool().Draw(t, "direct"), now)
			case 2:
				_, _, _ = cache.Assign(DigestOf(texts[n]), rapid.SampledFrom([]onem2m.ID{holder, self}).Draw(t, "who"), now)
			case 3:
				cache.SetHolder(id, rapid.SampledFrom([]onem2m.ID{holder, self}).Draw(t, "heir"))
			case 4:
				if rapid.IntRange(0, 9).Draw(t, "seldom") == 0 {
					_ = revoked.Add(Revocation{Ref: Ref{das, id}, Until: ends}, now)
				}
			case 5:
				cache.Sweep(now)
			}
			wantConsistent(t, cache)
		}
		if n := cache.Len(); cache.Sweep(ends) != n || cache.Len() != 0 {
			t.Error("something outlives its end")
		}
		wantConsistent(t, cache)
	})
}

func wantConsistent(t *rapid.T, c *Cache) {
	locals, direct := 0, 0
	for element := c.recent.Front(); element != nil; element = element.Next() {
		e := entryOf(element)
		if c.byDigest[e.token.Digest] != element || c.byID[e.token.ID] != element {
			t.Fatal("an index has lost a token")
		}
		if e.local != "" {
			locals++
			if c.byLocal[e.local] != element || e.localFor != e.holder {
				t.Fatal("a Local-Token-ID is not its holder's")
			}
		}
		if e.direct {
			direct++
			if !slices.Contains(c.direct[e.holder], element) {
				t.Fatal("a direct token is not listed")
			}
		}
	}
	listed := 0
	for _, list := range c.direct {
		listed += len(list)
	}
	if n := c.recent.Len(); n > c.limit || len(c.byDigest) != n || len(c.byID) != n || len(c.byLocal) != locals || listed != direct {
		t.Fatal("an index holds what the list does not")
	}
}

func TestRevocations_AreBoundedAndLeaveWithTheirTokens(t *testing.T) {
	t.Parallel()
	r := NewRevocations(2)
	ref := func(n int) Ref { return Ref{das, fmt.Sprintf("tk%d@das.example", n)} }
	add := func(n int, until, now onem2m.Timestamp) error {
		return r.Add(Revocation{Ref: ref(n), Until: until}, now)
	}
	if err := errors.Join(add(2, 20, 0), add(1, 10, 0), add(1, 10, 0)); err != nil {
		t.Fatal(err)
	}
	if err := add(3, 30, 9); !errors.Is(err, ErrFull) || r.Has(ref(3)) {
		t.Errorf("a third one: %v", err)
	}
	if err := add(3, 30, 10+Grace); err != nil || !r.Has(ref(3)) || r.Has(ref(1)) {
		t.Errorf("after the first has ended: %v", err)
	}
	if err := errors.Join(add(2, 15, 10), add(3, 0, 10)); err != nil {
		t.Fatal(err)
	}
	want := []Revocation{{Ref: ref(2), Until: 20}, {Ref: ref(3)}}
	if got := r.All(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if err := errors.Join(add(3, 40, 10), add(4, 40, 1000+Grace)); err != nil {
		t.Fatal(err)
	}
	if !r.Has(ref(3)) {
		t.Error("what is revoked for ever has ended")
	}
}

func BenchmarkVerify(b *testing.B) {
	w := newWorld(b)
	for name, p := range w.protections() {
		text, err := Issue(sample(), p)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := w.verifier.Verify(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	cache, _ := newCache(w, 0)
	text := w.token(b, nil)
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			if _, err := cache.Verify(text, false, begins); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkIssue(b *testing.B) {
	w := newWorld(b)
	for name, p := range w.protections() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Issue(sample(), p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestCache_KeysThatChangeCountAtOnce(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	cache, _ := newCache(w, 0)
	text := w.token(t, nil)
	if _, err := cache.Verify(text, true, begins); err != nil {
		t.Fatal(err)
	}
	cache.Trust(other.verifier)
	if cache.Len() != 0 {
		t.Error("what keys that are gone have opened is remembered")
	}
	if _, err := cache.Verify(text, false, begins); err == nil {
		t.Error("the token is good without its key")
	}
	if _, err := cache.Verify(other.token(t, nil), false, begins); err != nil {
		t.Errorf("the new key does not count: %v", err)
	}
	cache.Trust(w.verifier)
	if _, err := cache.Verify(text, false, begins); err != nil {
		t.Errorf("the old key does not count again: %v", err)
	}
}
