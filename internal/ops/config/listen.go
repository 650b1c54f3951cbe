package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// defaultHTTPS is the address of the listener of a configuration that names
// none.
const defaultHTTPS = "127.0.0.1:8443"

// off is the value of an address flag that removes the listener.
const off = "off"

// mergeListeners applies --https, --http and --trust-plain, from flags or the
// environment, to the listeners of the file.
func (c *Config) mergeListeners(given map[string]setting, from origins) error {
	if len(c.Listen) == 0 {
		c.Listen = []Listener{{Binding: BindingHTTPS, Address: defaultHTTPS}}
	}
	for _, b := range listenerBindings() {
		if s, ok := given[string(b)]; ok {
			if err := c.setAddress(b, s, from); err != nil {
				return err
			}
		}
	}
	s, ok := given["trust-plain"]
	if !ok {
		return nil
	}
	trust, err := strconv.ParseBool(s.text)
	if err != nil {
		return &Error{Where: s.where, Text: fmt.Sprintf("%q is neither true nor false", s.text)}
	}
	found := false
	for i := range c.Listen {
		if !c.Listen[i].Binding.Secure() {
			c.Listen[i].TrustPlain, found = trust, true
			from[fmt.Sprintf("listen[%d].trust-plain", i)] = s.where
		}
	}
	if trust && !found {
		return &Error{Where: s.where, Text: "there is no plain listener; add --http 127.0.0.1:8080"}
	}
	return nil
}

// listenerBindings are the bindings that have a flag of their own.
func listenerBindings() []Binding { return []Binding{BindingHTTPS, BindingHTTP, BindingWSS, BindingWS} }

// setAddress changes, adds or removes the one listener of a binding.
func (c *Config) setAddress(b Binding, s setting, from origins) error {
	at := -1
	for i, l := range c.Listen {
		if l.Binding != b {
			continue
		}
		if at >= 0 && s.text != off {
			return &Error{Where: s.where, Text: fmt.Sprintf("the file has several %s listeners; change the address there", b)}
		}
		at = i
	}
	if s.text == off {
		c.Listen = slices.DeleteFunc(c.Listen, func(l Listener) bool { return l.Binding == b })
		return nil
	}
	if at < 0 {
		c.Listen = append(c.Listen, Listener{Binding: b})
		at = len(c.Listen) - 1
	}
	c.Listen[at].Address = s.text
	from[fmt.Sprintf("listen[%d].address", at)] = s.where
	return nil
}

// Loopback reports whether the listener can only be reached from this
// machine: its address is a loopback one or the name localhost. An empty host
// stands for every address.
func (l Listener) Loopback() bool {
	host, _, err := net.SplitHostPort(l.Address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// LoopbackOnly reports whether every listener is a loopback one: then the CSE
// may also call receivers on loopback (decision 26).
func (c *Config) LoopbackOnly() bool {
	return !slices.ContainsFunc(c.Listen, func(l Listener) bool { return !l.Loopback() })
}
