package cse

import (
	"slices"
	"strings"

	"bulwark/access"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Limits of membership tests: a policy may name a group in every rule, and
// whoever may write a group may nest it.
const (
	maxGroupDepth = 8   // levels of groups in groups
	maxGroupVisit = 256 // groups looked at for one entry of a policy
)

// roster is a <group> made ready for fan-out and membership tests.
type roster struct {
	members []member
	alone   map[string]bool    // resourceIDs among the members
	named   map[string]bool    // last names of structured addresses of members
	groups  []int              // members that are sub-groups
	others  map[onem2m.ID]bool // entities of other CSEs that are members by their identifiers
	places  []int              // other members on other CSEs
	macp    []link
	guarded bool // macp is present
}

type member struct {
	text    string
	address onem2m.Address
	path    []string // CSE-relative path; nil if another CSE hosts it
}

// virtualReference reports whether the member names a virtual resource (C-354).
func (m *member) virtualReference(c *CSE) bool {
	if len(m.path) < 2 {
		return false
	}
	last := m.path[len(m.path)-1]
	return last == "la" || last == "ol" || c.virtualNames[last]
}

// rosterOf returns the roster of a group, computed once per version.
func (c *CSE) rosterOf(rec *store.Record) *roster {
	return rec.Derive(store.FacetType, func(rec *store.Record) any {
		attrs := attributes(rec)
		list, _ := attrs.Texts("mid")
		g := c.newRoster(c.Home, list)
		var links []string
		if links, g.guarded = attrs.Texts("macp"); g.guarded {
			g.macp = linksTo(links)
			bindLinks(g.macp, rec)
		}
		return g
	}).(*roster)
}

// newRoster reads the members of a group of the CSE there.
func (c *CSE) newRoster(there onem2m.Home, list []string) *roster {
	g := &roster{alone: map[string]bool{}, named: map[string]bool{}, others: map[onem2m.ID]bool{}}
	for _, text := range list {
		address, err := onem2m.ParseAddress(text)
		if err != nil {
			continue // a damaged row has no such member
		}
		if there != c.Home {
			if address.CSE == "" {
				address.CSE = there.CSE
			}
			if address.SP == "" {
				address.SP = there.SP
			}
		}
		m := member{text: text, address: address}
		m.path, _ = c.hosted(address)
		g.add(m, c.Home)
	}
	return g
}

func (g *roster) add(m member, home onem2m.Home) {
	n, far := len(m.path), len(m.address.Path)
	switch {
	case n == 0 && far > 1 && m.address.Path[far-1] == fanOutPoint:
		g.groups = append(g.groups, len(g.members))
	case n == 0 && far > 1:
		g.places = append(g.places, len(g.members))
	case n == 0:
		if id := m.address.Entity(home); id.Stem() != "" {
			g.others[id] = true
		}
	case n == 1:
		g.alone[m.path[0]] = true
	case m.path[n-1] == fanOutPoint:
		g.groups = append(g.groups, len(g.members))
	default:
		g.named[m.path[n-1]] = true
	}
	g.members = append(g.members, m)
}

// fanOutPolicies collects the rule sets that govern the fanOutPoint of a group:
// membersAccessControlPolicyIDs, else what governs the group (A-46, C-027).
func (c *CSE) fanOutPolicies(r store.Reader, group *store.Record, who onem2m.ID, now onem2m.Timestamp, dst []access.Source) ([]access.Source, error) {
	g := c.rosterOf(group)
	if !g.guarded {
		return c.policies(r, group, who, false, now, dst)
	}
	for i := range g.macp {
		if source, ok := c.linkedPolicy(r, &g.macp[i], false, now); ok {
			dst = append(dst, source)
		}
	}
	return dst, nil
}

// groups answers the decision engine who is a member of which group, on the
// state that the decision itself is made on (A-66, C-361). Of groups of other
// CSEs it is what has been retrieved of them; without that they have no members
// and are noted as missed.
type groups struct {
	snapshot
	missed *missed // nil: nobody asks for what is missing
}

// Member reports whether a rule's entry names a group that who belongs to.
func (g *groups) Member(resourceID string, who onem2m.ID) bool {
	address, err := onem2m.ParseAddress(resourceID)
	if err != nil || address.Attribute != "" {
		return false
	}
	if address.Entity(g.c.Home).Stem() != "" {
		return false // names an AE, as most entries of most rules: no group has such an identifier
	}
	search := membership{groups: g, who: who}
	path, ok := g.c.hosted(address)
	if !ok {
		if g.foreignGroup(address) == nil {
			return false
		}
		search.entity = g.entity(who)
		return search.inForeign(address, 0)
	}
	t, err := g.c.resolve(g.r, path, g.now)
	if err != nil || t.virtual != "" || t.rec.Type != onem2m.TypeGroup {
		return false
	}
	search.entity = g.entity(who)
	return search.in(t.rec, 0)
}

// entity finds the <AE> or <remoteCSE> that stands for who here.
func (g *groups) entity(who onem2m.ID) *store.Record {
	if n, ok := g.c.peers.Neighbour(who, g.now); ok {
		id := n.Record
		rec, err := g.r.ByID(id)
		if err == nil && g.c.alive(g.r, rec, g.now) == nil {
			return rec
		}
		return nil
	}
	if who.Stem() == "" {
		return nil
	}
	rec, err := g.r.ByRI(who.Stem())
	if err != nil || rec.Type != onem2m.TypeAE || rec.Origin != who || g.c.alive(g.r, rec, g.now) != nil {
		return nil
	}
	return rec
}

// membership is one search for an entity in a group and its sub-groups.
type membership struct {
	*groups
	who     onem2m.ID
	entity  *store.Record // that stands for it here, or nil
	visited []int64
	seen    []string // groups of other CSEs
}

func (s *membership) in(group *store.Record, depth int) bool {
	if depth >= maxGroupDepth || len(s.visited)+len(s.seen) >= maxGroupVisit {
		return false
	}
	if slices.Contains(s.visited, group.ID) {
		return false
	}
	s.visited = append(s.visited, group.ID)
	return s.among(s.c.rosterOf(group), depth)
}

// inForeign is in for a group of another CSE.
func (s *membership) inForeign(group onem2m.Address, depth int) bool {
	if depth >= maxGroupDepth || len(s.visited)+len(s.seen) >= maxGroupVisit {
		return false
	}
	key := s.c.foreignKey(group)
	if slices.Contains(s.seen, key) {
		return false
	}
	s.seen = append(s.seen, key)
	g := s.foreignGroup(group)
	return g != nil && s.among(g, depth)
}

// among looks for the entity among the members of one group, and of those in it.
func (s *membership) among(g *roster, depth int) bool {
	if s.entity != nil && (g.alone[s.entity.RI] || g.named[s.entity.RN] && s.structured(g)) {
		return true
	}
	if s.elsewhere(g) {
		return true
	}
	for _, i := range g.groups {
		m := &g.members[i]
		if m.path == nil {
			sub := m.address
			sub.Path = sub.Path[:len(sub.Path)-1]
			if s.inForeign(sub, depth+1) {
				return true
			}
			continue
		}
		sub, err := s.c.resolve(s.r, g.members[i].path, s.now)
		if err == nil && sub.virtual == fanOutPoint && len(sub.rest) == 0 && s.in(sub.rec, depth+1) {
			return true
		}
	}
	return false
}

// elsewhere looks for the entity among the members on its registrar: by its
// identifier, or by the name of its <AE>, which that CSE has to tell. A CSE is a
// member by the <remoteCSE> that this CSE has of it alone.
func (s *membership) elsewhere(g *roster) bool {
	if g.others[s.who] {
		return true
	}
	registrar := s.who.Registrar()
	if registrar == "" || registrar == s.c.Home.ID() {
		return false
	}
	for _, i := range g.places {
		if a := g.members[i].address; a.Host(s.c.Home) == registrar && s.identity(a) == s.who {
			return true
		}
	}
	return false
}

// structured looks for the entity among the members with structured addresses.
func (s *membership) structured(g *roster) bool {
	for i := range g.members {
		path := g.members[i].path
		if len(path) < 2 || path[len(path)-1] != s.entity.RN {
			continue
		}
		t, err := s.c.resolve(s.r, path, s.now)
		if err == nil && t.virtual == "" && t.rec.ID == s.entity.ID {
			return true
		}
	}
	return false
}

// linksTo prepares a list of policy addresses.
func linksTo(list []string) []link {
	links := make([]link, 0, len(list))
	for _, text := range list {
		address, err := onem2m.ParseAddress(text)
		links = append(links, link{text: text, address: address, valid: err == nil})
	}
	return links
}

// below joins a member's address and the path behind the fanOutPoint (C-029).
func (m *member) below(rest []string) string {
	if len(rest) == 0 {
		return m.text
	}
	return m.text + "/" + strings.Join(rest, "/")
}
