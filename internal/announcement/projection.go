package announcement

import (
	"slices"

	"bulwark/onem2m"
)

// Variant returns the type of the copies of a resource type: "m2m:batA" for
// "m2m:bat" (TS-0004 clause 8.2.4). It is nil if the type isn't announced.
//
// find looks up a type by its root element.
func Variant(info *onem2m.TypeInfo, find func(root string) *onem2m.TypeInfo) *onem2m.TypeInfo {
	if info == nil || info.Root == "" {
		return nil
	}
	copies := find(info.Root + "A")
	if copies == nil || !copies.Kind.Announced() || copies.Original != info.Type {
		return nil
	}
	return copies
}

// apart are attributes that a copy has of its own making or that need more than
// the original: the policies of a parent, say.
func apart(name string) bool {
	switch name {
	case "ty", "ri", "rn", "pi", "ct", "lt", "et", "acpi", "at", "aa":
		return true
	}
	return false
}

// mode tells how an attribute of the original takes part; NotAnnounced also
// where a copy has no such attribute.
func mode(info, copies *onem2m.TypeInfo, name string) onem2m.Announce {
	a, c := info.Attribute(name), copies.Attribute(name)
	if a == nil || c == nil || c.Create == onem2m.NotPresent || apart(name) {
		return onem2m.NotAnnounced
	}
	return a.Announce
}

// Projection returns the attributes of the original that its copies have: those
// that always are announced, and the optional ones that announcedAttribute
// lists (C-392, C-397). copies is the Variant of the type; nil if it has none.
func Projection(info, copies *onem2m.TypeInfo, original onem2m.Object) onem2m.Object {
	if copies == nil {
		return nil
	}
	listed, _ := original.Texts("aa")
	var o onem2m.Object
	for _, m := range original {
		switch mode(info, copies, m.Name) {
		case onem2m.MandatoryAnnounced:
			o.Set(m.Name, m.Value)
		case onem2m.OptionalAnnounced:
			if slices.Contains(listed, m.Name) {
				o.Set(m.Name, m.Value)
			}
		case onem2m.NotAnnounced:
		}
	}
	return o
}

// Effective returns the names of an announcedAttribute that are kept: those of
// attributes that are announced never are left out, and those that the type
// doesn't have are 4000. Those of attributes that are announced always stay
// without effect (C-393, C-397).
func Effective(info, copies *onem2m.TypeInfo, names []string) ([]string, error) {
	var list []string
	for _, name := range names {
		if !info.Has(name) {
			return nil, onem2m.Errorf(onem2m.BadRequest, "aa", "the type has no attribute of that name")
		}
		if copies != nil && mode(info, copies, name) != onem2m.NotAnnounced && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list, nil
}

// Changed returns the names of the attributes in which two projections differ.
func Changed(before, after onem2m.Object) []string {
	var names []string
	for _, m := range after {
		if string(before.Get(m.Name)) != string(m.Value) {
			names = append(names, m.Name)
		}
	}
	for _, m := range before {
		if !after.Has(m.Name) {
			names = append(names, m.Name)
		}
	}
	return names
}

// Amendment returns the Content of an UPDATE that gives a copy what the
// original has now of the attributes with these names; null where it has none
// any more (C-395).
func Amendment(now onem2m.Object, names []string) onem2m.Object {
	var o onem2m.Object
	for _, name := range names {
		if v := now.Get(name); v != nil {
			o.Set(name, v)
		} else {
			o.Set(name, onem2m.NullValue())
		}
	}
	return o
}
