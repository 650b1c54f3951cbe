package access

import (
	"net/netip"
	"time"

	"bulwark/onem2m"
)

// Privilege is a bit, or a sum of bits, of m2m:accessControlOperations
// (TS-0004 clause 6.3.4.2.29, A-70).
type Privilege uint8

// The privileges. Discovery has its own, apart from RETRIEVE.
const (
	Create   Privilege = 1
	Retrieve Privilege = 2
	Update   Privilege = 4
	Delete   Privilege = 8
	Notify   Privilege = 16
	Discover Privilege = 32

	// AllPrivileges is the sum of all of them, the largest valid acop.
	AllPrivileges = Create | Retrieve | Update | Delete | Notify | Discover
)

// PrivilegeOf returns the privilege that an operation needs. Discovery is set
// when filterUsage is 1 or 3 and counts for a RETRIEVE only (A-71, C-05). An
// operation that doesn't exist gives 0, which no rule grants.
func PrivilegeOf(op onem2m.Operation, discovery bool) Privilege {
	switch op {
	case onem2m.Create:
		return Create
	case onem2m.Retrieve:
		if discovery {
			return Discover
		}
		return Retrieve
	case onem2m.Update:
		return Update
	case onem2m.Delete:
		return Delete
	case onem2m.Notify:
		return Notify
	}
	return 0
}

// Query is one question to the decision: the request parameters, context and
// security context of TS-0003 tables 7.1.2-1 to 7.1.2-3. What is
// unknown stays at its zero value and matches no rule that asks for it.
type Query struct {
	Home          onem2m.Home // the CSE that decides; Explain shortens identifiers to it
	Originator    onem2m.ID   // who asks, already checked against the association
	Authenticated bool        // rq_authn

	// Operation and Privilege belong together, see PrivilegeOf. Where a
	// procedure asks for a second privilege, as the creation of a subscription
	// does, both are those of that second question.
	Operation onem2m.Operation
	Privilege Privilege

	TargetType     onem2m.ResourceType // of the addressed resource: the parent in a CREATE
	ChildType      onem2m.ResourceType // the Resource Type parameter of a CREATE
	Specialization Specialization      // for a CREATE

	// Target names the addressed resource and Governing the ancestor that its
	// policies come from, "" for none, in the form of Permission.Resources. They
	// are compared with the resources of tokens alone.
	Target, Governing string

	Time     time.Time  // receipt of the request by the clock of this CSE
	IP       netip.Addr // source address; invalid when unknown, as over Mcc
	Location *Location  // nil when unknown

	Roles  RoleSet // verified Role-IDs of the originator; nil is none
	Groups Groups  // nil matches no group
}

// Specialization is what the specializationType of a rule is compared with.
// For each of the two attributes it holds the value in the Content of the
// request, or where that lacks it the value of the target (A-101, C-11).
type Specialization struct {
	ContainerDefinition string // cnd; "" when neither has it
	MgmtDefinition      int64  // mgd, where 0 is a value (self-defined)
	HasMgmtDefinition   bool
}

// Location is what the network knows of the originator's place.
type Location struct {
	Latitude, Longitude float64 // degrees
	Uncertainty         float64 // radius in metres
	HasPosition         bool    // false when only the country is known
	Country             string  // ISO 3166-1 alpha-2; "" when unknown
}

// RoleSet is a set of Role-IDs.
type RoleSet map[string]struct{}

// Groups answers whether an entity is a member of a group.
type Groups interface {
	// Member reports whether resourceID names a group that has who among its
	// members. The name is as the rule has it, in any scope, without
	// "/fopt". Rules don't tell group from entity, so it is also asked for
	// names of AEs and CSEs; it is asked last, when all else matches. What
	// can't be read or isn't a group has no members (A-67, C-04).
	Member(resourceID string, who onem2m.ID) bool
}
