package cse

import (
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// attributes returns the parsed attributes of a record, without counters. The
// caller must not change them.
func attributes(rec *store.Record) onem2m.Object {
	return rec.Derive(store.FacetAttributes, func(rec *store.Record) any {
		o, err := onem2m.ParseObject(rec.Attributes)
		if err != nil {
			// The store holds only what this package wrote. A damaged row must not
			// open anything: no attribute, so no rule and no link.
			return onem2m.Object(nil)
		}
		return o
	}).(onem2m.Object)
}

// draft is the Content of a CREATE or UPDATE after the checks that need no
// target. They are made before the writer is entered; what is wrong is told in
// its turn, behind existence, privilege and child type (C-061).
type draft struct {
	attrs onem2m.Object // validated, in the order of the type's table
	sent  []string      // names that the request gave
	raw   onem2m.Object // as sent, not validated; nil if not even an object
	err   error
}

// prepare decodes and validates the Content for the type that it names, and
// runs the content rules that the text puts at Recv-1.0.
func (k *call) prepare() error {
	content := k.req.Content
	if content == nil {
		return nil
	}
	info := onem2m.TypeByRoot(content.Name)
	if k.req.Operation == onem2m.Create && (info == nil || info.Type != k.ty) {
		k.draft.err = onem2m.Errorf(onem2m.BadRequest, "pc", "the root element %s isn't that of resource type %d", content.Name, k.ty)
		return nil
	}
	if info == nil {
		k.draft.err = onem2m.Errorf(onem2m.BadRequest, "pc", "unknown root element %s", content.Name)
		return nil
	}
	raw, err := onem2m.ParseObject(content.Value)
	if err != nil {
		k.draft.err = err
		return nil
	}
	k.draft.raw = raw
	for i := range raw {
		k.draft.sent = append(k.draft.sent, raw[i].Name)
	}
	if k.req.Operation == onem2m.Create {
		k.draft.attrs, k.draft.err = info.ValidateCreate(raw)
	} else {
		k.draft.attrs, k.draft.err = info.ValidateUpdate(raw)
	}
	if p := k.c.types[info.Type]; p != nil && p.content != nil {
		return p.content(k, info)
	}
	return nil
}

// universal are the attributes that every resource has.
type universal struct {
	ty            onem2m.ResourceType
	ri, rn, pi    string
	ct, lt, et    onem2m.Timestamp
	withoutExpiry bool
	before, after onem2m.Object // specific attributes set by the CSE, and those sent
	skip          func(name string) bool
}

// isUniversal reports whether the CSE writes the attribute itself.
func isUniversal(name string) bool {
	switch name {
	case "ty", "ri", "rn", "pi", "ct", "lt", "et":
		return true
	}
	return false
}

// encode writes the canonical representation: universal attributes first, then
// what the CSE assigned, then what was sent.
func (u *universal) encode() []byte {
	b := make([]byte, 0, 256)
	b = append(b, `{"ty":`...)
	b = append(b, onem2m.IntValue(int64(u.ty))...)
	text := func(name, value string) {
		b = append(b, ',', '"')
		b = append(b, name...)
		b = append(b, '"', ':')
		b = append(b, onem2m.TextValue(value)...)
	}
	instant := func(name string, t onem2m.Timestamp) {
		b = append(b, ',', '"')
		b = append(b, name...)
		b = append(b, '"', ':', '"')
		b = t.Append(b)
		b = append(b, '"')
	}
	text("ri", u.ri)
	text("rn", u.rn)
	text("pi", u.pi)
	instant("ct", u.ct)
	instant("lt", u.lt)
	if !u.withoutExpiry {
		instant("et", u.et)
	}
	for _, list := range []onem2m.Object{u.before, u.after} {
		for i := range list {
			if isUniversal(list[i].Name) || u.skip != nil && u.skip(list[i].Name) {
				continue
			}
			b = append(b, ',', '"')
			b = append(b, list[i].Name...)
			b = append(b, '"', ':')
			b = append(b, list[i].Value...)
		}
	}
	return append(b, '}')
}

// uri makes the Content {"m2m:uri":"…"}.
func uri(address string) *onem2m.Content {
	return &onem2m.Content{Name: "m2m:uri", Value: onem2m.TextValue(address)}
}

// root makes the Content of a whole representation.
func root(rec *store.Record) *onem2m.Content {
	return &onem2m.Content{Name: rec.Root, Value: jsontext.Value(rec.Representation())}
}
