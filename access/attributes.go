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
		if source.Policy == nil {
			continue
		}
		for i := range source.Policy.rules {
			if r := &source.Policy.rules[i]; r.attributes != nil && r.applies(q) {
				names = append(names, r.attributes...)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
