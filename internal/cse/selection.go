package cse

import (
	"slices"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// addressed picks the members that the request is for: all of them, or those
// that grtm names, itself or in a sub-group (C-347).
func (k *call) addressed(r store.Reader, g *roster) ([]order, error) {
	wanted := k.req.GroupTargets
	if len(wanted) == 0 {
		orders := make([]order, len(g.members))
		for i := range g.members {
			orders[i].member = &g.members[i]
		}
		return orders, nil
	}
	if len(wanted) > maxMembers {
		return nil, onem2m.Errorf(onem2m.BadRequest, "grtm", "more than %d members", maxMembers)
	}
	keys := make(map[string]string, len(wanted)) // key of a wanted member, and how it was written
	for _, text := range wanted {
		address, err := onem2m.ParseAddress(text)
		if err != nil {
			return nil, onem2m.Errorf(onem2m.BadRequest, "grtm", "not a resource identifier")
		}
		_, key, _, err := k.c.locate(r, address, k.now)
		if err != nil {
			return nil, err
		}
		keys[key] = text
	}
	s := selection{k: k, r: r, wanted: keys, met: map[string]bool{}}
	orders, err := s.from(g)
	if err == nil && len(s.met) < len(keys) {
		err = onem2m.Errorf(onem2m.BadRequest, "grtm", "not a member of the group")
	}
	return orders, err
}

// selection looks for the members that grtm names.
type selection struct {
	k       *call
	r       store.Reader
	wanted  map[string]string
	met     map[string]bool
	visited []int64
}

func (s *selection) from(g *roster) ([]order, error) {
	var orders []order
	for i := range g.members {
		m := &g.members[i]
		t, key, _, err := s.k.c.locate(s.r, m.address, s.k.now)
		if err != nil {
			return nil, err
		}
		if _, ok := s.wanted[key]; ok {
			s.met[key] = true
			orders = append(orders, order{member: m})
			continue
		}
		if t.rec == nil || t.virtual != fanOutPoint || len(t.rest) > 0 {
			continue
		}
		s.visited = s.visited[:0]
		within := map[string]bool{}
		if err := s.search(t.rec, within); err != nil {
			return nil, err
		}
		if len(within) > 0 {
			e := order{member: m}
			for key := range within {
				e.targets = append(e.targets, s.wanted[key])
			}
			slices.Sort(e.targets)
			orders = append(orders, e)
		}
	}
	return orders, nil
}

// search collects what is wanted in a sub-group and the groups below it.
func (s *selection) search(group *store.Record, within map[string]bool) error {
	if slices.Contains(s.visited, group.ID) || len(s.visited) >= maxGroupVisit {
		return nil
	}
	s.visited = append(s.visited, group.ID)
	g := s.k.c.rosterOf(group)
	for i := range g.members {
		t, key, _, err := s.k.c.locate(s.r, g.members[i].address, s.k.now)
		if err != nil {
			return err
		}
		if _, ok := s.wanted[key]; ok {
			s.met[key], within[key] = true, true
		}
		if t.rec != nil && t.virtual == fanOutPoint && len(t.rest) == 0 {
			if err := s.search(t.rec, within); err != nil {
				return err
			}
		}
	}
	return nil
}
