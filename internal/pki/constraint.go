package pki

import (
	"crypto/x509"
	"net"
	"net/netip"
	"strings"
)

// settings are what a CA was made for. They are kept in a file and don't change.
type settings struct {
	SP       string   `json:"sp"`
	CSE      string   `json:"cse"`
	Domains  []string `json:"domains,omitempty"`  // further domains of hosts
	Networks []string `json:"networks,omitempty"` // further networks of CSEs
}

// loopback returns the networks that a development server is reached by.
func loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// networks returns the networks whose addresses a CSE's certificate may have.
func (c settings) networks() []netip.Prefix {
	out := loopback()
	for _, s := range c.Networks {
		if p, err := netip.ParsePrefix(s); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out
}

// domains returns the domains whose names a certificate may have.
func (c settings) domains(k Kind) []string {
	out := append([]string{c.SP[2:]}, c.Domains...)
	if k == CSE {
		out = append(out, "localhost")
	}
	return out
}

// permitsDomain reports whether name is one of the domains or below one.
func (c settings) permitsDomain(k Kind, name string) bool {
	for _, d := range c.domains(k) {
		if name == d || strings.HasSuffix(name, "."+d) {
			return true
		}
	}
	return false
}

// permitsAddress reports whether a CSE's certificate may have the address.
func (c settings) permitsAddress(ip netip.Addr) bool {
	for _, p := range c.networks() {
		if p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}

// constrain writes the name constraints of the CA of a kind: what its flavour
// needs is limited, every other kind of name excluded (S-046). The CA for nodes
// has no constraint on URIs, because a URN satisfies none (RFC 5280 clause
// 4.2.1.10).
func (c settings) constrain(k Kind, ca *x509.Certificate) {
	ca.PermittedDNSDomainsCritical = true // means the whole extension
	ca.ExcludedEmailAddresses = []string{""}
	everywhere := []*net.IPNet{
		{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
		{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
	}
	switch k {
	case CSE, FQDN:
		ca.PermittedDNSDomains = c.domains(k)
	default:
		ca.ExcludedDNSDomains = []string{""}
	}
	switch k {
	case CSE:
		for _, p := range c.networks() {
			ca.PermittedIPRanges = append(ca.PermittedIPRanges, &net.IPNet{
				IP: net.IP(p.Addr().AsSlice()), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
			})
		}
	default:
		ca.ExcludedIPRanges = everywhere
	}
	switch k {
	case AE:
		ca.PermittedURIDomains = []string{c.SP[2:]}
	case Node:
	default:
		ca.ExcludedURIDomains = []string{""}
	}
}
