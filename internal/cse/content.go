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
	info  *onem2m.TypeInfo // that the root element names; a specialization where there are such
	attrs onem2m.Object    // validated, in the order of the type's table
	sent  []string         // names that the request gave
	raw   onem2m.Object    // as sent, not validated; nil if not even an object
	err   error
}

// prepare decodes and validates the Content for the type that it names, and
// runs the content rules that the text puts at Recv-1.0.
func (k *call) prepare() error {
	content := k.req.Content
	if content == nil {
		return nil
	}
	info := k.c.typeOf(content.Name)
	if k.req.Operation == onem2m.Create && (info == nil || info.Type != k.ty) {
		return k.foreignRoot(content)
	}
	if info == nil {
		k.draft.err = onem2m.Errorf(onem2m.BadRequest, "pc", "unknown root element %s", content.Name)
		return nil
	}
	if p := k.c.types[info.Type]; k.readDraft(content, info) && p != nil && p.content != nil {
		return p.content(k, info)
	}
	return nil
}

// readDraft reads the attributes of the Content and holds them against the
// tables of the type. It reports false if they aren't even an object.
func (k *call) readDraft(content *onem2m.Content, info *onem2m.TypeInfo) bool {
	k.draft.info = info
	if k.draft.raw, k.draft.err = onem2m.ParseObject(content.Value); k.draft.err != nil {
		return false
	}
	for _, m := range k.draft.raw {
		k.draft.sent = append(k.draft.sent, m.Name)
	}
	if k.req.Operation == onem2m.Create {
		k.draft.attrs, k.draft.err = info.ValidateCreate(k.draft.raw)
	} else {
		k.draft.attrs, k.draft.err = info.ValidateUpdate(k.draft.raw)
	}
	return true
}

// foreignRoot says what is wrong with a root element that isn't that of the type.
func (k *call) foreignRoot(content *onem2m.Content) error {
	raw, err := onem2m.ParseObject(content.Value)
	switch {
	case err == nil && k.ty == onem2m.TypeMgmtObj:
		k.draft.err = foreignMgmtObj(raw, content.Name)
		return nil
	case err == nil && k.ty == onem2m.TypeFlexContainer:
		return k.c.foreignFlexContainer(raw, content.Name)
	}
	k.draft.err = onem2m.Errorf(onem2m.BadRequest, "pc", "the root element %s isn't that of resource type %d", content.Name, k.ty)
	return nil
}

// typeOf returns the type that a root element names, or nil.
func (c *CSE) typeOf(root string) *onem2m.TypeInfo {
	if info := onem2m.TypeByRoot(root); info != nil {
		return info
	}
	if info := c.Definitions.Type(root); info != nil {
		return info
	}
	return c.Definitions.Announced(root)
}

// infoOf returns the type of a stored resource: its specialization where it is
// one. A root that isn't known any more leaves the base type.
func (c *CSE) infoOf(rec *store.Record) *onem2m.TypeInfo {
	if rec.Type == onem2m.TypeFlexContainerInstance {
		if info := c.Definitions.Instance(rec.Root); info != nil {
			return info
		}
	} else if info := c.typeOf(rec.Root); info != nil {
		return info
	}
	return onem2m.TypeByNumber(rec.Type)
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
		b = append(b, `,"et":`...)
		b = append(b, asSent(u.after, "et", u.et)...)
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

// asSent returns how an attribute with the instant t is written: as the
// originator wrote it, if it named that instant (TS-0004 clause 7.3.3.5: the
// value provided is used), else in the CSE's own form.
func asSent(attrs onem2m.Object, name string, t onem2m.Timestamp) jsontext.Value {
	if sent, ok := attrs.Time(name); ok && sent == t {
		return attrs.Get(name)
	}
	return onem2m.TimeValue(t)
}

// uri makes the Content {"m2m:uri":"…"}.
func uri(address string) *onem2m.Content {
	return &onem2m.Content{Name: "m2m:uri", Value: onem2m.TextValue(address)}
}

// root makes the Content of a whole representation.
func root(rec *store.Record) *onem2m.Content {
	return &onem2m.Content{Name: rec.Root, Value: jsontext.Value(rec.Representation())}
}
