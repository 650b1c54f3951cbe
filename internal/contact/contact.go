package contact

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// MaxPerResource bounds the references that one resource is known to hold: each
// is counted on its own whenever the resource changes.
const MaxPerResource = 1000

// Name is an AE as references name it: the SP-relative identifier of its <AE>,
// "/cse/Cabc" or "/cse/Sabc", or "/Sabc", the AE-ID that is valid wherever the
// AE is registered. Another provider's has the M2M-SP-ID in front. The zero Name
// is no AE.
type Name string

// Stem returns the AE-ID-Stem.
func (n Name) Stem() string { return string(n[strings.LastIndexByte(string(n), '/')+1:]) }

// Registrar returns the CSE part, "/cse", or "" for an AE-ID without one.
func (n Name) Registrar() string {
	cse := string(n[:max(0, strings.LastIndexByte(string(n), '/'))])
	if cse == "" || strings.HasPrefix(cse, "//") && strings.Count(cse, "/") == 2 {
		return ""
	}
	return cse
}

// Parse reads a reference to an AE in any of its forms. An entity of an
// originator list is an identity: there a stem with S says nothing of a CSE.
// Elsewhere it is the resourceID of the <AE>. What names no AE gives "".
func Parse(home onem2m.Home, text string, identity bool) Name {
	text, _, _ = strings.Cut(text, "?")
	prefix := ""
	if strings.HasPrefix(text, "//") {
		end := strings.IndexByte(text[2:], '/') + 2
		if end < 2 {
			return ""
		}
		if prefix = strings.ToLower(text[:end]); prefix == home.SP {
			prefix = ""
		}
		text = text[end:]
	}
	switch {
	case text == "", text[0] != '/' && strings.Contains(text, "/"):
		return ""
	case text[0] == '/':
	case text[0] == 'S' && identity:
		text = "/" + text
	default:
		text = home.CSE + "/" + text
	}
	cse, stem, two := strings.Cut(text[1:], "/")
	if !two {
		cse, stem = "", cse
	}
	if len(stem) < 2 || !onem2m.ValidName(stem) || stem[0] != 'S' && (stem[0] != 'C' || !two) || two && !onem2m.ValidName(cse) {
		return ""
	}
	return Name(prefix + text)
}

// place is an attribute that holds references.
type place struct {
	name     string
	identity bool // entities, not resources
	one      bool // a single text, not a list
}

// places are the attributes that hold references, by resource type. Policies
// hold theirs deeper, see originators.
func places(ty onem2m.ResourceType) []place {
	switch ty {
	case onem2m.TypeGroup:
		return []place{{name: "mid"}}
	case onem2m.TypeSubscription:
		return []place{{name: "nu"}, {name: "su", one: true}}
	case onem2m.TypeCrossResourceSubscription:
		return []place{{name: "nu"}}
	}
	if ty > announced {
		return []place{{name: "lnk", one: true}}
	}
	return nil
}

// announced is what the numbers of announced resource types are above.
const announced onem2m.ResourceType = 10000

// Holds reports whether resources of a type can hold references at all.
func Holds(ty onem2m.ResourceType) bool {
	return ty == onem2m.TypeAccessControlPolicy || places(ty) != nil
}

// Of returns the AEs that a resource with these attributes refers to, each
// once, in order of appearance, MaxPerResource at most.
func Of(home onem2m.Home, ty onem2m.ResourceType, attrs onem2m.Object) []Name {
	var found []Name
	change(home, ty, attrs, func(n Name) Name {
		if len(found) < MaxPerResource && !slices.Contains(found, n) {
			found = append(found, n)
		}
		return n
	})
	return found
}

// Replace writes a reference to one AE in the place of another. It returns only
// the attributes that change, nil if there are none.
func Replace(home onem2m.Home, ty onem2m.ResourceType, attrs onem2m.Object, from, to Name) onem2m.Object {
	return change(home, ty, attrs, func(n Name) Name {
		if n == from {
			return to
		}
		return n
	})
}

// change hands every reference to fn and returns the attributes for which fn
// has returned another.
func change(home onem2m.Home, ty onem2m.ResourceType, attrs onem2m.Object, fn func(Name) Name) onem2m.Object {
	var changed onem2m.Object
	if ty == onem2m.TypeAccessControlPolicy {
		for _, name := range []string{"pv", "pvs"} {
			if v := originators(home, attrs.Get(name), fn); v != nil {
				changed.Set(name, v)
			}
		}
		return changed
	}
	for _, p := range places(ty) {
		if p.one {
			if text, ok := attrs.Text(p.name); ok {
				if next := rewrite(home, text, p.identity, fn); next != text {
					changed.Set(p.name, onem2m.TextValue(next))
				}
			}
			continue
		}
		list, ok := attrs.Texts(p.name)
		if !ok {
			continue
		}
		if next, is := rewriteAll(home, list, p.identity, fn); is {
			changed.Set(p.name, onem2m.TextsValue(next))
		}
	}
	return changed
}

// originators is change for a set of rules; nil if it stays as it is.
func originators(home onem2m.Home, rules jsontext.Value, fn func(Name) Name) jsontext.Value {
	set, err := onem2m.ParseObject(rules)
	if err != nil {
		return nil // absent
	}
	list, err := onem2m.ParseList(set.Get("acr"))
	if err != nil {
		return nil
	}
	altered := false
	out := []byte{'['}
	for i, v := range list {
		if i > 0 {
			out = append(out, ',')
		}
		rule, err := onem2m.ParseObject(v)
		if err != nil {
			return nil
		}
		if names, ok := rule.Texts("acor"); ok {
			if next, is := rewriteAll(home, names, true, fn); is {
				rule.Set("acor", onem2m.TextsValue(next))
				altered = true
			}
		}
		out = rule.Append(out)
	}
	if !altered {
		return nil
	}
	set.Set("acr", append(out, ']'))
	return set.Append(nil)
}

func rewriteAll(home onem2m.Home, list []string, identity bool, fn func(Name) Name) (next []string, changed bool) {
	for i, text := range list {
		is := rewrite(home, text, identity, fn)
		if is != text && !changed {
			next, changed = slices.Clone(list), true
		}
		if changed {
			next[i] = is
		}
	}
	return next, changed
}

// rewrite is fn on one text; parameters behind the address stay.
func rewrite(home onem2m.Home, text string, identity bool, fn func(Name) Name) string {
	was := Parse(home, text, identity)
	if was == "" {
		return text
	}
	is := fn(was)
	if is == was {
		return text
	}
	if _, query, ok := strings.Cut(text, "?"); ok {
		return string(is) + "?" + query
	}
	return string(is)
}
