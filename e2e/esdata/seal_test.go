package esdata

import (
	"bytes"
	"crypto/elliptic"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const payload = `{"temperature":21.5,"unit":"C"}`

func TestSeal_E130_E132_E133_E143_OpensAgainWithEveryAlgorithm(t *testing.T) {
	t.Parallel()
	pairs := all(t)
	ring := openAll(pairs)
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "payload")
		p := Protection{
			ContentType:   rapid.SampledFrom([]string{"", "application/json", "text/plain"}).Draw(t, "content type"),
			Encryption:    rapid.SampledFrom([]Encryption{A128GCM, A192GCM, A256GCM}).Draw(t, "encryption"),
			Serialization: rapid.SampledFrom([]Serialization{Compact, JSON, JSONBase64}).Draw(t, "serialization"),
		}
		class := rapid.SampledFrom([]Class{EncryptionOnly, SignatureOnly, Nested}).Draw(t, "class")
		if class != SignatureOnly {
			p.Encrypt = draw(t, pairs, func(k *Key) bool { return k.encrypts() && k.algorithm != Direct }, p.Serialization)
			if rapid.Bool().Draw(t, "direct") {
				p.Encrypt = draw(t, pairs, func(k *Key) bool { return k.algorithm == Direct }, Compact)
				p.Encryption = ""
			}
		}
		if class != EncryptionOnly {
			p.Sign = draw(t, pairs, func(k *Key) bool { return k.signs() && (class != Nested || k.algorithm.NonRepudiable()) }, p.Serialization)
		}
		if class != SignatureOnly && p.Serialization != Compact && rapid.Bool().Draw(t, "aad") {
			p.AAD = []byte("known to all")
		}
		text, err := Seal(data, p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := open(text, p.Serialization, ring)
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if got.Class != class || !bytes.Equal(got.Payload, data) || got.ContentType != p.ContentType || !bytes.Equal(got.Decrypted.AAD, p.AAD) {
			t.Errorf("%+v from %s", got, text)
		}
		if len(got.Verified.By) != len(p.Sign) || (got.Decrypted.By != nil) != (len(p.Encrypt) > 0) {
			t.Errorf("opened by %v and %v", got.Decrypted.By, got.Verified.By)
		}
	})
}

// draw picks one key, or several where the serialization has room for them.
func draw(t *rapid.T, pairs []pair, usable func(*Key) bool, s Serialization) []*Key {
	var fit []*Key
	for _, p := range pairs {
		if usable(p.seal) {
			fit = append(fit, p.seal)
		}
	}
	n := 1
	if s != Compact {
		n = rapid.IntRange(1, 3).Draw(t, "keys")
	}
	return rapid.SliceOfNDistinct(rapid.SampledFrom(fit), n, n, (*Key).ID).Draw(t, "key")
}

// TestOpen_RefusesEveryFlippedBit changes each bit of an envelope in turn. With
// several recipients or signatures that does not hold: the entry of somebody
// else may be damaged (RFC 7516 clause 5.2).
func TestOpen_RefusesEveryFlippedBit(t *testing.T) {
	t.Parallel()
	pairs := all(t)
	ring := openAll(pairs)
	signer := pairs[slices.IndexFunc(pairs, func(p pair) bool { return p.seal.algorithm == ES256 })].seal
	for _, p := range pairs {
		for _, s := range []Serialization{Compact, JSON, JSONBase64} {
			protection := Protection{Serialization: s, ContentType: "text/plain"}
			if p.seal.signs() {
				protection.Sign = []*Key{p.seal}
			} else {
				protection.Encrypt, protection.Sign = []*Key{p.seal}, []*Key{signer}
			}
			text, err := Seal([]byte(payload), protection)
			if err != nil {
				t.Fatal(err)
			}
			step := 1
			if testing.Short() {
				step = 11
			}
			if !p.seal.algorithm.Symmetric() {
				step *= 29 // each costs a private-key operation
			}
			for bit := 0; bit < 8*len(text); bit += step {
				flipped := []byte(text)
				flipped[bit/8] ^= 1 << (bit % 8)
				if got, err := open(string(flipped), s, ring); err == nil {
					t.Fatalf("%v, serialization %d: opens with bit %d changed: %+v\n%s", p.seal, s, bit, got, flipped)
				}
			}
		}
	}
}

func TestSeal_E131_E136_E139_RefusesWhatTheProfileDoesNotHave(t *testing.T) {
	t.Parallel()
	var (
		direct  = shared(t, "d", Direct, 32).seal
		direct2 = shared(t, "d2", Direct, 16).seal
		wrap    = shared(t, "w", A128KW, 16).seal
		wrap2   = shared(t, "w2", A128KW, 16).seal
		mic     = shared(t, "m", HS256, 32).seal
		es      = private(t, "e", ES256, elliptic.P256())
		ecdh    = private(t, "c", ECDHA128KW, elliptic.P256())
		many    = slices.Repeat([]*Key{wrap}, MaxRecipients+1)
	)
	for _, tc := range []struct {
		name string
		p    Protection
		want error
	}{
		{"no key at all", Protection{}, ErrProtection},
		{"an unknown serialization", Protection{Sign: []*Key{mic}, Serialization: 4}, ErrProtection},
		{"two recipients in compact", Protection{Encrypt: []*Key{wrap, wrap2}}, ErrProtection},
		{"two signatures in compact", Protection{Sign: []*Key{mic, es.seal}}, ErrProtection},
		{"additional data in compact", Protection{Encrypt: []*Key{wrap}, AAD: []byte("x")}, ErrProtection},
		{"additional data with a signature", Protection{Sign: []*Key{mic}, AAD: []byte("x"), Serialization: JSON}, ErrProtection},
		{"more recipients than there may be", Protection{Encrypt: many, Serialization: JSON}, ErrProtection},
		{"an endless type", Protection{Sign: []*Key{mic}, Type: strings.Repeat("x", MaxKeyID+1)}, ErrProtection},
		{"a MIC inside an encryption", Protection{Sign: []*Key{mic}, Encrypt: []*Key{wrap}}, ErrKey},
		{"a direct key among others", Protection{Encrypt: []*Key{direct, wrap}, Serialization: JSON}, ErrKey},
		{"two direct keys", Protection{Encrypt: []*Key{direct, direct2}, Serialization: JSON}, ErrKey},
		{"a direct key for another encryption", Protection{Encrypt: []*Key{direct}, Encryption: A128GCM}, ErrKey},
		{"an unknown encryption", Protection{Encrypt: []*Key{wrap}, Encryption: "A128CBC-HS256"}, ErrProtection},
		{"signing with a public key", Protection{Sign: []*Key{es.open}}, ErrKey},
		{"encrypting for a private key", Protection{Encrypt: []*Key{ecdh.open}}, ErrKey},
		{"signing with a key for encryption", Protection{Sign: []*Key{wrap}}, ErrKey},
		{"encrypting with a key for signatures", Protection{Encrypt: []*Key{mic}}, ErrKey},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := Seal([]byte(payload), tc.p); !errors.Is(err, tc.want) {
				t.Errorf("the error is %v, want %v", err, tc.want)
			}
		})
	}
}

func TestSeal_E131_ADirectKeyIsUsedUp(t *testing.T) {
	t.Parallel()
	k := shared(t, "d", Direct, 32).seal
	k.Resume(MaxDirectUses - 1)
	if _, err := Seal([]byte(payload), Protection{Encrypt: []*Key{k}}); err != nil {
		t.Fatal(err)
	}
	if _, err := Seal([]byte(payload), Protection{Encrypt: []*Key{k}}); !errors.Is(err, ErrExhausted) {
		t.Errorf("the error is %v", err)
	}
	if k.Uses() <= MaxDirectUses {
		t.Errorf("%d uses", k.Uses())
	}
	wrap := shared(t, "w", A128KW, 16).seal
	if _, err := Seal([]byte(payload), Protection{Encrypt: []*Key{wrap}}); err != nil || wrap.Uses() != 0 {
		t.Errorf("a wrapping key is counted: %d, %v", wrap.Uses(), err)
	}
}

func TestSeal_E132_TheContentKeyIsNewEachTime(t *testing.T) {
	t.Parallel()
	wrap := shared(t, "w", A256KW, 32).seal
	seen := map[string]bool{}
	for range 20 {
		text, err := Seal([]byte(payload), Protection{Encrypt: []*Key{wrap}})
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(text, ".")
		if seen[parts[1]] || seen[parts[2]] {
			t.Fatal("a wrapped key or a nonce came twice")
		}
		seen[parts[1]], seen[parts[2]] = true, true
	}
}

func TestSeal_E145_HasASize(t *testing.T) {
	t.Parallel()
	mic := shared(t, "m", HS256, 32).seal
	for _, n := range []int{MaxEnvelope + 1, MaxEnvelope*3/4 + 1} {
		if _, err := Seal(make([]byte, n), Protection{Sign: []*Key{mic}}); !errors.Is(err, ErrSize) {
			t.Errorf("%d octets: %v", n, err)
		}
	}
	if _, err := Seal(nil, Protection{Encrypt: []*Key{shared(t, "w", A128KW, 16).seal}}); !errors.Is(err, ErrProtection) {
		t.Error("a compact JWE has a ciphertext, so there must be something to encrypt")
	}
}

func BenchmarkSeal(b *testing.B) {
	for _, p := range all(b) {
		b.Run(fmt.Sprintf("%s-%d", p.seal.algorithm, p.seal.secret.Len()), func(b *testing.B) {
			protection := Protection{Sign: []*Key{p.seal}}
			if p.seal.encrypts() {
				protection = Protection{Encrypt: []*Key{p.seal}}
			}
			for b.Loop() {
				if _, err := Seal([]byte(payload), protection); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	pairs := all(b)
	ring := openAll(pairs)
	for _, p := range pairs {
		b.Run(fmt.Sprintf("%s-%d", p.seal.algorithm, p.seal.secret.Len()), func(b *testing.B) {
			protection := Protection{Sign: []*Key{p.seal}}
			if p.seal.encrypts() {
				protection = Protection{Encrypt: []*Key{p.seal}}
			}
			text, err := Seal([]byte(payload), protection)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := open(text, Compact, ring); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestSeal_E156_OneNonceAndNothingBesides(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range all(t) {
		if !p.seal.encrypts() {
			continue
		}
		text, err := Seal([]byte("payload"), Protection{Encrypt: []*Key{p.seal}})
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(text, ".")
		if len(parts) != 5 || len(parts[2]) != nonceLength || len(parts[4]) != tagLength || seen[parts[2]] {
			t.Errorf("%v: %d parts, a nonce of %d characters", p.seal, len(parts), len(parts[2]))
		}
		seen[parts[2]] = true
	}
}
