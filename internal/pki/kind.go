package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// Kind is the flavour of a certificate, as written on the command line.
type Kind string

// The kinds.
const (
	AE     Kind = "ae"
	CSE    Kind = "cse"
	FQDN   Kind = "fqdn"
	Node   Kind = "node"
	Device Kind = "device"
)

// kinds are all of them, in the order in which their CAs are made.
func kinds() []Kind { return []Kind{AE, CSE, FQDN, Node, Device} }

// ParseKind reads the name of a kind.
func ParseKind(s string) (Kind, error) {
	for _, k := range kinds() {
		if string(k) == s {
			return k, nil
		}
	}
	return "", fmt.Errorf("kind %q: it is one of ae, cse, fqdn, node, device", s)
}

// flavour returns what the CA of a kind vouches for.
func (k Kind) flavour() identity.Flavours {
	f, err := identity.ParseFlavours([]string{string(k)})
	if err != nil {
		return 0 // vouches for nothing
	}
	return f
}

// usages returns the extended key usages of a kind. An entity is client and
// server, because the second association reverses the roles (S-054); a host of
// a MAF or MEF is a server alone.
func (k Kind) usages() []x509.ExtKeyUsage {
	if k == FQDN {
		return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
}

// subject is what a certificate is going to state.
type subject struct {
	kind Kind
	name string // canonical: absolute ID, domain name, URN or OID
	dns  []string
	ips  []netip.Addr
	uri  string
	der  []byte // a GeneralName that crypto/x509 can't make
}

// higherArcs is how many arcs of a device identifier are its type. The arc of
// the scheme for device identifiers has four, {0 2 481 1} (TS-0001 Annex H);
// of others the last three are manufacturer, model and serial number.
func higherArcs(oid string) int {
	if strings.HasPrefix(oid, "0.2.481.1.") {
		return 4
	}
	return strings.Count(oid, ".") + 1 - 3
}

// parseName reads the name of an entity on the command line.
func parseName(home onem2m.Home, kind Kind, name string) (subject, error) {
	switch kind {
	case AE:
		return parseAE(home, name)
	case CSE:
		return parseCSE(home, name)
	case FQDN:
		host, err := onem2m.ParseSP("//" + name)
		if err != nil {
			return subject{}, fmt.Errorf("%q is not a domain name; write it like maf.%s", name, home.SP[2:])
		}
		host = host[2:]
		return subject{kind: kind, name: host, dns: []string{host}}, nil
	case Node:
		if u, err := url.Parse(name); err != nil || u.Scheme != "urn" || u.Opaque == "" || strings.ContainsFunc(name, notInURN) {
			return subject{}, fmt.Errorf("%q is not a URN; write it like urn:oid:0.2.481.1.9.1.1", name)
		}
		return subject{kind: kind, name: name, uri: name}, nil
	case Device:
		der, err := identity.DeviceName(name, higherArcs(name))
		if err != nil {
			return subject{}, fmt.Errorf("%q: %w; write it like 0.2.481.1.100.3030.10011", name, err)
		}
		return subject{kind: kind, name: name, der: der}, nil
	}
	return subject{}, fmt.Errorf("kind %q is unknown", kind)
}

// notInURN reports what the URN of a node may not have: anything but visible
// ASCII, a wildcard, and the parts of a URI behind the name.
func notInURN(r rune) bool { return r <= ' ' || r > '~' || r == '*' || r == '?' || r == '#' }

// parseAE reads "Csensor", "/id-in/Csensor" or "//m2m.example/id-in/Csensor".
func parseAE(home onem2m.Home, name string) (subject, error) {
	id, _, err := home.ParseID(name)
	stem := id.Stem()
	if err != nil || len(stem) < 2 || id.Registrar() != "" && stem[0] != 'C' {
		return subject{}, fmt.Errorf("%q is not an AE-ID; write it like Csensor or %s/Csensor", name, home.ID())
	}
	if id.SP() != home.SP {
		return subject{}, fmt.Errorf("%q is an AE of %s; this CA issues for %s alone", name, id.SP(), home.SP)
	}
	return subject{kind: AE, name: string(id), uri: "m2m:" + string(id)}, nil
}

// parseCSE reads "/id-mn" or "//m2m.example/id-mn".
func parseCSE(home onem2m.Home, name string) (subject, error) {
	id, form, err := home.ParseID(name)
	if err != nil || id.Registrar() != "" || form == onem2m.FormStem {
		return subject{}, fmt.Errorf("%q is not a CSE-ID; write it like /id-mn or %s/id-mn", name, home.SP)
	}
	if id.SP() != home.SP {
		return subject{}, fmt.Errorf("%q is a CSE of %s; this CA issues for %s alone", name, id.SP(), home.SP)
	}
	s := subject{kind: CSE, name: string(id)}
	if dns, ok := identity.DomainName(id); ok {
		s.dns = []string{dns}
	}
	return s, nil
}

// addHosts adds the names and addresses of a host to a certificate of a CSE or
// host, as far as the constraints of the CA admit them.
func (s *subject) addHosts(c settings, dns []string, ips []netip.Addr) error {
	if len(dns)+len(ips) > 0 && s.kind != CSE && s.kind != FQDN {
		return fmt.Errorf("a certificate of kind %s has no names or addresses of hosts", s.kind)
	}
	for _, name := range dns {
		if _, err := onem2m.ParseSP("//" + name); err != nil {
			return fmt.Errorf("%q is not a domain name", name)
		}
		s.dns = append(s.dns, strings.ToLower(name))
	}
	for _, name := range s.dns {
		if !c.permitsDomain(s.kind, name) {
			return fmt.Errorf("the CA issues names below %s, not %q; name further domains when making the CA", strings.Join(c.domains(s.kind), ", "), name)
		}
	}
	for _, ip := range ips {
		if s.kind != CSE || !c.permitsAddress(ip) {
			return fmt.Errorf("the CA for kind %s doesn't issue for the address %s; name further networks when making the CA", s.kind, ip)
		}
		s.ips = append(s.ips, ip.Unmap())
	}
	if s.kind == CSE && len(s.dns) == 0 {
		return fmt.Errorf("%s is no label of a domain name in lower case; give a name to issue, and map it in a [[peer]] table of every CSE that meets this one", s.name)
	}
	return nil
}

// oidSubjectAltName is the extension's identifier.
var oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// fill writes the subject into a certificate template.
func (s *subject) fill(template *x509.Certificate, sp string) error {
	template.Subject = pkix.Name{Organization: []string{sp[2:]}}
	// The common name is for people; its blank keeps programs from taking it
	// for a domain name. It may have 64 characters (RFC 5280 appendix A).
	if cn := strings.ToUpper(string(s.kind)) + " " + s.name; len(cn) <= 64 {
		template.Subject.CommonName = cn
	}
	template.DNSNames = s.dns
	for _, ip := range s.ips {
		template.IPAddresses = append(template.IPAddresses, net.IP(ip.AsSlice()))
	}
	if s.uri != "" {
		u, err := url.Parse(s.uri)
		if err != nil || u.String() != s.uri {
			return errors.New("the name can't be written as a URI")
		}
		template.URIs = []*url.URL{u}
	}
	if s.der != nil {
		value, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: s.der})
		if err != nil {
			return err
		}
		template.ExtraExtensions = []pkix.Extension{{Id: oidSubjectAltName, Value: value}}
	}
	return nil
}
