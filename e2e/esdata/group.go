package esdata

import "fmt"

// ForGroup returns the protection of a payload that every member of a group can
// read: one random content key, wrapped for each of them, inside a signature of
// the source. members are their wrapping keys or the public keys of their
// certificates, at most MaxRecipients.
//
// The source signs because nothing else would prove who it was: whoever can
// open the envelope has its content key and could seal another payload with it
// (TS-0003 clause 8.5.2.1). What a group of keys cannot give is said in the
// result of no function: a member that leaves keeps what it has read, a member
// that joins reads nothing from before, and everybody on the way sees whom the
// envelope is for.
func ForGroup(source *Key, members ...*Key) (Protection, error) {
	p := Protection{Sign: []*Key{source}, Encrypt: members, Serialization: JSON}
	if source == nil || len(members) == 0 {
		return Protection{}, fmt.Errorf("%w: a group has a source and members", ErrProtection)
	}
	for i, k := range members {
		if k.algorithm == Direct {
			return Protection{}, fmt.Errorf("%w: %v would be the key of every envelope; a member of a group has a key that wraps", ErrKey, k)
		}
		for _, other := range members[:i] {
			if canonical(k.id) == canonical(other.id) || k.Same(other) {
				return Protection{}, fmt.Errorf("%w: %v is that of two members", ErrKey, k)
			}
		}
	}
	return p, p.check()
}
