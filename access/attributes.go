package access

import "slices"

// Attributes returns the short names of the attributes on which rules that are
// limited to attributes (accessControlAttributes, Release 4) grant a query, of
// all sources together, in the order of the alphabet. The caller permits a
// request only if every attribute that it names, changes or would be shown is
// among them. It is of use where Decide denies: a rule without such a limit
// permits everything.
func Attributes(q *Query, sources []Source) []string {
	var names []string
	for _, source := range sources {
		names = source.Policy.limited(q, names)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// AttributesWithTokens is Attributes with what tokens add: the rules of their
// permissions, and the rules of the sources for an originator that has their
// roles too. It is of use where DecideWithTokens denies.
func AttributesWithTokens(q *Query, sources []Source, tokens []Token) []string {
	names := Attributes(q, sources)
	for _, t := range tokens {
		for _, p := range t.Permissions {
			if !p.appliesTo(q) {
				continue
			}
			names = p.rules(q).limited(q, names)
			if len(p.Roles) > 0 {
				names = append(names, Attributes(q.with(p.Roles), sources)...)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// limited appends the attributes that the limited rules of a policy grant.
func (p *Policy) limited(q *Query, names []string) []string {
	for i := range p.Len() {
		if r := &p.rules[i]; r.attributes != nil && r.applies(q) {
			names = append(names, r.attributes...)
		}
	}
	return names
}
