package esprim

import (
	"encoding/hex"
	"errors"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/e2e/keys"
	"bulwark/onem2m"
)

// Rand values carry 128 bits. Ours are "x" and 32 digits; a peer's may be any
// xs:NCName that is long enough for them, and is never decoded (E-35).
const (
	randOctets   = 16
	idOctets     = 8
	minRandValue = 22 // characters that 128 bits take in base64
)

var errRand = errors.New("not a rand object of TS-0004 clause 6.3.5.50 or 6.3.5.51")

// ReceiverRand is a receiver's rand object with its expiry as an instant.
type ReceiverRand struct {
	keys.ReceiverRand
	Expires onem2m.Timestamp
}

// originatorRand is an originator's rand object with its expiry as an instant,
// and as the octets that go into the derivation.
type originatorRand struct {
	keys.OriginatorRand
	expires onem2m.Timestamp
	text    string
}

// ParseReceiverRand reads a m2m:receiverESPrimRandObject. It fails for anything
// but the five members, and for a relative expiry (E-38, E-54).
func ParseReceiverRand(value jsontext.Value) (ReceiverRand, error) {
	o, rand, expires, err := parseRand(value, "esks")
	if err != nil {
		return ReceiverRand{}, err
	}
	generators, ok := o.Ints("esks")
	if !ok || len(generators) == 0 || len(generators) > keys.MaxRandItems {
		return ReceiverRand{}, errRand
	}
	return ReceiverRand{ReceiverRand: keys.ReceiverRand{Rand: rand, Generators: generators}, Expires: expires}, nil
}

// JSON returns the object as JSON, the same octets on every call.
func (r ReceiverRand) JSON() (jsontext.Value, error) {
	out, err := r.Canonical()
	return out, err
}

func parseOriginatorRand(value jsontext.Value) (originatorRand, error) {
	o, rand, expires, err := parseRand(value, "esk")
	if err != nil {
		return originatorRand{}, err
	}
	generator, ok := o.Int("esk")
	if !ok {
		return originatorRand{}, errRand
	}
	return sealRand(keys.OriginatorRand{Rand: rand, Generator: generator}, expires)
}

// sealRand keeps the octets of an object.
func sealRand(o keys.OriginatorRand, expires onem2m.Timestamp) (originatorRand, error) {
	text, err := o.Canonical()
	if err != nil {
		return originatorRand{}, errRand
	}
	return originatorRand{OriginatorRand: o, expires: expires, text: string(text)}, nil
}

// parseRand reads the members that both kinds have; generators names the fifth.
func parseRand(value jsontext.Value, generators string) (o onem2m.Object, r keys.Rand, expires onem2m.Timestamp, err error) {
	o, err = onem2m.ParseObject(value)
	if err != nil || len(o) != 5 || !o.Has(generators) {
		return nil, r, 0, errRand
	}
	var ok1, ok2, ok3, ok4 bool
	r.ID, ok1 = o.Text("esri")
	r.Value, ok2 = o.Text("esrv")
	r.Expiry, ok3 = o.Text("esrx")
	r.Protections, ok4 = o.Ints("espa")
	if !ok1 || !ok2 || !ok3 || !ok4 || !isName(r.ID) || !isName(r.Value) || len(r.Value) < minRandValue ||
		len(r.Protections) == 0 || len(r.Protections) > keys.MaxRandItems {
		return nil, r, 0, errRand
	}
	if expires, err = onem2m.ParseTimestamp(r.Expiry); err != nil {
		return nil, r, 0, errRand // also one that is relative
	}
	return o, r, expires, nil
}

// isName accepts an ASCII xs:NCName of bounded length.
func isName(s string) bool {
	if s == "" || len(s) > keys.MaxRandText {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
		case '0' <= c && c <= '9', c == '.', c == '-':
			if i == 0 {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// First characters of the identifiers of our rand objects (E-37).
const (
	shared   = "S"
	unshared = "U"
)

// newRand makes an object's members up. kind is the first character of the
// identifier.
func newRand(random io.Reader, kind string, expires onem2m.Timestamp, protections []int64) (keys.Rand, error) {
	var octets [randOctets + idOctets]byte
	if _, err := io.ReadFull(random, octets[:]); err != nil {
		return keys.Rand{}, err
	}
	return keys.Rand{
		ID: kind + hex.EncodeToString(octets[randOctets:]), Value: "x" + hex.EncodeToString(octets[:randOctets]),
		Expiry: expires.String(), Protections: slices.Clone(protections),
	}, nil
}

// newReceiverRand makes a receiver object.
func newReceiverRand(random io.Reader, kind string, expires onem2m.Timestamp, protections []int64) (ReceiverRand, error) {
	r, err := newRand(random, kind, expires, protections)
	return ReceiverRand{ReceiverRand: keys.ReceiverRand{Rand: r, Generators: []int64{keys.HMACSHA256}}, Expires: expires}, err
}
