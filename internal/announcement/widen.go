package announcement

import (
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// Widened returns the attributes of a projection with identifiers that are valid
// on another CSE: SP-relative in the SP of home, else absolute (C-021). A path
// stays structured or unstructured as it was.
func Widened(o onem2m.Object, home onem2m.Home, host onem2m.ID) onem2m.Object {
	out := o.Clone()
	for i := range out {
		var widen func(string) string
		switch out[i].Name {
		case "pv", "pvs":
			out[i].Value = widenedRules(out[i].Value, home, host)
			continue
		case "acpi", "adri", "airi", "apri", "ajir", "awi", "bcnu", "cb", "daci", "dep", "giil", "giip", "giol", "giop", "hsl", "ldv", "li", "lnh", "loi", "macp", "mgs", "mid", "miid", "mjid", "nl", "rels", "rri", "sri":
			widen = func(s string) string { return Address(s, home, host) }
		case "aei", "bcnr", "csi", "dcse", "hael", "hcl", "orc", "soi":
			widen = func(s string) string { return Entity(s, home, host) }
		default:
			continue
		}
		out[i].Value = each(out[i].Value, widen)
	}
	return out
}

// each changes a text, or every one of a list; anything else stays.
func each(v jsontext.Value, change func(string) string) jsontext.Value {
	if s, ok := onem2m.TextOf(v); ok {
		return onem2m.TextValue(change(s))
	}
	list, ok := onem2m.TextsOf(v)
	if !ok {
		return v
	}
	for i := range list {
		list[i] = change(list[i])
	}
	return onem2m.TextsValue(list)
}

// Address widens the address of a resource; what isn't one, a URL for example,
// stays as it is.
func Address(s string, home onem2m.Home, host onem2m.ID) string {
	a, err := onem2m.ParseAddress(s)
	if err != nil {
		return s
	}
	if a.CSE == "" {
		a.CSE = home.CSE
	}
	if a.SP == "" && host.SP() != home.SP {
		a.SP = home.SP
	}
	return a.String()
}

// Entity widens an AE-ID or CSE-ID.
func Entity(s string, home onem2m.Home, host onem2m.ID) string {
	id, _, err := home.ParseID(s)
	if err != nil {
		return s
	}
	if host.SP() != home.SP {
		return string(id)
	}
	return id.Across(home)
}
