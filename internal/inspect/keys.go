package inspect

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"bulwark/e2e/keys"
	"bulwark/internal/cli"
	"bulwark/internal/keyring"
	"bulwark/internal/node"
	"bulwark/internal/ops/config"
	"bulwark/internal/ops/secrets"
	"bulwark/internal/store/sql"
	"bulwark/onem2m"
)

// keyRow is one line of the list: a binding, or a key.
type keyRow struct {
	ID         onem2m.ID      `json:"id,omitzero"`
	Credential string         `json:"credential,omitzero"`
	Key        string         `json:"key,omitzero"`
	Peer       onem2m.ID      `json:"peer,omitzero"`
	Source     keyring.Source `json:"source,omitzero"`
	Since      string         `json:"since,omitzero"`
	Expires    string         `json:"expires,omitzero"`
}

func timeText(t onem2m.Timestamp) string {
	if t == 0 {
		return ""
	}
	return t.Time().Format(time.RFC3339)
}

func keyRows(ring *keyring.Ring) []keyRow {
	var rows []keyRow
	for _, e := range ring.List() {
		rows = append(rows, keyRow{Key: e.ID, Peer: e.Peer, Source: e.Source, Since: timeText(e.Created), Expires: timeText(e.Expires)})
	}
	return rows
}

func printKeys(ring *keyring.Ring, out io.Writer) error {
	for _, row := range keyRows(ring) {
		life := "for good"
		if row.Expires != "" {
			life = "until " + row.Expires
		}
		if _, err := fmt.Fprintf(out, "key %-46s with %-45s %s, %s\n", row.Key, row.Peer, row.Source, life); err != nil {
			return err
		}
	}
	return nil
}

// openRing opens the keys of a data directory.
func openRing(ctx context.Context, cfg *config.Config, s *sql.Store) (*keyring.Ring, error) {
	box, err := secrets.Open(secrets.Source{
		File: string(cfg.Secrets.MasterKeyFile), Credential: cfg.Secrets.SystemdCredential,
		Folder: os.Getenv("CREDENTIALS_DIRECTORY"), Dir: string(cfg.Data),
	})
	if err != nil {
		return nil, err
	}
	configured, err := node.PairwiseKeys(cfg)
	if err != nil {
		return nil, err
	}
	return keyring.Open(ctx, keyring.Options{Store: s, Sealer: box, Configured: configured})
}

// removeKey removes a key; it reports false if there is none with that
// identifier.
func removeKey(ctx context.Context, s *sql.Store, r cli.KeyRequest, out io.Writer) (bool, error) {
	ring, err := openRing(ctx, r.Config, s)
	if err != nil {
		return false, err
	}
	err = ring.Remove(ctx, r.ID)
	if errors.Is(err, keyring.ErrUnknown) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", r.ID, err)
	}
	_, err = fmt.Fprintf(out, "key %s is removed\n", r.ID)
	return true, err
}

// changeKey makes, takes over or replaces a key.
func changeKey(ctx context.Context, s *sql.Store, r cli.KeyRequest, out io.Writer) error {
	ring, err := openRing(ctx, r.Config, s)
	if err != nil {
		return err
	}
	e := keyring.Entry{ID: r.ID, Peer: onem2m.ID(r.Peer), Source: keyring.Generated}
	if !r.Expires.IsZero() {
		e.Expires = onem2m.TimestampOf(r.Expires)
	}
	switch r.Verb {
	case "import":
		return importKey(ctx, ring, e, r, out)
	case "rotate":
		return rotateKey(ctx, ring, r, out)
	}
	return newKey(ctx, ring, e, r, out)
}

// notSelf refuses a key with the CSE itself, or with its administrator, who
// needs a certificate.
func notSelf(cfg *config.Config, peer onem2m.ID) error {
	switch {
	case peer == cfg.Home().ID():
		return fmt.Errorf("%s is this CSE itself", peer)
	case peer.In(cfg.Home()) == cfg.CSE.Admin:
		return fmt.Errorf("%s is the admin, who needs the certificate", peer)
	}
	return nil
}

func importKey(ctx context.Context, ring *keyring.Ring, e keyring.Entry, r cli.KeyRequest, out io.Writer) error {
	octets, err := config.ReadKey(r.File)
	if err != nil {
		return err
	}
	if e.Secret, err = keys.NewSecret(octets); err != nil {
		return fmt.Errorf("%s: %w", r.File, err)
	}
	e.Source = keyring.Imported
	if err := errors.Join(notSelf(r.Config, e.Peer), absent(ctx, ring, e.ID)); err != nil {
		return err
	}
	if err := ring.Put(ctx, e); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "key %s is shared with %s\n", e.ID, e.Peer)
	return err
}

// absent refuses an identifier that is taken: two keys can't be told apart then.
func absent(ctx context.Context, ring *keyring.Ring, id string) error {
	if _, err := ring.ESPrimKey(ctx, id); err == nil {
		return fmt.Errorf("there is a key %s already; rotate or remove it", id)
	}
	return nil
}

// generatedLength is that of a key that is made here, in octets.
const generatedLength = 32

// newKey makes a key. The copy of the peer is written first: a key that nobody
// else has is of no use, a file without a key here does no harm.
func newKey(ctx context.Context, ring *keyring.Ring, e keyring.Entry, r cli.KeyRequest, out io.Writer) error {
	var octets [generatedLength]byte
	var name [8]byte
	_, _ = rand.Read(octets[:]) // never fails
	_, _ = rand.Read(name[:])
	if e.ID == "" {
		e.ID = hex.EncodeToString(name[:]) + "@" + strings.TrimPrefix(r.Config.CSE.SP, "//")
	}
	var err error
	if e.Secret, err = keys.NewSecret(octets[:]); err != nil {
		return err
	}
	if err := errors.Join(notSelf(r.Config, e.Peer), absent(ctx, ring, e.ID)); err != nil {
		return err
	}
	f, err := os.OpenFile(r.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(base64.RawURLEncoding.EncodeToString(octets[:]) + "\n")
	if err = errors.Join(err, f.Close()); err == nil {
		err = ring.Put(ctx, e)
	}
	if err != nil {
		return errors.Join(err, os.Remove(r.File))
	}
	_, err = fmt.Fprintf(out, "key %s is shared with %s; give it %s and keep no copy\n", e.ID, e.Peer, r.File)
	return err
}

// rotateKey makes another key for the same peer and lets the old one end.
func rotateKey(ctx context.Context, ring *keyring.Ring, r cli.KeyRequest, out io.Writer) error {
	var old keyring.Entry
	for _, e := range ring.List() {
		if e.ID == r.ID {
			old = e
		}
	}
	switch {
	case old.ID == "":
		return fmt.Errorf("there is no key %s; see bulwark key list", r.ID)
	case old.Source == keyring.Configured:
		return fmt.Errorf("%s: %w", r.ID, keyring.ErrConfigured)
	}
	fresh := keyring.Entry{Peer: old.Peer, Source: keyring.Generated}
	again := r
	again.ID = ""
	if err := newKey(ctx, ring, fresh, again, out); err != nil {
		return err
	}
	end := onem2m.TimestampOf(time.Now().Add(r.Keep))
	if old.Expires == 0 || old.Expires > end {
		old.Expires = end
		if err := ring.Put(ctx, old); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "key %s is good until %s\n", old.ID, timeText(old.Expires))
	return err
}
