package access

import (
	"slices"

	"bulwark/onem2m"
)

// details is one accessControlObjectDetails element.
type details struct {
	parent         onem2m.ResourceType   // ty of the addressed parent; 0 is any
	children       []onem2m.ResourceType // chty
	specialization Specialization        // spty: one of the two, or none for any
}

// acceptsObject is res_objd of TS-0003 clause 7.1.5. It restricts CREATE only
// (A-95, C-10); a query whose operation and privilege disagree is restricted.
func (r *rule) acceptsObject(q *Query) bool {
	if len(r.details) == 0 || q.Operation != onem2m.Create && q.Privilege&Create == 0 {
		return true
	}
	for i := range r.details {
		if r.details[i].accepts(q) {
			return true
		}
	}
	return false
}

func (d *details) accepts(q *Query) bool {
	return (d.parent == 0 || d.parent == q.TargetType) &&
		d.specialization.accepts(&q.Specialization) &&
		slices.Contains(d.children, q.ChildType)
}

// accepts compares what a rule asks for with the candidate of a query.
func (s *Specialization) accepts(candidate *Specialization) bool {
	switch {
	case s.ContainerDefinition != "":
		return s.ContainerDefinition == candidate.ContainerDefinition
	case s.HasMgmtDefinition:
		return candidate.HasMgmtDefinition && s.MgmtDefinition == candidate.MgmtDefinition
	}
	return true
}
