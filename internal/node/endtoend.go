package node

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"bulwark/e2e/esprim"
	"bulwark/e2e/keys"
	"bulwark/internal/cse"
	"bulwark/internal/keyring"
	"bulwark/internal/ops/config"
	"bulwark/onem2m"
)

// PairwiseKeys reads what [[esprim.key]] says. Errors name the entry and repeat
// nothing of a key.
func PairwiseKeys(cfg *config.Config) ([]keyring.Entry, error) {
	list := make([]keyring.Entry, 0, len(cfg.ESPrim.Keys))
	for i, k := range cfg.ESPrim.Keys {
		text := string(k.Key)
		if k.KeyFile != "" {
			var err error
			if text, err = ReadKeyFile(string(k.KeyFile)); err != nil {
				return nil, fmt.Errorf("esprim.key[%d].key-file: %w", i, err)
			}
		}
		octets, err := config.ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("esprim.key[%d] %s: %w", i, k.ID, err)
		}
		e := keyring.Entry{ID: k.ID, Peer: onem2m.ID(k.Peer)}
		if e.Secret, err = keys.NewSecret(octets); err != nil {
			return nil, fmt.Errorf("esprim.key[%d] %s: %w", i, k.ID, err)
		}
		if at := k.Expires; !at.IsZero() {
			e.Expires = onem2m.TimestampOf(at.Time)
		}
		list = append(list, e)
	}
	return list, nil
}

// maxPairwise bounds a file with one pairwise key in octets: one line.
const maxPairwise = 2048

// ReadKeyFile reads a file with one key. One that others can read is refused.
func ReadKeyFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("%s can be read by others (mode %#o); chmod 600 it", name, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPairwise+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxPairwise {
		return "", fmt.Errorf("%s is no file with a key in one line", name)
	}
	return strings.TrimSpace(string(text)), nil
}

// openKeys opens the keys that this CSE shares with others, and what takes
// requests that are protected with them.
func (n *Node) openKeys(ctx context.Context) error {
	if n.secrets == nil {
		return nil // it serves nobody
	}
	configured, err := PairwiseKeys(n.cfg)
	if err != nil {
		return err
	}
	n.keys, err = keyring.Open(ctx, keyring.Options{Store: n.store, Sealer: n.secrets, Configured: configured, Now: n.o.Now})
	if err != nil {
		return err
	}
	protections, err := esprim.ParseProtections(n.cfg.Algorithms.ESPrim)
	if err != nil {
		return fmt.Errorf("algorithms.esprim: %w", err)
	}
	timing := n.cfg.Timing
	n.esprim, err = esprim.NewReceiver(esprim.ReceiverOptions{
		Home: n.cfg.Home(), Registers: true, Keys: n.keys, Protections: protections, Now: n.o.Now, Random: n.o.Random,
		Lives: esprim.Lives{Unique: timing.ESPrimUnique.Duration, Shared: timing.ESPrimShared.Duration},
	})
	return err
}

// capable is what the CSE advertises of end-to-end security.
func (n *Node) capable() cse.Capabilities {
	if n.keys == nil {
		return cse.Capabilities{}
	}
	return cse.Capabilities{Features: n.keys.Features()}
}
