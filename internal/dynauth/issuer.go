package dynauth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"bulwark/onem2m"
	"bulwark/token"
)

// NewIssuer makes what a CSE trusts of a Token Issuer: whose tokens, of which
// domains, protected how (accept, see ParseAccept), and with which keys (see
// ParseKeys).
func NewIssuer(id onem2m.ID, domains, accept []string, keys []byte) (token.Issuer, error) {
	issuer := token.Issuer{ID: id, Domains: domains}
	for _, text := range accept {
		c, err := ParseAccept(text)
		if err != nil {
			return issuer, fmt.Errorf("accept: %w", err)
		}
		issuer.Permitted = append(issuer.Permitted, c)
	}
	var err error
	if issuer.Keys, err = ParseKeys(keys, algorithms(issuer.Permitted)); err != nil {
		return issuer, fmt.Errorf("jwks: %w", err)
	}
	return issuer, nil
}

// Authority is an Authorization Authority: its role assignments count.
type Authority struct {
	ID      onem2m.ID
	Domains []string // FQDNs, in lower case, behind the "@" of its Role-IDs

	Repository string // address on another CSE below which its <role>s are as well; "": nowhere
}

// Assigns reports whether the authority may assign the role.
func (a *Authority) Assigns(role string) bool {
	_, fqdn, ok := strings.Cut(role, "@")
	return ok && slices.Contains(a.Domains, fqdn)
}

// Authorities are those that a CSE trusts. None trusts nobody.
type Authorities []Authority

var (
	errAuthority      = errors.New("an Authorization Authority has an absolute AE-ID or CSE-ID and a domain")
	errAuthorityTwice = errors.New("an Authorization Authority is given twice")
)

// Check refuses authorities that could grant nothing.
func (all Authorities) Check() error {
	for i, a := range all {
		absolute, form, err := (onem2m.Home{}).ParseID(string(a.ID))
		if err != nil || form != onem2m.FormAbsolute || absolute != a.ID || len(a.Domains) == 0 {
			return errAuthority
		}
		for _, fqdn := range a.Domains {
			if sp, err := onem2m.ParseSP("//" + fqdn); err != nil || sp != "//"+fqdn {
				return fmt.Errorf("%s: %q is no domain name in lower case", a.ID, fqdn)
			}
		}
		if slices.ContainsFunc(all[:i], func(other Authority) bool { return other.ID == a.ID }) {
			return errAuthorityTwice
		}
	}
	return nil
}

// Trusts reports whether an issuer may assign the role.
func (all Authorities) Trusts(issuer onem2m.ID, role string) bool {
	return slices.ContainsFunc(all, func(a Authority) bool { return a.ID == issuer && a.Assigns(role) })
}
