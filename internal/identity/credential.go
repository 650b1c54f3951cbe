package identity

import (
	"strconv"
	"strings"

	"bulwark/onem2m"
)

// CredentialType is the number in front of a Credential-ID (sec:credIDTypeID,
// TS-0003 clause 12.3.2.1).
type CredentialType int

// The credential types that an association can rest on.
const (
	CredentialMAF    CredentialType = 11 // pre-shared key with a MAF
	CredentialPSK    CredentialType = 12 // pre-shared key of a security association
	CredentialRPK    CredentialType = 30 // raw public key
	CredentialDevice CredentialType = 31 // device certificate
	CredentialCSE    CredentialType = 32 // CSE-ID certificate
	CredentialAE     CredentialType = 33 // AE-ID certificate
	CredentialNode   CredentialType = 34 // Node-ID certificate
)

// CredentialID returns the canonical Credential-ID, "33-//m2m.example/Sx". A
// space and an asterisk in value are percent-encoded, because patterns over
// Credential-IDs give the asterisk a meaning (GA-07).
func CredentialID(t CredentialType, value string) string {
	value = strings.NewReplacer(" ", "%20", "*", "%2A").Replace(value)
	return strconv.Itoa(int(t)) + "-" + value
}

// ParseCredentialID splits a Credential-ID at its first hyphen. It reports
// false unless there are one or two digits in front and something behind.
func ParseCredentialID(s string) (CredentialType, string, bool) {
	number, value, ok := strings.Cut(s, "-")
	if !ok || value == "" || number == "" || len(number) > 2 {
		return 0, "", false
	}
	n := 0
	for i := range len(number) {
		if number[i] < '0' || number[i] > '9' {
			return 0, "", false
		}
		n = 10*n + int(number[i]-'0')
	}
	return CredentialType(n), value, true
}

// severalEntities reports whether one credential of this kind may stand for
// several AEs: only what belongs to a node rather than to an entity does
// (S-072 c).
func severalEntities(credential string) bool {
	t, _, ok := ParseCredentialID(credential)
	return ok && (t == CredentialDevice || t == CredentialNode)
}

// Names returns the AE-IDs that an association of an AE stands for: those that
// the credential itself names, else those that are bound to it here (S-074,
// S-077). fixed tells that the association can't come to stand for another one
// by a registration.
func Names(a *Association, reg Registry) (ids []onem2m.ID, fixed bool) {
	if len(a.IDs) > 0 {
		return a.IDs, true
	}
	if a.CredentialID == "" {
		return nil, false
	}
	ids = reg.BoundTo(a.CredentialID)
	return ids, len(ids) > 0 && !severalEntities(a.CredentialID)
}
