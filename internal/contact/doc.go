// Package contact finds the references to AEs that a resource holds, and
// writes others in their place: in originator lists of policies, members of
// groups, notification targets and links of announced resources (TS-0001
// clauses 9.6.46 and 10.2.16).
//
// It looks at attributes only. Who keeps count of the references, and who may
// have them changed, is decided elsewhere.
package contact
