package cse

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// across is what stands in front of the identifiers in an answer to an
// originator of another CSE (C-020): "/cse/" inside the SP, with the SP in front
// beyond it, and nothing for who is registered here.
func (k *call) across() string {
	switch {
	case !k.from.Forwarded:
		return ""
	case k.from.ID.SP() != k.c.Home.SP:
		return k.c.Home.SP + k.c.Home.CSE + "/"
	}
	return k.c.Home.CSE + "/"
}

// widen makes the identifiers of resources in an answer valid where it goes:
// resourceID and parentID, and the address of what has been created. What
// another CSE has answered stays as it is.
func (k *call) widen(res *onem2m.Response) {
	prefix := k.across()
	if prefix == "" || res.Content == nil || !res.Code.Success() || k.carried {
		return
	}
	value := widened(k.c, prefix, res.Content.Name, res.Content.Value)
	if value != nil {
		res.Content = &onem2m.Content{Name: res.Content.Name, Value: value}
	}
}

// widened is widen for one member of a Content, whatever it is; nil if it stays
// as it is.
func widened(c *CSE, prefix, name string, value jsontext.Value) jsontext.Value {
	switch name {
	case "ri", "pi", "uri", "m2m:uri":
		text, ok := onem2m.TextOf(value)
		if !ok || text == "" || strings.HasPrefix(text, "/") {
			return nil
		}
		return onem2m.TextValue(prefix + text)
	case "m2m:rce":
		return widenedObject(c, prefix, value)
	}
	if !strings.Contains(name, ":") || c.typeOf(name) == nil {
		return nil
	}
	if len(value) == 0 || value[0] != '[' {
		return widenedObject(c, prefix, value)
	}
	list, err := onem2m.ParseList(value)
	if err != nil {
		return nil
	}
	out := []byte{'['}
	for i, v := range list {
		if i > 0 {
			out = append(out, ',')
		}
		if next := widenedObject(c, prefix, v); next != nil {
			v = next
		}
		out = append(out, v...)
	}
	return append(out, ']')
}

// widenedObject is widened for a representation, with the children in it.
func widenedObject(c *CSE, prefix string, value jsontext.Value) jsontext.Value {
	o, err := onem2m.ParseObject(value)
	if err != nil {
		return nil
	}
	for i := range o { // o is new, and its values are replaced, not written to
		if next := widened(c, prefix, o[i].Name, o[i].Value); next != nil {
			o[i].Value = next
		}
	}
	return o.Append(make([]byte, 0, len(value)+2*len(prefix)))
}
