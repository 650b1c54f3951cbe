package esdata

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Limits of an envelope (E-145). Each attempt to open may cost a private-key
// operation, so a stranger's envelope may not ask for many.
const (
	MaxEnvelope   = 1 << 20 // octets of text
	MaxRecipients = 16      // recipients, or signatures
	MaxAttempts   = 16      // keys tried on one envelope
)

// Lengths in characters of base64url.
const (
	nonceLength = 16 // 96 bits
	tagLength   = 22 // 128 bits
)

// Envelope is an envelope whose form has been checked, and nothing else: it is
// as trustworthy as whoever sent it.
type Envelope struct {
	encrypted bool
	jwe       jwe
	jws       jws
}

// jwe holds the parts of an encrypted envelope, in base64url as they came.
type jwe struct {
	compact    string // the whole text, where it was compact
	protected  string
	shared     jsontext.Value // unprotected header
	recipients []recipient
	aad        *string
	iv         string
	ciphertext string
	tag        string
}

// recipient is one entry for one credential.
type recipient struct {
	header       Header
	own          jsontext.Value // header of this recipient alone
	encryptedKey string
}

// jws holds the parts of a signed envelope.
type jws struct {
	payload    string
	signatures []signature
}

// signature is one element for one credential.
type signature struct {
	header    Header
	protected string
	octets    string
}

// Parse reads an envelope and checks its form: size, base64url and JSON in
// their strict forms, one algorithm of the lists in each header, none of the
// members that are refused.
func Parse(text string, s Serialization) (*Envelope, error) {
	if len(text) > MaxEnvelope {
		return nil, ErrSize
	}
	switch s {
	case Compact:
		return parseCompact(text)
	case JSON:
		return parseJSON([]byte(text))
	case JSONBase64:
		octets, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || strings.ContainsAny(text, "\r\n") {
			return nil, fmt.Errorf("%w: not base64", ErrSyntax)
		}
		return parseJSON(octets)
	default:
		return nil, fmt.Errorf("%w: unknown serialization", ErrSyntax)
	}
}

// parseCompact tells the two kinds apart by the number of their parts.
func parseCompact(text string) (*Envelope, error) {
	parts := strings.SplitN(text, ".", 6)
	switch len(parts) {
	case 3:
		s := signature{protected: parts[0], octets: parts[2]}
		return newSigned(parts[1], []signature{s}, []fields{nil})
	case 5:
		e := jwe{compact: text, protected: parts[0], iv: parts[2], ciphertext: parts[3], tag: parts[4]}
		e.recipients = []recipient{{encryptedKey: parts[1]}}
		return newEncrypted(e)
	default:
		return nil, fmt.Errorf("%w: neither three nor five parts", ErrSyntax)
	}
}

// wire is the JSON serialization of both kinds (RFC 7515 clause 7.2, RFC 7516
// clause 7.2). Members that nobody knows are ignored, as the RFCs say.
type wire struct {
	Protected    *string         `json:"protected,omitzero"`
	Unprotected  jsontext.Value  `json:"unprotected,omitzero"`
	Header       jsontext.Value  `json:"header,omitzero"`
	EncryptedKey *string         `json:"encrypted_key,omitzero"`
	Recipients   []wireRecipient `json:"recipients,omitzero"`
	AAD          *string         `json:"aad,omitzero"`
	IV           *string         `json:"iv,omitzero"`
	Ciphertext   *string         `json:"ciphertext,omitzero"`
	Tag          *string         `json:"tag,omitzero"`
	Payload      *string         `json:"payload,omitzero"`
	Signature    *string         `json:"signature,omitzero"`
	Signatures   []wireSignature `json:"signatures,omitzero"`
}

type wireRecipient struct {
	Header       jsontext.Value `json:"header,omitzero"`
	EncryptedKey *string        `json:"encrypted_key,omitzero"`
}

type wireSignature struct {
	Protected *string        `json:"protected,omitzero"`
	Header    jsontext.Value `json:"header,omitzero"`
	Signature *string        `json:"signature,omitzero"`
}

// parseJSON reads the general and the flattened form.
func parseJSON(octets []byte) (*Envelope, error) {
	var w wire
	if !isObject(octets) {
		return nil, fmt.Errorf("%w: not a JSON object", ErrSyntax)
	}
	if err := json.Unmarshal(octets, &w); err != nil {
		return nil, fmt.Errorf("%w: not the JSON serialization", ErrSyntax)
	}
	if len(w.Recipients) > MaxRecipients || len(w.Signatures) > MaxRecipients {
		return nil, fmt.Errorf("%w: more than %d recipients or signatures", ErrSize, MaxRecipients)
	}
	switch {
	case w.Ciphertext != nil && w.Payload == nil && w.Signature == nil && w.Signatures == nil:
		return w.encrypted()
	case w.Payload != nil && w.Ciphertext == nil && w.Recipients == nil && w.EncryptedKey == nil && w.Unprotected == nil:
		return w.signed()
	}
	return nil, fmt.Errorf("%w: neither signed nor encrypted", ErrSyntax)
}

// encrypted makes one form of general and flattened.
func (w *wire) encrypted() (*Envelope, error) {
	e := jwe{
		protected: text(w.Protected), shared: w.Unprotected, aad: w.AAD,
		iv: text(w.IV), ciphertext: text(w.Ciphertext), tag: text(w.Tag),
	}
	if w.Recipients == nil {
		e.recipients = []recipient{{own: w.Header, encryptedKey: text(w.EncryptedKey)}}
		return newEncrypted(e)
	}
	// A key next to the list is ignored: a widespread library writes the first one twice.
	if w.Header != nil || len(w.Recipients) == 0 {
		return nil, fmt.Errorf("%w: general and flattened at once", ErrSyntax)
	}
	for _, r := range w.Recipients {
		e.recipients = append(e.recipients, recipient{own: r.Header, encryptedKey: text(r.EncryptedKey)})
	}
	return newEncrypted(e)
}

// signed makes one form of general and flattened.
func (w *wire) signed() (*Envelope, error) {
	all := w.Signatures
	if all == nil {
		all = []wireSignature{{Protected: w.Protected, Header: w.Header, Signature: w.Signature}}
	} else if w.Protected != nil || w.Header != nil || w.Signature != nil {
		return nil, fmt.Errorf("%w: general and flattened at once", ErrSyntax)
	}
	signatures, own := make([]signature, 0, len(all)), make([]fields, 0, len(all))
	for _, s := range all {
		var f fields
		if s.Header != nil {
			var err error
			if f, err = readFields(s.Header); err != nil {
				return nil, err
			}
		}
		signatures = append(signatures, signature{protected: text(s.Protected), octets: text(s.Signature)})
		own = append(own, f)
	}
	return newSigned(text(w.Payload), signatures, own)
}

// text returns "" for a member that is absent.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// newSigned checks a signed envelope. The algorithm must be protected.
func newSigned(payload string, signatures []signature, own []fields) (*Envelope, error) {
	if len(signatures) == 0 || !isBase64URL(payload) {
		return nil, fmt.Errorf("%w: the payload or a signature", ErrSyntax)
	}
	for i := range signatures {
		s := &signatures[i]
		if s.protected == "" || s.octets == "" || !isBase64URL(s.protected) || !isBase64URL(s.octets) {
			return nil, fmt.Errorf("%w: a signature or its header", ErrSyntax)
		}
		protected, err := readProtected(s.protected)
		if err != nil {
			return nil, err
		}
		if _, ok := own[i]["alg"]; ok {
			return nil, fmt.Errorf("%w: alg is not protected", ErrHeader)
		}
		all, err := merge(protected, own[i])
		if err != nil {
			return nil, err
		}
		if s.header, err = all.header(false); err != nil {
			return nil, err
		}
	}
	return &Envelope{jws: jws{payload: payload, signatures: signatures}}, nil
}

// newEncrypted checks an encrypted envelope.
func newEncrypted(e jwe) (*Envelope, error) {
	if len(e.iv) != nonceLength || len(e.tag) != tagLength || e.ciphertext == "" || e.protected == "" ||
		!isBase64URL(e.protected) || !isBase64URL(e.iv) || !isBase64URL(e.ciphertext) || !isBase64URL(e.tag) || !isBase64URL(text(e.aad)) {
		return nil, fmt.Errorf("%w: a part of the encryption", ErrSyntax)
	}
	protected, err := readProtected(e.protected)
	if err != nil {
		return nil, err
	}
	for i := range e.recipients {
		r := &e.recipients[i]
		parts := make([]fields, 0, 2)
		for _, unprotected := range []jsontext.Value{e.shared, r.own} {
			if unprotected == nil {
				continue
			}
			part, err := readFields(unprotected)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		}
		all, err := merge(protected, parts...)
		if err != nil {
			return nil, err
		}
		if r.header, err = all.header(true); err != nil {
			return nil, err
		}
		direct := r.header.Algorithm == Direct
		if direct != (r.encryptedKey == "") || !isBase64URL(r.encryptedKey) {
			return nil, fmt.Errorf("%w: an encrypted key", ErrSyntax)
		}
		if direct && len(e.recipients) > 1 {
			return nil, fmt.Errorf("%w: direct encryption for several recipients", ErrHeader)
		}
	}
	return &Envelope{encrypted: true, jwe: e}, nil
}

// Encrypted reports whether the envelope is encrypted on the outside.
func (e *Envelope) Encrypted() bool { return e.encrypted }

// Headers returns the header of each recipient, or of each signature: the
// credentials that the envelope names, for a caller that has to fetch one
// (TS-0003 clause 8.6.1.2). Nothing in them has been verified.
func (e *Envelope) Headers() []Header {
	var out []Header
	for _, r := range e.jwe.recipients {
		out = append(out, r.header)
	}
	for _, s := range e.jws.signatures {
		out = append(out, s.header)
	}
	return out
}

// UnverifiedPayload returns the payload of a signed envelope before anybody has
// looked at the signature, to find out whose it claims to be; nil for an
// encrypted one.
func (e *Envelope) UnverifiedPayload() []byte {
	if e.encrypted {
		return nil
	}
	return decode(e.jws.payload)
}

// decode decodes what isBase64URL has accepted.
func decode(s string) []byte {
	octets, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return octets
}
