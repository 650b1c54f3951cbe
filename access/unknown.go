package access

// Undecidable reports whether some rule would match the query if only the
// address or the place of the originator were known: what a decision point can't
// say no to for certain (TS-0004 clause 7.4.43.2.3). It is of use where Decide
// denies; nothing is permitted by it.
func Undecidable(q *Query, sources []Source) bool {
	for i := range sources {
		if sources[i].Policy == nil {
			continue
		}
		for j := range sources[i].Policy.rules {
			if sources[i].Policy.rules[j].undecided(q) {
				return true
			}
		}
	}
	return false
}

func (r *rule) undecided(q *Query) bool {
	if !r.grantsPrivilege(q) || !r.acceptsAuthentication(q) || !r.acceptsObject(q) || r.acceptsContext(q) {
		return false
	}
	for i := range r.contexts {
		if r.contexts[i].undecided(q) {
			return r.originators.matchesEntity(q) || r.originators.matchesGroup(q)
		}
	}
	return false
}

// undecided reports whether the context lacks nothing but what is unknown.
func (c *context) undecided(q *Query) bool {
	address := c.acceptsAddress(q) || !q.IP.IsValid()
	place := c.acceptsLocation(q) || c.region.unknown(q.Location)
	return c.acceptsTime(q) && address && place
}

// unknown reports whether a location says nothing about being in the region.
func (r *region) unknown(l *Location) bool {
	if l == nil {
		return true
	}
	if r.countries != nil {
		return l.Country == ""
	}
	return !l.HasPosition
}
