package consultation

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"bulwark/access"
	"bulwark/onem2m"
)

// Grant is a dynamic access control policy that a server wants: rules, and until
// when.
type Grant struct {
	Privileges []byte // m2m:setOfAcrs
	Until      onem2m.Timestamp
}

// Lifetimes bound a grant of privileges.
type Lifetimes struct {
	Default time.Duration // of a grant that states none
	Max     time.Duration // the longest; what is longer is cut
}

// Why a grant isn't taken.
var (
	ErrWide    = errors.New("a rule is for others than the originator")
	ErrOver    = errors.New("it has ended")
	ErrNoRules = errors.New("it holds no rule")
)

// ReadGrant reads what a server grants in a policy for an originator: nil for
// nothing. Rules that can't be enforced, and rules for anybody else, make the
// whole grant void: a server is asked about one originator (F-1). A lifetime
// counts from now (C-21).
func ReadGrant(home onem2m.Home, answer *onem2m.DASResponse, who onem2m.ID, now onem2m.Timestamp, life Lifetimes) (*Grant, error) {
	if answer.Privileges == nil {
		return nil, nil
	}
	policy, err := access.Compile(home, answer.Privileges, "gp")
	if err != nil {
		return nil, err
	}
	if policy.Len() == 0 {
		return nil, ErrNoRules
	}
	if err := only(home, answer.Privileges, who); err != nil {
		return nil, err
	}
	until := now + onem2m.Timestamp(life.Default.Microseconds())
	if answer.Lifetime != "" {
		if until, err = onem2m.ParseAbsRel(answer.Lifetime, now); err != nil {
			return nil, err
		}
	}
	if until = min(until, now+onem2m.Timestamp(life.Max.Microseconds())); until <= now {
		return nil, ErrOver
	}
	proven, err := forAuthenticated(answer.Privileges)
	if err != nil {
		return nil, err
	}
	return &Grant{Privileges: proven, Until: until}, nil
}

// forAuthenticated makes the rules of a set count for an originator that is
// authenticated alone: a server is asked about no other, and somebody who merely
// says that it is the originator gets nothing of the grant.
func forAuthenticated(set []byte) ([]byte, error) {
	o, err := onem2m.ParseObject(set)
	if err != nil {
		return nil, err
	}
	rules, _ := o.Objects("acr")
	all := []byte{'['}
	for i, rule := range rules {
		if i > 0 {
			all = append(all, ',')
		}
		rule = rule.Clone()
		rule.Set("acaf", []byte("true"))
		all = rule.Append(all)
	}
	o = o.Clone()
	o.Set("acr", append(all, ']'))
	return o.Append(nil), nil
}

// only reports an error unless every rule of a set names the originator alone.
func only(home onem2m.Home, set []byte, who onem2m.ID) error {
	o, err := onem2m.ParseObject(set)
	if err != nil {
		return err
	}
	rules, _ := o.Objects("acr")
	for _, rule := range rules {
		list, _ := rule.Texts("acor")
		other := slices.ContainsFunc(list, func(entry string) bool {
			id, _, err := home.ParseID(entry)
			return err != nil || id != who
		})
		if other || len(list) == 0 {
			return ErrWide
		}
	}
	return nil
}

// Dependable reports whether an answer from a point of access can only be the
// server's: the way there is authenticated, or doesn't leave the machine. Tokens
// prove themselves; privileges are taken from a dependable point alone, since
// whoever is on the way could write them.
func Dependable(point string) bool {
	scheme, _, ok := strings.Cut(point, ":")
	if !ok {
		return true // an entity of this CSE, reached as it is known
	}
	switch strings.ToLower(scheme) {
	case "https", "wss", "coaps", "mqtts":
		return true
	case "http", "ws", "coap", "mqtt":
		u, err := url.Parse(point)
		if err != nil {
			return false
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
			return ip.Unmap().IsLoopback()
		}
		return u.Hostname() == "localhost"
	}
	return scheme == "pcu" || scheme == "mcc" // a polling channel, another CSE
}
