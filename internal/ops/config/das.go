package config

import (
	"path/filepath"
	"strings"

	"bulwark/onem2m"
)

// checkDAS holds the Dynamic Authorization Server against what its identifiers
// and files must be. The policy is in a file and is read later.
func (c *Config) checkDAS(k *checker) {
	d := c.DAS
	if d.ID == "" {
		for key, set := range map[string]bool{"fqdn": d.FQDN != "", "policy": d.Policy != "", "client-ca": d.ClientCA != "", "forwarders": len(d.Forwarders) > 0, "register": d.Register != ""} {
			if set {
				k.fail("das."+key, "there is no server without das.id")
			}
		}
		return
	}
	if id, form, err := c.Home().ParseID(d.ID); err != nil || form != onem2m.FormAbsolute || string(id) != d.ID || id.Stem() == "" {
		k.fail("das.id", "%q is no absolute AE-ID, such as %s/Sdas", d.ID, c.CSE.SP)
	} else if id.SP() != c.CSE.SP {
		k.fail("das.id", "%s is not of the provider cse.sp, %s", d.ID, c.CSE.SP)
	}
	if sp, err := onem2m.ParseSP("//" + d.FQDN); err != nil || sp != "//"+d.FQDN {
		k.fail("das.fqdn", "%q is no domain name in lower case, such as das.m2m.example", d.FQDN)
	}
	if d.Policy == "" {
		k.fail("das.policy", "must name the file with the policy")
	}
	if err := checkAddress(d.Address); err != nil {
		k.fail("das.address", "%v", err)
	}
	if (d.Cert == "") != (d.Key == "") {
		k.fail("das.cert", "cert and key go together")
	}
	if (d.AECert == "") != (d.AEKey == "") {
		k.fail("das.ae-cert", "ae-cert and ae-key go together")
	}
	for key, url := range map[string]string{"register": d.Register, "point": d.Point} {
		if url != "" && (!PathOrURL(url).IsURL() || !strings.HasPrefix(url, "https://")) {
			k.fail("das."+key, "%q is no https URL", url)
		}
	}
	for _, name := range d.Forwarders {
		if id, form, err := c.Home().ParseID(name); err != nil || form != onem2m.FormAbsolute || string(id) != name || id.Stem() != "" {
			k.fail("das.forwarders", "%q is no absolute CSE-ID, such as %s", name, c.Home().ID())
		}
	}
}

// Publishes reports whether the keys of an issuer are in the file that the server
// of [das] writes: it isn't there before the first start.
func (c *Config) Publishes(i TokenIssuer) bool {
	return c.DAS.ID != "" && i.ID == c.DAS.ID && filepath.Clean(string(i.JWKS)) == filepath.Join(string(c.Data), "das", "jwks.json")
}
