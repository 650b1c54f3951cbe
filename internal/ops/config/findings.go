package config

import "fmt"

// Severity orders findings.
type Severity int

// The severities: what works as intended but is worth knowing, what weakens
// the installation, what must be changed.
const (
	Info Severity = iota
	Warning
	Fault
)

// String returns "info", "warning" or "error".
func (s Severity) String() string { return [...]string{"info", "warning", "error"}[s] }

// MarshalText returns String.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is a remark of bulwark check.
type Finding struct {
	Severity Severity `json:"severity"`
	Subject  string   `json:"subject"` // key, file or resource
	Text     string   `json:"text"`
}

// Findings returns what is valid in c but risky, without reading any file.
func (c *Config) Findings() []Finding {
	var all []Finding
	add := func(s Severity, subject, format string, args ...any) {
		all = append(all, Finding{s, subject, fmt.Sprintf(format, args...)})
	}
	for _, w := range c.Warnings {
		add(Warning, "environment", "%s", w)
	}
	for i, l := range c.Listen {
		path := fmt.Sprintf("listen[%d]", i)
		switch {
		case !l.Binding.Secure() && !l.Loopback():
			add(Warning, path, "%s is plain %s that others can reach: requests and answers can be read and changed on the way", l.Address, l.Binding)
		case l.TrustPlain:
			add(Warning, path, "%s trusts every From: whoever can open a connection on this machine is whoever they say, the admin too", l.Address)
		case l.Binding.Secure() && l.SA == SAOptional:
			add(Warning, path, "%s takes peers without a certificate", l.Address)
		}
		if l.Binding.Secure() && l.Cert == c.PKI("server.crt") {
			add(Info, path, "%s uses the development certificate authority in the data directory", l.Address)
		}
	}
	for i, key := range c.ESPrim.Keys {
		if key.Key != "" {
			add(Warning, fmt.Sprintf("esprim.key[%d]", i), "%s stands in the file itself: whoever reads the configuration has it; name a key-file", key.ID)
		}
	}
	if c.Ops != off && !(Listener{Address: c.Ops}).Loopback() {
		add(Warning, "ops", "%s tells everybody who can reach it the state of the process", c.Ops)
	}
	for _, h := range c.Outbound.Allow {
		if h.Name == "" && h.Prefix.IsValid() && h.Prefix.Addr().Unmap().IsLoopback() {
			add(Warning, "outbound.allow", "%s lets every originator who may subscribe reach services on this machine", h.Prefix)
		}
	}
	if c.Secrets == (Secrets{}) {
		add(Warning, "secrets", "the master key is in the data directory: whoever copies that has every key in it; name a file elsewhere or a credential of the service manager")
	}
	all = append(all, c.remoteFindings()...)
	switch {
	case !c.CSE.RequireSubscription || c.CSE.Type == CSETypeIN:
	case c.Remote.URL == "":
		add(Warning, "cse.require-subscription", "only an IN-CSE keeps service subscription data, and none is known: no AE can register here")
	default:
		add(Info, "cse.require-subscription", "the IN-CSE has to let this CSE discover and retrieve the serviceSubscribedNode that names it, and the rules of that")
	}
	if c.CSE.SP == "//m2m.example" {
		add(Info, "cse.sp", "//m2m.example is the example provider; choose a domain of your own before other CSEs know this one")
	}
	if len(c.Anchors) > 0 {
		for i, a := range c.Anchors {
			if a.CRL == "" {
				add(Info, fmt.Sprintf("anchor[%d].crl", i), "no revocation list: a stolen certificate counts until it expires")
			}
		}
	}
	return all
}
