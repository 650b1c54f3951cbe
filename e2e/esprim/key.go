package esprim

import (
	"context"
	"fmt"

	"bulwark/e2e/keys"
	"bulwark/onem2m"
)

// Key is a pairwiseESPrimKey with what is known about it (E-24, E-26).
type Key struct {
	ID      string           // kid
	Secret  keys.Secret      // used whole, of any length from MinKey on (E-32)
	Peer    onem2m.ID        // the one identity that is bound to it
	Expires onem2m.Timestamp // 0: never
}

// MinKey is the length of the shortest pairwise key, in octets (E-32).
const MinKey = 16

// expired reports whether the key counts as unknown by now (E-30).
func (k Key) expired(now onem2m.Timestamp) bool { return k.Expires != 0 && k.Expires <= now }

// Keys finds pairwise keys.
type Keys interface {
	// ESPrimKey returns the key with an identifier as it stands in an object. Any
	// error means that the key is not known for use with ESPrim; it may wait for a
	// function that distributes keys.
	ESPrimKey(ctx context.Context, id string) (Key, error)
}

// ParseProtections reads names of AEAD algorithms, A256GCM and so on.
func ParseProtections(names []string) ([]int64, error) {
	list := make([]int64, 0, len(names))
	for _, name := range names {
		p := protection(name)
		if p == 0 {
			return nil, fmt.Errorf("%q is no AEAD algorithm of ESPrim", name)
		}
		list = append(list, p)
	}
	return list, nil
}
