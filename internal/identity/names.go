package identity

import (
	"fmt"
	"strings"

	"bulwark/onem2m"
)

// Peer is a CSE that is known by name: the [[peer]] of a configuration.
type Peer struct {
	ID  onem2m.ID // absolute CSE-ID
	DNS string    // the dNSName in its certificate; "": by the rule, for a CSE of the own SP
	CA  string    // file with the only anchors that vouch for it; "": those of all
}

// nameMap maps the dNSName in a certificate to a CSE-ID. That can't be computed
// in general, for DNS names have no case and few characters (GA-13): peers are
// mapped explicitly, and by rule only "id-mn.m2m.example" to
// "//m2m.example/id-mn", if the label is a CSE-ID as it stands.
type nameMap struct {
	home  onem2m.Home
	ids   map[string]onem2m.ID
	fixed map[onem2m.ID]bool // mapped explicitly: the rule doesn't lead here
}

// newNameMap refuses what would let one name stand for two CSEs or two names
// for one.
func newNameMap(home onem2m.Home, peers []Peer) (*nameMap, error) {
	m := &nameMap{home: home, ids: map[string]onem2m.ID{}, fixed: map[onem2m.ID]bool{}}
	for _, p := range peers {
		if p.DNS == "" {
			continue
		}
		dns := strings.ToLower(p.DNS)
		if _, err := onem2m.ParseSP("//" + dns); err != nil {
			return nil, fmt.Errorf("peer %s: dns %q is not a domain name", p.ID, p.DNS)
		}
		if other, ok := m.ids[dns]; ok {
			return nil, fmt.Errorf("peer %s: dns %q stands for %s already", p.ID, p.DNS, other)
		}
		if m.fixed[p.ID] {
			return nil, fmt.Errorf("peer %s: it has two entries with a dns name", p.ID)
		}
		m.ids[dns], m.fixed[p.ID] = p.ID, true
	}
	return m, nil
}

// DomainName returns the public domain name that a CSE of an SP has by the rule,
// "id-in.m2m.example" (TS-0001 clause 6.5.1.1), and false if its CSE-ID is no
// label of a domain name in lower case.
func DomainName(id onem2m.ID) (string, bool) {
	label, ok := strings.CutPrefix(id.SPRelative(), "/")
	if !ok || !isLabel(label) {
		return "", false
	}
	return label + "." + strings.TrimPrefix(id.SP(), "//"), true
}

// isLabel accepts lower-case letters, digits and inner hyphens.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// lookup returns the CSE-ID that a dNSName stands for, or "".
func (m *nameMap) lookup(dns string) onem2m.ID {
	dns = strings.ToLower(dns)
	if id, ok := m.ids[dns]; ok {
		return id
	}
	label, domain, ok := strings.Cut(dns, ".")
	id := onem2m.ID(m.home.SP + "/" + label)
	if !ok || "//"+domain != m.home.SP || !isLabel(label) || m.fixed[id] {
		return ""
	}
	return id
}

// subject makes one identity of the dNSNames of a certificate: a CSE if one of
// them maps, which an anchor for FQDNs alone makes an FQDN again. A server has
// further names, "localhost" say, which are names of its host and of no entity.
func (m *nameMap) subject(dns []string) (Subject, error) {
	s := Subject{Flavour: FlavourFQDN, Name: strings.ToLower(dns[0])}
	for _, name := range dns {
		if strings.Contains(name, "*") {
			return Subject{}, ErrWildcard
		}
		id := m.lookup(name)
		switch {
		case id == "" || id == s.ID:
		case s.ID != "":
			return Subject{}, ErrTwoFlavours
		default:
			s.Flavour |= FlavourCSE
			s.ID, s.Credential = id, CredentialID(CredentialCSE, string(id))
		}
	}
	return s, nil
}
