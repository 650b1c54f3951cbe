package config

import (
	"fmt"
	"strings"

	"bulwark/internal/dynauth"
	"bulwark/onem2m"
)

// checkGrantors holds those who may grant roles and tokens against what their
// identifiers and domains must be. The keys are in a file and are read later.
func (c *Config) checkGrantors(k *checker) {
	seen := map[string]bool{}
	for i, issuer := range c.Token.Issuers {
		path := fmt.Sprintf("token.issuer[%d].", i)
		c.checkGrantor(k, path, issuer.ID, issuer.FQDN, seen)
		if issuer.JWKS == "" {
			k.fail(path+"jwks", "must name the file with its keys")
		}
		if len(issuer.Accept) == 0 {
			k.fail(path+"accept", "must name at least one way to protect a token, such as sign:ES256")
		}
		for _, text := range issuer.Accept {
			if _, err := dynauth.ParseAccept(text); err != nil {
				k.fail(path+"accept", "%v", err)
			}
		}
		for _, id := range issuer.Revoked {
			if _, fqdn, ok := strings.Cut(id, "@"); !ok || !strings.EqualFold(fqdn, issuer.FQDN) {
				k.fail(path+"revoked", "%q is no Token-ID of this issuer: it ends in @%s", id, issuer.FQDN)
			}
		}
	}
	seen = map[string]bool{}
	for i, a := range c.Trust.Roles {
		c.checkGrantor(k, fmt.Sprintf("trust.role-authority[%d].", i), a.ID, a.FQDN, seen)
	}
}

// checkGrantor holds identifier and domain of one of them against their forms.
func (c *Config) checkGrantor(k *checker, path, name, fqdn string, seen map[string]bool) {
	if id, form, err := c.Home().ParseID(name); err != nil || form != onem2m.FormAbsolute || string(id) != name {
		k.fail(path+"id", "%q is no absolute AE-ID or CSE-ID, such as //m2m.example/Sdas", name)
	} else if seen[name] {
		k.fail(path+"id", "%s is given twice", name)
	}
	seen[name] = true
	if sp, err := onem2m.ParseSP("//" + fqdn); err != nil || sp != "//"+fqdn {
		k.fail(path+"fqdn", "%q is no domain name in lower case, such as das.m2m.example", fqdn)
	}
}
