package keys

import (
	"encoding/hex"
	"errors"
	"strings"

	"bulwark/onem2m"
)

// MaxIdentifier bounds an identifier of a key or an entity, in octets: an FQDN
// and a name have room several times over.
const MaxIdentifier = 2048

// Identifier names a symmetric key: a name, "@", and the FQDN of the function
// that issued it. KeID, KpsaID, KmID and the Key Identifier of a MAF have this
// form (TS-0003 clauses 10.3.4, 10.3.5, 10.5 and 10.6). The identifier of a
// pairwiseE2EKey has no FQDN; that tells the two apart (TS-0003 clause 8.4.2).
type Identifier struct {
	Name string
	FQDN string // "" for the key of an ESCertKE
}

var (
	errIdentifier = errors.New("a key identifier is a name of letters, digits, '.', '_' and '-', then '@' and an FQDN")
	errPairwise   = errors.New("the identifier of a pairwiseE2EKey is 32 hexadecimal digits")
)

// ExportedIdentifier names an exported key: KeID for a MEF's FQDN, the Key
// Identifier for a MAF's, and without an FQDN the one of ESCertKE. The octets
// are written in upper-case hexadecimal digits, the canonical form of
// xs:hexBinary. A RelativeKeyID that the MAF or MEF assigned when the key was
// registered takes the place of the exported one; ParseIdentifier reads it.
func ExportedIdentifier(id [IdentifierLength]byte, fqdn string) (Identifier, error) {
	if fqdn != "" && !isFQDN(fqdn) {
		return Identifier{}, errIdentifier
	}
	return Identifier{Name: strings.ToUpper(hex.EncodeToString(id[:])), FQDN: fqdn}, nil
}

// ParseIdentifier reads both forms.
func ParseIdentifier(s string) (Identifier, error) {
	if len(s) > MaxIdentifier {
		return Identifier{}, errIdentifier
	}
	name, fqdn, scoped := strings.Cut(s, "@")
	switch {
	case !scoped && !isExported(name):
		return Identifier{}, errPairwise
	case scoped && (!isRelative(name) || !isFQDN(fqdn)):
		return Identifier{}, errIdentifier
	}
	return Identifier{Name: name, FQDN: fqdn}, nil
}

// String returns the text form.
func (id Identifier) String() string {
	if id.FQDN == "" {
		return id.Name
	}
	return id.Name + "@" + id.FQDN
}

// Equal reports whether both name the same key: the FQDN and a name of
// hexadecimal digits are compared without case (E-124), any other name with it.
func (id Identifier) Equal(other Identifier) bool {
	if !strings.EqualFold(id.FQDN, other.FQDN) {
		return false
	}
	if isExported(id.Name) && isExported(other.Name) {
		return strings.EqualFold(id.Name, other.Name)
	}
	return id.Name == other.Name
}

// EqualKm compares two KmIDs, whose names are never case sensitive (TS-0003
// clause 10.6).
func (id Identifier) EqualKm(other Identifier) bool {
	return strings.EqualFold(id.FQDN, other.FQDN) && strings.EqualFold(id.Name, other.Name)
}

// isExported accepts the 32 digits of 16 exported octets, in either case.
func isExported(name string) bool {
	if len(name) != 2*IdentifierLength {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'F') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// isRelative accepts sec:relKeyID.
func isRelative(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return name != ""
}

// isFQDN accepts a domain name in either case.
func isFQDN(fqdn string) bool {
	_, err := onem2m.ParseSP("//" + fqdn)
	return err == nil
}
