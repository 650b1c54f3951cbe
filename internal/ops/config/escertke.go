package config

import (
	"fmt"
	"slices"

	"bulwark/onem2m"
)

// ESCertKE holds the tables [[escertke.peer]].
type ESCertKE struct {
	Peers []ESCertKEPeer `toml:"peer" doc:"Who may establish a pairwise key with this CSE by certificate. Without any, nobody may. The CSE shows the certificate of [remote] or of its first https listener."`
}

// ESCertKEPeer is one [[escertke.peer]] entry.
type ESCertKEPeer struct {
	ID       string `toml:"id" doc:"Absolute AE-ID or CSE-ID, which its certificate has to prove."`
	CA       Path   `toml:"ca" doc:"PEM file of its trust anchor. The default is the [[anchor]] entries of the listeners."`
	DNS      string `toml:"dns" doc:"The dNSName in the certificate of a CSE, when it is not the one that follows from the CSE-ID. A [[peer]] entry says it as well."`
	Initiate bool   `toml:"initiate" default:"false" doc:"This CSE begins: when it has no key with the peer, and again before one expires."`
}

// checkESCertKE holds the entries against their forms. Files are read later.
func (c *Config) checkESCertKE(k *checker) {
	seen := map[onem2m.ID]bool{}
	for i, p := range c.ESCertKE.Peers {
		path := fmt.Sprintf("escertke.peer[%d].", i)
		id, form, err := c.Home().ParseID(p.ID)
		switch {
		case err != nil || form != onem2m.FormAbsolute || string(id) != p.ID:
			k.fail(path+"id", "%q is no absolute AE-ID or CSE-ID, such as //m2m.example/id-mn", p.ID)
		case seen[id]:
			k.fail(path+"id", "%s is given twice", p.ID)
		case id == c.Home().ID():
			k.fail(path+"id", "is this CSE itself")
		case id.In(c.Home()) == c.CSE.Admin:
			k.fail(path+"id", "is the admin, who needs the certificate for every connection")
		}
		seen[id] = true
		switch {
		case p.DNS == "":
		case !validHost(p.DNS) || id.Stem() != "":
			k.fail(path+"dns", "%q is no domain name, or the peer is no CSE", p.DNS)
		case p.CA == "":
			k.fail(path+"dns", "goes with ca; without one, say it in a [[peer]] entry")
		}
	}
	if len(c.ESCertKE.Peers) > 0 && len(c.Listen) > 0 && c.Remote.Cert == "" &&
		!slices.ContainsFunc(c.Listen, func(l Listener) bool { return l.Binding.Secure() }) {
		k.fail("escertke.peer[0].id", "this CSE has no certificate to show: it has no https or wss listener, and [remote] names none")
	}
}
