package esdata

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"sync/atomic"
	"unicode/utf8"

	"bulwark/e2e/keys"
)

// Limits of keys.
const (
	// MaxKeyID bounds an identifier: a Credential-ID with an absolute AE-ID has
	// room several times over.
	MaxKeyID = 512
	// MaxDirectUses is how often one key value encrypts with AES-GCM and a
	// random nonce (TS-0003 clause 8.5.2.2.1, RFC 7518 clause 8.4, E-131).
	MaxDirectUses = 1 << 32
	// RSA keys below the first are weak (RFC 7518), beyond the second a
	// stranger's envelope would cost too much.
	minRSA, maxRSA = 2048, 8192
)

// Key is one credential: a key that is for one algorithm (E-136), under the
// identifier that headers name it by. A symmetric key both seals and opens; a
// private key signs or decrypts; a public key verifies or encrypts. It does not
// show itself when printed. It may be used by any number of goroutines.
type Key struct {
	id         string
	thumbprint string // of a certificate, as x5t#S256 has it
	algorithm  Algorithm
	secret     keys.Secret
	private    crypto.PrivateKey // *ecdsa.PrivateKey or *rsa.PrivateKey
	public     crypto.PublicKey  // *ecdsa.PublicKey or *rsa.PublicKey
	uses       atomic.Uint64     // encryptions with a direct key
}

// NewSymmetric returns a key that source and target share.
func NewSymmetric(id string, algorithm Algorithm, secret keys.Secret) (*Key, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	p, ok := algorithm.property()
	switch {
	case !ok || !algorithm.Symmetric():
		return nil, fmt.Errorf("%w: the algorithm is not symmetric", ErrKey)
	case p.kind == kindMAC && secret.Len() < p.octets:
		return nil, fmt.Errorf("%w: %s needs at least %d octets", ErrKey, algorithm, p.octets)
	case p.kind == kindWrap && secret.Len() != p.octets:
		return nil, fmt.Errorf("%w: %s needs %d octets", ErrKey, algorithm, p.octets)
	case p.kind == kindDirect:
		if _, ok := encryptionFor(secret.Len()); !ok {
			return nil, fmt.Errorf("%w: a direct key has 16, 24 or 32 octets", ErrKey)
		}
	}
	return &Key{id: id, algorithm: algorithm, secret: secret}, nil
}

// NewPrivate returns a key that signs or decrypts: an *ecdsa.PrivateKey or an
// *rsa.PrivateKey.
func NewPrivate(id string, algorithm Algorithm, key crypto.PrivateKey) (*Key, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: neither RSA nor ECDSA", ErrKey)
	}
	k, err := NewPublic(id, algorithm, signer.Public())
	if err != nil {
		return nil, err
	}
	switch private := key.(type) {
	case *rsa.PrivateKey:
		if err := private.Validate(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
	case *ecdsa.PrivateKey:
		if _, err := private.ECDH(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
	default:
		return nil, fmt.Errorf("%w: neither RSA nor ECDSA", ErrKey)
	}
	k.private, k.public = key, nil
	return k, nil
}

// NewPublic returns a key that verifies or encrypts: an *ecdsa.PublicKey or an
// *rsa.PublicKey.
func NewPublic(id string, algorithm Algorithm, key crypto.PublicKey) (*Key, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	p, ok := algorithm.property()
	if !ok || algorithm.Symmetric() {
		return nil, fmt.Errorf("%w: the algorithm is not asymmetric", ErrKey)
	}
	switch public := key.(type) {
	case *rsa.PublicKey:
		if public.N == nil {
			return nil, fmt.Errorf("%w: an empty key", ErrKey)
		}
		if bits := public.N.BitLen(); p.kind != kindRSA && p.kind != kindRSASign || bits < minRSA || bits > maxRSA {
			return nil, fmt.Errorf("%w: RSA of %d bits for %s", ErrKey, bits, algorithm)
		}
	case *ecdsa.PublicKey:
		if public.Curve == nil || *public == (ecdsa.PublicKey{Curve: public.Curve}) {
			return nil, fmt.Errorf("%w: an empty key", ErrKey)
		}
		if p.kind != kindECDH && (p.kind != kindECDSA || p.curve != public.Curve) {
			return nil, fmt.Errorf("%w: the curve is not that of %s", ErrKey, algorithm)
		}
		if _, err := public.ECDH(); err != nil { // also a point that is not on the curve
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
	default:
		return nil, fmt.Errorf("%w: neither RSA nor ECDSA", ErrKey)
	}
	return &Key{id: id, algorithm: algorithm, public: key}, nil
}

// checkID accepts what a header can name a key by.
func checkID(id string) error {
	if id == "" || len(id) > MaxKeyID || !utf8.ValidString(id) {
		return fmt.Errorf("%w: an identifier has 1 to %d octets of UTF-8", ErrKey, MaxKeyID)
	}
	return nil
}

// ID returns the identifier, the "kid" of headers.
func (k *Key) ID() string { return k.id }

// Algorithm returns the one algorithm that the key is for.
func (k *Key) Algorithm() Algorithm { return k.algorithm }

// Symmetric reports whether source and target share the key.
func (k *Key) Symmetric() bool { return k.algorithm.Symmetric() }

// Same reports whether both hold the same secret, whatever their names and
// algorithms: then they do not tell two sources apart. It is false for
// asymmetric keys.
func (k *Key) Same(other *Key) bool {
	return k.Symmetric() && other.Symmetric() && k.secret.Equal(other.secret)
}

// Uses returns how often a direct key has encrypted.
func (k *Key) Uses() uint64 { return k.uses.Load() }

// Resume sets how often a direct key has encrypted before, for a caller that
// keeps count across a restart.
func (k *Key) Resume(uses uint64) { k.uses.Store(uses) }

// spend counts one encryption with a direct key.
func (k *Key) spend() error {
	if k.algorithm == Direct && k.uses.Add(1) > MaxDirectUses {
		return ErrExhausted
	}
	return nil
}

// Each tells one of the four things that a key can do.
func (k *Key) signs() bool    { return k.algorithm.Signs() && k.public == nil }
func (k *Key) verifies() bool { return k.algorithm.Signs() && k.private == nil }
func (k *Key) encrypts() bool { return k.algorithm.Encrypts() && k.private == nil }
func (k *Key) decrypts() bool { return k.algorithm.Encrypts() && k.public == nil }

// material returns the key as the library takes it.
func (k *Key) material() any {
	switch {
	case k.private != nil:
		return k.private
	case k.public != nil:
		return k.public
	}
	return k.secret.Bytes()
}

// encryption returns the content encryption that a direct key is for.
func (k *Key) encryption() (Encryption, bool) {
	if k.algorithm != Direct {
		return "", false
	}
	return encryptionFor(k.secret.Len())
}

// String names the key and shows nothing of it.
func (k *Key) String() string { return fmt.Sprintf("key %q for %s", k.id, k.algorithm) }

// Format writes String for every verb.
func (k *Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue is String.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
