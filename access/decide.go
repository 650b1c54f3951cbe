package access

// Source is a policy with a name by which a person can find it.
type Source struct {
	Name   string  // address of the ACP, or such as "default policy"
	Policy *Policy // nil when it could not be read: grants nothing
}

// Decision is the outcome for one query.
type Decision struct {
	Permit bool
	Source string // name of the source that permits; "" when denied
	Rule   int    // index in acr of the rule that permits; -1 when denied
}

// Decide asks the sources in order and stops at the first rule that matches:
// permit overrides, and nothing denies but the absence of a permit (TS-0003
// clause 7.1.5, A-04, A-05). It allocates nothing unless q.Groups does.
func Decide(q *Query, sources []Source) Decision {
	for i := range sources {
		if k := sources[i].Policy.find(q); k >= 0 {
			return Decision{Permit: true, Source: sources[i].Name, Rule: k}
		}
	}
	return Decision{Rule: -1}
}

// Permits reports whether any rule of the policy matches the query. A nil
// policy and one without rules permit nothing.
func (p *Policy) Permits(q *Query) bool { return p.find(q) >= 0 }

// find returns the index of the first rule that matches, or -1.
func (p *Policy) find(q *Query) int {
	if p == nil {
		return -1
	}
	for i := range p.rules {
		if p.rules[i].matches(q) {
			return i
		}
	}
	return -1
}

// matches reports whether a rule grants the whole of what is asked. One that is
// limited to attributes never does: whoever doesn't know what to do with such a
// grant has none (see Attributes).
func (r *rule) matches(q *Query) bool { return r.attributes == nil && r.applies(q) }

// applies is res_acr of TS-0003 clause 7.1.5. The parts are ANDed, so the
// cheap ones come first and groups, which may cost a look-up, come last.
func (r *rule) applies(q *Query) bool {
	if !r.grantsPrivilege(q) || !r.acceptsAuthentication(q) {
		return false
	}
	named := r.originators.matchesEntity(q)
	if !named && len(r.originators.groups) == 0 {
		return false
	}
	return r.acceptsContext(q) && r.acceptsObject(q) && (named || r.originators.matchesGroup(q))
}

func (r *rule) grantsPrivilege(q *Query) bool {
	return q.Privilege != 0 && r.privileges&q.Privilege == q.Privilege
}

// acceptsAuthentication is the truth table of TS-0003 table 7.1.5-1.
func (r *rule) acceptsAuthentication(q *Query) bool {
	return !r.authenticated || q.Authenticated
}
