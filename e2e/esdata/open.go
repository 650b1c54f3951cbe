package esdata

import (
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Opened is the payload of an envelope with everything that is known about it
// after it was verified.
type Opened struct {
	Class       Class
	Payload     []byte
	ContentType string    // media type of the payload, "" if the source did not say
	Decrypted   Decrypted // of an encrypted envelope
	Verified    Verified  // of a signed one
}

// Decrypted is what the outside of an encrypted envelope held.
type Decrypted struct {
	Plaintext []byte
	AAD       []byte // additional authenticated data, nil if none
	Header    Header
	By        *Key // the credential that it was decrypted with
}

// Verified is what a signed envelope holds.
type Verified struct {
	Payload []byte
	Headers []Header // of the signatures that verified
	By      []*Key   // the credentials that they verified with (TS-0003 clause 8.5.2.3.1 step C.3)
}

// Open decrypts or verifies an envelope, or does both for the nested class.
// An encrypted envelope that announces another one inside must hold a digital
// signature (E-139); any other is encryption only, whatever its plaintext looks
// like.
func (e *Envelope) Open(ring Keyring) (*Opened, error) {
	if !e.encrypted {
		v, err := e.Verify(ring)
		if err != nil {
			return nil, err
		}
		return &Opened{Class: SignatureOnly, Payload: v.Payload, ContentType: v.Headers[0].ContentType, Verified: *v}, nil
	}
	d, err := e.Decrypt(ring)
	if err != nil {
		return nil, err
	}
	if _, nested := d.Header.nested(); !nested {
		return &Opened{Class: EncryptionOnly, Payload: d.Plaintext, ContentType: d.Header.ContentType, Decrypted: *d}, nil
	}
	inner, err := d.Inner()
	if err != nil {
		return nil, err
	}
	v, err := inner.Verify(ring)
	if err != nil {
		return nil, err
	}
	return &Opened{Class: Nested, Payload: v.Payload, ContentType: v.Headers[0].ContentType, Decrypted: *d, Verified: *v}, nil
}

// Inner returns the signed envelope inside an encrypted one. It fails unless
// the header announces it and all its signatures are digital ones.
func (d *Decrypted) Inner() (*Envelope, error) {
	s, ok := d.Header.nested()
	if !ok {
		return nil, fmt.Errorf("%w: nothing is announced inside", ErrClass)
	}
	if isObject(d.Plaintext) {
		s = JSON // some sources say JOSE for both
	}
	inner, err := Parse(string(d.Plaintext), s)
	if err != nil {
		return nil, fmt.Errorf("inside: %w", err)
	}
	if inner.encrypted {
		return nil, fmt.Errorf("%w: encrypted twice", ErrClass)
	}
	for _, s := range inner.jws.signatures {
		if !s.header.Algorithm.NonRepudiable() {
			return nil, fmt.Errorf("%w: the signature inside is none that proves its source", ErrClass)
		}
	}
	return inner, nil
}

// attempts bounds how many keys are tried on one envelope.
type attempts int

// next reports whether another one may be tried.
func (a *attempts) next() bool { *a++; return *a <= MaxAttempts }

// fitting returns the keys that the header names and that are for this use and
// for the algorithm of the header. known reports whether the ring has a
// credential of that name at all, for whatever algorithm.
func fitting(ring Keyring, h Header, usable func(*Key) bool) (fit []*Key, known bool) {
	for _, k := range ring.Find(h.Hint) {
		known = known || !h.empty()
		if usable(k) && k.algorithm == h.Algorithm {
			fit = append(fit, k)
		}
	}
	return fit, known
}

// Verify verifies the signatures of a signed envelope: at least one, and every
// one that the ring has a credential for (E-138).
func (e *Envelope) Verify(ring Keyring) (*Verified, error) {
	if e.encrypted {
		return nil, fmt.Errorf("%w: encrypted", ErrClass)
	}
	var (
		out   = &Verified{}
		tried attempts
		last  = ErrUnknownKey
	)
	for _, s := range e.jws.signatures {
		fit, known := fitting(ring, s.header, (*Key).verifies)
		by, err := e.jws.verify(s, fit, &tried)
		switch {
		case err == nil:
			out.By, out.Headers = append(out.By, by), append(out.Headers, s.header)
		case known && len(fit) == 0:
			return nil, ErrAlgorithm
		case known:
			return nil, err
		case len(fit) > 0: // tried without a name: whose signature it is stays open
			last = err
		}
	}
	if len(out.By) == 0 {
		return nil, last
	}
	out.Payload = decode(e.jws.payload)
	return out, nil
}

// verify tries the keys on one signature. The library compares in constant time.
func (j *jws) verify(s signature, candidates []*Key, tried *attempts) (*Key, error) {
	for _, k := range candidates {
		if !tried.next() {
			break
		}
		parsed, err := jose.ParseSignedCompact(s.protected+"."+j.payload+"."+s.octets, k.algorithm.signature())
		if err != nil {
			return nil, fmt.Errorf("%w: a header", ErrSyntax)
		}
		if _, err := parsed.Verify(k.material()); err == nil {
			return k, nil
		}
	}
	return nil, ErrCryptography
}

// Decrypt decrypts an encrypted envelope with the first recipient entry that
// the ring has a credential for and that opens (E-134).
func (e *Envelope) Decrypt(ring Keyring) (*Decrypted, error) {
	if !e.encrypted {
		return nil, fmt.Errorf("%w: not encrypted", ErrClass)
	}
	var (
		tried attempts
		held  bool // a credential that the envelope names, for whatever algorithm
		last  = ErrUnknownKey
	)
	for _, r := range e.jwe.recipients {
		fit, known := fitting(ring, r.header, (*Key).decrypts)
		if known && len(fit) == 0 && !held {
			last = ErrAlgorithm
		}
		held = held || known
		for _, k := range fit {
			if enc, direct := k.encryption(); direct && enc != r.header.Encryption {
				last = ErrAlgorithm
				continue
			}
			if !tried.next() {
				return nil, ErrCryptography
			}
			plaintext, err := e.jwe.decrypt(r, k)
			if err == nil {
				out := &Decrypted{Plaintext: plaintext, Header: r.header, By: k}
				if e.jwe.aad != nil {
					out.AAD = decode(*e.jwe.aad)
				}
				return out, nil
			}
			last = ErrCryptography
		}
	}
	return nil, last
}

// decrypt opens the entry of one recipient. It never says what went wrong
// (RFC 7516 clause 11.5).
func (j *jwe) decrypt(r recipient, k *Key) ([]byte, error) {
	var (
		parsed *jose.JSONWebEncryption
		err    error
	)
	if j.compact != "" {
		parsed, err = jose.ParseEncryptedCompact(j.compact, k.algorithm.management(), r.header.Encryption.content())
	} else {
		parsed, err = j.flattened(r, k)
	}
	if err != nil {
		return nil, ErrCryptography
	}
	plaintext, err := parsed.Decrypt(k.material())
	if err != nil {
		return nil, ErrCryptography
	}
	return plaintext, nil
}

// flattened hands the entry of one recipient to the library.
func (j *jwe) flattened(r recipient, k *Key) (*jose.JSONWebEncryption, error) {
	w := wire{Protected: &j.protected, Unprotected: j.shared, Header: r.own, AAD: j.aad, IV: &j.iv, Ciphertext: &j.ciphertext, Tag: &j.tag}
	if r.encryptedKey != "" {
		w.EncryptedKey = &r.encryptedKey
	}
	octets, err := json.Marshal(w, jsontext.AllowDuplicateNames(false))
	if err != nil {
		return nil, fmt.Errorf("writing one recipient: %w", err)
	}
	return jose.ParseEncryptedJSON(string(octets), k.algorithm.management(), r.header.Encryption.content())
}
