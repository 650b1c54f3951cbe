package das

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/e2e/esdata"
	"bulwark/onem2m"
)

// Sealer encrypts what a ledger keeps secret.
type Sealer interface {
	Seal(purpose, name string, plain []byte) ([]byte, error)
	Open(purpose, name string, sealed []byte) ([]byte, error)
}

// Purposes of what is sealed.
const (
	purposeKey   = "das key"
	purposeToken = "das token"
	purposeProof = "das proof"
)

// rsaBits is the size of an RSA key: what guidance asks for beyond 2030.
const rsaBits = 3072

// secured is what originators encrypt for the server: a securedDasRequest.
const secured = esdata.ECDHA256KW

// makeKey makes a key pair and seals it.
func makeKey(a esdata.Algorithm, box Sealer, now, from onem2m.Timestamp) (*KeyRecord, error) {
	private, err := generate(a)
	if err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", a, err)
	}
	public := jose.JSONWebKey{Key: private.Public(), Algorithm: string(a), Use: "sig"}
	if a == secured {
		public.Use = "enc"
	}
	sum, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", a, err)
	}
	public.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	text, err := public.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", a, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", a, err)
	}
	defer clear(der)
	k := &KeyRecord{ID: public.KeyID, Algorithm: a, Made: now, From: from, Public: text}
	k.Sealed, err = box.Seal(purposeKey, k.ID, der)
	return k, err
}

// generate makes a private key for an algorithm of the server.
func generate(a esdata.Algorithm) (crypto.Signer, error) {
	switch a {
	case esdata.ES256, secured:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case esdata.ES384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case esdata.ES512:
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	default:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	}
}

// open decrypts a key pair.
func (k *KeyRecord) open(box Sealer) (*esdata.Key, error) {
	der, err := box.Open(purposeKey, k.ID, k.Sealed)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", k.ID, err)
	}
	defer clear(der)
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("key %s cannot be read", k.ID) // the cause may repeat it
	}
	return esdata.NewPrivate(k.ID, k.Algorithm, private)
}

// inUse returns the key that signs at a time: of those that have begun the one
// that began last. Nil for none.
func inUse(keys []KeyRecord, a esdata.Algorithm, now onem2m.Timestamp) *KeyRecord {
	var found *KeyRecord
	for i, k := range keys {
		if k.Algorithm == a && k.From <= now && (found == nil || k.From >= found.From) {
			found = &keys[i]
		}
	}
	return found
}

// ensureKeys makes a key for each algorithm that has none.
func ensureKeys(tx Tx, algorithms []esdata.Algorithm, box Sealer, now onem2m.Timestamp) error {
	keys, err := tx.Keys()
	if err != nil {
		return err
	}
	for _, a := range algorithms {
		if slices.ContainsFunc(keys, func(k KeyRecord) bool { return k.Algorithm == a }) {
			continue
		}
		k, err := makeKey(a, box, now, now)
		if err == nil {
			err = tx.PutKey(k)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rotate gives every algorithm a new key, which is published at once and signs
// after ahead, so that whoever verifies has time to learn it. It returns the new
// keys.
func rotate(tx Tx, box Sealer, now onem2m.Timestamp, ahead time.Duration) ([]KeyRecord, error) {
	keys, err := tx.Keys()
	if err != nil {
		return nil, err
	}
	from := now + onem2m.Timestamp(max(ahead, 0).Microseconds())
	var made []KeyRecord
	for _, old := range keys {
		if old.Retired != 0 {
			continue
		}
		k, err := makeKey(old.Algorithm, box, now, from)
		if err != nil {
			return nil, err
		}
		old.Retired = from
		if err := tx.PutKey(&old); err != nil {
			return nil, err
		}
		if err := tx.PutKey(k); err != nil {
			return nil, err
		}
		made = append(made, *k)
	}
	return made, nil
}

// secondLook is how long a key for decryption stays when another has taken its
// place: requests that are under way were encrypted for it.
const secondLook = 24 * time.Hour

// published returns the keys that others need at a time: those in use and to
// come, and the old ones while a token that they signed is good.
func published(r Reader, now onem2m.Timestamp) (stay, gone []KeyRecord, err error) {
	keys, err := r.Keys()
	if err != nil {
		return nil, nil, err
	}
	for _, k := range keys {
		until := k.Retired
		if k.Algorithm == secured {
			until += onem2m.Timestamp(secondLook.Microseconds())
		}
		last, err := r.LastUse(k.ID)
		if err != nil {
			return nil, nil, err
		}
		if k.Retired == 0 || max(until, last) > now {
			stay = append(stay, k)
		} else {
			gone = append(gone, k)
		}
	}
	slices.SortStableFunc(stay, func(a, b KeyRecord) int { return cmp.Compare(b.From, a.From) })
	return stay, gone, nil
}

// jwks writes a JSON Web Key Set of public keys (RFC 7517).
func jwks(keys []KeyRecord) ([]byte, error) {
	set := struct {
		Keys []jsontext.Value `json:"keys"`
	}{Keys: []jsontext.Value{}}
	for _, k := range keys {
		set.Keys = append(set.Keys, k.Public)
	}
	return json.Marshal(set)
}
