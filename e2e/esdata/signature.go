package esdata

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/big"
)

// p256Octets is the length of each half of an ES256 signature (RFC 7518 clause
// 3.4).
const p256Octets = 32

// Sign signs octets as they are, in no envelope: an AuthorSign over a token
// (TS-0003 clause 7.3.2.2, A-160). The key is one for HS256, ES256 or RS256, and
// the signature has the octets that a JWS would have.
func (k *Key) Sign(octets []byte) ([]byte, error) {
	sum := sha256.Sum256(octets)
	switch private := k.private.(type) {
	case *ecdsa.PrivateKey:
		if k.algorithm != ES256 {
			break
		}
		r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
		if err != nil {
			return nil, fmt.Errorf("signing: %w", err)
		}
		out := make([]byte, 2*p256Octets)
		r.FillBytes(out[:p256Octets])
		s.FillBytes(out[p256Octets:])
		return out, nil
	case *rsa.PrivateKey:
		if k.algorithm != RS256 {
			break
		}
		out, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, sum[:])
		if err != nil {
			return nil, fmt.Errorf("signing: %w", err)
		}
		return out, nil
	}
	if k.algorithm == HS256 {
		return k.mac(octets), nil
	}
	return nil, fmt.Errorf("%w: %v does not sign here", ErrKey, k)
}

// Verify reports whether Sign made the signature, with this key or, for a public
// key, with its private one. A MIC is compared in constant time.
func (k *Key) Verify(octets, signature []byte) bool {
	sum := sha256.Sum256(octets)
	switch {
	case k.algorithm == HS256:
		return hmac.Equal(k.mac(octets), signature)
	case k.algorithm == ES256 && len(signature) == 2*p256Octets:
		public, ok := k.publicKey().(*ecdsa.PublicKey)
		r, s := new(big.Int).SetBytes(signature[:p256Octets]), new(big.Int).SetBytes(signature[p256Octets:])
		return ok && ecdsa.Verify(public, sum[:], r, s)
	case k.algorithm == RS256:
		public, ok := k.publicKey().(*rsa.PublicKey)
		return ok && rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signature) == nil
	}
	return false
}

// publicKey returns the public half of an asymmetric key.
func (k *Key) publicKey() crypto.PublicKey {
	if signer, ok := k.private.(crypto.Signer); ok {
		return signer.Public()
	}
	return k.public
}

// mac is HMAC-SHA-256.
func (k *Key) mac(octets []byte) []byte {
	h := hmac.New(sha256.New, k.secret.Bytes())
	h.Write(octets)
	return h.Sum(nil)
}
