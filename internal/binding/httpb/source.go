package httpb

import (
	"net/netip"
	"slices"
	"strings"
)

// clientAddress returns the right-most address of X-Forwarded-For that isn't a
// trusted proxy's: everything to the left of it is only what the client says.
// It is invalid, which no rule about addresses matches, when that entry can't
// be read.
func clientAddress(values []string, trusted []netip.Prefix) netip.Addr {
	var last netip.Addr
	for _, value := range slices.Backward(values) {
		entries := strings.Split(value, ",")
		for _, entry := range slices.Backward(entries) {
			address, ok := parseForwarded(trimBlanks(entry))
			if !ok {
				return netip.Addr{}
			}
			if last = address; !contains(trusted, address) {
				return address
			}
		}
	}
	return last
}

// parseForwarded reads one entry, with or without a port.
func parseForwarded(entry string) (netip.Addr, bool) {
	if address, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
		return address.Unmap().WithZone(""), true
	}
	if pair, err := netip.ParseAddrPort(entry); err == nil {
		return pair.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}

func contains(prefixes []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(address) })
}
