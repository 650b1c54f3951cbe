package httpb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bulwark/onem2m"
)

// Policy decides which addresses the CSE may connect to (decision 26). It
// is asked about the resolved address, at the moment of connecting, so that a
// name can't point somewhere else in between.
type Policy struct {
	AllowPrefixes []netip.Prefix // lift the ban on loopback addresses
	AllowNames    []string       // host names that may resolve to loopback addresses
	AllowHosts    []string       // hosts with their ports, "host:port", that may be on loopback addresses
	DenyPrefixes  []netip.Prefix
	DenyNames     []string // host names, and what is below them

	// Own returns the addresses of the CSE's own listeners; an unspecified
	// address stands for every address of the machine. Nil for none.
	Own func() []netip.AddrPort

	// LoopbackAllowed is set while all own listeners are on loopback addresses.
	LoopbackAllowed bool
}

// metadata are the addresses where clouds tell machines their credentials, as
// far as they are not link-local.
var metadata = []netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"),
	netip.MustParseAddr("100.100.100.200"),
	netip.MustParseAddr("192.0.0.192"),
	netip.MustParseAddr("168.63.129.16"),
}

// neverRoutable are ranges without a host that could be meant.
var neverRoutable = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("240.0.0.0/4"),
}

// carriers are IPv6 ranges that carry an IPv4 address, and where in it.
var carriers = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},    // NAT64
	{netip.MustParsePrefix("2002::/16"), 2},        // 6to4
	{netip.MustParsePrefix("::/96"), 12},           // IPv4-compatible
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12}, // IPv4-translated
	{netip.MustParsePrefix("64:ff9b:1::/96"), 12},  // NAT64 of the own network, its usual form
}

// permits returns why a connection to address, found for host, isn't allowed, or nil.
func (p *Policy) permits(host string, address netip.AddrPort) error {
	ip := address.Addr().Unmap()
	if err := p.permitsIP(host, ip, address.Port()); err != nil {
		return err
	}
	for _, c := range carriers {
		// ::1 and :: are inside ::/96 but are themselves.
		if !c.prefix.Contains(ip) || ip.IsLoopback() {
			continue
		}
		octets := ip.As16()
		if err := p.permitsIP(host, netip.AddrFrom4([4]byte(octets[c.at:c.at+4])), address.Port()); err != nil {
			return err
		}
	}
	if p.own(netip.AddrPortFrom(ip, address.Port())) {
		return errors.New("one of the own listeners")
	}
	return nil
}

func (p *Policy) permitsIP(host string, ip netip.Addr, port uint16) error {
	switch {
	case ip.IsUnspecified(), contains(neverRoutable, ip.WithZone("")):
		return errors.New("not the address of a host")
	case ip.IsMulticast():
		return errors.New("a multicast address")
	case ip.IsLinkLocalUnicast():
		return errors.New("a link-local address")
	case slices.Contains(metadata, ip.WithZone("")):
		return errors.New("a metadata service")
	case contains(p.DenyPrefixes, ip.WithZone("")):
		return errors.New("denied by the configuration")
	case ip.IsLoopback() && !p.LoopbackAllowed && !contains(p.AllowPrefixes, ip) &&
		!slices.ContainsFunc(p.AllowNames, func(name string) bool { return canonicalHost(name) == host }) &&
		!slices.Contains(p.AllowHosts, net.JoinHostPort(host, strconv.Itoa(int(port)))):
		return errors.New("a loopback address")
	}
	return nil
}

// own reports whether the CSE itself listens at address.
func (p *Policy) own(address netip.AddrPort) bool {
	if p.Own == nil {
		return false
	}
	for _, own := range p.Own() {
		if own.Port() != address.Port() {
			continue
		}
		ip := own.Addr().Unmap().WithZone("")
		if ip == address.Addr().WithZone("") || ip.IsUnspecified() && localAddress(address.Addr()) {
			return true
		}
	}
	return false
}

// localAddress reports whether ip is one of this machine. When that can't be
// found out it counts as one.
func localAddress(ip netip.Addr) bool {
	if ip.IsLoopback() {
		return true
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(addresses, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		if !ok {
			return false
		}
		local, ok := netip.AddrFromSlice(n.IP)
		return ok && local.Unmap() == ip.WithZone("")
	})
}

// deniesName reports whether host or a domain above it is denied.
func (p *Policy) deniesName(host string) bool {
	return slices.ContainsFunc(p.DenyNames, func(name string) bool {
		name = canonicalHost(name)
		return host == name || strings.HasSuffix(host, "."+name)
	})
}

func canonicalHost(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// dial connects to the first address of a host that the policy permits and
// that answers.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.ConnectTimeout)
	defer cancel()
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, describe("target", err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, describe("target", err)
	}
	host = canonicalHost(host)
	if c.o.Policy.deniesName(host) {
		return nil, c.denied(host, errors.New("denied by the configuration"))
	}
	addresses, err := c.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	var failed, refused error
	var dialer net.Dialer
	for _, ip := range addresses {
		at := netip.AddrPortFrom(ip.Unmap(), uint16(port))
		if err := c.o.Policy.permits(host, at); err != nil {
			refused = fmt.Errorf("%s: %w", ip, err)
			continue
		}
		conn, err := dialer.DialContext(ctx, network, at.String())
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	switch {
	case failed != nil:
		return nil, describe("connect", failed)
	case refused != nil:
		return nil, c.denied(host, refused)
	}
	return nil, errors.New("the host has no address")
}

func (c *Client) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	addresses, err := c.o.Resolve(ctx, host)
	if err != nil {
		return nil, describe("resolve", err)
	}
	return addresses, nil
}

func (c *Client) denied(host string, why error) error {
	c.log.Warn("connection not allowed", "host", host, "reason", why)
	return &onem2m.Error{Code: onem2m.TargetNotReachable, Text: "the address of the target is not allowed", Cause: why}
}

func systemResolve(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}
