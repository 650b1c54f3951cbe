package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bulwark/onem2m"
)

// Flavours is a set of certificate flavours (TS-0003 clause 8.1.2.1).
type Flavours uint8

// The flavours that have a certificate. A raw public key has none.
const (
	FlavourAE     Flavours = 1 << iota // AE-ID in a URI
	FlavourCSE                         // public domain name of a CSE in a dNSName
	FlavourFQDN                        // name of a MAF or MEF in a dNSName
	FlavourNode                        // M2M-Node-ID in a URN
	FlavourDevice                      // hardware identifier in an otherName, or in a URN
	AllFlavours   = FlavourAE | FlavourCSE | FlavourFQDN | FlavourNode | FlavourDevice
)

// flavourNames are the names in a configuration, in the order of the bits.
var flavourNames = [...]string{"ae", "cse", "fqdn", "node", "device"}

// ParseFlavours reads the names of flavours in a configuration.
func ParseFlavours(names []string) (Flavours, error) {
	var f Flavours
	for _, name := range names {
		i := slices.Index(flavourNames[:], name)
		if i < 0 {
			return 0, fmt.Errorf("flavour %q: it is one of %s", name, strings.Join(flavourNames[:], ", "))
		}
		f |= 1 << i
	}
	return f, nil
}

// String returns the names of the flavours, "ae,cse".
func (f Flavours) String() string {
	var names []string
	for i, name := range flavourNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// Subject is the identity that a leaf certificate states, before anybody has
// looked whether its issuer may say so.
type Subject struct {
	Flavour    Flavours  // one, or two between which the anchor decides: a URN of a node or device, the name of a CSE or host
	ID         onem2m.ID // AE-ID or CSE-ID; "" for the other flavours
	Name       string    // FQDN, Node-ID or device identifier; "" for an AE
	Credential string    // Credential-ID, "" for an FQDN
}

// Sentinel errors of a certificate that is refused for what it states.
var (
	ErrNoIdentity  = errors.New("the certificate names no identity in its subjectAltName")
	ErrTwoFlavours = errors.New("the certificate has names of two flavours or identities")
	ErrWildcard    = errors.New("the certificate has a wildcard name")
	ErrProfile     = errors.New("the certificate is not of the profile: P-256 key, ECDSA with SHA-256, key usage")
)

// oidSubjectAltName is the extension's identifier (RFC 5280 clause 4.2.1.6).
var oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// subjectOf reads the identity of a leaf certificate from its subjectAltName;
// the common name is never looked at (S-055). names maps dNSNames to CSE-IDs.
func subjectOf(leaf *x509.Certificate, names *nameMap) (Subject, error) {
	var san SubjectAltName
	found := false
	for _, e := range leaf.Extensions {
		if !e.Id.Equal(oidSubjectAltName) {
			continue
		}
		if found {
			return Subject{}, errSAN
		}
		found = true
		var err error
		if san, err = ParseSubjectAltName(e.Value); err != nil {
			return Subject{}, err
		}
	}
	return san.subject(names)
}

// subject finds the one identity among the names (S-053).
func (n SubjectAltName) subject(names *nameMap) (Subject, error) {
	var all []Subject
	for _, uri := range n.URIs {
		s, err := subjectOfURI(names.home, uri)
		if err != nil {
			return Subject{}, err
		}
		all = append(all, s)
	}
	for i, oid := range n.Devices {
		if i == 0 { // several identifiers of one device; the first names it
			all = append(all, Subject{Flavour: FlavourDevice, Name: oid, Credential: CredentialID(CredentialDevice, oid)})
		}
	}
	if len(n.DNS) > 0 {
		s, err := names.subject(n.DNS)
		if err != nil {
			return Subject{}, err
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return Subject{}, ErrNoIdentity
	}
	for _, s := range all[1:] {
		if s != all[0] {
			return Subject{}, ErrTwoFlavours
		}
	}
	return all[0], nil
}

// subjectOfURI reads an AE-ID, with or without the scheme m2m (GA-12), or the
// URN of a node or device.
func subjectOfURI(home onem2m.Home, uri string) (Subject, error) {
	rest := uri
	if len(uri) > 4 && strings.EqualFold(uri[:4], "m2m:") {
		rest = uri[4:]
	}
	if strings.HasPrefix(rest, "//") {
		id, _, err := home.ParseID(rest)
		if err != nil || !isAE(id) {
			return Subject{}, fmt.Errorf("%w: the URI is not an AE-ID", ErrNoIdentity)
		}
		return Subject{Flavour: FlavourAE, ID: id, Credential: CredentialID(CredentialAE, string(id))}, nil
	}
	urn, ok := canonicalURN(uri)
	if !ok {
		return Subject{}, fmt.Errorf("%w: the URI is neither an AE-ID nor a URN", ErrNoIdentity)
	}
	return Subject{Flavour: FlavourNode | FlavourDevice, Name: urn, Credential: CredentialID(CredentialNode, urn)}, nil
}

// isAE reports whether id can only be an AE-ID with a complete stem.
func isAE(id onem2m.ID) bool {
	stem := id.Stem()
	if len(stem) < 2 {
		return false
	}
	return id.Registrar() == "" || stem[0] == 'C'
}

// canonicalURN lowers what RFC 8141 compares without regard to case.
func canonicalURN(s string) (string, bool) {
	parts := strings.SplitN(s, ":", 3)
	if len(parts) != 3 || !strings.EqualFold(parts[0], "urn") || len(parts[1]) < 2 || parts[2] == "" {
		return "", false
	}
	if strings.ContainsAny(s, "*?#") {
		return "", false
	}
	return "urn:" + strings.ToLower(parts[1]) + ":" + parts[2], true
}

// oneFlavour settles which flavour a subject has among those that an anchor
// vouches for, and its Credential-ID with it.
func (s Subject) oneFlavour(allowed Flavours) (Subject, bool) {
	switch f := s.Flavour & allowed; {
	case f == 0:
		return s, false
	case f == FlavourNode|FlavourDevice:
		s.Flavour = FlavourNode
	case f == FlavourCSE|FlavourFQDN:
		s.Flavour = FlavourCSE
	default:
		s.Flavour = f
	}
	if s.Flavour == FlavourDevice {
		s.Credential = CredentialID(CredentialDevice, s.Name)
	}
	if s.Flavour == FlavourFQDN {
		s.ID, s.Credential = "", ""
	}
	return s, true
}

// checkProfile holds the certificates of a chain against the profile of TS-0003
// clause 10.1.1 (S-037, S-038). The last is the anchor, whose own signature
// nobody relies on.
func checkProfile(chain []*x509.Certificate) error {
	for i, cert := range chain {
		key, ok := cert.PublicKey.(*ecdsa.PublicKey)
		if !ok || key.Curve != elliptic.P256() {
			return ErrProfile
		}
		if i < len(chain)-1 && cert.SignatureAlgorithm != x509.ECDSAWithSHA256 {
			return ErrProfile
		}
	}
	if chain[0].KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return ErrProfile
	}
	return nil
}
