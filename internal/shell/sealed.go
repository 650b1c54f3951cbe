package shell

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"bulwark/client"
	"bulwark/e2e/esdata"
	"bulwark/internal/cli"
	"bulwark/internal/dynauth"
	"bulwark/onem2m"
)

// put protects data and stores it.
func (s *shell) put(ctx context.Context) error {
	p, _, err := protection(s.r.Sealing)
	if err != nil {
		return err
	}
	made, err := s.client.Sealed(client.DataSecurity{Protection: p}).Create(ctx, s.r.To, client.Data{MediaType: s.r.Sealing.Type, Payload: s.r.Body})
	if err != nil {
		return err
	}
	if s.r.Output == "json" {
		return s.json(&onem2m.Content{Name: made.Root, Value: made.Append(nil)})
	}
	_, err = fmt.Fprintf(s.out, "stored as %s, %s\n", made.ID(), p.Class())
	return err
}

// got retrieves data and prints what was protected, and in JSON also by whom.
func (s *shell) got(ctx context.Context) error {
	p, ring, err := protection(s.r.Sealing)
	if err != nil {
		return err
	}
	demanded := client.DataSecurity{Protection: p, Ring: ring, Sources: s.r.Sealing.Source}
	switch s.r.Sealing.Class {
	case "encrypted":
		demanded.Class = esdata.EncryptionOnly
	case "signed":
		demanded.Class = esdata.SignatureOnly
	case "nested":
		demanded.Class = esdata.Nested
	}
	data, err := s.client.Sealed(demanded).Retrieve(ctx, s.r.To)
	if err != nil {
		return err
	}
	if s.r.Output != "json" {
		_, err := fmt.Fprintf(s.out, "%s\n", strings.TrimSuffix(string(data.Payload), "\n"))
		return err
	}
	o := onem2m.Object{
		{Name: "class", Value: onem2m.TextValue(data.Class.String())},
		{Name: "type", Value: onem2m.TextValue(data.MediaType)},
		{Name: "decryptedBy", Value: onem2m.TextValue(data.DecryptedBy)},
		{Name: "verifiedBy", Value: onem2m.TextsValue(data.VerifiedBy)},
		{Name: "payload", Value: onem2m.TextValue(base64.StdEncoding.EncodeToString(data.Payload))},
	}
	_, err = fmt.Fprintf(s.out, "%s\n", o.Append(nil))
	return err
}

// maxKeyFile bounds a file with keys in octets: thousands of them.
const maxKeyFile = 1 << 20

// algorithms are those that a key may be for: all.
func algorithms() []esdata.Algorithm {
	return []esdata.Algorithm{
		esdata.Direct, esdata.A128KW, esdata.A192KW, esdata.A256KW, esdata.RSAOAEP256, esdata.ECDHA128KW, esdata.ECDHA192KW, esdata.ECDHA256KW,
		esdata.HS256, esdata.HS384, esdata.HS512, esdata.RS256, esdata.RS384, esdata.RS512, esdata.ES256, esdata.ES384, esdata.ES512,
	}
}

// protection reads the keys and picks those that seal.
func protection(s *cli.Sealing) (esdata.Protection, esdata.Keyring, error) {
	all, err := readKeys(s.Keys)
	if err != nil {
		return esdata.Protection{}, nil, err
	}
	p := esdata.Protection{Serialization: esdata.Compact}
	if s.JSON {
		p.Serialization = esdata.JSON
	}
	if p.Encrypt, err = pick(all, s.Encrypt, esdata.Algorithm.Encrypts); err != nil {
		return p, nil, err
	}
	if p.Sign, err = pick(all, s.Sign, esdata.Algorithm.Signs); err != nil {
		return p, nil, err
	}
	return p, esdata.NewRing(all...), nil
}

// pick finds keys by their identifiers.
func pick(all []*esdata.Key, ids []string, fits func(esdata.Algorithm) bool) ([]*esdata.Key, error) {
	var list []*esdata.Key
	for _, id := range ids {
		i := slices.IndexFunc(all, func(k *esdata.Key) bool { return k.ID() == id && fits(k.Algorithm()) })
		if i < 0 {
			return nil, fmt.Errorf("the file of keys has no %s for this", id)
		}
		list = append(list, all[i])
	}
	return list, nil
}

// readKeys reads a JSON Web Key Set. One that others can read is refused.
func readKeys(name string) ([]*esdata.Key, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others (mode %#o); chmod 600 it", name, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, err
	}
	all, err := dynauth.ParseKeys(text, algorithms())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return all, nil
}

// agree establishes a key by certificate and writes it to a new file.
func (s *shell) agree(ctx context.Context) (err error) {
	with := s.r.Agreement
	f, err := os.OpenFile(with.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			_ = os.Remove(with.Out) // there is nothing of use in it
		}
	}()
	key, err := s.client.AgreeKey(ctx, client.Agreement{Peer: onem2m.ID(with.Peer), To: with.To, CA: with.PeerCA, Domain: with.PeerDNS})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f, base64.RawURLEncoding.EncodeToString(key.Secret.Bytes())); err != nil {
		return err
	}
	expires := onem2m.TimestampOf(key.Expires).String()
	if s.r.Output == "json" {
		o := onem2m.Object{{Name: "kid", Value: onem2m.TextValue(key.ID)}, {Name: "peer", Value: onem2m.TextValue(string(key.Peer))}, {Name: "expires", Value: onem2m.TextValue(expires)}}
		_, err = fmt.Fprintf(s.out, "%s\n", o.Append(nil))
		return err
	}
	_, err = fmt.Fprintf(s.out, "key %s with %s, until %s, in %s\n", key.ID, key.Peer, expires, with.Out)
	return err
}
