package distributed

import (
	"slices"

	"bulwark/onem2m"
)

// Kind tells which point of the authorization architecture a resource stands for.
type Kind int

// The kinds, with the resource type that stands for each.
const (
	Decision    Kind = iota + 1 // PDP, <authorizationDecision>
	Policy                      // PRP, <authorizationPolicy>
	Information                 // PIP, <authorizationInformation>
)

// Kinds lists them all.
func Kinds() []Kind { return []Kind{Decision, Policy, Information} }

// Type is the resource type that stands for such a point.
func (k Kind) Type() onem2m.ResourceType {
	switch k {
	case Decision:
		return onem2m.TypeAuthorizationDecision
	case Policy:
		return onem2m.TypeAuthorizationPolicy
	case Information:
		return onem2m.TypeAuthorizationInformation
	}
	return 0
}

// String names the point in words, for logs and audits.
func (k Kind) String() string {
	switch k {
	case Decision:
		return "decision point"
	case Policy:
		return "policy point"
	case Information:
		return "information point"
	}
	return "no point"
}

// Root is the root element of what is said to such a point and by it.
func (k Kind) Root() string { return onem2m.TypeByNumber(k.Type()).Root }

// KindOf returns the kind that a resource type stands for, 0 for any other.
func KindOf(ty onem2m.ResourceType) Kind {
	for _, k := range Kinds() {
		if k.Type() == ty {
			return k
		}
	}
	return 0
}

// Status is m2m:authorizationStatus (TS-0004 clause 6.3.4.2.52).
type Status int64

// The values. Policy and information points use OK, NotApplicable and
// ProcessingError alone.
const (
	OK               Status = 1
	NotApplicable    Status = 2
	MissingAttribute Status = 3
	SyntaxError      Status = 4
	ProcessingError  Status = 5
)

// String names the status as the text does.
func (s Status) String() string {
	switch s {
	case OK:
		return "OK"
	case NotApplicable:
		return "NOT_APPLICABLE"
	case MissingAttribute:
		return "MISSING_ATTRIBUTE"
	case SyntaxError:
		return "SYNTAX_ERROR"
	case ProcessingError:
		return "PROCESSING_ERROR"
	}
	return "no status"
}

// specific are the attributes of a type that questions and answers consist of.
func specific(kind Kind) []string {
	switch kind {
	case Decision:
		return []string{"dec", "sus", "to", "fr", "op", "rrt", "fu", "rids", "tids", "tkns", "rtm", "olo", "oip"}
	case Policy:
		return []string{"ps", "ca", "sus", "to"}
	case Information:
		return []string{"sus", "fr", "rids", "tids"}
	}
	return nil
}

// Specific reports whether an attribute of such a resource belongs to questions
// and answers: of a bound resource nothing of it is kept.
func (k Kind) Specific(name string) bool { return slices.Contains(specific(k), name) }

// Attributes lists them.
func (k Kind) Attributes() []string { return specific(k) }
