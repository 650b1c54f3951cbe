// Package secrets encrypts what a data directory keeps secret, private keys and
// shared keys, under one master key. The master key comes from a file that the
// operator names, from a credential of the service manager, or, for want of
// both, from a file in the data directory itself: then whoever copies the
// directory has the keys too.
//
// It stores nothing but that last file. What it seals goes wherever the caller
// keeps it.
package secrets

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
)

const (
	// KeyLength is the length of a master key in octets.
	KeyLength = 32
	// MaxPlain bounds one secret in octets: a set of private keys fits, and no
	// file is taken for a secret by mistake.
	MaxPlain = 1 << 20
	// format is the first octet of what is sealed: AES-256-GCM with a random
	// nonce, under a key that HKDF-SHA-256 makes of the master key for the
	// purpose. Such a key seals far less than the 2^32 texts that a random nonce
	// is good for.
	format = 1
)

// ErrSealed answers what cannot be opened: sealed under another master key, for
// another purpose or name, or changed since. Nobody can tell which.
var ErrSealed = errors.New("the secret cannot be decrypted: it was changed, or the master key is another one")

// Box seals and opens secrets. It does not show its key when printed and may be
// used by any number of goroutines.
type Box struct {
	key  *[KeyLength]byte
	made bool
}

// New returns a Box of a master key.
func New(key []byte) (*Box, error) {
	if len(key) != KeyLength {
		return nil, fmt.Errorf("a master key has %d octets", KeyLength)
	}
	return &Box{key: (*[KeyLength]byte)(append([]byte(nil), key...))}, nil
}

// Made reports whether Open made the master key just now.
func (b *Box) Made() bool { return b.made }

// String says what it is and shows nothing of it.
func (*Box) String() string { return "box of secrets" }

// Format writes String for every verb.
func (b *Box) Format(f fmt.State, _ rune) { fmt.Fprint(f, b.String()) }

// LogValue is String.
func (b *Box) LogValue() slog.Value { return slog.StringValue(b.String()) }

// cipher returns the cipher for a purpose.
func (b *Box) cipher(purpose string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, b.key[:], nil, "bulwark secret: "+purpose, KeyLength)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Seal encrypts a secret. Only Open with the same purpose, what sort of secret
// it is, and the same name, which of them, decrypts it: so that nobody who
// writes to the store swaps one for another.
func (b *Box) Seal(purpose, name string, plain []byte) ([]byte, error) {
	if len(plain) > MaxPlain {
		return nil, fmt.Errorf("a secret has at most %d octets", MaxPlain)
	}
	aead, err := b.cipher(purpose)
	if err != nil {
		return nil, fmt.Errorf("seal a secret: %w", err)
	}
	// The cipher puts a random nonce in front by itself and takes none.
	return aead.Seal([]byte{format}, nil, plain, []byte(name)), nil //nolint:gosec // there is no nonce to be constant
}

// Open decrypts what Seal made. The error is ErrSealed.
func (b *Box) Open(purpose, name string, sealed []byte) ([]byte, error) {
	aead, err := b.cipher(purpose)
	if err != nil {
		return nil, fmt.Errorf("open a secret: %w", err)
	}
	if len(sealed) == 0 || sealed[0] != format || len(sealed) > 1+MaxPlain+aead.Overhead() {
		return nil, ErrSealed
	}
	plain, err := aead.Open(nil, nil, sealed[1:], []byte(name))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}
