package access

import (
	"slices"
	"strings"

	"bulwark/onem2m"
)

// originators is a compiled accessControlOriginators list. Entries are sorted
// by kind; one that could name an entity or a group is in two lists.
type originators struct {
	written  []string // as in the rule, for people
	anyone   bool     // the keyword all
	domains  []string // "//fqdn"
	entities []string // absolute AE-IDs and CSE-IDs
	patterns []pattern
	roles    []string // Role-IDs
	groups   []string // addresses that may be those of a group
}

// pattern is an absolute AE-ID or CSE-ID with "*", cut before the first one:
// most identifiers differ in what precedes it, which is cheap to compare.
type pattern struct{ literal, rest string }

// newOriginators compiles a list for home, to which relative forms refer.
func newOriginators(home onem2m.Home, entries []string) originators {
	o := originators{written: entries}
	for _, entry := range entries {
		o.add(home, entry)
	}
	return o
}

// add sorts one entry in. The kinds are tried in the order of TS-0003 clause
// 7.1.3; what is none of them (a lone "*", a domain with "*", "") stays out of
// all lists and so matches nobody (A-59, C-02).
func (o *originators) add(home onem2m.Home, entry string) {
	if entry == "all" {
		o.anyone = true
		return
	}
	if isRoleID(entry) {
		o.roles = append(o.roles, entry)
		return
	}
	wild := strings.Contains(entry, "*")
	absolute, entity := absoluteEntry(home, entry)
	switch {
	case !entity:
	case isDomain(absolute):
		if !wild && len(absolute) > len("//") {
			o.domains = append(o.domains, absolute)
		}
		return
	case wild:
		star := strings.IndexByte(absolute, '*')
		o.patterns = append(o.patterns, pattern{literal: absolute[:star], rest: absolute[star:]})
	default:
		o.entities = append(o.entities, absolute)
	}
	if group := strings.TrimSuffix(entry, "/fopt"); !wild && group != "" {
		o.groups = append(o.groups, group)
	}
}

// absoluteEntry widens an entry that may be an AE-ID, CSE-ID or SP domain to
// the form of an onem2m.ID: a C-type stem is one of this CSE, an S-type stem
// and an SP-relative form belong to this SP (A-64, C-47). The second result is
// false for an entry that can only be an address below the CSEBase.
func absoluteEntry(home onem2m.Home, entry string) (string, bool) {
	if rest, ok := strings.CutPrefix(entry, "//"); ok {
		fqdn, _, _ := strings.Cut(rest, "/")
		return "//" + strings.ToLower(fqdn) + rest[len(fqdn):], true
	}
	switch {
	case strings.HasPrefix(entry, "/"):
		return home.SP + entry, true
	case strings.Contains(entry, "/"):
		return "", false
	case strings.HasPrefix(entry, "C"):
		return home.SP + home.CSE + "/" + entry, true
	case strings.HasPrefix(entry, "S"):
		return home.SP + "/" + entry, true
	}
	return "", false
}

// isDomain reports whether an absolute entry is "//" and one segment.
func isDomain(absolute string) bool {
	return !strings.Contains(absolute[len("//"):], "/")
}

// isRoleID accepts m2m:roleID: letters, digits, ".", "_" and "-", then "@" and
// a lower-case FQDN (TS-0004 clause 6.3.3). A "*" makes it something else,
// which no role matches.
func isRoleID(s string) bool {
	local, fqdn, ok := strings.Cut(s, "@")
	if !ok || local == "" || strings.ToLower(fqdn) != fqdn {
		return false
	}
	for i := range len(local) {
		switch c := local[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	_, err := onem2m.ParseSP("//" + fqdn)
	return err == nil
}

// matchesEntity is res_origs of TS-0003 clause 7.1.5 without groups.
func (o *originators) matchesEntity(q *Query) bool {
	if o.anyone {
		return true
	}
	who := string(q.Originator)
	if who == "" {
		return false
	}
	if slices.Contains(o.entities, who) {
		return true
	}
	for _, d := range o.domains {
		if len(who) > len(d) && who[len(d)] == '/' && who[:len(d)] == d {
			return true
		}
	}
	for _, p := range o.patterns {
		if rest, ok := strings.CutPrefix(who, p.literal); ok && onem2m.MatchID(p.rest, rest) {
			return true
		}
	}
	if len(q.Roles) > 0 {
		for _, id := range o.roles {
			if _, ok := q.Roles[id]; ok {
				return true
			}
		}
	}
	return false
}

// matchesGroup asks for membership in each entry that may be a group.
func (o *originators) matchesGroup(q *Query) bool {
	if q.Groups == nil || q.Originator == "" {
		return false
	}
	for _, g := range o.groups {
		if q.Groups.Member(g, q.Originator) {
			return true
		}
	}
	return false
}
