package token

import (
	"errors"

	"bulwark/e2e/esdata"
)

// MaxToken is how long a token may be, in octets, where nobody says otherwise:
// more than a header of HTTP usually has room for.
const MaxToken = 16 << 10

// typeJWT is the "typ" of every token, and the "cty" of a nested one (TS-0003
// clause 7.3.2.6.2).
const typeJWT = "JWT"

var (
	errSourceless = errors.New("encryption for a public key does not prove who issued a token")
	errSerialized = errors.New("a token is compact")
)

// Issue makes a token of the claims (TS-0003 clause 7.3.2.6.3). The protection
// gives the keys, and with them the class; type, content type and serialization
// are those of a token. Encryption for a public key alone is refused: anybody
// could have made such a token.
func Issue(c *Claims, p esdata.Protection) (string, error) {
	payload, err := c.JWT()
	if err != nil {
		return "", err
	}
	if p.Class() == esdata.EncryptionOnly {
		for _, k := range p.Encrypt {
			if !k.Symmetric() {
				return "", refuse(CheckAlgorithm, "%w", errSourceless)
			}
		}
	}
	if p.Serialization != 0 && p.Serialization != esdata.Compact || len(p.Sign) > 1 {
		return "", refuse(CheckForm, "%w", errSerialized)
	}
	p.Type, p.ContentType, p.Serialization = typeJWT, "", esdata.Compact
	text, err := esdata.Seal(payload, p)
	if err != nil {
		return "", refuseEnvelope(err)
	}
	if len(text) > MaxToken {
		return "", refuse(CheckSize, "")
	}
	return text, nil
}
