package keys

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Rand is what the rand objects of both sides have in common (TS-0004 clauses
// 6.3.5.50 and 6.3.5.51). The texts are kept exactly as they were received: a
// time that was written in another way would give another key.
type Rand struct {
	ID          string  // esri
	Value       string  // esrv
	Expiry      string  // esrx
	Protections []int64 // espa; numbers that nobody knows are kept
}

// ReceiverRand is a receiverESPrimRandObject: it offers algorithms.
type ReceiverRand struct {
	Rand
	Generators []int64 // esks
}

// OriginatorRand is an originatorESPrimRandObject: it has chosen one.
type OriginatorRand struct {
	Rand
	Generator int64 // esk
}

// HMACSHA256 is the only m2m:esprimKeyGenAlgID, and mandatory (TS-0003 table
// 10.3.8.1-1, E-125).
const HMACSHA256 = 1

// Limits of a rand object: well above what anybody sends, and small enough that
// a stranger's object costs nothing.
const (
	MaxRandText  = 256 // octets of a text
	MaxRandItems = 32  // numbers in a list
)

var errRand = errors.New("a rand object holds names and times of up to 256 characters that need no escape in JSON, and up to 32 numbers")

// Canonical returns the octets that stand for the object in the derivation of
// the session key: JSON of the bare object with short names, five members in
// the order of the data type, no white space (E-126). The text concatenates
// objects and does not say how they become octets.
func (r ReceiverRand) Canonical() ([]byte, error) {
	out, err := r.open()
	if err != nil {
		return nil, err
	}
	if out, err = appendList(append(out, `,"esks":`...), r.Generators); err != nil {
		return nil, err
	}
	return r.close(out)
}

// Canonical returns the octets of the object, as for a ReceiverRand; the
// generator is one number.
func (o OriginatorRand) Canonical() ([]byte, error) {
	out, err := o.open()
	if err != nil {
		return nil, err
	}
	out = strconv.AppendInt(append(out, `,"esk":`...), o.Generator, 10)
	return o.close(out)
}

// open writes the members that come first.
func (r Rand) open() ([]byte, error) {
	if !isPlain(r.ID) || !isPlain(r.Value) || !isPlain(r.Expiry) {
		return nil, errRand
	}
	return append([]byte{}, `{"esri":"`+r.ID+`","esrv":"`+r.Value+`","esrx":"`+r.Expiry+`"`...), nil
}

// close writes the member that comes last.
func (r Rand) close(out []byte) ([]byte, error) {
	out, err := appendList(append(out, `,"espa":`...), r.Protections)
	return append(out, '}'), err
}

func appendList(out []byte, numbers []int64) ([]byte, error) {
	if len(numbers) > MaxRandItems {
		return nil, errRand
	}
	separator := byte('[')
	for _, n := range numbers {
		out = strconv.AppendInt(append(out, separator), n, 10)
		separator = ','
	}
	if len(numbers) == 0 {
		out = append(out, '[')
	}
	return append(out, ']'), nil
}

// isPlain accepts the characters of an ASCII xs:NCName and of a timestamp.
func isPlain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-', c == ',':
		default:
			return false
		}
	}
	return s != "" && len(s) <= MaxRandText
}

// Session derives the sessionESPrimKey (TS-0003 clause 10.3.8.2): the object of
// the receiver comes first. It fails when the originator chose a generator that
// does not exist or that the receiver did not offer.
func Session(pairwise Secret, receiver ReceiverRand, originator OriginatorRand) (Secret, error) {
	if pairwise.IsZero() {
		return Secret{}, errNoKey
	}
	if originator.Generator != HMACSHA256 || !slices.Contains(receiver.Generators, HMACSHA256) {
		return Secret{}, fmt.Errorf("key generation algorithm %d is not one that both sides have", originator.Generator)
	}
	first, err := receiver.Canonical()
	if err != nil {
		return Secret{}, err
	}
	second, err := originator.Canonical()
	if err != nil {
		return Secret{}, err
	}
	return mac(crypto.SHA256, pairwise.view(), first, second, []byte(LabelSession)), nil
}

// The content encryption algorithms of ESPrim, m2m:esprimProtocolAndAlgID.
const (
	A128GCM = 10
	A192GCM = 11
	A256GCM = 12
)

// ContentKey returns the key for one of the content encryption algorithms: the
// first 16, 24 or 32 octets of the session key. The text uses the session key
// directly and does not say what becomes of the octets that do not fit.
func ContentKey(session Secret, algorithm int64) (Secret, error) {
	length := 0
	switch algorithm {
	case A128GCM:
		length = 16
	case A192GCM:
		length = 24
	case A256GCM:
		length = 32
	default:
		return Secret{}, fmt.Errorf("protection algorithm %d is not one of ESPrim", algorithm)
	}
	if session.Len() != KeyLength {
		return Secret{}, errNoKey
	}
	return secretOf(session.Bytes()[:length]), nil
}
