package access

import (
	"bulwark/onem2m"
)

// Limits of a policy. The text sets none; these keep one decision
// below a millisecond and are far above what operators write.
const (
	MaxRules         = 1000 // accessControlRules in one set
	MaxOriginators   = 1000 // accessControlOriginators of a rule
	MaxContexts      = 100  // accessControlContexts of a rule
	MaxWindows       = 100  // accessControlWindows of a context
	MaxAddresses     = 1000 // addresses of one family in a context
	MaxCountries     = 300  // country codes of a region: all that exist
	MaxObjectDetails = 100  // accessControlObjectDetails of a rule
	MaxChildTypes    = 200  // child types of one of them
	MaxAttributes    = 200  // accessControlAttributes of a rule
)

// Policy is one compiled m2m:setOfAcrs. It never changes and may be used by
// any number of goroutines.
type Policy struct {
	home  onem2m.Home
	rules []rule
}

// rule is one accessControlRule (TS-0004 clause 6.3.5.27).
type rule struct {
	privileges    Privilege // acop
	authenticated bool      // acaf
	originators   originators
	contexts      []context // acco; none accepts every context
	details       []details // acod; none accepts every child type
	attributes    []string  // aca, of Release 4; none grants all attributes
}

// Len returns the number of rules.
func (p *Policy) Len() int {
	if p == nil {
		return 0
	}
	return len(p.rules)
}

// Owner returns the default policy of a resource without
// accessControlPolicyIDs: one rule that grants everything to id, the
// originator of the CREATE, and so nothing to anybody else. Nobody's
// ID, "", is granted nothing.
func Owner(id onem2m.ID) *Policy {
	return &Policy{rules: []rule{{
		privileges:  AllPrivileges,
		originators: originators{written: []string{string(id)}, entities: []string{string(id)}},
	}}}
}

// Confined reports whether no rule of the policy gives anything to anybody but
// one entity, whatever the circumstances. Of a nil policy, which nobody could
// read, that isn't known.
func (p *Policy) Confined(to onem2m.ID) bool {
	if p == nil || to == "" {
		return false
	}
	for i := range p.rules {
		o := &p.rules[i].originators
		if o.anyone || len(o.domains)+len(o.patterns)+len(o.roles) > 0 || len(o.entities) != len(o.written) {
			return false
		}
		for _, id := range o.entities {
			if id != string(to) {
				return false
			}
		}
	}
	return true
}
