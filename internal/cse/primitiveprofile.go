package cse

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// A <primitiveProfile> (Release 4) says what is added to the primitives of some
// originators and what is taken out. It is held against the tables and kept; it
// changes no primitive here, and a request that names one by its Primitive
// Profile Identifier is answered with 5001.

func primitiveProfileProcedures() *procedures {
	return &procedures{check: checkPrimitiveProfile}
}

// untouchable are the parameters that a profile neither adds nor takes out: a
// primitive can't be understood without them, or they say who it is from.
func untouchable(name string) bool {
	return slices.Contains([]string{"op", "to", "fr", "rqi", "rvi", "rsc", "fc", "ot", "gid", "tkns", "ati"}, name)
}

// checkPrimitiveProfile: nothing is both added and taken out, and what is added
// is a parameter or an attribute with a simple value of its type.
func checkPrimitiveProfile(_ *call, _ store.Reader, s *subject) error {
	deletions, _ := s.attrs.Texts("dels")
	for _, name := range deletions {
		if untouchable(name) {
			return onem2m.Errorf(onem2m.BadRequest, "dels", "%s is in every primitive", name)
		}
	}
	types, _ := s.attrs.Ints("rtys")
	additions, _ := s.attrs.Objects("adds")
	for _, addition := range additions {
		name, _ := addition.Text("nm")
		switch {
		case untouchable(name):
			return onem2m.Errorf(onem2m.BadRequest, "adds", "%s is the originator's to give", name)
		case slices.Contains(deletions, name):
			return onem2m.Errorf(onem2m.BadRequest, "adds", "%s is added and taken out", name)
		}
		if err := checkAddition(name, addition.Get("val"), types); err != nil {
			return err
		}
	}
	return nil
}

// checkAddition holds an added value against the types that have the attribute,
// or those of them that the profile is for.
func checkAddition(name string, value jsontext.Value, types []int64) error {
	refused := func(text string) error { return onem2m.Errorf(onem2m.BadRequest, "adds", "%.32s: %s", name, text) }
	if len(value) == 0 || value[0] == '{' {
		return refused("no value of a simple type")
	}
	if !onem2m.AttributeKnown(name) {
		if onem2m.ParameterByName(name) == nil {
			return refused("neither a parameter nor an attribute")
		}
		return nil
	}
	fits := false
	for _, info := range onem2m.Types() {
		a := info.Attribute(name)
		listed := len(types) == 0 || slices.Contains(types, int64(info.Type))
		switch {
		case !listed:
		case a == nil && len(types) > 0 && info.Kind == onem2m.KindNormal:
			return refused("no attribute of a type that the profile is for")
		case a != nil && a.CheckValue(value) == nil:
			fits = true
		}
	}
	if !fits {
		return refused("no value of its type")
	}
	return nil
}
