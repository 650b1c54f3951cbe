package config

import (
	"errors"
	"fmt"
	"net"
	pathpattern "path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"bulwark/onem2m"
)

// checker collects what is wrong.
type checker struct {
	from origins
	errs []error
}

func (k *checker) fail(path, format string, args ...any) {
	e := &Error{Where: k.from[path], Key: path, Text: fmt.Sprintf(format, args...)}
	if e.Where == "" {
		// A key that is absent is reported at its table, if that is in the file.
		if i := strings.LastIndexByte(path, '.'); i > 0 {
			e.Where = k.from[path[:i]]
		}
	}
	k.errs = append(k.errs, e)
}

// later refuses a value that only a later version takes (decision 33).
func (k *checker) later(path, text string) {
	k.fail(path, "%s", text)
	if e, ok := errors.AsType[*Error](k.errs[len(k.errs)-1]); ok {
		e.Cause = ErrNotInThisVersion
	}
}

// validate checks every value and how they fit together.
func (c *Config) validate(from origins) []error {
	k := &checker{from: from}
	c.checkProcess(k)
	c.checkCSE(k)
	c.checkListeners(k)
	c.checkEntities(k)
	c.checkGrantors(k)
	c.checkPoints(k)
	c.checkESPrim(k)
	c.checkESCertKE(k)
	c.checkDAS(k)
	c.checkRemote(k)
	c.checkOutbound(k)
	c.checkNumbers(k)
	c.checkLater(k)
	return k.errs
}

func (c *Config) checkProcess(k *checker) {
	if c.Data == "" {
		k.fail("data", "must name a folder")
	}
	switch {
	case c.Store == "sqlite":
	case strings.HasPrefix(c.Store, "postgres://"), strings.HasPrefix(c.Store, "postgresql://"):
		k.later("store", "a shared PostgreSQL engine is not in this version; use sqlite")
	default:
		k.fail("store", "must be sqlite")
	}
	if c.Secrets.MasterKeyFile != "" && c.Secrets.SystemdCredential != "" {
		k.fail("secrets.systemd-credential", "master-key-file is given too; keep one of them")
	}
	if c.Ops != off {
		if err := checkAddress(c.Ops); err != nil {
			k.fail("ops", "%v, or off", err)
		}
	}
}

func (c *Config) checkCSE(k *checker) {
	for i, pattern := range c.CSE.Registrees {
		id, form, err := c.Home().ParseID(strings.ReplaceAll(pattern, "*", "x"))
		if err != nil || form == onem2m.FormStem || id.Registrar() != "" || strings.Contains(pattern[:strings.LastIndexByte(pattern, '/')], "*") {
			k.fail(fmt.Sprintf("cse.registrees[%d]", i), "%q is no CSE-ID: write /id-home, or /id-home* for all that begin so", pattern)
		}
	}
	if id, ok := strings.CutPrefix(c.CSE.ID, "/"); !ok || !onem2m.ValidName(id) {
		k.fail("cse.id", "%q is no CSE-ID: write a slash and a name, such as /id-in", c.CSE.ID)
	} else if id[0] == 'S' {
		k.fail("cse.id", "%q looks like an AE-ID; choose a name that does not begin with S", c.CSE.ID)
	}
	if !onem2m.ValidName(c.CSE.Name) {
		k.fail("cse.name", "%q is no resource name: use letters, digits and - . _ ~", c.CSE.Name)
	} else if "/"+c.CSE.Name == c.CSE.ID {
		k.fail("cse.name", "must differ from the CSE-ID without its slash, or addresses are ambiguous")
	}
	if sp, err := onem2m.ParseSP(c.CSE.SP); err != nil {
		k.fail("cse.sp", "%q is no M2M-SP-ID: write // and a domain name, such as //m2m.example", c.CSE.SP)
	} else {
		c.CSE.SP = sp
	}
	if a := c.CSE.Admin; !onem2m.ValidName(a) || a[0] != 'C' && a[0] != 'S' {
		k.fail("cse.admin", "%q is no AE-ID-stem: it begins with C or S, such as CAdmin", a)
	}
	if len(c.CSE.Releases) == 0 {
		k.fail("cse.releases", "must name at least one of 1, 2a, 3, 4")
	}
	for i, r := range c.CSE.Releases {
		if slices.Contains(c.CSE.Releases[:i], r) {
			k.fail("cse.releases", "names %q twice", r)
		}
	}
}

// Home is the identity of the CSE for the interpretation of identifiers.
func (c *Config) Home() onem2m.Home {
	return onem2m.Home{SP: c.CSE.SP, CSE: c.CSE.ID, Name: c.CSE.Name}
}

func (c *Config) checkListeners(k *checker) {
	if len(c.Listen) == 0 {
		k.fail("listen", "there is no listener; give --https ADDR or --http ADDR, or a [[listen]] table")
	}
	seen := map[string]bool{}
	for i, l := range c.Listen {
		path := fmt.Sprintf("listen[%d].", i)
		if l.Binding == "" {
			k.fail(path+"binding", "must be http, https, ws or wss")
		}
		if err := checkAddress(l.Address); err != nil {
			k.fail(path+"address", "%v", err)
			continue
		}
		if seen[l.Address] && !strings.HasSuffix(l.Address, ":0") {
			k.fail(path+"address", "another listener has %s already", l.Address)
		}
		seen[l.Address] = true
		c.checkListener(k, path, l)
	}
}

// checkListener holds one listener against the rules of decision 3 and S-006.
func (c *Config) checkListener(k *checker, path string, l Listener) {
	plain := !l.Binding.Secure()
	switch {
	case l.TrustPlain && !plain:
		k.fail(path+"trust-plain", "is for plain listeners only")
	case l.TrustPlain && !l.Loopback():
		k.fail(path+"trust-plain", "%s is not a loopback address; a listener that trusts From must be on 127.0.0.1 or [::1]", l.Address)
	}
	if plain && !l.Loopback() && !c.AllowInsecure {
		k.fail(path+"address", "%s is plain %s on an address that others can reach; use 127.0.0.1, use %ss, or give --allow-insecure", l.Address, l.Binding, l.Binding)
	}
	switch {
	case plain && l.SA == SARequired:
		k.fail(path+"sa", "a plain listener has no security associations to require; use %ss", l.Binding)
	case !plain && l.SA == SAOptional && !l.Loopback() && !c.AllowInsecure:
		k.fail(path+"sa", "optional on %s lets strangers in; use required, or give --allow-insecure", l.Address)
	}
	if plain && (l.Cert != "" || l.Key != "" || l.ClientCA != "") {
		k.fail(path+"cert", "a plain listener uses no certificates; remove cert, key and client-ca, or use %ss", l.Binding)
	}
	if (l.Cert == "") != (l.Key == "") {
		k.fail(path+"cert", "cert and key go together")
	}
	if len(l.Origins) > 0 && !l.Binding.Sockets() {
		k.fail(path+"origins", "is for ws and wss listeners only")
	}
	for _, o := range l.Origins {
		if _, err := pathpattern.Match(o, ""); err != nil || o == "" {
			k.fail(path+"origins", "%q is no pattern of a host", o)
		}
	}
	for _, p := range l.TrustedProxies {
		if p.Bits() == 0 {
			k.fail(path+"trusted-proxies", "%s trusts everybody; name the proxies", p)
		}
	}
}

func (c *Config) checkEntities(k *checker) {
	for i, a := range c.Anchors {
		path := fmt.Sprintf("anchor[%d].", i)
		if a.CA == "" {
			k.fail(path+"ca", "must name a PEM file")
		}
		if len(a.Flavours) == 0 {
			k.fail(path+"flavours", "must name at least one of ae, cse, node, device, fqdn")
		}
	}
	for i, l := range c.Locations {
		c.checkLocation(k, fmt.Sprintf("location[%d].", i), l)
	}
	for i, p := range c.Peers {
		path := fmt.Sprintf("peer[%d].", i)
		id, form, err := c.Home().ParseID(p.ID)
		switch {
		case err != nil || form == onem2m.FormStem || id.Registrar() != "":
			k.fail(path+"id", "%q is no CSE-ID: write /id-far or //far.example/id-far", p.ID)
		case id == c.Home().ID():
			k.fail(path+"id", "%q is this CSE itself", p.ID)
		}
		if p.DNS != "" && !validHost(strings.ToLower(p.DNS)) {
			k.fail(path+"dns", "%q is no domain name", p.DNS)
		}
		for j, pattern := range p.Descendants {
			if !cseIDPattern(c.Home(), pattern) {
				k.fail(fmt.Sprintf("%sdescendants[%d]", path, j), "%q is no CSE-ID: write /id-home, or /id-home* for all that begin so", pattern)
			}
		}
		c.checkLookup(k, path, i)
		if p.Network == "default" {
			k.fail(path+"network", "default stands for every network that no rule names")
		}
		if p.Network != "" && slices.ContainsFunc(c.Peers[:i], func(other Peer) bool { return other.Network != "" && c.same(other, p) }) {
			k.fail(path+"network", "another entry names the network of %s", p.ID)
		}
	}
}

// checkLookup: an IN-CSE finds the IN-CSEs of other providers by DNS (TS-0001
// clause 8.2.1.2), one of each.
func (c *Config) checkLookup(k *checker, path string, i int) {
	p := c.Peers[i]
	id, _, err := c.Home().ParseID(p.ID)
	switch {
	case p.DNSPort == 0 || err != nil:
	case p.DNSPort < 1 || p.DNSPort > 65535:
		k.fail(path+"dns-port", "%d is no port", p.DNSPort)
	case c.CSE.Type != CSETypeIN || id.SP() == c.CSE.SP:
		k.fail(path+"dns-port", "an in finds the IN-CSEs of other providers by DNS: %s isn't one", p.ID)
	case slices.ContainsFunc(c.Peers[:i], func(other Peer) bool {
		at, _, err := c.Home().ParseID(other.ID)
		return err == nil && other.DNSPort != 0 && at.SP() == id.SP()
	}):
		k.fail(path+"dns-port", "another entry leads to %s", id.SP())
	}
}

// PublicName is the domain name of a peer: what the operator says, or by default
// that of an IN-CSE that is found by DNS (TS-0001 clause 6.5.1.1); else "".
func (c *Config) PublicName(p Peer) string {
	id, _, err := c.Home().ParseID(p.ID)
	if p.DNS != "" || p.DNSPort == 0 || err != nil {
		return p.DNS
	}
	return strings.TrimPrefix(id.SPRelative(), "/") + "." + strings.TrimPrefix(id.SP(), "//")
}

// cseIDPattern reports whether a pattern can match a CSE-ID of the own SP.
func cseIDPattern(home onem2m.Home, pattern string) bool {
	id, form, err := home.ParseID(strings.ReplaceAll(pattern, "*", "x"))
	return err == nil && form != onem2m.FormStem && id.Registrar() == "" && id.SP() == home.SP
}

// same reports whether two entries are for one CSE.
func (c *Config) same(a, b Peer) bool {
	one, _, err := c.Home().ParseID(a.ID)
	two, _, _ := c.Home().ParseID(b.ID)
	return err == nil && one == two
}

func (c *Config) checkLocation(k *checker, path string, l Location) {
	if _, form, err := c.Home().ParseID(l.ID); err != nil || form != onem2m.FormAbsolute {
		k.fail(path+"id", "%q is no absolute AE-ID, such as //m2m.example/id-in/CLamp", l.ID)
	}
	// Written so that NaN fails as well.
	if !(l.Latitude >= -90 && l.Latitude <= 90) {
		k.fail(path+"latitude", "must be from -90 to 90 degrees")
	}
	if !(l.Longitude >= -180 && l.Longitude <= 180) {
		k.fail(path+"longitude", "must be from -180 to 180 degrees")
	}
	if !(l.Uncertainty >= 0 && l.Uncertainty <= maxUncertainty) {
		k.fail(path+"uncertainty", "must be from 0 to %d metres", int(maxUncertainty))
	}
	if l.Country != "" && (len(l.Country) != 2 || strings.Trim(l.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		k.fail(path+"country", "%q is no code of two capital letters", l.Country)
	}
}

// maxUncertainty is half the girth of the earth in metres: beyond it a
// position says nothing.
const maxUncertainty = 20_040_000

func (c *Config) checkOutbound(k *checker) {
	for _, h := range c.Outbound.Allow {
		if h.Name == "" && h.Prefix.Bits() == 0 {
			k.fail("outbound.allow", "%s allows every address; name the receivers", h.Prefix)
		}
	}
}

// checkNumbers holds counts, sizes and durations against their bounds.
func (c *Config) checkNumbers(k *checker) {
	atLeast := func(path string, value, least int64) {
		if value < least {
			k.fail(path, "must be at least %d", least)
		}
	}
	atLeast("outbound.queue", int64(c.Outbound.Queue), 1)
	atLeast("audit.size", int64(c.Audit.Size), 64<<10)
	atLeast("audit.count", int64(c.Audit.Count), 2)
	atLeast("limits.body", int64(c.Limits.Body), 1<<10)
	atLeast("limits.header", int64(c.Limits.Header), 1<<10)
	atLeast("limits.depth", int64(c.Limits.Depth), 4)
	atLeast("limits.results", int64(c.Limits.Results), 1)
	atLeast("limits.announced", int64(c.Limits.Announced), 1)
	atLeast("limits.connections", int64(c.Limits.Connections), 1)
	atLeast("limits.requests", int64(c.Limits.Requests), 1)
	for _, key := range Keys() {
		if key.Kind != "duration" || key.Path == "timing.clock-leeway" || key.Path == "timing.token-recheck" { // none is one
			continue
		}
		if d, ok := reflect.TypeAssert[Duration](c.field(key)); ok && d.Duration <= 0 {
			k.fail(key.Path, "must be longer than 0")
		}
	}
	if c.Timing.DefaultExpiration.Duration > c.Timing.MaxExpiration.Duration {
		k.fail("timing.default-expiration", "must not be longer than max-expiration")
	}
}

// checkLater refuses every value that would be accepted and then do nothing.
func (c *Config) checkLater(k *checker) {
	for _, key := range Keys() {
		if key.Later == "" {
			continue
		}
		text := key.Later + " " + ErrNotInThisVersion.Error()
		if !strings.HasSuffix(key.Table, "[]") {
			if v := c.field(key); !v.IsZero() && (v.Kind() != reflect.Slice || v.Len() > 0) {
				k.later(key.Path, text)
			}
			continue
		}
		list := c.list(key.Table)
		for i := range list.Len() {
			if v := list.Index(i).FieldByIndex(key.index); !v.IsZero() {
				k.later(fmt.Sprintf("%s[%d].%s", strings.TrimSuffix(key.Table, "[]"), i, key.Name), text)
			}
		}
	}
}

// checkAddress accepts a host and a port; the host may be an address, a name
// or empty.
func checkAddress(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is no address: write host:port, such as 127.0.0.1:8443", s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n > 65535 {
		return fmt.Errorf("%q has no port number from 0 to 65535", s)
	}
	if host != "" && net.ParseIP(strings.SplitN(host, "%", 2)[0]) == nil && !validHost(strings.ToLower(host)) {
		return fmt.Errorf("%q has neither an IP address nor a host name", s)
	}
	return nil
}
