package esdata

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// Protection says how a payload is to be sealed. Its class follows from the
// keys: those to sign with, those to encrypt for, or both.
type Protection struct {
	Sign          []*Key        // digital signatures or MICs; for the nested class digital signatures
	Encrypt       []*Key        // one for each target that has a credential of its own
	Encryption    Encryption    // of the payload; A256GCM if empty, that of the key for a direct one
	Serialization Serialization // Compact if 0; several keys of one kind need JSON
	Type          string        // "typ", such as "JWT" for a token
	ContentType   string        // media type of the payload
	AAD           []byte        // authenticated with the ciphertext, readable by all; needs JSON
}

// Class returns the class that the keys make, 0 for none.
func (p Protection) Class() Class {
	switch signed, encrypted := len(p.Sign) > 0, len(p.Encrypt) > 0; {
	case signed && encrypted:
		return Nested
	case signed:
		return SignatureOnly
	case encrypted:
		return EncryptionOnly
	default:
		return 0
	}
}

// serialization returns the one to write.
func (p Protection) serialization() Serialization {
	if p.Serialization == 0 {
		return Compact
	}
	return p.Serialization
}

// check refuses what the profile does not have.
func (p Protection) check() error {
	s := p.serialization()
	switch {
	case p.Class() == 0 || !s.valid():
		return fmt.Errorf("%w: no class or no serialization", ErrProtection)
	case len(p.Sign) > MaxRecipients || len(p.Encrypt) > MaxRecipients:
		return fmt.Errorf("%w: more than %d keys", ErrProtection, MaxRecipients)
	case s == Compact && (len(p.Encrypt) > 1 || p.Class() == SignatureOnly && len(p.Sign) > 1 || p.AAD != nil):
		return fmt.Errorf("%w: needs the JSON serialization", ErrProtection)
	case p.AAD != nil && len(p.Encrypt) == 0:
		return fmt.Errorf("%w: additional data without encryption", ErrProtection)
	case len(p.Type) > MaxKeyID || len(p.ContentType) > MaxKeyID:
		return fmt.Errorf("%w: the type is too long", ErrProtection)
	}
	for _, k := range p.Sign {
		if !k.signs() || p.Class() == Nested && !k.algorithm.NonRepudiable() {
			return fmt.Errorf("%w: %v does not sign here", ErrKey, k)
		}
	}
	for _, k := range p.Encrypt {
		if !k.encrypts() || k.algorithm == Direct && len(p.Encrypt) > 1 {
			return fmt.Errorf("%w: %v does not encrypt here", ErrKey, k)
		}
	}
	return nil
}

// Seal puts a payload into an envelope. The content key of an encryption is
// random and new for each envelope, except for a direct key (E-131, E-132).
func Seal(payload []byte, p Protection) (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	if len(payload) > MaxEnvelope {
		return "", ErrSize
	}
	text, err := p.seal(payload)
	if err != nil {
		return "", err
	}
	if p.serialization() == JSONBase64 {
		text = base64.StdEncoding.EncodeToString([]byte(text))
	}
	if len(text) > MaxEnvelope {
		return "", ErrSize
	}
	return text, nil
}

// seal writes compact or plain JSON.
func (p Protection) seal(payload []byte) (string, error) {
	switch p.Class() {
	case SignatureOnly:
		return p.sign(payload, p.serialization(), p.ContentType)
	case EncryptionOnly:
		return p.encrypt(payload, p.ContentType)
	default:
	}
	inside, announced := Compact, contentJOSE
	if len(p.Sign) > 1 {
		inside, announced = JSON, contentJOSEJSON
	}
	if p.Type == contentJWT {
		announced = contentJWT
	}
	inner, err := p.sign(payload, inside, p.ContentType)
	if err != nil {
		return "", err
	}
	return p.encrypt([]byte(inner), announced)
}

// sign writes one signature or MIC for each key.
func (p Protection) sign(payload []byte, s Serialization, contentType string) (string, error) {
	w := wire{Signatures: make([]wireSignature, 0, len(p.Sign))}
	for _, k := range p.Sign {
		text, err := p.signOnce(payload, k, contentType)
		if err != nil {
			return "", fmt.Errorf("signing: %w", err)
		}
		if s == Compact {
			return text, nil
		}
		parts := strings.Split(text, ".")
		w.Payload = &parts[1]
		w.Signatures = append(w.Signatures, wireSignature{Protected: &parts[0], Signature: &parts[2]})
	}
	if len(w.Signatures) == 1 { // flattened
		w.Protected, w.Signature, w.Signatures = w.Signatures[0].Protected, w.Signatures[0].Signature, nil
	}
	octets, err := json.Marshal(w)
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	return string(octets), nil
}

// signOnce writes the compact form with one key. The library would name an
// asymmetric key only, so the name goes in as a header of ours.
func (p Protection) signOnce(payload []byte, k *Key, contentType string) (string, error) {
	opts := (&jose.SignerOptions{}).WithHeader("kid", k.id)
	if p.Type != "" {
		opts.WithType(jose.ContentType(p.Type))
	}
	if contentType != "" {
		opts.WithContentType(jose.ContentType(contentType))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.algorithm), Key: k.material()}, opts)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// content returns the content encryption to use: a direct key has one only.
func (p Protection) content() (Encryption, error) {
	if own, direct := p.Encrypt[0].encryption(); direct {
		if p.Encryption != "" && p.Encryption != own {
			return "", fmt.Errorf("%w: %v is not for %s", ErrKey, p.Encrypt[0], p.Encryption)
		}
		return own, nil
	}
	if p.Encryption == "" {
		return A256GCM, nil
	}
	if !p.Encryption.Valid() {
		return "", fmt.Errorf("%w: unknown encryption", ErrProtection)
	}
	return p.Encryption, nil
}

// encrypt writes one recipient for each key.
func (p Protection) encrypt(plaintext []byte, contentType string) (string, error) {
	if len(plaintext) == 0 {
		return "", fmt.Errorf("%w: nothing to encrypt", ErrProtection) // m2m:e2eCompactJWE has a ciphertext
	}
	content, err := p.content()
	if err != nil {
		return "", err
	}
	if err := p.Encrypt[0].spend(); err != nil {
		return "", err
	}
	opts := &jose.EncrypterOptions{}
	if p.Type != "" {
		opts.WithType(jose.ContentType(p.Type))
	}
	if contentType != "" {
		opts.WithContentType(jose.ContentType(contentType))
	}
	recipients := make([]jose.Recipient, 0, len(p.Encrypt))
	for _, k := range p.Encrypt {
		recipients = append(recipients, jose.Recipient{Algorithm: jose.KeyAlgorithm(k.algorithm), Key: k.material(), KeyID: k.id})
	}
	encrypter, err := newEncrypter(jose.ContentEncryption(content), recipients, opts)
	if err != nil {
		return "", fmt.Errorf("encrypting: %w", err)
	}
	encrypted, err := encrypter.EncryptWithAuthData(plaintext, p.AAD)
	if err != nil {
		return "", fmt.Errorf("encrypting: %w", err)
	}
	if p.serialization() != Compact {
		return general(encrypted.FullSerialize())
	}
	text, err := encrypted.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("encrypting: %w", err)
	}
	return text, nil
}

// general takes out the first encrypted key, which the library writes a second
// time next to the list of recipients.
func general(text string) (string, error) {
	var w wire
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return "", fmt.Errorf("encrypting: %w", err)
	}
	if w.Recipients != nil {
		w.EncryptedKey = nil
	}
	octets, err := json.Marshal(w)
	if err != nil {
		return "", fmt.Errorf("encrypting: %w", err)
	}
	return string(octets), nil
}

// newEncrypter is for one recipient or several: only the form for one takes a
// direct key.
func newEncrypter(content jose.ContentEncryption, recipients []jose.Recipient, opts *jose.EncrypterOptions) (jose.Encrypter, error) {
	if len(recipients) == 1 {
		return jose.NewEncrypter(content, recipients[0], opts)
	}
	return jose.NewMultiEncrypter(content, recipients, opts)
}
