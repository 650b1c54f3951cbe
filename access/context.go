package access

import (
	"math"
	"net/netip"
	"slices"

	"bulwark/onem2m"
)

// context is one accessControlContexts element. Its parts are ANDed and an
// absent one accepts everything.
type context struct {
	windows   []*onem2m.Schedule // actw; one is enough
	addresses *addresses         // acip
	region    *region            // aclr
}

// addresses is an accessControlIpAddresses element, both families together:
// an address never lies in a prefix of the other family.
type addresses struct{ prefixes []netip.Prefix }

// region is an accessControlLocationRegion: a list of countries or else a
// circle.
type region struct {
	countries           []string
	latitude, longitude float64 // degrees
	radius              float64 // metres
}

// acceptsContext is res_ctxts of TS-0003 clause 7.1.5: without contexts a rule
// accepts every one, with contexts one must hold.
func (r *rule) acceptsContext(q *Query) bool {
	if len(r.contexts) == 0 {
		return true
	}
	for i := range r.contexts {
		if r.contexts[i].accepts(q) {
			return true
		}
	}
	return false
}

func (c *context) accepts(q *Query) bool {
	return c.acceptsTime(q) && c.acceptsAddress(q) && c.acceptsLocation(q)
}

func (c *context) acceptsTime(q *Query) bool {
	if len(c.windows) == 0 {
		return true
	}
	for _, w := range c.windows {
		if w.Contains(q.Time) {
			return true
		}
	}
	return false
}

func (c *context) acceptsAddress(q *Query) bool {
	if c.addresses == nil {
		return true
	}
	ip := plainAddress(q.IP)
	for _, p := range c.addresses.prefixes {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// plainAddress makes an IPv4-mapped IPv6 address an IPv4 one and drops
// the zone, which is a matter of this host and never part of a rule.
func plainAddress(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }

func (c *context) acceptsLocation(q *Query) bool {
	if c.region == nil {
		return true
	}
	if q.Location == nil {
		return false
	}
	if c.region.countries != nil {
		return slices.Contains(c.region.countries, q.Location.Country)
	}
	return c.region.hasPosition(q.Location)
}

// hasPosition reports whether the whole circle of uncertainty lies in the
// region (A-92). A position that isn't on the globe is unknown.
func (r *region) hasPosition(l *Location) bool {
	known := l.HasPosition && math.Abs(l.Latitude) <= 90 && math.Abs(l.Longitude) <= 180 && l.Uncertainty >= 0
	return known && r.distance(l)+l.Uncertainty <= r.radius
}

// earthRadius is the mean radius of the earth in metres.
const earthRadius = 6371008.8

// distance returns the metres from the centre along the great circle, by the
// haversine formula, which stays exact for the short distances that matter.
func (r *region) distance(l *Location) float64 {
	const degree = math.Pi / 180
	sinLat := math.Sin((l.Latitude - r.latitude) * degree / 2)
	sinLon := math.Sin((l.Longitude - r.longitude) * degree / 2)
	h := sinLat*sinLat + math.Cos(r.latitude*degree)*math.Cos(l.Latitude*degree)*sinLon*sinLon
	return 2 * earthRadius * math.Asin(math.Sqrt(min(h, 1)))
}
