package node

import (
	"context"
	"fmt"
	"slices"

	"bulwark/e2e/esprim"
	"bulwark/e2e/keys"
	"bulwark/internal/cse"
	"bulwark/internal/keyring"
	"bulwark/internal/ops/config"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// PairwiseKeys reads what [[esprim.key]] says. Errors name the entry and repeat
// nothing of a key.
func PairwiseKeys(cfg *config.Config) ([]keyring.Entry, error) {
	list := make([]keyring.Entry, 0, len(cfg.ESPrim.Keys))
	for i, k := range cfg.ESPrim.Keys {
		octets, err := config.ParseKey(string(k.Key))
		if k.KeyFile != "" {
			octets, err = config.ReadKey(string(k.KeyFile))
		}
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
		Codec: wire.Codec{Types: func(root string) *onem2m.TypeInfo { return n.definitions.Type(root) }}, // read later
		Lives: esprim.Lives{Unique: timing.ESPrimUnique.Duration, Shared: timing.ESPrimShared.Duration},
	})
	return err
}

// capable is what the CSE advertises of end-to-end security.
func (n *Node) capable() cse.Capabilities {
	if n.keys == nil {
		return cse.Capabilities{}
	}
	features := n.keys.Features()
	if n.exchange != nil && !slices.Contains(features, suidCertificate) {
		features = append(features, suidCertificate) // the highest of them
	}
	return cse.Capabilities{Features: features, Certificates: n.certificate(), Unique: !n.cfg.CSE.PublishRand}
}
