package keys

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// MaxSecret bounds a secret, in octets. HMAC takes a key of any length; nothing
// that oneM2M provisions comes near this.
const MaxSecret = 1024

// Secret is a symmetric key. It does not show its octets when printed, logged
// or serialized, also as a field of something else; Bytes gives them on
// purpose. The zero Secret is no key. A Secret never changes and may be used by
// any number of goroutines.
type Secret struct {
	// A pointer, because package fmt prints what is in an unexported field of a
	// larger struct without asking it.
	octets *[]byte
}

var errSecretLength = fmt.Errorf("a secret has 1 to %d octets", MaxSecret)

// errSerialized answers every attempt to write a secret as text.
var errSerialized = errors.New("a secret is not serialized")

// NewSecret takes a copy of octets. It fails for none and for more than
// MaxSecret.
func NewSecret(octets []byte) (Secret, error) {
	if len(octets) == 0 || len(octets) > MaxSecret {
		return Secret{}, errSecretLength
	}
	return secretOf(slices.Clone(octets)), nil
}

// secretOf takes octets over.
func secretOf(octets []byte) Secret { return Secret{octets: &octets} }

// Bytes returns a copy of the octets.
func (s Secret) Bytes() []byte { return slices.Clone(s.view()) }

// view returns the octets themselves, for reading.
func (s Secret) view() []byte {
	if s.octets == nil {
		return nil
	}
	return *s.octets
}

// Len returns the number of octets, 0 for no key.
func (s Secret) Len() int { return len(s.view()) }

// IsZero reports whether s is no key.
func (s Secret) IsZero() bool { return s.octets == nil }

// Equal compares in a time that depends on the lengths only. No key equals no
// key.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare(s.view(), other.view()) == 1
}

// String tells the length only.
func (s Secret) String() string { return fmt.Sprintf("secret of %d octets", s.Len()) }

// Format writes String for every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText always fails: a secret is written only by who asks for Bytes.
func (s Secret) MarshalText() ([]byte, error) { return nil, errSerialized }
