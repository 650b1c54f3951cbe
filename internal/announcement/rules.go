package announcement

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// Rules gives the rules of a m2m:setOfAcrs other originators: rewrite gets the list
// of each, and returns what it becomes.
func Rules(set jsontext.Value, rewrite func([]string) []string) (jsontext.Value, error) {
	o, err := onem2m.ParseObject(set)
	if err != nil {
		return nil, err
	}
	if !o.Has("acr") {
		return set, nil // the other way to write no rules (C-12)
	}
	rules, err := onem2m.ParseList(o.Get("acr"))
	if err != nil {
		return nil, err
	}
	all := []byte{'['}
	for i, value := range rules {
		rule, err := onem2m.ParseObject(value)
		if err != nil {
			return nil, err
		}
		if list, ok := rule.Texts("acor"); ok {
			rule = rule.Clone()
			rule.Set("acor", onem2m.TextsValue(rewrite(list)))
		}
		if i > 0 {
			all = append(all, ',')
		}
		all = rule.Append(all)
	}
	o = o.Clone()
	o.Set("acr", append(all, ']'))
	return o.Append(nil), nil
}

// widenedRules makes the originators in a set of rules valid on another CSE
// (C-021): what is relative to a CSE there would be somebody else. A set that can't
// be read stays as it is, and so does what names nobody.
func widenedRules(v jsontext.Value, home onem2m.Home, host onem2m.ID) jsontext.Value {
	out, err := Rules(v, func(list []string) []string {
		wide := make([]string, len(list))
		for i, entry := range list {
			wide[i] = originator(entry, home, host)
		}
		return wide
	})
	if err != nil {
		return v
	}
	return out
}

// originator widens one entry of accessControlOriginators. The kinds are those of
// TS-0003 clause 7.1.3: a keyword, a Role-ID, a domain, an AE-ID or CSE-ID, with
// wildcards or not, the address of a resource.
func originator(entry string, home onem2m.Home, host onem2m.ID) string {
	sp := ""
	if host.SP() != home.SP {
		sp = home.SP
	}
	stem := !strings.Contains(entry, "/")
	switch {
	case entry == "", entry == "all", entry == "*", strings.Contains(entry, "@"), strings.HasPrefix(entry, "//"):
		return entry
	case strings.HasPrefix(entry, "/"):
		return sp + entry
	case stem && strings.HasPrefix(entry, "S"):
		return sp + "/" + entry
	}
	return sp + home.CSE + "/" + entry
}
