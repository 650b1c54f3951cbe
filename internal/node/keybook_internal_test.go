package node

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"bulwark/e2e/escertke"
	"bulwark/e2e/keys"
	"bulwark/internal/keyring"
	"bulwark/internal/store/sql"
	"bulwark/onem2m"
)

// unsealed leaves what is stored as it is.
type unsealed struct{}

func (unsealed) Seal(_, _ string, plain []byte) ([]byte, error)  { return plain, nil }
func (unsealed) Open(_, _ string, sealed []byte) ([]byte, error) { return sealed, nil }

func TestKeybook_E108_KeepsTheLastTwoKeysOfAPeer(t *testing.T) {
	t.Parallel()
	s, err := sql.Open(t.Context(), sql.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	ring, err := keyring.Open(t.Context(), keyring.Options{Store: s, Sealer: unsealed{}})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := keys.NewSecret([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	const peer = onem2m.ID("//m2m.example/id-mn/Clamp")
	b := &keybook{ring: ring}
	key := func(i int, peer onem2m.ID) escertke.Key {
		return escertke.Key{ID: fmt.Sprintf("k%d@m2m.example", i), Peer: peer, Expires: time.Now().Add(time.Hour), Secret: secret}
	}
	// Both ends of a pair may begin: a key is kept beside another.
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			if err := b.Keep(t.Context(), key(i, peer)); err != nil {
				t.Errorf("beside others: %v", err)
			}
		})
	}
	all.Wait()
	if got := b.of(peer); len(got) != keptKeys {
		t.Errorf("%d keys are kept", len(got))
	}
	if err := b.Keep(t.Context(), key(100, "//m2m.example/id-mn/Cother")); err != nil {
		t.Fatal(err)
	}
	if err := b.Keep(t.Context(), key(100, peer)); !errors.Is(err, keyring.ErrTaken) {
		t.Errorf("over the key of another: %v", err)
	}
	if got := b.of(peer); len(got) != keptKeys {
		t.Errorf("%d keys are kept", len(got))
	}
}
