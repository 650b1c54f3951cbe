package cse

import (
	"crypto/rand"
	"io"
	mathrand "math/rand/v2"
	"strconv"
	"strings"
	"sync"
)

// namer makes resourceIDs. An ID is a short type name, the surrogate, and a
// random tail: ascending, so that indexes grow at their end; never used twice;
// and not to be guessed, so that nobody can take a name before the CSE does.
type namer struct {
	mu  sync.Mutex // guards rng
	rng *mathrand.ChaCha8
}

func newNamer(source io.Reader) *namer {
	var seed [32]byte
	if _, err := io.ReadFull(source, seed[:]); err != nil {
		// A source that fails is a test's; names must still differ.
		_, _ = rand.Read(seed[:])
	}
	return &namer{rng: mathrand.NewChaCha8(seed)}
}

const tailAlphabet = "abcdefghijklmnopqrstuvwxyz234567"

// resourceID returns an ID for a resource with this root element and surrogate.
func (n *namer) resourceID(root string, id int64) string {
	_, short, ok := strings.Cut(root, ":")
	if !ok {
		short = root
	}
	b := make([]byte, 0, len(short)+24)
	b = append(b, short...)
	b = strconv.AppendInt(b, id, 36)
	b = append(b, '-')
	return string(n.appendTail(b, 6))
}

// stem returns a new AE-ID-Stem of the class 'C' or 'S'.
func (n *namer) stem(class byte) string { return string(n.appendTail([]byte{class}, 12)) }

func (n *namer) appendTail(b []byte, length int) []byte {
	n.mu.Lock()
	word := n.rng.Uint64()
	n.mu.Unlock()
	for range length {
		b = append(b, tailAlphabet[word&31])
		word >>= 5
	}
	return b
}
