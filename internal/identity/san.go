package identity

import (
	"encoding/asn1"
	"errors"
	"strconv"
	"strings"
)

// SubjectAltName is what a certificate says of its subject's identity, read
// from the extension by hand: crypto/x509 leaves otherName to its user, and
// turns a URI into a value whose text isn't what was signed.
type SubjectAltName struct {
	DNS     []string // dNSName, as written
	URIs    []string // uniformResourceIdentifier, as written
	Devices []string // otherName whose value is a RELATIVE-OID: type and value as one dotted OID
}

// maxNames bounds the names in one certificate; the flavours need one, a server
// a few more.
const maxNames = 64

// maxArcs bounds the arcs of a device identifier.
const maxArcs = 64

// The tags of GeneralName that carry identities here (RFC 5280 clause 4.2.1.6).
const (
	tagOtherName = 0
	tagDNS       = 2
	tagURI       = 6
)

// tagRelativeOID is the universal tag of RELATIVE-OID (ITU-T X.690 clause 8.20).
const tagRelativeOID = 13

// errSAN says that a subjectAltName extension is no such thing.
var errSAN = errors.New("malformed subjectAltName")

// ParseSubjectAltName reads the value of a subjectAltName extension, whole DER.
// Names of kinds that carry no identity here are skipped.
func ParseSubjectAltName(der []byte) (SubjectAltName, error) {
	var names SubjectAltName
	var all asn1.RawValue
	rest, err := asn1.Unmarshal(der, &all)
	if err != nil || len(rest) > 0 || all.Class != asn1.ClassUniversal || all.Tag != asn1.TagSequence || !all.IsCompound {
		return names, errSAN
	}
	count := 0
	for rest = all.Bytes; len(rest) > 0; {
		var name asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &name); err != nil || name.Class != asn1.ClassContextSpecific {
			return SubjectAltName{}, errSAN
		}
		if count++; count > maxNames {
			return SubjectAltName{}, errors.New("more names than a certificate may have")
		}
		if err := names.add(name); err != nil {
			return SubjectAltName{}, err
		}
	}
	return names, nil
}

// add takes one GeneralName.
func (n *SubjectAltName) add(name asn1.RawValue) error {
	switch name.Tag {
	case tagDNS, tagURI:
		if name.IsCompound || !printable(name.Bytes) {
			return errSAN
		}
		if name.Tag == tagDNS {
			n.DNS = append(n.DNS, string(name.Bytes))
		} else {
			n.URIs = append(n.URIs, string(name.Bytes))
		}
	case tagOtherName:
		device, ok, err := parseDevice(name)
		if err != nil {
			return err
		}
		if ok {
			n.Devices = append(n.Devices, device)
		}
	}
	return nil
}

// parseDevice reads an otherName. It reports false for a well-formed one whose
// value is of another type than that of a device identifier.
func parseDevice(name asn1.RawValue) (string, bool, error) {
	var kind, wrapped, value asn1.RawValue
	rest, err := asn1.Unmarshal(name.Bytes, &kind)
	if err != nil || !name.IsCompound || kind.Class != asn1.ClassUniversal || kind.Tag != asn1.TagOID || kind.IsCompound {
		return "", false, errSAN
	}
	rest, err = asn1.Unmarshal(rest, &wrapped)
	if err != nil || len(rest) > 0 || wrapped.Class != asn1.ClassContextSpecific || wrapped.Tag != 0 || !wrapped.IsCompound {
		return "", false, errSAN
	}
	if rest, err = asn1.Unmarshal(wrapped.Bytes, &value); err != nil || len(rest) > 0 {
		return "", false, errSAN
	}
	if value.Class != asn1.ClassUniversal || value.Tag != tagRelativeOID || value.IsCompound {
		return "", false, nil
	}
	higher, err := parseArcs(kind.Bytes)
	if err != nil {
		return "", false, err
	}
	lower, err := parseArcs(value.Bytes)
	if err != nil {
		return "", false, err
	}
	// The first number of an OBJECT IDENTIFIER holds two arcs.
	first := min(higher[0]/40, 2)
	arcs := append([]uint64{first, higher[0] - 40*first}, higher[1:]...)
	return dotted(append(arcs, lower...)), true, nil
}

// parseArcs reads base-128 numbers, each in as few octets as it needs.
func parseArcs(b []byte) ([]uint64, error) {
	var arcs []uint64
	var arc uint64
	fresh := true
	for _, c := range b {
		if fresh && c == 0x80 || arc>>57 != 0 {
			return nil, errSAN
		}
		arc = arc<<7 | uint64(c&0x7f)
		if fresh = c < 0x80; fresh {
			arcs = append(arcs, arc)
			arc = 0
		}
	}
	if !fresh || len(arcs) == 0 || len(arcs) > maxArcs {
		return nil, errSAN
	}
	return arcs, nil
}

// dotted writes arcs the usual way.
func dotted(arcs []uint64) string {
	var b strings.Builder
	for i, arc := range arcs {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strconv.FormatUint(arc, 10))
	}
	return b.String()
}

// DeviceName returns the otherName of a device identifier as DER: the arcs up
// to higher are its type, the others its value as RELATIVE-OID (TS-0003 clause
// 10.1.1.4.1). It fails unless at least two arcs are in front and one behind.
func DeviceName(oid string, higher int) ([]byte, error) {
	var arcs []uint64
	for text := range strings.SplitSeq(oid, ".") {
		arc, err := strconv.ParseUint(text, 10, 63)
		if err != nil || text != strconv.FormatUint(arc, 10) {
			return nil, errors.New("an OID is decimal numbers with dots between")
		}
		arcs = append(arcs, arc)
	}
	switch {
	case higher < 2 || len(arcs) <= higher || len(arcs) > maxArcs:
		return nil, errors.New("a device identifier has a higher arc and numbers of the device behind it")
	case arcs[0] > 2 || arcs[0] < 2 && arcs[1] > 39 || arcs[1] > 1<<32:
		return nil, errors.New("the first two numbers of the OID are out of range")
	}
	head := append([]uint64{40*arcs[0] + arcs[1]}, arcs[2:higher]...)
	kind := asn1.RawValue{Tag: asn1.TagOID, Bytes: appendArcs(nil, head)}
	value, err := asn1.Marshal(asn1.RawValue{Tag: tagRelativeOID, Bytes: appendArcs(nil, arcs[higher:])})
	if err != nil {
		return nil, err
	}
	inner, err := asn1.Marshal(kind)
	if err != nil {
		return nil, err
	}
	wrapped, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: value})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tagOtherName, IsCompound: true, Bytes: append(inner, wrapped...)})
}

// appendArcs writes base-128 numbers.
func appendArcs(dst []byte, arcs []uint64) []byte {
	for _, arc := range arcs {
		shift := 0
		for arc>>shift > 0x7f {
			shift += 7
		}
		for ; shift > 0; shift -= 7 {
			dst = append(dst, byte(arc>>shift&0x7f)|0x80)
		}
		dst = append(dst, byte(arc&0x7f))
	}
	return dst
}

// printable reports whether b is visible ASCII, which an IA5String with an
// identity in it has to be.
func printable(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	for _, c := range b {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
