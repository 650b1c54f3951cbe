package access

import "slices"

// CandidateRoles returns the Role-IDs of which one would be enough to be
// permitted: those in rules that fit the query in everything but the originator
// (TS-0003 clause 7.3.2.2 step 2.2.1, A-143). Each is named once, in the order of
// the rules.
func CandidateRoles(q *Query, sources []Source) []string {
	var out []string
	for i := range sources {
		if sources[i].Policy == nil {
			continue
		}
		for k := range sources[i].Policy.rules {
			r := &sources[i].Policy.rules[k]
			if len(r.originators.roles) == 0 || r.attributes != nil || !r.grantsPrivilege(q) || !r.acceptsAuthentication(q) || !r.acceptsContext(q) || !r.acceptsObject(q) {
				continue
			}
			for _, role := range r.originators.roles {
				if !slices.Contains(out, role) {
					out = append(out, role)
				}
			}
		}
	}
	return out
}
