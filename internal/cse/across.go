package cse

import (
	"bytes"

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
	w := widening{c: k.c, quoted: onem2m.TextValue(prefix)}
	content := res.Content
	value := w.append(make([]byte, 0, len(content.Value)+4*len(prefix)), []byte(content.Name), content.Value)
	if w.changed {
		res.Content = &onem2m.Content{Name: content.Name, Value: value}
	}
}

// widening is widen on its way through a Content.
type widening struct {
	c       *CSE
	quoted  jsontext.Value // the prefix as JSON
	changed bool
}

// append writes the value of a member to dst, whatever it is.
func (w *widening) append(dst, name []byte, value jsontext.Value) []byte {
	switch string(name) {
	case "ri", "pi", "uri", "m2m:uri":
		return w.identifier(dst, value)
	case "m2m:rce":
		return w.object(dst, value)
	}
	if bytes.IndexByte(name, ':') < 0 || w.c.typeOf(string(name)) == nil {
		return append(dst, value...)
	}
	if len(value) == 0 || value[0] != '[' {
		return w.object(dst, value)
	}
	start := len(dst)
	dst = append(dst, '[')
	list := onem2m.EachItem(value, func(v jsontext.Value) bool {
		if len(dst) > start+1 {
			dst = append(dst, ',')
		}
		dst = w.object(dst, v)
		return true
	})
	if !list {
		return append(dst[:start], value...)
	}
	return append(dst, ']')
}

// identifier puts the prefix in front of an identifier that is relative to this
// CSE.
func (w *widening) identifier(dst []byte, value jsontext.Value) []byte {
	if len(value) < len(`"x"`) || value[0] != '"' || value[1] == '/' {
		return append(dst, value...)
	}
	w.changed = true
	dst = append(dst, w.quoted[:len(w.quoted)-1]...)
	return append(dst, value[1:]...)
}

// object writes a representation, with the children in it; anything else as it
// is.
func (w *widening) object(dst []byte, value jsontext.Value) []byte {
	start := len(dst)
	dst = append(dst, '{')
	object := onem2m.EachPair(value, func(name, v jsontext.Value) bool {
		if len(dst) > start+1 {
			dst = append(dst, ',')
		}
		dst = append(dst, name...)
		dst = w.append(append(dst, ':'), name[1:len(name)-1], v)
		return true
	})
	if !object {
		return append(dst[:start], value...)
	}
	return append(dst, '}')
}
