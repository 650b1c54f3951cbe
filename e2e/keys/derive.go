package keys

import (
	"crypto"
	"crypto/hmac"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"errors"
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"bulwark/onem2m"
)

var (
	errNoKey    = errors.New("there is no key to derive from")
	errEntityID = fmt.Errorf("an identifier has 1 to %d octets of UTF-8", MaxIdentifier)
)

// Km derives the Master Credential for a MAF from the Enrolment Key (TS-0003
// clause 10.3.2). mafID is the identifier of the MAF, its FQDN in lower case.
func Km(ke Secret, mafID string) (Secret, error) { return derive(ke, LabelKm, mafID) }

// Kpsa derives the Provisioned Secure Connection Key with another enrolee from
// the Enrolment Key (TS-0003 clause 10.3.3). enroleeB is the absolute AE-ID or
// CSE-ID of that enrolee.
func Kpsa(ke Secret, enroleeB string) (Secret, error) { return derive(ke, LabelKpsa, enroleeB) }

// UsageConstrained derives a symmetric key for one usage and one enrolment
// target from the Enrolment Key (TS-0003 clause 10.3.7). The usage goes in as
// its two decimal digits (E-118), target is the FQDN that CSEName or AEName
// gives, or that of a MAF (E-117).
func UsageConstrained(ke Secret, usage Usage, target string) (Secret, error) {
	if !usage.Symmetric() {
		return Secret{}, fmt.Errorf("security usage %d is not that of a symmetric key", usage)
	}
	return derive(ke, LabelUsageConstrained+usage.String(), target)
}

// derive is HMAC-SHA-256 of a label and an identifier, which follows it
// without a separator.
func derive(key Secret, label, id string) (Secret, error) {
	if key.IsZero() {
		return Secret{}, errNoKey
	}
	octets, err := normalize(id)
	if err != nil {
		return Secret{}, err
	}
	return mac(crypto.SHA256, key.view(), []byte(label), octets), nil
}

// normalize applies NFKC and encodes as UTF-8; there is no change of case and
// nothing is trimmed (E-116).
func normalize(id string) ([]byte, error) {
	if id == "" || len(id) > MaxIdentifier || !utf8.ValidString(id) {
		return nil, errEntityID
	}
	return norm.NFKC.Bytes([]byte(id)), nil
}

// mac is the HMAC of the joined parts.
func mac(hash crypto.Hash, key []byte, parts ...[]byte) Secret {
	h := hmac.New(hash.New, key)
	for _, part := range parts {
		h.Write(part)
	}
	return secretOf(h.Sum(nil))
}

// Until returns when a key that was derived from an Enrolment Key ends: when
// asked, but never after the enrolment itself (TS-0003 clause 10.7, E-123).
// An enrolment without an end has 0, and so does a key that is asked for
// without one.
func Until(enrolment, asked onem2m.Timestamp) onem2m.Timestamp {
	if enrolment == 0 || asked != 0 && asked < enrolment {
		return asked
	}
	return enrolment
}
