package config

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"bulwark/onem2m"
)

// ESPrim holds the tables [[esprim.key]].
type ESPrim struct {
	Keys []ESPrimKey `toml:"key" doc:"A pairwise key: what this CSE and one other entity share for requests that are protected from end to end. Without any, and without keys of other sources (bulwark key), such requests are answered 5001."`
}

// ESPrimKey is one [[esprim.key]] entry.
type ESPrimKey struct {
	ID      string  `toml:"id" doc:"Identifier of the key, as both sides write it: letters, digits, dot, underscore, hyphen, and an @ with a domain name behind it."`
	Peer    string  `toml:"peer" doc:"Absolute AE-ID or CSE-ID of the other entity. Whoever has the key is that entity."`
	Key     Secret  `toml:"key" doc:"The key: 32 octets (16 or more) in base64url. Better in a file."`
	KeyFile Path    `toml:"key-file" doc:"File with the key: base64url in one line, readable by its owner alone. In place of key."`
	Expires Instant `toml:"expires" doc:"When the key ends, with an offset: 2031-01-01T00:00:00Z. Absent: never."`
}

// Secret is a secret that stands in a configuration. It does not show itself
// when printed.
type Secret string

// String says what it is and shows nothing of it.
func (Secret) String() string { return "secret" }

// Format writes String for every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Instant is a point in time, written with its offset (RFC 3339).
type Instant struct{ time.Time }

// UnmarshalText reads "2031-01-01T00:00:00Z".
func (i *Instant) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*i = Instant{}
		return nil
	}
	if i.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("%q is no time with an offset, such as 2031-01-01T00:00:00Z", text)
	}
	return nil
}

// minKey is the length of the shortest pairwise key in octets.
const minKey = 16

// ParseKey reads a pairwise key: base64url. An error repeats nothing of it.
func ParseKey(text string) ([]byte, error) {
	octets, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(octets) < minKey {
		return nil, fmt.Errorf("not a key: %d octets or more in base64url", minKey)
	}
	return octets, nil
}

// maxKeyFile bounds a file with one key in octets: one line.
const maxKeyFile = 2048

// ReadKey reads a file with a pairwise key in one line. One that others can read
// is refused.
func ReadKey(name string) (_ []byte, err error) {
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
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	octets, err := ParseKey(strings.TrimSpace(string(text)))
	if len(text) > maxKeyFile || err != nil {
		return nil, fmt.Errorf("%s holds no key: %d octets or more in base64url, in one line", name, minKey)
	}
	return octets, nil
}

// checkESPrim holds the entries against their forms. Files are read later.
func (c *Config) checkESPrim(k *checker) {
	seen := map[string]bool{}
	for i, key := range c.ESPrim.Keys {
		path := fmt.Sprintf("esprim.key[%d].", i)
		switch {
		case key.ID == "":
			k.fail(path+"id", "must name the key")
		case seen[key.ID]:
			k.fail(path+"id", "%s is given twice", key.ID)
		}
		seen[key.ID] = true
		id, form, err := c.Home().ParseID(key.Peer)
		switch {
		case err != nil || form != onem2m.FormAbsolute || string(id) != key.Peer:
			k.fail(path+"peer", "%q is no absolute AE-ID or CSE-ID, such as //m2m.example/id-mn/CLamp", key.Peer)
		case id == c.Home().ID():
			k.fail(path+"peer", "is this CSE itself")
		case id.In(c.Home()) == c.CSE.Admin:
			k.fail(path+"peer", "is the admin, who needs the certificate")
		}
		switch {
		case (key.Key == "") == (key.KeyFile == ""):
			k.fail(path+"key-file", "one of key and key-file is needed")
		case key.Key != "":
			if _, err := ParseKey(string(key.Key)); err != nil {
				k.fail(path+"key", "%v", err)
			}
		}
	}
	for _, name := range c.Algorithms.ESPrim {
		switch name {
		case "A256GCM", "A192GCM", "A128GCM":
		default:
			k.fail("algorithms.esprim", "%q is none of A256GCM, A192GCM and A128GCM", name)
		}
	}
}
