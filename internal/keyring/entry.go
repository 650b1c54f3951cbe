package keyring

import (
	"errors"
	"fmt"
	"strings"

	"bulwark/e2e/esprim"
	"bulwark/e2e/keys"
	"bulwark/onem2m"
)

// Source tells where a key came from.
type Source string

// The sources of pairwise keys (E-25).
const (
	Configured Source = "configured" // an entry of the configuration
	Imported   Source = "imported"   // by the operator
	Generated  Source = "generated"  // here, for the operator to hand over
	FromMEF    Source = "mef"        // remote provisioning
	FromMAF    Source = "maf"        // distributed by a MAF
	FromESCert Source = "escertke"   // agreed on by certificate
)

// feature returns the m2m:suid of ESPrim with keys of a source (E-18), 0 for a
// source that doesn't exist.
func (s Source) feature() int64 {
	switch s {
	case Configured, Imported, Generated:
		return 13
	case FromMEF:
		return 23
	case FromMAF:
		return 33
	case FromESCert:
		return 43
	}
	return 0
}

// Entry is one key.
type Entry struct {
	ID      string           // kid
	Peer    onem2m.ID        // who has the other copy: absolute AE-ID or CSE-ID
	Source  Source           //
	Created onem2m.Timestamp // when it came here; 0 for a configured one
	Expires onem2m.Timestamp // 0: never
	Secret  keys.Secret      //
}

// MaxID bounds the identifier of a key in octets.
const MaxID = 512

// check refuses what ESPrim can't use.
func (e Entry) check() error {
	switch {
	case !validID(e.ID):
		return fmt.Errorf("%q is no key identifier: letters, digits, '.', '_', '-', and an @ with a domain name behind it", e.ID)
	case e.Secret.Len() < esprim.MinKey:
		return fmt.Errorf("key %s: a key has %d octets or more", e.ID, esprim.MinKey)
	case e.Source.feature() == 0:
		return fmt.Errorf("key %s: unknown source %q", e.ID, e.Source)
	}
	if id, form, err := (onem2m.Home{}).ParseID(string(e.Peer)); err != nil || form != onem2m.FormAbsolute || id != e.Peer {
		return fmt.Errorf("key %s: %q is no absolute AE-ID or CSE-ID, such as //m2m.example/id-in/CLamp", e.ID, e.Peer)
	}
	return nil
}

// validID accepts the characters of a Credential-ID (TS-0003 clause 10.4).
func validID(id string) bool {
	if id == "" || len(id) > MaxID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-', c == '@':
		default:
			return false
		}
	}
	return true
}

// canonical is the form of an identifier in which equal ones are the same text:
// hexadecimal digits and domain names have no case (E-124).
func canonical(id string) string {
	parsed, err := keys.ParseIdentifier(id)
	if err != nil {
		return id
	}
	parsed.FQDN = strings.ToLower(parsed.FQDN)
	if upper := strings.ToUpper(parsed.Name); parsed.Equal(keys.Identifier{Name: upper, FQDN: parsed.FQDN}) {
		parsed.Name = upper
	}
	return parsed.String()
}

// Errors of a Ring.
var (
	ErrUnknown    = errors.New("there is no key with this identifier")
	ErrConfigured = errors.New("the key stands in the configuration, and is changed there")
	ErrTaken      = errors.New("the identifier is that of a key of another peer")
	ErrFull       = errors.New("there are too many keys; remove some")
)
