// Package geo compares places: the geometries of the location attribute and of
// the geographic query of a filter (core section 25). It knows shapes and
// nothing of resources.
package geo
