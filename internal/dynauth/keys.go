package dynauth

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/e2e/esdata"
	"bulwark/e2e/keys"
)

// MaxKeys bounds the keys of one issuer: a token without a key identifier is
// tried with all of them.
const MaxKeys = 32

// ParseKeys reads the keys of one issuer: a JSON Web Key, a set of them (RFC
// 7517), or certificates in PEM. Each key is for one of the algorithms, the one
// that it names or else the only one that it fits. A key without identifier has
// its thumbprint (RFC 7638) for one. Errors repeat nothing of a key.
func ParseKeys(data []byte, algorithms []esdata.Algorithm) ([]*esdata.Key, error) {
	var list []*esdata.Key
	var err error
	if block, _ := pem.Decode(data); block != nil {
		list, err = certificates(data, algorithms)
	} else {
		list, err = webKeys(data, algorithms)
	}
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0:
		return nil, errors.New("it holds no key")
	case len(list) > MaxKeys:
		return nil, fmt.Errorf("it holds more than %d keys", MaxKeys)
	}
	for i, k := range list {
		if slices.ContainsFunc(list[:i], func(other *esdata.Key) bool { return other.ID() == k.ID() && other.Algorithm() == k.Algorithm() }) {
			return nil, fmt.Errorf("key %d has the identifier of another one", i+1)
		}
	}
	return list, nil
}

// certificates reads PEM.
func certificates(data []byte, algorithms []esdata.Algorithm) ([]*esdata.Key, error) {
	var list []*esdata.Key
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, errors.New("PEM is for certificates; write other keys as JSON Web Keys")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d cannot be read", len(list)+1)
		}
		sum := sha256.Sum256(certificate.Raw)
		k, err := fitting(algorithms, "", func(a esdata.Algorithm) (*esdata.Key, error) {
			return esdata.SourceCertificate(base64.RawURLEncoding.EncodeToString(sum[:]), a, certificate)
		})
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(list)+1, err)
		}
		list = append(list, k)
	}
	return list, nil
}

// errUnused answers a public key for an algorithm that nothing uses.
var errUnused = errors.New("nothing in accept uses its algorithm")

// webKeys reads a JSON Web Key, or a set. Of a set, public keys for algorithms
// that nothing uses are left out: the set of a server also has the key that
// requests are encrypted for.
func webKeys(data []byte, algorithms []esdata.Algorithm) ([]*esdata.Key, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, errors.New("it is neither a JSON Web Key nor a set of them nor PEM")
	}
	if set.Keys == nil {
		set.Keys = []jsontext.Value{data}
	}
	var list []*esdata.Key
	for i, value := range set.Keys {
		k, err := webKey(value, algorithms)
		if errors.Is(err, errUnused) && len(set.Keys) > 1 {
			continue // a set is for many readers (RFC 7517 clause 5)
		}
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		list = append(list, k)
	}
	return list, nil
}

// webKey reads one JSON Web Key.
func webKey(value jsontext.Value, algorithms []esdata.Algorithm) (*esdata.Key, error) {
	var jwk jose.JSONWebKey
	err := jwk.UnmarshalJSON(value)
	if _, symmetric := jwk.Key.([]byte); err != nil || !symmetric && !jwk.Valid() {
		return nil, errors.New("it is not a valid JSON Web Key") // the cause may repeat it
	}
	if jwk.Algorithm != "" && jwk.IsPublic() && !slices.Contains(algorithms, esdata.Algorithm(jwk.Algorithm)) {
		return nil, fmt.Errorf("%w %.32s", errUnused, jwk.Algorithm)
	}
	id := jwk.KeyID
	if id == "" {
		sum, err := jwk.Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, errors.New("it needs a kid")
		}
		id = base64.RawURLEncoding.EncodeToString(sum)
	}
	return fitting(algorithms, esdata.Algorithm(jwk.Algorithm), func(a esdata.Algorithm) (*esdata.Key, error) {
		octets, ok := jwk.Key.([]byte)
		switch {
		case ok:
			secret, err := keys.NewSecret(octets)
			if err != nil {
				return nil, err
			}
			return esdata.NewSymmetric(id, a, secret)
		case jwk.IsPublic():
			return esdata.NewPublic(id, a, jwk.Key)
		}
		return esdata.NewPrivate(id, a, jwk.Key)
	})
}

// fitting makes the key for the algorithm that it names, or for the one of those
// that may be used that it fits: a key is for one algorithm (E-136).
func fitting(algorithms []esdata.Algorithm, named esdata.Algorithm, make func(esdata.Algorithm) (*esdata.Key, error)) (*esdata.Key, error) {
	if named != "" {
		if !slices.Contains(algorithms, named) {
			return nil, fmt.Errorf("nothing in accept uses its algorithm %.32s", named)
		}
		return make(named)
	}
	var found *esdata.Key
	for i, a := range algorithms {
		k, err := make(a)
		if err != nil || slices.Contains(algorithms[:i], a) {
			continue
		}
		if found != nil {
			return nil, errors.New("it fits several algorithms; name one with alg")
		}
		found = k
	}
	if found == nil {
		return nil, errors.New("it fits no algorithm in accept")
	}
	return found, nil
}
