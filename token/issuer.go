package token

import (
	"errors"
	"fmt"
	"slices"

	"bulwark/e2e/esdata"
	"bulwark/onem2m"
)

// Combination is one way in which an issuer may protect its tokens.
// Members that the class does not have are empty.
type Combination struct {
	Class      esdata.Class
	Signature  esdata.Algorithm  // signature only, nested
	Management esdata.Algorithm  // encryption only, nested
	Encryption esdata.Encryption // encryption only, nested
}

// Issuer is what a CSE is told, out of band, about one Token Issuer (TS-0003
// clause 7.3.2.6.3, A-120).
type Issuer struct {
	ID        onem2m.ID
	Permitted []Combination
	Keys      []*esdata.Key // what its tokens are verified and decrypted with
	Domains   []string      // FQDNs, in lower case, behind the "@" of its Token-IDs and Role-IDs
}

// Errors of the configuration of an issuer.
var (
	errIssuerID    = errors.New("an issuer has an absolute AE-ID or CSE-ID")
	errIssuerTwice = errors.New("an issuer is given twice")
	errNothing     = errors.New("an issuer may use nothing, or has no key or no domain")
	errCombination = errors.New("no such combination of class and algorithms")
	errKeyShared   = errors.New("two issuers share a symmetric key, so it proves neither")
	errDomain      = errors.New("a domain of an issuer is not a domain name in lower case")
	errManyIssuers = fmt.Errorf("more than %d issuers", MaxIssuers)
	errNoKeyFor    = errors.New("no key of an issuer is for an algorithm that it may use")
)

// MaxIssuers bounds how many issuers a CSE trusts.
const MaxIssuers = 1000

// check refuses a combination that does not exist or that would not prove the
// issuer: encryption needs a key that only the issuer shares, and what
// is signed inside an encryption is a digital signature (E-139).
func (c Combination) check() error {
	ok := false
	switch c.Class {
	case esdata.SignatureOnly:
		ok = c.Signature.Signs() && c.Management == "" && c.Encryption == ""
	case esdata.EncryptionOnly:
		if c.Management.Encrypts() && !c.Management.Symmetric() {
			return errSourceless
		}
		ok = c.Signature == "" && c.Management.Encrypts() && c.Encryption.Valid()
	case esdata.Nested:
		ok = c.Signature.NonRepudiable() && c.Management.Encrypts() && c.Encryption.Valid()
	}
	if !ok {
		return errCombination
	}
	return nil
}

// check refuses a configuration under which no token could be accepted, or one
// too many.
func (i Issuer) check() error {
	if absolute, form, err := (onem2m.Home{}).ParseID(string(i.ID)); err != nil || form != onem2m.FormAbsolute || absolute != i.ID {
		return errIssuerID
	}
	if len(i.Permitted) == 0 || len(i.Keys) == 0 || len(i.Domains) == 0 {
		return errNothing
	}
	for _, fqdn := range i.Domains {
		if sp, err := onem2m.ParseSP("//" + fqdn); err != nil || sp != "//"+fqdn {
			return errDomain
		}
	}
	for _, c := range i.Permitted {
		if err := c.check(); err != nil {
			return err
		}
		for _, a := range []esdata.Algorithm{c.Signature, c.Management} {
			if a != "" && !slices.ContainsFunc(i.Keys, func(k *esdata.Key) bool { return k.Algorithm() == a }) {
				return errNoKeyFor
			}
		}
	}
	return nil
}

// trusts reports whether the issuer speaks for the domain of a scoped name.
func (i Issuer) trusts(name string) bool {
	return slices.Contains(i.Domains, domainOf(name))
}

// shares reports whether two issuers hold one symmetric key.
func (i Issuer) shares(other Issuer) bool {
	for _, a := range i.Keys {
		if slices.ContainsFunc(other.Keys, a.Same) {
			return true
		}
	}
	return false
}
