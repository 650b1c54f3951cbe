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
		c.checkRepository(k, path, issuer.Repository)
		if issuer.JWKS == "" {
			k.fail(path+"jwks", "must name the file with its keys")
		}
		if r := issuer.Revocations; r != "" && (!PathOrURL(r).IsURL() || !strings.HasPrefix(r, "https://")) {
			k.fail(path+"revocations", "%q is no https URL", r)
		}
		if len(issuer.Accept) == 0 {
			k.fail(path+"accept", "must name at least one way to protect a token, such as sign:ES256")
		}
		for _, text := range issuer.Accept {
			if _, err := dynauth.ParseAccept(text); err != nil {
				k.fail(path+"accept", "%v", err)
			}
		}
		if len(issuer.PoA) > dynauth.MaxPoints {
			k.fail(path+"poa", "at most %d points of access", dynauth.MaxPoints)
		}
		for _, point := range issuer.PoA {
			if err := dynauth.CheckPoint(point); err != nil {
				k.fail(path+"poa", "%q: %v", point, err)
			}
		}
		if issuer.Seal != "" && len(issuer.PoA) == 0 {
			k.fail(path+"seal", "is for the server at poa, which is missing")
		}
		for _, id := range issuer.Revoked {
			if _, fqdn, ok := strings.Cut(id, "@"); !ok || !strings.EqualFold(fqdn, issuer.FQDN) {
				k.fail(path+"revoked", "%q is no Token-ID of this issuer: it ends in @%s", id, issuer.FQDN)
			}
		}
	}
	if text := c.CSE.Consultation; text != "" {
		if a, err := onem2m.ParseAddress(text); err != nil || !a.Local(c.Home()) || a.Attribute != "" {
			k.fail("cse.consultation", "%q is no identifier of a resource of this CSE, such as %s/consultation", text, c.Home().Name)
		}
	}
	if d := c.Timing.ClockLeeway.Duration; d < 0 || d > dynauth.MaxLeeway {
		k.fail("timing.clock-leeway", "must be between 0s and 1m")
	}
	if c.Timing.TokenRecheck.Duration < 0 {
		k.fail("timing.token-recheck", "must not be negative")
	}
	seen = map[string]bool{}
	for i, a := range c.Trust.Roles {
		path := fmt.Sprintf("trust.role-authority[%d].", i)
		c.checkGrantor(k, path, a.ID, a.FQDN, seen)
		c.checkRepository(k, path, a.Repository)
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

// checkRepository: it is on another CSE. What is on this one is found anyway.
func (c *Config) checkRepository(k *checker, path, text string) {
	if text == "" {
		return
	}
	a, err := onem2m.ParseAddress(text)
	if err != nil || a.CSE == "" || len(a.Path) == 0 || a.Attribute != "" || a.Local(c.Home()) || strings.ContainsAny(text, " \t") {
		k.fail(path+"repository", "%q is no address on another CSE, such as /id-far/cse-far", text)
	}
}
