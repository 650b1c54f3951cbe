package access

import (
	"net/netip"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// selfPrivileges is the short name of the attribute that must hold a rule.
const selfPrivileges = "pvs"

// Compile reads an m2m:setOfAcrs (TS-0004 clauses 6.3.5.26 to 6.3.5.28) as it
// stands in the attribute named by subject, "pv" or "pvs". Relative
// identifiers in it are those of home. The error is an *onem2m.Error with 4000
// and names the member at fault: contents are checked in full,
// unknown members are refused, empty acco and acod count as absent
// "pvs" needs a rule, and the limits of this package hold
//
func Compile(home onem2m.Home, set jsontext.Value, subject string) (*Policy, error) {
	r := newReader(set, subject)
	p := &Policy{home: home}
	err := r.object(func(name string) (bool, error) {
		if name != "acr" {
			return false, nil
		}
		return true, r.list(MaxRules, func() error {
			next, err := r.rule(home)
			p.rules = append(p.rules, next)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	if len(p.rules) == 0 && subject == selfPrivileges {
		return nil, onem2m.Errorf(onem2m.BadRequest, subject, "holds no rule")
	}
	return p, nil
}

// rule reads an accessControlRule.
func (r *reader) rule(home onem2m.Home) (rule, error) {
	var out rule
	err := r.object(func(name string) (_ bool, err error) {
		switch name {
		case "acor":
			var entries []string
			entries, err = r.strings(MaxOriginators, onem2m.MaxAddress)
			if err == nil && len(entries) == 0 {
				err = r.errorf("is empty")
			}
			out.originators = newOriginators(home, entries)
		case "acop":
			var n int64
			n, err = r.integer(1, int64(AllPrivileges))
			out.privileges = Privilege(n) //nolint:gosec // from 1 to 63
		case "acaf":
			out.authenticated, err = r.boolean()
		case "acco":
			err = r.list(MaxContexts, func() error {
				c, err := r.context()
				out.contexts = append(out.contexts, c)
				return err
			})
		case "acod":
			err = r.list(MaxObjectDetails, func() error {
				d, err := r.details()
				out.details = append(out.details, d)
				return err
			})
		case "aca":
			out.attributes, err = r.strings(MaxAttributes, maxAttribute)
			if err == nil && (len(out.attributes) == 0 || slices.Contains(out.attributes, "")) {
				err = r.errorf("is not a list of attributes")
			}
		default:
			return false, nil
		}
		return true, err
	}, "acor", "acop")
	return out, err
}

// maxAttribute bounds the short name of an attribute; those of the
// specifications have eight letters at most.
const maxAttribute = 64

// strings reads a list of strings.
func (r *reader) strings(limit, octets int) ([]string, error) {
	out := []string{}
	err := r.list(limit, func() error {
		s, err := r.text(octets)
		out = append(out, s)
		return err
	})
	return out, err
}

// context reads an accessControlContexts element. Without members it accepts
// everything, as the clause has it.
func (r *reader) context() (context, error) {
	var out context
	err := r.object(func(name string) (_ bool, err error) {
		switch name {
		case "actw":
			err = r.list(MaxWindows, func() error {
				s, err := r.text(onem2m.MaxSchedule)
				if err != nil {
					return err
				}
				w, err := onem2m.ParseSchedule(s)
				if err != nil {
					return r.errorf("is no window: %v", err)
				}
				out.windows = append(out.windows, w)
				return nil
			})
		case "acip":
			out.addresses, err = r.addresses()
		case "aclr":
			out.region, err = r.region()
		default:
			return false, nil
		}
		return true, err
	})
	return out, err
}

// addresses reads an accessControlIpAddresses element.
func (r *reader) addresses() (*addresses, error) {
	out := new(addresses)
	err := r.object(func(name string) (bool, error) {
		if name != "ipv4" && name != "ipv6" {
			return false, nil
		}
		return true, r.list(MaxAddresses, func() error {
			s, err := r.text(maxPrefix)
			if err != nil {
				return err
			}
			p, ok := parsePrefix(s)
			if !ok || p.Addr().Is4() != (name == "ipv4") {
				return r.errorf("is not an %s address or prefix", name)
			}
			out.prefixes = append(out.prefixes, p)
			return nil
		})
	})
	return out, err
}

// maxPrefix is the length of the longest address or prefix that exists.
const maxPrefix = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128")

// parsePrefix reads an address with or without a prefix length. Without one
// it is a host.
func parsePrefix(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, true
	}
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(ip, ip.BitLen()), true
}

// region reads an accessControlLocationRegion: one of its two choices.
func (r *reader) region() (*region, error) {
	out := new(region)
	var circle []float64
	err := r.object(func(name string) (_ bool, err error) {
		switch name {
		case "accr":
			circle = []float64{}
			err = r.list(3, func() error {
				n, err := r.number()
				circle = append(circle, n)
				return err
			})
		case "accc":
			out.countries, err = r.strings(MaxCountries, len("AT"))
			if err == nil && !validCountries(out.countries) {
				err = r.errorf("is not a list of two-letter country codes")
			}
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return nil, err
	}
	if (circle == nil) == (out.countries == nil) {
		return nil, r.errorf("needs either accr or accc")
	}
	if circle != nil {
		if !validCircle(circle) {
			return nil, r.errorf("has an accr that is not a latitude, a longitude and a radius in metres")
		}
		out.latitude, out.longitude, out.radius = circle[0], circle[1], circle[2]
	}
	return out, nil
}

func validCountries(codes []string) bool {
	for _, code := range codes {
		if len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
			return false
		}
	}
	return len(codes) > 0
}

func validCircle(c []float64) bool {
	return len(c) == 3 && -90 <= c[0] && c[0] <= 90 && -180 <= c[1] && c[1] <= 180 && c[2] >= 0
}

// maxEnum bounds values of enumerations; the largest resource types are those
// of announced variants, 10,000 above the original.
const maxEnum = 99999

// details reads an accessControlObjectDetails element.
func (r *reader) details() (details, error) {
	var out details
	err := r.object(func(name string) (_ bool, err error) {
		switch name {
		case "ty":
			out.parent, err = r.resourceType()
		case "chty":
			err = r.list(MaxChildTypes, func() error {
				ty, err := r.resourceType()
				out.children = append(out.children, ty)
				return err
			})
			if err == nil && len(out.children) == 0 {
				err = r.errorf("is empty")
			}
		case "spty":
			out.specialization, err = r.specialization()
		default:
			return false, nil
		}
		return true, err
	}, "chty")
	if err != nil {
		return out, err
	}
	special := out.parent == onem2m.TypeMgmtObj || out.parent == onem2m.TypeFlexContainer
	if special && out.specialization == (Specialization{}) {
		return out, r.errorf("has no spty, which this ty needs")
	}
	return out, nil
}

func (r *reader) resourceType() (onem2m.ResourceType, error) {
	n, err := r.integer(1, maxEnum)
	return onem2m.ResourceType(n), err
}

// specialization reads a specializationType: one of its two choices.
func (r *reader) specialization() (Specialization, error) {
	var out Specialization
	choices := 0
	err := r.object(func(name string) (_ bool, err error) {
		choices++
		switch name {
		case "cnd":
			out.ContainerDefinition, err = r.text(onem2m.MaxAddress)
			if err == nil && out.ContainerDefinition == "" {
				err = r.errorf("is empty")
			}
		case "mgd":
			out.MgmtDefinition, err = r.integer(0, maxEnum)
			out.HasMgmtDefinition = true
		default:
			return false, nil
		}
		return true, err
	})
	if err == nil && choices != 1 {
		err = r.errorf("needs either cnd or mgd")
	}
	return out, err
}
