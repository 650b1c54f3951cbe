package esdata

import (
	"crypto/elliptic"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// Algorithm is how a content key is managed or a payload signed: the "alg" of a
// header (TS-0003 tables 8.5.3.2-3 and 8.5.3.3-2).
type Algorithm string

// The algorithms of ESData; there are no others (E-135).
const (
	Direct     Algorithm = "dir" // the key encrypts the payload itself
	A128KW     Algorithm = "A128KW"
	A192KW     Algorithm = "A192KW"
	A256KW     Algorithm = "A256KW"
	RSAOAEP256 Algorithm = "RSA-OAEP-256"
	ECDHA128KW Algorithm = "ECDH-ES+A128KW"
	ECDHA192KW Algorithm = "ECDH-ES+A192KW"
	ECDHA256KW Algorithm = "ECDH-ES+A256KW"
	HS256      Algorithm = "HS256"
	HS384      Algorithm = "HS384"
	HS512      Algorithm = "HS512"
	RS256      Algorithm = "RS256"
	RS384      Algorithm = "RS384"
	RS512      Algorithm = "RS512"
	ES256      Algorithm = "ES256"
	ES384      Algorithm = "ES384"
	ES512      Algorithm = "ES512"
)

// Encryption is how a payload is encrypted: the "enc" of a header (TS-0003
// table 8.5.3.2-4).
type Encryption string

// The content encryptions of ESData.
const (
	A128GCM Encryption = "A128GCM"
	A192GCM Encryption = "A192GCM"
	A256GCM Encryption = "A256GCM"
)

// kind groups algorithms by what their keys are.
type kind int

const (
	kindDirect  kind = iota + 1 // AES key of the size that the content encryption has
	kindWrap                    // AES key
	kindRSA                     // RSA, key transport
	kindECDH                    // elliptic curve, key agreement
	kindMAC                     // octets
	kindRSASign                 // RSA, signature
	kindECDSA                   // elliptic curve, signature
)

// property is what there is to know about an algorithm.
type property struct {
	kind   kind
	octets int            // of a symmetric key: exactly for kindWrap, at least for kindMAC (RFC 7518 clause 3.2)
	curve  elliptic.Curve // of a key for kindECDSA
}

// property returns false for what is not on the list.
func (a Algorithm) property() (property, bool) {
	switch a {
	case Direct:
		return property{kind: kindDirect}, true
	case A128KW:
		return property{kind: kindWrap, octets: 16}, true
	case A192KW:
		return property{kind: kindWrap, octets: 24}, true
	case A256KW:
		return property{kind: kindWrap, octets: 32}, true
	case RSAOAEP256:
		return property{kind: kindRSA}, true
	case ECDHA128KW, ECDHA192KW, ECDHA256KW:
		return property{kind: kindECDH}, true
	case HS256:
		return property{kind: kindMAC, octets: 32}, true
	case HS384:
		return property{kind: kindMAC, octets: 48}, true
	case HS512:
		return property{kind: kindMAC, octets: 64}, true
	case RS256, RS384, RS512:
		return property{kind: kindRSASign}, true
	case ES256:
		return property{kind: kindECDSA, curve: elliptic.P256()}, true
	case ES384:
		return property{kind: kindECDSA, curve: elliptic.P384()}, true
	case ES512:
		return property{kind: kindECDSA, curve: elliptic.P521()}, true
	default:
		return property{}, false
	}
}

// kind returns 0 for what is not on the list.
func (a Algorithm) kind() kind { p, _ := a.property(); return p.kind }

// Encrypts reports whether a is on the list of key management.
func (a Algorithm) Encrypts() bool {
	return slices.Contains([]kind{kindDirect, kindWrap, kindRSA, kindECDH}, a.kind())
}

// Signs reports whether a is on the list of signatures.
func (a Algorithm) Signs() bool {
	return slices.Contains([]kind{kindMAC, kindRSASign, kindECDSA}, a.kind())
}

// Symmetric reports whether the key of a is shared by source and target, which
// therefore prove themselves to each other and to nobody else.
func (a Algorithm) Symmetric() bool {
	return slices.Contains([]kind{kindDirect, kindWrap, kindMAC}, a.kind())
}

// NonRepudiable reports whether a is a digital signature, the only thing that
// the nested class may hold inside (E-139).
func (a Algorithm) NonRepudiable() bool { return a.Signs() && !a.Symmetric() }

// Valid reports whether e is on the list.
func (e Encryption) Valid() bool { return e.octets() > 0 }

// octets is the length of a content key.
func (e Encryption) octets() int {
	switch e {
	case A128GCM:
		return 16
	case A192GCM:
		return 24
	case A256GCM:
		return 32
	default:
		return 0
	}
}

// encryptionFor is the content encryption whose key has so many octets.
func encryptionFor(octets int) (Encryption, bool) {
	for _, e := range []Encryption{A128GCM, A192GCM, A256GCM} {
		if e.octets() == octets {
			return e, true
		}
	}
	return "", false
}

// Class is an ESData security class (TS-0003 clause 8.5.2.1).
type Class int

// The classes. The unsecured class that clause 7.3.2.6.2 mentions does not
// exist here (E-142).
const (
	EncryptionOnly Class = iota + 1
	SignatureOnly
	Nested // signed, then encrypted
)

// String returns the name of the class.
func (c Class) String() string {
	switch c {
	case EncryptionOnly:
		return "encryption only"
	case SignatureOnly:
		return "signature only"
	case Nested:
		return "nested sign-then-encrypt"
	default:
		return "no class"
	}
}

// Serialization is how an envelope is written. The numbers are those of
// contentSecurity in m2m:contentInfo (TS-0004 clause 6.3.4.2.38); 4 and 5, XML,
// are stored by a CSE like any text and not processed here (E-144).
type Serialization int

// The serializations.
const (
	Compact    Serialization = 1
	JSON       Serialization = 2 // general or flattened
	JSONBase64 Serialization = 3 // the same, encoded in base64 as a whole (E-143)
)

// valid reports whether s exists.
func (s Serialization) valid() bool { return s >= Compact && s <= JSONBase64 }

// The words of the library for what is on the lists.
func (a Algorithm) signature() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.SignatureAlgorithm(a)}
}

func (a Algorithm) management() []jose.KeyAlgorithm {
	return []jose.KeyAlgorithm{jose.KeyAlgorithm(a)}
}

func (e Encryption) content() []jose.ContentEncryption {
	return []jose.ContentEncryption{jose.ContentEncryption(e)}
}
