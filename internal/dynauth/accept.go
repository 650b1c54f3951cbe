package dynauth

import (
	"fmt"
	"strings"

	"bulwark/e2e/esdata"
	"bulwark/token"
)

// ParseAccept reads one way in which an issuer may protect its tokens:
// "sign:ES256", "encrypt:dir+A256GCM", "nested:ES256+ECDH-ES+A256KW+A256GCM".
// The algorithms stand in the order signature, key management, content
// encryption. Whether there is such a combination is for token.NewVerifier.
func ParseAccept(text string) (token.Combination, error) {
	class, algorithms, ok := strings.Cut(text, ":")
	if !ok || algorithms == "" {
		return token.Combination{}, fmt.Errorf("%q: write a class and its algorithms, such as sign:ES256", text)
	}
	var c token.Combination
	signature, rest, more := strings.Cut(algorithms, "+")
	switch class {
	case "sign":
		c.Class, c.Signature = esdata.SignatureOnly, esdata.Algorithm(algorithms)
		if more {
			return c, fmt.Errorf("%q: a signature has one algorithm", text)
		}
		return c, nil
	case "encrypt":
		c.Class, rest = esdata.EncryptionOnly, algorithms
	case "nested":
		c.Class, c.Signature = esdata.Nested, esdata.Algorithm(signature)
	default:
		return c, fmt.Errorf("%q: the class is sign, encrypt or nested", text)
	}
	i := strings.LastIndexByte(rest, '+') // the names of key managements may hold one
	if i <= 0 || i == len(rest)-1 {
		return c, fmt.Errorf("%q: key management and content encryption are missing, such as dir+A256GCM", text)
	}
	c.Management, c.Encryption = esdata.Algorithm(rest[:i]), esdata.Encryption(rest[i+1:])
	return c, nil
}

// algorithms lists what keys of the combinations are for.
func algorithms(all []token.Combination) []esdata.Algorithm {
	var out []esdata.Algorithm
	for _, c := range all {
		for _, a := range []esdata.Algorithm{c.Signature, c.Management} {
			if a != "" {
				out = append(out, a)
			}
		}
	}
	return out
}
