package token

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"bulwark/e2e/esdata"
	"bulwark/onem2m"
)

// Digest identifies the text of a token.
type Digest [sha256.Size]byte

// DigestOf returns the digest of a token.
func DigestOf(text string) Digest { return sha256.Sum256([]byte(text)) }

// Verified is a token that its issuer made. Whether it is good for a request is
// for Claims.Check. It never changes and may be used by any number of
// goroutines.
type Verified struct {
	Claims
	Digest    Digest
	Class     esdata.Class
	KeyIDs    []string // of the credentials that opened it, for the audit
	Untrusted []string // Role-IDs that were left out of Permissions, since the issuer does not speak for their domain
}

// Verifier accepts tokens of configured issuers. It never changes and may be
// used by any number of goroutines.
type Verifier struct {
	limit   int
	issuers map[onem2m.ID]*trusted
	ring    *esdata.Ring // the keys of all issuers
}

// trusted is an issuer with its ring of keys.
type trusted struct {
	Issuer
	ring *esdata.Ring
}

// NewVerifier checks the configuration of the issuers. limit is how long a
// token may be in octets; 0 is MaxToken, and there is no way beyond what
// an envelope may have.
func NewVerifier(limit int, issuers ...Issuer) (*Verifier, error) {
	if limit <= 0 {
		limit = MaxToken
	}
	if len(issuers) > MaxIssuers {
		return nil, errManyIssuers
	}
	v := &Verifier{limit: min(limit, esdata.MaxEnvelope), issuers: make(map[onem2m.ID]*trusted, len(issuers))}
	var all []*esdata.Key
	for n, i := range issuers {
		if err := i.check(); err != nil {
			return nil, fmt.Errorf("issuer %s: %w", i.ID, err)
		}
		if _, twice := v.issuers[i.ID]; twice {
			return nil, fmt.Errorf("issuer %s: %w", i.ID, errIssuerTwice)
		}
		if slices.ContainsFunc(issuers[:n], i.shares) {
			return nil, fmt.Errorf("issuer %s: %w", i.ID, errKeyShared)
		}
		v.issuers[i.ID] = &trusted{Issuer: i, ring: esdata.NewRing(i.Keys...)}
		for _, k := range i.Keys {
			if !slices.Contains(all, k) {
				all = append(all, k)
			}
		}
	}
	v.ring = esdata.NewRing(all...)
	return v, nil
}

// Verify checks form and security of a token and reads its claims: steps 1 to 3
// of TS-0003 clause 7.3.2.6.3. The keys and the algorithms are those of the
// configuration; a header only helps to choose among them. The
// error is an *Error.
func (v *Verifier) Verify(text string) (*Verified, error) {
	if len(text) > v.limit {
		return nil, refuse(CheckSize, "")
	}
	envelope, err := esdata.Parse(text, esdata.Compact)
	if err != nil {
		return nil, refuseEnvelope(err)
	}
	var out *Verified
	if envelope.Encrypted() {
		out, err = v.decrypt(envelope)
	} else {
		out, err = v.signed(envelope, Combination{Class: esdata.SignatureOnly}, nil)
	}
	if err != nil {
		return nil, err
	}
	out.Digest = DigestOf(text)
	return out, nil
}

// signed verifies a JWS: the token itself, or what was inside a JWE. c is what
// is known of the combination so far.
func (v *Verifier) signed(envelope *esdata.Envelope, c Combination, outer *opening) (*Verified, error) {
	header := envelope.Headers()[0]
	if header.Type != typeJWT || header.ContentType != "" {
		return nil, refuse(CheckHeader, "typ or cty of a signed token")
	}
	issuer, err := v.issuerOf(envelope.UnverifiedPayload())
	if err != nil {
		return nil, err
	}
	c.Signature = header.Algorithm
	if !slices.Contains(issuer.Permitted, c) {
		return nil, refuse(CheckAlgorithm, "")
	}
	var names []string
	if outer != nil {
		by, err := outer.by(issuer)
		if err != nil {
			return nil, err
		}
		names = append(names, by.ID())
	}
	verified, err := envelope.Verify(issuer.ring)
	if err != nil {
		return nil, refuseEnvelope(err)
	}
	return issuer.accept(verified.Payload, c.Class, append(names, verified.By[0].ID()))
}

// opening is a JWE that has been decrypted with some key that is known.
type opening struct {
	envelope  *esdata.Envelope
	decrypted *esdata.Decrypted
}

// by returns the key of the issuer that decrypts the envelope. The first key
// that did may be another issuer's: then this one's are tried.
func (o *opening) by(issuer *trusted) (*esdata.Key, error) {
	if slices.Contains(issuer.Keys, o.decrypted.By) {
		return o.decrypted.By, nil
	}
	again, err := o.envelope.Decrypt(issuer.ring)
	if err != nil {
		return nil, refuse(CheckKey, "decrypted with the key of another issuer")
	}
	return again.By, nil
}

// decrypt opens a JWE and goes on with what is inside.
func (v *Verifier) decrypt(envelope *esdata.Envelope) (*Verified, error) {
	header := envelope.Headers()[0]
	nested := header.ContentType == typeJWT
	if header.Type != typeJWT || !nested && header.ContentType != "" {
		return nil, refuse(CheckHeader, "typ or cty of an encrypted token")
	}
	decrypted, err := envelope.Decrypt(v.ring)
	if err != nil {
		return nil, refuseEnvelope(err)
	}
	outer := &opening{envelope: envelope, decrypted: decrypted}
	c := Combination{Class: esdata.EncryptionOnly, Management: header.Algorithm, Encryption: header.Encryption}
	if nested {
		inner, err := esdata.Parse(string(decrypted.Plaintext), esdata.Compact)
		if err != nil {
			return nil, refuse(CheckHeader, "inside: %w", err)
		}
		if inner.Encrypted() {
			return nil, refuse(CheckHeader, "encrypted twice")
		}
		c.Class = esdata.Nested
		return v.signed(inner, c, outer)
	}
	issuer, err := v.issuerOf(decrypted.Plaintext)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(issuer.Permitted, c) {
		return nil, refuse(CheckAlgorithm, "")
	}
	by, err := outer.by(issuer)
	if err != nil {
		return nil, err
	}
	if !by.Symmetric() {
		return nil, refuse(CheckAlgorithm, "%w", errSourceless)
	}
	return issuer.accept(decrypted.Plaintext, c.Class, []string{by.ID()})
}

// ClaimedID returns the Token-ID that a signed token says it has, "" for any
// other text. Nobody has vouched for it: it helps a person to find the token.
func ClaimedID(text string) string {
	if len(text) > MaxToken {
		return ""
	}
	envelope, err := esdata.Parse(text, esdata.Compact)
	if err != nil || envelope.Encrypted() {
		return ""
	}
	f, err := readObject(envelope.UnverifiedPayload())
	if err != nil {
		return ""
	}
	var id string
	if value := f["jti"]; value == nil || value.Kind() != '"' || json.Unmarshal(value, &id) != nil || checkText("tkid", id) != nil {
		return ""
	}
	return id
}

// issuerOf reads from claims that may be anybody's whose they say they are, and
// returns what is configured for that issuer.
func (v *Verifier) issuerOf(payload []byte) (*trusted, error) {
	f, err := readObject(payload)
	if err != nil {
		return nil, err
	}
	var name string
	if value := f["iss"]; value == nil || value.Kind() != '"' || json.Unmarshal(value, &name) != nil {
		return nil, refuse(CheckClaims, "iss: %w", errNotText)
	}
	c := Claims{Issuer: onem2m.ID(name)}
	c.canonical()
	issuer, ok := v.issuers[c.Issuer]
	if !ok {
		return nil, refuse(CheckIssuer, "not configured")
	}
	return issuer, nil
}

// accept reads the claims of a token whose security has been checked, and
// leaves out the roles that its issuer does not speak for.
func (i *trusted) accept(payload []byte, class esdata.Class, names []string) (*Verified, error) {
	claims, err := ParseJWT(payload)
	if err != nil {
		return nil, err
	}
	if claims.Issuer != i.ID || !i.trusts(claims.ID) {
		return nil, refuse(CheckIssuer, "the Token-ID is not one of the issuer's domains")
	}
	out := &Verified{Claims: *claims, Class: class, KeyIDs: names}
	for n := range out.Permissions {
		p := &out.Permissions[n]
		p.Roles = slices.DeleteFunc(p.Roles, func(role string) bool {
			foreign := !i.trusts(role)
			if foreign {
				out.Untrusted = append(out.Untrusted, role)
			}
			return foreign
		})
	}
	return out, nil
}

// domainOf returns what stands behind the "@" of a Token-ID or Role-ID.
func domainOf(name string) string {
	_, fqdn, _ := strings.Cut(name, "@")
	return strings.ToLower(fqdn)
}
