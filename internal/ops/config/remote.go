package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"bulwark/onem2m"
)

// checkRemote holds the registrar and the own points of access against the
// rules of TS-0001 clause 6.1: an MN-CSE or ASN-CSE has its registrar in its own
// SP, and IN-CSEs register with each other across SPs only (C-216).
func (c *Config) checkRemote(k *checker) {
	for _, p := range c.CSE.Points {
		if u, err := url.Parse(p); err != nil || !pointURL(u) {
			k.fail("cse.points", "%q is no http or https URL", p)
		}
	}
	r := c.Remote
	if (r.Cert == "") != (r.Key == "") {
		k.fail("remote.cert", "cert and key go together")
	}
	if r.URL == "" && r.ID == "" {
		if r.Poll {
			k.fail("remote.poll", "there is no registrar to poll: name one with url and id")
		}
		return
	}
	if id, _, err := c.Home().ParseID(r.IN); r.IN != "" && (err != nil || id.Registrar() != "" || id.SP() != c.CSE.SP || id == c.Home().ID()) {
		k.fail("remote.in", "%q is no CSE-ID of the provider's IN-CSE: write /id-in", r.IN)
	}
	c.checkRegistrarURL(k)
	switch id, form, err := c.Home().ParseID(r.ID); {
	case r.ID == "":
		k.fail("remote.id", "must be the CSE-ID of the registrar, such as /id-in; --registrar-id sets it")
	case err != nil || form == onem2m.FormStem || id.Registrar() != "" || id.Stem() != "":
		k.fail("remote.id", "%q is no CSE-ID: write /id-in or //far.example/id-in", r.ID)
	case id == c.Home().ID():
		k.fail("remote.id", "%q is this CSE itself", r.ID)
	case c.CSE.Type == CSETypeIN && id.SP() == c.CSE.SP:
		k.fail("remote.id", "an in registers with a CSE of another provider only: write //far.example/id-far, or choose another type")
	case c.CSE.Type != CSETypeIN && id.SP() != c.CSE.SP:
		k.fail("remote.id", "an %s registers with a CSE of its own provider %s", c.CSE.Type, c.CSE.SP)
	}
}

// checkRegistrarURL: every hop between CSEs is a security association, but for
// one on the same machine (S-004).
func (c *Config) checkRegistrarURL(k *checker) {
	u, err := url.Parse(c.Remote.URL)
	switch {
	case c.Remote.URL == "":
		k.fail("remote.url", "must be the URL of the registrar, such as https://in.m2m.example:8443")
	case err != nil || !pointURL(u) || u.RawQuery != "" || u.Fragment != "":
		k.fail("remote.url", "%q is no URL of a CSE: write https://host:port or wss://host:port", c.Remote.URL)
	case !secure(u) && !(Listener{Address: net.JoinHostPort(u.Hostname(), "0")}).Loopback():
		k.fail("remote.url", "plain %s is for a registrar on this machine; use %ss", u.Scheme, u.Scheme)
	}
}

// secure reports whether a point of access is one over TLS.
func secure(u *url.URL) bool { return u.Scheme == "https" || u.Scheme == "wss" }

func pointURL(u *url.URL) bool {
	return slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme) && u.Hostname() != "" && u.User == nil
}

// RegistrarID is the absolute CSE-ID of the registrar, "" if there is none.
func (c *Config) RegistrarID() onem2m.ID {
	id, _, err := c.Home().ParseID(c.Remote.ID)
	if err != nil {
		return ""
	}
	return id
}

// remoteFindings are remarks on the way to and from the registrar.
func (c *Config) remoteFindings() []Finding {
	var all []Finding
	if c.Remote.URL == "" {
		return nil
	}
	if u, err := url.Parse(c.Remote.URL); err == nil && !secure(u) {
		all = append(all, Finding{Warning, "remote.url", fmt.Sprintf("plain %s proves nobody's identity: whoever listens there is the registrar", u.Scheme)})
	}
	sockets := strings.HasPrefix(c.Remote.URL, "ws://") || strings.HasPrefix(c.Remote.URL, "wss://") // which work both ways
	called := func(point string) bool {                                                              // a registrar opens no WebSocket to a CSE of its own provider
		return strings.HasPrefix(point, "http") || c.RegistrarID().SP() != c.CSE.SP
	}
	if !c.Remote.Poll && !sockets && !slices.ContainsFunc(c.AccessPoints(), called) {
		all = append(all, Finding{Warning, "cse.points", "the registrar is told no address at which this CSE can be called: name points, or set remote.poll"})
	}
	return all
}

// AccessPoints are the addresses at which the CSE tells others that it can be
// reached: those that are configured, else those of the listeners. A port that
// the system chooses is known too late, and an address that stands for every
// one of the machine is none.
func (c *Config) AccessPoints() []string {
	if len(c.CSE.Points) > 0 {
		return c.CSE.Points
	}
	var list []string
	for _, l := range c.Listen {
		if host, port, err := net.SplitHostPort(l.Address); err == nil && port != "0" && !everywhere(host) {
			list = append(list, string(l.Binding)+"://"+l.Address)
		}
	}
	return list
}

// everywhere reports whether a host stands for every address of the machine.
func everywhere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.Unmap().IsUnspecified()
}
