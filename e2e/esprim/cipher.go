package esprim

import (
	"crypto/aes"
	"crypto/cipher"
	"io"

	"bulwark/e2e/keys"
)

// newAEAD makes the cipher of a session: the first octets of its key, as many
// as the algorithm takes (E-58).
func newAEAD(session keys.Secret, algorithm int64) (cipher.AEAD, error) {
	key, err := keys.ContentKey(session, algorithm)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key.Bytes())
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal encrypts a primitive and writes the compact form. The initialization
// vector is random for every object: both directions share the key (E-59).
func seal(random io.Reader, aead cipher.AEAD, h *header, plain []byte) (string, error) {
	head, err := h.append(make([]byte, 0, 512))
	if err != nil {
		return "", err
	}
	out := make([]byte, 0, encoding.EncodedLen(len(head))+encoding.EncodedLen(len(plain))+64)
	out = encoding.AppendEncode(out, head)
	var iv [ivLength]byte
	if _, err := io.ReadFull(random, iv[:]); err != nil {
		return "", err
	}
	sealed := aead.Seal(make([]byte, 0, len(plain)+tagLength), iv[:], plain, out)
	out = append(out, '.', '.')
	out = encoding.AppendEncode(out, iv[:])
	out = append(out, '.')
	out = encoding.AppendEncode(out, sealed[:len(plain)])
	out = append(out, '.')
	out = encoding.AppendEncode(out, sealed[len(plain):])
	return string(out), nil
}

// open decrypts an object.
func (o *object) open(aead cipher.AEAD) ([]byte, error) {
	return aead.Open(nil, o.iv[:], o.sealed, []byte(o.aad))
}
