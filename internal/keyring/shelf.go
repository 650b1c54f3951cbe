package keyring

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"

	"github.com/go-json-experiment/json"

	"bulwark/e2e/keys"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Keys lie in the settings of the store, spread over a number of them, so that
// a change writes few keys anew.
const (
	shelves = 64
	prefix  = "pairwise keys "
	purpose = "pairwise key"
)

// stored is one key as it lies in the store.
type stored struct {
	ID      string `json:"id"`
	Peer    string `json:"peer"`
	Source  Source `json:"source"`
	Created int64  `json:"created"`
	Expires int64  `json:"expires,omitzero"`
	Sealed  []byte `json:"sealed"`
}

// name binds all that is said about a key to the key itself.
func (s stored) name() string {
	return fmt.Sprintf("%q %q %q %d %d", s.ID, s.Peer, s.Source, s.Created, s.Expires)
}

// shelfOf is the setting that a key lies in.
func shelfOf(at string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(at)) // never fails
	return prefix + strconv.Itoa(int(h.Sum32()%shelves))
}

// load reads all keys.
func (r *Ring) load(ctx context.Context) error {
	var all []stored
	err := r.store.Read(ctx, func(rd store.Reader) error {
		for i := range shelves {
			list, err := readShelf(rd, prefix+strconv.Itoa(i))
			if err != nil {
				return err
			}
			all = append(all, list...)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	for _, s := range all {
		octets, err := r.sealer.Open(purpose, s.name(), s.Sealed)
		if err != nil {
			return fmt.Errorf("key %s: %w", s.ID, err)
		}
		e := Entry{ID: s.ID, Peer: onem2m.ID(s.Peer), Source: s.Source, Created: onem2m.Timestamp(s.Created), Expires: onem2m.Timestamp(s.Expires)}
		if e.Secret, err = keys.NewSecret(octets); err != nil {
			return fmt.Errorf("key %s: %w", s.ID, err)
		}
		clear(octets)
		if err := e.check(); err != nil {
			return err
		}
		r.entries[canonical(e.ID)] = e
	}
	return nil
}

func readShelf(rd store.Reader, name string) ([]stored, error) {
	data, err := rd.Setting(name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []stored
	return list, json.Unmarshal(data, &list)
}

// save writes one key, or removes it, on its shelf.
func (r *Ring) save(ctx context.Context, at string, e *Entry) error {
	if r.store == nil {
		return errors.New("keys can't be stored here")
	}
	var fresh stored
	if e != nil {
		fresh = stored{ID: e.ID, Peer: string(e.Peer), Source: e.Source, Created: int64(e.Created), Expires: int64(e.Expires)}
		octets := e.Secret.Bytes()
		sealed, err := r.sealer.Seal(purpose, fresh.name(), octets)
		clear(octets)
		if err != nil {
			return err
		}
		fresh.Sealed = sealed
	}
	return r.store.Update(ctx, func(tx store.Tx) error {
		name := shelfOf(at)
		old, err := readShelf(tx, name)
		if err != nil {
			return fmt.Errorf("read the keys: %w", err)
		}
		var list []stored
		for _, s := range old {
			if canonical(s.ID) != at {
				list = append(list, s)
			}
		}
		if e != nil {
			list = append(list, fresh)
		}
		if list == nil {
			return tx.SetSetting(name, nil)
		}
		data, err := json.Marshal(list)
		if err != nil {
			return fmt.Errorf("write the keys: %w", err)
		}
		return tx.SetSetting(name, data)
	})
}
